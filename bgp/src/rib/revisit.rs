//! Deciding again, where something has changed that the decision depends on: a next hop, a source, the rules.
//!
//! No table knows which destinations are concerned, as that would cost memory for every route. A hand goes once
//! round the table instead, a bounded number of destinations in a turn, and looks at each whether it is; changes
//! that come meanwhile let the round begin anew where the hand stands.

use std::net::IpAddr;

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use crate::types::PeerId;
use crate::wire::Nlri;

use super::destination::{Destination, DestinationId, Path};
use super::rules::Decision;
use super::table::{Table, Touched};
use super::trail::Cause;

/// What has changed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Concern {
    /// What is known of a next hop.
    NextHop(IpAddr),
    /// What is known of a source.
    Source(PeerId),
    /// What is known of a source, and with it what others are told of its paths, even where none of them has become
    /// better or worse: whether it is a client, which LOCAL_PREF they get.
    Telling(PeerId),
    /// The rules: everything is concerned.
    Rules,
}

/// A round that is under way.
#[derive(Debug, Default)]
pub(super) struct Revisit {
    next_hops: HashSet<IpAddr, FixedState>,
    sources: HashSet<PeerId, FixedState>,
    /// Those of them whose best paths are to be told anew.
    told_anew: HashSet<PeerId, FixedState>,
    everything: bool,
    hand: u32,
    /// Destinations that were there when the round began: those that came later are decided by what holds now.
    limit: u32,
    /// Those of them that the hand has yet to pass.
    left: u32,
}

impl Revisit {
    pub(super) fn is_over(&self) -> bool {
        self.left == 0
    }

    fn add(&mut self, concern: Concern) {
        match concern {
            Concern::NextHop(address) => drop(self.next_hops.insert(address)),
            Concern::Source(peer) => drop(self.sources.insert(peer)),
            Concern::Telling(peer) => {
                self.sources.insert(peer);
                self.told_anew.insert(peer);
            }
            Concern::Rules => self.everything = true,
        }
    }

    fn concerns<N: Nlri>(&self, destination: &Destination<N>) -> bool {
        let path = |path: &Path<N>| {
            self.sources.contains(&path.source) || self.next_hops.contains(&path.attrs.next_hop.address())
        };
        self.everything || destination.paths().any(path)
    }

    /// What of a destination counts as changed, whatever is decided.
    fn touched<N: Nlri>(&self, destination: &Destination<N>) -> Touched {
        let anew = destination.best().is_some_and(|best| self.told_anew.contains(&best.source));
        if anew { Touched::First } else { Touched::Other }
    }
}

impl<N: Nlri> Table<N> {
    /// Lets [`Table::sweep`] decide all destinations again that are concerned.
    pub(super) fn decide_again(&mut self, concern: Concern) {
        let unused = match concern {
            Concern::NextHop(address) => !self.next_hop_uses.has(address),
            Concern::Source(peer) | Concern::Telling(peer) => self.counts(peer).paths == 0,
            Concern::Rules => false,
        };
        if !unused {
            self.revisit.add(concern);
            self.revisit.limit = self.id_limit().0;
            self.revisit.left = self.revisit.limit;
        }
    }

    /// Whether some destinations may not stand as they should by what holds now, until [`Table::sweep`] has looked at
    /// them.
    pub fn is_deciding_again(&self) -> bool {
        !self.revisit.is_over()
    }

    /// Moves the hand on by one destination.
    pub(super) fn revisit_next(&mut self, decision: &Decision) {
        let revisit = &mut self.revisit;
        let id = DestinationId(if revisit.hand < revisit.limit { revisit.hand } else { 0 });
        (revisit.hand, revisit.left) = (id.0 + 1, revisit.left.saturating_sub(1));
        let destination = self.destinations.get_mut(id.index());
        if let Some(destination) = destination.filter(|d| !d.is_empty() && self.revisit.concerns(d)) {
            // Under rules without multipath nobody looks at the marks that others have left.
            destination.paths_mut().for_each(|path| path.marks.set_multipath(false));
            let touched = self.revisit.touched(destination);
            self.decide(decision, id, touched, Cause::Reconsidered);
        }
        if self.revisit.is_over() {
            self.revisit = Revisit { hand: self.revisit.hand, ..Revisit::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::next_hops::Reachability;
    use super::super::testing::{next_hop, rib, route, variant};
    use super::super::{Budget, Rib};
    use super::*;
    use crate::wire::Nlris;

    /// Destinations that come while the hand goes round do not take another's turn.
    #[test]
    fn the_table_may_grow_meanwhile() {
        let mut rib = rib(1);
        rib.track_next_hops();
        let announce = |rib: &mut Rib, n| {
            rib.announce(PeerId(0), 0, &variant(0), &Nlris::Ipv4(vec![route(n)])).unwrap();
        };
        let reachable =
            |rib: &Rib| rib.ipv4.page(DestinationId(0), 9).filter(|d| d.1.best().is_some()).count();
        announce(&mut rib, 0);
        while rib.poll_next_hop().is_some() {}
        rib.set_next_hop(next_hop(0).into(), Reachability::Unreachable);
        while rib.sweep(&mut Budget::new(1)) {}
        assert_eq!(reachable(&rib), 0);
        rib.set_next_hop(next_hop(0).into(), Reachability::default());
        announce(&mut rib, 1);
        while rib.sweep(&mut Budget::new(1)) {}
        assert_eq!(reachable(&rib), 2);
    }
}
