//! A table of hosts: entries found by key, held at small numbers that stay theirs.
//!
//! Entries lie in chunks, so growing neither copies them nor doubles the memory, and the hash index holds
//! four octets an entry. A number is valid until its entry is removed; then another entry may get it.

mod index;

use std::hash::{BuildHasher, Hash};

use hashbrown::DefaultHashBuilder;

use index::Index;

/// Entries per chunk: a few tens of kilobytes.
const CHUNK: usize = 512;

/// What a [`Table`] can hold.
pub trait Keyed {
    /// What identifies an entry.
    type Key: Copy + Eq + Hash;
    /// This entry's.
    fn key(&self) -> Self::Key;
}

/// Entries by key and by number.
#[derive(Debug)]
pub struct Table<T> {
    index: Index,
    hasher: DefaultHashBuilder,
    chunks: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
}

/// A table's entries, on their way out; chunks are freed as they are passed.
pub type IntoEntries<T> = std::iter::Flatten<std::iter::Flatten<std::vec::IntoIter<Vec<Option<T>>>>>;

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table {
            index: Index::default(),
            hasher: DefaultHashBuilder::default(),
            chunks: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T: Keyed> Table<T> {
    /// The number of the entry with this key.
    pub fn find(&self, key: T::Key) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        self.index.find(hash, |id| has_key(&self.chunks, id, key))
    }

    /// The entry with this number.
    pub fn get(&self, id: u32) -> Option<&T> {
        slot(&self.chunks, id)
    }

    /// The entry with this number, to be changed in anything but its key.
    pub fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        let (chunk, at) = position(id);
        self.chunks.get_mut(chunk)?.get_mut(at)?.as_mut()
    }

    /// The number of the entry with this key, which `make` makes if there is none.
    pub fn find_or_insert(&mut self, key: T::Key, make: impl FnOnce() -> T) -> u32 {
        if let Some(id) = self.find(key) {
            return id;
        }
        let id = self.place(make());
        let (chunks, hasher) = (&self.chunks, &self.hasher);
        let rehash = |&id: &u32| slot(chunks, id).map_or(0, |entry| hasher.hash_one(entry.key()));
        self.index.insert(hasher.hash_one(key), id, rehash);
        id
    }

    /// Takes an entry out.
    pub fn remove(&mut self, id: u32) -> Option<T> {
        let (chunk, at) = position(id);
        let entry = self.chunks.get_mut(chunk)?.get_mut(at)?.take()?;
        self.index.remove(self.hasher.hash_one(entry.key()), id);
        self.free.push(id);
        Some(entry)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Entries with their numbers, from a number on.
    pub fn iter_from(&self, from: u32) -> impl Iterator<Item = (u32, &T)> {
        let (first, skip) = position(from);
        let slots = self.chunks.iter().skip(first).flatten().skip(skip);
        slots.zip(from..).filter_map(|(entry, id)| Some((id, entry.as_ref()?)))
    }

    /// One more than the largest number in use: what a loop over numbers stops at.
    pub fn end(&self) -> u32 {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len()) as u32
    }

    /// All entries.
    pub fn into_entries(self) -> IntoEntries<T> {
        self.chunks.into_iter().flatten().flatten()
    }

    fn place(&mut self, entry: T) -> u32 {
        if let Some(id) = self.free.pop() {
            let (chunk, at) = position(id);
            if let Some(slot) = self.chunks.get_mut(chunk).and_then(|c| c.get_mut(at)) {
                *slot = Some(entry);
                return id;
            }
        }
        let id = self.end();
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(Some(entry)),
            _ => {
                let mut chunk = Vec::with_capacity(if self.chunks.is_empty() { 4 } else { CHUNK });
                chunk.push(Some(entry));
                self.chunks.push(chunk);
            }
        }
        id
    }
}

fn position(id: u32) -> (usize, usize) {
    (id as usize / CHUNK, id as usize % CHUNK)
}

fn slot<T>(chunks: &[Vec<Option<T>>], id: u32) -> Option<&T> {
    let (chunk, at) = position(id);
    chunks.get(chunk)?.get(at)?.as_ref()
}

fn has_key<T: Keyed>(chunks: &[Vec<Option<T>>], id: u32, key: T::Key) -> bool {
    slot(chunks, id).is_some_and(|entry| entry.key() == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Entry(u32);

    impl Keyed for Entry {
        type Key = u32;
        fn key(&self) -> u32 {
            self.0
        }
    }

    #[test]
    fn numbers_stay_and_are_used_again() {
        let mut table = Table::default();
        let ids: Vec<u32> = (0..2000).map(|key| table.find_or_insert(key, || Entry(key))).collect();
        assert_eq!(table.find_or_insert(7, || Entry(99)), ids[7]);
        assert_eq!(table.remove(ids[1000]), Some(Entry(1000)));
        assert_eq!((table.find(1000), table.remove(ids[1000])), (None, None));
        assert_eq!(table.find_or_insert(5000, || Entry(5000)), ids[1000]);
        assert_eq!((table.len(), table.end()), (2000, 2000));
        for key in (0..1000).chain(1001..2000) {
            assert_eq!(table.find(key), Some(ids[key as usize]));
        }
    }

    #[test]
    fn many_are_found_as_few_are() {
        let mut table = Table::default();
        for key in 0..20_000 {
            assert_eq!(table.find_or_insert(key, || Entry(key)), key);
        }
        (0..20_000).step_by(2).for_each(|id| assert_eq!(table.remove(id), Some(Entry(id))));
        assert_eq!(table.len(), 10_000);
        assert!((0..20_000).all(|key| table.find(key) == (key % 2 == 1).then_some(key)));
    }

    #[test]
    fn a_walk_goes_on_where_it_stopped() {
        let mut table = Table::default();
        (0..1500).for_each(|key| _ = table.find_or_insert(key, || Entry(key)));
        (0..1500).filter(|key| key % 3 == 0).for_each(|key| _ = table.remove(key));
        let whole: Vec<u32> = table.iter_from(0).map(|(id, _)| id).collect();
        let halves = table.iter_from(0).take(700).map(|(id, _)| id);
        let rest = table.iter_from(whole[699] + 1).map(|(id, _)| id);
        assert_eq!(halves.chain(rest).collect::<Vec<_>>(), whole);
        assert_eq!(table.into_entries().count(), 1000);
    }
}
