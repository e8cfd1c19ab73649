//! What identifies a neighbour: an address, a link-local address with its link, or the link alone.

use std::fmt;
use std::net::{AddrParseError, IpAddr, Ipv6Addr};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer};

/// IFNAMSIZ is 16 with the closing zero.
const NAME_OCTETS: usize = 15;

/// The name of an interface: 1 to 15 octets, without `/`, `:` and spaces.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName {
    /// Zeros behind its end.
    octets: [u8; NAME_OCTETS],
}

/// Who a neighbour is, and where it is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NeighborAddress {
    /// This address.
    Ip(IpAddr),
    /// This link-local address on this link.
    OnLink(Ipv6Addr, InterfaceName),
    /// Whoever is at the other end of this link.
    Interface(InterfaceName),
}

impl InterfaceName {
    /// The name, if it can be one.
    pub fn new(name: &str) -> Option<InterfaceName> {
        let is_name = !name.is_empty() && name != "." && name != "..";
        let is_plain = !name.contains(|c: char| matches!(c, '/' | ':' | '%' | '\0') || c.is_whitespace());
        let mut octets = [0; NAME_OCTETS];
        octets.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        (is_name && is_plain).then_some(InterfaceName { octets })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        let end = self.octets.iter().position(|octet| *octet == 0).unwrap_or(NAME_OCTETS);
        // It was made of a text.
        self.octets.get(..end).and_then(|octets| str::from_utf8(octets).ok()).unwrap_or_default()
    }
}

impl NeighborAddress {
    /// The address, where it is known beforehand.
    pub fn ip(&self) -> Option<IpAddr> {
        match *self {
            NeighborAddress::Ip(ip) => Some(ip),
            NeighborAddress::OnLink(ip, _) => Some(ip.into()),
            NeighborAddress::Interface(_) => None,
        }
    }

    /// The link that leads to it, where that belongs to who it is.
    pub fn interface(&self) -> Option<InterfaceName> {
        match *self {
            NeighborAddress::Ip(_) => None,
            NeighborAddress::OnLink(_, name) | NeighborAddress::Interface(name) => Some(name),
        }
    }

    /// Whether it is reached over IPv6.
    pub fn is_ipv6(&self) -> bool {
        self.ip().is_none_or(|ip| ip.is_ipv6())
    }
}

impl From<IpAddr> for NeighborAddress {
    /// An IPv4 neighbour seen through an IPv6 socket is an IPv4 neighbour.
    fn from(ip: IpAddr) -> NeighborAddress {
        NeighborAddress::Ip(ip.to_canonical())
    }
}

/// `10.0.0.1`, `fe80::1%eth0` or `eth0`.
impl FromStr for NeighborAddress {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<NeighborAddress, AddrParseError> {
        if let Some((address, link)) = text.split_once('%') {
            let address: Ipv6Addr = address.parse()?;
            return match InterfaceName::new(link) {
                Some(link) => Ok(NeighborAddress::OnLink(address, link)),
                None => "".parse::<IpAddr>().map(NeighborAddress::Ip),
            };
        }
        match (text.parse::<IpAddr>(), InterfaceName::new(text)) {
            (Ok(ip), _) => Ok(ip.into()),
            // What has a dot or a colon was meant to be an address; eth0.100 is no address either way.
            (Err(_), Some(name)) if text.contains(|c: char| c.is_ascii_alphabetic()) => {
                Ok(NeighborAddress::Interface(name))
            }
            (Err(error), _) => Err(error),
        }
    }
}

impl fmt::Display for NeighborAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NeighborAddress::Ip(ip) => ip.fmt(f),
            NeighborAddress::OnLink(ip, link) => write!(f, "{ip}%{link}"),
            NeighborAddress::Interface(link) => link.fmt(f),
        }
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An address as the key `address` takes it: one with its link, where it is link-local, and never a link alone.
#[derive(Clone, Copy, Debug)]
pub struct AddressValue(pub NeighborAddress);

impl<'de> Deserialize<'de> for AddressValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Some((_, link)) = text.split_once('%')
            && InterfaceName::new(link).is_none()
        {
            return Err(de::Error::custom(format_args!("`{link}` is no interface's name")));
        }
        match text.parse() {
            Ok(NeighborAddress::Interface(_)) | Err(_) => match text.parse::<IpAddr>() {
                Ok(ip) => Ok(AddressValue(ip.into())),
                Err(error) => Err(de::Error::custom(error)),
            },
            Ok(address) => Ok(AddressValue(address)),
        }
    }
}

impl<'de> Deserialize<'de> for InterfaceName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        InterfaceName::new(&text).ok_or_else(|| {
            de::Error::custom(format_args!(
                "`{text}` is no interface's name: 1 to 15 characters, without / : % or spaces"
            ))
        })
    }
}

impl JsonSchema for AddressValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NeighborAddress".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [
            {"type": "string", "format": "ip"},
            {"type": "string", "pattern": "^[0-9a-fA-F:.]+%[^/:% ]{1,15}$"},
        ]})
    }
}

impl JsonSchema for InterfaceName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "InterfaceName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "minLength": 1, "maxLength": NAME_OCTETS, "pattern": "^[^/:% ]+$"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_neighbour() {
        for (text, ip, link) in [
            ("10.0.0.1", Some("10.0.0.1"), None),
            ("fd00::1", Some("fd00::1"), None),
            ("fe80::1%eth0", Some("fe80::1"), Some("eth0")),
            ("eth0", None, Some("eth0")),
            ("enp3s0f1np1.4094", None, None),
            ("eth0.100", None, Some("eth0.100")),
        ] {
            let address = text.parse::<NeighborAddress>();
            let Ok(address) = address else {
                assert_eq!((ip, link), (None, None), "{text}");
                continue;
            };
            assert_eq!(address.to_string(), text);
            assert_eq!(address.ip(), ip.map(|ip| ip.parse().unwrap()), "{text}");
            assert_eq!(address.interface().map(|link| link.to_string()).as_deref(), link, "{text}");
        }
        assert_eq!("::ffff:10.0.0.1".parse::<NeighborAddress>().unwrap().to_string(), "10.0.0.1");
        for text in ["10.0.0", "fd00::g", "fe80::1%", "10.0.0.1%eth0", "", ".", "a b", "300.0.0.1"] {
            assert!(text.parse::<NeighborAddress>().is_err(), "{text}");
        }
    }
}
