//! The socket between a kernel and the daemon: it holds so much, and what does not fit is lost.

use std::collections::VecDeque;

use fib::KernelEvent;
use fib::OpId;
use fib::op::Dump;

/// Rows of a dump that are there at a time.
pub(super) const DUMPED: usize = 7;

/// A dump under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    pub(super) id: OpId,
    pub(super) dump: Dump,
    /// How many rows have been shown: the kernel walks by position.
    pub(super) position: usize,
}

/// News on its way.
#[derive(Debug)]
pub(super) struct Socket {
    queue: VecDeque<KernelEvent>,
    pub(super) limit: usize,
    /// Too much came: the rest is lost until everything has been read.
    congested: bool,
    overrun: bool,
}

impl Socket {
    pub(super) fn new(limit: usize) -> Socket {
        Socket { queue: VecDeque::new(), limit, congested: false, overrun: false }
    }

    /// Puts news or an answer in. That the first was lost is told, and told once.
    pub(super) fn push(&mut self, event: KernelEvent) {
        if self.queue.len() >= self.limit && !self.congested {
            (self.congested, self.overrun) = (true, true);
        }
        if !self.congested {
            self.queue.push_back(event);
        }
    }

    /// Puts a piece of a dump in, which is made only when there is room, and is never lost.
    pub(super) fn push_dumped(&mut self, event: KernelEvent) {
        self.queue.push_back(event);
    }

    pub(super) fn has_room(&self) -> bool {
        self.queue.len() < self.limit.saturating_sub(DUMPED + 1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && !self.overrun
    }

    /// Up to so many; that some were lost is told when no more are, as fib's driver does.
    pub(super) fn take(&mut self, most: usize) -> Vec<KernelEvent> {
        let most = most.min(self.queue.len());
        let mut events: Vec<_> = self.queue.drain(..most).collect();
        if self.queue.is_empty() {
            self.congested = false;
            events.extend(std::mem::take(&mut self.overrun).then_some(KernelEvent::Overrun));
        }
        events
    }
}
