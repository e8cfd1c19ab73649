//! Paths, of all families.

use api::v1;

use super::{RD1, RD2, list, s};

/// Two best paths, a losing one, one that loops, and a unicast one.
pub(crate) fn paths() -> Vec<v1::Path> {
    let losing = v1::Path {
        best: false,
        neighbor: s("10.0.1.2"),
        cluster_list: list(&["10.0.1.2", "10.0.1.9"]),
        reason: s("longer cluster list"),
        path_id: Some(2),
        ..mac_ip()
    };
    let looped =
        v1::Path { best: false, valid: false, stale: true, reason: s("own AS in path"), ..unicast() };
    vec![mac_ip(), losing, multicast(), unicast(), looped]
}

pub(super) fn mac_ip() -> v1::Path {
    v1::Path {
        family: s("l2vpn-evpn"),
        nlri: format!("[2]:[{RD2}]:[0]:[48]:[02:00:00:00:00:50]:[32]:[10.1.0.5]"),
        route_type: v1::RouteType::Macip.into(),
        rd: s(RD2),
        ethernet_tag: Some(0),
        mac: s("02:00:00:00:00:50"),
        ip: s("10.1.0.5"),
        vni: Some(100),
        next_hop: s("10.0.0.2"),
        origin: v1::Origin::Igp.into(),
        as_path: Some(s("")),
        local_pref: Some(100),
        ext_communities: list(&["RT:65000:100", "ET:8", "MM:3"]),
        originator_id: s("10.0.0.2"),
        cluster_list: list(&["10.0.1.1"]),
        neighbor: s("10.0.1.1"),
        best: true,
        valid: true,
        reason: s("shorter cluster list"),
        age_seconds: 3723,
        version: 12,
        unknown_attributes: vec![v1::UnknownAttribute { code: 99, flags: 0xc0, hex: s("00ff") }],
        ..Default::default()
    }
}

fn multicast() -> v1::Path {
    v1::Path {
        nlri: format!("[3]:[{RD1}]:[0]:[32]:[10.0.0.1]"),
        route_type: v1::RouteType::Multicast.into(),
        rd: s(RD1),
        mac: s(""),
        ip: s("10.0.0.1"),
        next_hop: s("10.0.0.1"),
        ext_communities: list(&["RT:65000:100", "ET:8"]),
        pmsi: Some(v1::Pmsi { r#type: s("ingress-replication"), vni: 100, endpoint: s("10.0.0.1") }),
        originator_id: s(""),
        cluster_list: vec![],
        unknown_attributes: vec![],
        neighbor: s("local"),
        reason: s("only path"),
        age_seconds: 273_600,
        version: 3,
        ..mac_ip()
    }
}

fn unicast() -> v1::Path {
    v1::Path {
        family: s("ipv4-unicast"),
        nlri: s("10.244.2.0/24"),
        prefix: s("10.244.2.0/24"),
        next_hop: s("10.0.0.2"),
        origin: v1::Origin::Incomplete.into(),
        as_path: Some(s("65001 65002")),
        med: Some(20),
        communities: list(&["65000:100", "no-export"]),
        large_communities: list(&["65000:1:2"]),
        neighbor: s("fe80::1"),
        best: true,
        valid: true,
        reason: s("only path"),
        age_seconds: 59,
        version: 4,
        ..Default::default()
    }
}
