//! The tables of all families as one: what their owner drives.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::{Ipv4Net, Ipv6Net};

use crate::intern::Interner;
use crate::types::{Family, PeerId};
use crate::wire::{Attrs, EvpnKey, Nlris};

use super::adj_in::AdjIn;
use super::admit::{LocalIdentity, Rejected, RejectedCounts, admit};
use super::budget::Budget;
use super::import::Import;
use super::next_hops::{NextHopNews, Reachability};
use super::refused::{Refusal, Refusals};
use super::revisit::Concern;
use super::rules::{Decision, DecisionRules};
use super::source::{PeerMap, Source, Sources};
use super::sweep::PeerCounts;
use super::table::Table;
use super::trail::Cause;

/// The tables of all families, and what the choice between their paths depends on.
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
    /// What the choice between paths depends on: sources, next hops, rules.
    pub decision: Decision,
    pub(crate) identity: LocalIdentity,
    pub(super) rejected: PeerMap<RejectedCounts>,
    refusals: Refusals,
    /// Of the peers that have an import policy.
    pub(super) imports: PeerMap<Option<Box<Import>>>,
    /// Of the peers whose routes are kept as they came.
    pub(super) kept: PeerMap<Option<Box<AdjIn>>>,
    /// Peers whose import policy is being asked about what is kept again.
    pub(super) reviews: Vec<PeerId>,
    /// Attributes of the peers to which this speaker is of another AS.
    pub(super) prepended: PeerMap<Option<Box<Interner>>>,
}

impl Rib {
    /// Empty tables of the speaker that `identity` tells of. The seed is for their hash functions.
    pub fn new(identity: LocalIdentity, seed: u64) -> Rib {
        Rib {
            ipv4: Table::new(seed),
            ipv6: Table::new(seed),
            evpn: Table::new(seed),
            decision: Decision::new(Sources::new(identity.asn, identity.router_id)),
            identity,
            rejected: PeerMap::default(),
            refusals: Refusals::default(),
            imports: PeerMap::default(),
            kept: PeerMap::default(),
            reviews: Vec::new(),
            prepended: PeerMap::default(),
        }
    }

    /// Who this speaker is.
    pub fn identity(&self) -> &LocalIdentity {
        &self.identity
    }

    /// This speaker is somebody else from now on. What was admitted before stays; the sessions that rest on who it was
    /// are the caller's to end.
    pub fn set_identity(&mut self, identity: LocalIdentity) {
        let LocalIdentity { asn, router_id, .. } = identity;
        let source = *self.decision.sources.get(PeerId::LOCAL);
        self.identity = identity;
        self.peer_up(PeerId::LOCAL, Source { asn, router_id, ..source });
    }

    /// Makes a peer known, or known anew. Must come before its first route.
    pub fn peer_up(&mut self, peer: PeerId, source: Source) {
        let Source { client, local_pref, .. } = *self.decision.sources.get(peer);
        if self.decision.sources.set(peer, source) {
            let told_anew = (client, local_pref) != (source.client, source.local_pref);
            self.decide_again(if told_anew { Concern::Telling(peer) } else { Concern::Source(peer) });
        }
    }

    /// Sets the rules of the decision. What is there already is decided again by [`Rib::sweep`].
    pub fn set_rules(&mut self, rules: DecisionRules) {
        if self.decision.rules != rules {
            self.decision.rules = rules;
            self.decide_again(Concern::Rules);
        }
    }

    /// Sets the LOCAL_PREF of this daemon's own routes that have none.
    pub fn set_default_local_pref(&mut self, local_pref: u32) {
        let source = *self.decision.sources.get(PeerId::LOCAL);
        self.peer_up(PeerId::LOCAL, Source { local_pref, ..source });
    }

    /// From now on the next hops of the peers' paths are counted. Must come before the first route.
    pub fn track_next_hops(&mut self) {
        self.ipv4.next_hop_uses.begin();
        self.ipv6.next_hop_uses.begin();
        self.evpn.next_hop_uses.begin();
    }

    /// The next change in the set of next hops in use: somebody is to find out about it, or needs to no more.
    pub fn poll_next_hop(&mut self) -> Option<NextHopNews> {
        loop {
            let Rib { ipv4, ipv6, evpn, decision, .. } = self;
            let uses = [&mut ipv4.next_hop_uses, &mut ipv6.next_hop_uses, &mut evpn.next_hop_uses];
            let address = uses.into_iter().find_map(|uses| uses.poll())?;
            let used = [&ipv4.next_hop_uses, &ipv6.next_hop_uses, &evpn.next_hop_uses];
            let news = decision.next_hops.track(address, used.iter().any(|uses| uses.has(address)));
            if news.is_some() {
                return news;
            }
        }
    }

    /// Says what a next hop in use is like. The destinations concerned are decided again by [`Rib::sweep`].
    /// Nothing is kept of one that is not in use, or that [`Rib::poll_next_hop`] has not told of.
    pub fn set_next_hop(&mut self, address: IpAddr, reachability: Reachability) {
        if self.decision.next_hops.set(address, reachability) {
            self.decide_again(Concern::NextHop(address));
        }
    }

    /// The next hops in use that [`Rib::poll_next_hop`] has told of, with what is known of each.
    pub fn next_hops(&self) -> impl Iterator<Item = (IpAddr, Reachability)> {
        self.decision.next_hops.iter()
    }

    /// Lets everything of a peer be swept: its session is lost and will not be resumed.
    pub fn peer_down(&mut self, peer: PeerId) {
        self.refusals.forget(peer);
        for family in Family::ALL {
            self.mark_stale(peer, family);
            self.discard_stale(peer, family);
        }
    }

    /// Whether nothing of `peer` is left in any table.
    pub fn is_rid_of(&self, peer: PeerId) -> bool {
        Family::ALL.into_iter().all(|family| self.counts(peer, family).paths == 0)
    }

    /// Forgets a peer of which nothing is left, so that another may have its id.
    pub fn forget(&mut self, peer: PeerId) {
        self.decision.sources.forget(peer);
        *self.rejected.slot(peer) = RejectedCounts::default();
        *self.imports.slot(peer) = None;
        *self.kept.slot(peer) = None;
        *self.prepended.slot(peer) = None;
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
        if let Err(reason) = self.admit(peer, attrs, routes.family()) {
            self.forget_routes(peer, routes, Cause::Refused(peer));
            self.rejected.slot(peer).add(reason, count(routes));
            let (attrs, routes) = (attrs.clone(), routes.clone());
            self.refusals.push(Refusal { peer, learned, reason, attrs, routes });
            return Err(reason);
        }
        let prepended = self.prepended(peer, attrs);
        let attrs = prepended.as_ref().unwrap_or(attrs);
        if let Some(Some(adj_in)) = self.kept.get_mut(peer) {
            adj_in.announce(learned, attrs, routes);
        }
        self.pass(peer, learned, attrs, routes);
        Ok(())
    }

    /// The newest announcements that were refused, the newest of all first.
    pub fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        self.refusals.iter()
    }

    /// What is admitted goes into the table, if the peer's import policy lets it.
    pub(super) fn pass(&mut self, peer: PeerId, learned: u32, attrs: &Arc<Attrs>, routes: &Nlris) {
        match self.imports.get(peer) {
            Some(Some(_)) => self.import(peer, learned, attrs, routes),
            _ => self.insert(peer, learned, attrs, routes),
        }
    }

    pub(super) fn insert(&mut self, peer: PeerId, learned: u32, attrs: &Arc<Attrs>, routes: &Nlris) {
        let Rib { ipv4, ipv6, evpn, decision, .. } = self;
        match routes {
            Nlris::Ipv4(routes) => ipv4.announce(decision, peer, learned, attrs, routes),
            Nlris::Ipv6(routes) => ipv6.announce(decision, peer, learned, attrs, routes),
            Nlris::Evpn(routes) => evpn.announce(decision, peer, learned, attrs, routes),
        }
    }

    /// Takes routes back.
    pub fn withdraw(&mut self, peer: PeerId, routes: &Nlris) {
        self.forget_routes(peer, routes, Cause::Withdrawn(peer));
    }

    /// From now on it is known what led to a change, see [`Table::cause`], or no more.
    pub fn keep_causes(&mut self, keep: bool) {
        self.ipv4.keep_causes(keep);
        self.ipv6.keep_causes(keep);
        self.evpn.keep_causes(keep);
    }

    fn forget_routes(&mut self, peer: PeerId, routes: &Nlris, cause: Cause) {
        if let Some(Some(adj_in)) = self.kept.get_mut(peer) {
            adj_in.withdraw(routes);
        }
        self.take_out(peer, routes, cause);
    }

    /// Takes routes out of the table.
    pub(super) fn take_out(&mut self, peer: PeerId, routes: &Nlris, cause: Cause) {
        let Rib { ipv4, ipv6, evpn, decision, .. } = self;
        match routes {
            Nlris::Ipv4(routes) => ipv4.take_out(decision, peer, routes, cause),
            Nlris::Ipv6(routes) => ipv6.take_out(decision, peer, routes, cause),
            Nlris::Evpn(routes) => evpn.take_out(decision, peer, routes, cause),
        }
    }

    /// See [`Table::mark_stale`].
    pub fn mark_stale(&mut self, peer: PeerId, family: Family) {
        if let Some(Some(adj_in)) = self.kept.get_mut(peer) {
            adj_in.mark_stale(family);
        }
        match family {
            Family::Ipv4Unicast => self.ipv4.mark_stale(peer),
            Family::Ipv6Unicast => self.ipv6.mark_stale(peer),
            Family::L2vpnEvpn => self.evpn.mark_stale(peer),
        }
    }

    /// See [`Table::discard_stale`].
    pub fn discard_stale(&mut self, peer: PeerId, family: Family) {
        if let Some(Some(adj_in)) = self.kept.get_mut(peer) {
            adj_in.discard_stale(family);
        }
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

    /// Ages and removes what is to be, decides again what is to be, and frees what is not needed any more, within
    /// the budget. Says whether it has to be called again; it is the owner's to call whenever it has time.
    pub fn sweep(&mut self, budget: &mut Budget) -> bool {
        let reviewing = self.go_on_reviewing(budget);
        let Rib { ipv4, ipv6, evpn, decision, .. } = self;
        ipv4.sweep(decision, budget) | ipv6.sweep(decision, budget) | evpn.sweep(decision, budget) | reviewing
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

    fn admit(&self, peer: PeerId, attrs: &Attrs, family: Family) -> Result<(), Rejected> {
        match peer {
            PeerId::LOCAL => Ok(()),
            _ => admit(attrs, family, &self.identity, self.decision.sources.get(peer)),
        }
    }

    fn decide_again(&mut self, concern: Concern) {
        self.ipv4.decide_again(concern);
        self.ipv6.decide_again(concern);
        self.evpn.decide_again(concern);
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
        assert!(!rib.is_rid_of(PEER));
        while rib.sweep(&mut Budget::new(1)) {}
        assert!(rib.is_rid_of(PEER));
        assert_eq!((rib.ipv4.paths(), rib.ipv6.paths()), (1, 1));
        assert_eq!(rib.ipv4.get(key(0)).unwrap().1.best().unwrap().source, PeerId(1));
    }

    #[test]
    fn what_cannot_be_reached_is_not_used() {
        let mut rib = rib(2);
        rib.track_next_hops();
        let by = |n: u8| attrs_by([10, 0, 9, n]);
        let routes = Nlris::Ipv4(vec![route(0)]);
        rib.announce(PEER, 0, &by(1), &routes).unwrap();
        let [one, two] = [1, 2].map(|n| IpAddr::from([10, 0, 9, n]));
        assert_eq!(rib.poll_next_hop(), Some(NextHopNews::Used(one)));
        assert_eq!(rib.poll_next_hop(), None);
        let best = |rib: &Rib| rib.ipv4.get(key(0)).unwrap().1.best().map(|path| path.source);
        let set = |rib: &mut Rib, address, reachability| {
            let before = rib.ipv4.head();
            rib.set_next_hop(address, reachability);
            while rib.sweep(&mut Budget::new(1)) {}
            (best(rib), rib.ipv4.changes(before, 9).count())
        };
        assert_eq!(set(&mut rib, one, Reachability::Unreachable), (None, 1), "not even as the only path");
        rib.announce(PeerId(1), 0, &by(2), &routes).unwrap();
        assert_eq!(best(&rib), Some(PeerId(1)));
        assert_eq!(rib.poll_next_hop(), Some(NextHopNews::Used(two)));
        assert_eq!(set(&mut rib, two, Reachability::Reachable { metric: 20 }), (Some(PeerId(1)), 0));
        assert_eq!(set(&mut rib, one, Reachability::Reachable { metric: 20 }), (Some(PEER), 1));
        assert_eq!(set(&mut rib, one, Reachability::Reachable { metric: 30 }), (Some(PeerId(1)), 1));
        assert_eq!(set(&mut rib, [10, 0, 9, 3].into(), Reachability::Unreachable), (Some(PeerId(1)), 0));
        rib.withdraw(PeerId(1), &routes);
        assert_eq!(rib.poll_next_hop(), Some(NextHopNews::Unused(two)));
        let known: Vec<_> = rib.next_hops().collect();
        assert_eq!(known, [(one, Reachability::Reachable { metric: 30 })]);
    }

    /// Whose next hop changes has that counted, as has what is swept.
    #[test]
    fn next_hops_in_use_are_counted() {
        let mut rib = rib(2);
        rib.track_next_hops();
        let used = |rib: &mut Rib| {
            while rib.poll_next_hop().is_some() {}
            let mut addresses: Vec<_> = rib.next_hops().map(|(address, _)| address).collect();
            addresses.sort_unstable();
            addresses
        };
        let address = |n: u8| IpAddr::from([10, 0, 9, n]);
        for n in 0..3 {
            rib.announce(PEER, 0, &attrs_by([10, 0, 9, 1]), &Nlris::Ipv4(vec![route(n)])).unwrap();
        }
        rib.announce(PeerId(1), 0, &attrs_by([10, 0, 9, 2]), &Nlris::Ipv4(vec![route(0)])).unwrap();
        assert_eq!(used(&mut rib), [address(1), address(2)]);
        rib.announce(PeerId(1), 0, &attrs_by([10, 0, 9, 3]), &Nlris::Ipv4(vec![route(0)])).unwrap();
        assert_eq!(used(&mut rib), [address(1), address(3)]);
        rib.peer_down(PEER);
        while rib.sweep(&mut Budget::new(1)) {}
        assert_eq!(used(&mut rib), [address(3)]);
    }

    fn attrs_by(next_hop: [u8; 4]) -> Arc<Attrs> {
        Arc::new(Attrs { next_hop: NextHop::Ipv4(next_hop.into()), ..attrs(&[]) })
    }
}
