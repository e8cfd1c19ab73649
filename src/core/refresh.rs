//! Refreshes that neighbours have begun and not ended (RFC 7313): what they have not sent again by the end, or
//! within a bound, is discarded.

use std::time::{Duration, Instant};

use bgp::types::{Family, PeerId};
use bgp::wire::Capability;

use super::peer::LiveSession;
use super::{Core, LogLine};

/// How long a neighbour may take to send everything again; what FRR grants as well.
const BOUND: Duration = Duration::from_secs(360);

/// The refreshes under way.
#[derive(Debug, Default)]
pub(super) struct Refreshes {
    running: Vec<(PeerId, Family, Instant)>,
}

impl Refreshes {
    /// When the first of them has taken too long.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.running.iter().map(|(.., due)| *due).min()
    }

    /// The session that they were under way on has ended.
    pub(super) fn forget(&mut self, peer: PeerId) {
        self.running.retain(|(other, ..)| *other != peer);
    }

    fn begin(&mut self, now: Instant, peer: PeerId, family: Family) {
        self.end(peer, family);
        self.running.push((peer, family, now + BOUND));
    }

    /// Says whether it had begun.
    fn end(&mut self, peer: PeerId, family: Family) -> bool {
        let before = self.running.len();
        self.running.retain(|(other, of, _)| (*other, *of) != (peer, family));
        self.running.len() < before
    }

    fn take_overdue(&mut self, now: Instant) -> Option<(PeerId, Family)> {
        let index = self.running.iter().position(|(.., due)| *due <= now)?;
        let (peer, family, _) = self.running.swap_remove(index);
        Some((peer, family))
    }
}

impl Core {
    /// Sends a neighbour everything again, with marks round it where it knows them.
    pub(super) fn send_again(&mut self, id: PeerId, family: Family) {
        let session = self.peers.get(id).and_then(|peer| peer.session.as_ref());
        let marked = session.is_some_and(|session| session.agreed.enhanced_refresh);
        self.export.refresh(&mut self.rib, id, family, marked);
    }

    /// A neighbour sends everything again from here on.
    pub(super) fn refresh_begins(&mut self, now: Instant, id: PeerId, family: Family) {
        let Some(session) = self.peers.get(id).and_then(|peer| peer.session.as_ref()) else { return };
        if !still_restarts(session, family) {
            self.rib.mark_stale(id, family);
            self.refreshes.begin(now, id, family);
        }
    }

    /// It has sent everything again. Without a beginning the end means nothing.
    pub(super) fn refresh_ends(&mut self, id: PeerId, family: Family) {
        if self.refreshes.end(id, family) {
            self.rib.discard_stale(id, family);
        }
    }

    /// Ends the refreshes that neighbours have not ended in time.
    pub(super) fn end_overdue_refreshes(&mut self, now: Instant) {
        while let Some((id, family)) = self.refreshes.take_overdue(now) {
            self.rib.discard_stale(id, family);
            self.log(LogLine::RefreshOverdue(id, family));
        }
    }
}

/// A speaker that does graceful restart begins no refresh before its End-of-RIB, and one that it seems to begin is
/// ignored (RFC 7313 section 4.2): what is stale then is so for another reason.
fn still_restarts(session: &LiveSession, family: Family) -> bool {
    let restarts = session.agreed.capabilities_received.iter().any(|capability| match capability {
        Capability::GracefulRestart { families, .. } => {
            families.iter().any(|(afi, safi, _)| Family::new(*afi, *safi) == Some(family))
        }
        _ => false,
    });
    restarts && !session.end_of_rib.contains(family)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bgp::types::Family;

    use super::super::testing::{Node, attrs, mac, mac_ip, vni};
    use super::*;
    use crate::core::PeerNews;

    const EVPN: Family = Family::L2vpnEvpn;

    /// A node with two routes of its peer 0; one of them has been sent again since the refresh began.
    fn amid_refresh() -> Node {
        let mut node = Node::new();
        node.up(0);
        for n in [1, 2] {
            node.tell(0, mac_ip(vni(100), 2, mac(n), None), Some(attrs(vni(100), 2, 0)));
        }
        node.peer(0, PeerNews::RefreshBegins(EVPN));
        node.tell(0, mac_ip(vni(100), 2, mac(1), None), Some(attrs(vni(100), 2, 0)));
        node.run();
        assert_eq!(paths(&node), 2, "used until the end");
        node
    }

    fn paths(node: &Node) -> usize {
        node.core.rib.counts(PeerId(0), EVPN).paths
    }

    #[test]
    fn what_is_not_sent_again_goes_at_the_end() {
        let mut node = amid_refresh();
        node.peer(0, PeerNews::RefreshEnds(EVPN));
        node.run();
        assert_eq!(paths(&node), 1);
        assert_eq!(node.core.refreshes.poll_timeout(), None);
    }

    #[test]
    fn a_refresh_without_an_end_ends_in_time() {
        let mut node = amid_refresh();
        node.pass(BOUND - Duration::from_secs(1));
        assert_eq!(paths(&node), 2);
        assert!(node.core.poll_timeout(node.now).is_some_and(|due| due <= node.now + Duration::from_secs(1)));
        node.pass(Duration::from_secs(1));
        assert_eq!(paths(&node), 1);
    }

    #[test]
    fn an_end_without_a_beginning_means_nothing() {
        let mut node = amid_refresh();
        node.peer(0, PeerNews::RefreshEnds(Family::Ipv4Unicast));
        node.run();
        assert_eq!(paths(&node), 2);
    }
}
