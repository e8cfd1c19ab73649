//! What is compared: for each value, tshark's fields and linnet's own view of the message.

use std::net::{IpAddr, Ipv4Addr};

use bgp::wire::message::{Message, MessageType};
use bgp::wire::{
    Attrs, Capability, EvpnBody, EvpnKey, ExtCommunityKind, NextHop, Nlris, PmsiTunnel, Reach, Route,
    RouteTarget, Update,
};

/// Something that both readers see.
pub(crate) struct Fact {
    pub(crate) name: &'static str,
    /// tshark's fields; what they show counts as one list.
    pub(crate) fields: &'static [&'static str],
    /// The two do not show it in the same order.
    pub(crate) sorted: bool,
    pub(crate) of: fn(&Message) -> Vec<String>,
}

const fn fact(name: &'static str, fields: &'static [&'static str], of: fn(&Message) -> Vec<String>) -> Fact {
    Fact { name, fields, sorted: false, of }
}

const fn any_order(
    name: &'static str,
    fields: &'static [&'static str],
    of: fn(&Message) -> Vec<String>,
) -> Fact {
    Fact { name, fields, sorted: true, of }
}

/// All of them.
#[rustfmt::skip]
pub(crate) const FACTS: &[Fact] = &[
    fact("anything malformed",  &["_ws.malformed"], |_| vec![]),
    fact("type",                &["bgp.type"], message_type),
    fact("AS",                  &["bgp.open.myas"], |m| open(m, |o| vec![u16::try_from(o.asn.0).unwrap_or(23456).to_string()])),
    fact("hold time",           &["bgp.open.holdtime"], |m| open(m, |o| vec![o.hold_time.to_string()])),
    fact("identifier",          &["bgp.open.identifier"], |m| open(m, |o| vec![o.router_id.to_string()])),
    fact("capabilities",        &["bgp.cap.type"], |m| capabilities(m, |c| vec![c.code().to_string()])),
    fact("families",            &["bgp.cap.mp.afi"], |m| capabilities(m, |c| if let Capability::Multiprotocol(afi, _) = c { vec![afi.0.to_string()] } else { vec![] })),
    fact("four-octet AS",       &["bgp.cap.4as"], |m| capabilities(m, |c| if let Capability::FourOctetAs(asn) = c { vec![asn.0.to_string()] } else { vec![] })),
    fact("restart time",        &["bgp.cap.gr.timers.restart_time"], |m| capabilities(m, |c| if let Capability::GracefulRestart { time, .. } = c { vec![time.to_string()] } else { vec![] })),
    fact("kept families",       &["bgp.cap.gr.afi"], |m| capabilities(m, |c| if let Capability::GracefulRestart { families, .. } = c { families.iter().map(|f| f.0.0.to_string()).collect() } else { vec![] })),
    fact("paths",               &["bgp.cap.ap.sendreceive"], |m| capabilities(m, |c| if let Capability::AddPath(families) = c { families.iter().map(|f| (f.2 as u8).to_string()).collect() } else { vec![] })),
    fact("host name",           &["bgp.cap.orf.fqdn.hostname"], |m| capabilities(m, |c| if let Capability::Fqdn { host, .. } = c { vec![host.clone()] } else { vec![] })),
    fact("error code",          &["bgp.notify.major_error"], |m| notification(m, |n| vec![n.code.to_string()])),
    fact("shutdown text",       &["bgp.notify.communication"], |m| notification(m, |n| n.text().map(|text| text.escape_debug().to_string()).into_iter().collect())),
    fact("refreshed family",    &["bgp.route_refresh.afi", "bgp.route_refresh.subtype", "bgp.route_refresh.safi"], refresh),
    fact("IPv4 withdrawn",      &["bgp.withdrawn_prefix", "bgp.mp_unreach_nlri_ipv4_prefix"], |m| withdrawn(m, ipv4)),
    fact("IPv6 withdrawn",      &["bgp.mp_unreach_nlri_ipv6_prefix"], |m| withdrawn(m, ipv6)),
    fact("IPv4 announced",      &["bgp.nlri_prefix", "bgp.mp_reach_nlri_ipv4_prefix"], |m| announced(m, ipv4)),
    fact("IPv6 announced",      &["bgp.mp_reach_nlri_ipv6_prefix"], |m| announced(m, ipv6)),
    any_order("prefix lengths", &["bgp.prefix_length"], |m| routes(m, lengths)),
    any_order("path identifiers", &["bgp.nlri_path_id"], |m| routes(m, path_ids)),
    fact("origin",              &["bgp.update.path_attribute.origin"], |m| attrs(m, |a| vec![(a.origin as u8).to_string()])),
    fact("AS path",             &["bgp.update.path_attribute.as_path_segment.as4"], |m| attrs(m, |a| a.as_path.asns().map(|asn| asn.0.to_string()).collect())),
    fact("next hop",            &["bgp.update.path_attribute.next_hop", "bgp.update.path_attribute.mp_reach_nlri.next_hop.ipv4", "bgp.update.path_attribute.mp_reach_nlri.next_hop.ipv6", "bgp.update.path_attribute.mp_reach_nlri.next_hop.ipv6.link_local"], next_hops),
    fact("MED",                 &["bgp.update.path_attribute.multi_exit_disc"], |m| attrs(m, |a| a.med.iter().map(u32::to_string).collect())),
    fact("local preference",    &["bgp.update.path_attribute.local_pref"], |m| attrs(m, |a| a.local_pref.iter().map(u32::to_string).collect())),
    fact("aggregator",          &["bgp.update.path_attribute.aggregator_origin"], |m| attrs(m, |a| a.aggregator.iter().map(|a| a.router_id.to_string()).collect())),
    fact("communities",         &["bgp.update.path_attribute.community_as"], |m| attrs(m, |a| a.communities.iter().filter(|c| c.0 >> 16 < 0xffff).map(|c| (c.0 >> 16).to_string()).collect())),
    fact("their values",        &["bgp.update.path_attribute.community_value"], |m| attrs(m, |a| a.communities.iter().filter(|c| c.0 >> 16 < 0xffff).map(|c| (c.0 & 0xffff).to_string()).collect())),
    fact("known communities",   &["bgp.update.path_attribute.community_wellknown"], |m| attrs(m, |a| a.communities.iter().filter(|c| c.0 >> 16 == 0xffff).map(|c| c.0.to_string()).collect())),
    fact("large communities",   &["bgp.large_communities.ga"], |m| large(m, 0)),
    fact("their first values",  &["bgp.large_communities.ldp1"], |m| large(m, 1)),
    fact("their second values", &["bgp.large_communities.ldp2"], |m| large(m, 2)),
    fact("originator",          &["bgp.update.path_attribute.originator_id"], |m| attrs(m, |a| a.originator_id.iter().map(ToString::to_string).collect())),
    fact("clusters",            &["bgp.path_attribute.cluster_id"], |m| attrs(m, |a| a.cluster_list.iter().map(Ipv4Addr::to_string).collect())),
    fact("route target numbers", &["bgp.ext_com.value_an4"], |m| extended(m, |kind, octets| match (kind, octets) { (ExtCommunityKind::RouteTarget(RouteTarget::As2(_, number)), _) => Some(number.to_string()), (ExtCommunityKind::Other, [0, _, _, _, number @ ..]) => Some(u32::from_be_bytes(number).to_string()), _ => None })),
    fact("encapsulation",       &["bgp.ext_com.tunnel_type"], |m| extended(m, |kind, _| match kind { ExtCommunityKind::Encapsulation(tunnel) => Some(tunnel.0.to_string()), _ => None })),
    fact("MAC mobility",        &["bgp.ext_com_evpn.mmac.seq"], |m| extended(m, |kind, _| match kind { ExtCommunityKind::MacMobility { sequence, .. } => Some(sequence.to_string()), _ => None })),
    fact("sticky",              &["bgp.ext_com_evpn.mmac.flags.sticky"], |m| extended(m, |kind, _| match kind { ExtCommunityKind::MacMobility { sticky, .. } => Some(u8::from(sticky).to_string()), _ => None })),
    fact("router's MAC",        &["bgp.ext_com_evpn.esi.router_mac"], |m| extended(m, |kind, _| match kind { ExtCommunityKind::RouterMac(mac) => Some(mac.to_string()), _ => None })),
    fact("tunnel type",         &["bgp.update.path_attribute.pmsi.tunnel.type"], |m| attrs(m, |a| pmsi(a).map(|p| p.tunnel_type.to_string()).collect())),
    fact("tunnel endpoint",     &["bgp.update.path_attribute.pmsi.ingress_rep_ip"], |m| attrs(m, |a| pmsi(a).filter_map(PmsiTunnel::ingress_endpoint).map(|ip| ip.to_string()).collect())),
    fact("EVPN route types",    &["bgp.evpn.nlri.rt"], |m| evpn(m, |key, _| vec![key.route_type().to_string()])),
    fact("route distinguishers", &["bgp.evpn.nlri.rd"], |m| evpn(m, |key, _| vec![digits(&key.rd().0)])),
    fact("segments",            &["bgp.evpn.nlri.esi"], |m| evpn(m, |key, body| esi(key, body).into_iter().collect())),
    fact("Ethernet tags",       &["bgp.evpn.nlri.etag"], |m| evpn(m, |key, _| tag(key).into_iter().collect())),
    fact("MACs",                &["bgp.evpn.nlri.mac_addr"], |m| evpn(m, |key, _| if let EvpnKey::MacIp { mac, .. } = key { vec![mac.to_string()] } else { vec![] })),
    fact("addresses",           &["bgp.evpn.nlri.ip.addr", "bgp.evpn.nlri.ipv6.addr"], |m| evpn_by_family(m, address)),
    fact("gateways",            &["bgp.evpn.nlri.ipv4.gtw_addr", "bgp.evpn.nlri.ipv6.gtw_addr"], |m| evpn_by_family(m, gateway)),
    // Types 1 and 2, and of each label the 20 bits that one of MPLS would have.
    fact("labels",              &["bgp.evpn.nlri.mpls_ls1"], |m| evpn(m, |key, body| label(key, body).into_iter().collect())),
    fact("second labels",        &["bgp.evpn.nlri.mpls_ls2"], |m| evpn(m, |_, body| body.label2.iter().map(|label| (label.get() >> 4).to_string()).collect())),
    // It has no field of the tunnel's own.
    fact("the tunnel's VNI",    &["bgp.evpn.nlri.vni"], |m| attrs(m, |a| pmsi(a).map(|p| p.vni.get().to_string()).collect())),
];

/// Where tshark 4.0 shows something else and linnet is right: the vector, the facts, and why.
pub(crate) const EXCEPTIONS: &[(&str, &[&str], &str)] = &[
    (
        "open/open-extended-parameters",
        &["capabilities"],
        "it does not know the long form of parameters (RFC 9072)",
    ),
    (
        "update/ipv4-all-attributes",
        &[
            "IPv4 announced",
            "prefix lengths",
            "large communities",
            "their first values",
            "their second values",
        ],
        "it stops at attribute 23, whose value is no tunnel's: linnet knows no such attribute, and passes it on",
    ),
    (
        "update/ipv4-to-an-old-speaker",
        &["aggregator"],
        "it shows AS4_AGGREGATOR too (RFC 6793 section 4.2.3)",
    ),
    (
        "update/ipv4-repeated-large-communities",
        &["large communities", "their first values", "their second values"],
        "it shows what came; linnet what counts (RFC 8092 section 3)",
    ),
];

/// A value as linnet writes it: tshark adds spaces, and hexadecimal marks to numbers.
pub(crate) fn plain(value: &str) -> String {
    let value = value.trim();
    match value.strip_prefix("0x").map(|digits| u64::from_str_radix(digits, 16)) {
        Some(Ok(number)) => number.to_string(),
        _ => value.replace("True", "1").replace("False", "0"),
    }
}

fn message_type(message: &Message) -> Vec<String> {
    let kind = match message {
        Message::Open(_) => MessageType::Open,
        Message::Update(_) => MessageType::Update,
        Message::Notification(_) => MessageType::Notification,
        Message::Keepalive => MessageType::Keepalive,
        Message::RouteRefresh(_) => MessageType::RouteRefresh,
    };
    vec![(kind as u8).to_string()]
}

fn open(message: &Message, of: fn(&bgp::wire::Open) -> Vec<String>) -> Vec<String> {
    if let Message::Open(open) = message { of(open) } else { Vec::new() }
}

fn capabilities(message: &Message, of: fn(&Capability) -> Vec<String>) -> Vec<String> {
    if let Message::Open(open) = message {
        open.capabilities.iter().flat_map(of).collect()
    } else {
        Vec::new()
    }
}

fn notification(message: &Message, of: fn(&bgp::wire::Notification) -> Vec<String>) -> Vec<String> {
    if let Message::Notification(notification) = message { of(notification) } else { Vec::new() }
}

fn refresh(message: &Message) -> Vec<String> {
    let Message::RouteRefresh(refresh) = message else { return Vec::new() };
    [refresh.afi.0, refresh.subtype.into(), refresh.safi.0.into()].iter().map(u16::to_string).collect()
}

fn update(message: &Message) -> Option<&Update> {
    if let Message::Update(update) = message { Some(update) } else { None }
}

fn withdrawn(message: &Message, of: fn(&Nlris) -> Vec<String>) -> Vec<String> {
    update(message).into_iter().flat_map(|update| &update.unreach).flat_map(of).collect()
}

fn announced(message: &Message, of: fn(&Nlris) -> Vec<String>) -> Vec<String> {
    reaches(message).flat_map(|reach| of(&reach.nlri)).collect()
}

/// Withdrawn and announced.
fn routes(message: &Message, of: fn(&Nlris) -> Vec<String>) -> Vec<String> {
    [withdrawn(message, of), announced(message, of)].concat()
}

fn reaches(message: &Message) -> impl Iterator<Item = &Reach> {
    update(message).into_iter().flat_map(|update| &update.reach)
}

/// Of the attributes: where routes of two families share them, tshark shows them once.
fn attrs(message: &Message, of: fn(&Attrs) -> Vec<String>) -> Vec<String> {
    reaches(message).take(1).flat_map(|reach| of(&reach.attrs)).collect()
}

fn extended(message: &Message, of: fn(ExtCommunityKind, [u8; 8]) -> Option<String>) -> Vec<String> {
    let communities = reaches(message).take(1).flat_map(|reach| &reach.attrs.ext_communities);
    communities.filter_map(|community| of(community.kind(), community.0)).collect()
}

/// A part of the large communities.
fn large(message: &Message, part: usize) -> Vec<String> {
    let communities = reaches(message).take(1).flat_map(|reach| &reach.attrs.large_communities);
    communities.map(|community| community.0[part].to_string()).collect()
}

fn pmsi(attrs: &Attrs) -> impl Iterator<Item = &PmsiTunnel> {
    attrs.pmsi.as_deref().into_iter()
}

/// Of all routes, each once.
fn next_hops(message: &Message) -> Vec<String> {
    let mut all: Vec<String> = reaches(message)
        .flat_map(|reach| match reach.attrs.next_hop {
            NextHop::Ipv6LinkLocal(global, local) => vec![global.to_string(), local.to_string()],
            next_hop => vec![next_hop.address().to_string()],
        })
        .collect();
    all.dedup();
    all
}

fn ipv4(nlri: &Nlris) -> Vec<String> {
    if let Nlris::Ipv4(routes) = nlri {
        routes.iter().map(|r| r.nlri.addr().to_string()).collect()
    } else {
        vec![]
    }
}

fn ipv6(nlri: &Nlris) -> Vec<String> {
    if let Nlris::Ipv6(routes) = nlri {
        routes.iter().map(|r| r.nlri.addr().to_string()).collect()
    } else {
        vec![]
    }
}

fn lengths(nlri: &Nlris) -> Vec<String> {
    match nlri {
        Nlris::Ipv4(routes) => routes.iter().map(|r| r.nlri.prefix_len().to_string()).collect(),
        Nlris::Ipv6(routes) => routes.iter().map(|r| r.nlri.prefix_len().to_string()).collect(),
        Nlris::Evpn(_) => Vec::new(),
    }
}

fn path_ids(nlri: &Nlris) -> Vec<String> {
    let ids: Vec<u32> = match nlri {
        Nlris::Ipv4(routes) => routes.iter().map(|r| r.path_id.0).collect(),
        Nlris::Ipv6(routes) => routes.iter().map(|r| r.path_id.0).collect(),
        Nlris::Evpn(routes) => routes.iter().map(|r| r.path_id.0).collect(),
    };
    ids.iter().filter(|id| **id != 0).map(u32::to_string).collect()
}

fn evpn_routes(message: &Message) -> Vec<Route<EvpnKey>> {
    let update = update(message).into_iter();
    let nlri = update.flat_map(|u| u.unreach.iter().chain(u.reach.iter().map(|reach| &reach.nlri)));
    nlri.flat_map(|nlri| if let Nlris::Evpn(routes) = nlri { routes.clone() } else { Vec::new() }).collect()
}

fn evpn(message: &Message, of: fn(&EvpnKey, &EvpnBody) -> Vec<String>) -> Vec<String> {
    evpn_routes(message).iter().flat_map(|route| of(&route.nlri, &route.body)).collect()
}

/// Addresses, those of IPv4 first, as their fields come.
fn evpn_by_family(message: &Message, of: fn(&EvpnKey, &EvpnBody) -> Option<IpAddr>) -> Vec<String> {
    let routes = evpn_routes(message);
    let (four, six): (Vec<IpAddr>, Vec<IpAddr>) =
        routes.iter().filter_map(|route| of(&route.nlri, &route.body)).partition(IpAddr::is_ipv4);
    four.iter().chain(&six).map(IpAddr::to_string).collect()
}

fn address(key: &EvpnKey, _: &EvpnBody) -> Option<IpAddr> {
    match *key {
        EvpnKey::MacIp { ip, .. } => ip,
        EvpnKey::Imet { originator, .. } | EvpnKey::EthernetSegment { originator, .. } => Some(originator),
        EvpnKey::IpPrefix { prefix, .. } => Some(prefix.addr()),
        EvpnKey::EthernetAd { .. } => None,
    }
}

fn gateway(key: &EvpnKey, body: &EvpnBody) -> Option<IpAddr> {
    let EvpnKey::IpPrefix { prefix, .. } = key else { return None };
    let none = if prefix.addr().is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
    Some(body.gateway.unwrap_or(none))
}

fn esi(key: &EvpnKey, body: &EvpnBody) -> Option<String> {
    match key {
        EvpnKey::EthernetAd { esi, .. } | EvpnKey::EthernetSegment { esi, .. } => Some(esi.to_string()),
        EvpnKey::MacIp { .. } | EvpnKey::IpPrefix { .. } => Some(body.esi.to_string()),
        EvpnKey::Imet { .. } => None,
    }
}

fn tag(key: &EvpnKey) -> Option<String> {
    match key {
        EvpnKey::EthernetAd { tag, .. }
        | EvpnKey::MacIp { tag, .. }
        | EvpnKey::Imet { tag, .. }
        | EvpnKey::IpPrefix { tag, .. } => Some(tag.0.to_string()),
        EvpnKey::EthernetSegment { .. } => None,
    }
}

fn label(key: &EvpnKey, body: &EvpnBody) -> Option<String> {
    let labelled = matches!(key, EvpnKey::EthernetAd { .. } | EvpnKey::MacIp { .. });
    labelled.then(|| (body.label.get() >> 4).to_string())
}

/// Octets as tshark shows them.
fn digits(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
