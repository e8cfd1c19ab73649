//! UPDATE from octets, with the whole of RFC 7606 applied.
//!
//! ```text
//! octets  2       length            2       length      the rest
//!         length  withdrawn routes  length  attributes  NLRI
//! ```
//!
//! Withdrawals are always honoured. Announced routes are, unless a fault costs them: then they count as
//! withdrawn, and where it cannot be told which they are, the session ends.

use ipnet::{Ipv4Net, Ipv6Net};
use nom::combinator::{consumed, rest};

use crate::types::Family;
use crate::wire::attrs::code;
use crate::wire::attrs::mp::{MpReach, MpUnreach};
use crate::wire::attrs::parse::{Found, Setting, attributes};
use crate::wire::evpn::EvpnKey;
use crate::wire::faults::Faults;
use crate::wire::nlri::{Decode, one};
use crate::wire::parse::{Flaw, run, sized_u16, whole};
use crate::wire::verdicts::Condition;
use crate::wire::{Attrs, NextHop, Nlris, Route, WireError};

use super::{Encoding, PeerKind, Reach, Update, UpdateContext};

impl Update {
    /// Reads a body. An error ends the session; any lesser fault is in [`Update::faults`], and what it cost
    /// has moved from `reach` to `unreach` or is not there.
    pub fn parse(body: &[u8], ctx: &UpdateContext) -> Result<Update, WireError> {
        let mut faults = Faults::new(body);
        let fields = Fields::parse(body, &mut faults)?;
        let setting =
            Setting { as4: ctx.encoding.as4, internal: ctx.kind == PeerKind::Ibgp, families: ctx.families };
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
    fn parse(body: &'a [u8], faults: &mut Faults<'_>) -> Result<Fields<'a>, WireError> {
        match whole((sized_u16, sized_u16, rest), body) {
            Ok((withdrawn, attributes, nlri)) => Ok(Fields { withdrawn, attributes, nlri }),
            Err(_) => {
                faults.note(FIELD, Condition::Fields, body, "the fields overrun the message")?;
                Ok(Fields { withdrawn: &[], attributes: &[], nlri: &[] })
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.only_attributes()
    }

    fn only_attributes(&self) -> bool {
        self.withdrawn.is_empty() && self.nlri.is_empty()
    }
}

/// Stands for the fields of the body where an attribute's type code is asked for.
const FIELD: u8 = 0;

/// Where routes stand.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The attribute they stand in, or [`FIELD`].
    attribute: u8,
    /// The attribute or field.
    octets: &'a [u8],
    nlri: &'a [u8],
}

impl<'a> Place<'a> {
    fn field(nlri: &'a [u8]) -> Place<'a> {
        Place { attribute: FIELD, octets: nlri, nlri }
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
struct Announced<'a> {
    next_hop: Option<NextHop>,
    /// The attribute that has the next hop, and its type code.
    next_hop_at: (u8, &'a [u8]),
    nlri: Nlris,
}

impl Announced<'_> {
    fn with(self, attrs: Attrs) -> Option<Reach> {
        let attrs = Attrs { next_hop: self.next_hop?, ..attrs };
        Some(Reach { attrs, nlri: self.nlri })
    }

    /// What is wrong with the next hop: RFC 4271 section 6.3; RFC 8950 section 4 for IPv4 routes. No document tells
    /// what an IPv4 next hop means to IPv6 routes.
    fn next_hop_fault(&self, encoding: &Encoding) -> Option<&'static str> {
        let next_hop = self.next_hop?;
        let is_ipv4 = matches!(next_hop, NextHop::Ipv4(_));
        match &self.nlri {
            _ if !next_hop.is_host() => Some("a next hop that no host can have"),
            Nlris::Ipv4(_) if !is_ipv4 && !encoding.extended_next_hop => {
                Some("an IPv6 next hop of IPv4 routes, which was not offered")
            }
            Nlris::Ipv6(_) if is_ipv4 => Some("an IPv4 next hop of IPv6 routes"),
            _ => None,
        }
    }
}

impl Reader<'_> {
    /// RFC 4724 section 2: an empty UPDATE, or one with an MP_UNREACH_NLRI without routes and nothing else.
    fn end_of_rib(&self, fields: &Fields<'_>, found: &Found<'_>) -> Option<Family> {
        match found.mp_unreach {
            None if fields.is_empty() => {
                Some(Family::Ipv4Unicast).filter(|family| self.ctx.families.contains(*family))
            }
            Some(mp) if mp.nlri.is_empty() && fields.only_attributes() && found.only_mp_unreach() => {
                mp.spoken
            }
            _ => None,
        }
    }

    fn withdrawn(&mut self, fields: &Fields<'_>, found: &Found<'_>) -> Result<(), WireError> {
        let field = self.ipv4_routes(Place::field(fields.withdrawn))?;
        let mp = match found.mp_unreach {
            Some(mp) => self.routes(mp.spoken, mp.into())?,
            None => None,
        };
        self.withdraw(field.into_iter().chain(mp));
        Ok(())
    }

    /// The routes announced, with the attributes as they hold for them.
    fn announced(&mut self, fields: &Fields<'_>, found: Found<'_>) -> Result<Vec<Reach>, WireError> {
        let field = self.field(fields, &found)?;
        let mp = self.mp_reach(&found)?;
        if fields.nlri.is_empty() && found.mp_reach.is_none_or(|mp| mp.nlri.is_empty()) {
            self.nothing_announced(&found)?;
        } else {
            self.check_mandatory(fields, &found)?;
        }
        [&field, &mp].into_iter().flatten().try_for_each(|announced| self.check_next_hop(announced))?;
        if self.faults.costs_routes().is_some() {
            self.withdraw([field, mp].into_iter().flatten().map(|announced| announced.nlri));
            return Ok(Vec::new());
        }
        Ok(match (field, mp) {
            (Some(field), Some(mp)) => {
                field.with(found.attrs.clone()).into_iter().chain(mp.with(found.attrs)).collect()
            }
            (field, mp) => field.or(mp).and_then(|one| one.with(found.attrs)).into_iter().collect(),
        })
    }

    /// The routes of the NLRI field.
    fn field<'a>(
        &mut self,
        fields: &Fields<'_>,
        found: &Found<'a>,
    ) -> Result<Option<Announced<'a>>, WireError> {
        let next_hop = found.next_hop.map(|at| NextHop::Ipv4(at.address));
        let next_hop_at = (code::NEXT_HOP, found.next_hop.map_or(&[][..], |at| at.octets));
        let nlri = self.ipv4_routes(Place::field(fields.nlri))?;
        Ok(nlri.map(|nlri| Announced { next_hop, next_hop_at, nlri }))
    }

    /// The routes of MP_REACH_NLRI.
    fn mp_reach<'a>(&mut self, found: &Found<'a>) -> Result<Option<Announced<'a>>, WireError> {
        let Some(mp) = found.mp_reach else { return Ok(None) };
        let (family, next_hop) = mp.spoken.unzip();
        let next_hop_at = (code::MP_REACH_NLRI, mp.octets);
        let nlri = self.routes(family, mp.into())?;
        Ok(nlri.map(|nlri| Announced { next_hop, next_hop_at, nlri }))
    }

    /// RFC 7606 section 5.2: attributes with a fault that would cost routes, and no routes in sight.
    fn nothing_announced(&self, found: &Found<'_>) -> Result<(), WireError> {
        match self.faults.costs_routes() {
            Some(error) if !found.only_mp_unreach() => Err(error),
            _ => Ok(()),
        }
    }

    /// RFC 7606 section 3 d, with LOCAL_PREF as RFC 4271 section 5.1.5 wants it of an internal peer.
    fn check_mandatory(&mut self, fields: &Fields<'_>, found: &Found<'_>) -> Result<(), WireError> {
        let needed = [
            (code::ORIGIN, true),
            (code::AS_PATH, true),
            (code::NEXT_HOP, !fields.nlri.is_empty()),
            (code::LOCAL_PREF, self.ctx.kind == PeerKind::Ibgp),
        ];
        let missing = needed.into_iter().filter(|(code, needed)| *needed && !found.seen.contains(*code));
        missing.into_iter().try_for_each(|(code, _)| {
            self.faults.note(code, Condition::Missing, fields.attributes, "a mandatory attribute is missing")
        })
    }

    /// A next hop that cannot be costs the routes (RFC 7606 section 7.3).
    fn check_next_hop(&mut self, announced: &Announced<'_>) -> Result<(), WireError> {
        let Some(what) = announced.next_hop_fault(&self.ctx.encoding) else { return Ok(()) };
        let (attribute, octets) = announced.next_hop_at;
        self.faults.note(attribute, Condition::NextHop, octets, what)
    }

    fn ipv4_routes(&mut self, place: Place<'_>) -> Result<Option<Nlris>, WireError> {
        let family = Some(Family::Ipv4Unicast).filter(|family| self.ctx.families.contains(*family));
        self.routes(family, place)
    }

    /// The routes of one place. `None` where there is none that can be used: nothing stands there, it was not
    /// agreed to be spoken about (RFC 4760 section 7: to be ignored), or every single one is broken.
    fn routes(&mut self, spoken: Option<Family>, place: Place<'_>) -> Result<Option<Nlris>, WireError> {
        if place.nlri.is_empty() {
            return Ok(None);
        }
        let routes = match spoken {
            Some(Family::Ipv4Unicast) => self.list::<Ipv4Net>(place)?,
            Some(Family::Ipv6Unicast) => self.list::<Ipv6Net>(place)?,
            Some(Family::L2vpnEvpn) => self.list::<EvpnKey>(place)?,
            None => {
                const WHAT: &str = "routes of a family not negotiated";
                self.faults.note(place.attribute, Condition::Family, place.octets, WHAT)?;
                return Ok(None);
            }
        };
        Ok(Some(routes).filter(|routes| !routes.is_empty()))
    }

    fn list<N: Decode>(&mut self, place: Place<'_>) -> Result<Nlris, WireError> {
        let add_path = self.ctx.encoding.add_path.contains(N::FAMILY);
        let mut routes = Vec::with_capacity(place.nlri.len() / N::TYPICAL_LEN + 1);
        let mut broken = Vec::new();
        let mut rest = place.nlri;
        while !rest.is_empty() {
            let route = consumed(|input| one::<N>(add_path, input));
            let (next, (octets, (path_id, decoded))) = match run(route, rest) {
                Ok(found) => found,
                Err(e) => {
                    self.faults.note(place.attribute, Condition::Routes, place.octets, e.what)?;
                    break;
                }
            };
            match decoded {
                Ok((nlri, body)) => routes.push(Route { nlri, path_id, body }),
                Err(Flaw { key: Some(nlri), what }) => {
                    self.faults.note(place.attribute, Condition::Route, octets, what)?;
                    broken.push(Route { nlri, path_id, body: N::Body::default() });
                }
                Err(Flaw { key: None, what }) => {
                    self.faults.note(place.attribute, N::KEYLESS, octets, what)?;
                }
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
