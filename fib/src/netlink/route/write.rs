//! What is written of a route.

use std::net::IpAddr;

use ipnet::IpNet;

use super::super::wire::{self, put_attribute, put_message, set_length};
use super::{
    DELETE, DESTINATION, DEVICE, GATEWAY, GET, HEADER, MULTIPATH, NEW, ONLINK, PRIORITY, TABLE, VIA,
};
use crate::op::OpId;
use crate::routes::{Hop, RouteAction, RouteDump, RouteKey, Ways};

/// `RT_SCOPE_NOWHERE`: in a deletion, any.
const ANY_SCOPE: u8 = 255;

/// Appends the message for an op on a route, or for a dump of a table. Other dumps have messages of their own.
pub(in crate::netlink) fn put(out: &mut Vec<u8>, OpId(sequence): OpId, action: &RouteAction) {
    match action {
        RouteAction::Put { key, ways, replace } => {
            let how = if *replace { wire::REPLACE } else { wire::EXCLUSIVE };
            put_message(out, NEW, wire::REQUEST | wire::CREATE | how, sequence, |out| {
                put_route(out, key, ways);
            });
        }
        RouteAction::Delete(key) => put_message(out, DELETE, wire::REQUEST, sequence, |out| {
            put_header(out, key, ANY_SCOPE, libc::RTN_UNSPEC, 0);
            put_key(out, key);
        }),
        RouteAction::Dump(RouteDump::Routes { ipv4, table }) => {
            let family = if *ipv4 { libc::AF_INET } else { libc::AF_INET6 };
            put_message(out, GET, wire::REQUEST | wire::DUMP, sequence, |out| {
                out.push(family as u8);
                out.extend([0; HEADER - 1]);
                put_attribute(out, TABLE, &table.to_ne_bytes());
            });
        }
        RouteAction::Dump(_) | RouteAction::Tunnel(_) => {}
    }
}

fn put_route(out: &mut Vec<u8>, key: &RouteKey, ways: &Ways) {
    let only = match ways {
        Ways::Via(hops) => match hops.as_slice() {
            [only] => Some(only),
            _ => None,
        },
        Ways::Blackhole | Ways::Other => None,
    };
    let kind = if matches!(ways, Ways::Via(_)) { libc::RTN_UNICAST } else { libc::RTN_BLACKHOLE };
    put_header(out, key, libc::RT_SCOPE_UNIVERSE, kind, only.map_or(0, flags));
    put_key(out, key);
    match (only, ways) {
        (Some(hop), _) => {
            if let Some(device) = hop.device {
                put_attribute(out, DEVICE, &device.0.to_ne_bytes());
            }
            put_gateway(out, key, hop);
        }
        (None, Ways::Via(hops)) => put_ways(out, key, hops),
        (None, _) => {}
    }
}

fn put_header(out: &mut Vec<u8>, key: &RouteKey, scope: u8, kind: u8, flags: u8) {
    let family = if matches!(key.prefix, IpNet::V4(_)) { libc::AF_INET } else { libc::AF_INET6 };
    let table = u8::try_from(key.table).unwrap_or(0);
    out.extend([family as u8, key.prefix.prefix_len(), 0, 0, table, key.protocol, scope, kind]);
    out.extend(u32::from(flags).to_ne_bytes());
}

/// What tells a route from another and has no room in the header.
fn put_key(out: &mut Vec<u8>, key: &RouteKey) {
    if key.prefix.prefix_len() > 0 {
        put_address(out, DESTINATION, key.prefix.addr());
    }
    if key.metric > 0 {
        put_attribute(out, PRIORITY, &key.metric.to_ne_bytes());
    }
    if u8::try_from(key.table).is_err() {
        put_attribute(out, TABLE, &key.table.to_ne_bytes());
    }
}

fn put_ways(out: &mut Vec<u8>, key: &RouteKey, hops: &[Hop]) {
    let start = out.len();
    put_attribute(out, MULTIPATH, &[]);
    for hop in hops {
        let way = out.len();
        let device = hop.device.map_or(0, |device| device.0);
        out.extend([0, 0, flags(hop), hop.weight]);
        out.extend(device.to_ne_bytes());
        put_gateway(out, key, hop);
        set_length(out, way);
    }
    set_length(out, start);
}

fn put_gateway(out: &mut Vec<u8>, key: &RouteKey, hop: &Hop) {
    match (hop.gateway, key.prefix) {
        (None, _) => {}
        (Some(IpAddr::V6(gateway)), IpNet::V4(_)) => {
            let family = (libc::AF_INET6 as u16).to_ne_bytes();
            put_attribute(out, VIA, &[&family[..], &gateway.octets()].concat());
        }
        (Some(gateway), _) => put_address(out, GATEWAY, gateway),
    }
}

fn put_address(out: &mut Vec<u8>, kind: u16, address: IpAddr) {
    match address {
        IpAddr::V4(address) => put_attribute(out, kind, &address.octets()),
        IpAddr::V6(address) => put_attribute(out, kind, &address.octets()),
    }
}

fn flags(hop: &Hop) -> u8 {
    if hop.onlink { ONLINK } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::super::super::wire::messages;
    use super::super::parse;
    use super::*;
    use crate::routes::{Hops, MAIN, Route, RouteKind};
    use crate::row::IfIndex;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::sync::Arc;

    fn written(action: &RouteAction) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, OpId(9), action);
        out
    }

    fn hex(bytes: &[u8]) -> String {
        let words: Vec<String> =
            bytes.chunks(4).map(|word| word.iter().map(|octet| format!("{octet:02x}")).collect()).collect();
        words.join(" ")
    }

    fn key(prefix: &str, metric: u32) -> RouteKey {
        RouteKey { prefix: prefix.parse().unwrap(), table: MAIN, metric, protocol: 108 }
    }

    fn via(hops: &[(u32, &str)]) -> Arc<Ways> {
        let hops = hops.iter().map(|(device, to)| Hop::via(IfIndex(*device), to.parse().unwrap()));
        Arc::new(Ways::via(hops.collect()))
    }

    /// The numbers are those of a little-endian machine.
    #[test]
    #[cfg(target_endian = "little")]
    fn golden_messages() {
        let one =
            RouteAction::Put { key: key("10.1.2.0/24", 50), ways: via(&[(7, "10.0.0.1")]), replace: false };
        assert_eq!(
            hex(&written(&one)),
            "3c000000 18000106 09000000 00000000 \
             02180000 fe6c0001 00000000 \
             08000100 0a010200 08000600 32000000 08000400 07000000 08000500 0a000001"
        );
        let over_ipv6 = RouteAction::Put {
            key: key("10.1.2.0/24", 0),
            ways: via(&[(7, "fe80::1"), (8, "10.0.0.1")]),
            replace: true,
        };
        assert_eq!(
            hex(&written(&over_ipv6)),
            "58000000 18000105 09000000 00000000 \
             02180000 fe6c0001 00000000 08000100 0a010200 \
             34000900 20000000 07000000 16001200 0a00fe80 00000000 00000000 00000000 00010000 \
             10000000 08000000 08000500 0a000001"
        );
        let delete = RouteAction::Delete(RouteKey { table: 1000, ..key("fd00::/64", 50) });
        assert_eq!(
            hex(&written(&delete)),
            "40000000 19000100 09000000 00000000 \
             0a400000 006cff00 00000000 14000100 fd000000 00000000 00000000 00000000 \
             08000600 32000000 08000f00 e8030000"
        );
        let dump = RouteAction::Dump(RouteDump::Routes { ipv4: false, table: MAIN });
        assert_eq!(
            hex(&written(&dump)),
            "24000000 1a000103 09000000 00000000 0a000000 00000000 00000000 08000f00 fe000000"
        );
    }

    prop_compose! {
        fn any_hop()(device in 1u32..9, ipv6: bool, octet: u8, onlink: bool) -> (Hop, bool) {
            let gateway = match ipv6 {
                true => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, octet.into()).into(),
                false => IpAddr::V4(Ipv4Addr::new(10, 0, 0, octet)),
            };
            (Hop { onlink, ..Hop::via(IfIndex(device), gateway) }, ipv6)
        }
    }

    proptest! {
        /// What is written is read as the same.
        #[test]
        fn both_ways(
            hops in prop::collection::vec(any_hop(), 1..5),
            address: [u8; 16], length in 0u8..=128, metric: u32, table in 1u32..2000,
        ) {
            let only_ipv6 = hops.iter().all(|(_, ipv6)| *ipv6);
            let prefix = match only_ipv6 {
                true => IpNet::new(IpAddr::from(address), length),
                false => IpNet::new(Ipv4Addr::from_bits(u32::from_be_bytes([address[0], address[1], address[2], address[3]])).into(), length % 33),
            };
            let (prefix, protocol) = (prefix.unwrap().trunc(), 108);
            let key = RouteKey { prefix, table, metric, protocol };
            let hops: Hops = hops.into_iter().map(|(hop, _)| hop).collect();
            let ways = Arc::new(Ways::Via(hops.clone()));
            let bytes = written(&RouteAction::Put { key, ways, replace: true });
            let message = messages(&bytes).next().unwrap();
            let kind = RouteKind::Unicast;
            prop_assert_eq!(parse(message.payload), Some(Route { table, prefix, metric, protocol, kind, hops }));
        }
    }
}
