//! The kernel's forwarding database and neighbours, read by dump and printed as `bridge fdb` and `ip neigh` do.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp::types::Mac;
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::RouteProtocol;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::dump;

/// The VLAN of a row that counts for none.
const NO_VLAN: u16 = 0;

/// States that say how far a neighbour is known (linux/neighbour.h).
const REACHABLE: u16 = 0x02;
const STALE: u16 = 0x04;
const NOARP: u16 = 0x40;
const PERMANENT: u16 = 0x80;

/// A row of the forwarding database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FdbRow {
    /// Whose frames it directs; zero in a flood list.
    pub mac: Mac,
    /// The port they leave by.
    pub device: String,
    /// On a VXLAN device: the tunnel's other end.
    pub dst: Option<IpAddr>,
    /// The device's own table (`self`), not its bridge's.
    pub own: bool,
    /// Set by a control plane (`extern_learn`).
    pub extern_learn: bool,
    /// Not to be taken over by traffic.
    pub sticky: bool,
    /// The bridge whose table it is in.
    pub master: Option<String>,
    /// The kernel's NUD states.
    pub state: u16,
}

impl fmt::Display for FdbRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dev {}", self.mac, self.device)?;
        if let Some(dst) = self.dst {
            write!(f, " dst {dst}")?;
        }
        let words = [(self.own, " self"), (self.extern_learn, " extern_learn"), (self.sticky, " sticky")];
        words.iter().filter(|(set, _)| *set).try_for_each(|(_, word)| f.write_str(word))?;
        if let Some(master) = &self.master {
            write!(f, " master {master}")?;
        }
        f.write_str(match self.state {
            state if state & PERMANENT != 0 => " permanent",
            state if state & NOARP != 0 => " static",
            state if state & STALE != 0 => " stale",
            _ => "",
        })
    }
}

/// A neighbour of an interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NeighborRow {
    /// Its address.
    pub ip: IpAddr,
    /// The interface.
    pub device: String,
    /// Its MAC, where that is known.
    pub mac: Option<Mac>,
    /// Set by a control plane (`extern_learn`).
    pub extern_learn: bool,
    /// An IPv6 router.
    pub router: bool,
    /// The kernel's NUD states.
    pub state: u16,
    /// The protocol that put it there; 0 if none said so.
    pub protocol: u8,
}

impl fmt::Display for NeighborRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dev {}", self.ip, self.device)?;
        if let Some(mac) = self.mac {
            write!(f, " lladdr {mac}")?;
        }
        let words = [(self.router, " router"), (self.extern_learn, " extern_learn")];
        words.iter().filter(|(set, _)| *set).try_for_each(|(_, word)| f.write_str(word))?;
        for (bit, word) in STATES {
            if self.state & bit != 0 {
                write!(f, " {word}")?;
            }
        }
        match self.protocol {
            0 => Ok(()),
            11 => f.write_str(" proto zebra"),
            number => write!(f, " proto {number}"),
        }
    }
}

/// The names that `ip neigh` gives to states.
const STATES: [(u16, &str); 8] = [
    (0x01, "INCOMPLETE"),
    (REACHABLE, "REACHABLE"),
    (STALE, "STALE"),
    (0x08, "DELAY"),
    (0x10, "PROBE"),
    (0x20, "FAILED"),
    (NOARP, "NOARP"),
    (PERMANENT, "PERMANENT"),
];

/// The forwarding rows of one port or VXLAN device, in order. Those are left out that count for one VLAN only.
pub fn fdb(device: &str) -> io::Result<Vec<FdbRow>> {
    let rows = fdb_with_vlans(device)?.into_iter();
    Ok(rows.filter(|(vlan, _)| *vlan == NO_VLAN).map(|(_, row)| row).collect())
}

/// The forwarding rows of one port or VXLAN device with the VLAN that each counts for, in order; 0: for none.
///
/// A kernel that can keep VLANs apart copies a row that is written for none to each VLAN of its port, and every port has
/// VLAN 1, whether the bridge keeps VLANs apart or not.
pub fn fdb_with_vlans(device: &str) -> io::Result<Vec<(u16, FdbRow)>> {
    let names = interface_names()?;
    let rows = dump_neighbors(AddressFamily::Bridge)?;
    let rows = rows.iter().filter_map(|row| fdb_row(row, &names));
    let mut rows: Vec<(u16, FdbRow)> = rows.filter(|(_, row)| row.device == device).collect();
    rows.sort();
    Ok(rows)
}

/// Where a VXLAN device floods to, in order.
pub fn flood_list(device: &str) -> io::Result<Vec<IpAddr>> {
    Ok(fdb(device)?.into_iter().filter(|row| row.mac == Mac::ZERO).filter_map(|row| row.dst).collect())
}

/// The IPv4 and IPv6 neighbours of one interface, in order; multicast mappings are left out.
pub fn neighbors(device: &str) -> io::Result<Vec<NeighborRow>> {
    let names = interface_names()?;
    let mut rows = dump_neighbors(AddressFamily::Inet)?;
    rows.extend(dump_neighbors(AddressFamily::Inet6)?);
    let mut rows: Vec<NeighborRow> = rows
        .iter()
        .filter_map(|row| neighbor_row(row, &names))
        .filter(|row| row.device == device && !row.ip.is_multicast())
        .collect();
    rows.sort();
    Ok(rows)
}

fn dump_neighbors(family: AddressFamily) -> io::Result<Vec<NeighbourMessage>> {
    let mut request = NeighbourMessage::default();
    request.header.family = family;
    let rows = dump(RouteNetlinkMessage::GetNeighbour(request))?.into_iter();
    Ok(rows
        .filter_map(|row| match row {
            RouteNetlinkMessage::NewNeighbour(row) => Some(row),
            _ => None,
        })
        .collect())
}

fn interface_names() -> io::Result<HashMap<u32, String>> {
    let name_of = |link: &LinkMessage| {
        link.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::IfName(name) => Some(name.clone()),
            _ => None,
        })
    };
    let links = dump(RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
    Ok(links
        .iter()
        .filter_map(|link| match link {
            RouteNetlinkMessage::NewLink(link) => Some((link.header.index, name_of(link)?)),
            _ => None,
        })
        .collect())
}

/// The parts of a neighbour message that rows are made of.
#[derive(Default)]
struct Parts {
    destination: Option<IpAddr>,
    mac: Option<Mac>,
    master: Option<u32>,
    protocol: u8,
    vlan: u16,
}

impl Parts {
    fn of(message: &NeighbourMessage) -> Parts {
        let mut parts = Parts::default();
        for attribute in &message.attributes {
            match attribute {
                NeighbourAttribute::Destination(address) => parts.destination = ip(address),
                NeighbourAttribute::LinkLayerAddress(octets) => {
                    parts.mac = <[u8; 6]>::try_from(octets.as_slice()).ok().map(Mac);
                }
                NeighbourAttribute::Controller(index) => parts.master = Some(*index),
                NeighbourAttribute::Protocol(protocol) => parts.protocol = number(protocol),
                NeighbourAttribute::Vlan(vlan) => parts.vlan = *vlan,
                _ => {}
            }
        }
        parts
    }
}

fn number(protocol: &RouteProtocol) -> u8 {
    u8::from(*protocol)
}

/// In a bridge row the kernel does not say which family a destination is of: its length does.
fn ip(address: &NeighbourAddress) -> Option<IpAddr> {
    match address {
        NeighbourAddress::Inet(v4) => Some((*v4).into()),
        NeighbourAddress::Inet6(v6) => Some((*v6).into()),
        NeighbourAddress::Other(octets) => <[u8; 4]>::try_from(octets.as_slice())
            .map(|v4| Ipv4Addr::from(v4).into())
            .or_else(|_| <[u8; 16]>::try_from(octets.as_slice()).map(|v6| Ipv6Addr::from(v6).into()))
            .ok(),
        _ => None,
    }
}

fn state(state: NeighbourState) -> u16 {
    state.into()
}

fn fdb_row(message: &NeighbourMessage, names: &HashMap<u32, String>) -> Option<(u16, FdbRow)> {
    let parts = Parts::of(message);
    let flags = message.header.flags;
    let row = FdbRow {
        mac: parts.mac?,
        device: names.get(&message.header.ifindex)?.clone(),
        dst: parts.destination,
        own: flags.contains(NeighbourFlags::Own),
        extern_learn: flags.contains(NeighbourFlags::ExtLearned),
        sticky: flags.contains(NeighbourFlags::Sticky),
        master: parts.master.and_then(|index| names.get(&index).cloned()),
        state: state(message.header.state),
    };
    Some((parts.vlan, row))
}

fn neighbor_row(message: &NeighbourMessage, names: &HashMap<u32, String>) -> Option<NeighborRow> {
    let parts = Parts::of(message);
    let flags = message.header.flags;
    Some(NeighborRow {
        ip: parts.destination?,
        device: names.get(&message.header.ifindex)?.clone(),
        mac: parts.mac,
        extern_learn: flags.contains(NeighbourFlags::ExtLearned),
        router: flags.contains(NeighbourFlags::Router),
        state: state(message.header.state),
        protocol: parts.protocol,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows that FRR writes for one remote MAC and IP, as `bridge fdb` and `ip neigh` print them.
    #[test]
    fn rows_read_as_the_tools_print_them() {
        let mac = Mac([2, 0, 0, 0, 0, 0x50]);
        let row = |dst, own, extern_learn, master: Option<&str>, state| FdbRow {
            mac,
            device: "vxlan100".into(),
            dst,
            own,
            extern_learn,
            sticky: false,
            master: master.map(str::to_owned),
            state,
        };
        let vtep = Some(IpAddr::from([10, 99, 1, 1]));
        assert_eq!(
            row(None, false, true, Some("br100"), REACHABLE).to_string(),
            "02:00:00:00:00:50 dev vxlan100 extern_learn master br100"
        );
        assert_eq!(
            row(vtep, true, true, None, REACHABLE).to_string(),
            "02:00:00:00:00:50 dev vxlan100 dst 10.99.1.1 self extern_learn"
        );
        assert_eq!(
            row(vtep, true, false, None, NOARP | PERMANENT).to_string(),
            "02:00:00:00:00:50 dev vxlan100 dst 10.99.1.1 self permanent"
        );
        let neighbor = NeighborRow {
            ip: [192, 168, 100, 50].into(),
            device: "br100".into(),
            mac: Some(mac),
            extern_learn: true,
            router: false,
            state: NOARP,
            protocol: 11,
        };
        assert_eq!(
            neighbor.to_string(),
            "192.168.100.50 dev br100 lladdr 02:00:00:00:00:50 extern_learn NOARP proto zebra"
        );
    }
}
