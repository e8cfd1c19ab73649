//! Looking at everything: at the start, after an overrun, and at a part of it whenever that is in doubt.
//!
//! The kernel walks its tables by position. A row that goes away behind the walk makes it skip one that is
//! there, so a dump during which rows went away is repeated before anything is concluded from what it did not
//! show. While a dump is due or running no row is written.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::op::OpId;

/// Between the starts of two looks at everything: what is overrun again and again must get time to drain.
const PAUSE: Duration = Duration::from_secs(1);
/// A dump that takes longer is given up: its end was lost.
const LONGEST: Duration = Duration::from_secs(60);
/// A disturbed dump is repeated so often; then it counts, since some tables never hold still.
const TRIES: u8 = 3;
/// The dumps to come and the one that runs. `D` says what to dump.
#[derive(Debug)]
pub(crate) struct Dumps<D> {
    /// A look at everything, in this order.
    everything: Vec<D>,
    waiting: VecDeque<D>,
    running: Option<Running<D>>,
    not_before: Option<Instant>,
    /// When the last look at everything began.
    last: Option<Instant>,
    /// A look at everything is not complete.
    full: bool,
    /// How often the foremost dump was disturbed.
    disturbances: u8,
    /// For how long dumps have been read since [`Dumps::take_worked`].
    worked: Duration,
}

#[derive(Debug)]
struct Running<D> {
    id: OpId,
    dump: D,
    since: Instant,
    /// Rows went away meanwhile.
    disturbed: bool,
    /// News was lost meanwhile, so its end means nothing.
    void: bool,
}

/// What a dump's end means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended<D> {
    /// Nothing: it is not the one that runs, or it is repeated.
    Nothing,
    /// What it did not show is not there.
    Complete(D),
}

impl<D: Copy + PartialEq> Dumps<D> {
    /// A look at everything is the first thing to do.
    pub(crate) fn new(everything: impl IntoIterator<Item = D>) -> Dumps<D> {
        let everything: Vec<D> = everything.into_iter().collect();
        Dumps {
            waiting: everything.iter().copied().collect(),
            everything,
            running: None,
            not_before: None,
            last: None,
            full: true,
            disturbances: 0,
            worked: Duration::ZERO,
        }
    }

    /// News was lost: look at everything again.
    pub(crate) fn look_at_everything(&mut self, now: Instant) {
        self.waiting = self.everything.iter().copied().collect();
        self.full = true;
        self.not_before = self.last.map(|last| last + PAUSE).filter(|due| *due > now);
        if let Some(running) = &mut self.running {
            running.void = true;
        }
    }

    /// Looks at these, too.
    pub(crate) fn look_at(&mut self, parts: impl IntoIterator<Item = D>) {
        self.waiting.extend(parts);
    }

    /// Everything is this from now on.
    pub(crate) fn set_everything(&mut self, everything: impl IntoIterator<Item = D>) {
        self.everything = everything.into_iter().collect();
    }

    /// All that there is to look at.
    pub(crate) fn everything(&self) -> &[D] {
        &self.everything
    }

    /// What is still to be looked at.
    pub(crate) fn waiting(&self) -> impl ExactSizeIterator<Item = &D> {
        self.waiting.iter()
    }

    /// Does without those looks that are not `needed`.
    pub(crate) fn retain(&mut self, needed: impl FnMut(&D) -> bool) {
        self.waiting.retain(needed);
    }

    /// News was lost, and everything is looked at because of it (or for the first time).
    pub(crate) fn is_lossy(&self) -> bool {
        self.full
    }

    /// Nothing to look at: rows may be written.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_none()
    }

    /// The dump to start now. Ordinary ones wait until no op is in flight, so that our own deletions do not
    /// disturb them; after an overrun answers may be lost and there is nothing to wait for.
    pub(crate) fn next(&mut self, now: Instant, quiet: bool) -> Option<D> {
        self.give_up(now);
        let due = self.not_before.is_none_or(|due| due <= now);
        let free = self.running.is_none() && due && (quiet || self.full);
        self.waiting.front().copied().filter(|_| free)
    }

    /// Notes that the dump `next` gave has started.
    pub(crate) fn started(&mut self, now: Instant, id: OpId) {
        let Some(dump) = self.waiting.pop_front() else { return };
        if self.everything.first() == Some(&dump) {
            self.last = Some(now);
        }
        self.running = Some(Running { id, dump, since: now, disturbed: false, void: false });
    }

    /// A row went away.
    pub(crate) fn disturb(&mut self) {
        if let Some(running) = &mut self.running {
            running.disturbed = true;
        }
    }

    /// Takes the end of a dump.
    pub(crate) fn ended(&mut self, now: Instant, id: OpId, intact: bool) -> Ended<D> {
        let Some(running) = self.running.take_if(|running| running.id == id) else { return Ended::Nothing };
        self.worked += now.saturating_duration_since(running.since);
        if running.void {
            return Ended::Nothing;
        }
        if (running.disturbed || !intact) && self.disturbances < TRIES {
            self.disturbances += 1;
            self.waiting.push_front(running.dump);
            return Ended::Nothing;
        }
        self.disturbances = 0;
        Ended::Complete(running.dump)
    }

    /// For how long dumps have been read since this was last asked.
    pub(crate) fn take_worked(&mut self) -> Duration {
        std::mem::take(&mut self.worked)
    }

    /// The kernel refused the dump, or its end was lost.
    pub(crate) fn failed(&mut self, now: Instant) {
        if let Some(running) = self.running.take().filter(|running| !running.void) {
            self.waiting.push_front(running.dump);
            self.not_before = Some(now + PAUSE);
        }
    }

    /// Whether a look at everything has just become complete. Says so once.
    pub(crate) fn take_synced(&mut self) -> bool {
        let synced = self.full && self.is_idle();
        self.full &= !synced;
        synced
    }

    /// When [`Dumps::next`] gives one though nothing happened; `quiet` as there.
    pub(crate) fn next_due(&self, quiet: bool) -> Option<Instant> {
        let lost = self.running.as_ref().map(|running| running.since + LONGEST);
        let is_free = self.running.is_none() && (quiet || self.full);
        let waits = self.not_before.filter(|_| is_free && !self.waiting.is_empty());
        lost.or(waits)
    }

    /// A dump whose end was lost stands for more that was lost, answers to ops among it: to wait for them before
    /// the next dump would be to wait for ever.
    fn give_up(&mut self, now: Instant) {
        if self.running.take_if(|running| running.since + LONGEST <= now).is_some() {
            self.look_at_everything(now);
            self.not_before = Some(now + PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(dumps: &mut Dumps<char>, now: Instant, id: u32) -> Option<char> {
        let dump = dumps.next(now, true)?;
        dumps.started(now, OpId(id));
        Some(dump)
    }

    fn synced(now: Instant) -> Dumps<char> {
        let mut dumps = Dumps::new("abc".chars());
        for id in 0..3 {
            let dump = run(&mut dumps, now, id).unwrap();
            assert!(!dumps.take_synced());
            assert_eq!(dumps.ended(now, OpId(id), true), Ended::Complete(dump));
        }
        assert!(dumps.take_synced());
        assert!(!dumps.take_synced());
        dumps
    }

    #[test]
    fn a_disturbed_dump_is_repeated_but_not_for_ever() {
        let now = Instant::now();
        let mut dumps = synced(now);
        dumps.look_at(['b']);
        for id in 10..10 + u32::from(TRIES) {
            assert!(run(&mut dumps, now, id).is_some());
            dumps.disturb();
            assert_eq!(dumps.ended(now, OpId(id), true), Ended::Nothing);
        }
        let dump = run(&mut dumps, now, 20).unwrap();
        dumps.disturb();
        assert_eq!(dumps.ended(now, OpId(20), true), Ended::Complete(dump));
    }

    #[test]
    fn an_overrun_voids_the_dump_and_starts_over_after_a_pause() {
        let now = Instant::now();
        let mut dumps = synced(now);
        dumps.look_at(['b']);
        assert!(run(&mut dumps, now, 10).is_some());
        dumps.look_at_everything(now);
        assert_eq!(dumps.ended(now, OpId(10), true), Ended::Nothing);
        assert_eq!(run(&mut dumps, now, 11), None);
        assert_eq!(dumps.next_due(true), Some(now + PAUSE));
        assert_eq!(run(&mut dumps, now + PAUSE, 11), Some('a'));
    }

    #[test]
    fn a_dump_without_an_end_is_given_up_and_everything_looked_at() {
        let now = Instant::now();
        let mut dumps = synced(now);
        dumps.look_at(['b']);
        assert!(run(&mut dumps, now, 10).is_some());
        assert_eq!(run(&mut dumps, now, 11), None);
        assert_eq!(dumps.next_due(true), Some(now + LONGEST));
        assert_eq!(run(&mut dumps, now + LONGEST, 11), None);
        let later = now + LONGEST + PAUSE;
        assert_eq!(dumps.next(later, false), Some('a'));
    }
}
