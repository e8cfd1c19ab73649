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
//!
//! The same hand ages the routes of a peer that stays away for long (RFC 9494): each stale path is given
//! LLGR_STALE, which the decision and the neighbours see, or goes if it must not be kept so. A path that has
//! been aged stays stale, in a generation that is kept for those.

use std::sync::Arc;

use crate::types::PeerId;
use crate::wire::{Attrs, Community, Nlri};

use super::budget::Budget;
use super::destination::{DestinationId, Path};
use super::rules::Decision;
use super::source::PeerMap;
use super::table::{Table, Touched};
use super::trail::Cause;

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
    /// Peers that the hand has work with.
    busy: usize,
    hand: u32,
    /// What was aged last, and what became of it: the paths that share attributes are to share the aged ones.
    last_aged: Option<(Arc<Attrs>, Option<Arc<Attrs>>)>,
}

#[derive(Debug, Default)]
struct PeerState {
    /// Sixteen bits, as each path holds one: a path would have to stay marked 65,536 times over to look new.
    generation: u16,
    counts: PeerCounts,
    work: Work,
}

/// What the hand does with a peer's stale paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Work {
    /// Passes them by.
    #[default]
    None,
    /// Removes them.
    Discard,
    /// Ages them.
    Age {
        /// The generation of those that have been.
        aged: u16,
        /// How many have not.
        left: usize,
    },
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

    /// Lets [`Table::sweep`] age everything that `peer` gave, which is to be away: what is stale becomes stale
    /// for long (RFC 9494 section 4.2). It stays until it is discarded or announced again.
    pub fn age_stale(&mut self, peer: PeerId) {
        self.generations.age(peer);
    }

    /// Ages stale paths, removes those that are to be discarded, decides again where something has changed that the
    /// decision depends on, and frees destinations that every reader has seen go, within the budget. Says whether it
    /// has to be called again.
    pub fn sweep(&mut self, decision: &Decision, budget: &mut Budget) -> bool {
        while !budget.is_spent() {
            if !self.revisit.is_over() {
                self.revisit_next(decision);
            } else if self.generations.busy > 0 {
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
        while let Some((position, work)) = self.due(id) {
            match work {
                Work::Age { aged, .. } => self.age(decision, id, position, aged),
                _ => self.discard(decision, id, position),
            }
        }
    }

    /// Marks one path as stale for long, or removes it if that is not wanted of it.
    fn age(&mut self, decision: &Decision, id: DestinationId, position: usize, aged: u16) {
        let Some(destination) = self.destinations.get_mut(id.index()) else { return };
        let Some(path) = destination.path_mut(position) else { return };
        match self.generations.aged_attrs(&path.attrs) {
            None => self.discard(decision, id, position),
            Some(attrs) => {
                (path.attrs, path.generation) = (attrs, aged);
                let source = path.source;
                self.generations.aged(source);
                self.decide(decision, id, Touched::at(position), Cause::Aged(source));
            }
        }
    }

    fn discard(&mut self, decision: &Decision, id: DestinationId, position: usize) {
        let path =
            self.destinations.get(id.index()).and_then(|destination| destination.paths().nth(position));
        if let Some(source) = path.map(|path| path.source) {
            self.remove(decision, id, position, Cause::Discarded(source));
        }
    }

    fn next_under_the_hand(&mut self) -> DestinationId {
        let hand = self.generations.hand;
        let id = if hand < self.id_limit().0 { hand } else { 0 };
        self.generations.hand = id + 1;
        DestinationId(id)
    }

    /// The first path of a destination that the hand has something to do with.
    fn due(&self, id: DestinationId) -> Option<(usize, Work)> {
        let mut paths = self.destinations.get(id.index())?.paths().enumerate();
        paths.find_map(|(position, path)| Some((position, self.generations.due(path)?)))
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
        match &mut state.work {
            Work::Age { aged, left } if ![*aged, state.generation].contains(&path.generation) => *left -= 1,
            _ => {}
        }
        self.busy -= usize::from(state.rest_if_done());
    }

    /// A path of `peer` has been aged.
    fn aged(&mut self, peer: PeerId) {
        let state = self.peers.slot(peer);
        if let Work::Age { left, .. } = &mut state.work {
            *left -= 1;
        }
        self.busy -= usize::from(state.rest_if_done());
    }

    fn mark(&mut self, peer: PeerId) {
        self.set_work(peer, Work::None);
        let state = self.peers.slot(peer);
        state.generation = state.generation.wrapping_add(1);
        state.counts.stale = state.counts.paths;
    }

    fn discard(&mut self, peer: PeerId) {
        self.set_work(peer, Work::Discard);
    }

    fn age(&mut self, peer: PeerId) {
        let state = self.peers.slot(peer);
        let aged = state.generation.wrapping_add(1);
        state.generation = aged.wrapping_add(1);
        state.counts.stale = state.counts.paths;
        let left = state.counts.paths;
        self.set_work(peer, Work::Age { aged, left });
    }

    fn set_work(&mut self, peer: PeerId, work: Work) {
        let state = self.peers.slot(peer);
        self.busy -= usize::from(state.work != Work::None);
        state.work = work;
        self.busy += usize::from(state.work != Work::None);
        self.busy -= usize::from(state.rest_if_done());
    }

    fn due<N: Nlri>(&self, path: &Path<N>) -> Option<Work> {
        let state = self.peers.get(path.source)?;
        let is_due = match state.work {
            Work::None => false,
            Work::Discard => path.generation != state.generation,
            Work::Age { aged, .. } => ![aged, state.generation].contains(&path.generation),
        };
        is_due.then_some(state.work)
    }

    /// The attributes of a path as it ages; `None` if it is not to be kept so.
    fn aged_attrs(&mut self, attrs: &Arc<Attrs>) -> Option<Arc<Attrs>> {
        match &self.last_aged {
            Some((before, after)) if Arc::ptr_eq(before, attrs) => after.clone(),
            _ => {
                let after = aged(attrs);
                self.last_aged = Some((attrs.clone(), after.clone()));
                after
            }
        }
    }
}

impl PeerState {
    /// Ends the work that is done; says whether it just did.
    fn rest_if_done(&mut self) -> bool {
        let is_done = match self.work {
            Work::None => false,
            Work::Discard => self.counts.stale == 0,
            Work::Age { left, .. } => left == 0,
        };
        if is_done {
            self.work = Work::None;
        }
        is_done
    }
}

/// With LLGR_STALE; `None` where NO_LLGR forbids it (RFC 9494 section 4.2).
fn aged(attrs: &Arc<Attrs>) -> Option<Arc<Attrs>> {
    if attrs.communities.contains(&Community::NO_LLGR) {
        return None;
    }
    if attrs.communities.contains(&Community::LLGR_STALE) {
        return Some(attrs.clone());
    }
    let communities = attrs.communities.iter().copied().chain([Community::LLGR_STALE]).collect();
    Some(Arc::new(Attrs { communities, ..Attrs::clone(attrs) }))
}

#[cfg(test)]
mod tests {
    use ipnet::Ipv4Net;

    use super::super::testing::{attrs, decision, key, route, variant};
    use super::super::version::Version;
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
    fn what_stays_away_for_long_is_marked_and_gives_way() {
        let mut table = Table::new(1);
        announce(&mut table, A, 0..100);
        let kept_off = Arc::new(Attrs { communities: [Community::NO_LLGR].into(), ..attrs(&[]) });
        table.announce(&decision(5), A, 0, &kept_off, &[route(100)]);
        announce(&mut table, B, 50..60);
        table.mark_stale(A);
        let before = table.head();
        table.age_stale(A);
        assert!(table.sweep(&decision(5), &mut Budget::new(10)), "in slices, too");
        sweep_all(&mut table);
        assert_eq!(table.counts(A), PeerCounts { paths: 100, stale: 100 }, "all but the one with NO_LLGR");
        assert_eq!(table.changes(before, 1000).count(), 100, "readers are told of all that stays");
        let best = |n| table.get(key(n)).unwrap().1.best().unwrap();
        assert_eq!(*best(0).attrs.communities, [Community::LLGR_STALE]);
        assert_eq!(best(55).source, B, "the least preferred");

        announce(&mut table, A, 0..10);
        assert_eq!(table.counts(A), PeerCounts { paths: 100, stale: 90 });
        table.discard_stale(A);
        sweep_all(&mut table);
        assert_eq!(table.counts(A), PeerCounts { paths: 10, stale: 0 });
        assert!(table.get(key(0)).unwrap().1.best().unwrap().attrs.communities.is_empty());
    }

    #[test]
    fn a_peer_that_comes_back_may_announce_while_its_past_ages() {
        let mut table = Table::new(1);
        announce(&mut table, A, 0..100);
        table.mark_stale(A);
        table.age_stale(A);
        assert!(table.sweep(&decision(5), &mut Budget::new(10)));
        announce(&mut table, A, 0..20);
        table.withdraw(&decision(5), A, &[route(99)]);
        sweep_all(&mut table);
        assert_eq!(table.counts(A), PeerCounts { paths: 99, stale: 79 });
        table.mark_stale(A);
        table.age_stale(A);
        sweep_all(&mut table);
        table.discard_stale(A);
        sweep_all(&mut table);
        assert_eq!((table.paths(), table.counts(A)), (0, PeerCounts::default()));
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
