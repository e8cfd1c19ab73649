//! Jitter: peers that were started or lost together are not to act together (RFC 4271 section 10).

use std::time::Duration;

/// A small generator of its own (SplitMix64): good enough to spread timers, and the same seed gives the same
/// session.
#[derive(Clone, Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Jitter {
        Jitter(seed)
    }

    /// Between 75 % and 100 % of `time`.
    pub(super) fn spread(&mut self, time: Duration) -> Duration {
        const STEPS: u32 = 1 << 16;
        let cut = (self.next() >> 48) as u32;
        time - time / 4 / STEPS * cut
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_bounds_and_fills_them() {
        let mut jitter = Jitter::new(7);
        let times: Vec<_> = (0..1000).map(|_| jitter.spread(Duration::from_secs(100)).as_secs()).collect();
        assert!(times.iter().all(|t| (75..=100).contains(t)));
        assert!(times.iter().any(|t| *t < 80) && times.iter().any(|t| *t >= 95));
    }

    #[test]
    fn very_long_times_do_not_overflow() {
        let mut jitter = Jitter::new(1);
        assert!(
            jitter.spread(Duration::from_secs(u32::MAX.into())) > Duration::from_secs(u32::MAX as u64 / 2)
        );
        assert_eq!(jitter.spread(Duration::ZERO), Duration::ZERO);
    }
}
