//! The Rib's side of what is kept as it came: whose it is, how it is shown, and how it is asked about again when the
//! import policy is another.

use std::sync::Arc;

use ipnet::{Ipv4Net, Ipv6Net};

use crate::policy::{Decider, Outcome};
use crate::types::{PathId, PeerId};
use crate::wire::{EvpnKey, Nlri, Route};

use super::adj_in::{AdjIn, Held, Kept};
use super::budget::Budget;
use super::tables::Rib;

/// Places looked at before the budget is asked again.
const SLICE: usize = 256;

impl Rib {
    /// Keeps what a peer sends from now on as it comes, or lets go of what was kept.
    pub fn keep_received(&mut self, peer: PeerId, keep: bool) {
        let kept = self.kept.slot(peer);
        match (keep, kept.is_some()) {
            (true, false) => *kept = Some(Box::default()),
            (false, true) => *kept = None,
            _ => {}
        }
    }

    /// Whether what a peer sends is kept as it comes.
    pub fn keeps_received(&self, peer: PeerId) -> bool {
        self.kept(peer).is_some()
    }

    /// What a peer sent in IPv4: routes from a place on, looking at no more than `limit`; nothing if it is not kept.
    pub fn received_ipv4(&self, peer: PeerId, from: u32, limit: usize) -> Received<'_, Ipv4Net> {
        page(self.kept(peer).map(|adj_in| &adj_in.ipv4), from, limit)
    }

    /// As [`Rib::received_ipv4`], in IPv6.
    pub fn received_ipv6(&self, peer: PeerId, from: u32, limit: usize) -> Received<'_, Ipv6Net> {
        page(self.kept(peer).map(|adj_in| &adj_in.ipv6), from, limit)
    }

    /// As [`Rib::received_ipv4`], in EVPN.
    pub fn received_evpn(&self, peer: PeerId, from: u32, limit: usize) -> Received<'_, EvpnKey> {
        page(self.kept(peer).map(|adj_in| &adj_in.evpn), from, limit)
    }

    /// What a peer's import policy makes of a route as it came, and by which statement; nothing if it has none.
    pub fn import_outcome<N: Nlri>(&self, peer: PeerId, held: &Held<N>) -> Option<(Outcome, Decider<'_>)> {
        let import = self.imports.get(peer)?.as_deref()?;
        let context = self.decision.sources.get(peer).context(N::FAMILY);
        let outcome = import.decide(&context, &held.attrs, &held.route)?;
        let decider = import.chain().decider(&outcome)?;
        Some((outcome, decider))
    }

    /// A route to an IPv4 prefix as a peer sent it, where that is kept.
    pub fn held_ipv4(&self, peer: PeerId, nlri: Ipv4Net, path_id: PathId) -> Option<&Held<Ipv4Net>> {
        self.kept(peer)?.ipv4.find(nlri, path_id)
    }

    /// A route to an IPv6 prefix as a peer sent it, where that is kept.
    pub fn held_ipv6(&self, peer: PeerId, nlri: Ipv6Net, path_id: PathId) -> Option<&Held<Ipv6Net>> {
        self.kept(peer)?.ipv6.find(nlri, path_id)
    }

    /// An EVPN route as a peer sent it, where that is kept.
    pub fn held_evpn(&self, peer: PeerId, nlri: EvpnKey, path_id: PathId) -> Option<&Held<EvpnKey>> {
        self.kept(peer)?.evpn.find(nlri, path_id)
    }

    /// Asks the peer's import policy about everything that is kept of it again, in [`Rib::sweep`].
    pub fn review(&mut self, peer: PeerId) {
        if let Some(adj_in) = self.kept.slot(peer) {
            adj_in.review();
            self.reviews.retain(|other| *other != peer);
            self.reviews.push(peer);
        }
    }

    /// Goes on with reviews, within the budget. Says whether there is more to do.
    pub(super) fn go_on_reviewing(&mut self, budget: &mut Budget) -> bool {
        while let Some(&peer) = self.reviews.last() {
            if budget.is_spent() {
                return true;
            }
            match self.review_slice(peer) {
                true => budget.spend(SLICE),
                false => drop(self.reviews.pop()),
            }
        }
        false
    }

    fn review_slice(&mut self, peer: PeerId) -> bool {
        let Some(adj_in) = self.kept.slot(peer) else { return false };
        if let Some(held) = adj_in.ipv4.next_slice(SLICE) {
            self.ask_again(peer, &held);
        } else if let Some(held) = adj_in.ipv6.next_slice(SLICE) {
            self.ask_again(peer, &held);
        } else if let Some(held) = adj_in.evpn.next_slice(SLICE) {
            self.ask_again(peer, &held);
        } else {
            return false;
        }
        true
    }

    fn ask_again<N: Nlri>(&mut self, peer: PeerId, held: &[Held<N>]) {
        let alike = |a: &Held<N>, b: &Held<N>| Arc::ptr_eq(&a.attrs, &b.attrs) && a.learned == b.learned;
        for alike in held.chunk_by(alike) {
            let Some(first) = alike.first() else { continue };
            let routes: Vec<Route<N>> = alike.iter().map(|held| held.route).collect();
            self.pass(peer, first.learned, &first.attrs, &N::list(routes));
        }
    }

    fn kept(&self, peer: PeerId) -> Option<&AdjIn> {
        self.kept.get(peer)?.as_deref()
    }
}

/// A page of what a peer sent.
#[derive(Debug)]
pub struct Received<'a, N: Nlri> {
    /// The routes.
    pub routes: Vec<&'a Held<N>>,
    /// From which place on there may be more.
    pub next: Option<u32>,
}

fn page<N: Nlri>(kept: Option<&Kept<N>>, from: u32, limit: usize) -> Received<'_, N> {
    let Some(kept) = kept else { return Received { routes: Vec::new(), next: None } };
    let reached = from.saturating_add(limit as u32);
    let routes = kept.page(from, limit).map(|(_, held)| held).collect();
    Received { routes, next: (reached < kept.limit()).then_some(reached) }
}

#[cfg(test)]
mod tests {
    use super::super::Rejected;
    use super::super::testing::{attrs, rib, route};
    use super::*;
    use crate::policy::testing::{chain, prefixes, statement};
    use crate::policy::{Chain, Statement, Verdict};
    use crate::types::Family;
    use crate::wire::Nlris;

    const PEER: PeerId = PeerId(0);

    fn only(ranges: &[&str]) -> Option<Chain> {
        let first = Statement { of_route: vec![prefixes(ranges)], ..statement("some", Verdict::Accept) };
        Some(chain(vec![first], Verdict::Reject))
    }

    fn told(count: u32) -> Rib {
        let mut rib = rib(1);
        rib.keep_received(PEER, true);
        rib.set_import_policy(PEER, only(&["11.0.0.0/24"]));
        let routes = Nlris::Ipv4((0..count).map(route).collect());
        rib.announce(PEER, 7, &Arc::new(attrs(&[1])), &routes).unwrap();
        rib
    }

    fn taken(rib: &mut Rib) -> usize {
        while rib.sweep(&mut Budget::new(10)) {}
        rib.counts(PEER, Family::Ipv4Unicast).paths
    }

    #[test]
    fn a_review_takes_what_is_accepted_now_and_takes_back_the_rest() {
        let mut rib = told(1000);
        assert_eq!(taken(&mut rib), 1);
        rib.set_import_policy(PEER, only(&["11.0.0.0/8 le 24"]));
        rib.review(PEER);
        assert_eq!(taken(&mut rib), 1000);
        rib.set_import_policy(PEER, only(&["11.0.0.0/22 le 24"]));
        rib.review(PEER);
        assert_eq!(taken(&mut rib), 4);
        assert_eq!(rib.ipv4.get(route(3).nlri).unwrap().1.best().unwrap().learned, 7, "it came then");
    }

    #[test]
    fn what_is_refused_is_kept_and_its_judge_is_named() {
        let mut rib = told(2);
        let names = |rib: &Rib| -> Vec<String> {
            let received = rib.received_ipv4(PEER, 0, 10);
            let judge = |held: &&Held<Ipv4Net>| rib.import_outcome(PEER, held).unwrap().1.to_string();
            received.routes.iter().map(judge).collect()
        };
        assert_eq!(names(&rib), ["p/some", "p/default"]);
        rib.withdraw(PEER, &Nlris::Ipv4(vec![route(1)]));
        assert_eq!(names(&rib), ["p/some"]);
        rib.keep_received(PEER, false);
        assert!(names(&rib).is_empty() && !rib.keeps_received(PEER));
        assert_eq!(rib.rejected(PEER).get(Rejected::Policy), 1);
    }

    #[test]
    fn nothing_is_kept_of_a_lost_session() {
        let mut rib = told(2);
        rib.peer_down(PEER);
        assert_eq!(rib.received_ipv4(PEER, 0, 10).routes.len(), 0);
        assert_eq!(taken(&mut rib), 0);
        rib.review(PEER);
        assert_eq!(taken(&mut rib), 0);
    }
}
