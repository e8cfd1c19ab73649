//! What is asked of the kernel: one op, one row (or a remote MAC's two rows), one answer.

use std::fmt;
use std::net::IpAddr;

use bgp::types::{Mac, Vni};

use crate::row::{BridgeRow, BridgeRowKind, IfIndex, NeighborRow, NeighborState, Row, TunnelRow};

/// The number of an op: rises by one with each, and wraps. It travels as the netlink sequence number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OpId(pub u32);

/// One change to make, or one question to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// By which the answer names it.
    pub id: OpId,
    /// What to do.
    pub action: Action,
}

/// Which of a remote MAC's two rows: the VXLAN device's own ("self": to which VTEP), the bridge's ("master":
/// to which port). Both are needed: with the former alone, frames are still flooded to every port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Half {
    /// Both, in one message.
    Both,
    /// The VXLAN device's row.
    Tunnel,
    /// The bridge's row.
    Bridge,
}

/// What an op does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sends a MAC's frames to a VTEP.
    SetMac {
        /// The VXLAN device.
        vxlan: IfIndex,
        /// The host.
        mac: Mac,
        /// Where it is.
        vtep: IpAddr,
        /// Which rows.
        half: Half,
    },
    /// The bridge's row of a MAC that local traffic must not take over.
    SetSticky {
        /// The VXLAN device.
        vxlan: IfIndex,
        /// The host.
        mac: Mac,
    },
    /// Takes rows of a MAC away.
    DeleteMac {
        /// The VXLAN device.
        vxlan: IfIndex,
        /// The host.
        mac: Mac,
        /// The destination that the tunnel row was seen to have.
        vtep: Option<IpAddr>,
        /// Which rows.
        half: Half,
    },
    /// Adds a VTEP to the flood list.
    AddFlood {
        /// The VXLAN device.
        vxlan: IfIndex,
        /// Copies go here.
        vtep: IpAddr,
    },
    /// Takes a VTEP from the flood list.
    DeleteFlood {
        /// The VXLAN device.
        vxlan: IfIndex,
        /// Copies went here.
        vtep: IpAddr,
    },
    /// Has ARP or ND for an address answered here.
    SetNeighbor {
        /// The bridge.
        bridge: IfIndex,
        /// The host's address.
        ip: IpAddr,
        /// The host's MAC.
        mac: Mac,
        /// It is an IPv6 router.
        router: bool,
        /// `false`: must fail if there is a neighbour that we have not seen, since it may be an operator's.
        replace: bool,
        /// Ours (`NDA_PROTOCOL`).
        protocol: u8,
    },
    /// Makes an ordinary neighbour of it, which the kernel is to verify now.
    ProbeNeighbor {
        /// The bridge.
        bridge: IfIndex,
        /// The host's address.
        ip: IpAddr,
        /// The host's MAC.
        mac: Mac,
        /// As in `SetNeighbor`.
        replace: bool,
    },
    /// Takes a neighbour away.
    DeleteNeighbor {
        /// The bridge.
        bridge: IfIndex,
        /// The host's address.
        ip: IpAddr,
    },
    /// Asks for all rows of a table. Answered by their rows and `KernelEvent::DumpEnd`.
    Dump(Dump),
    /// Neighbour suppression on and learning off, on a VXLAN device's bridge port.
    SetPort {
        /// The VXLAN device.
        vxlan: IfIndex,
    },
    /// Makes a bridge with a VXLAN device, as far as they are missing.
    Create(Box<Create>),
    /// Makes the device of the fallback tunnel, or sets right the one that is there.
    CreateTunnel(Box<TunnelDevice>),
    /// Removes devices that carry a mark of ours.
    Remove {
        /// Their names.
        names: Vec<String>,
    },
}

/// The protocol id of a neighbour that is the kernel's (`RTPROT_KERNEL`).
pub const KERNEL_PROTOCOL: u8 = 2;

impl Action {
    /// The rows that the kernel has when this is done; none for what takes rows away, or is not about rows.
    /// `bridge` is the one that the VXLAN device is a port of.
    pub fn rows(&self, bridge: IfIndex) -> impl Iterator<Item = Row> {
        let (first, second) = match *self {
            Action::SetMac { vxlan, mac, vtep, half } => (
                (half != Half::Bridge).then(|| tunnel(vxlan, mac, vtep)),
                (half != Half::Tunnel).then(|| at_bridge(bridge, vxlan, mac, false)),
            ),
            Action::SetSticky { vxlan, mac } => (Some(at_bridge(bridge, vxlan, mac, true)), None),
            Action::AddFlood { vxlan, vtep } => (Some(tunnel(vxlan, Mac::ZERO, vtep)), None),
            Action::SetNeighbor { bridge: device, ip, mac, router, protocol, .. } => {
                let (mac, state, external) = (Some(mac), NeighborState::NoArp, true);
                (
                    Some(Row::Neighbor(NeighborRow { device, ip, mac, state, external, router, protocol })),
                    None,
                )
            }
            Action::ProbeNeighbor { bridge: device, ip, mac, .. } => {
                let (mac, state, protocol) = (Some(mac), NeighborState::Stale, KERNEL_PROTOCOL);
                let row = NeighborRow { device, ip, mac, state, external: false, router: false, protocol };
                (Some(Row::Neighbor(row)), None)
            }
            _ => (None, None),
        };
        first.into_iter().chain(second)
    }

    /// Whether there are any.
    pub fn makes_rows(&self) -> bool {
        self.rows(IfIndex::default()).next().is_some()
    }
}

fn tunnel(vxlan: IfIndex, mac: Mac, vtep: IpAddr) -> Row {
    Row::Tunnel(TunnelRow { vxlan, mac, vtep, external: true, ours: true, firm: true })
}

fn at_bridge(bridge: IfIndex, port: IfIndex, mac: Mac, sticky: bool) -> Row {
    let kind = if sticky { BridgeRowKind::Static } else { BridgeRowKind::Dynamic };
    Row::Bridge(BridgeRow { bridge, port, mac, kind, external: true, sticky })
}

/// What to dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dump {
    /// Rows of this kind.
    pub table: Table,
    /// Only of this bridge and its ports; `None`: all. Links and addresses are always dumped whole.
    pub bridge: Option<IfIndex>,
}

/// The kernel's tables that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// Devices.
    Links,
    /// This node's addresses, of both families.
    Addresses,
    /// Forwarding rows of bridges and VXLAN devices.
    Fdb,
    /// ARP.
    Neighbors4,
    /// ND.
    Neighbors6,
}

/// The devices to make for a VNI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create {
    /// The network.
    pub vni: Vni,
    /// The VXLAN device's name.
    pub vxlan: String,
    /// The bridge's name.
    pub bridge: String,
    /// The tunnel's local address.
    pub local: Option<IpAddr>,
    /// UDP port.
    pub port: u16,
    /// `None`: what is left of the underlay's after encapsulation.
    pub mtu: Option<u32>,
}

/// A VXLAN device that routes lead into: on no bridge, and it learns nothing. One is for one family of VTEPs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelDevice {
    /// Its name.
    pub name: String,
    /// The network that its packets belong to.
    pub vni: Vni,
    /// UDP port.
    pub port: u16,
    /// The source of its packets, whose family is that of the VTEPs; `None`: IPv4, and the kernel chooses.
    pub local: Option<IpAddr>,
    /// `None`: what is left of the underlay's after encapsulation.
    pub mtu: Option<u32>,
    /// Its MAC, which others send to.
    pub mac: Mac,
}

impl TunnelDevice {
    /// Whether the VTEPs are IPv4 addresses.
    pub fn is_ipv4(&self) -> bool {
        self.local.is_none_or(|local| local.is_ipv4())
    }
}

/// Why the kernel refused an op.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The error number, positive; 0 if it did not come from a system call.
    pub errno: i32,
    /// The kernel's own words, where it had any (`NLMSGERR_ATTR_MSG`).
    pub text: Option<Box<str>>,
}

impl Fault {
    /// The fault behind an error number.
    pub fn errno(errno: i32) -> Fault {
        Fault { errno, text: None }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.text, self.errno) {
            (Some(text), 0) => f.write_str(text),
            (Some(text), errno) => write!(f, "{text} ({})", std::io::Error::from_raw_os_error(errno)),
            (None, errno) => std::io::Error::from_raw_os_error(errno).fmt(f),
        }
    }
}
