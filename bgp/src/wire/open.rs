//! OPEN (RFC 4271 section 4.2).
//!
//! ```text
//! octets  1        2      2          4               1       length
//!         version  my AS  hold time  BGP identifier  length  optional parameters ...
//!
//! parameter:  type 1, length 1, value      extended (RFC 9072): 255, length 2, then type 1, length 2, value
//! ```

use bytes::{BufMut, BytesMut};
use nom::combinator::{rest, verify};
use nom::multi::many0;
use nom::number::complete::{be_u8, be_u16};

use crate::types::{Asn, RouterId};

use super::emit::{with_u8_length, with_u16_length};
use super::header::{self, MAX_MESSAGE, MessageType};
use super::parse::{Malformed, Parsed, ipv4, offset_in, sized_u8, sized_u16, whole};
use super::{Capability, WireError};

/// The first message of a session: who speaks and what he can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The sender's AS: from the four-octet capability where it is there (RFC 6793).
    pub asn: Asn,
    /// The proposed hold time in seconds: 0, or 3 and more.
    pub hold_time: u16,
    /// The sender's BGP identifier.
    pub router_id: RouterId,
    /// Capabilities (RFC 5492), in the order in which they came, duplicates included.
    pub capabilities: Vec<Capability>,
}

/// The only version there is.
const VERSION: u8 = 4;
/// The optional parameter that carries capabilities (RFC 5492 section 4).
const CAPABILITIES: u8 = 2;
/// The mark of extended optional parameters (RFC 9072 section 2).
const EXTENDED: u8 = 255;

impl Open {
    /// Reads a body and makes every check of RFC 4271 section 6.2 that needs no configuration. Whether the
    /// AS and the identifier are those of the peer is for the session.
    pub fn parse(body: &[u8]) -> Result<Open, WireError> {
        let bad = |subcode, at, what| WireError::new(2, subcode, offset_in(body, at), what);
        let fields = (be_u8, be_u16, be_u16, ipv4, rest);
        let (version, asn, hold_time, id, parameters) =
            whole(fields, body).map_err(|e| bad(0, e.at, e.what))?;
        if version != VERSION {
            let supported = u16::from(VERSION).to_be_bytes();
            return Err(bad(1, body, "not BGP version 4").with_data(&supported));
        }
        let capabilities = capabilities(parameters).map_err(|e| bad(e.subcode, e.at, e.what))?;
        let open = Open {
            asn: four_octet_as(&capabilities).unwrap_or(Asn(asn.into())),
            hold_time,
            router_id: RouterId(id),
            capabilities,
        };
        open.check().map_err(|(subcode, what)| bad(subcode, body, what))?;
        Ok(open)
    }

    /// What is wrong with its fields, with the subcode of RFC 4271 section 6.2 (RFC 7607 for AS 0).
    fn check(&self) -> Result<(), (u8, &'static str)> {
        if self.asn == Asn(0) {
            return Err((2, "AS 0"));
        }
        if self.router_id.0.is_unspecified() {
            return Err((3, "BGP identifier 0.0.0.0"));
        }
        if matches!(self.hold_time, 1 | 2) {
            return Err((6, "a hold time of less than three seconds"));
        }
        Ok(())
    }

    /// Writes the whole message. Capabilities that would make it longer than an OPEN may be are left out.
    pub fn emit(&self, out: &mut BytesMut) {
        let capabilities = self.encoded_capabilities();
        header::emit(out, MessageType::Open, |out| {
            out.put_u8(VERSION);
            out.put_u16(self.asn.as_two_octets());
            out.put_u16(self.hold_time);
            out.put_slice(&self.router_id.0.octets());
            put_parameters(out, &capabilities);
        });
    }

    fn encoded_capabilities(&self) -> BytesMut {
        // Header, fixed fields, the mark of extended parameters, and one parameter's type and length.
        const ROOM: usize = MAX_MESSAGE as usize - 29 - 3 - 3;
        let mut all = BytesMut::new();
        for capability in &self.capabilities {
            let before = all.len();
            capability.emit(&mut all);
            let value = all.len() - before - 2;
            if value > usize::from(u8::MAX) || all.len() > ROOM {
                all.truncate(before);
            }
        }
        all
    }
}

/// All capabilities in one parameter, in the extended form only where the plain one is too short for them.
fn put_parameters(out: &mut BytesMut, capabilities: &[u8]) {
    if capabilities.is_empty() {
        out.put_u8(0);
    } else if capabilities.len() + 2 < usize::from(EXTENDED) {
        with_u8_length(out, |out| {
            out.put_u8(CAPABILITIES);
            with_u8_length(out, |out| out.put_slice(capabilities));
        });
    } else {
        out.put_slice(&[EXTENDED, EXTENDED]);
        with_u16_length(out, |out| {
            out.put_u8(CAPABILITIES);
            with_u16_length(out, |out| out.put_slice(capabilities));
        });
    }
}

fn four_octet_as(capabilities: &[Capability]) -> Option<Asn> {
    capabilities.iter().find_map(|capability| match capability {
        Capability::FourOctetAs(asn) => Some(*asn),
        _ => None,
    })
}

/// What is wrong with the optional parameters.
struct BadParameter<'a> {
    subcode: u8,
    at: &'a [u8],
    what: &'static str,
}

impl<'a> From<Malformed<'a>> for BadParameter<'a> {
    fn from(e: Malformed<'a>) -> Self {
        BadParameter { subcode: 0, at: e.at, what: e.what }
    }
}

/// Every capability of every parameter. `input` begins with the length of the parameters.
fn capabilities(input: &[u8]) -> Result<Vec<Capability>, BadParameter<'_>> {
    let mut all = Vec::new();
    for (kind, value) in parameters(input)? {
        if kind != CAPABILITIES {
            return Err(BadParameter { subcode: 4, at: value, what: "an optional parameter not supported" });
        }
        all.append(&mut whole(many0(Capability::parse), value)?);
    }
    Ok(all)
}

type Parameters<'a> = Vec<(u8, &'a [u8])>;

fn parameters(input: &[u8]) -> Result<Parameters<'_>, Malformed<'_>> {
    match input {
        // RFC 9072 section 2: any length but zero may stand before the mark.
        [length, EXTENDED, extended @ ..] if *length != 0 => {
            let value = whole(sized_u16, extended)?;
            whole(many0((be_u8, sized_u16)), value)
        }
        _ => whole(plain_parameters, input),
    }
}

fn plain_parameters(input: &[u8]) -> Parsed<'_, Parameters<'_>> {
    let (rest, value) = sized_u8(input)?;
    let one = verify((be_u8, sized_u8), |(kind, _): &(u8, &[u8])| *kind != EXTENDED);
    match whole(many0(one), value) {
        Ok(parameters) => Ok((rest, parameters)),
        Err(e) => Err(nom::Err::Error(e)),
    }
}
