//! Path attributes: the set that paths share.
//!
//! Here are the types. `code` has the numbers, `form` the flags and lengths that each attribute can have,
//! `parse` and `emit` the way from and to octets, `mp` that of the attributes which carry routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::types::{Asn, RouterId};

use super::community::ExtCommunityKind;
use super::{AsPath, Community, ExtCommunity, LargeCommunity, PmsiTunnel, RouteTarget, TunnelType};

pub(super) mod code;
pub(super) mod emit;
mod form;
pub(super) mod mp;
pub(super) mod parse;

/// A set of path attributes, as named fields (RFC 4271 section 5 and those it grew since).
///
/// What MP_REACH_NLRI carries besides routes, the next hop, is folded in here, so that two paths with equal
/// `Attrs` can share one UPDATE. AS4_PATH and AS4_AGGREGATOR are already merged (RFC 6793 section 4.2.3).
/// Lists keep the order in which they came.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attrs {
    /// ORIGIN (1).
    pub origin: Origin,
    /// AS_PATH (2), four-octet.
    pub as_path: AsPath,
    /// NEXT_HOP (3) or the next hop of MP_REACH_NLRI (14).
    pub next_hop: NextHop,
    /// MULTI_EXIT_DISC (4).
    pub med: Option<u32>,
    /// LOCAL_PREF (5).
    pub local_pref: Option<u32>,
    /// ATOMIC_AGGREGATE (6).
    pub atomic_aggregate: bool,
    /// AGGREGATOR (7).
    pub aggregator: Option<Aggregator>,
    /// COMMUNITIES (8), RFC 1997.
    pub communities: Box<[Community]>,
    /// ORIGINATOR_ID (9), RFC 4456.
    pub originator_id: Option<RouterId>,
    /// CLUSTER_LIST (10), RFC 4456, nearest cluster first.
    pub cluster_list: Box<[Ipv4Addr]>,
    /// EXTENDED COMMUNITIES (16), RFC 4360.
    pub ext_communities: Box<[ExtCommunity]>,
    /// PMSI_TUNNEL (22), RFC 6514.
    pub pmsi: Option<Box<PmsiTunnel>>,
    /// LARGE_COMMUNITY (32), RFC 8092.
    pub large_communities: Box<[LargeCommunity]>,
    /// ONLY_TO_CUSTOMER (35), RFC 9234: the AS that sent the route down to its customers or to its peers.
    pub only_to_customer: Option<Asn>,
    /// What linnet has no name for, optional and transitive, kept to be passed on (RFC 4271 section 5).
    pub unknown: Box<[UnknownAttr]>,
    /// A preference of this speaker's own, set by a policy. No attribute: never received and never sent.
    pub weight: Option<u32>,
}

/// ORIGIN. The order is the one of the decision process: lower is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// 0: interior to the originating AS.
    Igp,
    /// 1: learnt by EGP.
    Egp,
    /// 2: by some other means.
    Incomplete,
}

/// Where packets for the route go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NextHop {
    /// An IPv4 address; for EVPN the VTEP.
    Ipv4(Ipv4Addr),
    /// An IPv6 address; for EVPN the VTEP.
    Ipv6(Ipv6Addr),
    /// A global and a link-local address (RFC 2545 section 3).
    Ipv6LinkLocal(Ipv6Addr, Ipv6Addr),
}

/// AGGREGATOR: who aggregated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Aggregator {
    /// The aggregator's AS.
    pub asn: Asn,
    /// The aggregator's identifier.
    pub router_id: Ipv4Addr,
}

/// An attribute kept without being understood.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnknownAttr {
    /// Its flags as they are to be sent: the partial bit is set already.
    pub flags: u8,
    /// Its type code.
    pub kind: u8,
    /// Its value.
    pub value: Box<[u8]>,
}

impl Attrs {
    /// What a route of this speaker's own begins with: ORIGIN IGP, an empty AS_PATH, nothing else.
    pub fn new(next_hop: NextHop) -> Attrs {
        Attrs {
            origin: Origin::Igp,
            as_path: AsPath::default(),
            next_hop,
            med: None,
            local_pref: None,
            atomic_aggregate: false,
            aggregator: None,
            communities: Box::default(),
            originator_id: None,
            cluster_list: Box::default(),
            ext_communities: Box::default(),
            pmsi: None,
            large_communities: Box::default(),
            only_to_customer: None,
            unknown: Box::default(),
            weight: None,
        }
    }

    /// About how many octets it takes in memory.
    pub(crate) fn weight(&self) -> usize {
        let unknown: usize = self.unknown.iter().map(|attr| size_of_val(attr) + attr.value.len()).sum();
        size_of::<Attrs>()
            + self.as_path.octets().len()
            + size_of_val(&*self.communities)
            + size_of_val(&*self.cluster_list)
            + size_of_val(&*self.ext_communities)
            + size_of_val(&*self.large_communities)
            + unknown
    }

    /// The route targets, in the order in which they came.
    pub fn route_targets(&self) -> impl Iterator<Item = RouteTarget> + '_ {
        self.ext_communities.iter().filter_map(|community| community.route_target())
    }

    /// MAC mobility: whether the MAC is sticky, and the sequence number. Without the community a route counts
    /// as not sticky and 0 (RFC 7432 section 15.1).
    pub fn mac_mobility(&self) -> (bool, u32) {
        let found = self.ext_communities.iter().find_map(|community| match community.kind() {
            ExtCommunityKind::MacMobility { sticky, sequence } => Some((sticky, sequence)),
            _ => None,
        });
        found.unwrap_or_default()
    }

    /// The first encapsulation named, if any is.
    pub fn encapsulation(&self) -> Option<TunnelType> {
        self.ext_communities.iter().find_map(|community| match community.kind() {
            ExtCommunityKind::Encapsulation(tunnel) => Some(tunnel),
            _ => None,
        })
    }
}

impl Origin {
    fn new(number: u8) -> Option<Origin> {
        Some(match number {
            0 => Origin::Igp,
            1 => Origin::Egp,
            2 => Origin::Incomplete,
            _ => return None,
        })
    }

    /// `igp`, `egp` or `incomplete`.
    pub fn name(self) -> &'static str {
        match self {
            Origin::Igp => "igp",
            Origin::Egp => "egp",
            Origin::Incomplete => "incomplete",
        }
    }
}

impl From<IpAddr> for NextHop {
    fn from(address: IpAddr) -> NextHop {
        match address {
            IpAddr::V4(a) => NextHop::Ipv4(a),
            IpAddr::V6(a) => NextHop::Ipv6(a),
        }
    }
}

impl NextHop {
    /// The address to route towards: the global one where there are two.
    pub fn address(self) -> IpAddr {
        match self {
            NextHop::Ipv4(a) => a.into(),
            NextHop::Ipv6(a) | NextHop::Ipv6LinkLocal(a, _) => a.into(),
        }
    }

    /// What a speaker passes on of an IP route's next hop that is not its own: a link-local address stays on its link
    /// (RFC 2545 section 3). `None` where nothing is left.
    pub fn beyond_its_link(self) -> Option<NextHop> {
        match self {
            NextHop::Ipv6(a) if a.is_unicast_link_local() => None,
            NextHop::Ipv6LinkLocal(a, _) => Some(NextHop::Ipv6(a)),
            other => Some(other),
        }
    }

    /// Whether a host can have the address: a next hop that none can have is an error of the sender's
    /// (RFC 4271 section 6.3).
    pub fn is_host(self) -> bool {
        match self.address() {
            IpAddr::V4(a) => !matches!(a.octets(), [0 | 127 | 224.., ..]),
            IpAddr::V6(a) => !a.is_unspecified() && !a.is_loopback() && !a.is_multicast(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(communities: &[&str]) -> Attrs {
        let ext_communities = communities.iter().map(|text| text.parse().unwrap()).collect();
        Attrs { ext_communities, ..Attrs::new(NextHop::Ipv4(Ipv4Addr::new(10, 0, 0, 1))) }
    }

    #[test]
    fn what_extended_communities_say() {
        let attrs = with(&["ET:8", "RT:65000:1", "MM:7,sticky", "RT:10.0.0.1:2", "ET:2"]);
        let targets: Vec<_> = attrs.route_targets().map(|target| target.to_string()).collect();
        assert_eq!(targets, ["65000:1", "10.0.0.1:2"]);
        assert_eq!(attrs.mac_mobility(), (true, 7));
        assert_eq!(attrs.encapsulation(), Some(TunnelType::VXLAN));
    }

    #[test]
    fn what_their_absence_says() {
        let attrs = with(&["0x0009fde800000001"]);
        assert_eq!(attrs.route_targets().count(), 0);
        assert_eq!(attrs.mac_mobility(), (false, 0));
        assert_eq!(attrs.encapsulation(), None);
    }

    #[test]
    fn next_hops_that_hosts_can_have() {
        for (text, host) in [
            ("10.0.0.1", true),
            ("0.0.0.1", false),
            ("127.0.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2001:db8::1", true),
            ("fe80::1", true),
            ("::", false),
            ("::1", false),
            ("ff02::1", false),
        ] {
            let next_hop = NextHop::from(text.parse::<IpAddr>().unwrap());
            assert_eq!(next_hop.is_host(), host, "{text}");
        }
    }
}
