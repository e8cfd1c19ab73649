//! AS_PATH (RFC 4271 section 4.3, RFC 6793).
//!
//! ```text
//! octets  1     1      4 (or 2) each
//!         kind  count  AS numbers ...    and the next segment, to the end
//! ```

use std::fmt;
use std::str::FromStr;

use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::be_u8;

use crate::types::{Asn, ParseError};

use super::parse::{Malformed, Parsed, fail, run};

/// An AS_PATH in its four-octet wire form: segments of type, count and AS numbers.
///
/// Invariant: the octets are well-formed (checked by the parser, kept by every constructor), so reading
/// cannot fail, equality is equality of octets, and emitting is a copy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AsPath {
    octets: Box<[u8]>,
}

/// What a segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentKind {
    /// 1: an unordered set; counts as one in the decision.
    Set = 1,
    /// 2: a sequence.
    Sequence = 2,
    /// 3: a sequence within a confederation (RFC 5065); not counted.
    ConfedSequence = 3,
    /// 4: a set within a confederation; not counted.
    ConfedSet = 4,
}

impl SegmentKind {
    fn new(number: u8) -> Option<SegmentKind> {
        Some(match number {
            1 => SegmentKind::Set,
            2 => SegmentKind::Sequence,
            3 => SegmentKind::ConfedSequence,
            4 => SegmentKind::ConfedSet,
            _ => return None,
        })
    }

    /// Whether it stays within a confederation.
    pub fn is_confed(self) -> bool {
        matches!(self, SegmentKind::ConfedSequence | SegmentKind::ConfedSet)
    }

    /// What a segment of `count` numbers adds to the length of a path (RFC 4271 section 9.1.2.2, RFC 5065
    /// section 5.3).
    fn hops(self, count: usize) -> usize {
        match self {
            SegmentKind::Sequence => count,
            SegmentKind::Set => 1,
            SegmentKind::ConfedSequence | SegmentKind::ConfedSet => 0,
        }
    }
}

/// How many octets an AS number takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Two,
    Four,
}

impl Width {
    pub(super) fn new(as4: bool) -> Width {
        if as4 { Width::Four } else { Width::Two }
    }

    fn octets(self) -> usize {
        match self {
            Width::Two => 2,
            Width::Four => 4,
        }
    }
}

impl AsPath {
    /// A path of one sequence (of as many as are needed beyond 255 numbers).
    pub fn sequence(asns: impl IntoIterator<Item = Asn>) -> AsPath {
        let mut builder = Builder::default();
        asns.into_iter().for_each(|asn| builder.push(SegmentKind::Sequence, asn));
        builder.finish()
    }

    /// The octets, four-octet form.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Whether there is no segment: the route is of this AS.
    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// The segments in order, each with its AS numbers.
    pub fn segments(&self) -> impl Iterator<Item = (SegmentKind, impl Iterator<Item = Asn> + '_)> + '_ {
        Segments { rest: &self.octets }.map(|(kind, octets)| (kind, numbers(octets)))
    }

    /// The length that the decision process compares (RFC 4271 section 9.1.2.2, RFC 5065 section 5.3).
    pub fn hops(&self) -> usize {
        Segments { rest: &self.octets }.map(|(kind, octets)| kind.hops(octets.len() / 4)).sum()
    }

    /// Every AS number named, in order: for loop checks.
    pub fn asns(&self) -> impl Iterator<Item = Asn> + '_ {
        self.segments().flat_map(|(_, asns)| asns)
    }

    /// Whether a set, plain or of a confederation, is among the segments.
    pub fn has_sets(&self) -> bool {
        let is_set = |kind| matches!(kind, SegmentKind::Set | SegmentKind::ConfedSet);
        Segments { rest: &self.octets }.any(|(kind, _)| is_set(kind))
    }

    /// The AS it came from last: the first number of a leading sequence, for MED comparison.
    pub fn neighbor(&self) -> Option<Asn> {
        let (kind, mut asns) = self.segments().find(|(kind, _)| !kind.is_confed())?;
        asns.next().filter(|_| kind == SegmentKind::Sequence)
    }

    /// With `asn` put in front `times` times.
    #[must_use]
    pub fn prepend(&self, asn: Asn, times: u8) -> AsPath {
        if times == 0 {
            return self.clone();
        }
        let front = std::iter::repeat_n(asn.0.to_be_bytes(), usize::from(times)).flatten();
        // RFC 4271 section 5.1.2: into the leading sequence while it has room, else a new one.
        let (count, rest) = match &*self.octets {
            [2, count, rest @ ..] if count.checked_add(times).is_some() => (count + times, rest),
            all => (times, all),
        };
        let head = [SegmentKind::Sequence as u8, count];
        AsPath { octets: head.into_iter().chain(front).chain(rest.iter().copied()).collect() }
    }

    /// Whether a number does not fit two octets.
    pub(super) fn needs_four_octets(&self) -> bool {
        self.asns().any(|asn| u16::try_from(asn.0).is_err())
    }

    /// The value of AS_PATH for a speaker of two-octet AS numbers: the invariant's form with narrow numbers.
    pub(super) fn two_octet(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(self.octets.len());
        for (kind, octets) in (Segments { rest: &self.octets }) {
            value.extend([kind as u8, (octets.len() / 4) as u8]);
            numbers(octets).for_each(|asn| value.extend(asn.as_two_octets().to_be_bytes()));
        }
        value
    }

    /// The value of AS4_PATH: confederations are not told about (RFC 6793 section 3).
    pub(super) fn without_confed(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(self.octets.len());
        for (kind, octets) in (Segments { rest: &self.octets }).filter(|(kind, _)| !kind.is_confed()) {
            value.extend([kind as u8, (octets.len() / 4) as u8]);
            value.extend_from_slice(octets);
        }
        value
    }

    /// Reads the value of AS_PATH or AS4_PATH. What RFC 7606 section 7.2 and RFC 7607 call malformed is
    /// refused: an unknown kind, a count of zero, an overrun or leftover octet, AS 0.
    pub(super) fn parse(value: &[u8], width: Width) -> Result<AsPath, Malformed<'_>> {
        let mut rest = value;
        while !rest.is_empty() {
            (rest, ()) = run(|input| segment(input, width), rest)?;
        }
        Ok(AsPath { octets: if width == Width::Four { value.into() } else { widened(value) } })
    }

    /// The path that an old speaker's AS_PATH (this) and AS4_PATH tell together (RFC 6793 section 4.2.3).
    pub(super) fn merge(&self, as4_path: &AsPath) -> AsPath {
        let (here, there) = (self.hops(), as4_path.hops());
        if here < there {
            return self.clone();
        }
        let mut missing = here - there;
        let mut builder = Builder::default();
        for (kind, asns) in self.segments() {
            if missing == 0 && !kind.is_confed() {
                break;
            }
            let wanted = if kind == SegmentKind::Sequence { missing } else { usize::MAX };
            let before = builder.hops();
            builder.segment(kind, asns.take(wanted));
            missing -= (builder.hops() - before).min(missing);
        }
        for (kind, asns) in as4_path.segments().filter(|(kind, _)| !kind.is_confed()) {
            builder.segment(kind, asns);
        }
        builder.finish()
    }
}

/// Steps over one segment, checking it.
fn segment(input: &[u8], width: Width) -> Parsed<'_, ()> {
    let (rest, (kind, count)) = (be_u8, be_u8).parse(input)?;
    if SegmentKind::new(kind).is_none() {
        return fail(input, "unknown segment type");
    }
    if count == 0 {
        return fail(input, "empty segment");
    }
    let (rest, octets) = take(usize::from(count) * width.octets())(rest)?;
    if octets.chunks_exact(width.octets()).any(|asn| asn.iter().all(|octet| *octet == 0)) {
        return fail(input, "AS 0");
    }
    Ok((rest, ()))
}

/// The four-octet form of a well-formed two-octet path.
fn widened(mut value: &[u8]) -> Box<[u8]> {
    let mut octets = Vec::with_capacity(value.len() * 2);
    while let [kind, count, rest @ ..] = value {
        let (numbers, next) = rest.split_at_checked(usize::from(*count) * 2).unwrap_or_default();
        octets.extend([*kind, *count]);
        octets.extend(numbers.chunks_exact(2).flat_map(|asn| [&[0, 0], asn].concat()));
        value = next;
    }
    octets.into()
}

/// Walks well-formed four-octet segments.
struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Segments<'a> {
    type Item = (SegmentKind, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let [kind, count, rest @ ..] = self.rest else { return None };
        let (octets, rest) = rest.split_at_checked(usize::from(*count) * 4)?;
        self.rest = rest;
        Some((SegmentKind::new(*kind)?, octets))
    }
}

fn numbers(octets: &[u8]) -> impl Iterator<Item = Asn> + '_ {
    octets.as_chunks().0.iter().map(|asn| Asn(u32::from_be_bytes(*asn)))
}

/// Makes paths that keep the invariant: a number goes into the last segment if that is of its kind and has
/// room, else a new one is begun.
#[derive(Default)]
struct Builder {
    octets: Vec<u8>,
    /// Where the segment begins that may grow.
    open: Option<usize>,
}

impl Builder {
    fn push(&mut self, kind: SegmentKind, asn: Asn) {
        let room = self.open.and_then(|at| self.octets.get_mut(at..)).and_then(|segment| match segment {
            [k, count @ ..=254, ..] if *k == kind as u8 => Some(count),
            _ => None,
        });
        match room {
            Some(count) => *count += 1,
            None => {
                self.open = Some(self.octets.len());
                self.octets.extend([kind as u8, 1]);
            }
        }
        self.octets.extend(asn.0.to_be_bytes());
    }

    /// Adds a segment; only sequences grow together, since two sets are two hops.
    fn segment(&mut self, kind: SegmentKind, asns: impl Iterator<Item = Asn>) {
        if kind != SegmentKind::Sequence {
            self.open = None;
        }
        asns.for_each(|asn| self.push(kind, asn));
    }

    fn hops(&self) -> usize {
        Segments { rest: &self.octets }.map(|(kind, octets)| kind.hops(octets.len() / 4)).sum()
    }

    fn finish(self) -> AsPath {
        AsPath { octets: self.octets.into() }
    }
}

/// `65001 65002 {65003,65004}`; segments within a confederation as `(65001 65002)` and `[65003,65004]`.
impl fmt::Display for AsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (kind, asns)) in self.segments().enumerate() {
            let (open, between, close) = match kind {
                SegmentKind::Sequence => ("", " ", ""),
                SegmentKind::Set => ("{", ",", "}"),
                SegmentKind::ConfedSequence => ("(", " ", ")"),
                SegmentKind::ConfedSet => ("[", ",", "]"),
            };
            f.write_str(if i > 0 { " " } else { "" })?;
            f.write_str(open)?;
            for (i, asn) in asns.enumerate() {
                write!(f, "{}{asn}", if i > 0 { between } else { "" })?;
            }
            f.write_str(close)?;
        }
        Ok(())
    }
}

/// Reads what `Display` writes. Sequences that follow each other become one.
impl FromStr for AsPath {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let err = ParseError { expected: "an AS path such as 65001 65002 {65003,65004}" };
        let mut builder = Builder::default();
        let mut rest = s.trim();
        while !rest.is_empty() {
            let (kind, asns, after) = text_segment(rest).ok_or(err)?;
            builder.segment(kind, asns.into_iter());
            rest = after.trim_start();
        }
        Ok(builder.finish())
    }
}

/// The first segment of a text (of a sequence, only its first number) and what stands behind it.
fn text_segment(text: &str) -> Option<(SegmentKind, Vec<Asn>, &str)> {
    let (kind, inner, close) = match text.split_at_checked(1)? {
        ("{", inner) => (SegmentKind::Set, inner, '}'),
        ("(", inner) => (SegmentKind::ConfedSequence, inner, ')'),
        ("[", inner) => (SegmentKind::ConfedSet, inner, ']'),
        _ => (SegmentKind::Sequence, text, ' '),
    };
    let (inner, after) = match inner.split_once(close) {
        None if kind == SegmentKind::Sequence => (inner, ""),
        parts => parts?,
    };
    let numbers = inner.split([' ', ',']).filter(|part| !part.is_empty());
    let asns: Option<Vec<Asn>> = numbers.map(|part| part.parse().ok().filter(|asn| *asn != Asn(0))).collect();
    Some((kind, asns.filter(|asns| !asns.is_empty())?, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> AsPath {
        text.parse().unwrap()
    }

    #[test]
    fn text_leads_back() {
        for text in ["", "65001", "65001 4200000000 {65002,65003}", "(1 2) [3,4] 5 {6} {7} 8"] {
            assert_eq!(path(text).to_string(), text);
        }
        for text in ["{}", "{1", "65001 x", "0", "1 -2"] {
            assert!(text.parse::<AsPath>().is_err(), "{text}");
        }
    }

    #[test]
    fn hops() {
        for (text, hops) in [("", 0), ("1 2 3", 3), ("1 {2,3,4}", 2), ("(1 2) [3,4] 5", 1), ("{1} {2}", 2)] {
            assert_eq!(path(text).hops(), hops, "{text}");
        }
    }

    #[test]
    fn neighbor() {
        for (text, neighbor) in
            [("", None), ("7 8", Some(7)), ("{7} 8", None), ("(1) [2] 7", Some(7)), ("(1)", None)]
        {
            assert_eq!(path(text).neighbor(), neighbor.map(Asn), "{text}");
        }
    }

    #[test]
    fn prepending() {
        assert_eq!(path("1 2").prepend(Asn(9), 2).to_string(), "9 9 1 2");
        assert_eq!(path("{1,2}").prepend(Asn(9), 1).to_string(), "9 {1,2}");
        assert_eq!(path("").prepend(Asn(9), 1), path("9"));
        assert_eq!(path("1").prepend(Asn(9), 0), path("1"));
    }

    #[test]
    fn a_full_segment_is_not_prepended_to() {
        let full = AsPath::sequence((1..=255).map(Asn));
        assert_eq!(full.segments().count(), 1);
        let longer = full.prepend(Asn(9), 1);
        assert_eq!((longer.segments().count(), longer.hops()), (2, 256));
        assert_eq!(AsPath::parse(longer.octets(), Width::Four).as_ref(), Ok(&longer));
        let longest = AsPath::sequence((1..=1000).map(Asn)).prepend(Asn(9), 255);
        assert_eq!(longest.hops(), 1255);
        assert_eq!(AsPath::parse(longest.octets(), Width::Four).as_ref(), Ok(&longest));
    }

    #[test]
    fn numbers_in_order() {
        let asns: Vec<u32> = path("1 2 {3,4} 5").asns().map(|asn| asn.0).collect();
        assert_eq!(asns, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn narrow_and_wide() {
        let narrow = path("1 65535 {2,3}");
        assert_eq!(AsPath::parse(&narrow.two_octet(), Width::Two), Ok(narrow.clone()));
        assert!(!narrow.needs_four_octets() && path("1 {65536}").needs_four_octets());
    }
}
