//! Equal attribute sets share one allocation.
//!
//! Each session has an [`Interner`] of its own, so there is no lock. Whoever gets two equal sets from one
//! interner gets the same `Arc`: pointer equality is what groups routes for packing. The interner itself
//! keeps a set alive; one that nobody else holds goes when the table is swept.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::wire::Attrs;

/// The attribute sets of one session.
#[derive(Debug)]
pub struct Interner {
    /// Each set with its hash: growing the table then touches no set.
    sets: HashTable<(u64, Arc<Attrs>)>,
    /// Seeded anew in every process, so that no peer can choose sets that collide. Nothing that can be
    /// observed depends on the seed.
    hasher: RandomState,
    /// How large the table may grow before it is swept.
    sweep_at: usize,
    /// About how many octets have come since it was.
    octets: usize,
    /// How many may.
    sweep_at_octets: usize,
}

/// Below this size sweeping is not worth its while.
const MIN_SWEEP: usize = 1024;

/// The same in octets: sets can be as large as a message, and a peer may send a new one with every route.
const MIN_SWEEP_OCTETS: usize = 1 << 20;

impl Default for Interner {
    fn default() -> Self {
        Interner {
            sets: HashTable::new(),
            hasher: RandomState::default(),
            sweep_at: MIN_SWEEP,
            octets: 0,
            sweep_at_octets: MIN_SWEEP_OCTETS,
        }
    }
}

impl Interner {
    /// An empty one.
    pub fn new() -> Interner {
        Self::default()
    }

    /// The one allocation for this set.
    pub fn intern(&mut self, attrs: Attrs) -> Arc<Attrs> {
        if self.sets.len() >= self.sweep_at || self.octets >= self.sweep_at_octets {
            self.sweep();
        }
        let hash = self.hasher.hash_one(&attrs);
        let same = |(other, set): &(u64, Arc<Attrs>)| *other == hash && **set == attrs;
        match self.sets.entry(hash, same, |(hash, _)| *hash) {
            Entry::Occupied(found) => Arc::clone(&found.get().1),
            Entry::Vacant(room) => {
                self.octets += attrs.weight();
                let set = Arc::new(attrs);
                room.insert((hash, Arc::clone(&set)));
                set
            }
        }
    }

    /// How many sets there are, those included that nobody else holds any more.
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Lets go of the sets that nobody else holds. The next sweep is due when as many have come as have
    /// stayed, by number or by octets: so a set costs a constant share of sweeping, and at most half of the
    /// table is dead.
    fn sweep(&mut self) {
        let mut octets = 0;
        self.sets.retain(|(_, set)| {
            let held = Arc::strong_count(set) > 1;
            octets += if held { set.weight() } else { 0 };
            held
        });
        (self.octets, self.sweep_at_octets) = (0, octets.max(MIN_SWEEP_OCTETS));
        self.sweep_at = (self.sets.len() * 2).max(MIN_SWEEP);
        self.sets.shrink_to(self.sweep_at, |(hash, _)| *hash);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::wire::{Community, NextHop};

    fn set(med: u32) -> Attrs {
        Attrs { med: Some(med), ..Attrs::new(NextHop::Ipv4(Ipv4Addr::new(10, 0, 0, 1))) }
    }

    #[test]
    fn equal_sets_are_one() {
        let mut interner = Interner::new();
        let (a, b, c) = (interner.intern(set(1)), interner.intern(set(1)), interner.intern(set(2)));
        assert!(Arc::ptr_eq(&a, &b) && !Arc::ptr_eq(&a, &c));
        assert_eq!(interner.len(), 2);
    }

    #[test]
    fn what_nobody_holds_goes() {
        let mut interner = Interner::new();
        let held = interner.intern(set(0));
        for med in 1..100_000 {
            interner.intern(set(med));
            assert!(interner.len() <= MIN_SWEEP);
        }
        assert!(Arc::ptr_eq(&held, &interner.intern(set(0))));
    }

    #[test]
    fn large_sets_go_sooner() {
        let mut interner = Interner::new();
        for n in 0..1000 {
            let communities = (0..4096).map(|c| Community(n << 16 | c)).collect();
            interner.intern(Attrs { communities, ..set(0) });
            assert!(interner.len() * 4096 * 4 <= 2 * MIN_SWEEP_OCTETS, "{}", interner.len());
        }
    }

    #[test]
    fn what_is_held_stays() {
        let mut interner = Interner::new();
        let held: Vec<_> = (0..10_000).map(|med| interner.intern(set(med))).collect();
        for (med, arc) in held.iter().enumerate() {
            assert!(Arc::ptr_eq(arc, &interner.intern(set(med as u32))));
        }
        assert_eq!(interner.len(), held.len());
    }
}
