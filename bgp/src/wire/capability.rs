//! Capabilities (RFC 5492): what a speaker can do, said in its OPEN.
//!
//! ```text
//! octets  1     1       length
//!         code  length  value
//! ```

use bytes::{BufMut, BytesMut};
use nom::Parser;
use nom::combinator::map_opt;
use nom::multi::many0;
use nom::number::complete::{be_u8, be_u16, be_u24, be_u32};

use crate::types::{Afi, Asn, BgpRole, Safi};

use super::emit::{cut, with_u8_length};
use super::parse::{Malformed, Parsed, octets, run, sized_u8, whole};

/// One capability. Families stay numbers here: those not spoken are kept and shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capability {
    /// 1, multiprotocol (RFC 4760).
    Multiprotocol(Afi, Safi),
    /// 2, route refresh (RFC 2918).
    RouteRefresh,
    /// 5, extended next hop (RFC 8950): families, each with the family that its next hop may be of.
    ExtendedNextHop(Vec<(Afi, Safi, Afi)>),
    /// 6, messages beyond 4096 octets (RFC 8654).
    ExtendedMessage,
    /// 9, what the sender is to its neighbour (RFC 9234).
    Role(BgpRole),
    /// 64, graceful restart (RFC 4724, RFC 8538).
    GracefulRestart {
        /// R: the sender has restarted.
        restarting: bool,
        /// N: a NOTIFICATION is to be survived too.
        notification: bool,
        /// Seconds that the sender needs to come back, 0 to 4095.
        time: u16,
        /// The families it keeps, each with whether forwarding state was preserved.
        families: Vec<(Afi, Safi, bool)>,
    },
    /// 65, four-octet AS numbers (RFC 6793).
    FourOctetAs(Asn),
    /// 71, long-lived graceful restart (RFC 9494). Means something only beside `GracefulRestart`.
    LongLivedGracefulRestart(Vec<LongLivedFamily>),
    /// 69, ADD-PATH (RFC 7911).
    AddPath(Vec<(Afi, Safi, AddPathMode)>),
    /// 70, a route refresh has marks at its beginning and end (RFC 7313).
    EnhancedRouteRefresh,
    /// 73, what the sender is called (draft-walton-bgp-hostname-capability). For people only.
    Fqdn {
        /// Its host name.
        host: String,
        /// Its domain; may be empty.
        domain: String,
    },
    /// 75, what runs there (draft-abraitis-bgp-version-capability). For people only.
    SoftwareVersion(String),
    /// Anything else, kept to be shown: a code without a name here, or a value that its code cannot have.
    Unknown {
        /// Its code.
        code: u8,
        /// Its value.
        value: Vec<u8>,
    },
}

/// A family that its sender keeps for long while a peer is away (RFC 9494 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongLivedFamily {
    /// The family's first number.
    pub afi: Afi,
    /// And its second.
    pub safi: Safi,
    /// F: the sender's forwarding state was preserved.
    pub preserved: bool,
    /// Seconds that its routes may be kept beyond the restart time, 24 bits.
    pub stale_time: u32,
}

/// The direction that an ADD-PATH capability offers for a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddPathMode {
    /// 1: can receive several paths.
    Receive = 1,
    /// 2: can send several paths.
    Send = 2,
    /// 3: both.
    Both = 3,
}

mod code {
    pub(super) const MULTIPROTOCOL: u8 = 1;
    pub(super) const ROUTE_REFRESH: u8 = 2;
    pub(super) const EXTENDED_NEXT_HOP: u8 = 5;
    pub(super) const EXTENDED_MESSAGE: u8 = 6;
    pub(super) const ROLE: u8 = 9;
    pub(super) const GRACEFUL_RESTART: u8 = 64;
    pub(super) const FOUR_OCTET_AS: u8 = 65;
    pub(super) const ADD_PATH: u8 = 69;
    pub(super) const ENHANCED_ROUTE_REFRESH: u8 = 70;
    pub(super) const FQDN: u8 = 73;
    pub(super) const SOFTWARE_VERSION: u8 = 75;
    pub(super) const LONG_LIVED_GRACEFUL_RESTART: u8 = 71;
}

impl Capability {
    /// Its code (IANA).
    pub fn code(&self) -> u8 {
        match self {
            Capability::Multiprotocol(..) => code::MULTIPROTOCOL,
            Capability::RouteRefresh => code::ROUTE_REFRESH,
            Capability::ExtendedNextHop(_) => code::EXTENDED_NEXT_HOP,
            Capability::ExtendedMessage => code::EXTENDED_MESSAGE,
            Capability::Role(_) => code::ROLE,
            Capability::GracefulRestart { .. } => code::GRACEFUL_RESTART,
            Capability::FourOctetAs(_) => code::FOUR_OCTET_AS,
            Capability::AddPath(_) => code::ADD_PATH,
            Capability::EnhancedRouteRefresh => code::ENHANCED_ROUTE_REFRESH,
            Capability::Fqdn { .. } => code::FQDN,
            Capability::SoftwareVersion(_) => code::SOFTWARE_VERSION,
            Capability::LongLivedGracefulRestart(_) => code::LONG_LIVED_GRACEFUL_RESTART,
            Capability::Unknown { code, .. } => *code,
        }
    }

    /// The capabilities that stand one behind the other in `octets`, as in the data of a NOTIFICATION (RFC 5492
    /// section 5), up to where they make no sense.
    pub fn list(octets: &[u8]) -> Vec<Capability> {
        run(many0(Capability::parse), octets).map(|(_, list)| list).unwrap_or_default()
    }

    /// Capabilities one behind the other.
    pub fn octets(list: &[Capability]) -> Vec<u8> {
        let mut out = BytesMut::new();
        list.iter().for_each(|capability| capability.emit(&mut out));
        out.to_vec()
    }

    /// One capability. A value that its code cannot have makes the capability one that is not understood:
    /// RFC 5492 section 3 lets a speaker ignore those.
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Capability> {
        let (rest, (code, value)) = (be_u8, sized_u8).parse(input)?;
        let capability =
            known(code, value).unwrap_or_else(|_| Capability::Unknown { code, value: value.to_vec() });
        Ok((rest, capability))
    }

    pub(super) fn emit(&self, out: &mut BytesMut) {
        out.put_u8(self.code());
        with_u8_length(out, |out| self.emit_value(out));
    }

    fn emit_value(&self, out: &mut BytesMut) {
        match self {
            Capability::RouteRefresh | Capability::ExtendedMessage | Capability::EnhancedRouteRefresh => {}
            Capability::Multiprotocol(afi, safi) => {
                out.put_u16(afi.0);
                out.put_slice(&[0, safi.0]);
            }
            Capability::GracefulRestart { restarting, notification, time, families } => {
                let flags = u16::from(*restarting) << 15 | u16::from(*notification) << 14;
                out.put_u16(flags | time & GR_TIME);
                for (afi, safi, preserved) in families {
                    put_family(out, *afi, *safi, u8::from(*preserved) << 7);
                }
            }
            Capability::ExtendedNextHop(families) => {
                for (afi, safi, next_hop) in families {
                    [afi.0, safi.0.into(), next_hop.0].into_iter().for_each(|field| out.put_u16(field));
                }
            }
            Capability::Role(role) => out.put_u8(*role as u8),
            Capability::Fqdn { host, domain } => [host, domain].into_iter().for_each(|t| put_text(out, t)),
            Capability::SoftwareVersion(version) => put_text(out, version),
            Capability::FourOctetAs(asn) => out.put_u32(asn.0),
            Capability::AddPath(families) => {
                families.iter().for_each(|(afi, safi, mode)| put_family(out, *afi, *safi, *mode as u8));
            }
            Capability::LongLivedGracefulRestart(families) => {
                for family in families {
                    put_family(out, family.afi, family.safi, u8::from(family.preserved) << 7);
                    out.put_uint(u64::from(family.stale_time.min(MAX_STALE_TIME)), 3);
                }
            }
            Capability::Unknown { value, .. } => out.put_slice(value),
        }
    }
}

/// How long a text may be so that two of them, each with its length, fit one capability.
const MAX_TEXT: usize = 126;

/// Twelve bits of seconds (RFC 4724 section 3).
const GR_TIME: u16 = 0x0fff;

/// Twenty-four bits of seconds (RFC 9494 section 3.1).
pub const MAX_STALE_TIME: u32 = 0x00ff_ffff;

fn known(code: u8, value: &[u8]) -> Result<Capability, Malformed<'_>> {
    match code {
        code::MULTIPROTOCOL => whole(multiprotocol, value),
        code::ROUTE_REFRESH if value.is_empty() => Ok(Capability::RouteRefresh),
        code::EXTENDED_MESSAGE if value.is_empty() => Ok(Capability::ExtendedMessage),
        code::GRACEFUL_RESTART => whole(graceful_restart, value),
        code::FOUR_OCTET_AS => whole(be_u32.map(|asn| Capability::FourOctetAs(Asn(asn))), value),
        code::ADD_PATH => whole(many0(add_path).map(Capability::AddPath), value),
        code::EXTENDED_NEXT_HOP => whole(many0(extended_next_hop).map(Capability::ExtendedNextHop), value),
        code::ROLE => whole(map_opt(be_u8, BgpRole::new).map(Capability::Role), value),
        code::ENHANCED_ROUTE_REFRESH if value.is_empty() => Ok(Capability::EnhancedRouteRefresh),
        code::FQDN => whole((text, text).map(|(host, domain)| Capability::Fqdn { host, domain }), value),
        code::SOFTWARE_VERSION => whole(text.map(Capability::SoftwareVersion), value),
        code::LONG_LIVED_GRACEFUL_RESTART => {
            whole(many0(long_lived).map(Capability::LongLivedGracefulRestart), value)
        }
        _ => Err(Malformed { at: value, what: "not understood" }),
    }
}

fn multiprotocol(input: &[u8]) -> Parsed<'_, Capability> {
    let fields = (be_u16, be_u8, be_u8);
    fields.map(|(afi, _reserved, safi)| Capability::Multiprotocol(Afi(afi), Safi(safi))).parse(input)
}

fn graceful_restart(input: &[u8]) -> Parsed<'_, Capability> {
    let (rest, (head, families)) =
        (be_u16, many0(family.map(|(afi, safi, flags)| (afi, safi, flags & 0x80 != 0)))).parse(input)?;
    let (restarting, notification) = (head & 0x8000 != 0, head & 0x4000 != 0);
    Ok((rest, Capability::GracefulRestart { restarting, notification, time: head & GR_TIME, families }))
}

fn long_lived(input: &[u8]) -> Parsed<'_, LongLivedFamily> {
    let fields = (family, be_u24);
    let long_lived = |((afi, safi, flags), stale_time)| LongLivedFamily {
        afi,
        safi,
        preserved: flags & 0x80 != 0,
        stale_time,
    };
    fields.map(long_lived).parse(input)
}

/// RFC 7911 section 4: a capability with another mode is to be ignored.
fn add_path(input: &[u8]) -> Parsed<'_, (Afi, Safi, AddPathMode)> {
    let mode = |(afi, safi, mode)| {
        Some((
            afi,
            safi,
            match mode {
                1 => AddPathMode::Receive,
                2 => AddPathMode::Send,
                3 => AddPathMode::Both,
                _ => return None,
            },
        ))
    };
    map_opt(family, mode).parse(input)
}

/// RFC 8950 section 4: here a SAFI takes two octets.
fn extended_next_hop(input: &[u8]) -> Parsed<'_, (Afi, Safi, Afi)> {
    let triple = |(afi, safi, next_hop)| Some((Afi(afi), Safi(u8::try_from(safi).ok()?), Afi(next_hop)));
    map_opt((be_u16, be_u16, be_u16), triple).parse(input)
}

/// UTF-8 behind its length in one octet.
fn text(input: &[u8]) -> Parsed<'_, String> {
    map_opt(sized_u8, |octets: &[u8]| String::from_utf8(octets.to_vec()).ok()).parse(input)
}

/// A text behind its length, cut between characters where it is too long for that.
fn put_text(out: &mut BytesMut, text: &str) {
    with_u8_length(out, |out| out.put_slice(cut(text, MAX_TEXT).as_bytes()));
}

fn family(input: &[u8]) -> Parsed<'_, (Afi, Safi, u8)> {
    octets.map(|[a, b, safi, last]| (Afi(u16::from_be_bytes([a, b])), Safi(safi), last)).parse(input)
}

fn put_family(out: &mut BytesMut, afi: Afi, safi: Safi, last: u8) {
    out.put_u16(afi.0);
    out.put_slice(&[safi.0, last]);
}
