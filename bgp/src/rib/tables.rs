use std::sync::Arc;

use ipnet::{Ipv4Net, Ipv6Net};

use crate::types::{Family, PeerId};
use crate::wire::{Attrs, EvpnKey, Nlris};

use super::admit::{LocalIdentity, Rejected, RejectedCounts, admit};
use super::budget::Budget;
use super::source::{PeerMap, Source, Sources};
use super::sweep::PeerCounts;
use super::table::Table;

/// The tables of all families, and who their routes come from.
///
/// The tables are open to readers; what peers say goes through the methods here, which admit it first.
#[derive(Debug)]
pub struct Rib {
    /// IPv4 unicast.
    pub ipv4: Table<Ipv4Net>,
    /// IPv6 unicast.
    pub ipv6: Table<Ipv6Net>,
    /// EVPN.
    pub evpn: Table<EvpnKey>,
    /// The peers, and this daemon itself.
    pub sources: Sources,
    pub(crate) identity: LocalIdentity,
    rejected: PeerMap<RejectedCounts>,
}

impl Rib {
    /// Empty tables of the speaker that `identity` tells of. The seed is for their hash functions.
    pub fn new(identity: LocalIdentity, seed: u64) -> Rib {
        Rib {
            ipv4: Table::new(seed),
            ipv6: Table::new(seed),
            evpn: Table::new(seed),
            sources: Sources::new(identity.asn, identity.router_id),
            identity,
            rejected: PeerMap::default(),
        }
    }

    /// Who this speaker is.
    pub fn identity(&self) -> &LocalIdentity {
        &self.identity
    }

    /// Makes a peer known, or known anew. Must come before its first route.
    pub fn peer_up(&mut self, peer: PeerId, source: Source) {
        self.sources.set(peer, source);
    }

    /// Lets everything of a peer be swept: its session is lost and will not be resumed.
    pub fn peer_down(&mut self, peer: PeerId) {
        for family in Family::ALL {
            self.mark_stale(peer, family);
            self.discard_stale(peer, family);
        }
    }

    /// Takes routes that share `attrs`. Those that must not be used are refused, counted, and count as
    /// withdrawn. `learned` is the time, in seconds of the caller's clock.
    pub fn announce(
        &mut self,
        peer: PeerId,
        learned: u32,
        attrs: &Arc<Attrs>,
        routes: &Nlris,
    ) -> Result<(), Rejected> {
        if let Err(reason) = self.admit(peer, attrs) {
            self.withdraw(peer, routes);
            self.rejected.slot(peer).add(reason, count(routes));
            return Err(reason);
        }
        let Rib { ipv4, ipv6, evpn, sources, .. } = self;
        match routes {
            Nlris::Ipv4(routes) => ipv4.announce(sources, peer, learned, attrs, routes),
            Nlris::Ipv6(routes) => ipv6.announce(sources, peer, learned, attrs, routes),
            Nlris::Evpn(routes) => evpn.announce(sources, peer, learned, attrs, routes),
        }
        Ok(())
    }

    /// Takes routes back.
    pub fn withdraw(&mut self, peer: PeerId, routes: &Nlris) {
        let Rib { ipv4, ipv6, evpn, sources, .. } = self;
        match routes {
            Nlris::Ipv4(routes) => ipv4.withdraw(sources, peer, routes),
            Nlris::Ipv6(routes) => ipv6.withdraw(sources, peer, routes),
            Nlris::Evpn(routes) => evpn.withdraw(sources, peer, routes),
        }
    }

    /// See [`Table::mark_stale`].
    pub fn mark_stale(&mut self, peer: PeerId, family: Family) {
        match family {
            Family::Ipv4Unicast => self.ipv4.mark_stale(peer),
            Family::Ipv6Unicast => self.ipv6.mark_stale(peer),
            Family::L2vpnEvpn => self.evpn.mark_stale(peer),
        }
    }

    /// See [`Table::discard_stale`].
    pub fn discard_stale(&mut self, peer: PeerId, family: Family) {
        match family {
            Family::Ipv4Unicast => self.ipv4.discard_stale(peer),
            Family::Ipv6Unicast => self.ipv6.discard_stale(peer),
            Family::L2vpnEvpn => self.evpn.discard_stale(peer),
        }
    }

    /// See [`Table::age_stale`].
    pub fn age_stale(&mut self, peer: PeerId, family: Family) {
        match family {
            Family::Ipv4Unicast => self.ipv4.age_stale(peer),
            Family::Ipv6Unicast => self.ipv6.age_stale(peer),
            Family::L2vpnEvpn => self.evpn.age_stale(peer),
        }
    }

    /// Removes what is to be discarded and frees what is not needed any more, within the budget. Says whether
    /// it has to be called again; it is the owner's to call whenever it has time.
    pub fn sweep(&mut self, budget: &mut Budget) -> bool {
        let Rib { ipv4, ipv6, evpn, sources, .. } = self;
        ipv4.sweep(sources, budget) | ipv6.sweep(sources, budget) | evpn.sweep(sources, budget)
    }

    /// How many paths `peer` has in a family.
    pub fn counts(&self, peer: PeerId, family: Family) -> PeerCounts {
        match family {
            Family::Ipv4Unicast => self.ipv4.counts(peer),
            Family::Ipv6Unicast => self.ipv6.counts(peer),
            Family::L2vpnEvpn => self.evpn.counts(peer),
        }
    }

    /// How many routes of `peer` were refused, and why.
    pub fn rejected(&self, peer: PeerId) -> RejectedCounts {
        self.rejected.get(peer).copied().unwrap_or_default()
    }

    fn admit(&self, peer: PeerId, attrs: &Attrs) -> Result<(), Rejected> {
        match peer {
            PeerId::LOCAL => Ok(()),
            _ => admit(attrs, &self.identity, self.sources.get(peer)),
        }
    }
}

fn count(routes: &Nlris) -> usize {
    match routes {
        Nlris::Ipv4(routes) => routes.len(),
        Nlris::Ipv6(routes) => routes.len(),
        Nlris::Evpn(routes) => routes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{attrs, key, rib, route};
    use super::*;
    use crate::wire::{NextHop, Route};

    const PEER: PeerId = PeerId(0);

    #[test]
    fn a_refused_route_counts_as_withdrawn() {
        let mut rib = rib(1);
        let routes = Nlris::Ipv4(vec![route(0), route(1)]);
        assert_eq!(rib.announce(PEER, 0, &Arc::new(attrs(&[1])), &routes), Ok(()));
        assert_eq!(rib.counts(PEER, Family::Ipv4Unicast).paths, 2);
        let looped = Arc::new(attrs(&[1, rib.identity().asn.0]));
        assert_eq!(rib.announce(PEER, 0, &looped, &routes), Err(Rejected::AsLoop));
        assert_eq!(rib.counts(PEER, Family::Ipv4Unicast).paths, 0);
        assert!(rib.ipv4.get(key(0)).is_none());
        assert_eq!(rib.rejected(PEER).get(Rejected::AsLoop), 2);
        assert_eq!(rib.rejected(PEER).get(Rejected::FirstAs), 0);
    }

    #[test]
    fn own_routes_are_not_refused() {
        let mut rib = rib(0);
        let next_hop = NextHop::Ipv4(rib.identity().router_id.0);
        let own = Arc::new(Attrs { next_hop, ..attrs(&[]) });
        assert_eq!(rib.announce(PeerId::LOCAL, 0, &own, &Nlris::Ipv4(vec![route(0)])), Ok(()));
        assert_eq!(rib.ipv4.destinations(), 1);
    }

    #[test]
    fn a_lost_peer_is_swept_in_all_families() {
        let mut rib = rib(2);
        for peer in [PEER, PeerId(1)] {
            let v6 = Route { nlri: "2001:db8::/32".parse().unwrap(), path_id: Default::default(), body: () };
            rib.announce(peer, 0, &Arc::new(attrs(&[])), &Nlris::Ipv4(vec![route(0)])).unwrap();
            rib.announce(peer, 0, &Arc::new(attrs(&[])), &Nlris::Ipv6(vec![v6])).unwrap();
        }
        rib.peer_down(PEER);
        while rib.sweep(&mut Budget::new(1)) {}
        assert_eq!((rib.ipv4.paths(), rib.ipv6.paths()), (1, 1));
        assert_eq!(rib.ipv4.get(key(0)).unwrap().1.best().unwrap().source, PeerId(1));
    }
}
