//! From a key's hash to the number of its entry.
//!
//! One hash table as long as there are few entries; there are two such indices for each VNI. Beyond that several, which
//! grow one after the other and never for long.

use bgp::shard::shard;
use hashbrown::HashTable;

/// With more entries than this there are several tables: moving so many takes about a tenth of a millisecond.
const FEW: usize = 4096;

/// So many.
const SHARDS: usize = 64;

/// Numbers of entries by hash.
#[derive(Debug)]
pub(super) struct Index {
    shards: Vec<HashTable<u32>>,
    len: usize,
}

impl Default for Index {
    fn default() -> Self {
        Index { shards: vec![HashTable::new()], len: 0 }
    }
}

impl Index {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The number with this hash that `is_it`.
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.shards.get(shard(hash, self.shards.len()))?.find(hash, |&id| is_it(id)).copied()
    }

    /// Adds a number that is not in yet. `rehash`: the hash of one that is.
    pub(super) fn insert(&mut self, hash: u64, id: u32, rehash: impl Fn(&u32) -> u64) {
        if self.len == FEW && self.shards.len() == 1 {
            self.spread(&rehash);
        }
        self.put(hash, id, rehash);
    }

    fn put(&mut self, hash: u64, id: u32, rehash: impl Fn(&u32) -> u64) {
        let place = shard(hash, self.shards.len());
        if let Some(shard) = self.shards.get_mut(place) {
            shard.insert_unique(hash, id, rehash);
            self.len += 1;
        }
    }

    /// Takes a number out.
    pub(super) fn remove(&mut self, hash: u64, id: u32) {
        let place = shard(hash, self.shards.len());
        let found = self.shards.get_mut(place).and_then(|s| s.find_entry(hash, |&other| other == id).ok());
        if let Some(entry) = found {
            entry.remove();
            self.len -= 1;
        }
    }

    fn spread(&mut self, rehash: impl Fn(&u32) -> u64) {
        let few = std::mem::replace(&mut self.shards, vec![HashTable::new(); SHARDS]);
        self.len = 0;
        for id in few.into_iter().flatten() {
            self.put(rehash(&id), id, &rehash);
        }
    }
}
