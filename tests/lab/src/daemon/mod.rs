//! How each kind of daemon is started in a node, known to be ready, and asked.
//!
//! A daemon has its sockets under the node's own `/run`, at the paths that they have in its container. Its
//! configuration lies there too and is named on the command line, for nothing is mounted over `/etc`.

mod bird;
mod frr;
mod gobgp;
mod linnet;
mod openbgpd;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::kind::Daemon;
use crate::node::Node;
use crate::wait_until;

/// How long a daemon may take until it answers; generous, for machines under load.
const START: Duration = Duration::from_secs(20);

/// What this machine lacks to run `daemon`.
pub fn missing(daemon: Daemon) -> Option<String> {
    let reason = match daemon {
        Daemon::Linnet => linnet::missing(),
        Daemon::Frr => frr::missing(),
        Daemon::Bird => missing_program("bird").or_else(|| missing_program("birdc")),
        Daemon::Gobgp => missing_program("gobgpd").or_else(|| missing_program("gobgp")),
        Daemon::Openbgpd => openbgpd::missing(),
    };
    reason.map(|reason| format!("{daemon}: {reason}"))
}

/// Why `program` (a name to be found on PATH, or a path) cannot be run.
pub fn missing_program(program: &str) -> Option<String> {
    find_program(program).is_none().then(|| format!("{program} is not installed"))
}

/// Where `program` is. What administrators run is looked for also where an ordinary user's PATH does not lead.
pub fn find_program(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    // Joining an absolute path gives that path.
    folders.map(|folder| folder.join(Path::new(program))).find(|path| path.is_file())
}

pub use linnet::{example, linnet_cli, linnetd, python};

impl Node {
    /// Starts its daemon; again, when it was ended before.
    pub fn start_daemon(&mut self) -> Result<()> {
        match self.daemon() {
            Some(Daemon::Linnet) => linnet::start(self),
            Some(Daemon::Frr) => frr::start(self),
            Some(Daemon::Bird) => bird::start(self, &[]),
            Some(Daemon::Gobgp) => gobgp::start(self, &[]),
            Some(Daemon::Openbgpd) => openbgpd::start(self),
            None => Ok(()),
        }
    }

    /// Starts its daemon again, as whoever has it restart gracefully does: some have to be told.
    pub fn recover_daemon(&mut self) -> Result<()> {
        match self.daemon() {
            Some(Daemon::Bird) => bird::start(self, &["-R"]),
            Some(Daemon::Gobgp) => gobgp::start(self, &["-r"]),
            _ => self.start_daemon(),
        }
    }

    /// Waits until its daemon answers.
    pub fn wait_until_ready(&self) -> Result<()> {
        let Some(daemon) = self.daemon() else { return Ok(()) };
        let what = format!("answer from {daemon} on {}", self.name());
        wait_until(START, &what, || ask_if_ready(daemon, self))
            .with_context(|| format!("the log of {}:\n{}", self.name(), self.log()))
    }
}

/// `Ok` when `daemon` answers.
fn ask_if_ready(daemon: Daemon, node: &Node) -> Result<()> {
    match daemon {
        Daemon::Linnet => node.linnet("status").map(drop),
        Daemon::Frr => node.vtysh("show bgp summary json").map(drop),
        Daemon::Bird => node.birdc("show status").map(drop),
        Daemon::Gobgp => node.gobgp("neighbor").map(drop),
        Daemon::Openbgpd => node.bgpctl("show summary").map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_named() {
        assert_eq!(missing_program("sh"), None);
        assert_eq!(missing_program("/no/such").unwrap(), "/no/such is not installed");
    }
}
