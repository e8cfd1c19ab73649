//! UPDATE into octets: routes that share attributes, packed into as few messages as they fit.

use bytes::{BufMut, BytesMut};

use crate::types::Family;
use crate::wire::attrs::{self, code};
use crate::wire::emit::{patch_length, with_u8_length};
use crate::wire::header::{self, HEADER_LEN, MessageType};
use crate::wire::{Attrs, NextHop, Nlri, Route};

use super::Encoding;

/// Where the message's length stands.
const MESSAGE_LENGTH: usize = 16;
/// Where the attributes' length stands if nothing is withdrawn: behind the header and a length of zero.
const ATTRIBUTES_LENGTH: usize = HEADER_LEN + 2;
/// Where the attributes begin if nothing is withdrawn.
const ATTRIBUTES: usize = ATTRIBUTES_LENGTH + 2;
/// Where the length of an MP attribute stands if it is the first one.
const MP_LENGTH: usize = ATTRIBUTES + 2;

/// Attributes made ready for messages: encoded once, used for as many as the routes need.
///
/// IPv4 unicast by an IPv4 next hop takes the fields of RFC 4271. Everything else goes into MP_REACH_NLRI,
/// which comes first, as RFC 7606 section 5.1 asks.
#[derive(Clone, Debug)]
pub struct EncodedAttrs {
    family: Family,
    /// What stands before the routes, with room for lengths.
    head: BytesMut,
    /// What stands behind them.
    tail: BytesMut,
    /// Whether the routes stand in MP_REACH_NLRI.
    multiprotocol: bool,
    add_path: bool,
    max_message: usize,
}

impl EncodedAttrs {
    /// Encodes `attrs` for routes of `family`.
    pub fn new(encoding: &Encoding, attrs: &Attrs, family: Family) -> EncodedAttrs {
        let classic = match (family, attrs.next_hop) {
            (Family::Ipv4Unicast, NextHop::Ipv4(address)) => Some(address),
            _ => None,
        };
        let mut head = BytesMut::with_capacity(256);
        let mut tail = BytesMut::new();
        header::put_header(&mut head, MessageType::Update);
        head.put_u32(0);
        if classic.is_some() {
            attrs::emit::put(&mut head, attrs, classic, encoding.as4);
            patch_length(&mut head, ATTRIBUTES_LENGTH, ATTRIBUTES);
        } else {
            put_mp_head(&mut head, code::MP_REACH_NLRI, family);
            put_next_hop(&mut head, family, attrs.next_hop);
            attrs::emit::put(&mut tail, attrs, None, encoding.as4);
        }
        let (add_path, max_message) = (encoding.add_path.contains(family), encoding.max_message.into());
        EncodedAttrs { family, head, tail, multiprotocol: classic.is_none(), add_path, max_message }
    }

    /// Writes one message with as many leading routes as fit, and says how many those are. None, and nothing
    /// written, where there is no route, the attributes leave no room, or the routes are of another family.
    pub fn announce<N: Nlri>(&self, out: &mut BytesMut, routes: &[Route<N>]) -> usize {
        let Some(limit) = self.max_message.checked_sub(self.tail.len()) else { return 0 };
        if self.family != N::FAMILY || self.head.len() > limit {
            return 0;
        }
        let start = out.len();
        out.extend_from_slice(&self.head);
        let fitting = put_routes(out, routes, self.add_path, start + limit);
        if fitting == 0 {
            out.truncate(start);
            return 0;
        }
        if self.multiprotocol {
            patch_length(out, start + MP_LENGTH, start + MP_LENGTH + 2);
            out.extend_from_slice(&self.tail);
            patch_length(out, start + ATTRIBUTES_LENGTH, start + ATTRIBUTES);
        }
        patch_length(out, start + MESSAGE_LENGTH, start);
        fitting
    }
}

/// Writes one message announcing as many leading `routes` as fit, and says how many those are: none, and
/// nothing written, where the attributes leave no room. For several messages see [`EncodedAttrs`].
pub fn announce<N: Nlri>(
    out: &mut BytesMut,
    encoding: &Encoding,
    attrs: &Attrs,
    routes: &[Route<N>],
) -> usize {
    EncodedAttrs::new(encoding, attrs, N::FAMILY).announce(out, routes)
}

/// Writes one message withdrawing as many leading `routes` as fit, and says how many those are. None, and
/// nothing written, where there is no route.
pub fn withdraw<N: Nlri>(out: &mut BytesMut, encoding: &Encoding, routes: &[Route<N>]) -> usize {
    let start = out.len();
    let limit = start + usize::from(encoding.max_message);
    let add_path = encoding.add_path.contains(N::FAMILY);
    header::put_header(out, MessageType::Update);
    let fitting = if N::FAMILY == Family::Ipv4Unicast {
        put_withdrawn_field(out, routes, add_path, limit)
    } else {
        put_mp_unreach(out, routes, add_path, limit)
    };
    if fitting == 0 {
        out.truncate(start);
        return 0;
    }
    patch_length(out, start + MESSAGE_LENGTH, start);
    fitting
}

/// Writes the mark that all routes of `family` have been sent (RFC 4724 section 2).
pub fn end_of_rib(out: &mut BytesMut, family: Family) {
    header::emit(out, MessageType::Update, |out| match family {
        Family::Ipv4Unicast => out.put_u32(0),
        _ => {
            out.put_slice(&[0, 0, 0, 6, code::OPTIONAL, code::MP_UNREACH_NLRI, 3]);
            out.put_u16(family.afi().0);
            out.put_u8(family.safi().0);
        }
    });
}

fn put_withdrawn_field<N: Nlri>(
    out: &mut BytesMut,
    routes: &[Route<N>],
    add_path: bool,
    limit: usize,
) -> usize {
    let at = out.len();
    out.put_u16(0);
    let fitting = put_routes(out, routes, add_path, limit.saturating_sub(2));
    patch_length(out, at, at + 2);
    out.put_u16(0);
    fitting
}

fn put_mp_unreach<N: Nlri>(out: &mut BytesMut, routes: &[Route<N>], add_path: bool, limit: usize) -> usize {
    out.put_u32(0);
    let attributes = out.len();
    put_mp_head(out, code::MP_UNREACH_NLRI, N::FAMILY);
    let fitting = put_routes(out, routes, add_path, limit);
    patch_length(out, attributes + 2, attributes + 4);
    patch_length(out, attributes - 2, attributes);
    fitting
}

/// An MP attribute up to its SAFI, with room for a length of two octets.
fn put_mp_head(out: &mut BytesMut, code: u8, family: Family) {
    out.put_slice(&[code::OPTIONAL | code::EXTENDED_LENGTH, code, 0, 0]);
    out.put_u16(family.afi().0);
    out.put_u8(family.safi().0);
}

/// The next hop behind its length, and the reserved octet.
fn put_next_hop(out: &mut BytesMut, family: Family, next_hop: NextHop) {
    match (family, next_hop) {
        // IPv6 routes have no next hop of four octets: an IPv4 one is mapped (RFC 4291 section 2.5.5.2).
        (Family::Ipv6Unicast, NextHop::Ipv4(a)) => put_sized(out, &[&a.to_ipv6_mapped().octets()]),
        (_, NextHop::Ipv4(a)) => put_sized(out, &[&a.octets()]),
        (Family::L2vpnEvpn, NextHop::Ipv6LinkLocal(a, _)) | (_, NextHop::Ipv6(a)) => {
            put_sized(out, &[&a.octets()]);
        }
        (_, NextHop::Ipv6LinkLocal(a, local)) => put_sized(out, &[&a.octets(), &local.octets()]),
    }
    out.put_u8(0);
}

fn put_sized(out: &mut BytesMut, parts: &[&[u8]]) {
    with_u8_length(out, |out| parts.iter().for_each(|part| out.put_slice(part)));
}

/// Writes leading routes as long as `out` stays within `limit`; says how many.
fn put_routes<N: Nlri>(out: &mut BytesMut, routes: &[Route<N>], add_path: bool, limit: usize) -> usize {
    for (written, route) in routes.iter().enumerate() {
        let before = out.len();
        route.emit(add_path, out);
        if out.len() > limit {
            out.truncate(before);
            return written;
        }
    }
    routes.len()
}
