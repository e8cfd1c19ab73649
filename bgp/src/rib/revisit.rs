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

/// What has changed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Concern {
    /// What is known of a next hop.
    NextHop(IpAddr),
    /// What is known of a source.
    Source(PeerId),
    /// The rules: everything is concerned.
    Rules,
}

/// A round that is under way.
#[derive(Debug, Default)]
pub(super) struct Revisit {
    next_hops: HashSet<IpAddr, FixedState>,
    sources: HashSet<PeerId, FixedState>,
    everything: bool,
    hand: u32,
    /// Destinations that the hand has yet to pass.
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
            Concern::Rules => self.everything = true,
        }
    }

    fn concerns<N: Nlri>(&self, destination: &Destination<N>) -> bool {
        let path = |path: &Path<N>| {
            self.sources.contains(&path.source) || self.next_hops.contains(&path.attrs.next_hop.address())
        };
        self.everything || destination.paths().any(path)
    }
}

impl<N: Nlri> Table<N> {
    /// Lets [`Table::sweep`] decide all destinations again that are concerned.
    pub(super) fn decide_again(&mut self, concern: Concern) {
        let unused = match concern {
            Concern::NextHop(address) => !self.next_hop_uses.has(address),
            Concern::Source(peer) => self.counts(peer).paths == 0,
            Concern::Rules => false,
        };
        if !unused {
            self.revisit.add(concern);
            self.revisit.left = self.id_limit().0;
        }
    }

    /// Moves the hand on by one destination.
    pub(super) fn revisit_next(&mut self, decision: &Decision) {
        let limit = self.id_limit().0;
        let revisit = &mut self.revisit;
        let id = DestinationId(if revisit.hand < limit { revisit.hand } else { 0 });
        (revisit.hand, revisit.left) = (id.0 + 1, revisit.left.saturating_sub(1));
        if self.destinations.get(id.index()).is_some_and(|d| !d.is_empty() && self.revisit.concerns(d)) {
            self.decide(decision, id, Touched::Other);
        }
        if self.revisit.is_over() {
            self.revisit = Revisit { hand: self.revisit.hand, ..Revisit::default() };
        }
    }
}
