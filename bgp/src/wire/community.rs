//! Communities: plain (RFC 1997), extended (RFC 4360, and those of EVPN), large (RFC 8092).

use std::net::Ipv4Addr;

use crate::types::{Asn, Mac, Vni};

/// A community (RFC 1997): `65000:100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Community(pub u32);

/// A large community (RFC 8092): `65000:1:2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LargeCommunity(pub [u32; 3]);

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

/// A tunnel type (IANA, RFC 9012); VXLAN is the one linnet makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TunnelType(pub u16);

impl TunnelType {
    /// VXLAN.
    pub const VXLAN: TunnelType = TunnelType(8);
}
