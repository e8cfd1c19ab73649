//! Route targets: which tables a route is for.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::types::{Asn, ParseError};

/// A route target (RFC 4360 section 4). Two are equal only in the same form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteTarget {
    /// Type 0x00: a two-octet AS and four octets; the automatic form.
    As2(u16, u32),
    /// Type 0x01: an IPv4 address and two octets.
    Ipv4(Ipv4Addr, u16),
    /// Type 0x02: a four-octet AS and two octets.
    As4(Asn, u16),
}

/// `65000:100`, `10.0.0.1:100`, `4200000000:100`. A four-octet form whose AS number would have fitted two is
/// marked, `65000L:100`, since it is another route target.
impl fmt::Display for RouteTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            RouteTarget::As2(asn, number) => write!(f, "{asn}:{number}"),
            RouteTarget::Ipv4(address, number) => write!(f, "{address}:{number}"),
            RouteTarget::As4(asn, number) if asn.0 <= u16::MAX.into() => write!(f, "{asn}L:{number}"),
            RouteTarget::As4(asn, number) => write!(f, "{asn}:{number}"),
        }
    }
}

/// Reads what `Display` writes; also `65000.10:100`.
impl FromStr for RouteTarget {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let err = ParseError { expected: "a route target such as 65000:100 or 10.0.0.1:100" };
        let (admin, number) = s.split_once(':').ok_or(err)?;
        let (wide, narrow) = (number.parse::<u32>().map_err(|_| err), number.parse::<u16>().map_err(|_| err));
        if let Ok(address) = admin.parse() {
            return Ok(RouteTarget::Ipv4(address, narrow?));
        }
        if let Some(admin) = admin.strip_suffix('L') {
            return Ok(RouteTarget::As4(admin.parse().map_err(|_| err)?, narrow?));
        }
        let asn: Asn = admin.parse().map_err(|_| err)?;
        match u16::try_from(asn.0) {
            Ok(asn) => Ok(RouteTarget::As2(asn, wide?)),
            Err(_) => Ok(RouteTarget::As4(asn, narrow?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_leads_back() {
        let address = Ipv4Addr::new(10, 0, 0, 1);
        for (target, text) in [
            (RouteTarget::As2(65000, 1_000_000), "65000:1000000"),
            (RouteTarget::Ipv4(address, 100), "10.0.0.1:100"),
            (RouteTarget::As4(Asn(4_200_000_000), 100), "4200000000:100"),
            (RouteTarget::As4(Asn(65000), 100), "65000L:100"),
        ] {
            assert_eq!(target.to_string(), text);
            assert_eq!(text.parse(), Ok(target));
        }
    }

    #[test]
    fn not_route_targets() {
        for text in ["", "65000", "10.0.0.1:65536", "4200000000:65536", "65000:4294967296", "*:1", "1:2:3"] {
            assert!(text.parse::<RouteTarget>().is_err(), "{text}");
        }
    }
}
