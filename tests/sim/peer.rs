//! The task of one neighbour: the daemon's own driver, woken by simulated sockets, channels and time. The order
//! in which it looks at what has happened is that of src/daemon/peer.rs.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp::export::Batch;
use bgp::session::{Session, Side};
use bgp::types::PeerId;
use linnet::core::{BATCH_CREDIT, Event, SessionCommand};
use linnet::peer::{Arrival, Dial, Driver};

use crate::net::{EndId, Owner, Shared, SimStream};
use crate::node::Inbox;

/// As in src/daemon/mod.rs.
const BATCHES: usize = 2 * BATCH_CREDIT as usize;
const ACCEPTED: usize = 2;

/// One neighbour's task.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) driver: Driver<SimStream>,
    id: PeerId,
    net: Shared,
    ours: Owner,
    theirs: Owner,
    batches: VecDeque<(u32, Arc<Batch>)>,
    commands: VecDeque<SessionCommand>,
    accepted: VecDeque<EndId>,
    /// The attempt to connect that is under way, and its outcome once there is one.
    dialling: Option<EndId>,
    dialled: Option<io::Result<()>>,
}

impl Peer {
    pub(crate) fn new(net: &Shared, session: Session, id: PeerId, ours: Owner, theirs: Owner) -> Peer {
        Peer {
            driver: Driver::new(id, session),
            id,
            net: Shared::clone(net),
            ours,
            theirs,
            batches: VecDeque::new(),
            commands: VecDeque::new(),
            accepted: VecDeque::new(),
            dialling: None,
            dialled: None,
        }
    }

    /// Takes a batch of core's. Its credit must have left room for it.
    pub(crate) fn give_batch(&mut self, session: u32, batch: Arc<Batch>) {
        assert!(self.batches.len() < BATCHES, "core sends more batches than the channel holds");
        self.batches.push_back((session, batch));
    }

    pub(crate) fn give_command(&mut self, command: SessionCommand) {
        self.commands.push_back(command);
    }

    /// Takes a connection that the neighbour made.
    pub(crate) fn give_accepted(&mut self, id: EndId) {
        match self.accepted.len() < ACCEPTED {
            true => self.accepted.push_back(id),
            false => self.net.borrow_mut().release(id),
        }
    }

    /// Whether nothing waits here to be done.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.batches.is_empty() && self.commands.is_empty() && self.accepted.is_empty()
    }

    /// Takes the outcome of dialling.
    pub(crate) fn give_dialled(&mut self, id: EndId, outcome: io::Result<()>) {
        if self.dialling == Some(id) {
            self.dialled = Some(outcome);
        }
    }

    /// When it wants to be woken by the clock.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.driver.poll_timeout()
    }

    /// Does up to `steps` things; says whether there is more to do.
    pub(crate) fn turn(&mut self, now: Instant, inbox: &mut Inbox, steps: usize) -> bool {
        for _ in 0..steps {
            self.driver.write(now);
            self.driver.tell(now);
            self.dial();
            let before = self.driver.number();
            if !self.step(now, inbox) {
                return false;
            }
            if self.driver.number() != before {
                self.batches.clear();
            }
        }
        true
    }

    /// One thing, if there is one to do.
    fn step(&mut self, now: Instant, inbox: &mut Inbox) -> bool {
        if self.driver.has_news() && inbox.has_room() {
            inbox.push(Event::Peer { peer: self.id, news: self.driver.take_news() });
        } else if let Some(command) = self.commands.pop_front() {
            self.driver.command(now, command);
        } else if self.driver.poll_timeout().is_some_and(|due| due <= now) {
            self.driver.timeout(now);
        } else if let Some((session, batch)) = self.next_batch() {
            self.driver.batch(session, &batch);
        } else if let Some(side) = self.readable() {
            self.driver.read(now, side);
        } else if let Some(outcome) = self.dialled.take() {
            let id = self.dialling.take().expect("an attempt that has an outcome");
            if outcome.is_err() {
                self.net.borrow_mut().release(id);
            }
            let outcome = outcome.map(|()| self.arrival(id));
            self.driver.dialled(now, outcome);
        } else if let Some(id) = self.accepted.pop_front() {
            let arrival = self.arrival(id);
            self.driver.accepted(now, arrival);
        } else {
            return false;
        }
        true
    }

    fn next_batch(&mut self) -> Option<(u32, Arc<Batch>)> {
        if self.driver.may_take_batches() { self.batches.pop_front() } else { None }
    }

    fn readable(&self) -> Option<Side> {
        let net = self.net.borrow();
        let has_octets = |side: &Side| {
            self.driver.connection(*side).is_some_and(|connection| net.is_readable(connection.stream().id))
        };
        Side::ALL.into_iter().filter(|side| self.driver.may_read(*side)).find(has_octets)
    }

    fn dial(&mut self) {
        let Some(dial) = self.driver.poll_dial() else { return };
        self.dialled = None;
        let former = self.dialling.take();
        let mut net = self.net.borrow_mut();
        former.into_iter().for_each(|id| net.release(id));
        self.dialling = (dial == Dial::Begin).then(|| net.dial(self.ours, self.theirs));
    }

    fn arrival(&self, id: EndId) -> Arrival<SimStream> {
        (SimStream::new(&self.net, id), (address(self.ours.node), address(self.theirs.node)))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let mut net = self.net.borrow_mut();
        self.accepted.drain(..).chain(self.dialling.take()).for_each(|id| net.release(id));
    }
}

/// How long a slow neighbour's task takes to have its next turn.
pub(crate) const SLOWNESS: Duration = Duration::from_millis(300);

/// A node's address.
pub(crate) fn ip(node: usize) -> IpAddr {
    let [high, low] = (node as u16 + 1).to_be_bytes();
    Ipv4Addr::new(10, 0, high, low).into()
}

fn address(node: usize) -> SocketAddr {
    SocketAddr::new(ip(node), 179)
}
