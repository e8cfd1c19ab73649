//! OpenBGPD, from the configuration bound to `/etc/bgpd/bgpd.conf`, as its container image has it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use anyhow::Result;
use serde_json::Value;

use super::missing_program;
use crate::node::Node;
use crate::privilege;

const BGPD: &str = "/usr/sbin/bgpd";
const BGPCTL: &str = "/usr/sbin/bgpctl";
/// The home of its user, which it shuts its processes up in.
const HOME: &str = "/run/openbgpd";
/// Where it is asked.
const SOCKET: &str = "/run/bgpd.sock";

impl Node {
    /// Runs a command of `bgpctl` and reads its JSON.
    pub fn bgpctl(&self, command: &str) -> Result<Value> {
        let words: Vec<&str> =
            [BGPCTL, "-j", "-s", SOCKET].into_iter().chain(command.split_whitespace()).collect();
        self.json(&words)
    }
}

/// What OpenBGPD lacks here: FRR's daemon has the same name, so that only the path tells.
pub(super) fn missing() -> Option<String> {
    [BGPD, BGPCTL].into_iter().find_map(missing_program).or_else(|| match user() {
        None => Some("no user _openbgpd".into()),
        Some(uid) if !privilege::has_user(uid) => {
            Some("needs real root: its user is unknown in a user namespace".into())
        }
        Some(_) => None,
    })
}

pub(super) fn start(node: &mut Node) -> Result<()> {
    let configuration = node.file("/etc/bgpd/bgpd.conf")?;
    node.netns().run(|| {
        fs::create_dir_all(HOME)?;
        // It refuses a file that others may read: there may be passwords in it.
        fs::set_permissions(&configuration, Permissions::from_mode(0o600))
    })??;
    node.spawn(&[BGPD, "-d", "-f", &configuration])
}

/// The number of the user that its processes become.
fn user() -> Option<u32> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| line.strip_prefix("_openbgpd:")?.split(':').nth(1)?.parse().ok())
}
