//! MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760), up to where their routes begin.
//!
//! ```text
//! octets        2    1     1       length    1         the rest
//! MP_REACH      AFI  SAFI  length  next hop  reserved  NLRI
//! MP_UNREACH    AFI  SAFI                              NLRI
//! ```

use std::net::{Ipv4Addr, Ipv6Addr};

use nom::combinator::rest;
use nom::number::complete::{be_u8, be_u16};

use crate::types::{Afi, Family, FamilySet, Safi};
use crate::wire::parse::{Malformed, sized_u8, whole};

use super::NextHop;

/// MP_REACH_NLRI, its routes unread.
#[derive(Clone, Copy, Debug)]
pub(in crate::wire) struct MpReach<'a> {
    /// Its family and next hop, if the family was negotiated.
    pub(in crate::wire) spoken: Option<(Family, NextHop)>,
    pub(in crate::wire) nlri: &'a [u8],
    /// The whole attribute.
    pub(in crate::wire) octets: &'a [u8],
}

/// MP_UNREACH_NLRI, its routes unread.
#[derive(Clone, Copy, Debug)]
pub(in crate::wire) struct MpUnreach<'a> {
    /// Its family, if it was negotiated.
    pub(in crate::wire) spoken: Option<Family>,
    pub(in crate::wire) nlri: &'a [u8],
    /// The whole attribute.
    pub(in crate::wire) octets: &'a [u8],
}

impl<'a> MpReach<'a> {
    pub(super) fn parse(
        value: &'a [u8],
        octets: &'a [u8],
        families: FamilySet,
    ) -> Result<MpReach<'a>, Malformed<'a>> {
        let (afi, safi, next_hop, _reserved, nlri) = whole((be_u16, be_u8, sized_u8, be_u8, rest), value)?;
        // RFC 7606 section 7.11: a next hop of a wrong length hides where the routes begin.
        let bad = Malformed { at: next_hop, what: "a next hop of a length that its family does not have" };
        let spoken = match negotiated(afi, safi, families) {
            Some(family) => Some((family, self::next_hop(family, next_hop).ok_or(bad)?)),
            None => None,
        };
        Ok(MpReach { spoken, nlri, octets })
    }
}

impl<'a> MpUnreach<'a> {
    pub(super) fn parse(
        value: &'a [u8],
        octets: &'a [u8],
        families: FamilySet,
    ) -> Result<MpUnreach<'a>, Malformed<'a>> {
        let (afi, safi, nlri) = whole((be_u16, be_u8, rest), value)?;
        Ok(MpUnreach { spoken: negotiated(afi, safi, families), nlri, octets })
    }
}

fn negotiated(afi: u16, safi: u8, families: FamilySet) -> Option<Family> {
    Family::new(Afi(afi), Safi(safi)).filter(|family| families.contains(*family))
}

/// RFC 4760 section 3, RFC 2545 section 3, RFC 8950 section 3 (IPv4 routes by an IPv6 next hop), RFC 7432
/// section 9.2.1 and RFC 8365 section 5.1.3 (a VTEP of either family). No document gives IPv6 routes an IPv4
/// next hop, but some speakers do; the routes can be found, so that is not for the length to judge.
fn next_hop(family: Family, octets: &[u8]) -> Option<NextHop> {
    if let Ok(address) = <[u8; 4]>::try_from(octets) {
        return Some(NextHop::Ipv4(Ipv4Addr::from(address)));
    }
    let (global, second) = octets.split_first_chunk::<16>()?;
    let global = Ipv6Addr::from(*global);
    if second.is_empty() {
        return Some(NextHop::Ipv6(global));
    }
    let second = Ipv6Addr::from(<[u8; 16]>::try_from(second).ok().filter(|_| family != Family::L2vpnEvpn)?);
    Some(match second.is_unicast_link_local() {
        // Some have no global address and leave its place empty.
        true if global.is_unspecified() => NextHop::Ipv6(second),
        true => NextHop::Ipv6LinkLocal(global, second),
        // Others send a second address without having a link-local one: then the first is what counts.
        false => NextHop::Ipv6(global),
    })
}
