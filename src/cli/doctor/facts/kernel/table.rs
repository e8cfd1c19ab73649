//! Rows of the forwarding databases, and neighbours.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp::types::Mac;
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};

/// `NUD_INCOMPLETE` and `NUD_FAILED` of linux/neighbour.h: who has the address did not answer.
const SILENT: u16 = 0x01 | 0x20;

/// A row of a forwarding database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FdbRow {
    /// The device that it is a row of, or the port that it leads to.
    pub(crate) device: u32,
    /// Whose frames it directs; zero for those that are flooded.
    pub(crate) mac: Mac,
    /// Of a VXLAN device's own row: the VTEP.
    pub(crate) vtep: Option<IpAddr>,
    /// It is the bridge's row, not the VXLAN device's own.
    pub(crate) of_bridge: bool,
    /// A control plane set it.
    pub(crate) external: bool,
}

/// A neighbour of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Neighbor {
    /// The device.
    pub(crate) device: u32,
    /// Its address.
    pub(crate) ip: IpAddr,
    /// Its MAC, where that is known.
    pub(crate) mac: Option<Mac>,
    /// It was asked for, and did not answer.
    pub(crate) silent: bool,
    /// A control plane set it.
    pub(crate) external: bool,
    /// The protocol id of who set it; 0 for the kernel.
    pub(crate) protocol: u8,
}

/// What both kinds are read from.
#[derive(Default)]
struct Parts {
    address: Option<IpAddr>,
    mac: Option<Mac>,
    protocol: u8,
}

impl Parts {
    fn of(message: &NeighbourMessage) -> Parts {
        let mut parts = Parts::default();
        for attribute in &message.attributes {
            match attribute {
                NeighbourAttribute::Destination(address) => parts.address = ip(address),
                NeighbourAttribute::LinkLayerAddress(octets) => {
                    parts.mac = <[u8; 6]>::try_from(octets.as_slice()).ok().map(Mac);
                }
                NeighbourAttribute::Protocol(protocol) => parts.protocol = u8::from(*protocol),
                _ => {}
            }
        }
        parts
    }
}

/// A bridge's row does not say of which family its destination is.
fn ip(address: &NeighbourAddress) -> Option<IpAddr> {
    match address {
        NeighbourAddress::Inet(ip) => Some((*ip).into()),
        NeighbourAddress::Inet6(ip) => Some((*ip).into()),
        NeighbourAddress::Other(octets) => match octets.len() {
            4 => <[u8; 4]>::try_from(octets.as_slice()).ok().map(|octets| Ipv4Addr::from(octets).into()),
            _ => <[u8; 16]>::try_from(octets.as_slice()).ok().map(|octets| Ipv6Addr::from(octets).into()),
        },
        _ => None,
    }
}

impl FdbRow {
    /// Reads it from the kernel's message; `None` for one without a MAC.
    pub(super) fn of(message: &NeighbourMessage) -> Option<FdbRow> {
        let parts = Parts::of(message);
        let flags = message.header.flags;
        Some(FdbRow {
            device: message.header.ifindex,
            mac: parts.mac?,
            vtep: parts.address,
            of_bridge: !flags.contains(NeighbourFlags::Own),
            external: flags.contains(NeighbourFlags::ExtLearned),
        })
    }
}

impl Neighbor {
    /// Reads it from the kernel's message; `None` for one without an address.
    pub(super) fn of(message: &NeighbourMessage) -> Option<Neighbor> {
        let parts = Parts::of(message);
        let state: u16 = NeighbourState::into(message.header.state);
        Some(Neighbor {
            device: message.header.ifindex,
            ip: parts.address?,
            mac: parts.mac,
            silent: state & SILENT != 0,
            external: message.header.flags.contains(NeighbourFlags::ExtLearned),
            protocol: parts.protocol,
        })
    }
}
