//! What the parsers of this module are made of: nom's combinators with an error of our own.
//!
//! All of them look at complete input: framing has seen to it that a message is whole. (nom's generic
//! `parse` asks for more where input ends, `length_data` with it; hence [`run`], [`sized_u8`], [`sized_u16`].)
//! An error points into the input instead of counting, so that a nested parser needs no idea of where in the
//! message it is.

use std::net::{Ipv4Addr, Ipv6Addr};

use nom::Parser;
use nom::bytes::complete::take;
use nom::error::{ErrorKind, ParseError};
use nom::number::complete::{be_u8, be_u16};

/// What a parser gives: the rest of the input and a value, or where and why not.
pub(super) type Parsed<'a, T> = nom::IResult<&'a [u8], T, Malformed<'a>>;

/// What is wrong with an input, and the input from there on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed<'a> {
    pub(super) at: &'a [u8],
    pub(super) what: &'static str,
}

impl<'a> ParseError<&'a [u8]> for Malformed<'a> {
    fn from_error_kind(at: &'a [u8], kind: ErrorKind) -> Self {
        let what = match kind {
            ErrorKind::Eof if !at.is_empty() => "octets left over",
            _ => "ends too early",
        };
        Malformed { at, what }
    }

    fn append(_at: &'a [u8], _kind: ErrorKind, first: Self) -> Self {
        first
    }
}

/// A parser's refusal.
pub(super) fn fail<'a, T>(at: &'a [u8], what: &'static str) -> Parsed<'a, T> {
    Err(nom::Err::Error(Malformed { at, what }))
}

/// Runs a parser. Not [`nom::Finish`], which panics where a parser asks for more input.
pub(super) fn run<'a, T>(
    mut parser: impl Parser<&'a [u8], Output = T, Error = Malformed<'a>>,
    input: &'a [u8],
) -> Result<(&'a [u8], T), Malformed<'a>> {
    parser.parse_complete(input).map_err(|error| match error {
        nom::Err::Error(e) | nom::Err::Failure(e) => e,
        nom::Err::Incomplete(_) => Malformed { at: input, what: "ends too early" },
    })
}

/// Runs a parser over an input that it has to use up.
pub(super) fn whole<'a, T>(
    parser: impl Parser<&'a [u8], Output = T, Error = Malformed<'a>>,
    input: &'a [u8],
) -> Result<T, Malformed<'a>> {
    run(nom::combinator::all_consuming(parser), input).map(|(_, value)| value)
}

/// What stands behind its length in one octet.
pub(super) fn sized_u8(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (rest, length) = be_u8(input)?;
    take(length)(rest)
}

/// What stands behind its length in two octets.
pub(super) fn sized_u16(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (rest, length) = be_u16(input)?;
    take(length)(rest)
}

/// One of several things in a list whose extent is sound, so that the others can be read, and whose content
/// is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flaw<K> {
    /// Its identity, where that much could be read.
    pub(super) key: Option<K>,
    pub(super) what: &'static str,
}

/// The next `N` octets.
pub(super) fn octets<const N: usize>(input: &[u8]) -> Parsed<'_, [u8; N]> {
    match input.split_first_chunk() {
        Some((head, rest)) => Ok((rest, *head)),
        None => fail(input, "ends too early"),
    }
}

/// An IPv4 address.
pub(super) fn ipv4(input: &[u8]) -> Parsed<'_, Ipv4Addr> {
    octets.map(|o: [u8; 4]| Ipv4Addr::from(o)).parse(input)
}

/// An IPv6 address.
pub(super) fn ipv6(input: &[u8]) -> Parsed<'_, Ipv6Addr> {
    octets.map(|o: [u8; 16]| Ipv6Addr::from(o)).parse(input)
}

/// Where `part` begins within the message whose body is `body`, in octets from the header's first.
pub(super) fn offset_in(body: &[u8], part: &[u8]) -> u16 {
    let within = part.as_ptr().addr().wrapping_sub(body.as_ptr().addr()).min(body.len());
    u16::try_from(super::header::HEADER_LEN + within).unwrap_or(u16::MAX)
}
