//! BIRD, from the configuration bound to `/etc/bird/bird.conf`.

use std::fs;

use anyhow::Result;

use super::find_program;
use crate::node::Node;

const SOCKET: &str = "/run/bird/bird.ctl";

impl Node {
    /// Runs a command of `birdc`.
    pub fn birdc(&self, command: &str) -> Result<String> {
        let words: Vec<&str> =
            ["birdc", "-s", SOCKET].into_iter().chain(command.split_whitespace()).collect();
        self.output(&words)
    }
}

pub(super) fn start(node: &mut Node, more: &[&str]) -> Result<()> {
    let configuration = node.file("/etc/bird/bird.conf")?;
    node.netns().run(|| fs::create_dir_all("/run/bird"))??;
    let program = find_program("bird").unwrap_or("bird".into());
    let program = program.to_string_lossy();
    let words = [&*program, "-f", "-c", &configuration, "-s", SOCKET, "-P", "/run/bird/bird.pid"];
    node.spawn(&[&words[..], more].concat())
}
