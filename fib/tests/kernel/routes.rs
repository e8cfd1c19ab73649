//! Routes in the running kernel.

use std::net::Ipv4Addr;

use fib::RoutesConfig;
use fib::routes::{Conflict, RouteFilter, RouteStatus, WantedRoute};

use crate::lab::{lines, run};
use crate::route_lab::*;

const IPV4: &str = "ip -4 route show table all";
const IPV6: &str = "ip -6 route show table all";

/// Our routes of both families, as the kernel shows them.
fn ours() -> Vec<String> {
    [lines(IPV4, "proto 108"), lines(IPV6, "proto 108")].concat()
}

/// Every form that a route of ours takes.
#[test]
fn golden_routes() {
    with_devices(|| {
        let mut lab = RouteLab::start();
        lab.want("10.9.1.0/24", via(&["10.1.0.2"]));
        lab.want("10.9.2.0/24", Some(WantedRoute::Blackhole));
        lab.want("10.9.3.0/24", via(&["fd01::2"]));
        lab.want("10.9.4.0/24", via(&["fe80::2%d1"]));
        lab.want("10.9.5.0/24", via(&["192.0.2.1%d2 onlink"]));
        lab.want("fd09:1::/64", via(&["fd01::2"]));
        lab.want("fd09:2::/64", via(&["fe80::2%d2"]));
        lab.want("fd09:3::/64", Some(WantedRoute::Blackhole));
        lab.settle();
        assert_eq!(lab.routes.diff().collect::<Vec<_>>(), []);
        assert_eq!(
            ours(),
            [
                "10.9.1.0/24 via 10.1.0.2 dev d1 proto 108 metric 50",
                "blackhole 10.9.2.0/24 proto 108 metric 50",
                "10.9.3.0/24 via inet6 fd01::2 dev d1 proto 108 metric 50",
                "10.9.4.0/24 via inet6 fe80::2 dev d1 proto 108 metric 50",
                "10.9.5.0/24 via 192.0.2.1 dev d2 proto 108 metric 50 onlink",
                "fd09:1::/64 via fd01::2 dev d1 proto 108 metric 50 pref medium",
                "fd09:2::/64 via fe80::2 dev d2 proto 108 metric 50 pref medium",
                "blackhole fd09:3::/64 dev lo proto 108 metric 50 pref medium",
            ]
        );
        lab.routes.want_nothing();
        lab.settle();
        assert_eq!((ours(), lab.routes.len()), (Vec::<String>::new(), 0));
        assert_eq!((lab.routes.counters().failures, lab.routes.counters().dumps), (0, 4));
        lab.stop();
    });
}

#[test]
fn several_next_hops_are_one_route() {
    with_devices(|| {
        let mut lab = RouteLab::start();
        lab.want("10.9.0.0/24", via(&["10.1.0.2", "10.2.0.2", "fd02::2"]));
        lab.want("fd09::/64", via(&["fd01::2", "fd02::2"]));
        lab.settle();
        let hops = |command: &str| -> Vec<String> {
            run(command).lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
        };
        assert_eq!(
            hops("ip route show proto 108"),
            [
                "10.9.0.0/24 metric 50",
                "nexthop via 10.1.0.2 dev d1 weight 1",
                "nexthop via 10.2.0.2 dev d2 weight 1",
                "nexthop via inet6 fd02::2 dev d2 weight 1",
            ]
        );
        assert_eq!(
            hops("ip -6 route show proto 108"),
            [
                "fd09::/64 metric 50 pref medium",
                "nexthop via fd01::2 dev d1 weight 1",
                "nexthop via fd02::2 dev d2 weight 1",
            ]
        );
        // Fewer, more and other ones: what is replaced leaves nothing behind.
        for (ipv4, ipv6) in [
            (&["10.1.0.3"][..], &["fd01::3"][..]),
            (&["10.1.0.3", "10.1.0.4", "10.2.0.5"], &["fd01::3", "fd01::4", "fd02::5"]),
            (&["10.2.0.5", "10.1.0.6"], &["fd02::5", "fd01::6"]),
        ] {
            lab.want("10.9.0.0/24", via(ipv4));
            lab.want("fd09::/64", via(ipv6));
            lab.settle();
            let expected = |hops: &[&str]| if hops.len() == 1 { 1 } else { hops.len() + 1 };
            assert_eq!(hops("ip route show proto 108").len(), expected(ipv4), "{ipv4:?}");
            assert_eq!(hops("ip -6 route show proto 108").len(), expected(ipv6), "{ipv6:?}");
        }
        assert_eq!(lab.routes.counters().failures, 0);
        lab.stop();
    });
}

/// A next hop behind a gateway is followed to wherever the kernel's own routes lead.
#[test]
fn next_hops_are_followed() {
    with_devices(|| {
        let mut lab = RouteLab::start();
        lab.want("10.9.0.0/24", via(&["192.0.2.1"]));
        lab.settle();
        assert_eq!(lab.status("10.9.0.0/24"), Some(RouteStatus::Unreachable));
        run("ip route add 192.0.2.0/24 via 10.1.0.2");
        lab.until_status("10.9.0.0/24", &RouteStatus::Programmed);
        assert_eq!(ours(), ["10.9.0.0/24 via 10.1.0.2 dev d1 proto 108 metric 50"]);
        run("ip route replace 192.0.2.0/24 via 10.2.0.2");
        let there = "10.9.0.0/24 via 10.2.0.2 dev d2 proto 108 metric 50";
        lab.until("moved", |_| ours() == [there]);
        run("ip route add 192.0.2.1/32 nexthop via 10.1.0.7 nexthop via 10.2.0.7");
        lab.until("both", |_| run("ip route show proto 108").matches("nexthop").count() == 2);
        run("ip route del 192.0.2.1/32");
        lab.until("back", |_| ours() == [there]);
        run("ip route del 192.0.2.0/24");
        lab.until("gone", |_| ours().is_empty());
        assert_eq!(lab.status("10.9.0.0/24"), Some(RouteStatus::Unreachable));
        lab.stop();
    });
}

/// IPv6 does not find a router on the link that a route of ours comes before.
#[test]
fn a_next_hop_is_found_behind_a_route_of_ours() {
    with_devices(|| {
        let mut lab = RouteLab::start();
        lab.want("fd01::2/128", via(&["fd01::9"]));
        lab.settle();
        lab.want("fd09::/64", via(&["fd01::2"]));
        lab.want("10.9.0.0/24", via(&["fd01::2", "10.2.0.2"]));
        lab.until("all there", |lab| lab.routes.diff().next().is_none());
        assert_eq!(
            lines("ip -6 route", "fd09::/64"),
            ["fd09::/64 via fd01::2 dev d1 proto 108 metric 50 onlink pref medium"]
        );
        lab.stop();
    });
}

/// The kernel says nothing of the IPv4 routes that it drops with a device.
#[test]
fn a_device_goes_down_and_comes_up() {
    with_devices(|| {
        let mut lab = RouteLab::start();
        lab.want("10.9.0.0/24", via(&["10.1.0.2"]));
        lab.want("10.9.1.0/24", via(&["10.1.0.2", "10.2.0.2"]));
        lab.want("fd09::/64", via(&["fd01::2"]));
        lab.want("fd09:1::/64", via(&["fd01::2", "fd02::2"]));
        lab.settle();
        run("ip link set d1 down");
        lab.until("left to the other", |_| {
            ours()
                == [
                    "10.9.1.0/24 via 10.2.0.2 dev d2 proto 108 metric 50",
                    "fd09:1::/64 via fd02::2 dev d2 proto 108 metric 50 pref medium",
                ]
        });
        assert_eq!(lab.status("10.9.0.0/24"), Some(RouteStatus::Unreachable));
        run("ip link set d1 up");
        run("ip address add fd01::1/64 dev d1 nodad");
        lab.until("all there", |lab| lab.routes.diff().next().is_none());
        lab.settle();
        let both = || [run("ip route show proto 108"), run("ip -6 route show proto 108")].concat();
        assert_eq!(both().matches("nexthop").count(), 4, "{}", both());
        assert_eq!(both().lines().count(), 8, "{}", both());
        // So quickly that nobody looks in between.
        run("ip link set d1 down");
        run("ip link set d1 up");
        run("ip address add fd01::1/64 dev d1 nodad");
        lab.until("all there again", |lab| lab.routes.diff().next().is_none() && both().lines().count() == 8);
        lab.stop();
    });
}

#[test]
fn what_a_user_deletes_is_put_back() {
    with_devices(|| {
        let mut lab = RouteLab::start();
        for (prefix, command) in [
            ("10.9.0.0/24", "ip route del 10.9.0.0/24"),
            ("10.9.0.0/24", "ip route replace 10.9.0.0/24 via 10.2.0.9 metric 50 proto 108"),
            ("fd09::/64", "ip -6 route del fd09::/64 via fd02::2"),
            ("fd09::/64", "ip -6 route del fd09::/64"),
        ] {
            lab.want("10.9.0.0/24", via(&["10.1.0.2"]));
            lab.want("fd09::/64", via(&["fd01::2", "fd02::2"]));
            lab.settle();
            let (before, repairs) = (
                run("ip -6 route show proto 108") + &run("ip route show proto 108"),
                lab.routes.counters().repairs,
            );
            run(command);
            lab.until("repaired", |lab| lab.routes.counters().repairs > repairs);
            lab.until_status(prefix, &RouteStatus::Programmed);
            assert_eq!(
                run("ip -6 route show proto 108") + &run("ip route show proto 108"),
                before,
                "{command}"
            );
        }
        lab.stop();
    });
}

/// The next run finds everything right, and reaps what nobody wants when it is told to.
#[test]
fn a_former_runs_routes_are_adopted() {
    with_devices(|| {
        let mut former = RouteLab::with(RoutesConfig { metric: 70, ..config() });
        former.want("10.8.0.0/24", via(&["10.1.0.2"]));
        former.settle();
        former.stop();
        let mut former = RouteLab::start();
        former.want("10.9.0.0/24", via(&["10.1.0.2"]));
        former.want("10.9.1.0/24", via(&["10.1.0.2", "10.2.0.2"]));
        former.want("10.9.2.0/24", via(&["10.1.0.2"]));
        former.want("fd09::/64", via(&["fd01::2", "fd02::2"]));
        former.settle();
        former.stop();
        let mut lab = RouteLab::start();
        assert!(lab.routes.has_found_routes());
        lab.want("10.9.0.0/24", via(&["10.1.0.2"]));
        lab.want("10.9.1.0/24", via(&["10.2.0.2", "10.1.0.2"]));
        lab.want("fd09::/64", via(&["fd01::2", "fd02::2"]));
        lab.settle();
        assert_eq!(lab.writes, []);
        assert_eq!(lab.status("10.9.2.0/24"), Some(RouteStatus::Stale));
        assert!(run(IPV4).contains("10.8.0.0/24"));
        lab.routes.release_stale();
        lab.settle();
        assert_eq!((lab.writes.len(), lab.routes.counters().failures), (2, 0));
        let left = run("ip route show proto 108");
        assert!(!left.contains("10.8.0.0/24") && !left.contains("10.9.2.0/24"), "{left}");
        assert_eq!(lab.routes.diff().next(), None);
        lab.stop();
    });
}

/// What others have put in is neither changed nor taken away, and shows.
#[test]
fn others_routes_are_respected() {
    with_devices(|| {
        run("ip route add 10.9.0.0/24 via 10.2.0.9 metric 50 proto static");
        run("ip -6 route add fd09::/64 metric 50 proto static nexthop via fd01::9 nexthop via fd02::9");
        run("ip route add 10.9.1.0/24 via 10.2.0.9 metric 7 proto static");
        run("ip route add 10.9.2.0/24 via 10.2.0.9 metric 90 proto static");
        let theirs = || [run("ip route show proto static"), run("ip -6 route show proto static")].concat();
        let before = theirs();
        let mut lab = RouteLab::start();
        for prefix in ["10.9.0.0/24", "10.9.1.0/24", "10.9.2.0/24"] {
            lab.want(prefix, via(&["10.1.0.2"]));
        }
        lab.want("fd09::/64", via(&["fd01::2"]));
        // A link's own route, which IPv6 gives a high metric.
        lab.want("fd01::/64", via(&["fd02::2"]));
        lab.settle();
        let conflict =
            |metric, protocol, beside| Some(RouteStatus::Conflict(Conflict { protocol, metric, beside }));
        let status: Vec<_> = ["10.9.0.0/24", "fd09::/64", "fd01::/64", "10.9.1.0/24", "10.9.2.0/24"]
            .iter()
            .map(|prefix| lab.status(prefix))
            .collect();
        let expected = [
            conflict(50, 4, false),
            conflict(50, 4, false),
            conflict(256, 2, false),
            conflict(7, 4, true),
            Some(RouteStatus::Programmed),
        ];
        assert_eq!(status, expected);
        assert_eq!((theirs(), ours().len()), (before, 2));
        assert!(run("ip route get 10.9.1.1").contains("via 10.2.0.9"), "theirs is better");
        assert!(run("ip route get 10.9.2.1").contains("via 10.1.0.2"), "ours is better");
        // Theirs goes and ours comes; a better one that comes later does not drive ours out.
        run("ip route del 10.9.0.0/24 proto static");
        run("ip -6 route del fd09::/64 proto static");
        lab.until_status("10.9.0.0/24", &RouteStatus::Programmed);
        lab.until_status("fd09::/64", &RouteStatus::Programmed);
        run("ip route add 10.9.0.0/24 via 10.2.0.9 metric 3 proto static");
        lab.until("shown", |lab| lab.status("10.9.0.0/24") == conflict(3, 4, true));
        lab.settle();
        assert_eq!(ours().len(), 4);
        // Somebody takes our place with the very same key.
        run("ip route replace 10.9.2.0/24 via 10.2.0.8 metric 50 proto static");
        lab.until("shown", |lab| lab.status("10.9.2.0/24") == conflict(50, 4, false));
        lab.settle();
        assert!(theirs().contains("10.9.2.0/24 via 10.2.0.8 dev d2 metric 50"), "{}", theirs());
        lab.routes.want_nothing();
        lab.settle();
        assert_eq!(ours(), [] as [&str; 0]);
        assert_eq!(theirs().lines().count(), 4, "{}", theirs());
        lab.stop();
    });
}

/// Another daemon has left its routes in the kernel: what is wanted of them becomes ours, and the rest is left.
#[test]
fn routes_are_taken_over() {
    with_devices(|| {
        run("ip route add 10.9.0.0/24 via 10.1.0.9 metric 32 proto bird");
        run("ip route add 10.9.1.0/24 via 10.1.0.9 metric 50 proto bird");
        run("ip route add 10.9.2.0/24 via 10.1.0.9 metric 32 proto bird");
        run("ip -6 route add fd09::/64 metric 50 proto bird nexthop via fd01::9 nexthop via fd02::9");
        let mut lab = RouteLab::with(RoutesConfig { take_over: [12].into(), ..config() });
        lab.want("10.9.0.0/24", via(&["10.1.0.2"]));
        lab.want("10.9.1.0/24", via(&["10.1.0.2"]));
        lab.want("fd09::/64", via(&["fd01::2"]));
        lab.settle();
        assert_eq!(lab.routes.diff().next(), None);
        assert_eq!(ours().len(), 3);
        assert_eq!(
            lines("ip -4 route", "proto bird"),
            ["10.9.2.0/24 via 10.1.0.9 dev d1 proto bird metric 32"]
        );
        assert_eq!(
            lines("ip -6 route", "fd09"),
            ["fd09::/64 via fd01::2 dev d1 proto 108 metric 50 pref medium"]
        );
        lab.stop();
    });
}

/// IPv4 lets several routes share prefix and metric: ours makes way for one that somebody puts beside it.
#[test]
fn a_route_that_is_put_beside_ours_is_respected() {
    with_devices(|| {
        let mut lab = RouteLab::start();
        lab.want("10.9.0.0/24", via(&["10.1.0.2"]));
        lab.settle();
        run("ip route append 10.9.0.0/24 via 10.2.0.9 metric 50 proto static");
        lab.until("shown", |lab| matches!(lab.status("10.9.0.0/24"), Some(RouteStatus::Conflict(_))));
        lab.settle();
        assert_eq!(lines("ip route", "10.9"), ["10.9.0.0/24 via 10.2.0.9 dev d2 proto static metric 50"]);
        run("ip route del 10.9.0.0/24 proto static");
        lab.until_status("10.9.0.0/24", &RouteStatus::Programmed);
        assert_eq!(lines("ip route", "10.9"), ["10.9.0.0/24 via 10.1.0.2 dev d1 proto 108 metric 50"]);
        lab.stop();
    });
}

/// It comes back under the same name, with another index.
#[test]
fn a_device_is_removed_and_made_again() {
    with_devices(|| {
        let mut lab = RouteLab::start();
        lab.want("10.9.0.0/24", via(&["10.2.0.2"]));
        lab.want("10.9.1.0/24", via(&["10.1.0.2", "10.2.0.2"]));
        lab.want("fd09::/64", via(&["fd01::2", "fd02::2"]));
        lab.settle();
        run("ip link del d2");
        lab.until("left to the other", |_| {
            ours()
                == [
                    "10.9.1.0/24 via 10.1.0.2 dev d1 proto 108 metric 50",
                    "fd09::/64 via fd01::2 dev d1 proto 108 metric 50 pref medium",
                ]
        });
        for command in [
            "ip link add d2 type veth peer name e2",
            "ip address add 10.2.0.1/24 dev d2",
            "ip address add fd02::1/64 dev d2 nodad",
            "ip link set d2 up",
            "ip link set e2 up",
        ] {
            run(command);
        }
        lab.until("all there", |lab| lab.routes.diff().next().is_none());
        lab.settle();
        let all = [run("ip route show proto 108"), run("ip -6 route show proto 108")].concat();
        assert_eq!((all.matches("nexthop").count(), all.matches("dev d2").count()), (4, 3), "{all}");
        lab.stop();
    });
}

/// A route with another metric, a table of our own, and nothing that is not installed.
#[test]
fn a_table_of_our_own() {
    with_devices(|| {
        let mut lab = RouteLab::with(RoutesConfig { table: 1000, metric: 0, ..config() });
        lab.want("10.1.0.0/24", via(&["10.2.0.2"]));
        lab.want("fd01::/64", via(&["fd02::2"]));
        lab.want("0.0.0.0/0", via(&["10.2.0.2"]));
        lab.settle();
        assert_eq!(
            ours(),
            [
                "default via 10.2.0.2 dev d2 table 1000 proto 108",
                "10.1.0.0/24 via 10.2.0.2 dev d2 table 1000 proto 108",
                "fd01::/64 via fd02::2 dev d2 table 1000 proto 108 metric 1024 pref medium",
            ]
        );
        assert_eq!(lab.routes.diff().next(), None);
        lab.routes.want_nothing();
        lab.settle();
        assert_eq!(ours(), [] as [&str; 0]);
        lab.stop();
        let mut listener = RouteLab::with(RoutesConfig { install: false, ..config() });
        listener.want("10.9.0.0/24", via(&["10.1.0.2"]));
        listener.settle();
        assert_eq!((ours().len(), listener.routes.len()), (0, 0));
        listener.stop();
    });
}

/// This node's addresses, and routes of others that are looked for, as they come and go.
#[test]
fn what_is_looked_for_is_found() {
    with_devices(|| {
        let mut lab = RouteLab::start();
        let addresses = |lab: &RouteLab| -> Vec<String> {
            let of = |device| lab.routes.addresses().filter(move |(index, _)| *index == device);
            of(index("d1"))
                .map(|(_, address)| address.to_string())
                .filter(|a| !a.starts_with("fe80"))
                .collect()
        };
        assert_eq!(addresses(&lab), ["10.1.0.1/24", "fd01::1/64"]);
        run("ip address add 10.1.0.7/32 dev d1");
        lab.until("added", |lab| addresses(lab).len() == 3);
        run("ip address del 10.1.0.7/32 dev d1");
        lab.until("deleted", |lab| addresses(lab).len() == 2);
        run("ip route add blackhole 10.8.0.0/26 proto 80");
        run("ip route add 10.8.0.3/32 dev d2 table 77");
        let device = Some("d*".to_owned());
        let blocks = RouteFilter { protocol: Some(80), ..RouteFilter::default() };
        lab.routes.look_for(vec![blocks, RouteFilter { table: 77, device, ..RouteFilter::default() }]);
        let mut found = Vec::new();
        let mut until = |lab: &mut RouteLab, what: &str, expected: &[(usize, &str, bool)]| {
            lab.until(what, |lab| {
                let news = std::iter::from_fn(|| lab.routes.poll_found());
                found.extend(news.map(|news| (news.filter, news.prefix.to_string(), news.present)));
                let seen: Vec<_> = found.iter().map(|(f, p, there)| (*f, p.as_str(), *there)).collect();
                seen == expected
            });
            found.clear();
        };
        until(&mut lab, "found", &[(0, "10.8.0.0/26", true), (1, "10.8.0.3/32", true)]);
        run("ip route add blackhole 10.8.1.0/26 proto 80");
        until(&mut lab, "another", &[(0, "10.8.1.0/26", true)]);
        run("ip link set d2 down");
        until(&mut lab, "gone with its device", &[(1, "10.8.0.3/32", false)]);
        lab.stop();
    });
}

/// Nobody listens for so long that the socket overflows.
#[test]
fn lost_news_is_made_up_for() {
    with_devices(|| {
        const FOREIGN: u32 = 80_000;
        let mut lab = RouteLab::start();
        lab.want("10.9.0.0/24", via(&["10.1.0.2"]));
        lab.want("10.9.1.0/24", via(&["192.0.2.1"]));
        lab.settle();
        let add = (0..FOREIGN).map(|n| format!("route add {}/32 via 10.2.0.2\n", host(n)));
        let changes = ["route del 10.9.0.0/24 metric 50\n", "route add 192.0.2.0/24 via 10.1.0.7\n"];
        batch(&add.chain(changes.map(str::to_owned)).collect::<String>());
        lab.until("overrun", |lab| lab.routes.counters().overruns > 0);
        lab.until("all there", |lab| lab.routes.diff().next().is_none());
        lab.settle();
        assert_eq!(
            ours(),
            [
                "10.9.0.0/24 via 10.1.0.2 dev d1 proto 108 metric 50",
                "10.9.1.0/24 via 10.1.0.7 dev d1 proto 108 metric 50",
            ]
        );
        assert_eq!(lines("ip route", "via 10.2.0.2").len(), FOREIGN as usize);
        lab.stop();
    });
}

/// Ten times over: all in, a third replaced, a third withdrawn, and an end without a farewell in the middle of it. The
/// next run makes it good.
#[test]
fn ten_runs_that_are_cut_off_leave_nothing_wrong() {
    with_devices(|| {
        const COUNT: u32 = 10_000;
        let foreign = (0..1000).map(|n| format!("route add {}/32 via 10.2.0.2\n", host(n * 10)));
        batch(&foreign.collect::<String>());
        let theirs = || lines("ip route", "via 10.2.0.2 dev d2");
        let before = theirs();
        let first = ["10.1.0.2", "10.1.0.3"];
        for run in 0..10_usize {
            let mut lab = RouteLab::start();
            let prefix = |n: u32| format!("{}/32", host(n));
            (0..COUNT).for_each(|n| lab.want(&prefix(n), via(&[first[run % 2]])));
            lab.settle();
            lab.routes.release_stale();
            lab.settle();
            assert_eq!(lines("ip route", "proto 108").len(), COUNT as usize, "run {run}");
            for n in 0..COUNT {
                match n % 3 {
                    0 => lab.want(&prefix(n), via(&["10.1.0.9", "10.1.0.8"])),
                    1 => lab.want(&prefix(n), None),
                    _ => {}
                }
            }
            let middle = lab.routes.counters().ops + 2000;
            lab.until("in the middle", |lab| lab.routes.counters().ops >= middle);
            lab.stop();
        }
        assert_eq!(theirs(), before);
        let mut lab = RouteLab::start();
        assert!(lab.routes.has_found_routes());
        lab.routes.release_stale();
        lab.settle();
        assert_eq!((ours().len(), lab.routes.len()), (0, 0));
        assert_eq!(theirs(), before);
        lab.stop();
    });
}

/// The `n`th of many hosts.
fn host(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a40_0000 + n)
}

/// Has `ip` do all that, one command a line.
fn batch(commands: &str) {
    let file = std::env::temp_dir().join(format!(
        "linnet-fib-routes-{}-{:?}.batch",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::write(&file, commands).unwrap();
    run(&format!("ip -batch {}", file.display()));
    std::fs::remove_file(file).unwrap();
}
