//! When what the kernel has is looked at though it told nothing: news gets lost without a word, and of some changes there
//! is none (a control plane that changes the destination of a row of ours makes what looks like our own echo).
//!
//! A piece at a time, for nothing is written while a piece is read, and never all at once. A round through all of them
//! takes the configured time, longer where there are many pieces or where reading them is work.

use std::time::{Duration, Instant};

/// The least time between two pieces.
const STEP: Duration = Duration::from_secs(1);

/// Looking takes no more than one part in so many of the time ...
const SHARE: u32 = 200;
/// ... but a piece comes after so many rounds' time, whatever it costs. The kernel's work for a table of a bridge's grows
/// with the square of its rows, so that some are looked at seldom.
const LONGEST: u32 = 60;

/// The time of the next piece. `P` is a place in the round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Audit<P> {
    /// The piece that was looked at last in this round.
    last: Option<P>,
    due: Option<Instant>,
    /// A piece is being looked at.
    runs: bool,
    /// When the last round ended.
    ended: Option<Instant>,
    /// For how long the largest piece was read: of the last round, and of this one so far.
    largest: [Duration; 2],
}

impl<P> Default for Audit<P> {
    fn default() -> Self {
        Audit { last: None, due: None, runs: false, ended: None, largest: [Duration::ZERO; 2] }
    }
}

impl<P: Copy> Audit<P> {
    /// Whether a piece is to be looked at now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        !self.runs && self.due.is_some_and(|due| due <= now)
    }

    /// The piece that was looked at last in this round.
    pub(crate) fn last(&self) -> Option<P> {
        self.last
    }

    /// A piece is being looked at: what turns out otherwise was not told.
    pub(crate) fn is_running(&self) -> bool {
        self.runs
    }

    /// Begins with a piece.
    pub(crate) fn begin(&mut self, piece: P) {
        self.last = Some(piece);
        self.runs = true;
    }

    /// There is no piece left in this round. Says whether there was any.
    pub(crate) fn end_round(&mut self, now: Instant) -> bool {
        let had_some = self.last.take().is_some();
        if had_some {
            self.ended = Some(now);
            let [_, largest] = self.largest;
            self.largest = [largest, Duration::ZERO];
        }
        had_some
    }

    /// Nothing is being looked at any more; for so long it was read. The next piece of so many comes when its time is
    /// there; `None`: no more.
    pub(crate) fn schedule(&mut self, now: Instant, round: Option<Duration>, pieces: usize, read: Duration) {
        self.runs = false;
        // Who stood still meanwhile, and not for long reading, does not read for so long in two rounds.
        let [last, largest] = self.largest;
        let work = read.min(last);
        self.largest = [last, largest.max(read)];
        let pieces = u32::try_from(pieces.max(1)).unwrap_or(u32::MAX);
        self.due =
            round.map(|round| now + (round / pieces).max(STEP).max((work * SHARE).min(round * LONGEST)));
    }

    /// When the last round ended.
    pub(crate) fn ended(&self) -> Option<Instant> {
        self.ended
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.filter(|_| !self.runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND: Option<Duration> = Some(Duration::from_secs(60));

    fn wait(pieces: u32, took: Duration) -> Duration {
        let (mut audit, now) = (Audit::default(), Instant::now());
        let mut wait = || {
            audit.begin(());
            audit.schedule(now, ROUND, pieces as usize, took);
            audit.end_round(now);
            audit.next_due().unwrap() - now
        };
        assert_eq!(wait(), wait_for(pieces), "once is no sign of work");
        wait()
    }

    /// Where reading is no work.
    fn wait_for(pieces: u32) -> Duration {
        (Duration::from_secs(60) / pieces.max(1)).max(STEP)
    }

    #[test]
    fn a_round_takes_its_time_and_more_where_that_is_work() {
        assert_eq!(wait(0, Duration::ZERO), Duration::from_secs(60));
        assert_eq!(wait(4, Duration::from_millis(1)), Duration::from_secs(15));
        assert_eq!(wait(1000, Duration::from_millis(1)), STEP);
        assert_eq!(wait(1000, Duration::from_millis(20)), Duration::from_secs(4));
        assert_eq!(wait(1, Duration::from_secs(9)), Duration::from_secs(1800));
        assert_eq!(wait(1, Duration::from_secs(50)), Duration::from_secs(3600));
    }

    #[test]
    fn without_a_time_nothing_is_looked_at() {
        let mut audit = Audit::<()>::default();
        audit.schedule(Instant::now(), None, 4, Duration::ZERO);
        assert_eq!(audit.next_due(), None);
    }
}
