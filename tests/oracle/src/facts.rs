//! What an UPDATE says, value by value, in words that are the same for both codecs.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};

use bgp::wire::{
    EvpnBody, EvpnKey, ExtCommunity, ExtCommunityKind, NextHop, Nlri, Nlris, Reach, Route, RouteTarget,
    Update,
};
use netgauze_bgp_pkt::community::{
    EvpnExtendedCommunity, ExtendedCommunity, TransitiveFourOctetExtendedCommunity as As4,
    TransitiveIpv4ExtendedCommunity as ByIpv4, TransitiveTwoOctetExtendedCommunity as As2,
};
use netgauze_bgp_pkt::nlri::{
    L2EvpnAddress, L2EvpnIpPrefixRoute, L2EvpnRoute, MplsLabel, RouteDistinguisher,
};
use netgauze_bgp_pkt::path_attribute::{
    Aggregator, As4PathSegment, AsPath, MpReach, MpUnreach, PathAttributeValue,
};
use netgauze_bgp_pkt::update::BgpUpdateMessage;

/// The values of one UPDATE, each with its name; routes in their order, everything in the order of its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(Vec<(&'static str, String)>);

impl Facts {
    fn add(&mut self, name: &'static str, value: impl Display) {
        self.0.push((name, value.to_string()));
    }

    fn list<T: Display>(&mut self, name: &'static str, values: impl IntoIterator<Item = T>) {
        let joined: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
        if !joined.is_empty() {
            self.add(name, joined.join(" "));
        }
    }

    fn in_order(mut self) -> Facts {
        // Stable: of one name, the order is the message's; attributes without a name have none that counts.
        let key = |(name, value): &(&'static str, String)| {
            (*name, if *name == "attribute" { value.clone() } else { String::new() })
        };
        self.0.sort_by_key(key);
        self
    }
}

/// What linnet finds in an UPDATE.
pub fn of_linnet(update: &Update) -> Facts {
    let mut facts = Facts::default();
    for nlri in &update.unreach {
        linnet_routes(&mut facts, "withdrawn", nlri);
    }
    for Reach { attrs, nlri } in &update.reach {
        linnet_routes(&mut facts, "announced", nlri);
        facts.add("origin", attrs.origin as u8);
        facts.list("AS path", attrs.as_path.asns().map(|asn| asn.0));
        match attrs.next_hop {
            NextHop::Ipv6LinkLocal(global, local) => facts.list("next hop", [global, local]),
            next_hop => facts.add("next hop", next_hop.address()),
        }
        facts.list("MED", attrs.med);
        facts.list("local preference", attrs.local_pref);
        facts.list("atomic aggregate", attrs.atomic_aggregate.then_some("yes"));
        facts.list("aggregator", attrs.aggregator.iter().map(|a| format!("{} {}", a.asn.0, a.router_id)));
        facts.list("communities", attrs.communities.iter().map(|c| c.0));
        facts.list("originator", attrs.originator_id.map(|id| id.0));
        facts.list("clusters", attrs.cluster_list.iter());
        facts.list("large communities", attrs.large_communities.iter().map(|c| format!("{:?}", c.0)));
        facts.list("extended communities", attrs.ext_communities.iter().map(linnet_community));
        facts.list("only to customer", attrs.only_to_customer.map(|asn| asn.0));
        if let Some(pmsi) = &attrs.pmsi {
            let value = [&[pmsi.flags, pmsi.tunnel_type][..], &pmsi.vni.octets(), &pmsi.endpoint].concat();
            facts.add("attribute", format!("22 {value:02x?}"));
        }
        for unknown in &attrs.unknown {
            facts.add("attribute", format!("{} {:02x?}", unknown.kind, unknown.value));
        }
    }
    facts.in_order()
}

/// Those that EVPN lives on; of another one only that it is there.
fn linnet_community(community: &ExtCommunity) -> String {
    let [_, _, flags, ..] = community.0;
    match community.kind() {
        ExtCommunityKind::RouteTarget(RouteTarget::As2(asn, number)) => format!("RT2:{asn}:{number}"),
        ExtCommunityKind::RouteTarget(RouteTarget::Ipv4(address, number)) => format!("RT:{address}:{number}"),
        ExtCommunityKind::RouteTarget(RouteTarget::As4(asn, number)) => format!("RT4:{}:{number}", asn.0),
        ExtCommunityKind::MacMobility { sequence, .. } => format!("MM:{flags}:{sequence}"),
        ExtCommunityKind::RouterMac(mac) => format!("RM:{:02x?}", mac.0),
        ExtCommunityKind::EsiLabel { label, .. } => format!("EL:{flags}:{:02x?}", label.octets()),
        ExtCommunityKind::EsImport(mac) => format!("ES:{:02x?}", mac.0),
        _ => "another".to_owned(),
    }
}

fn netgauze_community(community: &ExtendedCommunity) -> String {
    use EvpnExtendedCommunity::{EsImportRouteTarget, EsiLabel, EvpnRoutersMac, MacMobility};
    match community {
        ExtendedCommunity::TransitiveTwoOctet(As2::RouteTarget { global_admin, local_admin }) => {
            format!("RT2:{global_admin}:{local_admin}")
        }
        ExtendedCommunity::TransitiveIpv4(ByIpv4::RouteTarget { global_admin, local_admin }) => {
            format!("RT:{global_admin}:{local_admin}")
        }
        ExtendedCommunity::TransitiveFourOctet(As4::RouteTarget { global_admin, local_admin }) => {
            format!("RT4:{global_admin}:{local_admin}")
        }
        ExtendedCommunity::Evpn(MacMobility { flags, seq_no }) => format!("MM:{flags}:{seq_no}"),
        ExtendedCommunity::Evpn(EvpnRoutersMac { mac }) => format!("RM:{:02x?}", mac.value()),
        ExtendedCommunity::Evpn(EsiLabel { flags, esi_label }) => format!("EL:{flags}:{esi_label:02x?}"),
        ExtendedCommunity::Evpn(EsImportRouteTarget { route_target }) => format!("ES:{route_target:02x?}"),
        _ => "another".to_owned(),
    }
}

fn linnet_routes(facts: &mut Facts, name: &'static str, nlri: &Nlris) {
    match nlri {
        Nlris::Ipv4(routes) => linnet_list(facts, name, routes, |net, ()| net.to_string()),
        Nlris::Ipv6(routes) => linnet_list(facts, name, routes, |net, ()| net.to_string()),
        Nlris::Evpn(routes) => linnet_list(facts, name, routes, linnet_evpn),
    }
}

fn linnet_list<N: Nlri>(
    facts: &mut Facts,
    name: &'static str,
    routes: &[Route<N>],
    text: fn(&N, &N::Body) -> String,
) {
    for route in routes {
        facts.add(name, format!("{} path {}", text(&route.nlri, &route.body), route.path_id.0));
    }
}

fn linnet_evpn(key: &EvpnKey, body: &EvpnBody) -> String {
    let rd = key.rd().0;
    let (label, label2) = (body.label.octets(), body.label2.map(|label| label.octets()));
    match *key {
        EvpnKey::EthernetAd { esi, tag, .. } => format!("1 {rd:02x?} {:02x?} {} {label:02x?}", esi.0, tag.0),
        EvpnKey::MacIp { tag, mac, ip, .. } => {
            format!(
                "2 {rd:02x?} {:02x?} {} {:02x?} {ip:?} {label:02x?} {label2:02x?}",
                body.esi.0, tag.0, mac.0
            )
        }
        EvpnKey::Imet { tag, originator, .. } => format!("3 {rd:02x?} {} {originator}", tag.0),
        EvpnKey::EthernetSegment { esi, originator, .. } => {
            format!("4 {rd:02x?} {:02x?} {originator}", esi.0)
        }
        EvpnKey::IpPrefix { tag, prefix, .. } => {
            let none = if prefix.addr().is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
            let gateway = body.gateway.unwrap_or(none);
            format!("5 {rd:02x?} {:02x?} {} {prefix} {gateway} {label:02x?}", body.esi.0, tag.0)
        }
    }
}

/// What the other finds in it.
pub fn of_netgauze(update: &BgpUpdateMessage) -> Facts {
    let mut facts = Facts::default();
    for route in update.withdraw_routes() {
        facts.add("withdrawn", netgauze_net(route.network().address(), route.path_id()));
    }
    for attribute in update.path_attributes() {
        netgauze_attribute(&mut facts, attribute.value());
    }
    for route in update.nlri() {
        facts.add("announced", netgauze_net(route.network().address(), route.path_id()));
    }
    facts.in_order()
}

fn netgauze_net(net: impl Display, path_id: Option<u32>) -> String {
    format!("{net} path {}", path_id.unwrap_or_default())
}

fn netgauze_attribute(facts: &mut Facts, value: &PathAttributeValue) {
    match value {
        PathAttributeValue::Origin(origin) => facts.add("origin", *origin as u8),
        PathAttributeValue::AsPath(AsPath::As4PathSegments(segments)) => as_path(facts, segments),
        // Of what speakers of two octets say, linnet has the sum of both attributes only.
        PathAttributeValue::AsPath(AsPath::As2PathSegments(_)) => {}
        PathAttributeValue::NextHop(hop) => facts.add("next hop", hop.next_hop()),
        PathAttributeValue::MultiExitDiscriminator(med) => facts.add("MED", med.metric()),
        PathAttributeValue::LocalPreference(preference) => facts.add("local preference", preference.metric()),
        PathAttributeValue::AtomicAggregate(_) => facts.add("atomic aggregate", "yes"),
        PathAttributeValue::Aggregator(Aggregator::As4Aggregator(a)) => {
            facts.add("aggregator", format!("{} {}", a.asn(), a.origin()));
        }
        PathAttributeValue::Communities(list) => {
            facts.list("communities", list.communities().iter().map(|c| c.value()));
        }
        PathAttributeValue::ExtendedCommunities(list) => {
            facts.list("extended communities", list.communities().iter().map(netgauze_community));
        }
        PathAttributeValue::LargeCommunities(list) => {
            let parts =
                list.communities().iter().map(|c| [c.global_admin(), c.local_data1(), c.local_data2()]);
            facts.list("large communities", parts.map(|parts| format!("{parts:?}")));
        }
        PathAttributeValue::Originator(originator) => facts.add("originator", originator.id()),
        PathAttributeValue::ClusterList(list) => {
            facts.list("clusters", list.cluster_list().iter().map(|id| id.id()))
        }
        PathAttributeValue::OnlyToCustomer(mark) => facts.add("only to customer", mark.asn()),
        PathAttributeValue::MpReach(reach) => netgauze_reach(facts, reach),
        PathAttributeValue::MpUnreach(unreach) => netgauze_unreach(facts, unreach),
        PathAttributeValue::UnknownAttribute(unknown) => {
            facts.add("attribute", format!("{} {:02x?}", unknown.code(), unknown.value()));
        }
        other => facts.add("attribute", format!("{other:?}")),
    }
}

fn as_path(facts: &mut Facts, segments: &[As4PathSegment]) {
    facts.list("AS path", segments.iter().flat_map(|segment| segment.as_numbers()));
}

fn netgauze_reach(facts: &mut Facts, reach: &MpReach) {
    match reach {
        MpReach::Ipv4Unicast { next_hop, next_hop_local, nlri } => {
            facts.list("next hop", std::iter::once(*next_hop).chain(next_hop_local.map(IpAddr::from)));
            nlri.iter()
                .for_each(|r| facts.add("announced", netgauze_net(r.network().address(), r.path_id())));
        }
        MpReach::Ipv6Unicast { next_hop_global, next_hop_local, nlri } => {
            facts.list("next hop", std::iter::once(*next_hop_global).chain(*next_hop_local));
            nlri.iter()
                .for_each(|r| facts.add("announced", netgauze_net(r.network().address(), r.path_id())));
        }
        MpReach::L2Evpn { next_hop, nlri } => {
            facts.add("next hop", next_hop);
            nlri.iter().for_each(|route| facts.add("announced", netgauze_evpn(route)));
        }
        other => facts.add("announced", format!("{other:?}")),
    }
}

fn netgauze_unreach(facts: &mut Facts, unreach: &MpUnreach) {
    match unreach {
        MpUnreach::Ipv4Unicast { nlri } => {
            nlri.iter()
                .for_each(|r| facts.add("withdrawn", netgauze_net(r.network().address(), r.path_id())));
        }
        MpUnreach::Ipv6Unicast { nlri } => {
            nlri.iter()
                .for_each(|r| facts.add("withdrawn", netgauze_net(r.network().address(), r.path_id())));
        }
        MpUnreach::L2Evpn { nlri } => {
            nlri.iter().for_each(|route| facts.add("withdrawn", netgauze_evpn(route)))
        }
        other => facts.add("withdrawn", format!("{other:?}")),
    }
}

fn netgauze_evpn(address: &L2EvpnAddress) -> String {
    let text = match address.route() {
        L2EvpnRoute::EthernetAutoDiscovery(r) => {
            let (esi, tag, label) = (r.segment_id().value(), r.tag().value(), r.mpls_label().value());
            format!("1 {:02x?} {esi:02x?} {tag} {label:02x?}", octets(r.rd()))
        }
        L2EvpnRoute::MacIpAdvertisement(r) => {
            let (esi, tag, mac) = (r.segment_id().value(), r.tag().value(), r.mac().value());
            let (label, label2) = (r.mpls_label1().value(), r.mpls_label2().map(MplsLabel::value));
            format!(
                "2 {:02x?} {esi:02x?} {tag} {mac:02x?} {:?} {label:02x?} {label2:02x?}",
                octets(r.rd()),
                r.ip()
            )
        }
        L2EvpnRoute::InclusiveMulticastEthernetTagRoute(r) => {
            format!("3 {:02x?} {} {}", octets(r.rd()), r.tag().value(), r.ip())
        }
        L2EvpnRoute::EthernetSegmentRoute(r) => {
            format!("4 {:02x?} {:02x?} {}", octets(r.rd()), r.segment_id().value(), r.ip())
        }
        L2EvpnRoute::IpPrefixRoute(L2EvpnIpPrefixRoute::V4(r)) => {
            let (esi, tag, label) = (r.segment_id().value(), r.tag().value(), r.label().value());
            format!("5 {:02x?} {esi:02x?} {tag} {} {} {label:02x?}", octets(r.rd()), r.prefix(), r.gateway())
        }
        L2EvpnRoute::IpPrefixRoute(L2EvpnIpPrefixRoute::V6(r)) => {
            let (esi, tag, label) = (r.segment_id().value(), r.tag().value(), r.label().value());
            format!("5 {:02x?} {esi:02x?} {tag} {} {} {label:02x?}", octets(r.rd()), r.prefix(), r.gateway())
        }
        other => format!("{other:?}"),
    };
    format!("{text} path {}", address.path_id().unwrap_or_default())
}

/// A route distinguisher as it travels (RFC 4364 section 4.2).
fn octets(rd: RouteDistinguisher) -> [u8; 8] {
    let of = |kind: u8, value: [u8; 6]| {
        let [a, b, c, d, e, f] = value;
        [0, kind, a, b, c, d, e, f]
    };
    match rd {
        RouteDistinguisher::As2Administrator { asn2, number } => {
            let ([a, b], [c, d, e, f]) = (asn2.to_be_bytes(), number.to_be_bytes());
            of(0, [a, b, c, d, e, f])
        }
        RouteDistinguisher::Ipv4Administrator { ip, number } => {
            let ([a, b, c, d], [e, f]) = (Ipv4Addr::octets(&ip), number.to_be_bytes());
            of(1, [a, b, c, d, e, f])
        }
        RouteDistinguisher::As4Administrator { asn4, number } => {
            let ([a, b, c, d], [e, f]) = (asn4.to_be_bytes(), number.to_be_bytes());
            of(2, [a, b, c, d, e, f])
        }
        RouteDistinguisher::LeafAdRoutes => [0xff; 8],
    }
}
