//! Mark and sweep: peer loss, route refresh and graceful restart are one mechanism.
//!
//! Marking all paths of a peer stale is a step of its generation, whatever their number. What the peer
//! announces again is of the new generation. Discarding lets a hand go round the table, a bounded number of
//! destinations in a turn, and take out what is still of an older one; the hand stops when no peer has
//! anything left to discard, which the counts say. All peers and all reasons share the one hand, so that
//! losing fifty peers at once is still one round.
//!
//! A path stays in use until the hand has reached it: a lost peer's routes go as if it withdrew them one by
//! one, without a stall. (RFC 4271 section 6, RFC 2918, RFC 7313, RFC 4724.)

use crate::types::PeerId;
use crate::wire::Nlri;

use super::budget::Budget;
use super::destination::{DestinationId, Path};
use super::rules::Decision;
use super::source::PeerMap;
use super::table::Table;

/// How many paths a peer has in a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerCounts {
    /// All.
    pub paths: usize,
    /// Those that it has not announced again since they were marked.
    pub stale: usize,
}

/// The peers' generations, and the hand.
#[derive(Debug, Default)]
pub(super) struct Generations {
    peers: PeerMap<PeerState>,
    /// Peers with something to discard.
    discarding: usize,
    hand: u32,
}

#[derive(Debug, Default)]
struct PeerState {
    /// Sixteen bits, as each path holds one: a path would have to stay marked 65,536 times over to look new.
    generation: u16,
    counts: PeerCounts,
    discard: bool,
}

impl<N: Nlri> Table<N> {
    /// Marks everything `peer` gave as stale: it is used as before, until it is discarded or announced again.
    /// A discard that is under way ends.
    pub fn mark_stale(&mut self, peer: PeerId) {
        self.generations.mark(peer);
    }

    /// Lets [`Table::sweep`] remove what `peer` has not announced since it was marked.
    pub fn discard_stale(&mut self, peer: PeerId) {
        self.generations.discard(peer);
    }

    /// Removes stale paths that are to be discarded, decides again where something has changed that the decision
    /// depends on, and frees destinations that every reader has seen go, within the budget. Says whether it has
    /// to be called again.
    pub fn sweep(&mut self, decision: &Decision, budget: &mut Budget) -> bool {
        while !budget.is_spent() {
            if !self.revisit.is_over() {
                self.revisit_next(decision);
            } else if self.generations.discarding > 0 {
                self.sweep_next(decision);
            } else if !self.free_oldest_gone() {
                return false;
            }
            budget.spend(1);
        }
        true
    }

    /// Whether a path is marked: its source has not announced it again.
    pub fn is_stale(&self, path: &Path<N>) -> bool {
        path.generation != self.generations.current(path.source)
    }

    /// How many paths `peer` has here.
    pub fn counts(&self, peer: PeerId) -> PeerCounts {
        self.generations.peers.get(peer).map(|state| state.counts).unwrap_or_default()
    }

    fn sweep_next(&mut self, decision: &Decision) {
        let id = self.next_under_the_hand();
        while let Some(position) = self.doomed(id) {
            self.remove(decision, id, position);
        }
    }

    fn next_under_the_hand(&mut self) -> DestinationId {
        let hand = self.generations.hand;
        let id = if hand < self.id_limit().0 { hand } else { 0 };
        self.generations.hand = id + 1;
        DestinationId(id)
    }

    fn doomed(&self, id: DestinationId) -> Option<usize> {
        self.destinations.get(id.index())?.paths().position(|path| self.generations.is_doomed(path))
    }
}

impl Generations {
    pub(super) fn current(&self, peer: PeerId) -> u16 {
        self.peers.get(peer).map_or(0, |state| state.generation)
    }

    pub(super) fn added<N: Nlri>(&mut self, path: &Path<N>) {
        self.peers.slot(path.source).counts.paths += 1;
    }

    /// Its source announced `path` again.
    pub(super) fn renewed<N: Nlri>(&mut self, path: &Path<N>) {
        self.update(path, |_| ());
    }

    pub(super) fn removed<N: Nlri>(&mut self, path: &Path<N>) {
        self.update(path, |counts| counts.paths -= 1);
    }

    /// `path` is no longer what it was; if it was stale, its source has one stale path less.
    fn update<N: Nlri>(&mut self, path: &Path<N>, change: impl FnOnce(&mut PeerCounts)) {
        let state = self.peers.slot(path.source);
        state.counts.stale -= usize::from(path.generation != state.generation);
        change(&mut state.counts);
        if state.discard && state.counts.stale == 0 {
            state.discard = false;
            self.discarding -= 1;
        }
    }

    fn mark(&mut self, peer: PeerId) {
        let state = self.peers.slot(peer);
        state.generation = state.generation.wrapping_add(1);
        state.counts.stale = state.counts.paths;
        self.discarding -= usize::from(std::mem::take(&mut state.discard));
    }

    fn discard(&mut self, peer: PeerId) {
        let state = self.peers.slot(peer);
        let discard = state.counts.stale > 0;
        if discard && !state.discard {
            state.discard = true;
            self.discarding += 1;
        }
    }

    fn is_doomed<N: Nlri>(&self, path: &Path<N>) -> bool {
        self.peers.get(path.source).is_some_and(|s| s.discard && s.generation != path.generation)
    }
}

#[cfg(test)]
mod tests {
    use ipnet::Ipv4Net;

    use super::super::log::Version;
    use super::super::testing::{decision, route, variant};
    use super::*;

    const A: PeerId = PeerId(3);
    const B: PeerId = PeerId(4);

    fn announce(table: &mut Table<Ipv4Net>, peer: PeerId, keys: std::ops::Range<u32>) {
        for n in keys {
            table.announce(&decision(5), peer, 0, &variant(0), &[route(n)]);
        }
    }

    fn sweep_all(table: &mut Table<Ipv4Net>) {
        while table.sweep(&decision(5), &mut Budget::new(10)) {}
    }

    #[test]
    fn what_is_announced_again_stays() {
        let mut table = Table::new(1);
        announce(&mut table, A, 0..100);
        announce(&mut table, B, 50..150);
        table.mark_stale(A);
        assert_eq!(table.counts(A), PeerCounts { paths: 100, stale: 100 });
        announce(&mut table, A, 0..30);
        sweep_all(&mut table);
        assert_eq!(table.counts(A), PeerCounts { paths: 100, stale: 70 }, "stale paths stay until discarded");
        table.discard_stale(A);
        sweep_all(&mut table);
        assert_eq!(table.counts(A), PeerCounts { paths: 30, stale: 0 });
        assert_eq!(table.counts(B), PeerCounts { paths: 100, stale: 0 });
        assert_eq!((table.destinations(), table.paths()), (130, 130));
    }

    #[test]
    fn the_work_is_cut_into_slices() {
        let mut table = Table::new(1);
        announce(&mut table, A, 0..100);
        table.mark_stale(A);
        table.discard_stale(A);
        for left in [60, 20] {
            assert!(table.sweep(&decision(5), &mut Budget::new(40)));
            assert_eq!(table.paths(), left);
        }
        let mut budget = Budget::new(40);
        assert!(!table.sweep(&decision(5), &mut budget));
        assert_eq!((table.paths(), budget.left()), (0, 20), "it ends with the last stale path");
    }

    #[test]
    fn what_a_late_reader_held_is_freed() {
        let mut table = Table::new(1);
        let late = table.open_cursor(Version(0));
        announce(&mut table, A, 0..100);
        table.mark_stale(A);
        table.discard_stale(A);
        sweep_all(&mut table);
        let held = |table: &Table<Ipv4Net>| table.page(DestinationId(0), 1000).count();
        assert_eq!((table.destinations(), held(&table)), (0, 100));
        table.close_cursor(late);
        sweep_all(&mut table);
        assert_eq!(held(&table), 0);
        announce(&mut table, A, 100..200);
        assert_eq!(table.id_limit(), DestinationId(100), "ids are used again");
    }

    #[test]
    fn a_peer_that_comes_back_may_announce_while_its_past_is_swept() {
        let mut table = Table::new(1);
        announce(&mut table, A, 0..100);
        table.mark_stale(A);
        table.discard_stale(A);
        assert!(table.sweep(&decision(5), &mut Budget::new(10)));
        announce(&mut table, A, 0..20);
        sweep_all(&mut table);
        assert_eq!(table.counts(A), PeerCounts { paths: 20, stale: 0 });
    }

    #[test]
    fn a_new_mark_ends_the_discarding() {
        let mut table = Table::new(1);
        announce(&mut table, A, 0..100);
        table.mark_stale(A);
        table.discard_stale(A);
        assert!(table.sweep(&decision(5), &mut Budget::new(10)));
        table.mark_stale(A);
        assert!(!table.sweep(&decision(5), &mut Budget::new(10)));
        assert_eq!(table.counts(A), PeerCounts { paths: 90, stale: 90 });
    }
}
