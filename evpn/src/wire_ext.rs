//! What the wire crate is about to offer itself, under the same names; goes when it does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp::types::{Asn, Vni};
use bgp::wire::{Attrs, ExtCommunity, PmsiTunnel, RouteTarget, TunnelType};

pub(crate) fn route_target(community: ExtCommunity) -> Option<RouteTarget> {
    let [kind, sub, a, b, c, d, e, f] = community.0;
    match (kind, sub) {
        (0, 2) => Some(RouteTarget::As2(u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f]))),
        (1, 2) => Some(RouteTarget::Ipv4(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([e, f]))),
        (2, 2) => Some(RouteTarget::As4(Asn(u32::from_be_bytes([a, b, c, d])), u16::from_be_bytes([e, f]))),
        _ => None,
    }
}

pub(crate) fn route_targets(attrs: &Attrs) -> impl Iterator<Item = RouteTarget> + '_ {
    attrs.ext_communities.iter().filter_map(|c| route_target(*c))
}

pub(crate) fn encapsulations(attrs: &Attrs) -> impl Iterator<Item = TunnelType> + '_ {
    attrs.ext_communities.iter().filter_map(|c| match c.0 {
        [3, 0x0c, _, _, _, _, a, b] => Some(TunnelType(u16::from_be_bytes([a, b]))),
        _ => None,
    })
}

pub(crate) fn mac_mobility(attrs: &Attrs) -> (bool, u32) {
    let found = attrs.ext_communities.iter().find_map(|c| match c.0 {
        [6, 0, flags, _, a, b, c, d] => Some((flags & 1 == 1, u32::from_be_bytes([a, b, c, d]))),
        _ => None,
    });
    found.unwrap_or_default()
}

pub(crate) fn is_default_gateway(attrs: &Attrs) -> bool {
    attrs.ext_communities.iter().any(|c| matches!(c.0, [3, 0x0d, ..]))
}

pub(crate) fn is_router(attrs: &Attrs) -> bool {
    attrs.ext_communities.iter().any(|c| matches!(c.0, [6, 8, flags, ..] if flags & 1 == 1))
}

pub(crate) fn from_route_target(target: RouteTarget) -> ExtCommunity {
    let (kind, [a, b, c, d], [e, f]) = match target {
        RouteTarget::As2(asn, n) => {
            let ([a, b], [c, d, e, f]) = (asn.to_be_bytes(), n.to_be_bytes());
            (0, [a, b, c, d], [e, f])
        }
        RouteTarget::Ipv4(ip, n) => (1, ip.octets(), n.to_be_bytes()),
        RouteTarget::As4(asn, n) => (2, asn.0.to_be_bytes(), n.to_be_bytes()),
    };
    ExtCommunity([kind, 2, a, b, c, d, e, f])
}

pub(crate) fn from_mac_mobility(sticky: bool, seq: u32) -> ExtCommunity {
    let [a, b, c, d] = seq.to_be_bytes();
    ExtCommunity([6, 0, u8::from(sticky), 0, a, b, c, d])
}

pub(crate) fn from_encapsulation(tunnel: TunnelType) -> ExtCommunity {
    let [a, b] = tunnel.0.to_be_bytes();
    ExtCommunity([3, 0x0c, 0, 0, 0, 0, a, b])
}

pub(crate) fn from_nd_router() -> ExtCommunity {
    ExtCommunity([6, 8, 1, 0, 0, 0, 0, 0])
}

pub(crate) fn ingress_replication(vni: Vni, endpoint: IpAddr) -> PmsiTunnel {
    let endpoint = match endpoint {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    PmsiTunnel { flags: 0, tunnel_type: 6, vni, endpoint: endpoint.into() }
}

pub(crate) fn ingress_endpoint(pmsi: &PmsiTunnel) -> Option<IpAddr> {
    if pmsi.tunnel_type != 6 {
        return None;
    }
    let v4 = <[u8; 4]>::try_from(&*pmsi.endpoint).map(|o| Ipv4Addr::from(o).into());
    v4.or_else(|_| <[u8; 16]>::try_from(&*pmsi.endpoint).map(|o| Ipv6Addr::from(o).into())).ok()
}
