//! GoBGP, from the configuration bound to `/etc/gobgp/gobgp.toml`.

use anyhow::Result;
use serde_json::Value;

use crate::kind::Daemon;
use crate::node::Node;

/// Where GoBGP's own command line looks for it.
const API: &str = "127.0.0.1:50051";

impl Node {
    /// Runs a command of `gobgp` and reads its JSON.
    pub fn gobgp(&self, command: &str) -> Result<Value> {
        let words: Vec<&str> = ["gobgp", "-j"].into_iter().chain(command.split_whitespace()).collect();
        self.json(&words)
    }

    /// Has GoBGP originate prefixes, which its configuration cannot say; other daemons do by theirs.
    pub fn originate(&self, prefixes: &[impl AsRef<str>]) -> Result<()> {
        if self.daemon() != Some(Daemon::Gobgp) {
            return Ok(());
        }
        for prefix in prefixes.iter().map(AsRef::as_ref) {
            let family = if prefix.contains(':') { "ipv6" } else { "ipv4" };
            self.output(&["gobgp", "global", "rib", "add", prefix, "-a", family])?;
        }
        Ok(())
    }
}

pub(super) fn start(node: &mut Node, more: &[&str]) -> Result<()> {
    let configuration = node.file("/etc/gobgp/gobgp.toml")?;
    let words = ["gobgpd", "-f", &configuration, "-t", "toml", "--api-hosts", API, "--pprof-disable"];
    node.spawn(&[&words[..], more].concat())
}
