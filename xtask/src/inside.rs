//! Running a program with the right to make network namespaces.
//!
//! A user namespace can be entered only by a process with one thread, and a test program has more before its first
//! line runs; so an ordinary user's tests are started through here.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use lab::privilege;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// Becomes the program; returns only when that fails.
pub(crate) fn run(Arguments { words }: &Arguments) -> Result<()> {
    let (program, rest) = words.split_first().context("no program")?;
    // Where it is refused the program runs all the same: its tests then say why they skip.
    let _ = privilege::enter();
    Err(Command::new(program).args(rest).exec()).with_context(|| program.to_string_lossy().into_owned())
}
