//! Who goes through a file and notes what is wrong. Each section says in its own file what it means, as a part of this.

use super::fault::{Finding, Path};
use super::policy::Policies;
use super::secret::SecretFiles;

/// What has been found so far.
pub(super) struct Checker {
    pub(super) findings: Vec<Finding>,
    pub(super) policies: Policies,
    pub(super) secrets: SecretFiles,
}

impl Checker {
    /// Notes a fault at a key.
    pub(super) fn find(&mut self, path: Path, message: impl Into<String>) {
        self.findings.push(Finding { path, message: message.into() });
    }
}
