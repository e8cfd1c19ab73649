//! The form of each attribute, as one table: its flags, its length, and who may send it.
//!
//! What becomes of an UPDATE in which an attribute is different is in [`verdicts`](crate::wire::verdicts).

use super::code::{self, OPTIONAL, TRANSITIVE};

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// The two flags that a sender has no choice about.
    pub(super) flags: u8,
    pub(super) length: Length,
    /// From whom it is taken.
    pub(super) from: From,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Length {
    Any,
    Exactly(usize),
    AtLeast(usize),
    /// A list of things of this size, at least one.
    ListOf(usize),
    /// An AS number, of the size that the session has, and an identifier.
    Aggregator,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Anyone,
    /// From an external peer it is discarded (RFC 7606 sections 7.5, 7.9, 7.10).
    Internal,
    /// Between speakers of four-octet AS numbers it is discarded (RFC 6793 section 4.1).
    TwoOctetSpeaker,
    /// Not supported, but known well enough to be told from one that is passed on (RFC 7311 section 3).
    Nobody,
}

const WELL_KNOWN: u8 = TRANSITIVE;
const OPTIONAL_TRANSITIVE: u8 = OPTIONAL | TRANSITIVE;

/// The row of an attribute, `None` for one that linnet has no name for.
pub(super) fn form(code: u8) -> Option<Form> {
    use self::From::{Anyone, Internal, Nobody, TwoOctetSpeaker};
    use Length::{Aggregator, Any, AtLeast, Exactly, ListOf};

    #[rustfmt::skip]
    let (flags, length, from) = match code {
        code::ORIGIN               => (WELL_KNOWN,          Exactly(1),  Anyone),
        code::AS_PATH              => (WELL_KNOWN,          Any,         Anyone),
        code::NEXT_HOP             => (WELL_KNOWN,          Exactly(4),  Anyone),
        code::MULTI_EXIT_DISC      => (OPTIONAL,            Exactly(4),  Anyone),
        code::LOCAL_PREF           => (WELL_KNOWN,          Exactly(4),  Internal),
        code::ATOMIC_AGGREGATE     => (WELL_KNOWN,          Exactly(0),  Anyone),
        code::AGGREGATOR           => (OPTIONAL_TRANSITIVE, Aggregator,  Anyone),
        code::COMMUNITIES          => (OPTIONAL_TRANSITIVE, ListOf(4),   Anyone),
        code::ORIGINATOR_ID        => (OPTIONAL,            Exactly(4),  Internal),
        code::CLUSTER_LIST         => (OPTIONAL,            ListOf(4),   Internal),
        code::MP_REACH_NLRI        => (OPTIONAL,            AtLeast(5),  Anyone),
        code::MP_UNREACH_NLRI      => (OPTIONAL,            AtLeast(3),  Anyone),
        code::EXTENDED_COMMUNITIES => (OPTIONAL_TRANSITIVE, ListOf(8),   Anyone),
        code::AS4_PATH             => (OPTIONAL_TRANSITIVE, Any,         TwoOctetSpeaker),
        code::AS4_AGGREGATOR       => (OPTIONAL_TRANSITIVE, Exactly(8),  TwoOctetSpeaker),
        code::PMSI_TUNNEL          => (OPTIONAL_TRANSITIVE, AtLeast(5),  Anyone),
        code::AIGP                 => (OPTIONAL,            Any,         Nobody),
        code::LARGE_COMMUNITY      => (OPTIONAL_TRANSITIVE, ListOf(12),  Anyone),
        code::ONLY_TO_CUSTOMER     => (OPTIONAL_TRANSITIVE, Exactly(4),  Anyone),
        _ => return None,
    };
    Some(Form { flags, length, from })
}

impl Length {
    pub(super) fn allows(self, octets: usize, as4: bool) -> bool {
        match self {
            Length::Any => true,
            Length::Exactly(n) => octets == n,
            Length::AtLeast(n) => octets >= n,
            Length::ListOf(size) => octets > 0 && octets.is_multiple_of(size),
            Length::Aggregator => octets == if as4 { 8 } else { 6 },
        }
    }
}
