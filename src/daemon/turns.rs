//! How long core is at work before it looks again at what has come: nobody's message waits longer for it.

use std::time::{Duration, Instant};

/// For so long a long turn counts as a recent one, and up to twice as long.
const RECENT: Duration = Duration::from_secs(60);

/// The longest turns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turns {
    longest: Duration,
    /// In the period that runs.
    this: Duration,
    since: Instant,
    /// In the period before.
    before: Duration,
}

impl Turns {
    pub(super) fn new(now: Instant) -> Turns {
        Turns { longest: Duration::ZERO, this: Duration::ZERO, since: now, before: Duration::ZERO }
    }

    /// A turn that began then is over.
    pub(super) fn took(&mut self, began: Instant, now: Instant) {
        let turn = now.saturating_duration_since(began);
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
                turns.took(now - Duration::from_millis(took), now);
                (turns.longest().as_millis(), turns.longest_of_late().as_millis())
            });
        assert_eq!(seen, [(5, 5), (5, 5), (5, 5), (5, 5), (5, 5), (5, 2), (5, 2), (5, 1)]);
    }
}
