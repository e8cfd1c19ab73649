//! What the kernel says: its devices, its rows, and the answers to ops.
//!
//! Rows keep the kernel's own view (a device, a row in its table). What it means for a VNI is `Fib`'s to say.

use std::net::IpAddr;

use bgp::types::{Mac, Vni};

use crate::op::{Fault, IfIndex, OpId};

/// One piece of news. The driver delivers them in the order in which they happened in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelEvent {
    /// A device is there, or changed.
    LinkSeen(Box<Link>),
    /// A device went away.
    LinkGone(IfIndex),
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

/// A row of one of the kernel's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// Of a VXLAN device's own FDB.
    Tunnel(TunnelRow),
    /// Of a bridge's FDB.
    Bridge(BridgeRow),
    /// Of the ARP or ND table.
    Neighbor(NeighborRow),
}

/// Where a VXLAN device sends frames for a MAC; for the zero MAC: one of the flood list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelRow {
    /// The VXLAN device.
    pub vxlan: IfIndex,
    /// The host, or zero.
    pub mac: Mac,
    /// The VTEP.
    pub vtep: IpAddr,
    /// Set by a control plane (`NTF_EXT_LEARNED`).
    pub external: bool,
    /// Does not age and outlives the link's going down (`NUD_NOARP` or `NUD_PERMANENT`).
    pub firm: bool,
}

/// To which of its ports a bridge sends frames for a MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BridgeRow {
    /// The bridge.
    pub bridge: IfIndex,
    /// The port; the bridge itself for its own MACs.
    pub port: IfIndex,
    /// The host.
    pub mac: Mac,
    /// Who may change it.
    pub kind: BridgeRowKind,
    /// Set by a control plane (`NTF_EXT_LEARNED`).
    pub external: bool,
    /// Not to be moved by traffic (`NTF_STICKY`).
    pub sticky: bool,
}

/// What a bridge's row rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BridgeRowKind {
    /// Learnt from traffic, or set by a control plane.
    Dynamic,
    /// Set by the operator (`NUD_NOARP`).
    Static,
    /// The MAC of the bridge or of one of its ports (`NUD_PERMANENT`).
    Own,
}

/// A neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighborRow {
    /// Its device.
    pub device: IfIndex,
    /// Its address.
    pub ip: IpAddr,
    /// Its MAC; `None` while unresolved.
    pub mac: Option<Mac>,
    /// How sure the kernel is.
    pub state: NeighborState,
    /// Set by a control plane (`NTF_EXT_LEARNED`).
    pub external: bool,
    /// An IPv6 router.
    pub router: bool,
    /// Who set it (`NDA_PROTOCOL`); 0: the kernel.
    pub protocol: u8,
}

/// A neighbour's state, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighborState {
    /// Incomplete, failed or none: it has no MAC to speak of.
    Unusable,
    /// Reachable, stale, delayed or probed. Stale counts: a silent host is still there.
    Usable,
    /// No verification takes place (`NUD_NOARP`).
    NoArp,
    /// Set by the operator (`NUD_PERMANENT`).
    Permanent,
}
