//! FRR, from the files that its container image takes: `daemons` and the integrated `frr.conf`.
//!
//! The daemons are started with no configuration, then `vtysh -b` reads `frr.conf` into them: the way of FRR's own
//! start script, so that one file serves the container and the lab.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{find_program, missing_program};
use crate::node::Node;
use crate::privilege;
use crate::wait_until;

const ZEBRA: &str = "/usr/lib/frr/zebra";
const BGPD: &str = "/usr/lib/frr/bgpd";
const FOLDER: &str = "/usr/lib/frr";
/// Where FRR keeps its sockets.
const SOCKETS: &str = "/run/frr";
/// Where the lab lays the configuration for `vtysh -b`.
const CONFIGURATION: &str = "/run/etc-frr";
/// How long a daemon may take to open its socket.
const START: Duration = Duration::from_secs(20);

impl Node {
    /// Runs a `show` command of FRR.
    pub fn vtysh(&self, command: &str) -> Result<String> {
        self.output(&["vtysh", "-c", command])
    }

    /// Runs a `show ... json` command of FRR.
    pub fn vtysh_json(&self, command: &str) -> Result<Value> {
        self.json(&["vtysh", "-c", command])
    }
}

/// What FRR lacks here besides its programs.
pub(super) fn missing() -> Option<String> {
    [ZEBRA, BGPD, "vtysh"].into_iter().find_map(missing_program).or_else(|| match User::find() {
        None => Some("no user frr".into()),
        Some(user) if !privilege::has_user(user.uid) => {
            Some("needs real root: its user is unknown in a user namespace".into())
        }
        Some(_) => None,
    })
}

pub(super) fn start(node: &mut Node) -> Result<()> {
    let user = User::find().context("no user frr")?;
    let [daemons, configuration] = [node.file("/etc/frr/daemons")?, node.file("/etc/frr/frr.conf")?];
    let daemons = node.netns().run(|| {
        prepare(&configuration, &user)?;
        fs::read_to_string(daemons)
    })??;
    for daemon in wanted(&daemons) {
        let program = format!("{FOLDER}/{daemon}");
        let who = ["-u", "frr", "-g", "frr"];
        let words = ["-A", "127.0.0.1", "-f", "/dev/null", "--log", "stdout"];
        node.spawn(&[&[&*program], &who[..], &words].concat())?;
        wait_for_socket(node, &format!("{SOCKETS}/{daemon}.vty"))?;
        if daemon == "zebra" {
            wait_for_socket(node, &format!("{SOCKETS}/zserv.api"))?;
        }
    }
    node.output(&["vtysh", "--config_dir", CONFIGURATION, "-b"]).map(drop)
}

/// The daemons to start, in order: the ones that FRR's start script always starts, and those that say `=yes`.
fn wanted(daemons: &str) -> Vec<&str> {
    let chosen = daemons.lines().filter_map(|line| line.trim().strip_suffix("=yes"));
    let always =
        ["mgmtd", "zebra"].into_iter().filter(|name| find_program(&format!("{FOLDER}/{name}")).is_some());
    let mut wanted: Vec<&str> = always.collect();
    wanted.extend(chosen.filter(|name| !["mgmtd", "zebra", "vtysh_enable"].contains(name)));
    wanted
}

fn prepare(configuration: &str, user: &User) -> io::Result<()> {
    // What a killed daemon left would be taken for a new one's.
    if Path::new(SOCKETS).exists() {
        fs::remove_dir_all(SOCKETS)?;
    }
    fs::create_dir_all(SOCKETS)?;
    std::os::unix::fs::chown(SOCKETS, Some(user.uid), Some(user.gid))?;
    fs::create_dir_all(CONFIGURATION)?;
    fs::copy(configuration, Path::new(CONFIGURATION).join("frr.conf"))?;
    fs::write(Path::new(CONFIGURATION).join("vtysh.conf"), "service integrated-vtysh-config\n")
}

fn wait_for_socket(node: &Node, path: &str) -> Result<()> {
    wait_until(START, path, || match node.netns().run(|| Path::new(path).exists()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(node.log()),
        Err(error) => Err(error.to_string()),
    })
}

/// The user that FRR's packages make, and whom its daemons insist on (their sockets' group knows no other).
struct User {
    uid: u32,
    gid: u32,
}

impl User {
    fn find() -> Option<User> {
        fs::read_to_string("/etc/passwd").ok()?.lines().find_map(User::parse)
    }

    /// From a line of passwd(5).
    fn parse(line: &str) -> Option<User> {
        let mut fields = line.strip_prefix("frr:")?.split(':').skip(1);
        Some(User { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daemons_that_say_yes_are_started() {
        let wanted =
            wanted("# a comment\nbgpd=yes\nospfd=no\nzebra=yes\nvtysh_enable=yes\nzebra_options=\"x\"\n");
        assert_eq!(wanted.last(), Some(&"bgpd"));
        assert!(!wanted.contains(&"ospfd") && !wanted.contains(&"vtysh_enable"));
    }

    #[test]
    fn the_packages_user_is_taken() {
        let user = User::parse("frr:x:110:114:Frr routing suite,,,:/nonexistent:/usr/sbin/nologin").unwrap();
        assert_eq!((user.uid, user.gid), (110, 114));
        assert!(User::parse("root:x:0:0::/root:/bin/sh").is_none());
    }
}
