//! What some tests want of the kernel beyond what a lab is made of, and not every kernel has.

use std::env;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::netns::Netns;
use crate::nursery::Nursery;

/// Says why no kernel that has everything could be had; `cargo xtask test` sets it.
pub const NO_FULL_KERNEL_VARIABLE: &str = "LINNET_NO_FULL_KERNEL";

/// A part of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Packets that are delayed, lost, duplicated and reordered (`sch_netem`).
    Netem,
    /// Routing domains (`vrf`).
    Vrf,
    /// Bridges that keep VLANs apart (`CONFIG_BRIDGE_VLAN_FILTERING`).
    VlanFiltering,
}

impl Feature {
    /// All of them.
    pub const ALL: [Feature; 3] = [Feature::Netem, Feature::Vrf, Feature::VlanFiltering];

    /// Why what needs it cannot run under this kernel; nothing if it can.
    pub fn missing(self) -> Option<String> {
        let error = self.attempt().err()?;
        let advice = match env::var(NO_FULL_KERNEL_VARIABLE) {
            Ok(reason) => format!("one that has it cannot be booted: {reason}"),
            Err(_) => "`cargo xtask test` boots one that has it".into(),
        };
        Some(format!("the kernel lacks {} ({error}); {advice}", self.name()))
    }

    /// Whether this kernel has it.
    pub fn is_there(self) -> bool {
        self.attempt().is_ok()
    }

    fn name(self) -> &'static str {
        match self {
            Feature::Netem => "netem",
            Feature::Vrf => "VRFs",
            Feature::VlanFiltering => "VLAN filtering",
        }
    }

    /// Makes one, in a namespace that goes with it.
    fn attempt(self) -> Result<()> {
        let line = match self {
            Feature::Netem => "tc qdisc add dev lo root netem delay 1ms",
            Feature::Vrf => "ip link add vrf0 type vrf table 10",
            Feature::VlanFiltering => {
                "ip link add br0 type bridge vlan_filtering 1 && bridge vlan add dev br0 vid 2 self"
            }
        };
        let (nursery, netns) = (Nursery::new()?, Netns::new()?);
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        netns.wrap(&mut command);
        let output = nursery.output(command)?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}", complaint.lines().next().unwrap_or("no word of why"));
        Ok(())
    }
}
