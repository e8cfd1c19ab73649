//! How EVPN routes are written by and for people.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::types::{EthernetTag, ParseError};

use super::EvpnKey;

/// FRR's notation, with the RD after the type: `[2]:[10.0.0.1:1]:[0]:[48]:[02:00:00:00:00:50]:[32]:[10.1.0.5]`.
impl fmt::Display for EvpnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            EvpnKey::EthernetAd { rd, esi, tag } => write!(f, "[1]:[{rd}]:[{esi}]:[{tag}]"),
            EvpnKey::MacIp { rd, tag, mac, ip: None } => write!(f, "[2]:[{rd}]:[{tag}]:[48]:[{mac}]"),
            EvpnKey::MacIp { rd, tag, mac, ip: Some(ip) } => {
                write!(f, "[2]:[{rd}]:[{tag}]:[48]:[{mac}]:[{}]:[{ip}]", bits(ip))
            }
            EvpnKey::Imet { rd, tag, originator } => {
                write!(f, "[3]:[{rd}]:[{tag}]:[{}]:[{originator}]", bits(originator))
            }
            EvpnKey::EthernetSegment { rd, esi, originator } => {
                write!(f, "[4]:[{rd}]:[{esi}]:[{}]:[{originator}]", bits(originator))
            }
            EvpnKey::IpPrefix { rd, tag, prefix } => {
                write!(f, "[5]:[{rd}]:[{tag}]:[{}]:[{}]", prefix.prefix_len(), prefix.addr())
            }
        }
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Reads what `Display` writes. The lengths before addresses may be left out, and so may the brackets'
/// neighbouring blanks; a prefix may have its length behind it: `[5]:[10.0.0.1:1]:[0]:[10.1.0.0/24]`.
impl FromStr for EvpnKey {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let expected = "an EVPN route such as [2]:[10.0.0.1:1]:[0]:[48]:[02:00:00:00:00:50]:[32]:[10.1.0.5]";
        fields(s).as_deref().and_then(key).ok_or(ParseError { expected })
    }
}

/// What stands between the brackets.
fn fields(s: &str) -> Option<Vec<&str>> {
    let inner = s.trim().strip_prefix('[')?.strip_suffix(']')?;
    Some(inner.split("]:[").map(str::trim).collect())
}

fn key(fields: &[&str]) -> Option<EvpnKey> {
    Some(match *fields {
        ["1", rd, esi, tag] => {
            EvpnKey::EthernetAd { rd: rd.parse().ok()?, esi: esi.parse().ok()?, tag: self::tag(tag)? }
        }
        ["2", rd, tag, "48", mac, ref ip @ ..] | ["2", rd, tag, mac, ref ip @ ..] => EvpnKey::MacIp {
            rd: rd.parse().ok()?,
            tag: self::tag(tag)?,
            mac: mac.parse().ok()?,
            ip: if ip.is_empty() { None } else { Some(address(ip)?) },
        },
        ["3", rd, tag, ref originator @ ..] => {
            EvpnKey::Imet { rd: rd.parse().ok()?, tag: self::tag(tag)?, originator: address(originator)? }
        }
        ["4", rd, esi, ref originator @ ..] => EvpnKey::EthernetSegment {
            rd: rd.parse().ok()?,
            esi: esi.parse().ok()?,
            originator: address(originator)?,
        },
        ["5", rd, tag, ref prefix @ ..] => {
            EvpnKey::IpPrefix { rd: rd.parse().ok()?, tag: self::tag(tag)?, prefix: self::prefix(prefix)? }
        }
        _ => return None,
    })
}

fn tag(field: &str) -> Option<EthernetTag> {
    field.parse().ok().map(EthernetTag)
}

/// An address, with or without its length in bits before it.
fn address(fields: &[&str]) -> Option<IpAddr> {
    match *fields {
        [address] => address.parse().ok(),
        [length, address] => address.parse().ok().filter(|address| length.parse() == Ok(bits(*address))),
        _ => None,
    }
}

fn prefix(fields: &[&str]) -> Option<IpNet> {
    let net = match *fields {
        [prefix] => prefix.parse().ok()?,
        [length, address] => IpNet::new(address.parse().ok()?, length.parse().ok()?).ok()?,
        _ => return None,
    };
    Some(net.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_leads_back() {
        for text in [
            "[1]:[10.0.0.1:1]:[00:11:22:33:44:55:66:77:88:99]:[4294967295]",
            "[2]:[10.0.0.1:1]:[0]:[48]:[02:00:00:00:00:50]",
            "[2]:[10.0.0.1:1]:[0]:[48]:[02:00:00:00:00:50]:[32]:[10.1.0.5]",
            "[2]:[65000:1]:[7]:[48]:[02:00:00:00:00:50]:[128]:[2001:db8::5]",
            "[3]:[10.0.0.1:1]:[0]:[32]:[10.0.0.1]",
            "[4]:[10.0.0.1:1]:[00:11:22:33:44:55:66:77:88:99]:[128]:[2001:db8::1]",
            "[5]:[10.0.0.1:1]:[0]:[24]:[10.1.0.0]",
            "[5]:[10.0.0.1:1]:[0]:[64]:[2001:db8::]",
        ] {
            assert_eq!(text.parse::<EvpnKey>().map(|key| key.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn lengths_may_be_left_out() {
        for (short, long) in [
            (
                " [2]:[1:1]:[0]:[0200.0000.0050]:[10.1.0.5]",
                "[2]:[1:1]:[0]:[48]:[02:00:00:00:00:50]:[32]:[10.1.0.5]",
            ),
            ("[3]:[1:1]:[0]:[10.0.0.1]", "[3]:[1:1]:[0]:[32]:[10.0.0.1]"),
            ("[5]:[1:1]:[0]:[10.1.0.7/24]", "[5]:[1:1]:[0]:[24]:[10.1.0.0]"),
        ] {
            assert_eq!(short.parse::<EvpnKey>().map(|key| key.to_string()).as_deref(), Ok(long));
        }
    }

    #[test]
    fn not_routes() {
        for text in [
            "",
            "2",
            "[6]:[1:1]:[0]",
            "[2]:[1:1]:[0]",
            "[2]:[1:1]:[0]:[48]:[02:00:00:00:00:50]:[64]:[10.1.0.5]",
            "[3]:[1:1]:[0]:[32]:[2001:db8::1]",
            "[5]:[1:1]:[0]:[33]:[10.1.0.0]",
        ] {
            assert!(text.parse::<EvpnKey>().is_err(), "{text}");
        }
    }
}
