//! A neighbour's session comes up and ends: who is told, and what becomes of the neighbour's routes.

use std::net::SocketAddr;
use std::time::Instant;

use bgp::export::{MemberSpec, Role};
use bgp::rib::{Source, SourceKind};
use bgp::session::{Down, Established, TransportFault};
use bgp::types::{Asn, FamilySet, PeerId};
use bgp::wire::update::PeerKind;
use fib::IfIndex;

use crate::config::NeighborConfig;

use super::native::Native;
use super::peer::LiveSession;
use super::{BATCH_CREDIT, Core, LogLine};

impl Core {
    pub(super) fn peer_up(&mut self, now: Instant, id: PeerId, number: u32, agreed: Box<Established>) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        peer.limits.begin();
        let link = link_of(agreed.remote);
        let has_moved = std::mem::replace(&mut peer.link, link).is_some_and(|former| Some(former) != link);
        let settings = peer.config.graceful_restart;
        self.rib.peer_up(id, source(&agreed, &peer.config));
        let useless = self.restarts.returned(now, id, &agreed, settings.as_ref());
        useless.iter().for_each(|family| self.rib.discard_stale(id, family));
        let spec = member_spec(&agreed, &peer.config, self.config.bgp.asn);
        for family in agreed.families.iter() {
            self.export.join(&mut self.rib, id, family, &spec);
        }
        self.export.credit(id, BATCH_CREDIT);
        peer.session =
            Some(LiveSession { number, agreed: agreed.clone(), since: now, end_of_rib: FamilySet::EMPTY });
        let keeps_received = peer.keeps_received();
        // What is kept is what this session brings: nothing of a former one, even where its routes are still used.
        self.rib.keep_received(id, false);
        self.rib.keep_received(id, keeps_received);
        if let Some(native) = &mut self.native {
            native.neighbors_changed();
            if has_moved {
                native.look_at_everything(&mut self.rib);
            }
        }
        self.renew_identity(now);
        self.watches.neighbor_changed(id);
        self.bfd_session_up(id, agreed.local, agreed.remote);
        self.log(LogLine::Up(id, agreed));
    }

    pub(super) fn peer_down(&mut self, now: Instant, id: PeerId, down: Down) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        let Some(session) = peer.session.take() else { return };
        peer.flaps += 1;
        peer.down_since = Some(now);
        peer.last_down = Some(down.clone());
        let settings = peer.config.graceful_restart;
        let kept = self.restarts.lost(now, id, &session.agreed, &down, settings.as_ref());
        self.export.leave(&mut self.rib, id);
        self.refreshes.forget(id);
        self.native.iter_mut().for_each(Native::neighbors_changed);
        self.let_go(id, kept);
        self.renew_identity(now);
        self.watches.neighbor_changed(id);
        self.log(LogLine::Down(id, down));
    }

    /// Its task is gone, so its session is.
    pub(super) fn peer_died(&mut self, now: Instant, id: PeerId) {
        self.peer_down(now, id, Down::Transport(TransportFault::Closed));
        if let Some(peer) = self.peers.get_mut(id) {
            peer.info = None;
            self.watches.neighbor_changed(id);
        }
        self.bfd_neighbor_begins_anew(id);
    }
}

/// The link that an address is on, where the address says so: a link-local one.
fn link_of(address: SocketAddr) -> Option<IfIndex> {
    match address {
        SocketAddr::V6(address) => Some(IfIndex(address.scope_id())).filter(|index| index.0 != 0),
        SocketAddr::V4(_) => None,
    }
}

/// What the decision is to know of a neighbour.
pub(super) fn source(agreed: &Established, config: &NeighborConfig) -> Source {
    Source {
        kind: match agreed.kind {
            PeerKind::Ibgp => SourceKind::Ibgp,
            PeerKind::Ebgp => SourceKind::Ebgp,
        },
        asn: agreed.remote_asn,
        router_id: agreed.remote_router_id,
        address: agreed.remote.ip(),
        client: config.route_reflector_client && agreed.kind == PeerKind::Ibgp,
        weight: config.weight,
        local_pref: config.local_pref,
        admission: config.admission,
        local_as: config.local_as,
    }
}

/// How a neighbour is to be served.
pub(super) fn member_spec(agreed: &Established, config: &NeighborConfig, asn: Asn) -> MemberSpec {
    let role = match agreed.kind {
        PeerKind::Ibgp if config.route_reflector_client => Role::Client,
        PeerKind::Ibgp => Role::NonClient,
        PeerKind::Ebgp => match config.local_as {
            Some(local) => Role::Ebgp { local_as: local.asn, behind: (!local.replaces).then_some(asn) },
            None => Role::Ebgp { local_as: asn, behind: None },
        },
    };
    let paths = config.add_path.send.map(|send| send.0).unwrap_or_default();
    let policy = config.export_policy.clone();
    let export = agreed.kind == PeerKind::Ibgp || config.ebgp_accept || policy.is_some();
    let long_lived = agreed.restart.as_ref().is_some_and(|restart| restart.long_lived.is_some());
    let (next_hop_mode, between_clients) = (config.next_hop_mode, config.between_clients);
    let encoding = agreed.send;
    MemberSpec {
        role,
        bgp_role: agreed.role,
        next_hop: agreed.next_hop,
        next_hop_mode,
        encoding,
        paths,
        export,
        between_clients,
        policy,
        long_lived,
    }
}
