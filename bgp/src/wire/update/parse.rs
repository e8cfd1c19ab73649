//! UPDATE from octets, with the whole of RFC 7606 applied.
//!
//! ```text
//! octets  2       length            2       length      the rest
//!         length  withdrawn routes  length  attributes  NLRI
//! ```
//!
//! Withdrawals are always honoured. Announced routes are, unless a fault costs them: then they count as
//! withdrawn, and where it cannot be told which they are, the session ends.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use nom::combinator::{consumed, rest};
use nom::multi::length_data;
use nom::number::complete::be_u16;
use nom::{Finish, Parser};

use crate::types::Family;
use crate::wire::attrs::code;
use crate::wire::attrs::parse::{Found, MpReach, MpUnreach, Setting, attributes};
use crate::wire::evpn::EvpnKey;
use crate::wire::faults::Faults;
use crate::wire::nlri::{Decode, one};
use crate::wire::parse::{Flaw, Malformed, whole};
use crate::wire::{Attrs, NextHop, Nlris, Route, WireError};

use super::{PeerKind, Reach, Update, UpdateContext};

impl Update {
    /// Reads a body. An error ends the session; any lesser fault is in [`Update::faults`], and what it cost
    /// has moved from `reach` to `unreach` or is not there.
    pub fn parse(body: &[u8], ctx: &UpdateContext) -> Result<Update, WireError> {
        let mut faults = Faults::new(body);
        let fields = Fields::parse(body).map_err(|e| faults.reset(1, body, e.what))?;
        let setting = Setting { as4: ctx.encoding.as4, internal: ctx.kind == PeerKind::Ibgp };
        let found = attributes(fields.attributes, setting, &mut faults)?;
        let mut reader = Reader { ctx, faults, unreach: Vec::new() };
        let end_of_rib = reader.end_of_rib(&fields, &found);
        if end_of_rib.is_none() {
            reader.withdrawn(&fields, &found)?;
        }
        let reach = reader.announced(&fields, found)?;
        Ok(Update { reach, unreach: reader.unreach, end_of_rib, faults: reader.faults.into_noted() })
    }
}

/// The three parts of a body.
struct Fields<'a> {
    withdrawn: &'a [u8],
    attributes: &'a [u8],
    nlri: &'a [u8],
}

impl<'a> Fields<'a> {
    fn parse(body: &'a [u8]) -> Result<Fields<'a>, Malformed<'a>> {
        let overrun = |e: Malformed<'a>| Malformed { what: "the fields overrun the message", ..e };
        let parts = (length_data(be_u16), length_data(be_u16), rest);
        let (withdrawn, attributes, nlri) = whole(parts, body).map_err(overrun)?;
        Ok(Fields { withdrawn, attributes, nlri })
    }

    fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.only_attributes()
    }

    fn only_attributes(&self) -> bool {
        self.withdrawn.is_empty() && self.nlri.is_empty()
    }
}

/// Where routes stand: decides the error that ends the session where they cannot be read.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The attribute they stand in, 0 for the fields of the body.
    attribute: u8,
    /// The attribute or field.
    octets: &'a [u8],
    nlri: &'a [u8],
}

impl<'a> Place<'a> {
    fn field(nlri: &'a [u8]) -> Place<'a> {
        Place { attribute: 0, octets: nlri, nlri }
    }

    /// RFC 4271 section 6.3 (invalid network field), RFC 4760 section 7 (optional attribute error).
    fn subcode(&self) -> u8 {
        if self.attribute == 0 { 10 } else { 9 }
    }
}

impl<'a> From<MpReach<'a>> for Place<'a> {
    fn from(mp: MpReach<'a>) -> Self {
        Place { attribute: code::MP_REACH_NLRI, octets: mp.octets, nlri: mp.nlri }
    }
}

impl<'a> From<MpUnreach<'a>> for Place<'a> {
    fn from(mp: MpUnreach<'a>) -> Self {
        Place { attribute: code::MP_UNREACH_NLRI, octets: mp.octets, nlri: mp.nlri }
    }
}

struct Reader<'a> {
    ctx: &'a UpdateContext,
    faults: Faults<'a>,
    unreach: Vec<Nlris>,
}

/// Announced routes before it is known whether they may be used.
struct Announced {
    next_hop: Option<NextHop>,
    nlri: Nlris,
}

impl Announced {
    fn with(self, attrs: Attrs) -> Option<Reach> {
        let attrs = Attrs { next_hop: self.next_hop?, ..attrs };
        Some(Reach { attrs, nlri: self.nlri })
    }
}

impl Reader<'_> {
    /// RFC 4724 section 2: an empty UPDATE, or one with an MP_UNREACH_NLRI without routes and nothing else.
    fn end_of_rib(&self, fields: &Fields<'_>, found: &Found<'_>) -> Option<Family> {
        let family = match found.mp_unreach {
            None if fields.is_empty() => Some(Family::Ipv4Unicast),
            Some(mp) if mp.nlri.is_empty() && fields.only_attributes() && found.only_mp_unreach() => {
                Family::new(mp.afi, mp.safi)
            }
            _ => None,
        };
        family.filter(|family| self.ctx.families.contains(*family))
    }

    fn withdrawn(&mut self, fields: &Fields<'_>, found: &Found<'_>) -> Result<(), WireError> {
        let field = Place::field(fields.withdrawn);
        let field = self.routes(Some(Family::Ipv4Unicast), field)?;
        let mp = match found.mp_unreach {
            Some(mp) => self.routes(Family::new(mp.afi, mp.safi), mp.into())?,
            None => None,
        };
        self.withdraw(field.into_iter().chain(mp));
        Ok(())
    }

    /// The routes announced, with the attributes as they hold for them.
    fn announced(&mut self, fields: &Fields<'_>, found: Found<'_>) -> Result<Vec<Reach>, WireError> {
        let field = self.routes(Some(Family::Ipv4Unicast), Place::field(fields.nlri))?;
        let field = field.map(|nlri| Announced { next_hop: found.next_hop.map(NextHop::Ipv4), nlri });
        let mp = match found.mp_reach {
            Some(mp) => self.mp_reach(mp)?,
            None => None,
        };
        if fields.nlri.is_empty() && found.mp_reach.is_none_or(|mp| mp.nlri.is_empty()) {
            self.nothing_announced(&found)?;
        } else {
            self.check_mandatory(fields, &found);
        }
        [&field, &mp].into_iter().flatten().for_each(|some| check_next_hop(some, fields, &mut self.faults));
        if self.faults.costs_routes().is_some() {
            self.withdraw([field, mp].into_iter().flatten().map(|some| some.nlri));
            return Ok(Vec::new());
        }
        Ok(match (field, mp) {
            (Some(field), Some(mp)) => {
                field.with(found.attrs.clone()).into_iter().chain(mp.with(found.attrs)).collect()
            }
            (field, mp) => field.or(mp).and_then(|some| some.with(found.attrs)).into_iter().collect(),
        })
    }

    fn mp_reach(&mut self, mp: MpReach<'_>) -> Result<Option<Announced>, WireError> {
        let family = Family::new(mp.afi, mp.safi);
        let spoken = family.filter(|family| self.ctx.families.contains(*family));
        let next_hop = match spoken {
            // RFC 7606 section 7.11: a next hop of a wrong length hides where the routes begin.
            Some(family) => Some(next_hop(family, mp.next_hop).ok_or_else(|| {
                self.faults.reset(9, mp.octets, "a next hop of a length that its family does not have")
            })?),
            None => None,
        };
        let nlri = self.routes(family, mp.into())?;
        Ok(nlri.map(|nlri| Announced { next_hop, nlri }))
    }

    /// RFC 7606 section 5.2: attributes with a fault that would cost routes, and no routes in sight.
    fn nothing_announced(&self, found: &Found<'_>) -> Result<(), WireError> {
        match self.faults.costs_routes() {
            Some(error) if !found.only_mp_unreach() => Err(error),
            _ => Ok(()),
        }
    }

    /// RFC 7606 section 3 d, with LOCAL_PREF as RFC 4271 section 5.1.5 wants it of an internal peer.
    fn check_mandatory(&mut self, fields: &Fields<'_>, found: &Found<'_>) {
        let needed = [
            (code::ORIGIN, true),
            (code::AS_PATH, true),
            (code::NEXT_HOP, !fields.nlri.is_empty()),
            (code::LOCAL_PREF, self.ctx.kind == PeerKind::Ibgp),
        ];
        for (code, needed) in needed {
            if needed && !found.seen.contains(code) {
                self.faults.withdraw(3, code, fields.attributes, "a mandatory attribute is missing");
            }
        }
    }

    /// The routes of one place. `None` where there is nothing, or nothing that was agreed to be spoken about
    /// (RFC 4760 section 7: to be ignored).
    fn routes(&mut self, family: Option<Family>, place: Place<'_>) -> Result<Option<Nlris>, WireError> {
        if place.nlri.is_empty() {
            return Ok(None);
        }
        Ok(Some(match family.filter(|family| self.ctx.families.contains(*family)) {
            Some(Family::Ipv4Unicast) => self.list::<Ipv4Net>(place)?,
            Some(Family::Ipv6Unicast) => self.list::<Ipv6Net>(place)?,
            Some(Family::L2vpnEvpn) => self.list::<EvpnKey>(place)?,
            None => {
                self.faults.discard(place.attribute, place.octets, "routes of a family not negotiated");
                return Ok(None);
            }
        }))
    }

    fn list<N: Decode>(&mut self, place: Place<'_>) -> Result<Nlris, WireError> {
        let add_path = self.ctx.encoding.add_path.contains(N::FAMILY);
        let mut routes = Vec::with_capacity(place.nlri.len() / N::TYPICAL_LEN + 1);
        let mut broken = Vec::new();
        let mut rest = place.nlri;
        while !rest.is_empty() {
            let (next, (octets, (path_id, decoded))) = consumed(|input| one::<N>(add_path, input))
                .parse(rest)
                .finish()
                .map_err(|e| self.faults.reset(place.subcode(), place.octets, e.what))?;
            match decoded {
                Ok((nlri, body)) => routes.push(Route { nlri, path_id, body }),
                Err(Flaw { key: Some(nlri), what }) => {
                    self.faults.withdraw_one(place.attribute, octets, what);
                    broken.push(Route { nlri, path_id, body: N::Body::default() });
                }
                Err(Flaw { key: None, what }) => self.faults.discard(place.attribute, octets, what),
            }
            rest = next;
        }
        self.withdraw([N::list(broken)]);
        Ok(N::list(routes))
    }

    fn withdraw(&mut self, routes: impl IntoIterator<Item = Nlris>) {
        self.unreach.extend(routes.into_iter().filter(|routes| !routes.is_empty()));
    }
}

/// RFC 4271 section 6.3: a next hop that no host can have costs the routes (RFC 7606 section 7.3).
fn check_next_hop(announced: &Announced, fields: &Fields<'_>, faults: &mut Faults<'_>) {
    let attribute = match announced.nlri {
        Nlris::Ipv4(_) if !fields.nlri.is_empty() => code::NEXT_HOP,
        _ => code::MP_REACH_NLRI,
    };
    if announced.next_hop.is_some_and(|next_hop| !next_hop.is_host()) {
        faults.withdraw(8, attribute, fields.attributes, "a next hop that no host can have");
    }
}

/// RFC 4760 section 3, RFC 2545 section 3, RFC 8950 section 3 (IPv4 routes by an IPv6 next hop), RFC 7432
/// section 9.2.1 and RFC 8365 section 5.1.3 (a VTEP of either family).
fn next_hop(family: Family, octets: &[u8]) -> Option<NextHop> {
    if let (Family::Ipv4Unicast | Family::L2vpnEvpn, Ok(address)) = (family, <[u8; 4]>::try_from(octets)) {
        return Some(NextHop::Ipv4(Ipv4Addr::from(address)));
    }
    let (global, link_local) = octets.split_first_chunk::<16>()?;
    let global = Ipv6Addr::from(*global);
    match <[u8; 16]>::try_from(link_local).map(Ipv6Addr::from) {
        Ok(_) if family == Family::L2vpnEvpn => None,
        Ok(local) if local.is_unicast_link_local() => Some(NextHop::Ipv6LinkLocal(global, local)),
        // Some send the second address without having one: the first is what counts.
        Ok(_) => Some(NextHop::Ipv6(global)),
        Err(_) => link_local.is_empty().then_some(NextHop::Ipv6(global)),
    }
}
