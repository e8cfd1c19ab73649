//! How many rows stand how: counted as rows change, so that nobody has to walk through a million of them to say.
//!
//! How a row stands follows from many things, and is known for sure only once a change is complete. So a row that may
//! stand otherwise is [noted](Stirred::note), for whoever watches as well, and counted again a little later. With each
//! row stands how it was [`Counted`]: one octet.

use std::collections::VecDeque;

use evpn::Feed;

/// How many rows stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that somebody wants.
    pub wanted: usize,
    /// The kernel has what is wanted.
    pub programmed: usize,
    /// On their way there, or out of it.
    pub pending: usize,
    /// The kernel refused.
    pub failed: usize,
    /// Somebody else has the place.
    pub conflicts: usize,
    /// No next hop resolves.
    pub unreachable: usize,
}

/// How a row stands, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Programmed = 1,
    Pending = 2,
    Failed = 3,
    Conflict = 4,
    Unreachable = 5,
}

/// How a row was counted last: its standing, 0 for none, and whether it was wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted(u8);

const WANTED: u8 = 0x80;

impl Counted {
    /// It stands so.
    pub(crate) fn as_one(standing: Standing, is_wanted: bool) -> Counted {
        Counted(standing as u8 | if is_wanted { WANTED } else { 0 })
    }
}

impl Counts {
    /// A row that was counted so is to be counted otherwise.
    pub(crate) fn replace(&mut self, before: Counted, after: Counted) {
        if before == after {
            return;
        }
        for count in self.counts_of(before).into_iter().flatten() {
            *count = count.saturating_sub(1);
        }
        for count in self.counts_of(after).into_iter().flatten() {
            *count += 1;
        }
    }

    /// Both together.
    pub(crate) fn plus(self, other: Counts) -> Counts {
        Counts {
            wanted: self.wanted + other.wanted,
            programmed: self.programmed + other.programmed,
            pending: self.pending + other.pending,
            failed: self.failed + other.failed,
            conflicts: self.conflicts + other.conflicts,
            unreachable: self.unreachable + other.unreachable,
        }
    }

    /// The counts that a row is in.
    fn counts_of(&mut self, counted: Counted) -> [Option<&mut usize>; 2] {
        let Counts { wanted, programmed, pending, failed, conflicts, unreachable } = self;
        let all = [programmed, pending, failed, conflicts, unreachable];
        let standing = usize::from(counted.0 & !WANTED);
        let one = standing.checked_sub(1).and_then(|place| all.into_iter().nth(place));
        [one, (counted.0 & WANTED != 0).then_some(wanted)]
    }
}

/// Rows counted in one piece.
pub(crate) const PIECE: usize = 2048;

/// Rows counted along with each op: more than an op leaves behind.
pub(crate) const WITH_EACH_OP: usize = 8;

/// How many rows are counted before somebody is told how many there are; of more, it takes too long.
pub(crate) const AT_ONCE: usize = 2 * PIECE;

/// Room that is kept when all have been counted.
const KEPT: usize = 1024;

/// Rows that may stand otherwise than before.
#[derive(Debug)]
pub(crate) struct Stirred<T, K> {
    /// For whoever watches.
    pub(crate) feed: Feed<T>,
    /// To be counted again; a row may come several times.
    uncounted: VecDeque<K>,
}

impl<T, K> Default for Stirred<T, K> {
    fn default() -> Self {
        Stirred { feed: Feed::default(), uncounted: VecDeque::new() }
    }
}

impl<T, K> Stirred<T, K> {
    /// Takes note of a row.
    pub(crate) fn note(&mut self, key: K)
    where
        K: Copy + PartialEq + Into<T>,
    {
        self.feed.push(key.into());
        if self.uncounted.back() != Some(&key) {
            self.uncounted.push_back(key);
        }
    }

    /// How many rows are to be counted again.
    pub(crate) fn uncounted(&self) -> usize {
        self.uncounted.len()
    }

    /// What is to be counted again, so many at most.
    pub(crate) fn take_uncounted(&mut self, limit: usize) -> Vec<K> {
        let taken = self.uncounted.drain(..limit.min(self.uncounted.len())).collect();
        if self.uncounted.is_empty() {
            self.uncounted.shrink_to(KEPT);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_counted_once() {
        let mut counts = Counts::default();
        let programmed = Counted::as_one(Standing::Programmed, true);
        let stale = Counted::as_one(Standing::Pending, false);
        counts.replace(Counted::default(), programmed);
        counts.replace(programmed, programmed);
        assert_eq!(counts, Counts { wanted: 1, programmed: 1, ..Counts::default() });
        counts.replace(programmed, stale);
        assert_eq!(counts, Counts { pending: 1, ..Counts::default() });
        counts.replace(stale, Counted::default());
        assert_eq!(counts, Counts::default());
    }
}
