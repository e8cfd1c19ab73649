use std::fmt;
use std::str::FromStr;

use super::ParseError;

/// A MAC address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The kernel's key for a flood destination, and never a host.
    pub const ZERO: Mac = Mac([0; 6]);

    /// Whether the group bit is set: multicast and broadcast, never a host either.
    pub fn is_multicast(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Whether a host can have it: not zero and not a group.
    pub fn is_host(self) -> bool {
        self != Self::ZERO && !self.is_multicast()
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Reads `02:00:00:00:00:50`, `02-00-00-00-00-50` and `0200.0000.0050`.
impl FromStr for Mac {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        hex_octets(s, ':')
            .or_else(|| hex_octets(s, '-'))
            .or_else(|| dotted(s))
            .map(Mac)
            .ok_or(ParseError { expected: "a MAC address such as 02:00:00:00:00:50" })
    }
}

/// `N` octets of two hexadecimal digits each, with `separator` between them.
pub(super) fn hex_octets<const N: usize>(s: &str, separator: char) -> Option<[u8; N]> {
    let mut octets = [0; N];
    let mut parts = s.split(separator);
    for octet in &mut octets {
        let part = parts.next()?;
        *octet = (part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit()))
            .then(|| u8::from_str_radix(part, 16).ok())
            .flatten()?;
    }
    parts.next().is_none().then_some(octets)
}

fn dotted(s: &str) -> Option<[u8; 6]> {
    let mut octets = [0; 6];
    let mut parts = s.split('.');
    for pair in octets.chunks_exact_mut(2) {
        let part = parts.next()?;
        let value = (part.len() == 4 && part.bytes().all(|b| b.is_ascii_hexdigit()))
            .then(|| u16::from_str_radix(part, 16).ok())
            .flatten()?;
        pair.copy_from_slice(&value.to_be_bytes());
    }
    parts.next().is_none().then_some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_notations() {
        let mac = Mac([2, 0, 0, 0, 0, 0x50]);
        for text in ["02:00:00:00:00:50", "02-00-00-00-00-50", "0200.0000.0050"] {
            assert_eq!(text.parse(), Ok(mac), "{text}");
        }
        assert_eq!(mac.to_string(), "02:00:00:00:00:50");
    }

    #[test]
    fn not_a_mac() {
        for text in [
            "",
            "02:00:00:00:00",
            "02:00:00:00:00:50:00",
            "2:0:0:0:0:50",
            "+2:00:00:00:00:50",
            "02:00:00-00:00:50",
        ] {
            assert!(text.parse::<Mac>().is_err(), "{text}");
        }
    }

    #[test]
    fn hosts() {
        assert!(Mac([2, 0, 0, 0, 0, 1]).is_host());
        assert!(!Mac([1, 0, 0x5e, 0, 0, 1]).is_host());
        assert!(!Mac::ZERO.is_host());
    }
}
