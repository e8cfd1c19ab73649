//! The tests that compare linnet's codec with an independent one, in `tests/oracle`.
//!
//! The other codec and what it needs are built for them alone, so `tests/oracle` is a workspace of its own, built
//! into a folder of its own.

use anyhow::Result;

use crate::cargo::{self, Built};

/// Builds the test programs.
pub(crate) fn build() -> Result<Vec<Built>> {
    let manifest = cargo::workspace().join("tests/oracle/Cargo.toml");
    let target = cargo::programs_folder()?.join("../oracle");
    let (manifest, target) = (manifest.to_string_lossy(), target.to_string_lossy());
    let words =
        ["test", "--locked", "--no-run", "--tests", "--manifest-path", &manifest, "--target-dir", &target];
    let mut programs = cargo::build(&words)?;
    programs.retain(|program| program.is_test && program.kind == "test");
    Ok(programs)
}
