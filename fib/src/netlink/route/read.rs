//! What is read of a route.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use smallvec::SmallVec;

use super::super::neigh::address;
use super::super::wire::{attributes, u16_at, u32_at};
use super::{
    CLONED, DESTINATION, DEVICE, GATEWAY, HEADER, MULTIPATH, ONLINK, PRIORITY, TABLE, VIA, WAY_HEADER,
};
use crate::routes::{Hop, Hops, Route, RouteKind};
use crate::row::IfIndex;

/// The route in a received message. `None` where it is not for every packet to its destination: by type of service, by
/// source, or not for single hosts' traffic at all.
pub(in crate::netlink) fn parse(payload: &[u8]) -> Option<Route> {
    let [family, length, source_length, tos, table, protocol, _, kind] = *payload.first_chunk()?;
    let flags = u32_at(payload, 8)?;
    let (mut prefix, mut metric, mut table) = (unspecified(family)?, 0, u32::from(table));
    let (mut device, mut router, mut several) = (None, None, None);
    for (attribute, value) in attributes(payload.get(HEADER..)?) {
        match attribute {
            DESTINATION => prefix = address(value)?,
            PRIORITY => metric = u32_at(value, 0)?,
            TABLE => table = u32_at(value, 0)?,
            MULTIPATH => several = Some(value),
            DEVICE => device = u32_at(value, 0).map(IfIndex),
            GATEWAY | VIA => router = gateway(attribute, value),
            _ => {}
        }
    }
    let hops: Hops = match several {
        Some(several) => ways(several).collect(),
        None => {
            let onlink = flags & u32::from(ONLINK) != 0;
            SmallVec::from_iter([Hop { device, gateway: router, onlink, weight: 0 }])
        }
    };
    let for_all = source_length == 0 && tos == 0 && flags & CLONED == 0;
    let prefix = IpNet::new(prefix, length).ok()?.trunc();
    let kind = route_kind(kind)?;
    (for_all && !hops.is_empty()).then_some(Route { table, prefix, metric, protocol, kind, hops })
}

/// `RTN_*`.
fn route_kind(kind: u8) -> Option<RouteKind> {
    match kind {
        libc::RTN_UNICAST => Some(RouteKind::Unicast),
        libc::RTN_BLACKHOLE => Some(RouteKind::Blackhole),
        libc::RTN_UNREACHABLE | libc::RTN_PROHIBIT | libc::RTN_THROW => Some(RouteKind::Refuses),
        _ => None,
    }
}

/// The ways of a route that has several; ends where one is not whole.
fn ways(mut bytes: &[u8]) -> impl Iterator<Item = Hop> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes, 0)?);
        let (flags, weight) = (*bytes.get(2)?, *bytes.get(3)?);
        let device = u32_at(bytes, 4).map(IfIndex);
        let mut attributes = attributes(bytes.get(WAY_HEADER..length)?);
        let gateway = attributes.find_map(|(attribute, value)| gateway(attribute, value));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Hop { device, gateway, onlink: flags & ONLINK != 0, weight })
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
    use super::super::super::wire::put_attribute;
    use super::*;
    use crate::routes::MAIN;
    use proptest::prelude::*;

    const UNICAST: u8 = libc::RTN_UNICAST;

    fn message(fixed: [u8; 8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut out = [&fixed[..], &[0; 4]].concat();
        attributes.iter().for_each(|(kind, value)| put_attribute(&mut out, *kind, value));
        out
    }

    fn hop(device: u32, gateway: &str) -> Hop {
        let device = Some(device).filter(|device| *device != 0).map(IfIndex);
        Hop { device, gateway: gateway.parse().ok(), onlink: false, weight: 0 }
    }

    fn check(message: &[u8], prefix: &str, metric: u32, (protocol, kind): (u8, RouteKind), hops: &[Hop]) {
        let (prefix, hops) = (prefix.parse().unwrap(), hops.iter().copied().collect());
        assert_eq!(parse(message), Some(Route { table: MAIN, prefix, metric, protocol, kind, hops }));
    }

    #[test]
    fn routes() {
        let (device, metric) = (7u32.to_ne_bytes(), 20u32.to_ne_bytes());
        let fixed = [2, 24, 0, 0, 254, 4, 0, UNICAST];
        let to = (DESTINATION, &[10, 0, 0, 0][..]);
        check(
            &message(fixed, &[to, (DEVICE, &device), (GATEWAY, &[10, 1, 1, 1]), (PRIORITY, &metric)]),
            "10.0.0.0/24",
            20,
            (4, RouteKind::Unicast),
            &[hop(7, "10.1.1.1")],
        );
        let default = message([10, 0, 0, 0, 254, 9, 0, UNICAST], &[(DEVICE, &device)]);
        check(&default, "::/0", 0, (9, RouteKind::Unicast), &[hop(7, "")]);
        let blackhole = message([2, 24, 0, 0, 254, 108, 0, libc::RTN_BLACKHOLE], &[to]);
        check(&blackhole, "10.0.0.0/24", 0, (108, RouteKind::Blackhole), &[hop(0, "")]);
        let table = 1000u32.to_ne_bytes();
        let mut onlink = message([2, 24, 0, 0, 252, 4, 0, UNICAST], &[to, (TABLE, &table)]);
        onlink[8] = ONLINK;
        let route = parse(&onlink).unwrap();
        assert_eq!((route.table, route.hops[0].onlink), (1000, true));
    }

    #[test]
    fn several_ways() {
        let way = |device: u32, flags: u8, weight: u8, attribute: (u16, &[u8])| {
            let mut attributes = Vec::new();
            put_attribute(&mut attributes, attribute.0, attribute.1);
            let length = ((WAY_HEADER + attributes.len()) as u16).to_ne_bytes();
            [&length[..], &[flags, weight], &device.to_ne_bytes(), &attributes].concat()
        };
        let via = [&[10, 0][..], &Ipv6Addr::LOCALHOST.octets()].concat();
        let both = [way(7, ONLINK, 0, (GATEWAY, &[10, 1, 1, 1])), way(8, 0, 2, (VIA, &via))].concat();
        check(
            &message([2, 8, 0, 0, 254, 4, 0, UNICAST], &[(DESTINATION, &[10, 0, 0, 0]), (MULTIPATH, &both)]),
            "10.0.0.0/8",
            0,
            (4, RouteKind::Unicast),
            &[Hop { onlink: true, ..hop(7, "10.1.1.1") }, Hop { weight: 2, ..hop(8, "::1") }],
        );
    }

    #[test]
    fn what_is_no_route_for_all_packets() {
        for fixed in [
            [2, 0, 0, 16, 254, 2, 0, UNICAST],
            [10, 0, 64, 0, 254, 2, 0, UNICAST],
            [2, 0, 0, 0, 254, 2, 0, libc::RTN_MULTICAST],
            [7, 0, 0, 0, 254, 2, 0, UNICAST],
            [2, 33, 0, 0, 254, 2, 0, UNICAST],
        ] {
            assert_eq!(parse(&message(fixed, &[])), None, "{fixed:?}");
        }
    }

    proptest! {
        #[test]
        fn any_payload_is_read_without_panic(bytes: Vec<u8>) {
            parse(&bytes);
            ways(&bytes).count();
        }
    }
}
