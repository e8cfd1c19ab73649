//! Path attributes from octets, the RFC 7606 way: whatever is wrong, go on as long as the rest can be
//! trusted, so that the routes concerned are known.

use std::hash::Hash;
use std::net::Ipv4Addr;

use hashbrown::HashSet;
use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::consumed;
use nom::number::complete::{be_u8, be_u16, be_u32};

use crate::types::{Asn, FamilySet, RouterId};
use crate::wire::as_path::Width;
use crate::wire::error::Verdict;
use crate::wire::faults::Faults;
use crate::wire::parse::{Malformed, Parsed, ipv4, run, whole};
use crate::wire::verdicts::{Condition, Reaction, Rule};
use crate::wire::{AsPath, Community, ExtCommunity, LargeCommunity, PmsiTunnel, WireError};

use super::code::{self, EXTENDED_LENGTH, OPTIONAL, PARTIAL, TRANSITIVE};
use super::form::{Form, From, form};
use super::mp::{MpReach, MpUnreach};
use super::{Aggregator, Attrs, NextHop, Origin, UnknownAttr};

/// What a session's agreements say about reading attributes.
#[derive(Clone, Copy, Debug)]
pub(in crate::wire) struct Setting {
    /// AS numbers take four octets.
    pub(in crate::wire) as4: bool,
    /// The peer is in this AS.
    pub(in crate::wire) internal: bool,
    /// What was negotiated.
    pub(in crate::wire) families: FamilySet,
}

/// The attributes of an UPDATE, before anybody has asked whether they suffice.
#[derive(Debug)]
pub(in crate::wire) struct Found<'a> {
    /// What is to be shared by the routes. Its next hop means nothing yet.
    pub(in crate::wire) attrs: Attrs,
    /// NEXT_HOP, which holds for the routes in the NLRI field.
    pub(in crate::wire) next_hop: Option<FieldNextHop<'a>>,
    pub(in crate::wire) mp_reach: Option<MpReach<'a>>,
    pub(in crate::wire) mp_unreach: Option<MpUnreach<'a>>,
    /// Which attributes are there, malformed ones included.
    pub(in crate::wire) seen: Codes,
    as4_path: Option<AsPath>,
    as4_aggregator: Option<Aggregator>,
}

/// NEXT_HOP.
#[derive(Clone, Copy, Debug)]
pub(in crate::wire) struct FieldNextHop<'a> {
    pub(in crate::wire) address: Ipv4Addr,
    /// The whole attribute.
    pub(in crate::wire) octets: &'a [u8],
}

/// A set of attribute type codes.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::wire) struct Codes([u128; 2]);

impl Codes {
    pub(in crate::wire) fn contains(self, code: u8) -> bool {
        let [low, high] = self.0;
        let half = if code < 128 { low } else { high };
        half >> (code % 128) & 1 == 1
    }

    /// Whether there is any code but `code` in it.
    pub(in crate::wire) fn has_other_than(self, code: u8) -> bool {
        let mut others = self;
        *others.half(code) &= !(1 << (code % 128));
        others.0 != [0, 0]
    }

    /// Puts `code` in; says whether it is new.
    fn insert(&mut self, code: u8) -> bool {
        let new = !self.contains(code);
        *self.half(code) |= 1 << (code % 128);
        new
    }

    fn half(&mut self, code: u8) -> &mut u128 {
        let [low, high] = &mut self.0;
        if code < 128 { low } else { high }
    }
}

/// An attribute before anybody has looked into it.
#[derive(Clone, Copy)]
struct Raw<'a> {
    flags: u8,
    code: u8,
    value: &'a [u8],
    /// Header and value.
    octets: &'a [u8],
}

/// Why a value is not one that its attribute can have.
struct Refusal(&'static str);

/// Reads the attributes of an UPDATE. An error is one after which no route can be trusted; all others are
/// noted in `faults`.
pub(in crate::wire) fn attributes<'a>(
    mut input: &'a [u8],
    setting: Setting,
    faults: &mut Faults<'_>,
) -> Result<Found<'a>, WireError> {
    let mut found = Found::new();
    while !input.is_empty() {
        match run(attribute, input) {
            Ok((rest, raw)) => {
                found.take(raw, setting, faults)?;
                input = rest;
            }
            Err(_) => {
                found.overrun(input, faults)?;
                break;
            }
        }
    }
    found.merge_as4();
    Ok(found)
}

fn attribute(input: &[u8]) -> Parsed<'_, Raw<'_>> {
    let (rest, (octets, (flags, code, value))) = consumed(header_and_value).parse(input)?;
    Ok((rest, Raw { flags, code, value, octets }))
}

fn header_and_value(input: &[u8]) -> Parsed<'_, (u8, u8, &[u8])> {
    let (rest, (flags, code)) = (be_u8, be_u8).parse(input)?;
    let (rest, length) =
        if flags & EXTENDED_LENGTH != 0 { be_u16(rest)? } else { be_u8.map(u16::from).parse(rest)? };
    let (rest, value) = take(length)(rest)?;
    Ok((rest, (flags, code, value)))
}

impl<'a> Found<'a> {
    fn new() -> Found<'a> {
        Found {
            attrs: Attrs::new(NextHop::Ipv4(Ipv4Addr::UNSPECIFIED)),
            next_hop: None,
            mp_reach: None,
            mp_unreach: None,
            seen: Codes::default(),
            as4_path: None,
            as4_aggregator: None,
        }
    }

    /// Whether MP_UNREACH_NLRI is the only attribute, so that no route is announced.
    pub(in crate::wire) fn only_mp_unreach(&self) -> bool {
        !self.seen.has_other_than(code::MP_UNREACH_NLRI)
    }

    /// What is left is no whole attribute.
    fn overrun(&mut self, input: &[u8], faults: &mut Faults<'_>) -> Result<(), WireError> {
        let code = input.get(1).copied().unwrap_or_default();
        self.seen.insert(code);
        faults.note(code, Condition::Overrun, input, "an attribute overruns the attributes' length")
    }

    fn take(&mut self, raw: Raw<'a>, setting: Setting, faults: &mut Faults<'_>) -> Result<(), WireError> {
        let mut wrong = |condition, what| faults.note(raw.code, condition, raw.octets, what);
        if !self.seen.insert(raw.code) {
            return wrong(Condition::Repeated, "the attribute is there a second time");
        }
        let Some(form) = form(raw.code) else { return self.unknown(raw, faults) };
        if form.from == From::Internal && !setting.internal {
            return wrong(Condition::Sender, "not for external peers to send");
        }
        if form.from == From::TwoOctetSpeaker && setting.as4 {
            return wrong(Condition::Sender, "not between speakers of four-octet AS numbers");
        }
        if (raw.flags ^ form.flags) & (OPTIONAL | TRANSITIVE) != 0 {
            wrong(Condition::Flags, "wrong flags")?;
            if Rule::of(raw.code, Condition::Flags).reaction == Reaction::Keep(Verdict::Discard) {
                return Ok(());
            }
        }
        self.judge(raw, form, setting, faults)
    }

    /// Reads a value, if its length is right.
    fn judge(
        &mut self,
        raw: Raw<'a>,
        form: Form,
        setting: Setting,
        faults: &mut Faults<'_>,
    ) -> Result<(), WireError> {
        if !form.length.allows(raw.value.len(), setting.as4) {
            return faults.note(raw.code, Condition::Length, raw.octets, "wrong length");
        }
        match self.read(raw, setting) {
            Ok(()) => Ok(()),
            Err(Refusal(what)) => faults.note(raw.code, Condition::Value, raw.octets, what),
        }
    }

    fn read(&mut self, raw: Raw<'a>, setting: Setting) -> Result<(), Refusal> {
        let (value, attrs, width) = (raw.value, &mut self.attrs, Width::new(setting.as4));
        match raw.code {
            code::ORIGIN => attrs.origin = origin(value)?,
            code::AS_PATH => attrs.as_path = as_path(value, width, setting.internal)?,
            code::NEXT_HOP => {
                let address = whole(ipv4, value)?;
                self.next_hop = Some(FieldNextHop { address, octets: raw.octets });
            }
            code::MULTI_EXIT_DISC => attrs.med = Some(whole(be_u32, value)?),
            code::LOCAL_PREF => attrs.local_pref = Some(whole(be_u32, value)?),
            code::ATOMIC_AGGREGATE => attrs.atomic_aggregate = true,
            code::AGGREGATOR => attrs.aggregator = Some(aggregator(value, width)?),
            code::COMMUNITIES => attrs.communities = list(value, |o| Community(u32::from_be_bytes(o))),
            code::ORIGINATOR_ID => attrs.originator_id = Some(RouterId(whole(ipv4, value)?)),
            code::CLUSTER_LIST => attrs.cluster_list = list(value, |o: [u8; 4]| Ipv4Addr::from(o)),
            code::MP_REACH_NLRI => self.mp_reach = Some(MpReach::parse(value, raw.octets, setting.families)?),
            code::MP_UNREACH_NLRI => {
                self.mp_unreach = Some(MpUnreach::parse(value, raw.octets, setting.families)?);
            }
            code::EXTENDED_COMMUNITIES => attrs.ext_communities = list(value, ExtCommunity),
            code::AS4_PATH => self.as4_path = Some(as_path(value, Width::Four, true)?),
            code::AS4_AGGREGATOR => self.as4_aggregator = Some(aggregator(value, Width::Four)?),
            code::PMSI_TUNNEL => attrs.pmsi = Some(Box::new(PmsiTunnel::parse(value)?)),
            code::ONLY_TO_CUSTOMER => attrs.only_to_customer = Some(Asn(whole(be_u32, value)?)),
            // RFC 8092 section 3: a receiver takes out what is redundant.
            code::LARGE_COMMUNITY => {
                attrs.large_communities = distinct(list(value, LargeCommunity::from_octets));
            }
            _ => {}
        }
        Ok(())
    }

    /// RFC 4271 section 5: what is optional and transitive is passed on, what is optional only is dropped,
    /// what is neither should have been known.
    fn unknown(&mut self, raw: Raw<'a>, faults: &mut Faults<'_>) -> Result<(), WireError> {
        if raw.flags & OPTIONAL == 0 {
            return faults.note(raw.code, Condition::Unknown, raw.octets, "an unknown well-known attribute");
        }
        if raw.flags & TRANSITIVE != 0 {
            let flags = OPTIONAL | TRANSITIVE | PARTIAL;
            let attr = UnknownAttr { flags, kind: raw.code, value: raw.value.into() };
            let mut unknown = std::mem::take(&mut self.attrs.unknown).into_vec();
            unknown.insert(unknown.partition_point(|other| other.kind < attr.kind), attr);
            self.attrs.unknown = unknown.into();
        }
        Ok(())
    }

    /// Puts together what an old speaker had to send apart (RFC 6793 section 4.2.3).
    fn merge_as4(&mut self) {
        let (path, aggregator) = (self.as4_path.take(), self.as4_aggregator.take());
        if let (Some(old), Some(new)) = (self.attrs.aggregator, aggregator) {
            // Aggregated since by a speaker that did not know the new attributes: they tell of older times.
            if old.asn != Asn::TRANS {
                return;
            }
            self.attrs.aggregator = Some(new);
        }
        if let Some(path) = path {
            self.attrs.as_path = self.attrs.as_path.merge(&path);
        }
    }
}

impl std::convert::From<Malformed<'_>> for Refusal {
    fn from(e: Malformed<'_>) -> Self {
        Refusal(e.what)
    }
}

fn origin(value: &[u8]) -> Result<Origin, Refusal> {
    Origin::new(whole(be_u8, value)?).ok_or(Refusal("no such origin"))
}

/// Confederations end at the AS's border, and so do their segments (RFC 5065 section 4).
fn as_path(value: &[u8], width: Width, internal: bool) -> Result<AsPath, Refusal> {
    let path = AsPath::parse(value, width)?;
    if !internal && path.segments().any(|(kind, _)| kind.is_confed()) {
        return Err(Refusal("a confederation's segment from an external peer"));
    }
    Ok(path)
}

/// RFC 7607 section 2: AS 0 aggregates nothing.
fn aggregator(value: &[u8], width: Width) -> Result<Aggregator, Refusal> {
    let (asn, router_id) = match width {
        Width::Two => whole((be_u16.map(u32::from), ipv4), value)?,
        Width::Four => whole((be_u32, ipv4), value)?,
    };
    match asn {
        0 => Err(Refusal("AS 0")),
        _ => Ok(Aggregator { asn: Asn(asn), router_id }),
    }
}

/// A list of things of `N` octets; that the octets come out even was seen to before.
fn list<T, const N: usize>(value: &[u8], make: impl Fn([u8; N]) -> T) -> Box<[T]> {
    value.as_chunks().0.iter().map(|chunk| make(*chunk)).collect()
}

/// Without what is there a second time.
fn distinct<T: Copy + Eq + Hash>(list: Box<[T]>) -> Box<[T]> {
    if list.len() < 2 {
        return list;
    }
    let mut known = HashSet::with_capacity(list.len());
    list.into_iter().filter(|one| known.insert(*one)).collect()
}
