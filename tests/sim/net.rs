//! Connections between nodes: octets in order, after a delay, through a bounded pipe.
//!
//! Each connection has its own delay each way, so that two of one pair of nodes overtake each other. A pipe
//! holds so many octets between the writer's hand and the reader's; what the reader takes makes room for the
//! writer after the way back. While a link is cut everything on it waits, as TCP's retransmissions do. A
//! node that loses its power says nothing, and whoever speaks to its former connections is reset once it has power again.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use linnet::peer::Stream;

use crate::clock::{Clock, Due, Task};
use crate::tally::Tally;

/// How much a pipe holds, as a rule.
const PIPE_OCTETS: usize = 64 << 10;
/// How much it holds where the reader is slow: less than one full message.
const NARROW_OCTETS: usize = 700;

/// How soon TCP sends again what was not acknowledged.
const RETRANSMISSION: Duration = Duration::from_secs(1);

/// Which end of which connection. The dialler is end 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EndId {
    pub(crate) connection: usize,
    pub(crate) end: usize,
}

impl EndId {
    fn other(self) -> EndId {
        EndId { end: 1 - self.end, ..self }
    }
}

/// Who holds an end: a node, and the number of the neighbour at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    pub(crate) node: usize,
    pub(crate) peer: usize,
}

#[derive(Debug)]
enum Packet {
    Syn,
    SynAck,
    Octets(Bytes),
    /// The reader took so many.
    Room(usize),
    Fin,
    Reset,
}

/// What an arrival means to a neighbour's task, beyond waking it.
#[derive(Debug)]
pub(crate) enum Arrived {
    Nothing,
    Accept(Owner, EndId),
    Dialled(Owner, EndId, io::Result<()>),
}

/// One direction of a connection, kept with the end that reads.
#[derive(Debug, Default)]
struct Pipe {
    /// Written and not yet read.
    filled: usize,
    unread: BytesMut,
    ended: bool,
    /// In the order in which it was sent, which is that in which it arrives; with when that was.
    under_way: VecDeque<(Instant, Packet)>,
    /// When the last of it arrives.
    latest: Option<Instant>,
}

#[derive(Debug)]
struct Connection {
    owners: [Owner; 2],
    /// The dialler has been answered.
    open: bool,
    /// Somebody holds the end.
    held: [bool; 2],
    reset: [bool; 2],
    /// Into each end.
    pipes: [Pipe; 2],
    delays: [Duration; 2],
}

/// The network, and the clock that it runs by.
#[derive(Debug)]
pub(crate) struct Net {
    pub(crate) clock: Clock,
    connections: Vec<Connection>,
    /// Links that are cut, and until when.
    cut: BTreeMap<(usize, usize), Instant>,
    /// Nodes without power.
    dark: BTreeSet<usize>,
    /// Nodes on which nobody listens.
    deaf: BTreeSet<usize>,
    /// Nodes that read slowly.
    pub(crate) slow: BTreeSet<usize>,
    /// When the latest of what has come to each node was sent, on whatever connection.
    latest: BTreeMap<usize, Instant>,
    /// What happened to octets, and to whoever else counts here.
    pub(crate) seen: Tally,
    pub(crate) spent: Spent,
}

/// What has been spent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// Octets that have arrived.
    pub(crate) octets: u64,
    /// Turns of cores.
    pub(crate) turns: u64,
}

/// What everybody shares.
pub(crate) type Shared = Rc<RefCell<Net>>;

impl Net {
    pub(crate) fn new(clock: Clock) -> Net {
        let (dark, deaf, slow) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let (cut, latest, seen) = (BTreeMap::new(), BTreeMap::new(), Tally::default());
        Net { clock, connections: Vec::new(), cut, dark, deaf, slow, latest, seen, spent: Spent::default() }
    }

    /// Begins to connect.
    pub(crate) fn dial(&mut self, from: Owner, to: Owner) -> EndId {
        let rng = &mut self.clock.rng;
        let delays = [0, 1].map(|_| Duration::from_micros(rng.between(50, 5_000) as u64));
        self.connections.push(Connection {
            owners: [from, to],
            open: false,
            held: [true, false],
            reset: [false; 2],
            pipes: Default::default(),
            delays,
        });
        let dialler = EndId { connection: self.connections.len() - 1, end: 0 };
        self.send(dialler.other(), Packet::Syn);
        dialler
    }

    /// Cuts the link between two nodes until then, or for as long as it was to be cut anyway.
    pub(crate) fn cut(&mut self, a: usize, b: usize, until: Instant) {
        let end = self.cut.entry((a.min(b), a.max(b))).or_insert(until);
        *end = until.max(*end);
    }

    /// A node loses its power: its connections are forgotten and nobody is told.
    pub(crate) fn darken(&mut self, node: usize) {
        self.dark.insert(node);
        for connection in &mut self.connections {
            for end in 0..2 {
                connection.held[end] &= connection.owners[end].node != node;
            }
        }
    }

    /// Nobody listens on a node any more.
    pub(crate) fn deafen(&mut self, node: usize) {
        self.deaf.insert(node);
    }

    /// What is under way to somebody, unread by him, or counted as either.
    pub(crate) fn unfinished(&self) -> usize {
        let pipes = self.connections.iter().flat_map(|c| c.pipes.iter().zip(&c.held));
        let heard = pipes.filter(|(_, held)| **held);
        heard.map(|(pipe, _)| pipe.under_way.len() + pipe.unread.len() + pipe.filled).sum()
    }

    /// A node has power, and somebody who listens.
    pub(crate) fn revive(&mut self, node: usize) {
        self.dark.remove(&node);
        self.deaf.remove(&node);
    }

    /// A box in the middle forgets all connections between two nodes: both ends are reset.
    pub(crate) fn reset(&mut self, a: usize, b: usize) {
        for connection in 0..self.connections.len() {
            let owners = self.connections[connection].owners.map(|owner| owner.node);
            if owners == [a, b] || owners == [b, a] {
                (0..2).for_each(|end| self.send(EndId { connection, end }, Packet::Reset));
            }
        }
    }

    /// Lets go of an end.
    pub(crate) fn release(&mut self, id: EndId) {
        if std::mem::take(&mut self.connections[id.connection].held[id.end]) {
            let unread = !self.connections[id.connection].pipes[id.end].unread.is_empty();
            self.send(id.other(), if unread { Packet::Reset } else { Packet::Fin });
        }
    }

    /// Whether reading gives something.
    pub(crate) fn is_readable(&self, id: EndId) -> bool {
        let connection = &self.connections[id.connection];
        let pipe = &connection.pipes[id.end];
        !pipe.unread.is_empty() || pipe.ended || connection.reset[id.end]
    }

    fn send(&mut self, to: EndId, packet: Packet) {
        let delay = self.connections[to.connection].delays[to.end];
        let lag = self.clock.rng.time_below(delay);
        let at = self.clock.now() + delay + lag;
        let pipe = &mut self.connections[to.connection].pipes[to.end];
        pipe.under_way.push_back((self.clock.now(), packet));
        let at = pipe.latest.map_or(at, |latest| latest.max(at));
        pipe.latest = Some(at);
        self.clock.schedule(at, Due::Arrival(to));
    }

    /// Lets the next thing arrive at an end.
    pub(crate) fn arrive(&mut self, to: EndId) -> Arrived {
        let owners = self.connections[to.connection].owners;
        let link = (owners[0].node.min(owners[1].node), owners[0].node.max(owners[1].node));
        if let Some(until) = self.cut.get(&link).copied().filter(|until| *until > self.clock.now()) {
            self.clock.schedule(until, Due::Arrival(to));
            self.seen.count("octets wait for a link that is cut");
            return Arrived::Nothing;
        }
        let packet = self.connections[to.connection].pipes[to.end].under_way.pop_front();
        let Some((sent, packet)) = packet else { return Arrived::Nothing };
        let owner = owners[to.end];
        if self.dark.contains(&owner.node) {
            self.send_again(to, sent, packet);
            return Arrived::Nothing;
        }
        let held = self.connections[to.connection].held[to.end];
        match packet {
            Packet::Syn if self.deaf.contains(&owner.node) => {
                self.send(to.other(), Packet::Reset);
                return Arrived::Nothing;
            }
            Packet::Syn => {
                self.connections[to.connection].held[1] = true;
                self.send(to.other(), Packet::SynAck);
                return Arrived::Accept(owner, to);
            }
            Packet::SynAck if held => {
                self.connections[to.connection].open = true;
                return Arrived::Dialled(owner, to, Ok(()));
            }
            Packet::Reset if held && to.end == 0 && !self.connections[to.connection].open => {
                return Arrived::Dialled(owner, to, Err(io::ErrorKind::ConnectionRefused.into()));
            }
            Packet::Reset if held => self.take_reset(to),
            // Nobody is there any more.
            Packet::Octets(_) if !held => self.send(to.other(), Packet::Reset),
            Packet::Octets(octets) => {
                self.note_order(owner.node, sent);
                self.spent.octets += octets.len() as u64;
                self.connections[to.connection].pipes[to.end].unread.extend_from_slice(&octets);
            }
            Packet::Fin => self.connections[to.connection].pipes[to.end].ended = true,
            Packet::Room(octets) => {
                let filled = &mut self.connections[to.connection].pipes[1 - to.end].filled;
                *filled = filled.saturating_sub(octets);
            }
            Packet::SynAck | Packet::Reset => return Arrived::Nothing,
        }
        self.clock.wake(Task::Peer(owner.node, owner.peer));
        Arrived::Nothing
    }

    /// TCP sends again what nobody acknowledges, as long as somebody stands behind it.
    fn send_again(&mut self, to: EndId, sent: Instant, packet: Packet) {
        let connection = &mut self.connections[to.connection];
        if connection.held[1 - to.end] {
            connection.pipes[to.end].under_way.push_front((sent, packet));
            let at = self.clock.now() + RETRANSMISSION;
            self.clock.schedule(at, Due::Arrival(to));
        }
    }

    /// What was sent later on another connection may have been here first.
    fn note_order(&mut self, node: usize, sent: Instant) {
        let latest = self.latest.entry(node).or_insert(sent);
        if sent < *latest {
            self.seen.count("sessions of one node overtake each other");
        }
        *latest = sent.max(*latest);
    }

    fn take_reset(&mut self, to: EndId) {
        let connection = &mut self.connections[to.connection];
        connection.reset[to.end] = true;
        connection.pipes[to.end].unread.clear();
    }

    fn read(&mut self, id: EndId, buffer: &mut BytesMut) -> io::Result<usize> {
        let connection = &mut self.connections[id.connection];
        if connection.reset[id.end] {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let pipe = &mut connection.pipes[id.end];
        if pipe.unread.is_empty() {
            return if pipe.ended { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        // A read may stop anywhere.
        let length = pipe.unread.len();
        let octets = if self.clock.rng.one_in(3) { self.clock.rng.between(1, length) } else { length };
        let pipe = &mut self.connections[id.connection].pipes[id.end];
        buffer.extend_from_slice(&pipe.unread[..octets]);
        pipe.unread.advance(octets);
        self.send(id.other(), Packet::Room(octets));
        Ok(octets)
    }

    fn write(&mut self, id: EndId, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let to = id.other();
        let connection = &mut self.connections[id.connection];
        if connection.reset[id.end] {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let narrow = self.slow.contains(&connection.owners[to.end].node);
        let capacity = if narrow { NARROW_OCTETS } else { PIPE_OCTETS };
        let room = capacity.saturating_sub(connection.pipes[to.end].filled);
        let mut octets = BytesMut::new();
        for slice in slices {
            octets.extend_from_slice(&slice[..slice.len().min(room - octets.len())]);
        }
        if octets.is_empty() {
            self.seen.count("a writer waits for a slow reader");
            return Err(io::ErrorKind::WouldBlock.into());
        }
        connection.pipes[to.end].filled += octets.len();
        let length = octets.len();
        self.send(to, Packet::Octets(octets.freeze()));
        Ok(length)
    }
}

/// One end of a connection, as a neighbour's driver holds it.
#[derive(Debug)]
pub(crate) struct SimStream {
    net: Shared,
    pub(crate) id: EndId,
}

impl SimStream {
    pub(crate) fn new(net: &Shared, id: EndId) -> SimStream {
        SimStream { net: Rc::clone(net), id }
    }
}

impl Stream for SimStream {
    fn read(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        self.net.borrow_mut().read(self.id, buffer)
    }

    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.net.borrow_mut().write(self.id, slices)
    }

    fn close(self, rest: Vec<Bytes>) {
        let slices: Vec<_> = rest.iter().map(|bytes| IoSlice::new(bytes)).collect();
        // What there is no room for now is not waited for.
        let _ = self.write(&slices);
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        self.net.borrow_mut().release(self.id);
    }
}
