//! Communities: plain (RFC 1997), extended (RFC 4360, and those of EVPN), large (RFC 8092).

use std::fmt;
use std::str::FromStr;

use crate::types::ParseError;

mod ext;
mod route_target;

pub use ext::{ExtCommunity, ExtCommunityKind, TunnelType};
pub use route_target::RouteTarget;

/// A community (RFC 1997): `65000:100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Community(pub u32);

/// A large community (RFC 8092): `65000:1:2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LargeCommunity(pub [u32; 3]);

impl Community {
    /// NO_EXPORT (RFC 1997).
    pub const NO_EXPORT: Community = Community(0xffff_ff01);
    /// NO_ADVERTISE (RFC 1997).
    pub const NO_ADVERTISE: Community = Community(0xffff_ff02);
    /// NO_EXPORT_SUBCONFED (RFC 1997).
    pub const NO_EXPORT_SUBCONFED: Community = Community(0xffff_ff03);
    /// GRACEFUL_SHUTDOWN (RFC 8326).
    pub const GRACEFUL_SHUTDOWN: Community = Community(0xffff_0000);
    /// LLGR_STALE (RFC 9494): the route's source is away for long.
    pub const LLGR_STALE: Community = Community(0xffff_0006);
    /// NO_LLGR (RFC 9494): not to be kept for long when its source is away.
    pub const NO_LLGR: Community = Community(0xffff_0007);

    const NAMES: [(Community, &str); 6] = [
        (Self::NO_EXPORT, "no-export"),
        (Self::NO_ADVERTISE, "no-advertise"),
        (Self::NO_EXPORT_SUBCONFED, "no-export-subconfed"),
        (Self::GRACEFUL_SHUTDOWN, "graceful-shutdown"),
        (Self::LLGR_STALE, "llgr-stale"),
        (Self::NO_LLGR, "no-llgr"),
    ];
}

/// `65000:100`, or the name of a well-known one, such as `no-export`.
impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(community, _)| community == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "{}:{}", self.0 >> 16, self.0 & 0xffff),
        }
    }
}

impl FromStr for Community {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let err = ParseError { expected: "a community such as 65000:100 or no-export" };
        if let Some((community, _)) = Self::NAMES.iter().find(|(_, name)| *name == s) {
            return Ok(*community);
        }
        let (high, low) = s.split_once(':').ok_or(err)?;
        let half = |text: &str| text.parse::<u16>().map(u32::from).map_err(|_| err);
        Ok(Community(half(high)? << 16 | half(low)?))
    }
}

impl LargeCommunity {
    pub(super) fn from_octets(octets: [u8; 12]) -> LargeCommunity {
        let mut numbers = [0; 3];
        for (number, chunk) in numbers.iter_mut().zip(octets.as_chunks().0) {
            *number = u32::from_be_bytes(*chunk);
        }
        LargeCommunity(numbers)
    }

    pub(super) fn octets(self) -> [u8; 12] {
        let mut octets = [0; 12];
        for (chunk, number) in octets.as_chunks_mut().0.iter_mut().zip(self.0) {
            *chunk = number.to_be_bytes();
        }
        octets
    }
}

impl fmt::Display for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [global, local1, local2] = self.0;
        write!(f, "{global}:{local1}:{local2}")
    }
}

impl FromStr for LargeCommunity {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let err = ParseError { expected: "a large community such as 65000:1:2" };
        let mut parts = s.split(':');
        let mut numbers = [0; 3];
        for number in &mut numbers {
            *number = parts.next().and_then(|part| part.parse().ok()).ok_or(err)?;
        }
        parts.next().is_none().then_some(LargeCommunity(numbers)).ok_or(err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_leads_back() {
        for text in ["65000:100", "0:0", "no-export", "graceful-shutdown", "llgr-stale", "no-llgr"] {
            assert_eq!(text.parse::<Community>().unwrap().to_string(), text);
        }
        for text in ["4200000000:1:2", "0:0:0"] {
            assert_eq!(text.parse::<LargeCommunity>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn not_communities() {
        for text in ["", "1", "65536:1", "1:65536", "1:2:3", "export"] {
            assert!(text.parse::<Community>().is_err(), "{text}");
        }
        for text in ["", "1:2", "1:2:3:4", "1:2:4294967296"] {
            assert!(text.parse::<LargeCommunity>().is_err(), "{text}");
        }
    }
}
