//! Whatever happens, in whatever order: at rest, all is well.

use proptest::prelude::*;

use super::*;
use crate::routes::ways::Ways;
use crate::tally::Counts;

/// What may happen.
#[derive(Clone, Debug)]
enum Happening {
    Want(u8, u8),
    Unwant(u8),
    /// Somebody else's route to a prefix that may be wanted: with a metric, of a protocol.
    Foreign(u8, u8, u8),
    ForeignGoes(u8, u8),
    /// Somebody else's route to what is behind a gateway leads there.
    Gateway(u8),
    GatewayGoes,
    /// Somebody deletes one of our routes.
    Clear(u8),
    /// Somebody changes one of our routes.
    Spoil(u8),
    Down(u8),
    Up(u8),
    Remove(u8),
    Refuse(u8),
    Overrun,
    Hear(usize),
    Act(usize),
    Wait(u16),
    Release,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    use Happening::*;
    let (n, d) = (|| 0u8..7, || 0u8..2);
    let one = prop_oneof![
        6 => (n(), 0u8..10).prop_map(|(a, b)| Want(a, b)),
        3 => n().prop_map(Unwant),
        2 => (n(), 0u8..3, 0u8..3).prop_map(|(a, b, c)| Foreign(a, b, c)),
        2 => (n(), 0u8..3).prop_map(|(a, b)| ForeignGoes(a, b)),
        2 => (0u8..4).prop_map(Gateway),
        1 => Just(GatewayGoes),
        2 => n().prop_map(Clear),
        1 => n().prop_map(Spoil),
        1 => d().prop_map(Down),
        3 => d().prop_map(Up),
        1 => d().prop_map(Remove),
        1 => n().prop_map(Refuse),
        1 => Just(Overrun),
        8 => (0usize..6).prop_map(Hear),
        8 => (0usize..4).prop_map(Act),
        2 => (0u16..2000).prop_map(Wait),
        1 => Just(Release),
    ];
    proptest::collection::vec(one, 0..120)
}

/// The last one hides next hops on a link from the kernel.
const PREFIXES: [&str; 7] =
    ["10.9.0.0/24", "10.1.0.0/24", "192.0.2.0/24", "fd09::/64", "fd01::/64", "2001:db8::/32", "fd01::/120"];

/// What may be wanted of an IPv4 prefix, and of an IPv6 prefix.
const HOPS: [[&[&str]; 10]; 2] = [
    [
        &["10.1.0.2"],
        &["10.2.0.2"],
        &["10.1.0.2", "10.2.0.2"],
        &["192.0.2.1"],
        &["192.0.2.1", "10.2.0.3"],
        &["fe80::1%1"],
        &["fe80::1%2", "10.1.0.2"],
        &["192.0.2.7 onlink"],
        &["198.51.100.1%1 onlink", "fd01::2"],
        &[],
    ],
    [
        &["fd01::2"],
        &["fd02::2"],
        &["fd01::2", "fd02::2"],
        &["2001:db8::1"],
        &["2001:db8::1", "fd02::3"],
        &["fe80::1%1"],
        &["fe80::1%2", "fd01::2"],
        &["2001:db8::7 onlink"],
        &["2001:db8:9::1%1 onlink", "fd01::3"],
        &[],
    ],
];

const METRICS: [u32; 3] = [10, 50, 90];

fn prefix(n: u8) -> IpNet {
    PREFIXES[usize::from(n)].parse().unwrap()
}

fn hops(prefix: u8, n: u8) -> WantedRoute {
    wanted(HOPS[usize::from(prefix >= 3)][usize::from(n)])
}

fn device(n: u8) -> IfIndex {
    [D1, D2][usize::from(n)]
}

impl World {
    fn let_happen(&mut self, happening: &Happening) {
        use Happening::*;
        match *happening {
            Want(n, to) => self.routes.want(prefix(n), Some(hops(n, to))),
            Unwant(n) => self.routes.want(prefix(n), None),
            Foreign(n, metric, of) => {
                self.foreign(n, METRICS[usize::from(metric)], [2, 4, BIRD][usize::from(of)]);
            }
            ForeignGoes(n, metric) => {
                [2, 4, BIRD]
                    .into_iter()
                    .for_each(|p| self.kernel.take(prefix(n), METRICS[usize::from(metric)], p));
            }
            Gateway(n) => self.gateway(n),
            GatewayGoes => {
                for text in ["192.0.2.0/24", "2001:db8::/64"] {
                    self.kernel.take(text.parse().unwrap(), 0, 3);
                }
            }
            Clear(n) => self.kernel.take(prefix(n), 50, 108),
            Spoil(n) => self.spoil(n),
            Down(n) => self.kernel.set_up(device(n), false),
            Up(n) => self.bring_up(n),
            Remove(n) => self.kernel.remove_device(device(n)),
            Refuse(n) => self.kernel.refusals.push_back(i32::from(n) + 11),
            Overrun => self.kernel.overrun(),
            Hear(count) => {
                self.hear(count);
            }
            Act(count) => {
                self.act(count);
            }
            Wait(millis) => self.now += Duration::from_millis(millis.into()),
            Release => self.routes.release_stale(),
        }
    }

    /// Somebody sets a route. In our very place at a quiet moment: nothing protects one that is set while our op is
    /// under way.
    fn foreign(&mut self, n: u8, metric: u32, protocol: u8) {
        if metric == 50 {
            self.rest();
        }
        let to = if n < 3 { "10.1.0.77" } else { "fd01::77" };
        if self.kernel.is_up(D1) {
            let text = format!("{} via {to} dev 1 metric {metric} proto {protocol}", prefix(n));
            self.kernel.put(route(&text));
        }
        if metric == 50 {
            self.hear(usize::MAX);
        }
    }

    fn gateway(&mut self, n: u8) {
        let (first, second) = (self.kernel.is_up(D1), self.kernel.is_up(D2));
        let over = match n {
            0 if first => "via 10.1.0.254 dev 1",
            1 if second => "via 10.2.0.254 dev 2",
            2 if first && second => "via 10.1.0.254 dev 1 + via 10.2.0.254 dev 2",
            3 => "blackhole",
            _ => return,
        };
        self.kernel.put(route(&format!("192.0.2.0/24 {over} proto 3")));
        let over = over.replace("10.1.0", "fd01:").replace("10.2.0", "fd02:").replace(".254", ":254");
        self.kernel.put(route(&format!("2001:db8::/64 {over} proto 3")));
    }

    /// Somebody changes a route of ours, protocol and all, if it is there.
    fn spoil(&mut self, n: u8) {
        let is_there = self.ours().iter().any(|route| route.prefix == prefix(n));
        if is_there && self.kernel.is_up(D2) {
            let to = if n < 3 { "10.2.0.66" } else { "fd02::66" };
            self.kernel.put(route(&format!("{} via {to} dev 2 metric 50 proto 108", prefix(n))));
        }
    }

    /// A device comes up, with the routes to its links.
    fn bring_up(&mut self, n: u8) {
        let (index, links) = (device(n), LINKS[usize::from(n)].map(|link| link.parse().unwrap()));
        if self.kernel.is_up(index) {
            return;
        }
        self.kernel.set_up(index, true);
        match self.kernel.is_up(index) {
            true => links.into_iter().for_each(|link| self.kernel.add_link_route(index, link)),
            false => self.kernel.add_device(index, &format!("d{}", index.0), &links),
        }
    }

    /// At rest, the kernel has what is wanted, or what is in its way shows.
    fn check(&self) {
        let mut expected = Vec::new();
        for n in 0..7 {
            let status = self.routes.status(&prefix(n));
            let row = self.routes.find_row(&prefix(n));
            let Some(wanted) = row.and_then(|row| row.wanted) else {
                assert_eq!(status, None, "{}", prefix(n));
                continue;
            };
            let ways = self.resolve(&wanted).filter(|_| !self.leads_to_itself(prefix(n), &wanted));
            let there = || self.kernel.routes().filter(|r| r.prefix == prefix(n) && r.protocol != 108);
            let others = || there().filter(|r| r.protocol != BIRD);
            let keeps_out = others().any(|r| r.metric == 50 || r.metric > 50 && r.protocol == 2);
            let is_before = others().any(|r| r.metric < 50);
            let context = || format!("{} {wanted:?} {ways:?} {:?}", prefix(n), others().collect::<Vec<_>>());
            match status {
                Some(RouteStatus::Conflict(conflict)) if keeps_out => {
                    assert!(!conflict.beside, "{}", context());
                }
                Some(RouteStatus::Unreachable) => assert!(ways.is_none() && !keeps_out, "{}", context()),
                Some(RouteStatus::Conflict(conflict)) => {
                    assert!(conflict.beside && is_before && ways.is_some(), "{}", context());
                }
                Some(RouteStatus::Programmed) => assert!(!is_before && !keeps_out, "{}", context()),
                other => panic!("{other:?} {}", context()),
            }
            let is_taken_over = ways.is_none() || keeps_out || there().all(|r| r.protocol != BIRD);
            assert!(is_taken_over, "{}", context());
            expected.extend(ways.filter(|_| !keeps_out).map(|ways| (prefix(n), plain(&ways))));
        }
        expected.sort_by_key(|(prefix, _)| *prefix);
        let there: Vec<(IpNet, Ways)> =
            self.ours().into_iter().map(|route| (route.prefix, plain(&Ways::of(route)))).collect();
        assert_eq!(there, expected);
    }

    /// What is counted is what a walk through all rows would count.
    pub(super) fn check_counts(&mut self) {
        let mut walked = Counts::default();
        for row in self.routes.rows() {
            walked.wanted += usize::from(row.wanted.is_some());
            *match row.status {
                RouteStatus::Programmed => &mut walked.programmed,
                RouteStatus::Pending | RouteStatus::Stale => &mut walked.pending,
                RouteStatus::Failed(_) => &mut walked.failed,
                RouteStatus::Conflict(_) => &mut walked.conflicts,
                RouteStatus::Unreachable | RouteStatus::NoTunnel | RouteStatus::Swallowed => {
                    &mut walked.unreachable
                }
            } += 1;
        }
        assert_eq!(self.routes.counts(), walked);
    }

    /// Who follows the changes knows how everything stands.
    fn check_shown(&mut self) {
        self.look();
        let rows: BTreeMap<IpNet, RouteStatus> =
            self.routes.rows().map(|row| (row.prefix, row.status)).collect();
        assert_eq!(self.shown, rows);
    }

    /// The ways to the next hops, worked out by a walk through all the kernel has.
    fn resolve(&self, wanted: &WantedRoute) -> Option<Ways> {
        let WantedRoute::Via(hops) = wanted else { return Some(Ways::Blackhole) };
        let ways: Hops = hops.iter().flat_map(|hop| self.ways_to(hop)).collect();
        (!ways.is_empty()).then(|| Ways::via(ways))
    }

    /// The route of others by which packets to an address go.
    fn best_to(&self, address: IpAddr) -> Option<&Route> {
        let covering = self.kernel.routes().filter(|r| r.protocol != 108 && r.prefix.contains(&address));
        let counts =
            covering.filter(|r| r.kind != RouteKind::Unicast || r.hops.iter().any(|hop| self.is_usable(hop)));
        let best = counts.max_by_key(|r| (r.prefix.prefix_len(), std::cmp::Reverse(r.metric)));
        best.filter(|r| r.kind == RouteKind::Unicast)
    }

    fn is_usable(&self, hop: &Hop) -> bool {
        hop.device.is_none_or(|device| self.kernel.is_up(device))
    }

    /// A next hop is within the prefix, and the route to it is a less specific one through a gateway.
    fn leads_to_itself(&self, prefix: IpNet, wanted: &WantedRoute) -> bool {
        let inward = wanted.hops().iter().filter(|hop| prefix.contains(&hop.address) && !hop.onlink);
        let best = inward.filter_map(|hop| self.best_to(hop.address));
        best.filter(|route| route.prefix.prefix_len() < prefix.prefix_len())
            .any(|route| route.hops.iter().any(|hop| hop.gateway.is_some()))
    }

    fn ways_to(&self, hop: &WantedHop) -> Vec<Hop> {
        if let Some(device) = hop.device {
            let way = Hop { onlink: hop.onlink, ..Hop::via(device, hop.address) };
            return Some(way).filter(|_| self.kernel.is_up(device)).into_iter().collect();
        }
        let is_up = |hop: &&Hop| hop.device.is_none_or(|device| self.kernel.is_up(device));
        let covering = self.kernel.routes().filter(|r| r.protocol != 108 && r.prefix.contains(&hop.address));
        let counts =
            covering.filter(|r| r.kind != RouteKind::Unicast || r.hops.iter().any(|hop| is_up(&hop)));
        let best = counts.max_by_key(|r| (r.prefix.prefix_len(), std::cmp::Reverse(r.metric)));
        let Some(best) = best.filter(|r| r.kind == RouteKind::Unicast) else { return Vec::new() };
        let mut ways: Vec<Hop> = best.hops.iter().filter(is_up).copied().collect();
        if hop.onlink {
            ways.truncate(1);
            ways.iter_mut().for_each(|way| (way.gateway, way.onlink) = (Some(hop.address), true));
        }
        ways.iter_mut().for_each(|way| way.gateway = way.gateway.or(Some(hop.address)));
        ways
    }
}

/// The same, but for the word that IPv6 routers are on the link: it is said where the kernel needs it.
fn plain(ways: &Ways) -> Ways {
    match ways {
        Ways::Via(hops) => {
            let is_ipv6 = |hop: &Hop| hop.gateway.is_some_and(|gateway| gateway.is_ipv6());
            Ways::via(hops.iter().map(|hop| Hop { onlink: hop.onlink && !is_ipv6(hop), ..*hop }).collect())
        }
        ways => ways.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    /// Whatever happens, at rest the kernel has what is wanted, others' routes are untouched, and it did not take an
    /// unreasonable number of ops to get there.
    #[test]
    fn all_is_well_in_the_end(happenings in happenings(), former in prop::collection::vec((0u8..6, 0u8..2), 0..4)) {
        let former: Vec<String> = former
            .into_iter()
            .map(|(n, metric)| {
                let (to, metric) = (if n < 3 { "10.1.0.2" } else { "fd01::2" }, [50, 70][usize::from(metric)]);
                format!("{} via {to} dev 1 metric {metric} proto 108", prefix(n))
            })
            .collect();
        let mut world = World::found(&former.iter().map(String::as_str).collect::<Vec<_>>());
        let count = happenings.len();
        for happening in &happenings {
            world.let_happen(happening);
            world.look();
        }
        world.kernel.refusals.clear();
        world.routes.release_stale();
        world.rest();
        world.check();
        world.check_shown();
        prop_assert_eq!(world.kernel.harmed, 0);
        prop_assert!(world.ops <= 60 + 12 * count, "{} ops for {count} happenings", world.ops);
        // Then all comes up.
        for n in 0..2 {
            world.bring_up(n);
        }
        world.rest();
        world.check();
        world.check_shown();
        prop_assert_eq!(world.kernel.harmed, 0);
    }
}
