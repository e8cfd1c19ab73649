//! PMSI_TUNNEL (RFC 6514 section 5): how broadcast reaches the sender of a Type 3.

use crate::types::Vni;

/// The attribute, with the endpoint left as octets: only ingress replication is understood, the rest is
/// passed on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PmsiTunnel {
    /// Bit 0: leaf information required.
    pub flags: u8,
    /// What kind of tunnel: 6 is ingress replication.
    pub tunnel_type: u8,
    /// The label field: the VNI.
    pub vni: Vni,
    /// Tunnel identifier; 4 or 16 octets of address for ingress replication.
    pub endpoint: Box<[u8]>,
}
