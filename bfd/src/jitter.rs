//! Jitter: packets of many sessions are not to fall into step (RFC 5880 section 6.8.7).

use std::time::Duration;

/// A small generator of its own (SplitMix64): good enough to spread timers, and the same seed gives the same
/// session.
#[derive(Clone, Debug)]
pub(crate) struct Jitter(u64);

/// By how much an interval is shortened, drawn once for each packet, so that an interval that changes while it
/// runs is shortened alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// In parts of 65536.
    parts: u32,
}

impl Jitter {
    pub(crate) fn new(seed: u64) -> Jitter {
        Jitter(seed)
    }

    /// Up to a quarter. With a detect multiplier of 1 a tenth to a quarter: a packet that is late by no more than
    /// the path's own jitter must not end the session.
    pub(crate) fn draw(&mut self, multiplier: u8) -> Cut {
        const WHOLE: u64 = 1 << 16;
        let (least, most) = if multiplier == 1 { (WHOLE / 10, WHOLE / 4) } else { (0, WHOLE / 4) };
        Cut { parts: (least + self.next() % (most - least + 1)) as u32 }
    }

    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Cut {
    /// What is left of `interval`.
    pub(crate) fn of(self, interval: Duration) -> Duration {
        interval - interval / (1 << 16) * self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shortest and the longest of many, in thousandths of the interval.
    fn range(multiplier: u8) -> (u128, u128) {
        let mut jitter = Jitter::new(7);
        let times: Vec<u128> =
            (0..2000).map(|_| jitter.draw(multiplier).of(Duration::from_secs(1)).as_millis()).collect();
        (times.iter().copied().min().unwrap(), times.iter().copied().max().unwrap())
    }

    #[test]
    fn between_75_and_100_percent() {
        let (least, most) = range(3);
        assert!((750..760).contains(&least) && (990..=1000).contains(&most), "{least} to {most}");
    }

    #[test]
    fn with_a_multiplier_of_one_between_75_and_90_percent() {
        let (least, most) = range(1);
        assert!((750..760).contains(&least) && (890..=900).contains(&most), "{least} to {most}");
    }

    #[test]
    fn the_longest_interval_does_not_overflow() {
        let longest = Duration::from_micros(u32::MAX.into());
        assert!(Jitter::new(1).draw(3).of(longest) > longest / 2);
    }
}
