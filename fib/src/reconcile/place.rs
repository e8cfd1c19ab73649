//! Where a network lives, and what comparing a key's two sides can come to.

use std::net::IpAddr;

use bgp::types::Mac;

use crate::op::Action;
use crate::row::IfIndex;

/// The two devices that serve a VNI, with what matters of their properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) vxlan: IfIndex,
    pub(super) bridge: IfIndex,
    /// Both devices are up: rows can be set and hosts can be reached.
    pub(super) up: bool,
    /// Both have a carrier. Losing it flushes neighbours.
    pub(super) carrier: bool,
    pub(super) local: Option<IpAddr>,
    /// The VXLAN device's default destination: a flood row of the operator's.
    pub(super) remote: Option<IpAddr>,
    pub(super) bridge_mac: Mac,
    /// The port suppresses, and does not learn.
    pub(super) port_ready: bool,
}

impl Segment {
    /// Whether it is the same two devices.
    pub(super) fn same_devices(&self, other: &Segment) -> bool {
        (self.vxlan, self.bridge) == (other.vxlan, other.bridge)
    }
}

/// All that an entry needs to know of its surroundings to say what comes next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) segment: Segment,
    /// Rows found at the start may be deleted.
    pub(super) released: bool,
    /// Our protocol id.
    pub(super) protocol: u8,
    /// Whether every row of these devices has been seen once: external rows seen before that are a former
    /// run's, later ones are ours or somebody else's.
    pub(super) known: bool,
}

/// What comes next for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing: wanted and seen agree.
    Rest,
    /// This op.
    Act(Action),
    /// Nothing, because somebody else owns the place.
    Blocked(&'static str),
    /// Nothing, because the devices are not there or down.
    Absent,
    /// Nothing yet: a former run's row, kept until routing has converged.
    Held,
}
