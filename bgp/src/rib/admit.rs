//! Admission: which received routes may be used at all. A refused route counts as withdrawn.

use std::net::{IpAddr, Ipv4Addr};

use crate::types::{Asn, RouterId};
use crate::wire::Attrs;

use super::source::{Source, SourceKind};

/// Who this speaker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalIdentity {
    /// Its AS.
    pub asn: Asn,
    /// Its BGP identifier.
    pub router_id: RouterId,
    /// The cluster it reflects for (RFC 4456 section 7).
    pub cluster_id: Ipv4Addr,
    /// Its own addresses, the VTEP included: no received route may point back at them.
    pub addresses: Box<[IpAddr]>,
}

/// Why a route is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rejected {
    /// AS_PATH names this AS (RFC 4271 section 9.1.2).
    AsLoop,
    /// An eBGP peer's AS does not come first in AS_PATH (RFC 4271 section 6.3).
    FirstAs,
    /// ORIGINATOR_ID is this router (RFC 4456 section 8).
    OriginatorIsUs,
    /// CLUSTER_LIST names this cluster (RFC 4456 section 8).
    ClusterLoop,
    /// The next hop is this router (RFC 4271 section 6.3).
    NextHopIsUs,
    /// The import policy rejects it.
    Policy,
}

impl Rejected {
    /// Every reason, in order.
    pub const ALL: [Rejected; 6] = [
        Rejected::AsLoop,
        Rejected::FirstAs,
        Rejected::OriginatorIsUs,
        Rejected::ClusterLoop,
        Rejected::NextHopIsUs,
        Rejected::Policy,
    ];

    /// The name in API and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Rejected::AsLoop => "as-loop",
            Rejected::FirstAs => "first-as",
            Rejected::OriginatorIsUs => "originator-is-us",
            Rejected::ClusterLoop => "cluster-loop",
            Rejected::NextHopIsUs => "next-hop-is-us",
            Rejected::Policy => "policy",
        }
    }
}

/// How many routes were refused, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RejectedCounts([u64; Rejected::ALL.len()]);

impl RejectedCounts {
    /// How many for this reason.
    pub fn get(&self, reason: Rejected) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, reason: Rejected, routes: usize) {
        if let Some(count) = self.0.get_mut(reason as usize) {
            *count += routes as u64;
        }
    }
}

/// Whether routes with `attrs` from `source` may be used.
pub fn admit(attrs: &Attrs, us: &LocalIdentity, source: &Source) -> Result<(), Rejected> {
    let ebgp = source.kind == SourceKind::Ebgp;
    let refuse = |condition: bool, reason| if condition { Err(reason) } else { Ok(()) };

    let is_us = |asn| asn == us.asn || source.local_as.is_some_and(|local| local.asn == asn);
    refuse(attrs.as_path.asns().any(is_us), Rejected::AsLoop)?;
    refuse(ebgp && attrs.as_path.neighbor() != Some(source.asn), Rejected::FirstAs)?;
    refuse(attrs.originator_id == Some(us.router_id), Rejected::OriginatorIsUs)?;
    refuse(attrs.cluster_list.contains(&us.cluster_id), Rejected::ClusterLoop)?;
    refuse(us.addresses.contains(&attrs.next_hop.address()), Rejected::NextHopIsUs)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{attrs, identity, source};
    use super::*;
    use crate::types::{LocalAs, PeerId};
    use crate::wire::NextHop;

    const IBGP: PeerId = PeerId(0);
    const EBGP: PeerId = PeerId(3);

    fn check(peer: PeerId, attrs: &Attrs) -> Result<(), Rejected> {
        admit(attrs, &identity(), &source(peer))
    }

    #[test]
    fn what_comes_round_again_is_refused() {
        let us = identity();
        let neighbor = source(EBGP).asn.0;
        assert_eq!(check(EBGP, &attrs(&[neighbor, 1, us.asn.0])), Err(Rejected::AsLoop));
        assert_eq!(check(IBGP, &attrs(&[1, us.asn.0])), Err(Rejected::AsLoop));
        let local_as = Some(LocalAs { asn: Asn(7), prepends: true, replaces: false });
        let disguised = Source { local_as, ..source(EBGP) };
        assert_eq!(admit(&attrs(&[neighbor, 7]), &us, &disguised), Err(Rejected::AsLoop));
        assert_eq!(check(EBGP, &attrs(&[neighbor, 7])), Ok(()));
        let ours = Attrs { originator_id: Some(us.router_id), ..attrs(&[]) };
        assert_eq!(check(IBGP, &ours), Err(Rejected::OriginatorIsUs));
        let cluster_list = [[9; 4].into(), us.cluster_id].into();
        assert_eq!(check(IBGP, &Attrs { cluster_list, ..attrs(&[]) }), Err(Rejected::ClusterLoop));
        let next_hop = NextHop::Ipv4(us.router_id.0);
        assert_eq!(check(IBGP, &Attrs { next_hop, ..attrs(&[]) }), Err(Rejected::NextHopIsUs));
    }

    #[test]
    fn an_ebgp_neighbor_comes_first_in_the_path() {
        let neighbor = source(EBGP).asn.0;
        assert_eq!(check(EBGP, &attrs(&[neighbor, 1])), Ok(()));
        assert_eq!(check(EBGP, &attrs(&[1, neighbor])), Err(Rejected::FirstAs));
        assert_eq!(check(EBGP, &attrs(&[])), Err(Rejected::FirstAs));
        assert_eq!(check(IBGP, &attrs(&[])), Ok(()));
    }
}
