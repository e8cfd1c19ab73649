//! The socket between a kernel and the daemon: it holds so much, and what does not fit is lost.

use std::collections::VecDeque;

/// Rows of a dump that are there at a time.
pub(super) const DUMPED: usize = 7;

/// News that it holds, as a rule.
pub(super) const WIDE: usize = 4000;
/// News that it holds where it is to overflow.
pub(super) const NARROW: usize = 3;

/// News on its way.
#[derive(Debug)]
pub(super) struct Socket<E> {
    queue: VecDeque<E>,
    pub(super) limit: usize,
    /// Too much came: the rest is lost until everything has been read.
    congested: bool,
    /// That some were lost is to be told, in these words.
    overrun: Option<E>,
    words: E,
    /// How often some were lost.
    pub(super) overruns: u64,
}

impl<E: Clone> Socket<E> {
    /// One that says `words` when news was lost.
    pub(super) fn new(words: E) -> Socket<E> {
        Socket { queue: VecDeque::new(), limit: WIDE, congested: false, overrun: None, words, overruns: 0 }
    }

    /// Puts news or an answer in. That the first was lost is told, and told once.
    pub(super) fn push(&mut self, event: E) {
        if self.queue.len() >= self.limit && !self.congested {
            self.congested = true;
            self.overruns += 1;
            self.overrun = Some(self.words.clone());
        }
        if !self.congested {
            self.queue.push_back(event);
        }
    }

    /// Puts a piece of a dump in, which is made only when there is room, and is never lost.
    pub(super) fn push_dumped(&mut self, event: E) {
        self.queue.push_back(event);
    }

    pub(super) fn has_room(&self) -> bool {
        self.queue.len() < self.limit.saturating_sub(DUMPED).max(1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.overrun.is_none()
    }

    /// Up to so many; that some were lost is told when no more are, as fib's driver does.
    pub(super) fn take(&mut self, most: usize) -> Vec<E> {
        let most = most.min(self.queue.len());
        let mut events: Vec<_> = self.queue.drain(..most).collect();
        if self.queue.is_empty() {
            self.congested = false;
            events.extend(self.overrun.take());
        }
        events
    }
}
