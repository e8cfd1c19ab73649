//! The rows of the kernel's tables, in the kernel's own view: a device, and what stands there. What a row means for
//! a VNI is `Fib`'s to say.

use std::net::IpAddr;

use bgp::types::Mac;

/// A device's index, unique in its network namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IfIndex(pub u32);

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
    /// That control plane is linnetd: the row carries its mark.
    pub ours: bool,
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
    /// Reachable: the kernel has lately made sure of it.
    Usable,
    /// Stale, delayed or probed. It counts as there: the host is silent, or nobody has spoken with it.
    Stale,
    /// No verification takes place (`NUD_NOARP`).
    NoArp,
    /// Set by the operator (`NUD_PERMANENT`).
    Permanent,
}

impl NeighborState {
    /// Whether the kernel has a MAC that it learnt by itself.
    pub fn is_learnt(self) -> bool {
        matches!(self, NeighborState::Usable | NeighborState::Stale)
    }
}
