//! Routes by prefix, the devices that are up, and what both say of an address.

use std::net::IpAddr;

use foldhash::fast::RandomState;
use hashbrown::HashSet;
use ipnet::IpNet;
use prefix_trie::joint::JointPrefixMap;
use smallvec::SmallVec;

use super::{Hop, HopKind, Resolution, Route};
use crate::row::IfIndex;

/// The main table, and the devices.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// To each prefix its routes, the lowest priority first.
    routes: JointPrefixMap<IpNet, SmallVec<[Alternative; 1]>>,
    up: HashSet<IfIndex, RandomState>,
}

/// One of the routes to a prefix. No other has its priority.
#[derive(Debug)]
struct Alternative {
    priority: u32,
    hops: SmallVec<[Hop; 1]>,
}

impl Table {
    /// A route is there: instead of the one with its prefix and priority, or beside its ways.
    pub(super) fn put(&mut self, route: Route, replaces: bool) {
        let alternatives = self.routes.entry(route.prefix).or_default();
        match alternatives.binary_search_by_key(&route.priority, |a| a.priority) {
            Err(place) => {
                alternatives.insert(place, Alternative { priority: route.priority, hops: route.hops });
            }
            Ok(place) => {
                let Some(there) = alternatives.get_mut(place) else { return };
                if replaces {
                    there.hops.clear();
                }
                for hop in route.hops {
                    if !there.hops.contains(&hop) {
                        there.hops.push(hop);
                    }
                }
            }
        }
    }

    /// These ways of a route are there no more.
    pub(super) fn take(&mut self, route: &Route) {
        let Some(alternatives) = self.routes.get_mut(&route.prefix) else { return };
        for there in alternatives.iter_mut().filter(|there| there.priority == route.priority) {
            there.hops.retain(|hop| !route.hops.contains(hop));
        }
        alternatives.retain(|there| !there.hops.is_empty());
        if alternatives.is_empty() {
            self.routes.remove(&route.prefix);
        }
    }

    /// Says whether that is new.
    pub(super) fn set_device(&mut self, device: IfIndex, up: bool) -> bool {
        if up { self.up.insert(device) } else { self.up.remove(&device) }
    }

    /// What the longest prefix that has anything to say about an address says.
    pub(super) fn resolve(&self, address: IpAddr, via_default: bool) -> Resolution {
        // From the shortest prefix to the longest.
        let covering = self.routes.cover(&IpNet::from(address));
        covering
            .filter(|(prefix, _)| via_default || prefix.prefix_len() > 0)
            .filter_map(|(_, alternatives)| alternatives.iter().find_map(|there| self.verdict(there)))
            .last()
            .unwrap_or(Resolution::Unresolved)
    }

    /// `None` from a route that does not count: its devices are down, or it is ours.
    fn verdict(&self, route: &Alternative) -> Option<Resolution> {
        let is_up = |hop: &Hop| hop.device.is_none_or(|device| self.up.contains(&device));
        let any =
            |kind| route.hops.iter().any(|hop| hop.kind == kind && (kind != HopKind::Forwards || is_up(hop)));
        if any(HopKind::Forwards) {
            return Some(Resolution::Resolved { metric: route.priority });
        }
        any(HopKind::Refuses).then_some(Resolution::Unresolved)
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::super::RouteEvent;
    use super::*;

    /// `10.0.0.0/24 DEVICE PRIORITY [KIND]`, on the link.
    pub(in crate::routes) fn route(text: &str) -> Route {
        let words: Vec<&str> = text.split(' ').collect();
        let kind = match words.get(3) {
            None => HopKind::Forwards,
            Some(&"blackhole") => HopKind::Refuses,
            Some(&"ours") => HopKind::Ours,
            Some(other) => panic!("{other}"),
        };
        let device = Some(IfIndex(words[1].parse().unwrap()));
        let hops = [Hop { kind, device, gateway: None }].into_iter().collect();
        Route { prefix: words[0].parse().unwrap(), priority: words[2].parse().unwrap(), hops }
    }

    pub(in crate::routes) fn device_up(index: u32) -> RouteEvent {
        RouteEvent::Device { index: IfIndex(index), up: true }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::route;
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    /// With devices 1 and 2, of which only 1 is up.
    fn table(routes: &[&str]) -> Table {
        let mut table = Table::default();
        table.set_device(IfIndex(1), true);
        routes.iter().for_each(|text| table.put(route(text), false));
        table
    }

    #[test]
    fn which_routes_count() {
        let resolved = |metric| Resolution::Resolved { metric };
        let nowhere = Resolution::Unresolved;
        for (routes, via_default, expected) in [
            (&[][..], true, nowhere),
            (&["0.0.0.0/0 1 7"], true, resolved(7)),
            (&["0.0.0.0/0 1 7"], false, nowhere),
            (&["0.0.0.0/0 1 7", "10.0.0.0/8 1 9"], false, resolved(9)),
            (&["10.0.0.0/8 1 9", "10.0.0.0/24 1 3", "10.0.1.0/24 1 1"], true, resolved(3)),
            (&["10.0.0.0/8 1 9", "10.0.0.0/24 2 3"], true, resolved(9)),
            (&["10.0.0.0/8 1 9", "10.0.0.0/24 1 3 ours"], true, resolved(9)),
            (&["10.0.0.0/8 1 9", "10.0.0.0/24 2 3 blackhole"], true, nowhere),
            (&["10.0.0.0/8 1 9", "10.0.0.0/8 1 3", "10.0.0.0/8 2 1"], true, resolved(3)),
            (&["10.0.0.0/8 2 9", "10.0.0.0/8 1 9"], true, resolved(9)),
            (&["10.0.0.0/8 1 9", "10.0.0.0/8 2 3 blackhole"], true, nowhere),
            (&["fd00::/8 1 9"], true, nowhere),
        ] {
            let table = table(routes);
            assert_eq!(table.resolve([10, 0, 0, 1].into(), via_default), expected, "{routes:?}");
        }
    }

    #[test]
    fn ways_come_and_go_one_by_one() {
        let mut table = table(&["fd00::/64 1 1024", "fd00::/64 2 1024"]);
        let resolve = |table: &Table| table.resolve("fd00::1".parse().unwrap(), true);
        table.take(&route("fd00::/64 2 1024"));
        assert_eq!(resolve(&table), Resolution::Resolved { metric: 1024 });
        table.put(route("fd00::/64 2 1024"), true);
        assert_eq!(resolve(&table), Resolution::Unresolved);
        table.take(&route("fd00::/64 2 1024"));
        assert!(table.routes.is_empty());
    }

    /// What a walk through all routes says, the longest prefix first and then the lowest priority.
    fn naive(routes: &[Route], up: &[u32], address: IpAddr, via_default: bool) -> Resolution {
        let mut covering: Vec<&Route> = routes
            .iter()
            .filter(|r| r.prefix.contains(&address) && (via_default || r.prefix.prefix_len() > 0))
            .collect();
        covering.sort_by_key(|r| {
            (std::cmp::Reverse(r.prefix.prefix_len()), r.priority, r.hops[0].kind != HopKind::Forwards)
        });
        let verdict = |r: &&Route| match r.hops[0].kind {
            HopKind::Forwards => {
                let IfIndex(device) = r.hops[0].device.unwrap();
                up.contains(&device).then_some(Resolution::Resolved { metric: r.priority })
            }
            HopKind::Refuses => Some(Resolution::Unresolved),
            HopKind::Ours => None,
        };
        covering.iter().find_map(verdict).unwrap_or(Resolution::Unresolved)
    }

    /// Few bits at each end of an address, so that prefixes meet.
    fn address() -> impl Strategy<Value = IpAddr> {
        let octet = prop_oneof![Just(0u8), Just(1), Just(128), Just(255)];
        prop_oneof![
            (octet.clone(), octet.clone()).prop_map(|(a, b)| Ipv4Addr::new(a, 0, 0, b).into()),
            (octet.clone(), octet)
                .prop_map(|(a, b)| Ipv6Addr::new(a.into(), 0, 0, 0, 0, 0, 0, b.into()).into()),
        ]
    }

    prop_compose! {
        fn any_route()(address in address(), bits in 0u8..=128, device in 1u32..4, priority in 0u32..3, kind in 0..4) -> Route {
            let bits = if address.is_ipv4() { bits % 33 } else { bits };
            let kind = [HopKind::Forwards, HopKind::Forwards, HopKind::Refuses, HopKind::Ours][kind as usize];
            let prefix = IpNet::new(address, bits).unwrap().trunc();
            Route { prefix, priority, hops: [Hop { kind, device: Some(IfIndex(device)), gateway: None }].into_iter().collect() }
        }
    }

    proptest! {
        #[test]
        fn it_says_what_a_walk_through_all_routes_says(
            there in prop::collection::vec(any_route(), 0..24),
            gone in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
            asked in prop::collection::vec(address(), 1..8),
            via_default: bool,
        ) {
            let mut table = Table::default();
            for device in [1, 3] {
                table.set_device(IfIndex(device), true);
            }
            let mut routes: Vec<Route> = Vec::new();
            for route in there {
                if !routes.contains(&route) {
                    routes.push(route.clone());
                }
                table.put(route, false);
            }
            for index in gone {
                if !routes.is_empty() {
                    table.take(&routes.swap_remove(index.index(routes.len())));
                }
            }
            for address in asked {
                prop_assert_eq!(table.resolve(address, via_default), naive(&routes, &[1, 3], address, via_default));
            }
        }
    }
}
