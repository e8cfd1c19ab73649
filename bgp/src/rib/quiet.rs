//! Changes that leave the best path as it is: kept only while somebody reads them.
//!
//! Most readers want the best path of each destination, and the table's log tells them no more. A reader of all
//! paths needs to know of every change. These others have a log of their own, which costs nothing while there
//! is no such reader. Both logs count the same versions; a destination is current in one of them only, the one
//! that has its newest change, so that both together are read like one.

use super::destination::DestinationId;
use super::log::{Entry, Log};
use super::version::Version;

#[derive(Debug, Default)]
pub(super) struct QuietLog {
    log: Log,
    /// For each destination the version of its entry; 0 where there is none, or its best path has changed since.
    versions: Vec<Option<Box<[Version; CHUNK]>>>,
}

const CHUNK: usize = 1024;

impl QuietLog {
    /// Something about `id` has changed, and not its best path.
    pub(super) fn append(&mut self, version: Version, id: DestinationId) {
        let before = self.replace(id, version);
        self.log.append(version, id, before != Version(0));
        let versions = &self.versions;
        self.log.compact(|entry| newest(versions, entry.id()) == entry.version());
    }

    /// The best path of `id` has changed: an entry here is old.
    pub(super) fn overtake(&mut self, id: DestinationId) {
        if self.newest(id) != Version(0) {
            self.replace(id, Version(0));
            self.log.forget();
        }
    }

    /// The version of the entry of `id`; 0 where there is none.
    pub(super) fn newest(&self, id: DestinationId) -> Version {
        newest(&self.versions, id)
    }

    /// See [`Log::position`].
    pub(super) fn position(&self, after: Version) -> usize {
        self.log.position(after)
    }

    /// See [`Log::entry`].
    pub(super) fn entry(&self, position: usize) -> Option<(Entry, usize)> {
        self.log.entry(position)
    }

    fn replace(&mut self, id: DestinationId, version: Version) -> Version {
        let index = id.index() / CHUNK;
        if index >= self.versions.len() {
            self.versions.resize_with(index + 1, || None);
        }
        let chunk = self
            .versions
            .get_mut(index)
            .map(|chunk| chunk.get_or_insert_with(|| Box::new([Version(0); CHUNK])));
        let slot = chunk.and_then(|chunk| chunk.get_mut(id.index() % CHUNK));
        slot.map(|slot| std::mem::replace(slot, version)).unwrap_or_default()
    }
}

fn newest(versions: &[Option<Box<[Version; CHUNK]>>], id: DestinationId) -> Version {
    let chunk = versions.get(id.index() / CHUNK).and_then(Option::as_ref);
    chunk.and_then(|chunk| chunk.get(id.index() % CHUNK)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use ipnet::Ipv4Net;

    use super::super::Table;
    use super::super::testing::{attrs, decision, key, route};
    use crate::types::PeerId;

    #[test]
    fn only_readers_of_all_paths_are_told_of_what_did_not_win() {
        let (mut table, decision) = (Table::<Ipv4Net>::new(1), decision(8));
        let announce = |table: &mut Table<Ipv4Net>, peer, n, path: &[u32]| {
            table.announce(&decision, PeerId(peer), 0, &attrs(path).into(), &[route(n)]);
        };
        let keys = |changes: super::super::Changes<'_, Ipv4Net>| changes.map(|c| c.nlri).collect::<Vec<_>>();
        announce(&mut table, 3, 0, &[1]);
        announce(&mut table, 4, 0, &[1, 2]);
        assert_eq!(table.head().0, 1, "nobody reads it");
        let cursor = table.open_paths_cursor(Default::default());
        announce(&mut table, 3, 1, &[1]);
        announce(&mut table, 5, 0, &[1, 2]);
        assert_eq!(keys(table.path_changes(Default::default(), 9)), [key(1), key(0)], "each once");
        let seen = table.head();
        announce(&mut table, 5, 0, &[1, 2, 3]);
        assert_eq!(keys(table.path_changes(seen, 9)), [key(0)]);
        assert_eq!(keys(table.changes(seen, 9)), []);
        announce(&mut table, 6, 0, &[]);
        assert_eq!(keys(table.path_changes(seen, 9)), [key(0)]);
        assert_eq!(keys(table.changes(seen, 9)), [key(0)]);
        table.close_cursor(cursor);
        let head = table.head();
        announce(&mut table, 5, 0, &[1, 2]);
        assert_eq!(table.head(), head);
    }
}
