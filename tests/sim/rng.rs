//! Where all that is random comes from: one seed, one sequence.

use std::time::Duration;

/// SplitMix64: small, and good enough to shake a simulation. Or calm: then everything takes as long, and as
/// much is done at a time, as ever can be, so that what is measured changes only when what is measured does.
#[derive(Clone, Debug)]
pub(crate) struct Rng(Option<u64>);

impl Rng {
    pub(crate) fn new(seed: u64) -> Rng {
        Rng(Some(seed))
    }

    pub(crate) fn calm() -> Rng {
        Rng(None)
    }

    pub(crate) fn next(&mut self) -> u64 {
        let Some(state) = &mut self.0 else { return u64::MAX };
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        match self.0 {
            Some(_) => (self.next() % end as u64) as usize,
            None => end - 1,
        }
    }

    /// From `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// True once in `n` times.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of them.
    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Less than `end`, to the microsecond.
    pub(crate) fn time_below(&mut self, end: Duration) -> Duration {
        Duration::from_micros(self.below(end.as_micros().max(1) as usize) as u64)
    }
}
