//! From a key to its destination's id.
//!
//! The index holds ids only; the key is read in the destination, so it is stored once. It is split into
//! shards by hash: one hash table of a million entries would stop everything to grow, a shard of four
//! thousand does not. Shards of equal size would all grow at the same time, which comes to the same; so the
//! last is half as full as the first, and one after the other grows on the way to twice as many entries.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::wire::Nlri;

use super::chunked::Chunked;
use super::destination::{Destination, DestinationId};

#[derive(Debug)]
pub(super) struct Index {
    shards: Vec<HashTable<DestinationId>>,
    state: FixedState,
}

const SHARDS: usize = 256;

impl Index {
    /// The seed keeps senders from choosing keys that collide.
    pub(super) fn new(seed: u64) -> Index {
        Index { shards: vec![HashTable::new(); SHARDS], state: FixedState::with_seed(seed) }
    }

    pub(super) fn find<N: Nlri>(
        &self,
        destinations: &Chunked<Destination<N>>,
        nlri: N,
    ) -> Option<DestinationId> {
        let hash = self.state.hash_one(nlri);
        self.shards.get(shard(hash))?.find(hash, |&id| has_key(destinations, id, nlri)).copied()
    }

    /// The id of `nlri`; if it has none, the one that `add` makes with what it is given.
    pub(super) fn find_or_add<N: Nlri>(
        &mut self,
        destinations: &mut Chunked<Destination<N>>,
        nlri: N,
        add: impl FnOnce(&mut Chunked<Destination<N>>) -> DestinationId,
    ) -> Option<DestinationId> {
        let Index { shards, state } = self;
        let hash = state.hash_one(nlri);
        let rehash = |&id: &DestinationId| {
            destinations.get(id.index()).map_or(0, |destination| state.hash_one(destination.nlri()))
        };
        let is_it = |&id: &DestinationId| has_key(destinations, id, nlri);
        Some(match shards.get_mut(shard(hash))?.entry(hash, is_it, rehash) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => *entry.insert(add(destinations)).get(),
        })
    }

    /// Takes `id`, whose key is `nlri`, out.
    pub(super) fn remove<N: Nlri>(&mut self, nlri: N, id: DestinationId) {
        let hash = self.state.hash_one(nlri);
        let shard = self.shards.get_mut(shard(hash));
        if let Some(entry) = shard.and_then(|s| s.find_entry(hash, |&found| found == id).ok()) {
            entry.remove();
        }
    }
}

/// By bits of the hash that the hash table itself does not use: it takes the lowest for the place and the
/// highest seven for the tag.
///
/// A shard's share falls from the first to the last, by half in all: its number is `SHARDS * (2^u - 1)` of a `u` that is
/// spread evenly in 0..1. The power is near enough `1 + u * (0.6565 + 0.3435 * u)`.
fn shard(hash: u64) -> usize {
    let u = (hash >> 40) & 0xffff;
    ((u * (43_024 + (u * 22_512 >> 16))) >> 16) as usize * SHARDS >> 16
}

fn has_key<N: Nlri>(destinations: &Chunked<Destination<N>>, id: DestinationId, nlri: N) -> bool {
    destinations.get(id.index()).is_some_and(|destination| destination.nlri() == nlri)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How full shards are decides when they grow: no large part of them at once.
    #[test]
    fn shards_are_filled_unevenly() {
        let mut filled = vec![0_u32; SHARDS];
        (0..=0xffff_u64).for_each(|u| filled[shard(u << 40)] += 1);
        let (least, most) = (filled.iter().min().unwrap(), filled.iter().max().unwrap());
        assert!((1.9..2.2).contains(&(f64::from(*most) / f64::from(*least))), "{least} to {most}");
        assert!(filled.is_sorted_by(|a, b| *a + 3 >= *b), "{filled:?}");
    }
}
