//! What came of tests, read from what libtest prints.

use std::fmt;
use std::ops::AddAssign;

/// What came of some tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// How many passed.
    pub(crate) passed: usize,
    /// Those that failed, by name.
    pub(crate) failures: Vec<String>,
    /// Those that did not run.
    pub(crate) skips: Vec<Skip>,
}

/// A test that did not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Skip {
    pub(crate) test: String,
    pub(crate) reason: String,
}

impl Outcome {
    /// Takes one line of libtest's output down.
    pub(crate) fn read(&mut self, line: &str) {
        let Some((test, result)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... "))
        else {
            return;
        };
        match result.split_once(", ").unwrap_or((result, "ignored in the source")) {
            ("ok", _) => self.passed += 1,
            ("FAILED", _) => self.failures.push(test.into()),
            ("ignored", reason) => self.skips.push(Skip { test: test.into(), reason: reason.into() }),
            _ => {}
        }
    }

    /// Counts tests as skipped that libtest, which knows no skip at run time, took for passed.
    pub(crate) fn with_skips(mut self, skips: Vec<Skip>) -> Outcome {
        self.passed = self.passed.saturating_sub(skips.len());
        self.skips.extend(skips);
        self
    }
}

impl AddAssign for Outcome {
    fn add_assign(&mut self, other: Outcome) {
        self.passed += other.passed;
        self.failures.extend(other.failures);
        self.skips.extend(other.skips);
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome { passed, failures, skips } = self;
        write!(f, "{passed} passed, {} failed, {} skipped", failures.len(), skips.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtests_lines_are_counted() {
        let mut outcome = Outcome::default();
        for line in [
            "running 4 tests",
            "test wire::open ... ok",
            "test wire::update - should panic ... ok",
            "test rib::best ... FAILED",
            "test rib::slow ... ignored, takes a minute",
            "test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out",
        ] {
            outcome.read(line);
        }
        assert_eq!(outcome.failures, ["rib::best"]);
        assert_eq!(outcome.to_string(), "2 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn a_skip_is_no_pass() {
        let skip = Skip { test: "lab".into(), reason: "no FRR".into() };
        let outcome = Outcome { passed: 3, ..Outcome::default() }.with_skips(vec![skip]);
        assert_eq!(outcome.to_string(), "2 passed, 0 failed, 1 skipped");
    }
}
