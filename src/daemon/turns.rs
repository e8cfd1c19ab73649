//! How long core is at work before it looks again at what has come: nobody's message waits longer for it.
//!
//! A turn is timed by the clock, since that is what others wait for. Where a processor has other programs to run, a part of it
//! is theirs: the time that the thread itself ran tells how much.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// For so long a long turn counts as a recent one, and up to twice as long.
const RECENT: Duration = Duration::from_secs(60);

/// When a turn begins or ends. No other thread may go on with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) time: Instant,
    /// For how long this thread has run.
    processor: Duration,
}

impl Moment {
    pub(super) fn now() -> Moment {
        let ran = clock_gettime(ClockId::ThreadCPUTime);
        let (seconds, nanoseconds) = (u64::try_from(ran.tv_sec), u32::try_from(ran.tv_nsec));
        let processor = Duration::new(seconds.unwrap_or_default(), nanoseconds.unwrap_or_default());
        Moment { time: Instant::now(), processor }
    }
}

/// The longest turns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turns {
    longest: Duration,
    /// The most processor time that one took.
    busiest: Duration,
    /// In the period that runs.
    this: Duration,
    since: Instant,
    /// In the period before.
    before: Duration,
}

impl Turns {
    pub(super) fn new(now: Instant) -> Turns {
        Turns {
            longest: Duration::ZERO,
            busiest: Duration::ZERO,
            this: Duration::ZERO,
            since: now,
            before: Duration::ZERO,
        }
    }

    /// A turn is over.
    pub(super) fn took(&mut self, began: Moment, ended: Moment) {
        let now = ended.time;
        let turn = now.saturating_duration_since(began.time);
        self.busiest = self.busiest.max(ended.processor.saturating_sub(began.processor));
        let age = now.saturating_duration_since(self.since);
        if age >= RECENT {
            self.before = if age < 2 * RECENT { self.this } else { Duration::ZERO };
            (self.this, self.since) = (Duration::ZERO, now);
        }
        self.longest = self.longest.max(turn);
        self.this = self.this.max(turn);
    }

    /// The longest of all.
    pub(super) fn longest(&self) -> Duration {
        self.longest
    }

    /// The most processor time that one took.
    pub(super) fn busiest(&self) -> Duration {
        self.busiest
    }

    /// The longest of the last minute or two.
    pub(super) fn longest_of_late(&self) -> Duration {
        self.this.max(self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_turn_is_recent_for_a_minute_or_two() {
        let start = Instant::now();
        let mut turns = Turns::new(start);
        // When a turn ends, in seconds from the start, and how many milliseconds it took.
        let seen =
            [(1, 5), (2, 3), (59, 4), (61, 2), (119, 1), (122, 1), (200, 2), (400, 1)].map(|(at, took)| {
                let now = start + Duration::from_secs(at);
                let moment = |time| Moment { time, processor: Duration::ZERO };
                turns.took(moment(now - Duration::from_millis(took)), moment(now));
                (turns.longest().as_millis(), turns.longest_of_late().as_millis())
            });
        assert_eq!(seen, [(5, 5), (5, 5), (5, 5), (5, 5), (5, 5), (5, 2), (5, 2), (5, 1)]);
    }

    #[test]
    fn to_wait_is_no_work() {
        let mut turns = Turns::new(Instant::now());
        let began = Moment::now();
        std::thread::sleep(Duration::from_millis(20));
        turns.took(began, Moment::now());
        assert!(turns.longest() >= Duration::from_millis(20) && turns.busiest() < Duration::from_millis(10));
        let began = Moment::now();
        while began.time.elapsed() < Duration::from_millis(500) && turns.busiest() < Duration::from_millis(10)
        {
            turns.took(began, Moment::now());
        }
        assert!(turns.busiest() >= Duration::from_millis(10));
    }
}
