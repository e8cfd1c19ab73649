//! Devices as the kernel's link messages: what is read of them. (They are made and changed in `device`.)
//!
//! ```text
//! family u8 | 0 u8 | type u16 | index u32 | flags u32 | changed u32 | attributes
//! ```
//! Bridges send link messages of family `AF_BRIDGE` too, about ports: a "deleted" there is a port that left
//! its bridge. They are passed over; the ordinary message that says the same comes besides.

use std::net::IpAddr;

use bgp::types::{Mac, Vni};

use super::neigh::address;
use super::wire::{self, attributes, put_attribute, put_message, u32_at};
use crate::event::{Link, LinkKind};
use crate::row::IfIndex;

pub(super) const NEW: u16 = 16;
pub(super) const DELETE: u16 = 17;
const GET: u16 = 18;

const HEADER: usize = 16;
const UP: u32 = 0x1;
/// `IFF_LOWER_UP`: the carrier.
const LOWER_UP: u32 = 0x1_0000;

// Attributes, `IFLA_*`.
const ADDRESS: u16 = 1;
const NAME: u16 = 3;
const MTU: u16 = 4;
const MASTER: u16 = 10;
const INFO: u16 = 18;
const ALIAS: u16 = 20;
const EXTENSIONS: u16 = 29;
/// Leaves the counters out, which are most of a link message.
const WITHOUT_COUNTERS: u32 = 1 << 3;

// In `INFO`.
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const INFO_PORT_DATA: u16 = 5;

// In `INFO_DATA` of a VXLAN device.
const VXLAN_ID: u16 = 1;
const VXLAN_REMOTE: u16 = 2;
const VXLAN_LOCAL: u16 = 4;
const VXLAN_REMOTE6: u16 = 16;
const VXLAN_LOCAL6: u16 = 17;
const VXLAN_EXTERNAL: u16 = 25;

// In `INFO_PORT_DATA` of a bridge's port.
const PORT_LEARNING: u16 = 8;
const PORT_SUPPRESS: u16 = 32;

/// The alias of devices that we made: how a later run knows them.
pub(super) const MARK: &str = "linnet";
/// The alias of the fallback tunnel's device, which EVPN has no business with.
pub(super) const TUNNEL_MARK: &str = "linnet fallback";

/// Appends the request for all devices.
pub(super) fn put_dump(out: &mut Vec<u8>, sequence: u32) {
    put_message(out, GET, wire::REQUEST | wire::DUMP, sequence, |out| {
        out.extend([0; HEADER]);
        put_attribute(out, EXTENSIONS, &WITHOUT_COUNTERS.to_ne_bytes());
    });
}

/// The device in a received message. `None` for messages about ports.
pub(super) fn parse(payload: &[u8]) -> Option<Link> {
    let mut link = blank(payload)?;
    for (kind, value) in attributes(payload.get(HEADER..)?) {
        match kind {
            ADDRESS => link.mac = <[u8; 6]>::try_from(value).map(Mac).unwrap_or_default(),
            NAME => link.name = text(value),
            MASTER => link.master = u32_at(value, 0).map(IfIndex),
            ALIAS => link.ours = text(value) == MARK,
            INFO => read_info(&mut link, value),
            _ => {}
        }
    }
    Some(link)
}

/// What stands before the attributes.
fn blank(payload: &[u8]) -> Option<Link> {
    let (family, index, flags) = (*payload.first()?, u32_at(payload, 4)?, u32_at(payload, 8)?);
    let link = Link {
        index: IfIndex(index),
        name: String::new(),
        kind: LinkKind::Other,
        master: None,
        up: flags & UP != 0,
        carrier: flags & LOWER_UP != 0,
        mac: Mac::default(),
        learning: false,
        suppress: false,
        ours: false,
    };
    (family == 0).then_some(link)
}

fn read_info(link: &mut Link, info: &[u8]) {
    let find = |wanted| attributes(info).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
    link.kind = match find(INFO_KIND).map(text).as_deref() {
        Some("bridge") => LinkKind::Bridge,
        Some("vxlan") => vxlan(find(INFO_DATA).unwrap_or_default()),
        _ => LinkKind::Other,
    };
    let set = |value: &[u8]| value.first().is_some_and(|octet| *octet != 0);
    for (kind, value) in attributes(find(INFO_PORT_DATA).unwrap_or_default()) {
        match kind {
            PORT_LEARNING => link.learning = set(value),
            PORT_SUPPRESS => link.suppress = set(value),
            _ => {}
        }
    }
}

/// A VXLAN device of many VNIs is none of ours.
fn vxlan(data: &[u8]) -> LinkKind {
    let (mut vni, mut local, mut remote, mut external) = (None, None, None, false);
    for (kind, value) in attributes(data) {
        match kind {
            VXLAN_ID => vni = u32_at(value, 0).and_then(Vni::new),
            VXLAN_LOCAL | VXLAN_LOCAL6 => local = address(value),
            VXLAN_REMOTE | VXLAN_REMOTE6 => remote = address(value),
            VXLAN_EXTERNAL => external = value.first().is_some_and(|octet| *octet != 0),
            _ => {}
        }
    }
    let specified = |ip: Option<IpAddr>| ip.filter(|ip| !ip.is_unspecified());
    match vni.filter(|_| !external) {
        Some(vni) => LinkKind::Vxlan { vni, local: specified(local), remote: specified(remote) },
        None => LinkKind::Other,
    }
}

/// Whether the device in a received message is the fallback tunnel's.
pub(super) fn is_tunnel(payload: &[u8]) -> bool {
    let attributes = payload.get(HEADER..).into_iter().flat_map(attributes);
    attributes.filter(|(kind, _)| *kind == ALIAS).any(|(_, value)| text(value) == TUNNEL_MARK)
}

/// The MTU of the device in a received message.
pub(super) fn mtu(payload: &[u8]) -> Option<u32> {
    let mut attributes = payload.get(HEADER..).into_iter().flat_map(attributes);
    attributes.find(|(kind, _)| *kind == MTU).and_then(|(_, value)| u32_at(value, 0))
}

/// The index of the device in a message that it is gone. `None` for messages about ports.
pub(super) fn parse_gone(payload: &[u8]) -> Option<IfIndex> {
    (*payload.first()? == 0).then_some(IfIndex(u32_at(payload, 4)?))
}

/// Names end with a nought.
fn text(value: &[u8]) -> String {
    let end = value.iter().position(|octet| *octet == 0).unwrap_or(value.len());
    String::from_utf8_lossy(value.get(..end).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_attribute(&mut out, kind, value);
        out
    }

    fn message(family: u8, attributes: &[u8]) -> Vec<u8> {
        let fixed = [u32::from(family), 9, UP | LOWER_UP, 0].map(u32::to_ne_bytes).concat();
        [&fixed, attributes].concat()
    }

    fn vxlan_message(data: &[u8]) -> Vec<u8> {
        let port = [attribute(PORT_LEARNING, &[0]), attribute(PORT_SUPPRESS, &[1])].concat();
        let info =
            [attribute(INFO_KIND, b"vxlan\0"), attribute(INFO_DATA, data), attribute(INFO_PORT_DATA, &port)];
        let parts = [
            attribute(NAME, b"vxlan5\0"),
            attribute(ADDRESS, &[2, 0, 0, 0, 0, 1]),
            attribute(MASTER, &8u32.to_ne_bytes()),
            attribute(ALIAS, b"linnet\0"),
            attribute(INFO | 0x8000, &info.concat()),
        ];
        message(0, &parts.concat())
    }

    #[test]
    fn a_vxlan_device() {
        let data = [attribute(VXLAN_ID, &5u32.to_ne_bytes()), attribute(VXLAN_LOCAL, &[10, 0, 0, 1])];
        let link = parse(&vxlan_message(&data.concat())).unwrap();
        let (vni, local) = (Vni::new(5).unwrap(), "10.0.0.1".parse().ok());
        assert_eq!(link.kind, LinkKind::Vxlan { vni, local, remote: None });
        assert_eq!((link.name.as_str(), link.index, link.master), ("vxlan5", IfIndex(9), Some(IfIndex(8))));
        assert_eq!(
            (link.up, link.carrier, link.learning, link.suppress, link.ours),
            (true, true, false, true, true)
        );
    }

    #[test]
    fn one_device_of_many_vnis_is_not_ours() {
        let data = [attribute(VXLAN_ID, &0u32.to_ne_bytes()), attribute(VXLAN_EXTERNAL, &[1])].concat();
        assert_eq!(parse(&vxlan_message(&data)).unwrap().kind, LinkKind::Other);
    }

    #[test]
    fn a_port_that_left_its_bridge_is_not_gone() {
        assert_eq!(parse_gone(&message(7, &[])), None);
        assert_eq!(parse_gone(&message(0, &[])), Some(IfIndex(9)));
    }

    proptest! {
        #[test]
        fn any_payload_is_read_without_panic(bytes: Vec<u8>) {
            parse(&bytes);
            parse_gone(&bytes);
        }
    }
}
