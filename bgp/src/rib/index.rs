//! From a key to its destination's id.
//!
//! The index holds ids only; the key is read in the destination, so it is stored once. It is split into
//! shards by hash: one hash table of a million entries would stop everything to grow, a shard of four
//! thousand does not. They grow one after the other: see [`shard`](crate::shard).

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::shard::shard;
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
        self.shards.get(shard(hash, SHARDS))?.find(hash, |&id| has_key(destinations, id, nlri)).copied()
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
        Some(match shards.get_mut(shard(hash, SHARDS))?.entry(hash, is_it, rehash) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => *entry.insert(add(destinations)).get(),
        })
    }

    /// Takes `id`, whose key is `nlri`, out.
    pub(super) fn remove<N: Nlri>(&mut self, nlri: N, id: DestinationId) {
        let hash = self.state.hash_one(nlri);
        let shard = self.shards.get_mut(shard(hash, SHARDS));
        if let Some(entry) = shard.and_then(|s| s.find_entry(hash, |&found| found == id).ok()) {
            entry.remove();
        }
    }
}

fn has_key<N: Nlri>(destinations: &Chunked<Destination<N>>, id: DestinationId, nlri: N) -> bool {
    destinations.get(id.index()).is_some_and(|destination| destination.nlri() == nlri)
}
