//! One connection of a peer: bytes in, bytes out, never waiting.
//!
//! What is to be sent stands in two queues. The session's own messages (OPEN, KEEPALIVE, NOTIFICATION) go
//! before routes, but never into the middle of a segment that has begun. Routes come as shared segments, and a
//! batch written to its end gives its credit back: so the core never has more under way than this peer takes.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::Ipv6Addr;

use bgp::export::Segment;
use bytes::{Buf, Bytes, BytesMut};

/// Segments given to one `writev`.
const WRITE_SEGMENTS: usize = 32;

/// A stream of octets to the neighbour that never makes its user wait: a TCP socket, or one end of a simulated
/// connection.
pub trait Stream {
    /// Appends what has come to `buffer`, once; 0 where the neighbour has closed.
    ///
    /// # Errors
    /// `WouldBlock` where nothing has come; any other is the connection's end.
    fn read(&self, buffer: &mut BytesMut) -> io::Result<usize>;

    /// Takes octets, as many as there is room for; says how many.
    ///
    /// # Errors
    /// `WouldBlock` where there is no room; any other is the connection's end.
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// A global IPv6 address of the link that it leads over, where our end has only a link-local one.
    fn global_address(&self) -> Option<Ipv6Addr> {
        None
    }

    /// Closes, once `rest` has been sent, if the neighbour takes that soon.
    fn close(self, rest: Vec<Bytes>);
}

/// A connection and what is still to be written to it.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    /// The session's messages.
    own: VecDeque<Bytes>,
    /// Routes.
    routes: VecDeque<Item>,
    /// How much of the first segment of `routes` has gone; it must be finished before anything else.
    begun: bool,
    blocked: bool,
}

#[derive(Debug)]
enum Item {
    Segment {
        bytes: Bytes,
        updates: u32,
        refreshes: u32,
    },
    /// The batch ends here.
    End,
}

/// What writing achieved.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Octets.
    pub(super) octets: usize,
    /// UPDATEs finished.
    pub(super) updates: u32,
    /// ROUTE-REFRESHs finished: the marks round what is sent again.
    pub(super) refreshes: u32,
    /// Batches finished: credits to give back.
    pub(super) batches: u32,
}

impl<S: Stream> Connection<S> {
    /// Nothing is to be sent yet.
    pub fn new(stream: S) -> Connection<S> {
        Connection { stream, own: VecDeque::new(), routes: VecDeque::new(), begun: false, blocked: false }
    }

    /// The stream, for those who wait for it to be ready.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// Whether something is still to be written.
    pub fn has_unsent(&self) -> bool {
        !self.own.is_empty() || !self.routes.is_empty()
    }

    /// Puts a message of the session's in front of all routes that have not begun.
    pub(super) fn send(&mut self, message: Bytes) {
        self.own.push_back(message);
    }

    /// Adds routes; the segments are those meant for this peer.
    pub(super) fn send_batch<'a>(&mut self, segments: impl Iterator<Item = &'a Segment>) {
        let item = |segment: &Segment| Item::Segment {
            bytes: segment.bytes.clone(),
            updates: segment.updates,
            refreshes: segment.refreshes,
        };
        self.routes.extend(segments.filter(|segment| !segment.bytes.is_empty()).map(item));
        self.routes.push_back(Item::End);
    }

    /// Whether something waits for the socket to take it.
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Reads what is there, once; `None` where nothing is, `Some(0)` where the peer has closed.
    pub(super) fn read(&self, buffer: &mut BytesMut) -> io::Result<Option<usize>> {
        match self.stream.read(buffer) {
            Ok(octets) => Ok(Some(octets)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes as much as the socket takes.
    pub(super) fn write(&mut self) -> io::Result<Written> {
        let mut written = Written::default();
        self.blocked = false;
        loop {
            self.finish_batches(&mut written);
            let slices = self.slices();
            if slices.is_empty() {
                return Ok(written);
            }
            match self.stream.write(&slices) {
                Ok(octets) => {
                    written.octets += octets;
                    self.advance(octets, &mut written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Ok(written);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Closes: what the session had to say, a NOTIFICATION as a rule, is still sent where the peer takes it soon.
    pub(super) fn close(mut self) {
        let first = if self.begun { self.routes.pop_front() } else { None };
        let begun = first.into_iter().filter_map(|item| match item {
            Item::Segment { bytes, .. } => Some(bytes),
            Item::End => None,
        });
        self.stream.close(begun.chain(self.own).collect());
    }

    /// What goes out next, in order: the segment that has begun, the session's messages, the other segments.
    fn slices(&self) -> Vec<IoSlice<'_>> {
        let mut segments = self.routes.iter().filter_map(|item| match item {
            Item::Segment { bytes, .. } => Some(bytes),
            Item::End => None,
        });
        let first = if self.begun { segments.next() } else { None };
        first
            .into_iter()
            .chain(&self.own)
            .chain(segments)
            .take(WRITE_SEGMENTS)
            .map(|b| IoSlice::new(b))
            .collect()
    }

    /// Takes `octets` off the queues, in the order of `slices`.
    fn advance(&mut self, mut octets: usize, written: &mut Written) {
        if self.begun {
            self.advance_routes(&mut octets, written);
        }
        while let Some(message) = self.own.front_mut() {
            if !take(message, &mut octets) {
                return;
            }
            self.own.pop_front();
        }
        while octets > 0 && !self.routes.is_empty() {
            self.advance_routes(&mut octets, written);
        }
    }

    fn advance_routes(&mut self, octets: &mut usize, written: &mut Written) {
        self.finish_batches(written);
        let Some(Item::Segment { bytes, updates, refreshes }) = self.routes.front_mut() else { return };
        self.begun = !take(bytes, octets);
        if !self.begun {
            written.updates += *updates;
            written.refreshes += *refreshes;
            self.routes.pop_front();
        }
    }

    fn finish_batches(&mut self, written: &mut Written) {
        while matches!(self.routes.front(), Some(Item::End)) {
            self.routes.pop_front();
            written.batches += 1;
        }
    }
}

/// Takes up to `octets` off `bytes`; says whether nothing is left of it.
fn take(bytes: &mut Bytes, octets: &mut usize) -> bool {
    let taken = bytes.len().min(*octets);
    bytes.advance(taken);
    *octets -= taken;
    bytes.is_empty()
}
