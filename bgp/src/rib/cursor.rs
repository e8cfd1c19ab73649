//! Who reads a table's log, and how far each has come.

use super::version::Version;

/// A registered reader of one table. What it has not seen yet is kept for it, so it must advance, or be
/// closed.
#[derive(Debug, PartialEq, Eq)]
pub struct CursorId {
    index: u32,
    interest: Interest,
}

/// What a reader wants to be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    /// Changes of best paths.
    Best,
    /// Every change of a path.
    Paths,
}

/// The readers' positions.
#[derive(Debug)]
pub(super) struct Cursors {
    positions: Vec<Option<Version>>,
    /// What all have seen. The largest version where there is no reader.
    slowest: Version,
    /// How many of them want to be told of every path.
    of_paths: usize,
}

impl Default for Cursors {
    fn default() -> Self {
        Cursors { positions: Vec::new(), slowest: NOBODY, of_paths: 0 }
    }
}

const NOBODY: Version = Version(u64::MAX);

impl Cursors {
    pub(super) fn open(&mut self, position: Version, interest: Interest) -> CursorId {
        let free = self.positions.iter().position(Option::is_none);
        let index = free.unwrap_or(self.positions.len());
        match self.positions.get_mut(index) {
            Some(slot) => *slot = Some(position),
            None => self.positions.push(Some(position)),
        }
        self.slowest = self.slowest.min(position);
        self.of_paths += usize::from(interest == Interest::Paths);
        CursorId { index: index as u32, interest }
    }

    pub(super) fn position(&self, id: &CursorId) -> Version {
        self.positions.get(id.index as usize).copied().flatten().unwrap_or_default()
    }

    pub(super) fn set(&mut self, id: &CursorId, position: Version) {
        self.put(id, Some(position));
    }

    #[expect(clippy::needless_pass_by_value, reason = "a closed cursor must not be used again")]
    pub(super) fn close(&mut self, id: CursorId) {
        self.of_paths -= usize::from(id.interest == Interest::Paths);
        self.put(&id, None);
    }

    /// Whether somebody wants to be told of every path.
    pub(super) fn want_paths(&self) -> bool {
        self.of_paths > 0
    }

    pub(super) fn slowest(&self) -> Version {
        self.slowest
    }

    fn put(&mut self, id: &CursorId, position: Option<Version>) {
        if let Some(slot) = self.positions.get_mut(id.index as usize) {
            *slot = position;
        }
        self.slowest = self.positions.iter().flatten().min().copied().unwrap_or(NOBODY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_counts() {
        let mut cursors = Cursors::default();
        let (a, b) = (cursors.open(Version(3), Interest::Best), cursors.open(Version(5), Interest::Paths));
        assert!(cursors.want_paths());
        assert_eq!(cursors.slowest(), Version(3));
        cursors.set(&a, Version(9));
        assert_eq!(cursors.slowest(), Version(5));
        cursors.close(b);
        assert_eq!(cursors.slowest(), Version(9));
        assert!(!cursors.want_paths());
        assert_eq!(cursors.open(Version(0), Interest::Best).index, 1, "the place is used again");
        cursors.close(a);
        assert_eq!(cursors.slowest(), Version(0));
    }
}
