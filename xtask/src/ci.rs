//! `cargo xtask ci`: what has to hold before a change goes in.

use anyhow::Result;

use crate::{cargo, demo, test, ui};

pub(crate) fn run() -> Result<()> {
    ui::title("Format");
    cargo::run(&["fmt", "--all", "--check"], &[])?;
    ui::title("Lints");
    cargo::run(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"], &[])?;
    ui::title("Documentation");
    cargo::run(&["doc", "--workspace", "--no-deps", "--quiet"], &[("RUSTDOCFLAGS", "--deny warnings")])?;
    test::run(&test::Arguments::default())?;
    demo::run(&demo::Arguments::default())
}
