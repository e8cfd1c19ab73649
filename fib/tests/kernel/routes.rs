//! Routes in the running kernel.

use fib::RoutesConfig;
use fib::routes::{RouteStatus, WantedRoute};

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
        assert!(!lab.routes.has_found_routes());
        assert_eq!((lab.writes.len(), lab.routes.counters().failures), (2, 0));
        let left = run("ip route show proto 108");
        assert!(!left.contains("10.8.0.0/24") && !left.contains("10.9.2.0/24"), "{left}");
        assert_eq!(lab.routes.diff().next(), None);
        lab.stop();
    });
}
