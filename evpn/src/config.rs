//! What the operator decides about EVPN: who this node is, which VNIs it serves, and their route targets.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use bgp::types::{Asn, ParseError, Rd, RouterId, Vni};
use bgp::wire::RouteTarget;

use crate::duplicates::DuplicateRules;

/// Everything EVPN needs to be told. Contradictions (a VNI listed twice) are refused by who reads the file;
/// here the first one counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// This node's AS: its low sixteen bits stand in automatic route targets.
    pub asn: Asn,
    /// Stands in automatic route distinguishers.
    pub router_id: RouterId,
    /// The tunnel address. Without one each VNI uses the local address of its own device.
    pub vtep: Option<IpAddr>,
    /// Serve every VNI that the dataplane has, not only those listed.
    pub advertise_all_vni: bool,
    /// Broadcast, unknown unicast and multicast frames are flooded, where a VNI does not say otherwise.
    pub flooding: bool,
    /// What a host that moves too often is.
    pub duplicates: DuplicateRules,
    /// VNIs to be served, and what deviates from automatic in them.
    pub vnis: Vec<VniConfig>,
}

/// One VNI's settings; what is `None` is automatic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VniConfig {
    /// The network.
    pub vni: Vni,
    /// Automatic: the router id and a small index (RFC 7432 section 7.9).
    pub rd: Option<Rd>,
    /// Automatic: [`ImportTarget::AnyAs`] of this VNI.
    pub import_rt: Option<Vec<ImportTarget>>,
    /// Automatic: this AS (low sixteen bits) and the VNI.
    pub export_rt: Option<Vec<RouteTarget>>,
    /// Automatic: [`Config::flooding`].
    pub flooding: Option<bool>,
    /// VTEPs that get flooded frames though they may not ask for them.
    pub static_vteps: Vec<IpAddr>,
}

impl VniConfig {
    /// A VNI with everything automatic.
    pub fn auto(vni: Vni) -> VniConfig {
        VniConfig {
            vni,
            rd: None,
            import_rt: None,
            export_rt: None,
            flooding: None,
            static_vteps: Vec::new(),
        }
    }
}

/// Which routes a VNI takes: those with a route target like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImportTarget {
    /// Exactly this one.
    Exact(RouteTarget),
    /// `*:VNI`: the automatic target of this VNI from any AS, in every form in which speakers write it:
    /// AS:VNI, AS:(0x10000000 | VNI) (RFC 8365 section 5.1.2.1), and the forms whose number has two octets,
    /// where the VNI fits.
    AnyAs(Vni),
}

impl ImportTarget {
    /// Whether it lets in what carries `target`.
    pub fn takes(&self, target: RouteTarget) -> bool {
        match *self {
            ImportTarget::Exact(wanted) => wanted == target,
            ImportTarget::AnyAs(vni) => automatic_vni(target) == Some(vni),
        }
    }
}

/// The VNI whose automatic target this is, in any AS.
pub(crate) fn automatic_vni(target: RouteTarget) -> Option<Vni> {
    // RFC 8365 section 5.1.2.1: an automatic target (0) of type VXLAN (1) in domain 0, then the VNI.
    const AUTORT_VXLAN: u32 = 0x10;
    match target {
        RouteTarget::As2(_, number) if number >> 24 == AUTORT_VXLAN => Vni::new(number & Vni::MAX.get()),
        RouteTarget::As2(_, number) => Vni::new(number),
        RouteTarget::As4(_, number) | RouteTarget::Ipv4(_, number) => Vni::new(number.into()),
    }
}

/// A route target's own notation, or `*:100`.
impl fmt::Display for ImportTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImportTarget::Exact(target) => target.fmt(f),
            ImportTarget::AnyAs(vni) => write!(f, "*:{vni}"),
        }
    }
}

impl FromStr for ImportTarget {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let expected = "a route target such as 65000:100 or 10.0.0.1:100, or *:100 for VNI 100 of any AS";
        if let Some(number) = s.strip_prefix("*:") {
            let vni = number.parse().ok().and_then(Vni::new);
            return vni.map(ImportTarget::AnyAs).ok_or(ParseError { expected });
        }
        s.parse().map(ImportTarget::Exact).map_err(|_| ParseError { expected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_targets_as_text() {
        for text in ["65000:100", "10.0.0.1:100", "4200000000:9", "*:100", "*:16777215"] {
            assert_eq!(text.parse::<ImportTarget>().map(|t| t.to_string()).as_deref(), Ok(text));
        }
        for text in ["*:16777216", "*", "*:", "100", ""] {
            assert!(text.parse::<ImportTarget>().is_err(), "{text}");
        }
    }
}
