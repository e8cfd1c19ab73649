//! `cargo xtask bench`: the black-box benchmark in tests/bench, with the linnet that this workspace builds.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::cargo::{self, workspace};
use crate::ui;

#[derive(Args)]
pub(crate) struct Arguments {
    /// What goes to bench.py
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

pub(crate) fn run(Arguments { words }: &Arguments) -> Result<()> {
    ui::title("Build");
    let built = cargo::build(&["build", "--release", "--package", "linnet", "--bins"])?;
    let program = |name: &str| {
        let built = built.iter().find(|built| built.target == name);
        built.map(|built| &*built.program).with_context(|| format!("cargo built no {name}"))
    };
    let harness = workspace().join("tests/bench/bench.py");
    ensure!(harness.exists(), "{} is not there", harness.display());
    ui::title("Measure");
    let status = Command::new("python3")
        .arg(harness)
        .args(words)
        .env("LINNET_CMD", daemon_command(program("linnetd")?))
        .env("LINNET_CLI", program("linnet")?)
        .status()
        .context("cannot run python3")?;
    ensure!(status.success(), "the benchmark failed");
    Ok(())
}

/// In the form that bench.py fills in.
fn daemon_command(linnetd: &Path) -> String {
    format!("{} --config {{conf}}", linnetd.display())
}
