//! Which paths a list is asked for.

use std::net::IpAddr;

use api::query::ApiError;
use api::v1;
use bgp::rib::{Rib, Table};
use bgp::types::{Family, Mac, PeerId, Rd};
use bgp::wire::{Attrs, Nlri, RouteTarget};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::core::Core;

use super::describe::{AnyNlri, Describe};
use super::{Answered, parse, parse_filter};

/// A list of one neighbour's that is not a part of the table.
#[derive(Clone, Copy)]
pub(super) enum Adj {
    /// What it has been sent.
    Out,
    /// What it sent, as it came.
    Received,
}

/// All that a path has to be, to be listed.
pub(super) struct PathFilter {
    families: Vec<Family>,
    route_types: Vec<i32>,
    rd: Option<Rd>,
    vni: Option<u32>,
    route_target: Option<RouteTarget>,
    mac: Option<Mac>,
    ip: Option<IpAddr>,
    within: Option<IpNet>,
    /// The one destination.
    pub(super) nlri: Option<AnyNlri>,
    /// From this source only.
    pub(super) neighbor: Option<PeerId>,
    /// Not from the table, but what this peer was sent or sent itself.
    pub(super) adj: Option<(Adj, PeerId)>,
    /// Loc-RIB.
    pub(super) best_only: bool,
}

impl PathFilter {
    pub(super) fn asks_for(&self, family: Family) -> bool {
        self.families.is_empty() || self.families.contains(&family)
    }

    pub(super) fn key_matches<N: Describe>(&self, key: &N) -> bool {
        let described = key.described();
        let is_within = |block: IpNet| described.prefix.is_some_and(|prefix| block.contains(&prefix));
        (self.route_types.is_empty() || self.route_types.contains(&described.route_type.into()))
            && self.rd.is_none_or(|rd| described.rd == Some(rd))
            && self.mac.is_none_or(|mac| described.mac == Some(mac))
            && self.ip.is_none_or(|ip| described.ip == Some(ip))
            && self.within.is_none_or(is_within)
            && self.nlri.is_none_or(|nlri| N::from_any(&nlri).as_ref() == Some(key))
    }

    pub(super) fn path_matches<N: Describe>(&self, body: &N::Body, attrs: &Attrs) -> bool {
        self.vni.is_none_or(|vni| N::vni(body, attrs) == Some(vni))
            && self.route_target.is_none_or(|target| attrs.route_targets().any(|other| other == target))
    }
}

impl Core {
    pub(super) fn path_filter(&self, query: &v1::ListPathsRequest) -> Answered<PathFilter> {
        let families = query.families.iter().map(|f| parse("families", f)).collect::<Answered<_>>()?;
        let table = v1::Table::try_from(query.table).unwrap_or_default();
        let neighbor = match &query.neighbor[..] {
            "" if matches!(table, v1::Table::In | v1::Table::Out | v1::Table::Received) => {
                return Err(ApiError::InvalidArgument(
                    "an Adj-RIB is one neighbour's: name it in neighbor".into(),
                ));
            }
            "" => None,
            "local" => Some(PeerId::LOCAL),
            address => Some(self.neighbor(address)?.id),
        };
        let adj = match table {
            v1::Table::Out => neighbor.map(|peer| (Adj::Out, peer)),
            v1::Table::Received => neighbor.map(|peer| (Adj::Received, peer)),
            _ => None,
        };
        if let Some((Adj::Received, peer)) = adj {
            self.check_kept(peer)?;
        }
        Ok(PathFilter {
            families,
            route_types: query.route_types.clone(),
            rd: parse_filter("rd", &query.rd)?,
            vni: query.vni,
            route_target: parse_filter("route_target", &query.route_target)?,
            mac: parse_filter("mac", &query.mac)?,
            ip: parse_filter("ip", &query.ip)?,
            within: parse_filter("within", &query.within)?,
            nlri: self.destination_of(query)?,
            neighbor: neighbor.filter(|_| adj.is_none()),
            adj,
            best_only: table == v1::Table::Local,
        })
    }

    /// The one destination that is asked for, by name or by an address that it is the best match of.
    fn destination_of(&self, query: &v1::ListPathsRequest) -> Answered<Option<AnyNlri>> {
        let (nlri, address) =
            (parse_filter("nlri", &query.nlri)?, parse_filter("longest_match", &query.longest_match)?);
        match (nlri, address) {
            (Some(_), Some(_)) => {
                Err(ApiError::InvalidArgument("one of nlri and longest_match, not both".to_owned()))
            }
            (nlri, None) => Ok(nlri),
            // The address alone, where nothing covers it: an answer without rows.
            (None, Some(address)) => {
                let prefix = longest_match(&self.rib, address).unwrap_or_else(|| IpNet::from(address));
                Ok(Some(AnyNlri::Prefix(prefix)))
            }
        }
    }
}

/// The longest prefix with a path among the host's own and those around it.
fn covering<N: Nlri>(table: &Table<N>, host: N, shorter: impl Fn(&N) -> Option<N>) -> Option<N> {
    let mut prefixes = std::iter::successors(Some(host), shorter);
    prefixes.find(|prefix| {
        table.get(*prefix).is_some_and(|(_, destination)| destination.paths().next().is_some())
    })
}

/// The longest prefix with a path that covers an address.
pub(super) fn longest_match(rib: &Rib, address: IpAddr) -> Option<IpNet> {
    match address {
        IpAddr::V4(address) => covering(&rib.ipv4, Ipv4Net::from(address), Ipv4Net::supernet).map(IpNet::V4),
        IpAddr::V6(address) => covering(&rib.ipv6, Ipv6Net::from(address), Ipv6Net::supernet).map(IpNet::V6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::Node;
    use bgp::session::Received;
    use bgp::types::PathId;
    use bgp::wire::{NextHop, Nlris, Route};
    use std::sync::Arc;

    /// The prefixes and keys that such a list shows, where a neighbour announces three prefixes.
    fn listed(query: &v1::ListPathsRequest) -> Vec<String> {
        let mut node = Node::native("", &[]);
        node.up(0);
        let prefixes = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "192.0.2.0/24"];
        let routes =
            prefixes.map(|prefix| Route { nlri: prefix.parse().unwrap(), path_id: PathId(0), body: () });
        let mut attrs = Attrs::new(NextHop::Ipv4([10, 0, 1, 1].into()));
        attrs.ext_communities = ["65000:7".parse::<RouteTarget>().unwrap().into()].into();
        let reach = vec![(Arc::new(attrs), Nlris::Ipv4(routes.to_vec()))];
        node.peer(0, crate::core::PeerNews::Routes(Received { reach, unreach: Vec::new() }));
        node.run();
        let listed = node.core.list_paths(node.now, query).unwrap();
        listed.paths.into_iter().map(|path| path.prefix).collect()
    }

    #[test]
    fn by_prefix_address_and_route_target() {
        let of = |within: &str, longest_match: &str, route_target: &str| {
            let text = str::to_owned;
            let (within, longest_match, route_target) =
                (text(within), text(longest_match), text(route_target));
            listed(&v1::ListPathsRequest { within, longest_match, route_target, ..Default::default() })
        };
        assert_eq!(of("10.1.0.0/16", "", ""), ["10.1.0.0/16", "10.1.2.0/24"]);
        assert_eq!(of("0.0.0.0/0", "", "").len(), 4);
        assert_eq!(of("fd00::/8", "", ""), [""; 0]);
        assert_eq!(of("", "10.1.2.3", ""), ["10.1.2.0/24"]);
        assert_eq!(of("", "10.2.0.1", ""), ["10.0.0.0/8"]);
        assert_eq!(of("", "11.0.0.1", ""), [""; 0]);
        assert_eq!(of("10.1.2.0/24", "", "65000:7"), ["10.1.2.0/24"]);
        assert_eq!(of("", "", "65000:8"), [""; 0]);
    }
}
