//! Admission: which received routes may be used at all. A refused route counts as withdrawn.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use crate::otc;
use crate::types::{Asn, Family, RouterId};
use crate::wire::Attrs;

use super::source::{Admission, Source, SourceKind};

/// Who this speaker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalIdentity {
    /// Its AS.
    pub asn: Asn,
    /// Its BGP identifier.
    pub router_id: RouterId,
    /// The cluster it reflects for (RFC 4456 section 7).
    pub cluster_id: Ipv4Addr,
    /// Its own addresses, the VTEP included, in order: no received route may point back at them (RFC 4271
    /// section 5.1.3).
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
    /// AS_PATH has a set in it, which nobody may send any more (RFC 9774 section 3).
    AsSet,
    /// It was sent down in the hierarchy of providers before, and comes up or from the side (RFC 9234 section 5).
    RouteLeak,
}

impl Rejected {
    /// Every reason, in order.
    pub const ALL: [Rejected; 8] = [
        Rejected::AsLoop,
        Rejected::FirstAs,
        Rejected::OriginatorIsUs,
        Rejected::ClusterLoop,
        Rejected::NextHopIsUs,
        Rejected::Policy,
        Rejected::AsSet,
        Rejected::RouteLeak,
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
            Rejected::AsSet => "as-set",
            Rejected::RouteLeak => "route-leak",
        }
    }
}

/// In words.
impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rejected::AsLoop => "its AS path names this AS",
            Rejected::FirstAs => "the neighbor's AS does not come first in its AS path",
            Rejected::OriginatorIsUs => "it is this router's own",
            Rejected::ClusterLoop => "it has passed this cluster before",
            Rejected::NextHopIsUs => "its next hop is this node",
            Rejected::Policy => "the import policy rejects it",
            Rejected::AsSet => "its AS path has a set in it",
            Rejected::RouteLeak => "it is a route leak",
        })
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

/// Whether routes of `family` with `attrs` from `source` may be used.
pub fn admit(attrs: &Attrs, family: Family, us: &LocalIdentity, source: &Source) -> Result<(), Rejected> {
    let Admission { enforce_first_as, allow_as_in, as_sets, role } = source.admission;
    let ebgp = source.kind == SourceKind::Ebgp;
    let role = role.filter(|_| ebgp && otc::applies(family));
    let refuse = |condition: bool, reason| if condition { Err(reason) } else { Ok(()) };
    let is_leak = |ours| otc::is_leak(ours, source.asn, attrs.only_to_customer);

    let is_us = |asn| asn == us.asn || source.local_as.is_some_and(|local| local.asn == asn);
    let ours = attrs.as_path.asns().filter(|asn| is_us(*asn)).count();
    refuse(ours > usize::from(allow_as_in), Rejected::AsLoop)?;
    refuse(!as_sets && attrs.as_path.has_sets(), Rejected::AsSet)?;
    refuse(role.is_some_and(is_leak), Rejected::RouteLeak)?;
    refuse(ebgp && enforce_first_as && attrs.as_path.neighbor() != Some(source.asn), Rejected::FirstAs)?;
    refuse(attrs.originator_id == Some(us.router_id), Rejected::OriginatorIsUs)?;
    refuse(attrs.cluster_list.contains(&us.cluster_id), Rejected::ClusterLoop)?;
    // Who speaks for this node may say that a prefix is here. A MAC that is here is seen, and not said.
    let may_lead_here = source.kind == SourceKind::Local && family != Family::L2vpnEvpn;
    let is_our_address = us.addresses.binary_search(&attrs.next_hop.address()).is_ok();
    refuse(is_our_address && !may_lead_here, Rejected::NextHopIsUs)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{attrs, identity, source};
    use super::*;
    use crate::types::{BgpRole, LocalAs, PeerId};
    use crate::wire::NextHop;

    const IBGP: PeerId = PeerId(0);
    const EBGP: PeerId = PeerId(3);

    fn check(peer: PeerId, attrs: &Attrs) -> Result<(), Rejected> {
        check_as(Admission::default(), peer, attrs)
    }

    fn check_as(admission: Admission, peer: PeerId, attrs: &Attrs) -> Result<(), Rejected> {
        admit(attrs, Family::Ipv4Unicast, &identity(), &Source { admission, ..source(peer) })
    }

    #[test]
    fn operators_may_allow_what_is_refused_otherwise() {
        let (us, neighbor) = (identity().asn.0, source(EBGP).asn.0);
        let twice = attrs(&[neighbor, us, us]);
        let allowing = |allow_as_in| Admission { allow_as_in, ..Admission::default() };
        assert_eq!(check_as(allowing(1), EBGP, &twice), Err(Rejected::AsLoop));
        assert_eq!(check_as(allowing(2), EBGP, &twice), Ok(()));
        let any_first = Admission { enforce_first_as: false, ..Admission::default() };
        assert_eq!(check_as(any_first, EBGP, &attrs(&[1, neighbor])), Ok(()));
        assert_eq!(check_as(any_first, EBGP, &attrs(&[])), Ok(()));
    }

    #[test]
    fn sets_are_refused_unless_they_are_allowed() {
        let as_sets = Admission { as_sets: true, ..Admission::default() };
        for (path, refused) in
            [("64503 1", false), ("64503 {1,2}", true), ("64503 [1]", true), ("64503 (1)", false)]
        {
            let attrs = Attrs { as_path: path.parse().unwrap(), ..attrs(&[]) };
            let expected = if refused { Err(Rejected::AsSet) } else { Ok(()) };
            assert_eq!(check(EBGP, &attrs), expected, "{path}");
            assert_eq!(check_as(as_sets, EBGP, &attrs), Ok(()), "{path}");
        }
    }

    #[test]
    fn leaks_are_refused_of_external_ip_routes() {
        let role = Some(BgpRole::Provider);
        let us_provider = Admission { role, ..Admission::default() };
        let from = source(EBGP);
        let marked = Attrs { only_to_customer: Some(Asn(1)), ..attrs(&[from.asn.0]) };
        assert_eq!(check_as(us_provider, EBGP, &marked), Err(Rejected::RouteLeak));
        assert_eq!(check(EBGP, &marked), Ok(()), "without a role");
        assert_eq!(check_as(us_provider, IBGP, &marked), Ok(()));
        let source = Source { admission: us_provider, ..from };
        assert_eq!(admit(&marked, Family::L2vpnEvpn, &identity(), &source), Ok(()));
    }

    #[test]
    fn what_comes_round_again_is_refused() {
        let us = identity();
        let neighbor = source(EBGP).asn.0;
        assert_eq!(check(EBGP, &attrs(&[neighbor, 1, us.asn.0])), Err(Rejected::AsLoop));
        assert_eq!(check(IBGP, &attrs(&[1, us.asn.0])), Err(Rejected::AsLoop));
        let local_as = Some(LocalAs { asn: Asn(7), prepends: true, replaces: false });
        let disguised = Source { local_as, ..source(EBGP) };
        assert_eq!(
            admit(&attrs(&[neighbor, 7]), Family::Ipv4Unicast, &us, &disguised),
            Err(Rejected::AsLoop)
        );
        assert_eq!(check(EBGP, &attrs(&[neighbor, 7])), Ok(()));
        let ours = Attrs { originator_id: Some(us.router_id), ..attrs(&[]) };
        assert_eq!(check(IBGP, &ours), Err(Rejected::OriginatorIsUs));
        let cluster_list = [[9; 4].into(), us.cluster_id].into();
        assert_eq!(check(IBGP, &Attrs { cluster_list, ..attrs(&[]) }), Err(Rejected::ClusterLoop));
        let next_hop = NextHop::Ipv4(us.router_id.0);
        let leads_here = Attrs { next_hop, ..attrs(&[]) };
        assert_eq!(check(IBGP, &leads_here), Err(Rejected::NextHopIsUs));
        let local = Source { kind: SourceKind::Local, ..source(IBGP) };
        assert_eq!(admit(&leads_here, Family::Ipv4Unicast, &us, &local), Ok(()));
        assert_eq!(admit(&leads_here, Family::L2vpnEvpn, &us, &local), Err(Rejected::NextHopIsUs));
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
