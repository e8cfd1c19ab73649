//! The pause after an error: doubled each time, so that a session that cannot work does not keep two routers
//! busy (the DampPeerOscillations of RFC 4271 section 8.1.1).

use std::time::{Duration, Instant};

/// How long to pause next.
#[derive(Clone, Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    established: Option<Instant>,
    /// The other end of a session went without a word.
    lost: bool,
}

impl Backoff {
    /// The first pause.
    pub(super) const FIRST: Duration = Duration::from_secs(1);
    /// The longest.
    pub(super) const LONGEST: Duration = Duration::from_secs(60);
    /// The longest after a session whose other end went without a word. It restarts, and is to be heard again soon,
    /// however often that happens: others wait for its routes.
    pub(super) const AFTER_LOSS: Duration = Duration::from_secs(2);
    /// A session that was established for so long was a good one.
    pub(super) const GOOD: Duration = Duration::from_secs(300);

    /// The session is established.
    pub(super) fn established(&mut self, now: Instant) {
        self.established = Some(now);
    }

    /// The connection of the established session is gone, and nobody has said why.
    pub(super) fn lost(&mut self) {
        self.lost = true;
    }

    /// The session, or an attempt, failed: how long to pause.
    pub(super) fn failed(&mut self, now: Instant) -> Duration {
        let was_good = self.established.take().is_some_and(|since| now - since >= Self::GOOD);
        if was_good {
            self.failures = 0;
        }
        let longest = if std::mem::take(&mut self.lost) { Self::AFTER_LOSS } else { Self::LONGEST };
        let pause = Self::FIRST * (1 << self.failures.min(6));
        self.failures = self.failures.saturating_add(1);
        pause.min(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_a_minute() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        let pauses: Vec<_> = (0..9).map(|_| backoff.failed(now).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn who_restarts_again_and_again_is_heard_soon() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        let mut pause = |lost: bool| {
            backoff.established(now);
            if lost {
                backoff.lost();
            }
            backoff.failed(now).as_secs()
        };
        assert_eq!([true, true, true, true].map(&mut pause), [1, 2, 2, 2]);
        assert_eq!([false, true].map(&mut pause), [16, 2], "an error is one");
    }

    #[test]
    fn five_good_minutes_are_forgiven() {
        let (mut backoff, start) = (Backoff::default(), Instant::now());
        backoff.failed(start);
        backoff.established(start);
        assert_eq!(backoff.failed(start + Backoff::GOOD - Duration::from_secs(1)).as_secs(), 2);
        backoff.established(start);
        assert_eq!(backoff.failed(start + Backoff::GOOD).as_secs(), 1);
        assert_eq!(backoff.failed(start + Backoff::GOOD).as_secs(), 2);
    }
}
