//! What may have changed, for a reader who wants to know: off until somebody does, and bounded.

use std::collections::VecDeque;
use std::net::IpAddr;

use bgp::types::{Mac, Vni};

use crate::rows::Place;

/// How many changes wait to be taken. Their owner takes them after each of its turns; what changes more than
/// this between two of them is read anew with less work than row by row.
const LIMIT: usize = 1 << 18;

/// Keys of rows that may have changed, in order. A key may come several times, and come though nothing that
/// shows has changed.
#[derive(Debug)]
pub struct Feed<T> {
    is_on: bool,
    has_overrun: bool,
    changes: VecDeque<T>,
}

/// A row of [`Evpn`](crate::Evpn) that may have changed, appeared or gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// A network; not when only its counts did.
    Vni(Vni),
    /// A MAC.
    Mac(Vni, Mac),
    /// A MAC that is elsewhere now: where it was.
    MacMoved(Vni, Mac, Place),
    /// A neighbour; also when the MAC that it hangs on did.
    Neighbor(Vni, IpAddr),
    /// A VTEP of a flood list.
    Vtep(Vni, IpAddr),
}

impl<T> Default for Feed<T> {
    fn default() -> Self {
        Feed { is_on: false, has_overrun: false, changes: VecDeque::new() }
    }
}

impl<T> Feed<T> {
    /// From now on changes are noted, or no more.
    pub fn set(&mut self, on: bool) {
        if self.is_on != on {
            *self = Feed { is_on: on, ..Feed::default() };
        }
    }

    /// Whether changes are noted.
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Notes a change, if anybody wants to know.
    pub fn push(&mut self, change: T) {
        if !self.is_on {
            return;
        }
        if self.changes.len() < LIMIT {
            self.changes.push_back(change);
        } else {
            self.has_overrun = true;
        }
    }

    /// The next change.
    pub fn poll(&mut self) -> Option<T> {
        let change = self.changes.pop_front();
        if change.is_none() {
            self.changes = VecDeque::new();
        }
        change
    }

    /// Whether changes were lost, since this was last asked.
    pub fn take_overrun(&mut self) -> bool {
        std::mem::take(&mut self.has_overrun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_nothing_unasked_and_owns_up_to_losses() {
        let mut feed = Feed::default();
        feed.push(1);
        assert_eq!(feed.poll(), None);
        feed.set(true);
        (0..=LIMIT).for_each(|change| feed.push(change));
        assert!(feed.take_overrun() && !feed.take_overrun());
        assert_eq!(std::iter::from_fn(|| feed.poll()).count(), LIMIT);
        feed.push(2);
        feed.set(false);
        assert_eq!(feed.poll(), None);
    }
}
