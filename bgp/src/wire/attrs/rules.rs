//! What RFC 7606 asks of each attribute, as one table.
//!
//! A row says which flags and length the attribute has and what becomes of an UPDATE in which it is
//! different. The values themselves are judged where they are read, with the same verdict.

use crate::wire::error::Verdict::{self, Discard, TreatAsWithdraw};

use super::code::{self, OPTIONAL, TRANSITIVE};

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// The two flags that a sender has no choice about.
    pub(super) flags: u8,
    pub(super) length: Length,
    /// From whom it is taken.
    pub(super) from: From,
    /// What wrong flags lead to (RFC 7606 section 3 c).
    pub(super) bad_flags: Verdict,
    /// What a wrong length or value leads to.
    pub(super) bad_value: Verdict,
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
pub(super) fn rule(code: u8) -> Option<Rule> {
    use self::From::{Anyone, Internal, Nobody, TwoOctetSpeaker};
    use Length::{Aggregator, Any, AtLeast, Exactly, ListOf};

    #[rustfmt::skip]
    let (flags, length, from, bad_flags, bad_value) = match code {
        code::ORIGIN               => (WELL_KNOWN,          Exactly(1),  Anyone,          TreatAsWithdraw, TreatAsWithdraw),
        code::AS_PATH              => (WELL_KNOWN,          Any,         Anyone,          TreatAsWithdraw, TreatAsWithdraw),
        code::NEXT_HOP             => (WELL_KNOWN,          Exactly(4),  Anyone,          TreatAsWithdraw, TreatAsWithdraw),
        code::MULTI_EXIT_DISC      => (OPTIONAL,            Exactly(4),  Anyone,          TreatAsWithdraw, TreatAsWithdraw),
        code::LOCAL_PREF           => (WELL_KNOWN,          Exactly(4),  Internal,        TreatAsWithdraw, TreatAsWithdraw),
        code::ATOMIC_AGGREGATE     => (WELL_KNOWN,          Exactly(0),  Anyone,          TreatAsWithdraw, Discard),
        code::AGGREGATOR           => (OPTIONAL_TRANSITIVE, Aggregator,  Anyone,          TreatAsWithdraw, Discard),
        code::COMMUNITIES          => (OPTIONAL_TRANSITIVE, ListOf(4),   Anyone,          TreatAsWithdraw, TreatAsWithdraw),
        code::ORIGINATOR_ID        => (OPTIONAL,            Exactly(4),  Internal,        TreatAsWithdraw, TreatAsWithdraw),
        code::CLUSTER_LIST         => (OPTIONAL,            ListOf(4),   Internal,        TreatAsWithdraw, TreatAsWithdraw),
        code::MP_REACH_NLRI        => (OPTIONAL,            AtLeast(5),  Anyone,          TreatAsWithdraw, TreatAsWithdraw),
        code::MP_UNREACH_NLRI      => (OPTIONAL,            AtLeast(3),  Anyone,          TreatAsWithdraw, TreatAsWithdraw),
        code::EXTENDED_COMMUNITIES => (OPTIONAL_TRANSITIVE, ListOf(8),   Anyone,          TreatAsWithdraw, TreatAsWithdraw),
        code::AS4_PATH             => (OPTIONAL_TRANSITIVE, Any,         TwoOctetSpeaker, Discard,         Discard),
        code::AS4_AGGREGATOR       => (OPTIONAL_TRANSITIVE, Exactly(8),  TwoOctetSpeaker, Discard,         Discard),
        code::PMSI_TUNNEL          => (OPTIONAL_TRANSITIVE, AtLeast(5),  Anyone,          TreatAsWithdraw, TreatAsWithdraw),
        code::AIGP                 => (OPTIONAL,            Any,         Nobody,          Discard,         Discard),
        code::LARGE_COMMUNITY      => (OPTIONAL_TRANSITIVE, ListOf(12),  Anyone,          TreatAsWithdraw, TreatAsWithdraw),
        code::ONLY_TO_CUSTOMER     => (OPTIONAL_TRANSITIVE, Exactly(4),  Anyone,          TreatAsWithdraw, TreatAsWithdraw),
        _ => return None,
    };
    Some(Rule { flags, length, from, bad_flags, bad_value })
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
