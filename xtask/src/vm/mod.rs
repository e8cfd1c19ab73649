//! `cargo xtask vm -- COMMAND`: runs a command under a full kernel, where the machine's own lacks something.
//!
//! Kernels that are built for one purpose leave out what tests of a network want: VRFs, bridges that keep VLANs apart,
//! netem, which delays, loses and reorders packets. User-mode Linux is Debian's kernel as an ordinary process: it needs no
//! virtualisation, is up in two seconds, and shares the machine's files, so that nothing has to be copied into it.
//!
//! ```text
//! xtask ── nursery ── outside.sh ── linux.uml ══ first.sh ── second.sh ── the job: COMMAND
//!          ends with   read-only     a kernel     the host's files,
//!          xtask       file systems               a layer in memory over them
//! ```
//!
//! The command sees the machine's files as they are; what it writes lies in memory and vanishes, but for the folders that
//! are kept. Its output comes back octet for octet, and so does its exit code. It has no standard input, no network but
//! what it makes for itself, and is root. There is one processor, and system calls are slow: [`lab::slowness`].

mod machine;
mod parts;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;

use crate::{install, ui};
use machine::Machine;

/// What ends a run in which the command did not get so far as to end, as env(1) and its like have it.
const FAILED: u8 = 125;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Memory of the machine, in MiB
    #[arg(long, default_value_t = 1024)]
    memory: u32,
    /// After so many seconds the machine is ended, with exit code 124
    #[arg(long, default_value_t = 300)]
    limit: u64,
    /// A folder to which the command writes for good; whatever else it writes vanishes with the machine
    #[arg(long, value_name = "FOLDER")]
    keep: Vec<PathBuf>,
    /// The command and its arguments
    #[arg(required = true, last = true)]
    words: Vec<OsString>,
}

/// Runs the command, and ends as it ends.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let status = ensure().and_then(|()| boot(arguments)).unwrap_or_else(|error| {
        ui::error(&format!("{error:#}"));
        FAILED
    });
    ExitCode::from(status)
}

/// Sees to it that a machine can be booted.
///
/// # Errors
/// It cannot: not by this user, or what it takes is not there and cannot be installed.
pub(crate) fn ensure() -> Result<()> {
    ensure!(install::is_root(), "only root may boot one");
    install::ensure_full_kernel()
}

fn boot(arguments: &Arguments) -> Result<u8> {
    let limit = Duration::from_secs(arguments.limit);
    Machine { memory: arguments.memory, limit, kept: &arguments.keep }.run(&arguments.words)
}
