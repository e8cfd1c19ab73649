use std::fmt;
use std::str::FromStr;

use super::ParseError;

/// An Ethernet segment identifier, ten octets (RFC 7432 section 5). All zero means single-homed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Esi(pub [u8; 10]);

impl Esi {
    /// The reserved value of a single-homed site.
    pub const ZERO: Esi = Esi([0; 10]);

    /// Whether this is the reserved value of a single-homed site.
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }
}

impl fmt::Display for Esi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, octet) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(":")?;
            }
            write!(f, "{octet:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for Esi {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        super::mac::hex_octets(s, ':')
            .map(Esi)
            .ok_or(ParseError { expected: "ten hexadecimal octets such as 00:11:22:33:44:55:66:77:88:99" })
    }
}
