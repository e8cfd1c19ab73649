//! A prefix: what is wanted under it, and the route of ours that the kernel was seen to have.

use ipnet::IpNet;

use super::ways::Id;
use crate::tally::Counted;

/// Both sides of a prefix.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) prefix: IpNet,
    /// In the pool of what is wanted.
    pub(super) wanted: Option<Id>,
    /// In the pool of ways: our route with our metric, as the kernel has it.
    pub(super) seen: Option<Id>,
    marks: u8,
    pub(super) counted: Counted,
}

/// A thing that is so of an entry, or is not.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    /// Is in the queue.
    Dirty = 1,
    /// Has an op under way. It gets no second one before that is over.
    InFlight = 2,
    /// The kernel reported something of it since that op was given out.
    Touched = 4,
    /// Such a report and an op have crossed, or an op that replaces failed: the kernel may have something else of ours
    /// than was seen, or nothing.
    Doubt = 8,
    /// A former run left it, and it was not wanted since.
    Found = 16,
    /// Was seen since the running dump began.
    Fresh = 32,
    /// One of its next hops is within its prefix.
    Inward = 64,
}

impl Entry {
    pub(super) fn new(prefix: IpNet) -> Entry {
        Entry { prefix, wanted: None, seen: None, marks: 0, counted: Counted::default() }
    }

    pub(super) fn is(&self, mark: Mark) -> bool {
        self.marks & mark as u8 != 0
    }

    pub(super) fn set(&mut self, mark: Mark, holds: bool) {
        match holds {
            true => self.marks |= mark as u8,
            false => self.marks &= !(mark as u8),
        }
    }

    /// Nothing is to be remembered of it.
    pub(super) fn is_vacant(&self) -> bool {
        self.wanted.is_none()
            && self.seen.is_none()
            && ![Mark::Dirty, Mark::InFlight, Mark::Doubt].iter().any(|mark| self.is(*mark))
    }
}

impl evpn::table::Keyed for Entry {
    type Key = IpNet;

    fn key(&self) -> IpNet {
        self.prefix
    }
}
