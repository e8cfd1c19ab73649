//! What is behind the feature `kubernetes`: tests, and a linnetd that is put aside for them.
//!
//! It is built ahead of everything else, for cargo keeps one program of a name, and the one that it leaves there is to
//! be the one without the feature.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::cargo::{self, Built};

/// The section of its tests, and the name of their programs.
pub(super) const SECTION: &str = "kubernetes";

/// Where its linnetd is.
pub(super) fn folder() -> Result<PathBuf> {
    Ok(cargo::programs_folder()?.join("with-kubernetes"))
}

/// Builds it, and the programs of its tests: those of the crate, and of what linnet does with it.
pub(super) fn build() -> Result<Vec<Built>> {
    let packages =
        ["--package", "linnet", "--package", "linnet-kubernetes", "--features", "linnet/kubernetes"];
    // Along with the tests of the command line cargo builds linnetd, for which the client is not compiled once more.
    let targets = ["--lib", "--test", "kubernetes", "--test", "manifests", "--test", "cli"];
    let built = cargo::build(&[&["test", "--no-run"][..], &packages, &targets].concat())?;
    let (mut tests, programs): (Vec<Built>, Vec<Built>) =
        built.into_iter().partition(|program| program.is_test);
    put_aside(&programs)?;
    // They run without the feature.
    tests.retain(|test| test.target != "cli");
    Ok(tests)
}

/// Puts linnetd and its command line where nothing replaces them.
fn put_aside(programs: &[Built]) -> Result<()> {
    let folder = folder()?;
    fs::create_dir_all(&folder)?;
    for program in programs {
        // By another name first: the present one may be running.
        let new = folder.join("new");
        fs::copy(&program.program, &new)?;
        fs::rename(new, folder.join(&program.target))?;
    }
    Ok(())
}
