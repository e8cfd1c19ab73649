//! Routes as the kernel's messages: what is read of them.
//!
//! ```text
//! family u8 | length of destination u8 | of source u8 | tos u8 | table u8 | protocol u8 | scope u8 | type u8 | flags u32 | attributes
//! one of several ways:  length u16 | flags u8 | weight u8 | device u32 | attributes | padding to 4
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use smallvec::SmallVec;

use super::neigh::address;
use super::wire::{self, attributes, put_attribute, put_message, u16_at, u32_at};
use crate::config::PROTOCOL;
use crate::routes::{Hop, HopKind, Route};
use crate::row::IfIndex;

pub(super) const NEW: u16 = 24;
pub(super) const DELETE: u16 = 25;
const GET: u16 = 26;

const HEADER: usize = 12;
const MAIN: u32 = libc::RT_TABLE_MAIN as u32;
/// `RTM_F_CLONED`: what the kernel has learnt about one destination, and no route.
const CLONED: u32 = 0x200;

// Attributes, `RTA_*`.
const DESTINATION: u16 = 1;
const DEVICE: u16 = 4;
const GATEWAY: u16 = 5;
const PRIORITY: u16 = 6;
const MULTIPATH: u16 = 9;
const TABLE: u16 = 15;
/// A gateway of another family: that family, and the address.
const VIA: u16 = 18;

/// Where the attributes of one of several ways begin.
const WAY_HEADER: usize = 8;

/// Appends the request for all routes of the main table of a family.
pub(super) fn put_dump(out: &mut Vec<u8>, family: libc::c_int, sequence: u32) {
    put_message(out, GET, wire::REQUEST | wire::DUMP, sequence, |out| {
        out.push(family as u8);
        out.extend([0; HEADER - 1]);
        put_attribute(out, TABLE, &MAIN.to_ne_bytes());
    });
}

/// The route in a received message. `None` where it is not of the main table, or not for every packet to its
/// destination: by type of service, by source, or not for single hosts' traffic at all.
pub(super) fn parse(payload: &[u8]) -> Option<Route> {
    let [family, length, source_length, tos, table, protocol, _, kind] = *payload.first_chunk()?;
    let (mut prefix, mut priority, mut table) = (unspecified(family)?, 0, u32::from(table));
    let (mut only, mut several) = ((None, None), None);
    for (attribute, value) in attributes(payload.get(HEADER..)?) {
        match attribute {
            DESTINATION => prefix = address(value)?,
            PRIORITY => priority = u32_at(value, 0)?,
            TABLE => table = u32_at(value, 0)?,
            MULTIPATH => several = Some(value),
            DEVICE => only.0 = u32_at(value, 0).map(IfIndex),
            GATEWAY | VIA => only.1 = gateway(attribute, value),
            _ => {}
        }
    }
    let kind = hop_kind(kind, protocol)?;
    let hop = |(device, gateway)| Hop { kind, device, gateway };
    let hops: SmallVec<[Hop; 1]> = match several {
        Some(several) => ways(several).map(hop).collect(),
        None => [hop(only)].into_iter().collect(),
    };
    let for_all = source_length == 0 && tos == 0 && u32_at(payload, 8)? & CLONED == 0;
    let prefix = IpNet::new(prefix, length).ok()?.trunc();
    (table == MAIN && for_all && !hops.is_empty()).then_some(Route { prefix, priority, hops })
}

/// `RTN_*` and `RTPROT_*`.
fn hop_kind(kind: u8, protocol: u8) -> Option<HopKind> {
    match kind {
        _ if protocol == PROTOCOL => Some(HopKind::Ours),
        libc::RTN_UNICAST => Some(HopKind::Forwards),
        libc::RTN_BLACKHOLE | libc::RTN_UNREACHABLE | libc::RTN_PROHIBIT | libc::RTN_THROW => {
            Some(HopKind::Refuses)
        }
        _ => None,
    }
}

/// The ways of a route that has several, each with its device and gateway; ends where one is not whole.
fn ways(mut bytes: &[u8]) -> impl Iterator<Item = (Option<IfIndex>, Option<IpAddr>)> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes, 0)?);
        let device = u32_at(bytes, 4).map(IfIndex);
        let mut attributes = attributes(bytes.get(WAY_HEADER..length)?);
        let gateway = attributes.find_map(|(attribute, value)| gateway(attribute, value));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((device, gateway))
    })
}

fn gateway(attribute: u16, value: &[u8]) -> Option<IpAddr> {
    match attribute {
        GATEWAY => address(value),
        VIA => address(value.get(2..)?),
        _ => None,
    }
}

/// Default routes name no destination.
fn unspecified(family: u8) -> Option<IpAddr> {
    match libc::c_int::from(family) {
        libc::AF_INET => Some(Ipv4Addr::UNSPECIFIED.into()),
        libc::AF_INET6 => Some(Ipv6Addr::UNSPECIFIED.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNICAST: u8 = libc::RTN_UNICAST;

    fn message(fixed: [u8; 8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut out = [&fixed[..], &[0; 4]].concat();
        attributes.iter().for_each(|(kind, value)| put_attribute(&mut out, *kind, value));
        out
    }

    fn hop(kind: HopKind, device: u32, gateway: &str) -> Hop {
        let device = Some(device).filter(|device| *device != 0).map(IfIndex);
        Hop { kind, device, gateway: gateway.parse().ok() }
    }

    fn check(message: &[u8], prefix: &str, priority: u32, hops: &[Hop]) {
        let route = Route { prefix: prefix.parse().unwrap(), priority, hops: hops.iter().copied().collect() };
        assert_eq!(parse(message), Some(route));
    }

    #[test]
    fn routes() {
        let (device, priority) = (7u32.to_ne_bytes(), 20u32.to_ne_bytes());
        let fixed = [2, 24, 0, 0, 254, 4, 0, UNICAST];
        let to = (DESTINATION, &[10, 0, 0, 0][..]);
        check(
            &message(fixed, &[to, (DEVICE, &device), (GATEWAY, &[10, 1, 1, 1]), (PRIORITY, &priority)]),
            "10.0.0.0/24",
            20,
            &[hop(HopKind::Forwards, 7, "10.1.1.1")],
        );
        let default = message([10, 0, 0, 0, 254, 9, 0, UNICAST], &[(DEVICE, &device)]);
        check(&default, "::/0", 0, &[hop(HopKind::Forwards, 7, "")]);
        let blackhole = message([2, 24, 0, 0, 254, 4, 0, libc::RTN_BLACKHOLE], &[to]);
        check(&blackhole, "10.0.0.0/24", 0, &[hop(HopKind::Refuses, 0, "")]);
        let ours = message([2, 24, 0, 0, 254, PROTOCOL, 0, UNICAST], &[to, (DEVICE, &device)]);
        check(&ours, "10.0.0.0/24", 0, &[hop(HopKind::Ours, 7, "")]);
    }

    #[test]
    fn several_ways() {
        let way = |device: u32, attribute: (u16, &[u8])| {
            let mut attributes = Vec::new();
            put_attribute(&mut attributes, attribute.0, attribute.1);
            let length = ((WAY_HEADER + attributes.len()) as u16).to_ne_bytes();
            [&length[..], &[0, 0], &device.to_ne_bytes(), &attributes].concat()
        };
        let via = [&[10, 0][..], &Ipv6Addr::LOCALHOST.octets()].concat();
        let both = [way(7, (GATEWAY, &[10, 1, 1, 1])), way(8, (VIA, &via))].concat();
        check(
            &message([2, 8, 0, 0, 254, 4, 0, UNICAST], &[(DESTINATION, &[10, 0, 0, 0]), (MULTIPATH, &both)]),
            "10.0.0.0/8",
            0,
            &[hop(HopKind::Forwards, 7, "10.1.1.1"), hop(HopKind::Forwards, 8, "::1")],
        );
    }

    #[test]
    fn what_is_no_route_for_all_packets() {
        for fixed in [
            [2, 0, 0, 0, 255, 2, 0, UNICAST],
            [2, 0, 0, 16, 254, 2, 0, UNICAST],
            [10, 0, 64, 0, 254, 2, 0, UNICAST],
            [2, 0, 0, 0, 254, 2, 0, libc::RTN_MULTICAST],
            [7, 0, 0, 0, 254, 2, 0, UNICAST],
            [2, 33, 0, 0, 254, 2, 0, UNICAST],
        ] {
            assert_eq!(parse(&message(fixed, &[])), None, "{fixed:?}");
        }
        let elsewhere = 1000u32.to_ne_bytes();
        assert_eq!(parse(&message([2, 0, 0, 0, 254, 2, 0, UNICAST], &[(TABLE, &elsewhere)])), None);
    }

    proptest! {
        #[test]
        fn any_payload_is_read_without_panic(bytes: Vec<u8>) {
            parse(&bytes);
            ways(&bytes).count();
        }
    }
}
