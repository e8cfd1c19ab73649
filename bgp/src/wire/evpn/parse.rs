//! EVPN NLRI from octets.
//!
//! ```text
//! octets             1           1       length
//!                    route type  length  ...
//!
//! 1 Ethernet A-D     RD 8  ESI 10  tag 4  label 3
//! 2 MAC/IP           RD 8  ESI 10  tag 4  48  MAC 6  0, 32 or 128  IP  label 3  (label 3)
//! 3 IMET             RD 8  tag 4  32 or 128  originator
//! 4 Ethernet segment RD 8  ESI 10  32 or 128  originator
//! 5 IP prefix        RD 8  ESI 10  tag 4  prefix length  prefix 4 or 16  gateway 4 or 16  label 3
//! ```
//!
//! The length makes every NLRI skippable: one that is not understood, or not right, costs nobody else
//! (RFC 7606 section 5.4). Where its key can be read it counts as withdrawn.

use std::net::IpAddr;

use ipnet::IpNet;
use nom::Parser;
use nom::combinator::{eof, opt};
use nom::number::complete::{be_u8, be_u32};

use crate::types::{Esi, EthernetTag, Mac, Rd, Vni};
use crate::wire::parse::{Flaw, Malformed, Parsed, fail, ipv4, ipv6, octets, sized_u8};

use super::{EvpnBody, EvpnKey, route_type};

type Decoded = Result<(EvpnKey, EvpnBody), Flaw<EvpnKey>>;

/// The first and the second one.
type Labels = (Vni, Option<Vni>);

/// One NLRI. An error means that its extent is unknown.
pub(in crate::wire) fn nlri(input: &[u8]) -> Parsed<'_, Decoded> {
    let overrun = |_: Malformed<'_>| Malformed { at: input, what: "an EVPN route overruns its field" };
    let (rest, (kind, value)) = (be_u8, sized_u8).parse(input).map_err(|e: nom::Err<_>| e.map(overrun))?;
    Ok((rest, route(kind, value)))
}

fn route(kind: u8, value: &[u8]) -> Decoded {
    match kind {
        route_type::ETHERNET_AD => keyed(ethernet_ad, labelled, value),
        route_type::MAC_IP => keyed(mac_ip, two_labels, value),
        route_type::IMET => keyed(imet, unlabelled, value),
        route_type::ETHERNET_SEGMENT => keyed(segment, unlabelled, value),
        route_type::IP_PREFIX => keyed(ip_prefix, labelled, value),
        _ => Err(Flaw { key: None, what: "an unknown EVPN route type" }),
    }
}

/// Reads first what identifies the route and then the labels behind it, to know what it is that is wrong.
fn keyed<'a>(
    key: fn(&'a [u8]) -> Parsed<'a, (EvpnKey, EvpnBody)>,
    labels: fn(&'a [u8]) -> Parsed<'a, Labels>,
    value: &'a [u8],
) -> Decoded {
    let (rest, (key, body)) = key(value).map_err(|e| Flaw { key: None, what: reason(&e) })?;
    match (labels, eof).parse(rest) {
        Ok((_, ((label, label2), _))) => Ok((key, EvpnBody { label, label2, ..body })),
        Err(_) => Err(Flaw { key: Some(key), what: "an EVPN route of a length that its type does not have" }),
    }
}

fn reason(error: &nom::Err<Malformed<'_>>) -> &'static str {
    match error {
        nom::Err::Error(e) | nom::Err::Failure(e) => e.what,
        nom::Err::Incomplete(_) => "ends too early",
    }
}

fn ethernet_ad(input: &[u8]) -> Parsed<'_, (EvpnKey, EvpnBody)> {
    let (rest, (rd, esi, tag)) = (rd, esi, tag).parse(input)?;
    Ok((rest, (EvpnKey::EthernetAd { rd, esi, tag }, EvpnBody::default())))
}

fn mac_ip(input: &[u8]) -> Parsed<'_, (EvpnKey, EvpnBody)> {
    let (rest, (rd, esi, tag, mac, ip)) = (rd, esi, tag, mac, host).parse(input)?;
    Ok((rest, (EvpnKey::MacIp { rd, tag, mac, ip }, EvpnBody { esi, ..EvpnBody::default() })))
}

fn imet(input: &[u8]) -> Parsed<'_, (EvpnKey, EvpnBody)> {
    let (rest, (rd, tag, originator)) = (rd, tag, originator).parse(input)?;
    Ok((rest, (EvpnKey::Imet { rd, tag, originator }, EvpnBody::default())))
}

fn segment(input: &[u8]) -> Parsed<'_, (EvpnKey, EvpnBody)> {
    let (rest, (rd, esi, originator)) = (rd, esi, originator).parse(input)?;
    Ok((rest, (EvpnKey::EthernetSegment { rd, esi, originator }, EvpnBody::default())))
}

/// Only the length of the whole tells the family (RFC 9136 section 3.1).
fn ip_prefix(input: &[u8]) -> Parsed<'_, (EvpnKey, EvpnBody)> {
    let (rest, (rd, esi, tag, bits)) = (rd, esi, tag, be_u8).parse(input)?;
    let (rest, (address, gateway)) = match rest.len() {
        11 => (ipv4.map(IpAddr::from), ipv4.map(IpAddr::from)).parse(rest)?,
        35 => (ipv6.map(IpAddr::from), ipv6.map(IpAddr::from)).parse(rest)?,
        _ => return fail(rest, "an IP prefix route of neither family's length"),
    };
    let Ok(prefix) = IpNet::new(address, bits) else {
        return fail(input, "a prefix longer than its family's addresses");
    };
    let gateway = Some(gateway).filter(|gateway| !gateway.is_unspecified());
    let body = EvpnBody { esi, gateway, ..EvpnBody::default() };
    Ok((rest, (EvpnKey::IpPrefix { rd, tag, prefix: prefix.trunc() }, body)))
}

fn rd(input: &[u8]) -> Parsed<'_, Rd> {
    octets.map(Rd).parse(input)
}

fn esi(input: &[u8]) -> Parsed<'_, Esi> {
    octets.map(Esi).parse(input)
}

fn tag(input: &[u8]) -> Parsed<'_, EthernetTag> {
    be_u32.map(EthernetTag).parse(input)
}

fn mac(input: &[u8]) -> Parsed<'_, Mac> {
    match be_u8(input)? {
        (rest, 48) => octets.map(Mac).parse(rest),
        _ => fail(input, "a MAC address that is not 48 bits long"),
    }
}

/// A host's address, which a MAC/IP route may do without.
fn host(input: &[u8]) -> Parsed<'_, Option<IpAddr>> {
    match be_u8(input)? {
        (rest, 0) => Ok((rest, None)),
        _ => originator.map(Some).parse(input),
    }
}

/// An address behind its length in bits.
fn originator(input: &[u8]) -> Parsed<'_, IpAddr> {
    match be_u8(input)? {
        (rest, 32) => ipv4.map(IpAddr::from).parse(rest),
        (rest, 128) => ipv6.map(IpAddr::from).parse(rest),
        _ => fail(input, "an address that is neither 32 nor 128 bits long"),
    }
}

fn label(input: &[u8]) -> Parsed<'_, Vni> {
    octets.map(Vni::from_octets).parse(input)
}

fn unlabelled(input: &[u8]) -> Parsed<'_, Labels> {
    Ok((input, (Vni::default(), None)))
}

fn labelled(input: &[u8]) -> Parsed<'_, Labels> {
    label.map(|label| (label, None)).parse(input)
}

fn two_labels(input: &[u8]) -> Parsed<'_, Labels> {
    (label, opt(label)).parse(input)
}
