//! One of the kernel's tables, as others have filled it: routes by prefix, and what they say of an address. None of
//! our own is in here, so ours neither resolve a next hop nor conflict with themselves.

use std::net::IpAddr;

use ipnet::IpNet;
use prefix_trie::joint::JointPrefixMap;
use smallvec::SmallVec;

use super::devices::Devices;
use super::event::{Hop, Hops, Route, RouteKind};

/// To each prefix its routes, the lowest metric first.
#[derive(Debug, Default)]
pub(super) struct Table {
    routes: JointPrefixMap<IpNet, Alternatives>,
}

type Alternatives = SmallVec<[Alternative; 1]>;

/// One of the routes to a prefix. No other has its metric.
#[derive(Debug)]
pub(super) struct Alternative {
    pub(super) metric: u32,
    pub(super) protocol: u8,
    pub(super) kind: RouteKind,
    pub(super) hops: Hops,
    /// Seen since the running dump began.
    fresh: bool,
}

impl Alternative {
    fn new(route: Route) -> Alternative {
        let Route { metric, protocol, kind, hops, .. } = route;
        Alternative { metric, protocol, kind, hops, fresh: true }
    }
}

/// The route by which packets to an address go.
#[derive(Debug)]
pub(super) struct Covering<'a> {
    pub(super) prefix: IpNet,
    pub(super) route: &'a Alternative,
}

impl Table {
    /// A route is there: instead of the one with its prefix and metric, or beside its ways.
    pub(super) fn put(&mut self, route: Route, replaces: bool) {
        let alternatives = self.routes.entry(route.prefix).or_default();
        match alternatives.binary_search_by_key(&route.metric, |a| a.metric) {
            Err(place) => alternatives.insert(place, Alternative::new(route)),
            Ok(place) => {
                let Some(there) = alternatives.get_mut(place) else { return };
                if replaces || !there.fresh {
                    *there = Alternative::new(route);
                    return;
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
        self.change(&route.prefix, |there| {
            if there.metric == route.metric {
                there.hops.retain(|hop| !route.hops.contains(hop));
            }
        });
    }

    /// There is nothing with this prefix and metric any more: ours took its place. Says whether there was.
    pub(super) fn supersede(&mut self, prefix: &IpNet, metric: u32) -> bool {
        let mut was_there = false;
        self.change(prefix, |there| {
            if there.metric == metric {
                was_there = true;
                there.hops.clear();
            }
        });
        was_there
    }

    /// Changes the routes to a prefix; who has no ways any more goes.
    fn change(&mut self, prefix: &IpNet, change: impl FnMut(&mut Alternative)) {
        let Some(alternatives) = self.routes.get_mut(prefix) else { return };
        alternatives.iter_mut().for_each(change);
        alternatives.retain(|there| !there.hops.is_empty());
        if alternatives.is_empty() {
            self.routes.remove(prefix);
        }
    }

    /// As `change`, for all prefixes. Says which have lost a route.
    fn change_all(&mut self, mut change: impl FnMut(&IpNet, &mut Alternative)) -> Vec<IpNet> {
        let mut poorer = Vec::new();
        for (prefix, alternatives) in self.routes.iter_mut() {
            alternatives.iter_mut().for_each(|there| change(&prefix, there));
            let count = alternatives.len();
            alternatives.retain(|there| !there.hops.is_empty());
            if alternatives.len() < count {
                poorer.push(prefix);
            }
        }
        for prefix in &poorer {
            if self.routes.get(prefix).is_some_and(|left| left.is_empty()) {
                self.routes.remove(prefix);
            }
        }
        poorer
    }

    /// The kernel drops, in silence, the routes all of whose ways are `dead`. Says which prefixes had such.
    pub(super) fn flush(&mut self, dead: impl Fn(&IpNet, &Hops) -> bool) -> Vec<IpNet> {
        self.change_all(|prefix, there| {
            if there.kind == RouteKind::Unicast && dead(prefix, &there.hops) {
                there.hops.clear();
            }
        })
    }

    /// The routes to exactly this prefix, the lowest metric first.
    pub(super) fn at(&self, prefix: &IpNet) -> &[Alternative] {
        self.routes.get(prefix).map_or(&[], |alternatives| alternatives.as_slice())
    }

    /// All prefixes with their routes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (IpNet, &[Alternative])> {
        self.routes.iter().map(|(prefix, alternatives)| (prefix, alternatives.as_slice()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Whether some route leads over such a device.
    pub(super) fn uses(&self, device: impl Fn(&Hop) -> bool) -> bool {
        self.routes.values().flatten().any(|there| there.hops.iter().any(&device))
    }

    /// A dump of the routes of a family begins.
    pub(super) fn begin_dump(&mut self, is_ipv4: bool) {
        for (prefix, alternatives) in self.routes.iter_mut() {
            if is_of(&prefix, is_ipv4) {
                alternatives.iter_mut().for_each(|there| there.fresh = false);
            }
        }
    }

    /// It is over: what it did not show is gone. Says which prefixes are concerned.
    pub(super) fn end_dump(&mut self, is_ipv4: bool) -> Vec<IpNet> {
        self.change_all(|prefix, there| {
            if !there.fresh && is_of(prefix, is_ipv4) {
                there.hops.clear();
            }
        })
    }

    /// What the longest prefix that has anything to say about an address says: `None` where no route leads there, or
    /// one refuses.
    pub(super) fn resolve(
        &self,
        address: IpAddr,
        via_default: bool,
        devices: &Devices,
    ) -> Option<Covering<'_>> {
        // From the shortest prefix to the longest.
        let covering = self.routes.cover(&IpNet::from(address));
        let counts = |route: &&Alternative| {
            route.kind != RouteKind::Unicast || route.hops.iter().any(|hop| is_usable(hop, devices))
        };
        covering
            .filter(|(prefix, _)| via_default || prefix.prefix_len() > 0)
            .filter_map(|(prefix, all)| Some(Covering { prefix, route: all.iter().find(counts)? }))
            .last()
            .filter(|covering| covering.route.kind == RouteKind::Unicast)
    }
}

/// Whether packets can leave this way.
pub(super) fn is_usable(hop: &Hop, devices: &Devices) -> bool {
    hop.device.is_none_or(|device| devices.is_usable(device))
}

pub(super) fn is_of(prefix: &IpNet, is_ipv4: bool) -> bool {
    matches!(prefix, IpNet::V4(_)) == is_ipv4
}

#[cfg(test)]
mod tests {
    use super::super::tests::route;
    use super::*;
    use crate::row::IfIndex;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn devices(up: &[u32]) -> Devices {
        let mut devices = Devices::default();
        for index in up {
            devices.see(IfIndex(*index), "eth".into(), true, true);
        }
        devices
    }

    fn table(routes: &[&str]) -> Table {
        let mut table = Table::default();
        routes.iter().for_each(|text| table.put(route(text), false));
        table
    }

    /// The metric of the route, with device 1 up.
    fn resolve(table: &Table, address: &str, via_default: bool) -> Option<u32> {
        let covering = table.resolve(address.parse().unwrap(), via_default, &devices(&[1]))?;
        Some(covering.route.metric)
    }

    #[test]
    fn which_routes_count() {
        for (routes, via_default, expected) in [
            (&[][..], true, None),
            (&["0.0.0.0/0 dev 1 metric 7"], true, Some(7)),
            (&["0.0.0.0/0 dev 1 metric 7"], false, None),
            (&["0.0.0.0/0 dev 1 metric 7", "10.0.0.0/8 dev 1 metric 9"], false, Some(9)),
            (
                &["10.0.0.0/8 dev 1 metric 9", "10.0.0.0/24 dev 1 metric 3", "10.0.1.0/24 dev 1"],
                true,
                Some(3),
            ),
            (&["10.0.0.0/8 dev 1 metric 9", "10.0.0.0/24 dev 2 metric 3"], true, Some(9)),
            (&["10.0.0.0/8 dev 1 metric 9", "10.0.0.0/24 blackhole"], true, None),
            (
                &["10.0.0.0/8 dev 1 metric 9", "10.0.0.0/8 dev 1 metric 3", "10.0.0.0/8 dev 2 metric 1"],
                true,
                Some(3),
            ),
            (&["10.0.0.0/8 dev 2 metric 9", "10.0.0.0/8 dev 1 metric 9"], true, Some(9)),
            (&["10.0.0.0/8 dev 1 metric 9", "10.0.0.0/8 blackhole metric 3"], true, None),
            (&["fd00::/8 dev 1 metric 9"], true, None),
        ] {
            assert_eq!(resolve(&table(routes), "10.0.0.1", via_default), expected, "{routes:?}");
        }
    }

    #[test]
    fn ways_come_and_go_one_by_one() {
        let mut table = table(&["fd00::/64 dev 1 metric 1024", "fd00::/64 dev 2 metric 1024"]);
        table.take(&route("fd00::/64 dev 2 metric 1024"));
        assert_eq!(resolve(&table, "fd00::1", true), Some(1024));
        table.put(route("fd00::/64 dev 2 metric 1024"), true);
        assert_eq!(resolve(&table, "fd00::1", true), None);
        table.take(&route("fd00::/64 dev 2 metric 1024"));
        assert!(table.is_empty());
    }

    #[test]
    fn what_a_dump_does_not_show_is_gone() {
        let mut table =
            table(&["10.0.0.0/24 dev 1", "10.0.1.0/24 dev 1", "fd00::/64 dev 1", "fd00::/64 dev 2"]);
        table.begin_dump(true);
        table.put(route("10.0.1.0/24 dev 2"), false);
        assert_eq!(table.end_dump(true), ["10.0.0.0/24".parse().unwrap()]);
        assert_eq!(table.at(&"10.0.1.0/24".parse().unwrap())[0].hops, route("10.0.1.0/24 dev 2").hops);
        table.begin_dump(false);
        table.put(route("fd00::/64 dev 2"), false);
        assert_eq!(table.end_dump(false), []);
        assert_eq!(table.at(&"fd00::/64".parse().unwrap())[0].hops, route("fd00::/64 dev 2").hops);
    }

    /// What a walk through all routes says, the longest prefix first and then the lowest metric.
    fn naive(routes: &[Route], up: &[u32], address: IpAddr, via_default: bool) -> Option<u32> {
        let mut covering: Vec<&Route> = routes
            .iter()
            .filter(|r| r.prefix.contains(&address) && (via_default || r.prefix.prefix_len() > 0))
            .filter(|r| r.kind != RouteKind::Unicast || up.contains(&r.hops[0].device.unwrap().0))
            .collect();
        covering.sort_by_key(|r| (std::cmp::Reverse(r.prefix.prefix_len()), r.metric));
        covering.first().filter(|r| r.kind == RouteKind::Unicast).map(|r| r.metric)
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
        fn any_route()(address in address(), bits in 0u8..=128, device in 1u32..4, metric in 0u32..3, kind in 0..3) -> Route {
            let bits = if address.is_ipv4() { bits % 33 } else { bits };
            let kind = [RouteKind::Unicast, RouteKind::Unicast, RouteKind::Refuses][kind as usize];
            let prefix = IpNet::new(address, bits).unwrap().trunc();
            let hop = Hop { device: Some(IfIndex(device)), gateway: None, onlink: false, weight: 0 };
            Route { table: 254, prefix, metric, protocol: 4, kind, hops: [hop].into_iter().collect() }
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
            let mut routes: Vec<Route> = Vec::new();
            for route in there {
                routes.retain(|old| (old.prefix, old.metric) != (route.prefix, route.metric));
                routes.push(route.clone());
                table.put(route, true);
            }
            for index in gone {
                if !routes.is_empty() {
                    table.take(&routes.swap_remove(index.index(routes.len())));
                }
            }
            for address in asked {
                let said = table.resolve(address, via_default, &devices(&[1, 3]));
                let expected = naive(&routes, &[1, 3], address, via_default);
                prop_assert_eq!(said.map(|covering| covering.route.metric), expected);
            }
        }
    }
}
