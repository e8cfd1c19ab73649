//! Neighbours that come and go: each comes with a task, and goes when its task has ended and its routes are swept.
//!
//! A neighbour that is configured anew in what its session rests on goes, and comes again under another id:
//! paths and messages of the former session are never taken for the new one's.

use bgp::session::{Down, Reason, StopReason};
use bgp::types::PeerId;

use super::native::Native;
use super::{Action, Core, LogLine, PeerStart, SessionCommand};
use crate::config::NeighborConfig;
use crate::peer::session_config;

impl Core {
    /// Takes a neighbour in and has its task begun.
    pub(super) fn add_neighbor(&mut self, config: NeighborConfig) -> PeerId {
        let id = self.take_in(config);
        self.start_peer(id);
        id
    }

    /// Lets a neighbour go: its session ends, with `reason` as the last word, and its routes are swept.
    pub(super) fn remove_neighbor(&mut self, id: PeerId, reason: StopReason) {
        self.bfd_neighbor_ends(id);
        let Some(peer) = self.peers.retire(id) else { return };
        self.visitors.went(peer.config.range, id);
        self.native.iter_mut().for_each(Native::neighbors_changed);
        self.export.leave(&mut self.rib, id);
        self.refreshes.forget(id);
        self.restarts.forget(id);
        self.handover.forget(id);
        self.rib.peer_down(id);
        self.watches.neighbor_changed(id);
        if peer.session.is_some() {
            self.log(LogLine::Down(id, Down::Local(Reason::Stopped(reason.clone()))));
        }
        if peer.begun {
            self.actions.push_back(Action::StopPeer { peer: id, reason });
        }
    }

    /// Begins anew with a neighbour whose session cannot go on as it is configured now. The new session waits for
    /// the end of the old one, so that the neighbour does not meet both.
    pub(super) fn replace_neighbor(&mut self, id: PeerId, config: NeighborConfig) {
        let flaps = self.peers.get(id).map_or(0, |peer| peer.flaps + u64::from(peer.session.is_some()));
        self.remove_neighbor(id, StopReason::Reconfigured);
        let successor = self.take_in(config);
        if let Some(peer) = self.peers.get_mut(successor) {
            peer.flaps = flaps;
        }
        self.peers.succeed(id, successor);
    }

    fn take_in(&mut self, config: NeighborConfig) -> PeerId {
        let import_policy = config.import_policy.clone();
        self.visitors.came(config.range);
        self.native.iter_mut().for_each(Native::neighbors_changed);
        let id = self.peers.add(config);
        self.rib.set_import_policy(id, import_policy);
        self.watches.neighbor_changed(id);
        id
    }

    /// The task of a neighbour that goes has ended. A successor that has gone before it began ends with it.
    pub(super) fn peer_ended(&mut self, id: PeerId) {
        let Some(successor) = self.peers.ended(id) else { return };
        match self.peers.get(successor) {
            Some(_) => self.start_peer(successor),
            None => self.peer_ended(successor),
        }
    }

    /// Ids of which nothing is left may be given to others.
    pub(super) fn reclaim_ids(&mut self) {
        let rib = &self.rib;
        for id in self.peers.reclaim(|id| !rib.is_rid_of(id)) {
            self.rib.forget(id);
            self.export.forget(id);
        }
    }

    /// Has a neighbour's task begun, unless sessions have to wait yet.
    pub(super) fn start_peer(&mut self, id: PeerId) {
        let Some(restarted) = self.startup.restarted() else { return };
        let Some(peer) = self.peers.get_mut(id) else { return };
        peer.begun = true;
        let session = session_config(&self.config.bgp, &peer.config);
        let start = Box::new(PeerStart { neighbor: peer.config.clone(), session, restarted });
        // An operator may have said otherwise than the configuration before it could begin.
        let (is_shut_down, was_configured_so) = (peer.shut_down, peer.config.shutdown.is_some());
        self.actions.push_back(Action::StartPeer { peer: id, start });
        self.bfd_neighbor_starts(id);
        match (is_shut_down, was_configured_so) {
            (true, false) => self.command(id, SessionCommand::Shutdown(None)),
            (false, true) if self.bfd_permits(id) => self.command(id, SessionCommand::Enable),
            _ => {}
        }
    }
}
