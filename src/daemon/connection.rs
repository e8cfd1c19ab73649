//! One TCP connection of a peer: bytes in, bytes out, never waiting.
//!
//! What is to be sent stands in two queues. The session's own messages (OPEN, KEEPALIVE, NOTIFICATION) go
//! before routes, but never into the middle of a segment that has begun. Routes come as shared segments, and a
//! batch written to its end gives its credit back: so the core never has more under way than this peer takes.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncWriteExt, Interest, Ready};
use tokio::net::TcpStream;

/// How much is read at a time: a multiple of the longest message, small enough to be fair.
const READ_OCTETS: usize = 64 * 1024;

/// Segments given to one `writev`.
const WRITE_SEGMENTS: usize = 32;

/// A peer that is sent a NOTIFICATION may be slow to take it; longer than this nobody waits for him.
const LINGER: Duration = Duration::from_secs(3);

/// A connection and what is still to be written to it.
pub(super) struct Connection {
    stream: TcpStream,
    /// The session's messages.
    own: VecDeque<Bytes>,
    /// Routes.
    routes: VecDeque<Item>,
    /// How much of the first segment of `routes` has gone; it must be finished before anything else.
    begun: bool,
    blocked: bool,
}

enum Item {
    Segment { bytes: Bytes, messages: u32 },
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
    /// Batches finished: credits to give back.
    pub(super) batches: u32,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> io::Result<Connection> {
        // Messages are written whole; waiting for more to join them only delays routes.
        stream.set_nodelay(true)?;
        Ok(Connection { stream, own: VecDeque::new(), routes: VecDeque::new(), begun: false, blocked: false })
    }

    /// Both ends, where the socket still knows them.
    pub(super) fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((canonical(self.stream.local_addr()?), canonical(self.stream.peer_addr()?)))
    }

    /// Puts a message of the session's in front of all routes that have not begun.
    pub(super) fn send(&mut self, message: Bytes) {
        self.own.push_back(message);
    }

    /// Adds routes; the segments are those meant for this peer.
    pub(super) fn send_batch(&mut self, segments: impl Iterator<Item = (Bytes, u32)>) {
        let segments = segments.filter(|(bytes, _)| !bytes.is_empty());
        self.routes.extend(segments.map(|(bytes, messages)| Item::Segment { bytes, messages }));
        self.routes.push_back(Item::End);
    }

    /// Whether something waits for the socket to take it.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Waits until there is something to read, where `read`, or room for what is to be written.
    pub(super) async fn ready(&self, read: bool) -> io::Result<Ready> {
        let write = !self.own.is_empty() || !self.routes.is_empty();
        match (read, write) {
            (true, true) => self.stream.ready(Interest::READABLE | Interest::WRITABLE).await,
            (true, false) => self.stream.ready(Interest::READABLE).await,
            (false, true) => self.stream.ready(Interest::WRITABLE).await,
            (false, false) => std::future::pending().await,
        }
    }

    /// Reads what is there, once; `None` where nothing is, `Some(0)` where the peer has closed.
    pub(super) fn read(&mut self, buffer: &mut BytesMut) -> io::Result<Option<usize>> {
        buffer.reserve(READ_OCTETS);
        match self.stream.try_read_buf(&mut (&mut *buffer).limit(READ_OCTETS)) {
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
            match self.stream.try_write_vectored(&slices) {
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
        let rest: Vec<Bytes> = first
            .into_iter()
            .filter_map(|item| match item {
                Item::Segment { bytes, .. } => Some(bytes),
                Item::End => None,
            })
            .chain(self.own)
            .collect();
        let mut stream = self.stream;
        tokio::spawn(async move {
            let say = async {
                for bytes in rest {
                    stream.write_all(&bytes).await?;
                }
                stream.shutdown().await
            };
            // The connection ends either way; why it did is the session's to tell.
            let _ = tokio::time::timeout(LINGER, say).await;
        });
    }

    /// What goes out next, in order: the segment that has begun, the session's messages, the other segments.
    fn slices(&self) -> Vec<IoSlice<'_>> {
        let mut segments = self.routes.iter().filter_map(|item| match item {
            Item::Segment { bytes, .. } => Some(bytes),
            Item::End => None,
        });
        let first = if self.begun { segments.next() } else { None };
        first.into_iter().chain(&self.own).chain(segments).take(WRITE_SEGMENTS).map(|b| IoSlice::new(b)).collect()
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
        let Some(Item::Segment { bytes, messages }) = self.routes.front_mut() else { return };
        self.begun = !take(bytes, octets);
        if !self.begun {
            written.updates += *messages;
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

/// An IPv4 peer on an IPv6 socket is an IPv4 peer.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
