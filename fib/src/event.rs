//! What the kernel says: its devices, this node's addresses, its rows, and the answers to ops.

use std::net::IpAddr;

use bgp::types::{Mac, Vni};
use ipnet::IpNet;

use crate::op::{Fault, OpId};
use crate::row::{IfIndex, Row};

/// One piece of news. The driver delivers them in the order in which they happened in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelEvent {
    /// A device is there, or changed.
    LinkSeen(Box<Link>),
    /// A device went away.
    LinkGone(IfIndex),
    /// The node has an address, on a link with this prefix.
    AddressSeen(IfIndex, IpNet),
    /// It has it no longer.
    AddressGone(IfIndex, IpNet),
    /// A row is there, or changed.
    RowSeen(Row),
    /// A row went away.
    RowGone(Row),
    /// The kernel refused an op.
    Failed {
        /// Which.
        id: OpId,
        /// Why.
        fault: Fault,
    },
    /// Every op up to and including this one is over; those that did not fail were accepted.
    Done(OpId),
    /// A dump is complete.
    DumpEnd {
        /// The op that asked for it.
        id: OpId,
        /// `false`: the kernel says that its table changed meanwhile and rows may be missing.
        intact: bool,
    },
    /// The kernel had more to say than the socket could hold: news is lost.
    Overrun,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its index.
    pub index: IfIndex,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: LinkKind,
    /// The bridge that it is a port of.
    pub master: Option<IfIndex>,
    /// Administratively up.
    pub up: bool,
    /// Has a carrier (for a bridge: a port of it forwards).
    pub carrier: bool,
    /// Its MAC.
    pub mac: Mac,
    /// As a bridge port: learns MACs from traffic.
    pub learning: bool,
    /// As a bridge port: answers ARP and ND for known neighbours.
    pub suppress: bool,
    /// Carries the mark of the devices that we create.
    pub ours: bool,
}

/// What a device is, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// A bridge.
    Bridge,
    /// A VXLAN device for one VNI.
    Vxlan {
        /// Its network.
        vni: Vni,
        /// Its tunnel address.
        local: Option<IpAddr>,
        /// The default destination from its creation: a flood row that is the operator's.
        remote: Option<IpAddr>,
    },
    /// Anything else: as a bridge's port, a way to local hosts.
    Other,
}
