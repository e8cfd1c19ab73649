//! EVPN NLRI into octets. The layouts stand in `parse`.

use std::net::IpAddr;

use bytes::{BufMut, BytesMut};
use ipnet::IpNet;

use crate::types::{Esi, EthernetTag, Mac, Rd, Vni};
use crate::wire::emit::with_u8_length;

use super::{EvpnBody, EvpnKey};

/// Writes one NLRI: type, length, and what the type has.
pub(in crate::wire) fn put(key: &EvpnKey, body: &EvpnBody, out: &mut BytesMut) {
    out.put_u8(key.route_type());
    with_u8_length(out, |out| match *key {
        EvpnKey::EthernetAd { rd, esi, tag } => put_ethernet_ad(out, rd, esi, tag, body.label),
        EvpnKey::MacIp { rd, tag, mac, ip } => put_mac_ip(out, (rd, tag, mac, ip), body),
        EvpnKey::Imet { rd, tag, originator } => put_imet(out, rd, tag, originator),
        EvpnKey::EthernetSegment { rd, esi, originator } => put_segment(out, rd, esi, originator),
        EvpnKey::IpPrefix { rd, tag, prefix } => put_ip_prefix(out, (rd, tag, prefix), body),
    });
}

fn put_ethernet_ad(out: &mut BytesMut, rd: Rd, esi: Esi, tag: EthernetTag, label: Vni) {
    out.put_slice(&rd.0);
    out.put_slice(&esi.0);
    out.put_u32(tag.0);
    out.put_slice(&label.octets());
}

fn put_mac_ip(
    out: &mut BytesMut,
    (rd, tag, mac, ip): (Rd, EthernetTag, Mac, Option<IpAddr>),
    body: &EvpnBody,
) {
    out.put_slice(&rd.0);
    out.put_slice(&body.esi.0);
    out.put_u32(tag.0);
    out.put_u8(48);
    out.put_slice(&mac.0);
    match ip {
        Some(ip) => put_sized_address(out, ip),
        None => out.put_u8(0),
    }
    out.put_slice(&body.label.octets());
    if let Some(label) = body.label2 {
        out.put_slice(&label.octets());
    }
}

fn put_imet(out: &mut BytesMut, rd: Rd, tag: EthernetTag, originator: IpAddr) {
    out.put_slice(&rd.0);
    out.put_u32(tag.0);
    put_sized_address(out, originator);
}

fn put_segment(out: &mut BytesMut, rd: Rd, esi: Esi, originator: IpAddr) {
    out.put_slice(&rd.0);
    out.put_slice(&esi.0);
    put_sized_address(out, originator);
}

fn put_ip_prefix(out: &mut BytesMut, (rd, tag, prefix): (Rd, EthernetTag, IpNet), body: &EvpnBody) {
    out.put_slice(&rd.0);
    out.put_slice(&body.esi.0);
    out.put_u32(tag.0);
    out.put_u8(prefix.prefix_len());
    put_address(out, prefix.network());
    // RFC 9136 section 3.1: prefix and gateway are of one family, and no gateway is all zero.
    match (prefix, body.gateway) {
        (IpNet::V4(_), Some(IpAddr::V4(gateway))) => out.put_slice(&gateway.octets()),
        (IpNet::V6(_), Some(IpAddr::V6(gateway))) => out.put_slice(&gateway.octets()),
        (IpNet::V4(_), _) => out.put_bytes(0, 4),
        (IpNet::V6(_), _) => out.put_bytes(0, 16),
    }
    out.put_slice(&body.label.octets());
}

/// An address behind its length in bits.
fn put_sized_address(out: &mut BytesMut, address: IpAddr) {
    out.put_u8(if address.is_ipv4() { 32 } else { 128 });
    put_address(out, address);
}

fn put_address(out: &mut BytesMut, address: IpAddr) {
    match address {
        IpAddr::V4(a) => out.put_slice(&a.octets()),
        IpAddr::V6(a) => out.put_slice(&a.octets()),
    }
}
