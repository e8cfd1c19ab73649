//! How long to wait for an API server, and between two turns with it.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The times of [`follow`](crate::follow).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The pause after a first failure; each further one doubles it.
    pub first_pause: Duration,
    /// The longest pause. A watch that has stood for so long has the next pause be the first again.
    pub longest_pause: Duration,
    /// How long the beginning of an answer may take.
    pub answer: Duration,
    /// How long a watch is asked to stand, in whole seconds. A server that has vanished is noticed a little after.
    pub watch: Duration,
}

impl Default for Pace {
    /// One second to half a minute between attempts, half a minute for an answer, and a little less than the five
    /// minutes for a watch after which many a load balancer closes an idle connection.
    fn default() -> Pace {
        Pace {
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(30),
            answer: Duration::from_secs(30),
            watch: Duration::from_secs(290),
        }
    }
}

/// The pauses between turns.
#[derive(Debug)]
pub(crate) struct Pauses {
    pace: Pace,
    next: Duration,
    jitter: RandomState,
}

impl Pauses {
    pub(crate) fn new(pace: Pace) -> Pauses {
        Pauses { pace, next: pace.first_pause, jitter: RandomState::new() }
    }

    /// The pause to make after a turn that took so long, well or not: a server that ends each watch at once is no
    /// better than one that is away. Half of it is fixed and half is chance, so that the nodes of a cluster whose server
    /// comes back do not all ask in the same moment.
    pub(crate) fn after(&mut self, turn: Duration) -> Duration {
        if turn >= self.pace.longest_pause {
            self.next = self.pace.first_pause;
        }
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(self.pace.longest_pause);
        let chance = (self.jitter.hash_one(pause) % 1000) as u32;
        pause / 2 + pause / 2 * chance / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut pauses = Pauses::new(Pace::default());
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            let pause = pauses.after(Duration::ZERO);
            let whole = Duration::from_secs(seconds);
            assert!((whole / 2..=whole).contains(&pause), "{pause:?} for {whole:?}");
        }
    }

    #[test]
    fn a_watch_that_stood_for_long_ends_the_growth() {
        let mut pauses = Pauses::new(Pace::default());
        for _ in 0..9 {
            pauses.after(Duration::ZERO);
        }
        assert!(pauses.after(Duration::from_secs(290)) <= Duration::from_secs(1));
    }
}
