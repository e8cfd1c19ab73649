//! Why a peer is or is not told of a path: what the rules and the policy of its group say, for whoever asks.

use std::fmt;

use crate::policy::Decider;

/// What becomes of a path towards a peer.
#[derive(Clone, Debug)]
pub struct Verdict<'a> {
    /// Why the peer is not told of it; `None` if it is.
    pub withheld: Option<Withheld>,
    /// What of the export policy decided, where one was asked.
    pub decider: Option<Decider<'a>>,
}

/// Why a peer is not told of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// It is the peer's own.
    Own,
    /// Over eBGP nothing is sent without a policy (RFC 8212).
    NoPolicy,
    /// Internal routes go from clients, or to clients (RFC 4456 section 6).
    Reflection,
    /// A well-known community keeps it here (RFC 1997, RFC 9494).
    Community,
    /// It would leak (RFC 9234).
    Leak,
    /// The export policy rejects it.
    Policy,
    /// The peer takes no IPv4 route by an IPv6 next hop (RFC 8950).
    NextHop,
}

impl Withheld {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Withheld::Own => "it came from this neighbor",
            Withheld::NoPolicy => {
                "no export policy, and external neighbors are sent nothing without (RFC 8212)"
            }
            Withheld::Reflection => "internal routes go on from clients and to clients only (RFC 4456)",
            Withheld::Community => "a well-known community holds it back",
            Withheld::Leak => "the roles forbid it (RFC 9234)",
            Withheld::Policy => "the export policy rejects it",
            Withheld::NextHop => "the neighbor takes no IPv4 routes by IPv6 next hops (RFC 8950)",
        }
    }
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
