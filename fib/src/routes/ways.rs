//! What routes have in common: sets of next hops, each held once however many routes share it.

use std::hash::{BuildHasher, Hash};
use std::num::NonZeroU32;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::event::{Hops, Route, RouteKind};

/// What a route of ours does in the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ways {
    /// Sends packets on, by one of these: sorted, each once.
    Via(Hops),
    /// Drops them.
    Blackhole,
    /// Something that is never asked for, and which carries our protocol all the same.
    Other,
}

impl Ways {
    /// By these, in whatever order.
    pub(crate) fn via(mut hops: Hops) -> Ways {
        hops.sort_unstable();
        hops.dedup();
        Ways::Via(hops)
    }

    /// What a route that was seen does.
    pub(super) fn of(route: &Route) -> Ways {
        match route.kind {
            RouteKind::Unicast => Ways::via(route.hops.clone()),
            RouteKind::Blackhole => Ways::Blackhole,
            RouteKind::Refuses => Ways::Other,
        }
    }
}

/// A shared value's place, for as long as somebody uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Id(NonZeroU32);

impl Id {
    fn new(index: usize) -> Id {
        Id(NonZeroU32::MIN.saturating_add(index as u32))
    }

    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// Below so many values none is ever cleared away.
const FEW: usize = 64;

/// Equal values, held once. Who uses them is not counted: once the pool has doubled its owner says which are in use,
/// and the others go.
#[derive(Debug)]
pub(super) struct Pool<T> {
    values: Vec<Option<Arc<T>>>,
    index: HashTable<Id>,
    hasher: FixedState,
    free: Vec<Id>,
    full_at: usize,
}

impl<T: Eq + Hash> Pool<T> {
    pub(super) fn new(seed: u64) -> Pool<T> {
        let hasher = FixedState::with_seed(seed);
        Pool { values: Vec::new(), index: HashTable::new(), hasher, free: Vec::new(), full_at: FEW }
    }

    pub(super) fn get(&self, id: Id) -> Option<&Arc<T>> {
        self.values.get(id.index())?.as_ref()
    }

    /// The place of a value that is equal, made if there is none.
    pub(super) fn intern(&mut self, value: T) -> Id {
        let hash = self.hasher.hash_one(&value);
        let is_equal = |id: &Id| slot(&self.values, *id) == Some(&value);
        if let Some(id) = self.index.find(hash, is_equal) {
            return *id;
        }
        let id = self.place(Arc::new(value));
        let (values, hasher) = (&self.values, &self.hasher);
        self.index.insert_unique(hash, id, |id| slot(values, *id).map_or(0, |value| hasher.hash_one(value)));
        id
    }

    fn place(&mut self, value: Arc<T>) -> Id {
        let id = self.free.pop().unwrap_or_else(|| Id::new(self.values.len()));
        match self.values.get_mut(id.index()) {
            Some(slot) => *slot = Some(value),
            None => self.values.push(Some(value)),
        }
        id
    }

    /// Whether it is time to clear away what nobody uses.
    pub(super) fn is_full(&self) -> bool {
        self.index.len() >= self.full_at
    }

    /// Clears away what is not `used`, a mark for each place.
    pub(super) fn keep(&mut self, used: &Used) {
        for (index, slot) in self.values.iter_mut().enumerate() {
            let id = Id::new(index);
            if !used.has(id) && slot.take().is_some() {
                self.free.push(id);
            }
        }
        self.index.retain(|id| used.has(*id));
        self.full_at = (2 * self.index.len()).max(FEW);
    }

    /// The values with their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Id, &T)> {
        let places = self.values.iter().enumerate();
        places.filter_map(|(index, value)| Some((Id::new(index), value.as_deref()?)))
    }
}

fn slot<T>(values: &[Option<Arc<T>>], id: Id) -> Option<&T> {
    values.get(id.index())?.as_deref()
}

/// The places in use.
#[derive(Debug, Default)]
pub(super) struct Used(Vec<bool>);

impl Used {
    pub(super) fn mark(&mut self, id: Id) {
        if self.0.len() <= id.index() {
            self.0.resize(id.index() + 1, false);
        }
        self.0.get_mut(id.index()).into_iter().for_each(|used| *used = true);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, id: Id) -> bool {
        self.0.get(id.index()).is_some_and(|used| *used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_a_place_and_unused_ones_go() {
        let mut pool = Pool::new(1);
        let ids: Vec<Id> = (0..FEW as u32).map(|n| pool.intern(n)).collect();
        assert_eq!((pool.intern(7), pool.is_full()), (ids[7], true));
        let mut used = Used::default();
        ids.iter().skip(1).step_by(2).for_each(|id| used.mark(*id));
        pool.keep(&used);
        assert_eq!(pool.iter().count(), FEW / 2);
        assert_eq!((pool.get(ids[0]), pool.get(ids[7]).map(|value| **value)), (None, Some(7)));
        assert!(!pool.is_full());
        let again = pool.intern(1000);
        assert!(ids.contains(&again), "a place is used again");
        assert_eq!(pool.intern(1000), again);
    }
}
