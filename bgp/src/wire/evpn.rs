//! EVPN NLRI (RFC 7432 section 7, RFC 9136): route types 1 to 5.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::types::{Esi, EthernetTag, Mac, Rd, Vni};

/// What identifies an EVPN route. ESI and labels of a Type 2 are not part of it (RFC 7432 section 7.2):
/// a re-advertisement with another label replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EvpnKey {
    /// Type 1, Ethernet auto-discovery.
    EthernetAd {
        /// Of the advertising instance.
        rd: Rd,
        /// The segment.
        esi: Esi,
        /// The tag; 0xffffffff for a route per segment.
        tag: EthernetTag,
    },
    /// Type 2, a host's MAC, with or without its IP address.
    MacIp {
        /// Of the advertising instance.
        rd: Rd,
        /// The tag.
        tag: EthernetTag,
        /// The host's MAC.
        mac: Mac,
        /// The host's address.
        ip: Option<IpAddr>,
    },
    /// Type 3, inclusive multicast Ethernet tag: who wants the flooded frames.
    Imet {
        /// Of the advertising instance.
        rd: Rd,
        /// The tag.
        tag: EthernetTag,
        /// The originating router's address: the VTEP.
        originator: IpAddr,
    },
    /// Type 4, Ethernet segment.
    EthernetSegment {
        /// Of the advertising router.
        rd: Rd,
        /// The segment.
        esi: Esi,
        /// The originating router's address.
        originator: IpAddr,
    },
    /// Type 5, IP prefix (RFC 9136).
    IpPrefix {
        /// Of the advertising VRF.
        rd: Rd,
        /// The tag.
        tag: EthernetTag,
        /// The prefix.
        prefix: IpNet,
    },
}

/// What else an EVPN route carries: may change without its being another route. Fields that a type does
/// not have are zero or `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct EvpnBody {
    /// Types 2 and 5.
    pub esi: Esi,
    /// Type 5; unspecified (all zero) becomes `None`.
    pub gateway: Option<IpAddr>,
    /// Types 1, 2, 5: the (first) label, raw.
    pub label: Vni,
    /// Type 2: the second label, the L3 VNI.
    pub label2: Option<Vni>,
}

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
