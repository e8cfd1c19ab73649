//! `cargo xtask ci`: what has to hold before a change goes in.

use anyhow::Result;

use crate::{cargo, demo, test, ui};

/// What is behind a feature that is off by default.
const WITH_KUBERNETES: [&str; 6] =
    ["--package", "linnet", "--package", "linnet-kubernetes", "--features", "linnet/kubernetes"];

pub(crate) fn run() -> Result<()> {
    ui::title("Format");
    cargo::run(&["fmt", "--all", "--check"], &[])?;
    ui::title("Lints");
    for what in [&["--workspace"][..], &WITH_KUBERNETES] {
        let words = [&["clippy", "--all-targets", "--quiet"], what, &["--", "--deny", "warnings"]].concat();
        cargo::run(&words, &[])?;
    }
    ui::title("Documentation");
    for what in [&["--workspace"][..], &WITH_KUBERNETES] {
        let words = [&["doc", "--no-deps", "--quiet"], what].concat();
        cargo::run(&words, &[("RUSTDOCFLAGS", "--deny warnings")])?;
    }
    test::run(&test::Arguments::default())?;
    demo::run(&demo::Arguments::default())
}
