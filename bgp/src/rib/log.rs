//! The change log: which destination changed at which table version.
//!
//! Versions rise by one with each change. Every destination has at most one current entry, that of its last
//! change; an older entry is recognised as stale because the destination knows its own version. So a reader
//! that lags never sees an intermediate state, and the log never holds much more than one entry for each
//! destination: once half of it is stale, every append moves the compaction on by a few entries.

use super::chunked::Chunked;
use super::destination::DestinationId;
use super::version::Version;

/// Entries in order of version, in two runs: `..write` and `read..`. Between them is what the compaction that
/// is under way has left behind; at rest both are 0, and the second run is everything.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: Chunked<Entry>,
    /// Destinations that have an entry.
    current: usize,
    write: usize,
    read: usize,
}

/// A change. The version is kept in halves: that makes twelve bytes instead of sixteen, and there is one for
/// each route.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    version: [u32; 2],
    id: DestinationId,
}

/// Compaction waits for this many stale entries, so that a small table is not compacted all the time.
const MIN_STALE: usize = 1024;

/// Entries that compaction looks at in each append. More than two, or appends would outrun it.
const STEPS: usize = 4;

impl Entry {
    fn new(Version(version): Version, id: DestinationId) -> Entry {
        Entry { version: [(version >> 32) as u32, version as u32], id }
    }

    pub(super) fn version(self) -> Version {
        let [high, low] = self.version.map(u64::from);
        Version(high << 32 | low)
    }

    pub(super) fn id(self) -> DestinationId {
        self.id
    }
}

impl Log {
    /// Appends a change of `id`, whose earlier entry, if it has one, is stale from now on. The version is above
    /// all that were appended before.
    pub(super) fn append(&mut self, version: Version, id: DestinationId, had_entry: bool) {
        self.current += usize::from(!had_entry);
        self.entries.push(Entry::new(version, id));
    }

    /// Says that a destination with an entry has none any more.
    pub(super) fn forget(&mut self) {
        self.current -= 1;
    }

    /// Drops a few stale entries, if there are many.
    pub(super) fn compact(&mut self, is_current: impl Fn(Entry) -> bool) {
        let resting = self.read == 0;
        if resting && self.stale() < self.current + MIN_STALE {
            return;
        }
        for _ in 0..STEPS {
            let Some(&entry) = self.entries.get(self.read) else {
                self.entries.truncate(self.write);
                (self.write, self.read) = (0, 0);
                return;
            };
            self.read += 1;
            if is_current(entry) {
                self.keep(entry);
            }
        }
    }

    /// Where the entries newer than `after` begin.
    pub(super) fn position(&self, after: Version) -> usize {
        let seen = |e: &Entry| e.version() <= after;
        let in_first = self.entries.partition_point(0, self.write, seen);
        if in_first < self.write {
            return in_first;
        }
        self.entries.partition_point(self.read, self.entries.len(), seen)
    }

    /// The entry at `position`, and the position of the next one.
    pub(super) fn entry(&self, position: usize) -> Option<(Entry, usize)> {
        let in_gap = (self.write..self.read).contains(&position);
        let position = if in_gap { self.read } else { position };
        Some((*self.entries.get(position)?, position + 1))
    }

    fn keep(&mut self, entry: Entry) {
        if let Some(slot) = self.entries.get_mut(self.write) {
            *slot = entry;
            self.write += 1;
        }
    }

    fn stale(&self) -> usize {
        let held = self.write + (self.entries.len() - self.read);
        held.saturating_sub(self.current)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Each destination's newest version, and the log.
    #[derive(Default)]
    struct World {
        log: Log,
        head: Version,
        newest: BTreeMap<DestinationId, Version>,
    }

    impl World {
        fn change(&mut self, id: u32) {
            let id = DestinationId(id);
            self.head.0 += 1;
            self.log.append(self.head, id, self.newest.contains_key(&id));
            self.newest.insert(id, self.head);
            self.log.compact(|e| self.newest.get(&e.id()) == Some(&e.version()));
        }

        fn after(&self, version: Version) -> Vec<(Version, DestinationId)> {
            let mut position = self.log.position(version);
            let mut found = Vec::new();
            while let Some((entry, next)) = self.log.entry(position) {
                found.push((entry.version(), entry.id()));
                position = next;
            }
            found.retain(|(version, id)| self.newest.get(id) == Some(version));
            found
        }

        fn expected_after(&self, version: Version) -> Vec<(Version, DestinationId)> {
            let mut newer: Vec<_> = self.newest.iter().map(|(&id, &at)| (at, id)).collect();
            newer.retain(|(at, _)| *at > version);
            newer.sort();
            newer
        }
    }

    #[test]
    fn readers_find_their_place_while_the_log_is_compacted() {
        let mut world = World::default();
        let (mut gaps, mut rests) = (0, 0);
        for i in 0..30_000u32 {
            // Some destinations change all the time, some now and then, some only once.
            world.change(if i % 3 == 0 { i % 1500 } else { i % 7 });
            if i % 97 == 0 {
                *(if world.log.read > 0 { &mut gaps } else { &mut rests }) += 1;
                let after = Version(u64::from(i.wrapping_mul(2_654_435_761) % (i + 2)));
                assert_eq!(world.after(after), world.expected_after(after));
            }
        }
        assert!(gaps > 10 && rests > 10, "both states of the log were read: {gaps} {rests}");
    }

    #[test]
    fn the_log_is_bounded_by_its_destinations() {
        let mut world = World::default();
        for i in 0..100_000 {
            world.change(i % 2000);
            assert!(world.log.entries.len() < 3 * 2000 + 2 * MIN_STALE);
        }
    }
}
