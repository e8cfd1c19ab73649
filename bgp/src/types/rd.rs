use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use super::{Asn, ParseError};

/// A route distinguisher (RFC 4364 section 4.2), kept as its eight octets: it only has to be told apart
/// and passed on. It never says anything about the VNI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rd(pub [u8; 8]);

impl Rd {
    /// Type 0: a two-octet AS number and four octets.
    pub fn from_as2(asn: u16, number: u32) -> Rd {
        let ([a, b], [c, d, e, f]) = (asn.to_be_bytes(), number.to_be_bytes());
        Rd([0, 0, a, b, c, d, e, f])
    }

    /// Type 1: an IPv4 address and two octets, the form that RFC 7432 section 7.9 asks for.
    pub fn from_ipv4(address: Ipv4Addr, number: u16) -> Rd {
        let ([a, b, c, d], [e, f]) = (address.octets(), number.to_be_bytes());
        Rd([0, 1, a, b, c, d, e, f])
    }

    /// Type 2: a four-octet AS number and two octets.
    pub fn from_as4(asn: Asn, number: u16) -> Rd {
        let ([a, b, c, d], [e, f]) = (asn.0.to_be_bytes(), number.to_be_bytes());
        Rd([0, 2, a, b, c, d, e, f])
    }
}

/// `65000:100` (type 0), `10.0.0.1:100` (type 1), `4200000000:100` (type 2). A type 2 whose AS number would have
/// fitted type 0 is marked, `65000L:100`; what has no notation is sixteen hexadecimal digits after `0x`.
impl fmt::Display for Rd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [t0, t1, v @ ..] = self.0;
        let [a, b, c, d, e, g] = v;
        match u16::from_be_bytes([t0, t1]) {
            0 => write!(f, "{}:{}", u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, g])),
            1 => write!(f, "{}:{}", Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([e, g])),
            2 => {
                let mark = if [a, b] == [0, 0] { "L" } else { "" };
                write!(f, "{}{mark}:{}", u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([e, g]))
            }
            _ => write!(f, "0x{:016x}", u64::from_be_bytes(self.0)),
        }
    }
}

/// Reads what `Display` writes; a number above 65535 before the colon makes type 2.
impl FromStr for Rd {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let err = ParseError { expected: "a route distinguisher such as 10.0.0.1:100 or 65000:100" };
        if let Some(digits) = s.strip_prefix("0x") {
            return hexadecimal(digits).ok_or(err);
        }
        let (admin, number) = s.rsplit_once(':').ok_or(err)?;
        if let Ok(address) = admin.parse::<Ipv4Addr>() {
            return Ok(Rd::from_ipv4(address, number.parse().map_err(|_| err)?));
        }
        if let Some(asn) = admin.strip_suffix('L') {
            let asn = asn.parse().map_err(|_| err)?;
            return Ok(Rd::from_as4(asn, number.parse().map_err(|_| err)?));
        }
        let asn: Asn = admin.parse().map_err(|_| err)?;
        match u16::try_from(asn.0) {
            Ok(asn) => Ok(Rd::from_as2(asn, number.parse().map_err(|_| err)?)),
            Err(_) => Ok(Rd::from_as4(asn, number.parse().map_err(|_| err)?)),
        }
    }
}

fn hexadecimal(digits: &str) -> Option<Rd> {
    let plain = digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let value = u64::from_str_radix(digits, 16).ok().filter(|_| plain)?;
    Some(Rd(value.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_leads_back() {
        for text in ["65000:100", "10.0.0.1:7", "4200000000:9", "65000L:9", "0x0003000000000001"] {
            assert_eq!(text.parse::<Rd>().map(|rd| rd.to_string()).as_deref(), Ok(text));
        }
        assert!("10.0.0.1:70000".parse::<Rd>().is_err());
        assert!("nonsense".parse::<Rd>().is_err());
        assert!("0x03".parse::<Rd>().is_err());
    }
}
