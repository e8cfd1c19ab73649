use std::fmt;
use std::str::FromStr;

use super::ParseError;

/// An autonomous system number, always four octets here (RFC 6793).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asn(pub u32);

impl Asn {
    /// What stands in a two-octet field for a number that does not fit (RFC 6793 section 9).
    pub const TRANS: Asn = Asn(23456);

    /// The number for a two-octet field: itself, or [`Asn::TRANS`].
    pub fn as_two_octets(self) -> u16 {
        u16::try_from(self.0).unwrap_or(Self::TRANS.0 as u16)
    }

    /// The low sixteen bits, which automatic route targets carry.
    pub fn low16(self) -> u16 {
        self.0 as u16
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads asplain (`65000`) and asdot (`65000.10`) notation (RFC 5396).
impl FromStr for Asn {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let err = ParseError { expected: "an AS number such as 65000 or 65000.10" };
        let number = match s.split_once('.') {
            None => s.parse().map_err(|_| err)?,
            Some((high, low)) => {
                let high: u16 = high.parse().map_err(|_| err)?;
                let low: u16 = low.parse().map_err(|_| err)?;
                u32::from(high) << 16 | u32::from(low)
            }
        };
        Ok(Asn(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notations() {
        assert_eq!("65000".parse(), Ok(Asn(65000)));
        assert_eq!("1.10".parse(), Ok(Asn(65546)));
        assert!("65536.1".parse::<Asn>().is_err());
        assert!("".parse::<Asn>().is_err());
    }

    #[test]
    fn two_octets() {
        assert_eq!(Asn(65000).as_two_octets(), 65000);
        assert_eq!(Asn(4_200_000_000).as_two_octets(), 23456);
    }
}
