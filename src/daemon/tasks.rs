//! The neighbours' tasks: begun and ended as core wants, and reached by their ids.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bgp::export::Batch;
use bgp::session::{Session, SessionConfig, StopReason};
use bgp::types::PeerId;
use bgp::wire::Notification;
use bytes::BytesMut;
use ipnet::IpNet;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use crate::config::{Authentication, NeighborConfig};
use crate::core::{BATCH_CREDIT, Event, PeerStart, SessionCommand};
use crate::peer::Stream;

use super::doors::Doors;
use super::listen::Listeners;
use super::peer::{Mailbox, Peer};
use super::socket::{Remote, Route};
use super::{host, keep, keys, unnumbered};

/// Batches of the session that has just ended may still be under way when a new one gets its own.
const BATCHES: usize = 2 * BATCH_CREDIT as usize;

/// Commands for one session.
const COMMANDS: usize = 16;

/// Connections from one neighbour that its task has not looked at.
const ACCEPTED: usize = 2;

/// All of them.
pub(super) struct PeerTasks {
    doors: Doors,
    listeners: Listeners,
    events: mpsc::Sender<Event>,
    seed: u64,
    /// By peer id.
    outlets: Vec<Option<Outlet>>,
    running: JoinSet<()>,
    ranges: Vec<(IpNet, Authentication)>,
}

/// The way to one task.
struct Outlet {
    neighbor: NeighborConfig,
    name: String,
    batches: mpsc::Sender<(u32, Arc<Batch>)>,
    commands: mpsc::Sender<SessionCommand>,
    signature: watch::Sender<Authentication>,
}

impl PeerTasks {
    /// None yet. They send what happens to `events`, and have their doors in `doors`, behind these listeners.
    pub(super) fn new(
        doors: Doors,
        listeners: Listeners,
        events: mpsc::Sender<Event>,
        seed: u64,
    ) -> PeerTasks {
        PeerTasks {
            doors,
            listeners,
            events,
            seed,
            outlets: Vec::new(),
            running: JoinSet::new(),
            ranges: Vec::new(),
        }
    }

    /// Begins a task.
    pub(super) fn start(&mut self, peer: PeerId, start: PeerStart) {
        // Those that have ended meanwhile are let go here, as good a place as any.
        while self.running.try_join_next().is_some() {}
        let PeerStart { neighbor, session, restarted } = start;
        let session = SessionConfig { fqdn: fqdn(&neighbor), ..session };
        self.set_key(&neighbor, &neighbor.authentication);
        let (batches, batches_in) = mpsc::channel(BATCHES);
        let (commands, commands_in) = mpsc::channel(COMMANDS);
        let (accepted, accepted_in) = mpsc::channel(ACCEPTED);
        let (signature, signature_seen) = watch::channel(neighbor.authentication.clone());
        let mailbox = Mailbox {
            batches: batches_in,
            commands: commands_in,
            accepted: accepted_in,
            signature: signature_seen,
            core: self.events.clone(),
        };
        let route = route(&neighbor);
        let seed = self.seed.wrapping_add(peer.0.into());
        let waits = neighbor.bfd.is_some_and(|bfd| bfd.strict);
        let begins = neighbor.shutdown.is_none() && !waits;
        let new = move || {
            let mut session = Session::new(session.clone(), seed);
            session.set_restarted(restarted);
            session
        };
        let name = neighbor.address.to_string();
        self.running.spawn(serve(peer, name.clone(), route, new, begins, mailbox));
        self.doors.open(neighbor.address, accepted);
        self.set(peer, Some(Outlet { neighbor, name, batches, commands, signature }));
    }

    /// Ends a task, which tells its neighbour the reason.
    pub(super) fn stop(&mut self, peer: PeerId, reason: StopReason) {
        let Some(outlet) = self.set(peer, None) else { return };
        self.doors.close(outlet.neighbor.address);
        let range = keys::range(outlet.neighbor.address);
        // Neighbours that are known by their links share one.
        if !self.outlets.iter().flatten().any(|other| keys::range(other.neighbor.address) == range) {
            self.set_key(&outlet.neighbor, &Authentication::None);
        }
        // Without room for the reason the task ends all the same, as its commands do.
        let _ = outlet.commands.try_send(SessionCommand::End(reason));
    }

    /// Connections are accepted at these addresses from now on, and at no others.
    pub(super) fn listen(&mut self, addresses: &[SocketAddr]) {
        self.listeners.listen(addresses).iter().for_each(|error| warn!("{error}"));
    }

    /// Neighbours may come from these ranges from now on, and have to sign like this.
    pub(super) fn set_ranges(&mut self, ranges: Vec<(IpNet, Authentication)>) {
        let before = std::mem::replace(&mut self.ranges, ranges);
        for (range, _) in
            before.iter().filter(|(range, _)| !self.ranges.iter().any(|(other, _)| other == range))
        {
            self.listeners.set_key(*range, &Authentication::None).iter().for_each(|error| warn!("{error}"));
        }
        for (range, how) in &self.ranges {
            self.listeners.set_key(*range, how).iter().for_each(|error| warn!("{error}"));
        }
        self.doors.set_ranges(self.ranges.iter().map(|(range, _)| *range).collect());
    }

    /// Closes the connection of somebody who waits to become a neighbour.
    pub(super) fn turn_away(&self, from: IpAddr) {
        let Some(stream) = self.doors.take_waiting(from) else { return };
        let mut octets = BytesMut::new();
        Notification::OUT_OF_RESOURCES.emit(&mut octets);
        debug!(%from, "connection refused: there is no room for another neighbour of its range");
        stream.close(vec![octets.freeze()]);
    }

    /// Ends all tasks, because the daemon ends.
    pub(super) fn end(&mut self) {
        // The commands' ends go, and that is what tells the sessions to close.
        self.outlets.clear();
    }

    /// Has a neighbour's segments signed like this from now on.
    pub(super) fn sign(&mut self, peer: PeerId, how: &Authentication) {
        let Some(outlet) = self.outlets.get_mut(peer.0 as usize).and_then(Option::as_mut) else { return };
        outlet.neighbor.authentication = how.clone();
        outlet.signature.send_replace(how.clone());
        let neighbor = outlet.neighbor.clone();
        self.set_key(&neighbor, how);
    }

    /// Hands over a batch. Its credit has left room for it.
    pub(super) fn batch(&self, peer: PeerId, session: u32, batch: Arc<Batch>) {
        self.send(peer, |outlet| outlet.batches.try_send((session, batch)).is_ok());
    }

    /// Hands over a command. They are an operator's, a few at a time.
    pub(super) fn command(&self, peer: PeerId, mut command: SessionCommand) {
        if let (SessionCommand::Configure(session), Some(outlet)) = (&mut command, self.outlet(peer)) {
            session.fqdn = fqdn(&outlet.neighbor);
        }
        self.send(peer, |outlet| outlet.commands.try_send(command).is_ok());
    }

    /// What a neighbour is called in the log.
    pub(super) fn name(&self, peer: PeerId) -> &str {
        self.outlet(peer).map_or("?", |outlet| &outlet.name)
    }

    /// The tasks that have not ended yet.
    pub(super) fn into_running(self) -> JoinSet<()> {
        self.running
    }

    /// Has the listeners ask a neighbour for a key.
    fn set_key(&mut self, neighbor: &NeighborConfig, how: &Authentication) {
        if neighbor.range.is_some() {
            // The key of its range is its own.
            return;
        }
        for error in self.listeners.set_key(keys::range(neighbor.address), how) {
            warn!("{error}");
        }
    }

    /// A failure means that the task died, which its watcher reports.
    fn send(&self, peer: PeerId, send: impl FnOnce(&Outlet) -> bool) {
        if !self.outlet(peer).is_some_and(send) {
            debug!(neighbor = self.name(peer), "the session's task takes nothing");
        }
    }

    fn outlet(&self, peer: PeerId) -> Option<&Outlet> {
        self.outlets.get(peer.0 as usize)?.as_ref()
    }

    fn set(&mut self, peer: PeerId, outlet: Option<Outlet>) -> Option<Outlet> {
        let index = peer.0 as usize;
        if index >= self.outlets.len() {
            self.outlets.resize_with(index + 1, || None);
        }
        self.outlets.get_mut(index).and_then(|slot| std::mem::replace(slot, outlet))
    }
}

/// What this node is called, where the neighbour is to be told.
fn fqdn(neighbor: &NeighborConfig) -> Option<(String, String)> {
    neighbor.fqdn.then(host::fqdn).flatten()
}

async fn serve(
    peer: PeerId,
    name: String,
    route: Route,
    session: impl Fn() -> Session,
    begins: bool,
    mut mailbox: Mailbox,
) {
    let core = mailbox.core.clone();
    loop {
        let task = Peer::new(peer, &name, route.clone(), session(), &mut mailbox);
        if !keep::dies(peer, &name, &core, task.run(begins)).await {
            break;
        }
    }
    // Without a core nobody waits for it.
    let _ = core.send(Event::PeerEnded { peer }).await;
}

fn route(neighbor: &NeighborConfig) -> Route {
    Route {
        remote: Remote::of(neighbor.address, neighbor.port, unnumbered::look_for_neighbor),
        local: neighbor.local_address,
        hops: neighbor.hops,
    }
}
