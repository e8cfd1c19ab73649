//! What can be wrong with a message, and the reaction that the RFCs ask for.
//!
//! Two kinds: a [`WireError`] ends the session and knows its NOTIFICATION; a [`Fault`] does not, and says
//! which verdict of RFC 7606 was applied. Both say where in the message the trouble is and keep some of its
//! octets, so that the operator can show the sender what he sent.

use std::fmt;

use super::attrs::code;
use super::codes::Name;

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
    /// NOTIFICATION data: what the error defines (RFC 4271 section 6) or the octets at fault, as much of it as
    /// an [`Excerpt`] holds.
    pub data: Excerpt,
}

impl WireError {
    /// An error without NOTIFICATION data.
    pub fn new(code: u8, subcode: u8, offset: u16, what: &'static str) -> WireError {
        WireError { code, subcode, offset, what, data: Excerpt::default() }
    }

    /// The same error with NOTIFICATION data.
    #[must_use]
    pub fn with_data(self, data: &[u8]) -> WireError {
        WireError { data: Excerpt::new(data), ..self }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Name { code: self.code, subcode: self.subcode };
        write!(f, "{name}: {} (octet {})", self.what, self.offset)
    }
}

impl std::error::Error for WireError {}

/// The first octets of something at fault, kept by value so that an error outlives the message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Excerpt {
    length: u8,
    octets: [u8; Excerpt::MAX],
}

impl Excerpt {
    /// How much is kept.
    pub const MAX: usize = 64;

    /// Of `octets`, as much as is kept.
    pub fn new(octets: &[u8]) -> Excerpt {
        let mut excerpt = Excerpt::default();
        let length = octets.len().min(Self::MAX);
        for (to, from) in excerpt.octets.iter_mut().zip(octets) {
            *to = *from;
        }
        excerpt.length = length as u8;
        excerpt
    }

    /// What was kept.
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl Default for Excerpt {
    fn default() -> Self {
        Excerpt { length: 0, octets: [0; Self::MAX] }
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.octets().fmt(f)
    }
}

/// A fault that the session survives (RFC 7606).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What was done about it.
    pub verdict: Verdict,
    /// Who asks for that: `RFC 7606 section 7.1`.
    pub section: &'static str,
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

    /// The attribute, by its name where linnet has one; empty where it was no attribute.
    pub fn attribute_name(&self) -> String {
        match (self.attribute, code::name(self.attribute)) {
            (0, _) => String::new(),
            (_, Some(name)) => name.to_owned(),
            (code, None) => format!("attribute {code}"),
        }
    }
}

/// `MULTI_EXIT_DISC (4) at octet 57: wrong length; treated as withdrawn: 80 04 01 00`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.attribute, code::name(self.attribute)) {
            (0, _) => write!(f, "UPDATE")?,
            (code, Some(name)) => write!(f, "{name} ({code})")?,
            (code, None) => write!(f, "attribute {code}")?,
        }
        write!(f, " at octet {}: {}; {}:", self.offset, self.what, self.verdict)?;
        self.octets.iter().try_for_each(|octet| write!(f, " {octet:02x}"))
    }
}

/// The reactions of RFC 7606 section 2 that keep the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The attribute (or one unknown NLRI) was left out, the rest used.
    Discard,
    /// The routes of the UPDATE count as withdrawn.
    TreatAsWithdraw,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Discard => "discarded",
            Verdict::TreatAsWithdraw => "treated as withdrawn",
        })
    }
}
