//! EVPN NLRI (RFC 7432 section 7, RFC 9136): route types 1 to 5.
//!
//! Here are the types; `parse` and `emit` know how they travel, `text` how they are written. Labels stay the
//! raw three octets of their field: in VXLAN they are VNIs (RFC 8365 section 5.1.3).

use std::net::IpAddr;

use ipnet::IpNet;

use crate::types::{Esi, EthernetTag, Mac, Rd, Vni};

pub(super) mod emit;
pub(super) mod parse;
mod text;

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

/// The route type field (RFC 7432 section 7, RFC 9136 section 3).
mod route_type {
    pub(super) const ETHERNET_AD: u8 = 1;
    pub(super) const MAC_IP: u8 = 2;
    pub(super) const IMET: u8 = 3;
    pub(super) const ETHERNET_SEGMENT: u8 = 4;
    pub(super) const IP_PREFIX: u8 = 5;
}

impl EvpnKey {
    /// The route type, 1 to 5.
    pub fn route_type(&self) -> u8 {
        match self {
            EvpnKey::EthernetAd { .. } => route_type::ETHERNET_AD,
            EvpnKey::MacIp { .. } => route_type::MAC_IP,
            EvpnKey::Imet { .. } => route_type::IMET,
            EvpnKey::EthernetSegment { .. } => route_type::ETHERNET_SEGMENT,
            EvpnKey::IpPrefix { .. } => route_type::IP_PREFIX,
        }
    }

    /// The route distinguisher, which every type has.
    pub fn rd(&self) -> Rd {
        match *self {
            EvpnKey::EthernetAd { rd, .. }
            | EvpnKey::MacIp { rd, .. }
            | EvpnKey::Imet { rd, .. }
            | EvpnKey::EthernetSegment { rd, .. }
            | EvpnKey::IpPrefix { rd, .. } => rd,
        }
    }
}
