//! Extended communities: eight octets, of which the first two say what the others are.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::types::{Asn, Mac, ParseError, Vni};

use super::RouteTarget;

/// An extended community (RFC 4360), kept as its eight octets so that what is not understood is passed on
/// unchanged; [`ExtCommunity::kind`] says what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtCommunity(pub [u8; 8]);

/// What an extended community says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtCommunityKind {
    /// A route target, in one of its three forms.
    RouteTarget(RouteTarget),
    /// The encapsulation to use (RFC 9012 section 4.1), 0x03/0x0c.
    Encapsulation(TunnelType),
    /// MAC mobility (RFC 7432 section 7.7), 0x06/0x00.
    MacMobility {
        /// The MAC is not to move.
        sticky: bool,
        /// Grows with each move.
        sequence: u32,
    },
    /// The router's MAC (RFC 9135 section 8.1), 0x06/0x03.
    RouterMac(Mac),
    /// The MAC is a default gateway's (RFC 7432 section 7.8), 0x03/0x0d.
    DefaultGateway,
    /// ESI label (RFC 7432 section 7.5), 0x06/0x01.
    EsiLabel {
        /// Single-active redundancy.
        single_active: bool,
        /// The split-horizon label.
        label: Vni,
    },
    /// ES-Import route target (RFC 7432 section 7.6), 0x06/0x02.
    EsImport(Mac),
    /// ARP/ND flags (RFC 9047), 0x06/0x08.
    NdFlags {
        /// The neighbour is a router.
        router: bool,
        /// Override what is cached.
        override_flag: bool,
        /// The binding is not to change.
        immutable: bool,
        /// A proxy answers for it (draft use, kept by FRR).
        proxy: bool,
    },
    /// Anything else.
    Other,
}

/// A tunnel type (IANA, RFC 9012); VXLAN is the one linnet makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TunnelType(pub u16);

impl TunnelType {
    /// VXLAN.
    pub const VXLAN: TunnelType = TunnelType(8);
}

/// The bits of the ARP/ND flags (RFC 9047 section 2; the proxy bit is FRR's).
mod nd {
    pub(super) const ROUTER: u8 = 1;
    pub(super) const OVERRIDE: u8 = 2;
    pub(super) const PROXY: u8 = 4;
    pub(super) const IMMUTABLE: u8 = 8;
}

impl ExtCommunity {
    /// MAC mobility (RFC 7432 section 7.7).
    pub fn mac_mobility(sticky: bool, sequence: u32) -> ExtCommunity {
        ExtCommunityKind::MacMobility { sticky, sequence }.into()
    }

    /// The encapsulation to use (RFC 9012 section 4.1).
    pub fn encapsulation(tunnel: TunnelType) -> ExtCommunity {
        ExtCommunityKind::Encapsulation(tunnel).into()
    }

    /// The MAC is a default gateway's (RFC 7432 section 7.8).
    pub fn default_gateway() -> ExtCommunity {
        ExtCommunityKind::DefaultGateway.into()
    }

    /// The router's MAC (RFC 9135 section 8.1).
    pub fn router_mac(mac: Mac) -> ExtCommunity {
        ExtCommunityKind::RouterMac(mac).into()
    }

    /// What it says.
    pub fn kind(self) -> ExtCommunityKind {
        if let Some(target) = self.route_target() {
            return ExtCommunityKind::RouteTarget(target);
        }
        let [kind, subtype, a, b, c, d, e, f] = self.0;
        let mac = Mac([a, b, c, d, e, f]);
        match (kind, subtype) {
            (0x03, 0x0c) => ExtCommunityKind::Encapsulation(TunnelType(u16::from_be_bytes([e, f]))),
            (0x03, 0x0d) => ExtCommunityKind::DefaultGateway,
            (0x06, 0x00) => ExtCommunityKind::MacMobility {
                sticky: a & 1 == 1,
                sequence: u32::from_be_bytes([c, d, e, f]),
            },
            (0x06, 0x01) => {
                ExtCommunityKind::EsiLabel { single_active: a & 1 == 1, label: Vni::from_octets([d, e, f]) }
            }
            (0x06, 0x02) => ExtCommunityKind::EsImport(mac),
            (0x06, 0x03) => ExtCommunityKind::RouterMac(mac),
            (0x06, 0x08) => ExtCommunityKind::NdFlags {
                router: a & nd::ROUTER != 0,
                override_flag: a & nd::OVERRIDE != 0,
                immutable: a & nd::IMMUTABLE != 0,
                proxy: a & nd::PROXY != 0,
            },
            _ => ExtCommunityKind::Other,
        }
    }

    /// The route target that it is, if it is one.
    pub fn route_target(self) -> Option<RouteTarget> {
        let [kind, 0x02, a, b, c, d, e, f] = self.0 else { return None };
        Some(match kind {
            0x00 => RouteTarget::As2(u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f])),
            0x01 => RouteTarget::Ipv4(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([e, f])),
            0x02 => RouteTarget::As4(Asn(u32::from_be_bytes([a, b, c, d])), u16::from_be_bytes([e, f])),
            _ => return None,
        })
    }

    /// Whether it may cross the border of an AS (RFC 4360 section 2).
    pub fn is_transitive(self) -> bool {
        let [kind, ..] = self.0;
        kind & 0x40 == 0
    }
}

impl From<RouteTarget> for ExtCommunity {
    fn from(target: RouteTarget) -> Self {
        ExtCommunity(match target {
            RouteTarget::As2(asn, number) => {
                let ([a, b], [c, d, e, f]) = (asn.to_be_bytes(), number.to_be_bytes());
                [0x00, 0x02, a, b, c, d, e, f]
            }
            RouteTarget::Ipv4(address, number) => {
                let ([a, b, c, d], [e, f]) = (address.octets(), number.to_be_bytes());
                [0x01, 0x02, a, b, c, d, e, f]
            }
            RouteTarget::As4(asn, number) => {
                let ([a, b, c, d], [e, f]) = (asn.0.to_be_bytes(), number.to_be_bytes());
                [0x02, 0x02, a, b, c, d, e, f]
            }
        })
    }
}

/// The octets that say this. [`ExtCommunityKind::Other`] says nothing, and becomes eight octets of zero.
impl From<ExtCommunityKind> for ExtCommunity {
    fn from(kind: ExtCommunityKind) -> Self {
        let with_mac = |subtype, Mac([a, b, c, d, e, f])| [0x06, subtype, a, b, c, d, e, f];
        ExtCommunity(match kind {
            ExtCommunityKind::RouteTarget(target) => return target.into(),
            ExtCommunityKind::Encapsulation(TunnelType(tunnel)) => {
                let [e, f] = tunnel.to_be_bytes();
                [0x03, 0x0c, 0, 0, 0, 0, e, f]
            }
            ExtCommunityKind::DefaultGateway => [0x03, 0x0d, 0, 0, 0, 0, 0, 0],
            ExtCommunityKind::MacMobility { sticky, sequence } => {
                let [c, d, e, f] = sequence.to_be_bytes();
                [0x06, 0x00, sticky.into(), 0, c, d, e, f]
            }
            ExtCommunityKind::EsiLabel { single_active, label } => {
                let [d, e, f] = label.octets();
                [0x06, 0x01, single_active.into(), 0, 0, d, e, f]
            }
            ExtCommunityKind::EsImport(mac) => with_mac(0x02, mac),
            ExtCommunityKind::RouterMac(mac) => with_mac(0x03, mac),
            ExtCommunityKind::NdFlags { router, override_flag, immutable, proxy } => {
                let flags = [
                    (router, nd::ROUTER),
                    (override_flag, nd::OVERRIDE),
                    (immutable, nd::IMMUTABLE),
                    (proxy, nd::PROXY),
                ];
                let flags = flags.into_iter().filter(|(set, _)| *set).fold(0, |all, (_, bit)| all | bit);
                [0x06, 0x08, flags, 0, 0, 0, 0, 0]
            }
            ExtCommunityKind::Other => [0; 8],
        })
    }
}

/// `RT:65000:100`, `ET:8`, `MM:5`, `MM:0,sticky`, `Rmac:02:00:00:00:00:01`, `Default-Gateway`,
/// `ESI-Label:100,single-active`, `ES-Import:..`, `ND:router,override`; sixteen hexadecimal digits after `0x`
/// for what has no name or more in it than its name says.
impl fmt::Display for ExtCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        if kind == ExtCommunityKind::Other || ExtCommunity::from(kind) != *self {
            return write!(f, "0x{:016x}", u64::from_be_bytes(self.0));
        }
        kind.fmt(f)
    }
}

impl fmt::Display for ExtCommunityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = |set, name| if set { name } else { "" };
        match *self {
            ExtCommunityKind::RouteTarget(target) => write!(f, "RT:{target}"),
            ExtCommunityKind::Encapsulation(TunnelType(tunnel)) => write!(f, "ET:{tunnel}"),
            ExtCommunityKind::MacMobility { sticky, sequence } => {
                write!(f, "MM:{sequence}{}", flag(sticky, ",sticky"))
            }
            ExtCommunityKind::RouterMac(mac) => write!(f, "Rmac:{mac}"),
            ExtCommunityKind::DefaultGateway => f.write_str("Default-Gateway"),
            ExtCommunityKind::EsiLabel { single_active, label } => {
                write!(f, "ESI-Label:{label}{}", flag(single_active, ",single-active"))
            }
            ExtCommunityKind::EsImport(mac) => write!(f, "ES-Import:{mac}"),
            ExtCommunityKind::NdFlags { router, override_flag, immutable, proxy } => {
                let names = [
                    flag(router, "router"),
                    flag(override_flag, "override"),
                    flag(immutable, "immutable"),
                    flag(proxy, "proxy"),
                ];
                let names: Vec<_> = names.into_iter().filter(|name| !name.is_empty()).collect();
                write!(f, "ND:{}", names.join(","))
            }
            ExtCommunityKind::Other => f.write_str("other"),
        }
    }
}

/// Reads what `Display` writes.
impl FromStr for ExtCommunity {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let err = ParseError { expected: "an extended community such as RT:65000:100, ET:8 or MM:5,sticky" };
        if let Some(digits) = s.strip_prefix("0x") {
            return hexadecimal(digits).ok_or(err);
        }
        if s == "Default-Gateway" {
            return Ok(Self::default_gateway());
        }
        let (name, value) = s.split_once(':').ok_or(err)?;
        named(name, value).map(ExtCommunity::from).ok_or(err)
    }
}

fn hexadecimal(digits: &str) -> Option<ExtCommunity> {
    let plain = digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let value = u64::from_str_radix(digits, 16).ok().filter(|_| plain)?;
    Some(ExtCommunity(value.to_be_bytes()))
}

fn named(name: &str, value: &str) -> Option<ExtCommunityKind> {
    let (first, flag) = value.split_once(',').map_or((value, None), |(first, flag)| (first, Some(flag)));
    Some(match (name, flag) {
        ("RT", None) => ExtCommunityKind::RouteTarget(value.parse().ok()?),
        ("ET", None) => ExtCommunityKind::Encapsulation(TunnelType(value.parse().ok()?)),
        ("MM", None | Some("sticky")) => {
            ExtCommunityKind::MacMobility { sticky: flag.is_some(), sequence: first.parse().ok()? }
        }
        ("Rmac", None) => ExtCommunityKind::RouterMac(value.parse().ok()?),
        ("ESI-Label", None | Some("single-active")) => ExtCommunityKind::EsiLabel {
            single_active: flag.is_some(),
            label: Vni::new(first.parse().ok()?)?,
        },
        ("ES-Import", None) => ExtCommunityKind::EsImport(value.parse().ok()?),
        ("ND", _) => nd_flags(value)?,
        _ => return None,
    })
}

fn nd_flags(value: &str) -> Option<ExtCommunityKind> {
    let names: Vec<&str> = value.split(',').filter(|name| !name.is_empty()).collect();
    let known = ["router", "override", "immutable", "proxy"];
    names.iter().all(|name| known.contains(name)).then(|| ExtCommunityKind::NdFlags {
        router: names.contains(&"router"),
        override_flag: names.contains(&"override"),
        immutable: names.contains(&"immutable"),
        proxy: names.contains(&"proxy"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_and_text() {
        for (text, octets) in [
            ("RT:65000:100", [0, 2, 0xfd, 0xe8, 0, 0, 0, 100]),
            ("RT:10.0.0.1:100", [1, 2, 10, 0, 0, 1, 0, 100]),
            ("RT:4200000000:100", [2, 2, 0xfa, 0x56, 0xea, 0, 0, 100]),
            ("ET:8", [3, 0x0c, 0, 0, 0, 0, 0, 8]),
            ("Default-Gateway", [3, 0x0d, 0, 0, 0, 0, 0, 0]),
            ("MM:5", [6, 0, 0, 0, 0, 0, 0, 5]),
            ("MM:0,sticky", [6, 0, 1, 0, 0, 0, 0, 0]),
            ("ESI-Label:100,single-active", [6, 1, 1, 0, 0, 0, 0, 100]),
            ("ES-Import:02:00:00:00:00:01", [6, 2, 2, 0, 0, 0, 0, 1]),
            ("Rmac:02:00:00:00:00:01", [6, 3, 2, 0, 0, 0, 0, 1]),
            ("ND:router,override", [6, 8, 3, 0, 0, 0, 0, 0]),
            ("ND:", [6, 8, 0, 0, 0, 0, 0, 0]),
            ("0x4002fde800000064", [0x40, 2, 0xfd, 0xe8, 0, 0, 0, 100]),
        ] {
            assert_eq!(ExtCommunity(octets).to_string(), text);
            assert_eq!(text.parse(), Ok(ExtCommunity(octets)), "{text}");
        }
    }

    #[test]
    fn what_a_name_would_hide_is_shown_in_full() {
        let reserved_bits = ExtCommunity([6, 0, 3, 0, 0, 0, 0, 5]);
        assert_eq!(reserved_bits.kind(), ExtCommunityKind::MacMobility { sticky: true, sequence: 5 });
        assert_eq!(reserved_bits.to_string(), "0x0600030000000005");
    }

    #[test]
    fn not_extended_communities() {
        for text in
            ["", "RT:", "RT:1:2,sticky", "MM:1,mobile", "ET:65536", "0x00", "ESI-Label:16777216", "ND:x"]
        {
            assert!(text.parse::<ExtCommunity>().is_err(), "{text}");
        }
    }

    #[test]
    fn transitivity() {
        assert!(ExtCommunity::mac_mobility(false, 1).is_transitive());
        assert!(!ExtCommunity([0x43, 0, 0, 0, 0, 0, 0, 0]).is_transitive());
    }
}
