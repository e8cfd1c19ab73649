//! What becomes of an UPDATE in which something is wrong: one table, to be read beside RFC 7606.
//!
//! The parser finds what is wrong and where ([`Condition`]); what follows from it is said here and nowhere
//! else. Of several faults in one UPDATE the strongest reaction counts (RFC 7606 section 3 h). A fault that
//! costs the routes ends the session after all where the UPDATE announces none that could be withdrawn
//! (section 5.2): that needs the whole message, and is the UPDATE reader's to see.

use super::attrs::code;
use super::error::Verdict;

use Condition::*;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// The optional and transitive flags are not those of the attribute.
    Flags,
    /// It has a length that it cannot have.
    Length,
    /// It has a value that it cannot have, or that cannot be read.
    Value,
    /// Its next hop is an address that no host can have.
    NextHop,
    /// It had to be there.
    Missing,
    /// It is there a second time.
    Repeated,
    /// Its length leads beyond the attributes.
    Overrun,
    /// It is not for this peer to send.
    Sender,
    /// It is called well-known, and is not.
    Unknown,
    /// The lengths of the UPDATE's fields contradict that of the message.
    Fields,
    /// It holds routes whose extent cannot be told.
    Routes,
    /// It holds a route that is wrong; which one it is can be read.
    Route,
    /// It holds a route of a type that is not known, or so wrong that it cannot be told which one it is.
    UnknownRoute,
    /// It holds a route to a network of multicast addresses, which no unicast route leads to.
    Multicast,
    /// It holds routes of a family that was not negotiated.
    Family,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reaction {
    /// The session stays, with this verdict.
    Keep(Verdict),
    /// The session ends.
    Reset,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The attribute's type code; 0 for the fields of the UPDATE itself, and for every attribute that has no row
    /// of its own for the condition.
    pub attribute: u8,
    /// What is wrong.
    pub condition: Condition,
    /// What follows.
    pub reaction: Reaction,
    /// The subcode of UPDATE Message Error (RFC 4271 section 6.3) if the session ends.
    pub subcode: u8,
    /// Who says so.
    pub section: &'static str,
}

impl Rule {
    /// The rule for something that is wrong with an attribute.
    pub fn of(attribute: u8, condition: Condition) -> &'static Rule {
        let row =
            |attribute: u8| RULES.iter().find(move |r| (r.attribute, r.condition) == (attribute, condition));
        row(attribute).or_else(|| row(ANY)).unwrap_or(&UNLISTED)
    }
}

/// What the table does not provide for is handled as before RFC 7606 (its section 3, first paragraph).
const UNLISTED: Rule = row(ANY, Value, RESET, 1, "RFC 4271 section 6.3");

const ANY: u8 = 0;
const DISCARD: Reaction = Reaction::Keep(Verdict::Discard);
const WITHDRAW: Reaction = Reaction::Keep(Verdict::TreatAsWithdraw);
const RESET: Reaction = Reaction::Reset;

const fn row(
    attribute: u8,
    condition: Condition,
    reaction: Reaction,
    subcode: u8,
    section: &'static str,
) -> Rule {
    Rule { attribute, condition, reaction, subcode, section }
}

/// The table, in the order of the attributes' codes.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    row(ANY,                        Fields,       RESET,     1, "RFC 7606 section 3 b"),
    row(ANY,                        Overrun,      WITHDRAW,  1, "RFC 7606 section 4"),
    row(ANY,                        Repeated,     DISCARD,   1, "RFC 7606 section 3 g"),
    row(ANY,                        Unknown,      RESET,     2, "RFC 4271 section 6.3"),
    row(ANY,                        Routes,       RESET,    10, "RFC 7606 sections 3 j and 5.3"),
    row(ANY,                        Route,        WITHDRAW, 10, "RFC 7606 sections 2 and 5.4"),
    row(ANY,                        UnknownRoute, DISCARD,  10, "RFC 7606 section 5.4"),
    row(ANY,                        Multicast,    DISCARD,  10, "RFC 4271 section 6.3"),
    row(ANY,                        Family,       DISCARD,   9, "RFC 4760 section 7"),
    row(code::ORIGIN,               Flags,        WITHDRAW,  4, "RFC 7606 section 3 c"),
    row(code::ORIGIN,               Length,       WITHDRAW,  5, "RFC 7606 section 7.1"),
    row(code::ORIGIN,               Value,        WITHDRAW,  6, "RFC 7606 section 7.1"),
    row(code::ORIGIN,               Missing,      WITHDRAW,  3, "RFC 7606 section 3 d"),
    row(code::AS_PATH,              Flags,        WITHDRAW,  4, "RFC 7606 section 3 c"),
    row(code::AS_PATH,              Value,        WITHDRAW, 11, "RFC 7606 section 7.2"),
    row(code::AS_PATH,              Missing,      WITHDRAW,  3, "RFC 7606 section 3 d"),
    row(code::NEXT_HOP,             Flags,        WITHDRAW,  4, "RFC 7606 section 3 c"),
    row(code::NEXT_HOP,             Length,       WITHDRAW,  5, "RFC 7606 section 7.3"),
    row(code::NEXT_HOP,             NextHop,      WITHDRAW,  8, "RFC 7606 section 7.3"),
    row(code::NEXT_HOP,             Missing,      WITHDRAW,  3, "RFC 7606 section 3 d"),
    row(code::MULTI_EXIT_DISC,      Flags,        WITHDRAW,  4, "RFC 7606 section 3 c"),
    row(code::MULTI_EXIT_DISC,      Length,       WITHDRAW,  5, "RFC 7606 section 7.4"),
    row(code::LOCAL_PREF,           Flags,        WITHDRAW,  4, "RFC 7606 section 3 c"),
    row(code::LOCAL_PREF,           Length,       WITHDRAW,  5, "RFC 7606 section 7.5"),
    row(code::LOCAL_PREF,           Sender,       DISCARD,   9, "RFC 7606 section 7.5"),
    row(code::LOCAL_PREF,           Missing,      WITHDRAW,  3, "RFC 4271 section 5.1.5"),
    row(code::ATOMIC_AGGREGATE,     Flags,        WITHDRAW,  4, "RFC 7606 section 3 c"),
    row(code::ATOMIC_AGGREGATE,     Length,       DISCARD,   5, "RFC 7606 section 7.6"),
    row(code::AGGREGATOR,           Flags,        WITHDRAW,  4, "RFC 7606 section 3 c"),
    row(code::AGGREGATOR,           Length,       DISCARD,   5, "RFC 7606 section 7.7"),
    row(code::AGGREGATOR,           Value,        DISCARD,   9, "RFC 7607 section 2"),
    row(code::COMMUNITIES,          Flags,        WITHDRAW,  4, "RFC 7606 section 3 c"),
    row(code::COMMUNITIES,          Length,       WITHDRAW,  5, "RFC 7606 section 7.8"),
    row(code::ORIGINATOR_ID,        Flags,        WITHDRAW,  4, "RFC 7606 section 3 c"),
    row(code::ORIGINATOR_ID,        Length,       WITHDRAW,  5, "RFC 7606 section 7.9"),
    row(code::ORIGINATOR_ID,        Sender,       DISCARD,   9, "RFC 7606 section 7.9"),
    row(code::CLUSTER_LIST,         Flags,        WITHDRAW,  4, "RFC 7606 section 3 c"),
    row(code::CLUSTER_LIST,         Length,       WITHDRAW,  5, "RFC 7606 section 7.10"),
    row(code::CLUSTER_LIST,         Sender,       DISCARD,   9, "RFC 7606 section 7.10"),
    row(code::MP_REACH_NLRI,        Flags,        WITHDRAW,  4, "RFC 7606 section 3 c"),
    row(code::MP_REACH_NLRI,        Length,       RESET,     9, "RFC 7606 section 3 j"),
    row(code::MP_REACH_NLRI,        Value,        RESET,     9, "RFC 7606 section 7.11"),
    row(code::MP_REACH_NLRI,        NextHop,      WITHDRAW,  8, "RFC 7606 section 7.3"),
    row(code::MP_REACH_NLRI,        Repeated,     RESET,     1, "RFC 7606 section 3 g"),
    row(code::MP_REACH_NLRI,        Overrun,      RESET,     1, "RFC 7606 section 3 j"),
    row(code::MP_REACH_NLRI,        Routes,       RESET,     9, "RFC 7606 sections 3 j and 5.3"),
    row(code::MP_UNREACH_NLRI,      Flags,        WITHDRAW,  4, "RFC 7606 section 3 c"),
    row(code::MP_UNREACH_NLRI,      Length,       RESET,     9, "RFC 7606 section 7.12"),
    row(code::MP_UNREACH_NLRI,      Repeated,     RESET,     1, "RFC 7606 section 3 g"),
    row(code::MP_UNREACH_NLRI,      Overrun,      RESET,     1, "RFC 7606 section 3 j"),
    row(code::MP_UNREACH_NLRI,      Routes,       RESET,     9, "RFC 7606 sections 3 j and 5.3"),
    row(code::EXTENDED_COMMUNITIES, Flags,        WITHDRAW,  4, "RFC 7606 section 3 c"),
    row(code::EXTENDED_COMMUNITIES, Length,       WITHDRAW,  5, "RFC 7606 section 7.14"),
    row(code::AS4_PATH,             Flags,        DISCARD,   4, "RFC 6793 section 6"),
    row(code::AS4_PATH,             Value,        DISCARD,   9, "RFC 6793 section 6"),
    row(code::AS4_PATH,             Sender,       DISCARD,   9, "RFC 6793 section 4.1"),
    row(code::AS4_AGGREGATOR,       Flags,        DISCARD,   4, "RFC 6793 section 6"),
    row(code::AS4_AGGREGATOR,       Length,       DISCARD,   5, "RFC 6793 section 6"),
    row(code::AS4_AGGREGATOR,       Value,        DISCARD,   9, "RFC 7607 section 2"),
    row(code::AS4_AGGREGATOR,       Sender,       DISCARD,   9, "RFC 6793 section 4.1"),
    row(code::PMSI_TUNNEL,          Flags,        WITHDRAW,  4, "RFC 7606 section 3 c"),
    row(code::PMSI_TUNNEL,          Length,       WITHDRAW,  5, "RFC 6514 section 5"),
    row(code::PMSI_TUNNEL,          Value,        WITHDRAW,  9, "RFC 6514 section 5"),
    row(code::AIGP,                 Flags,        DISCARD,   4, "RFC 7311 section 3.2"),
    row(code::LARGE_COMMUNITY,      Flags,        WITHDRAW,  4, "RFC 7606 section 3 c"),
    row(code::LARGE_COMMUNITY,      Length,       WITHDRAW,  5, "RFC 8092 section 6"),
    row(code::ONLY_TO_CUSTOMER,     Flags,        WITHDRAW,  4, "RFC 7606 section 3 c"),
    row(code::ONLY_TO_CUSTOMER,     Length,       WITHDRAW,  5, "RFC 9234 section 5"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order_and_each_is_there_once() {
        let keys: Vec<_> = RULES.iter().map(|rule| rule.attribute).collect();
        assert!(keys.is_sorted());
        for rule in RULES {
            assert_eq!(Rule::of(rule.attribute, rule.condition), rule, "a second row for the same");
            assert!(rule.section.starts_with("RFC "));
        }
    }

    /// RFC 7606 section 3 e and f: of these attributes nothing ends the session.
    #[test]
    fn no_attribute_without_routes_ends_the_session() {
        let without_routes =
            |rule: &&Rule| !matches!(rule.attribute, ANY | code::MP_REACH_NLRI | code::MP_UNREACH_NLRI);
        for rule in RULES.iter().filter(without_routes) {
            assert_ne!(rule.reaction, Reaction::Reset, "{rule:?}");
        }
    }

    #[test]
    fn what_is_not_listed_ends_the_session() {
        assert_eq!(Rule::of(99, Flags).reaction, Reaction::Reset);
        assert_eq!(Rule::of(99, Repeated).reaction, DISCARD);
    }
}
