//! AS_PATH (RFC 4271 section 4.3, RFC 6793).

use crate::types::Asn;

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
    Set,
    /// 2: a sequence.
    Sequence,
    /// 3: a sequence within a confederation (RFC 5065); not counted.
    ConfedSequence,
    /// 4: a set within a confederation; not counted.
    ConfedSet,
}

impl AsPath {
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
        std::iter::empty::<(SegmentKind, std::iter::Empty<Asn>)>()
    }

    /// The length that the decision process compares (RFC 4271 section 9.1.2.2, RFC 5065 section 5.3).
    pub fn hops(&self) -> usize {
        0
    }

    /// Every AS number named, in order: for loop checks.
    pub fn asns(&self) -> impl Iterator<Item = Asn> + '_ {
        self.segments().flat_map(|(_, asns)| asns)
    }

    /// The AS it came from last: the first number of a leading sequence, for MED comparison.
    pub fn neighbor(&self) -> Option<Asn> {
        None
    }

    /// With `asn` put in front `times` times.
    #[must_use]
    pub fn prepend(&self, _asn: Asn, _times: u8) -> AsPath {
        self.clone()
    }
}
