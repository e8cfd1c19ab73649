//! PMSI_TUNNEL (RFC 6514 section 5): how broadcast reaches the sender of a Type 3.
//!
//! ```text
//! octets  1      1            3      rest
//!         flags  tunnel type  label  tunnel identifier
//! ```

use std::net::IpAddr;

use bytes::{BufMut, BytesMut};
use nom::combinator::rest;
use nom::number::complete::be_u8;

use crate::types::Vni;

use super::parse::{Malformed, octets, whole};

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

impl PmsiTunnel {
    /// Tunnel type: each sender copies frames to every member.
    pub const INGRESS_REPLICATION: u8 = 6;

    /// Frames of `vni` are to be copied to `endpoint` (RFC 8365 section 5.1.3).
    pub fn ingress_replication(vni: Vni, endpoint: IpAddr) -> PmsiTunnel {
        let endpoint: Box<[u8]> = match endpoint {
            IpAddr::V4(a) => a.octets().into(),
            IpAddr::V6(a) => a.octets().into(),
        };
        PmsiTunnel { flags: 0, tunnel_type: Self::INGRESS_REPLICATION, vni, endpoint }
    }

    /// The tunnel type's name (RFC 6514 section 5), or its number.
    pub fn type_name(&self) -> String {
        let name = match self.tunnel_type {
            0 => "none",
            1 => "rsvp-te-p2mp",
            2 => "mldp-p2mp",
            3 => "pim-ssm",
            4 => "pim-sm",
            5 => "bidir-pim",
            Self::INGRESS_REPLICATION => "ingress-replication",
            7 => "mldp-mp2mp",
            other => return other.to_string(),
        };
        name.to_owned()
    }

    /// Where copies go, if it is ingress replication.
    pub fn ingress_endpoint(&self) -> Option<IpAddr> {
        if self.tunnel_type != Self::INGRESS_REPLICATION {
            return None;
        }
        match *self.endpoint {
            [a, b, c, d] => Some(IpAddr::from([a, b, c, d])),
            _ => <[u8; 16]>::try_from(&*self.endpoint).ok().map(IpAddr::from),
        }
    }

    pub(super) fn parse(value: &[u8]) -> Result<PmsiTunnel, Malformed<'_>> {
        let (flags, tunnel_type, label, endpoint) = whole((be_u8, be_u8, octets, rest), value)?;
        let tunnel =
            PmsiTunnel { flags, tunnel_type, vni: Vni::from_octets(label), endpoint: endpoint.into() };
        if tunnel_type == Self::INGRESS_REPLICATION && tunnel.ingress_endpoint().is_none() {
            return Err(Malformed { at: endpoint, what: "no address is this long" });
        }
        Ok(tunnel)
    }

    pub(super) fn emit(&self, out: &mut BytesMut) {
        out.put_slice(&[self.flags, self.tunnel_type]);
        out.put_slice(&self.vni.octets());
        out.put_slice(&self.endpoint);
    }

    pub(super) fn wire_len(&self) -> usize {
        5 + self.endpoint.len()
    }
}
