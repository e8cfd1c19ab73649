//! Chance that can be had again: a test that leaves something to it prints the seed, and takes one from the environment.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use anyhow::{Context, Result};

/// Names the seed of a run that is to be done again.
const SEED_VARIABLE: &str = "LINNET_SEED";
/// Names how many rounds are to be done.
const ROUNDS_VARIABLE: &str = "LINNET_ROUNDS";

/// Numbers at random, the same ones for the same seed (the generator is Marsaglia's xorshift64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Its seed is printed.
    ///
    /// # Errors
    /// The environment has one that is no number.
    pub fn new() -> Result<Random> {
        let seed = from_environment(SEED_VARIABLE)?.unwrap_or_else(|| RandomState::new().hash_one(()) | 1);
        println!("{SEED_VARIABLE}={seed}");
        Ok(Random(seed))
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound.max(1)
    }

    /// A time below `bound`, to the microsecond.
    pub fn time_below(&mut self, bound: Duration) -> Duration {
        Duration::from_micros(self.below(bound.as_micros() as u64))
    }
}

/// How many rounds a test is to do that does a few of many as a rule.
///
/// # Errors
/// The environment has something else than a number.
pub fn rounds(as_a_rule: u64) -> Result<u64> {
    Ok(from_environment(ROUNDS_VARIABLE)?.unwrap_or(as_a_rule))
}

fn from_environment(variable: &str) -> Result<Option<u64>> {
    let number = |text: String| text.parse().with_context(|| format!("{variable} is {text}"));
    std::env::var(variable).ok().map(number).transpose()
}
