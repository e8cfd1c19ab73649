//! linnetd and its command line, as built in this workspace.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::node::Node;

/// Names the folder of the two programs, where they are not those that the running program was built with.
const FOLDER_VARIABLE: &str = "LINNET_BIN_DIR";

impl Node {
    /// Starts this linnetd instead of the one that was built.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start_linnetd(&mut self, program: &Path) -> Result<()> {
        self.start(&[], program)
    }

    /// Starts linnetd by a program that becomes it, such as `setpriv` with its options.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start_linnetd_by(&mut self, starter: &[&str]) -> Result<()> {
        self.start(starter, &linnetd()?)
    }

    fn start(&mut self, starter: &[&str], program: &Path) -> Result<()> {
        let configuration = self.file("/etc/linnet/linnet.yaml")?;
        // The image, like the service unit, has the folder of the default socket.
        self.netns().run(|| fs::create_dir_all("/run/linnet"))??;
        let program = program.to_string_lossy();
        let words: Vec<&str> =
            starter.iter().copied().chain([&*program, "--config", &configuration]).collect();
        self.spawn(&words)
    }

    /// Runs a command of `linnet` and reads its JSON: the words of `command` are split at spaces.
    pub fn linnet(&self, command: &str) -> Result<Value> {
        let program = linnet_cli()?;
        let program = program.to_string_lossy();
        let words: Vec<&str> =
            [&*program, "-o", "json"].into_iter().chain(command.split_whitespace()).collect();
        self.json(&words)
    }
}

/// Where linnetd is.
pub fn linnetd() -> Result<PathBuf> {
    program("linnetd")
}

/// Where its command line is.
pub fn linnet_cli() -> Result<PathBuf> {
    program("linnet")
}

/// An example of this workspace, as cargo builds it.
///
/// # Errors
/// It is not built.
pub fn example(name: &str) -> Result<PathBuf> {
    program(&format!("examples/{name}"))
}

/// The Python that has what the clients of the API in that language take.
///
/// # Errors
/// There is none.
pub fn python() -> Result<PathBuf> {
    program("python/bin/python3")
        .context("no Python with gRPC: `cargo xtask test` makes one where python3 is there")
}

pub(super) fn missing() -> Option<String> {
    linnetd().and_then(|_| linnet_cli()).err().map(|error| format!("{error:#}"))
}

pub(super) fn start(node: &mut Node) -> Result<()> {
    node.start_linnetd(&linnetd()?)
}

/// Beside the running program, or, when that is a test, in the folder above it.
fn program(name: &str) -> Result<PathBuf> {
    let folders = match std::env::var_os(FOLDER_VARIABLE) {
        Some(folder) => vec![PathBuf::from(folder)],
        None => std::env::current_exe()?.ancestors().skip(1).take(2).map(PathBuf::from).collect(),
    };
    let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} is not built: run `cargo build`, or set {FOLDER_VARIABLE}"))
}
