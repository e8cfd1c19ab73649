//! An underlay that is as bad as one is asked to be: netem on both ends of a cable.

use anyhow::{Result, ensure};
use lab::Node;

/// What befalls packets that leave by a device, in the words of tc-netem(8). Most are late, by a time that differs so much
/// that they overtake each other; some are early, some come twice, and the per cent that follow are lost.
const TROUBLE: &str = "limit 10000 delay 50ms 20ms 25% reorder 95% duplicate 2%";

/// The command by which it begins at a device.
pub(crate) fn trouble(device: &str, loss: u32) -> String {
    format!("tc qdisc replace dev {device} root netem {TROUBLE} loss {loss}%")
}

/// A device of a node, and how many per cent of what it sends get lost.
#[derive(Clone, Copy)]
pub(crate) struct End<'n> {
    pub(crate) node: &'n Node,
    pub(crate) device: &'n str,
    pub(crate) loss: u32,
}

impl End<'_> {
    /// Has the trouble begin.
    pub(crate) fn trouble(&self) -> Result<()> {
        self.node.sh(&trouble(self.device, self.loss)).map(drop)
    }

    /// Has nothing pass any more.
    pub(crate) fn cut(&self) -> Result<()> {
        self.node.sh(&format!("tc qdisc replace dev {} root netem loss 100%", self.device)).map(drop)
    }

    /// Ends it.
    pub(crate) fn clear(&self) -> Result<()> {
        self.node.sh(&format!("tc qdisc del dev {} root", self.device)).map(drop)
    }

    /// How many packets it has sent, and how many of those were lost.
    pub(crate) fn counts(&self) -> Result<(u64, u64)> {
        let shown = self.node.json(&["tc", "-s", "-j", "qdisc", "show", "dev", self.device])?;
        ensure!(shown[0]["kind"] == "netem", "{shown:#}");
        let count = |name: &str| shown[0][name].as_u64().unwrap_or_default();
        Ok((count("packets") + count("drops"), count("drops")))
    }
}

/// That each of these has lost packets; in how many of how many.
pub(crate) fn assert_lossy(ends: &[End<'_>]) -> Result<()> {
    let mut lines = Vec::new();
    for end in ends {
        let (sent, lost) = end.counts()?;
        lines.push(format!("{} {}: {lost} of {sent}", end.node.name(), end.device));
        ensure!(lost > 0, "nothing was lost: {lines:?}");
    }
    println!("lost on the underlay: {}", lines.join(", "));
    Ok(())
}

/// That none of a node's sessions has ended since it started.
pub(crate) fn assert_no_session_lost(node: &Node) -> Result<()> {
    let shown = node.linnet("neighbor")?;
    for neighbor in shown.as_array().into_iter().flatten().filter(|neighbor| neighbor["state"] != "idle") {
        let is_up = neighbor["state"] == "established" && neighbor["flaps"] == 0;
        ensure!(is_up, "{}: {neighbor:#}\n{}", node.name(), node.log());
    }
    Ok(())
}
