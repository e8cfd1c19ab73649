//! Arbitrary values of everything that travels.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp::types::{
    Afi, Asn, BgpRole, Esi, EthernetTag, Family, FamilySet, Mac, PathId, Rd, RouterId, Safi, Vni,
};
use bgp::wire::capability::AddPathMode;
use bgp::wire::{
    Aggregator, AsPath, Attrs, Capability, Community, Encoding, EvpnBody, EvpnKey, ExtCommunity,
    LargeCommunity, LongLivedFamily, NextHop, Nlri, Open, Origin, PmsiTunnel, Route, UnknownAttr,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;

pub(crate) fn asn() -> impl Strategy<Value = Asn> {
    prop_oneof![1..=65535u32, 65536..=u32::MAX].prop_map(Asn)
}

pub(crate) fn encoding() -> impl Strategy<Value = Encoding> {
    (any::<bool>(), any::<bool>(), prop_oneof![Just(4096u16), Just(65535)]).prop_map(|(as4, paths, max)| {
        let add_path = if paths { Family::ALL.into_iter().collect() } else { FamilySet::EMPTY };
        Encoding { as4, add_path, max_message: max, extended_next_hop: true }
    })
}

/// A path without confederations, which an old speaker could not be told about.
pub(crate) fn as_path() -> impl Strategy<Value = AsPath> {
    let segment = (any::<bool>(), vec(asn(), 1..6)).prop_map(|(set, asns)| {
        let asns: Vec<String> = asns.iter().map(Asn::to_string).collect();
        if set { format!("{{{}}}", asns.join(",")) } else { asns.join(" ") }
    });
    vec(segment, 0..4).prop_map(|segments| segments.join(" ").parse().unwrap())
}

fn host4() -> impl Strategy<Value = Ipv4Addr> {
    (1..=126u8, any::<[u8; 3]>()).prop_map(|(a, [b, c, d])| Ipv4Addr::new(a, b, c, d))
}

fn host6() -> impl Strategy<Value = Ipv6Addr> {
    any::<[u8; 14]>().prop_map(|tail| {
        let mut octets = [0x20; 16];
        octets[2..].copy_from_slice(&tail);
        Ipv6Addr::from(octets)
    })
}

fn link_local() -> impl Strategy<Value = Ipv6Addr> {
    any::<[u16; 4]>().prop_map(|[a, b, c, d]| Ipv6Addr::new(0xfe80, 0, 0, 0, a, b, c, d))
}

fn host() -> impl Strategy<Value = IpAddr> {
    prop_oneof![host4().prop_map(IpAddr::from), host6().prop_map(IpAddr::from)]
}

/// A next hop that routes of `family` can have.
fn next_hop(family: Family) -> BoxedStrategy<NextHop> {
    let v4 = host4().prop_map(NextHop::Ipv4);
    let v6 = host6().prop_map(NextHop::Ipv6);
    let both = (host6(), link_local()).prop_map(|(a, b)| NextHop::Ipv6LinkLocal(a, b));
    match family {
        Family::Ipv4Unicast => prop_oneof![v4, v6, both].boxed(),
        Family::Ipv6Unicast => prop_oneof![v6, both].boxed(),
        Family::L2vpnEvpn => prop_oneof![v4, v6].boxed(),
    }
}

fn pmsi() -> impl Strategy<Value = Box<PmsiTunnel>> {
    let ingress = (vni(), host()).prop_map(|(vni, ip)| PmsiTunnel::ingress_replication(vni, ip));
    let other = (any::<u8>(), 0..=5u8, vni(), vec(any::<u8>(), 0..20))
        .prop_map(|(flags, kind, vni, id)| PmsiTunnel { flags, tunnel_type: kind, vni, endpoint: id.into() });
    prop_oneof![ingress, other].prop_map(Box::new)
}

/// Attributes that linnet has no name for, in the order in which it keeps them.
fn unknown() -> impl Strategy<Value = Box<[UnknownAttr]>> {
    let kind = prop_oneof![11..=13u8, 19..=21u8, 27..=31u8, 33..=34u8, 36..=255u8];
    btree_map(kind, vec(any::<u8>(), 0..300), 0..3).prop_map(|attrs| {
        attrs
            .into_iter()
            .map(|(kind, value)| UnknownAttr { flags: 0xe0, kind, value: value.into() })
            .collect()
    })
}

fn list<T: std::fmt::Debug + 'static>(
    item: impl Strategy<Value = T> + 'static,
    most: usize,
) -> impl Strategy<Value = Box<[T]>> {
    vec(item, 0..most).prop_map(Into::into)
}

prop_compose! {
    fn basics()(
        origin in prop_oneof![Just(Origin::Igp), Just(Origin::Egp), Just(Origin::Incomplete)],
        as_path in as_path(),
        med in of(any::<u32>()),
        local_pref in any::<u32>(),
        atomic_aggregate in any::<bool>(),
        aggregator in of((asn(), host4()).prop_map(|(asn, router_id)| Aggregator { asn, router_id })),
        originator_id in of(host4().prop_map(RouterId)),
        cluster_list in list(host4(), 4),
    ) -> Attrs {
        let new = Attrs::new(NextHop::Ipv4(Ipv4Addr::UNSPECIFIED));
        let local_pref = Some(local_pref);
        Attrs {
            origin, as_path, med, local_pref, atomic_aggregate, aggregator, originator_id, cluster_list, ..new
        }
    }
}

prop_compose! {
    /// What an internal peer may send with routes of `family`.
    pub(crate) fn attrs(family: Family)(
        basics in basics(),
        next_hop in next_hop(family),
        communities in list(any::<u32>().prop_map(Community), 80),
        ext_communities in list(any::<[u8; 8]>().prop_map(ExtCommunity), 40),
        large_communities in btree_set(any::<[u32; 3]>().prop_map(LargeCommunity), 0..30).prop_map(Box::from_iter),
        pmsi in of(pmsi()),
        only_to_customer in of(asn()),
        unknown in unknown(),
    ) -> Attrs {
        Attrs {
            next_hop, communities, ext_communities, large_communities, pmsi, only_to_customer, unknown, ..basics
        }
    }
}

/// A network of unicast addresses.
pub(crate) fn ipv4_net() -> impl Strategy<Value = Ipv4Net> {
    let net = (any::<u32>(), 0..=32u8).prop_map(|(a, bits)| Ipv4Net::new(a.into(), bits).unwrap().trunc());
    net.prop_map(|net| if net.addr().is_multicast() { Ipv4Net::default() } else { net })
}

/// A network of unicast addresses.
pub(crate) fn ipv6_net() -> impl Strategy<Value = Ipv6Net> {
    let net = (any::<u128>(), 0..=128u8).prop_map(|(a, bits)| Ipv6Net::new(a.into(), bits).unwrap().trunc());
    net.prop_map(|net| if net.addr().is_multicast() { Ipv6Net::default() } else { net })
}

fn vni() -> impl Strategy<Value = Vni> {
    any::<[u8; 3]>().prop_map(Vni::from_octets)
}

fn rd() -> impl Strategy<Value = Rd> {
    any::<[u8; 8]>().prop_map(Rd)
}

fn esi() -> impl Strategy<Value = Esi> {
    any::<[u8; 10]>().prop_map(Esi)
}

fn tag() -> impl Strategy<Value = EthernetTag> {
    any::<u32>().prop_map(EthernetTag)
}

fn any_ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|a| IpAddr::V4(a.into())),
        any::<u128>().prop_map(|a| IpAddr::V6(a.into()))
    ]
}

fn ethernet_ad() -> impl Strategy<Value = (EvpnKey, EvpnBody)> {
    (rd(), esi(), tag(), vni()).prop_map(|(rd, esi, tag, label)| {
        (EvpnKey::EthernetAd { rd, esi, tag }, EvpnBody { label, ..EvpnBody::default() })
    })
}

fn mac_ip() -> impl Strategy<Value = (EvpnKey, EvpnBody)> {
    let key = (rd(), tag(), any::<[u8; 6]>().prop_map(Mac), of(any_ip()));
    (key, esi(), vni(), of(vni())).prop_map(|((rd, tag, mac, ip), esi, label, label2)| {
        (EvpnKey::MacIp { rd, tag, mac, ip }, EvpnBody { esi, label, label2, gateway: None })
    })
}

fn imet() -> impl Strategy<Value = (EvpnKey, EvpnBody)> {
    (rd(), tag(), any_ip())
        .prop_map(|(rd, tag, originator)| (EvpnKey::Imet { rd, tag, originator }, EvpnBody::default()))
}

fn segment() -> impl Strategy<Value = (EvpnKey, EvpnBody)> {
    (rd(), esi(), any_ip()).prop_map(|(rd, esi, originator)| {
        (EvpnKey::EthernetSegment { rd, esi, originator }, EvpnBody::default())
    })
}

fn ip_prefix() -> impl Strategy<Value = (EvpnKey, EvpnBody)> {
    let v4 = (ipv4_net().prop_map(IpNet::from), of((1..=u32::MAX).prop_map(|a| IpAddr::V4(a.into()))));
    let v6 = (ipv6_net().prop_map(IpNet::from), of((1..=u128::MAX).prop_map(|a| IpAddr::V6(a.into()))));
    (rd(), tag(), prop_oneof![v4, v6], esi(), vni()).prop_map(|(rd, tag, (prefix, gateway), esi, label)| {
        (EvpnKey::IpPrefix { rd, tag, prefix }, EvpnBody { esi, label, gateway, label2: None })
    })
}

pub(crate) fn evpn() -> impl Strategy<Value = (EvpnKey, EvpnBody)> {
    prop_oneof![ethernet_ad(), mac_ip(), imet(), segment(), ip_prefix()]
}

/// Routes with path identifiers.
pub(crate) fn routes<N: Nlri>(
    one: impl Strategy<Value = (N, N::Body)>,
) -> impl Strategy<Value = Vec<Route<N>>> {
    let route = (one, any::<u32>()).prop_map(|((nlri, body), path_id)| Route {
        nlri,
        path_id: PathId(path_id),
        body,
    });
    vec(route, 1..400)
}

fn family_number() -> impl Strategy<Value = (Afi, Safi)> {
    (any::<u16>(), any::<u8>()).prop_map(|(afi, safi)| (Afi(afi), Safi(safi)))
}

fn capability() -> impl Strategy<Value = Capability> {
    let families = vec((family_number(), any::<bool>()).prop_map(|((a, s), f)| (a, s, f)), 0..5);
    let mode = prop_oneof![Just(AddPathMode::Receive), Just(AddPathMode::Send), Just(AddPathMode::Both)];
    prop_oneof![
        family_number().prop_map(|(afi, safi)| Capability::Multiprotocol(afi, safi)),
        Just(Capability::RouteRefresh),
        Just(Capability::ExtendedMessage),
        (any::<bool>(), any::<bool>(), 0..4096u16, families).prop_map(
            |(restarting, notification, time, families)| Capability::GracefulRestart {
                restarting,
                notification,
                time,
                families
            }
        ),
        vec((family_number(), mode).prop_map(|((a, s), m)| (a, s, m)), 0..5).prop_map(Capability::AddPath),
        vec(
            (family_number(), any::<bool>(), 0..1u32 << 24).prop_map(
                |((afi, safi), preserved, stale_time)| {
                    LongLivedFamily { afi, safi, preserved, stale_time }
                }
            ),
            0..5
        )
        .prop_map(Capability::LongLivedGracefulRestart),
        vec((family_number(), any::<u16>()).prop_map(|((a, s), n)| (a, s, Afi(n))), 0..5)
            .prop_map(Capability::ExtendedNextHop),
        prop::sample::select(BgpRole::ALL.to_vec()).prop_map(Capability::Role),
        Just(Capability::EnhancedRouteRefresh),
        ("\\PC{0,30}", "\\PC{0,30}").prop_map(|(host, domain)| Capability::Fqdn { host, domain }),
        "\\PC{0,30}".prop_map(Capability::SoftwareVersion),
        (76..=255u8, vec(any::<u8>(), 0..=255)).prop_map(|(code, value)| Capability::Unknown { code, value }),
    ]
}

prop_compose! {
    pub(crate) fn open()(
        asn in asn(),
        hold_time in prop_oneof![Just(0), 3..=u16::MAX],
        router_id in host4().prop_map(RouterId),
        mut capabilities in vec(capability(), 0..12),
        at in any::<prop::sample::Index>(),
    ) -> Open {
        if asn.0 > 65535 || hold_time % 2 == 0 {
            capabilities.insert(at.index(capabilities.len() + 1), Capability::FourOctetAs(asn));
        }
        Open { asn, hold_time, router_id, capabilities }
    }
}
