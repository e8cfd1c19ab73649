//! What can be wrong with a message, and the reaction that the RFCs ask for.
//!
//! Two kinds: a [`WireError`] ends the session and knows its NOTIFICATION; a [`Fault`] does not, and says
//! which verdict of RFC 7606 was applied.

use super::Notification;

/// A fault that ends the session. Small and `Copy`: it is made in the middle of parsing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireError {
    /// NOTIFICATION error code (RFC 4271 section 4.5).
    pub code: u8,
    /// NOTIFICATION error subcode.
    pub subcode: u8,
    /// Where in the message, in octets from its first.
    pub offset: u16,
    /// What is wrong, for the log.
    pub what: &'static str,
}

impl WireError {
    /// What to send before closing.
    pub fn notification(&self) -> Notification {
        Notification { code: self.code, subcode: self.subcode, data: Vec::new() }
    }
}

/// A fault that the session survives (RFC 7606).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What was done about it.
    pub verdict: Verdict,
    /// The attribute's type code; 0 where it was no attribute.
    pub attribute: u8,
    /// Where in the message, in octets from its first.
    pub offset: u16,
    /// What is wrong, for the log and the operator.
    pub what: &'static str,
    /// The offending octets, at most [`Fault::MAX_OCTETS`] of them.
    pub octets: Box<[u8]>,
}

impl Fault {
    /// How much of the offending octets is kept to be shown.
    pub const MAX_OCTETS: usize = 64;
}

/// The reactions of RFC 7606 section 2 that keep the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The attribute (or one unknown NLRI) was left out, the rest used.
    Discard,
    /// The routes of the UPDATE count as withdrawn.
    TreatAsWithdraw,
}
