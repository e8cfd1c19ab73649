//! The fallback tunnel in the running kernel.

use bgp::types::{Mac, Vni};
use fib::routes::{RouteStatus, TunnelRowStatus, TunnelStatus, WantedHop, WantedRoute};
use fib::{RoutesConfig, TunnelDevice};

use crate::lab::{ip, lines, mac, run};
use crate::route_lab::*;

fn tunnel(local: Option<&str>) -> TunnelDevice {
    let (vni, mac) = (Vni::new(4096).unwrap(), Mac([2, 0x6c, 10, 1, 0, 1]));
    let name = "linnet.vxlan".to_owned();
    TunnelDevice { name, vni, port: 4789, local: local.map(ip), mtu: None, mac }
}

fn tunnelling(local: Option<&str>) -> RoutesConfig {
    RoutesConfig { tunnel: Some(tunnel(local)), ..config() }
}

/// A next hop that decapsulates with the MAC of this number.
fn node(address: &str, number: u32) -> Option<WantedRoute> {
    let hop = WantedHop { mac: Some(mac(number)), ..WantedHop::at(ip(address)) };
    Some(WantedRoute::Via([hop].into_iter().collect()))
}

/// Everything of ours that leads through the tunnel, as the kernel shows it.
fn shown() -> Vec<String> {
    let routes = ["ip -4 route show table main", "ip -6 route show table main"];
    let routes = routes.into_iter().flat_map(|command| lines(command, "dev linnet.vxlan"));
    let rows = lines("bridge fdb show dev linnet.vxlan", "").into_iter();
    let neighbors = ["ip -4 neigh show dev linnet.vxlan", "ip -6 neigh show dev linnet.vxlan"];
    let neighbors = neighbors.into_iter().flat_map(|command| lines(command, "lladdr 02:00"));
    routes.chain(rows).chain(neighbors).collect()
}

fn there() -> bool {
    run("ip -oneline link show").contains("linnet.vxlan")
}

#[test]
fn golden_rows_over_ipv4() {
    with_devices(|| {
        run("ip link set d2 mtu 1400");
        run("ip route add 10.3.0.0/24 via 10.1.0.254");
        let mut lab = RouteLab::with(tunnelling(None));
        lab.routes.release_stale();
        lab.want("10.9.1.0/24", node("10.1.0.2", 2));
        lab.want("10.9.3.0/24", node("10.3.0.2", 3));
        lab.until_status("10.9.3.0/24", &RouteStatus::Programmed);
        let expected = [
            "10.9.3.0/24 via 10.3.0.2 dev linnet.vxlan proto 108 metric 50 onlink",
            "02:00:00:00:00:03 dst 10.3.0.2 self extern_learn permanent",
            "10.3.0.2 lladdr 02:00:00:00:00:03 extern_learn NOARP proto 108",
        ];
        assert_eq!(shown(), expected);
        assert_eq!(lab.routes.tunnel().unwrap().1, TunnelStatus::Programmed);
        let device = run("ip -details -oneline link show dev linnet.vxlan");
        for part in [
            "mtu 1350",
            "02:6c:0a:01:00:01",
            "vxlan id 4096",
            "dstport 4789",
            "nolearning",
            ",UP,",
            "linnet fallback",
        ] {
            assert!(device.contains(part), "{part}: {device}");
        }
        // What somebody takes away is put back; the order is kept, so it is the same.
        run("bridge fdb del 02:00:00:00:00:03 dev linnet.vxlan dst 10.3.0.2");
        lab.until("FDB row back", |_| shown() == expected);
        run("ip neigh del 10.3.0.2 dev linnet.vxlan");
        lab.until("neighbor back", |_| shown() == expected);
        run("ip link del linnet.vxlan");
        lab.until("device back", |_| there() && shown() == expected);
        run("ip link set linnet.vxlan down");
        lab.until("device up", |_| shown() == expected);
        run("ip link set linnet.vxlan address 02:00:00:00:00:aa");
        lab.until("MAC back", |_| run("ip link show linnet.vxlan").contains("02:6c:0a:01:00:01"));
        // It follows the smallest of the devices that packets may leave by.
        for (mtu, expected) in [(1380, "mtu 1330 "), (9000, "mtu 1450 ")] {
            run(&format!("ip link set d2 mtu {mtu}"));
            lab.until("MTU follows", |_| run("ip link show linnet.vxlan").contains(expected));
        }
        assert_eq!(shown(), expected);
        // On a link: plain, and nothing is left.
        run("ip address add 10.3.0.1/25 dev d2");
        let plain = ["10.9.3.0/24 via 10.3.0.2 dev d2 proto 108 metric 50"];
        lab.until("plain", |_| lines("ip route", "10.9.3.0/24") == plain && shown().is_empty());
        run("ip address del 10.3.0.1/25 dev d2");
        lab.until("wrapped", |_| shown() == expected);
        lab.routes.want_nothing();
        lab.settle();
        assert!(!there());
        lab.stop();
    });
}

#[test]
fn golden_rows_over_ipv6() {
    with_devices(|| {
        // A route that is no default route: the kernel would not take what it leads to for on the link.
        run("ip -6 route add fd03::/64 via fd01::fe");
        let mut lab = RouteLab::with(tunnelling(Some("fd01::1")));
        lab.want("fd09::/64", node("fd03::2", 3));
        lab.want("10.9.0.0/24", node("fd03::2", 3));
        lab.until_status("fd09::/64", &RouteStatus::Programmed);
        assert_eq!(
            shown(),
            [
                "10.9.0.0/24 via inet6 fe80::ff:fe00:3 dev linnet.vxlan proto 108 metric 50",
                "fd09::/64 via fe80::ff:fe00:3 dev linnet.vxlan proto 108 metric 50 pref medium",
                "02:00:00:00:00:03 dst fd03::2 self extern_learn permanent",
                "fe80::ff:fe00:3 lladdr 02:00:00:00:00:03 extern_learn NOARP proto 108",
            ]
        );
        assert!(run("ip link show linnet.vxlan").contains("mtu 1430"));
        assert_eq!(lab.routes.counters().failures, 0);
        lab.stop();
    });
}

#[test]
fn a_killed_runs_device_is_taken_over_as_it_is() {
    with_devices(|| {
        run("ip route add 10.3.0.0/24 via 10.1.0.254");
        let mut killed = RouteLab::with(tunnelling(None));
        killed.want("10.9.3.0/24", node("10.3.0.2", 3));
        killed.want("10.9.4.0/24", node("10.3.0.4", 4));
        killed.until_status("10.9.4.0/24", &RouteStatus::Programmed);
        killed.stop();
        let (before, index) = (shown(), index("linnet.vxlan"));
        let mut lab = RouteLab::with(tunnelling(None));
        lab.want("10.9.3.0/24", node("10.3.0.2", 3));
        lab.settle();
        assert_eq!((shown(), crate::route_lab::index("linnet.vxlan")), (before, index));
        lab.routes.release_stale();
        lab.until("swept", |_| shown().len() == 3);
        assert!(shown().iter().all(|line| line.contains("10.3.0.2") && !line.contains("10.3.0.4")));
        lab.stop();
        // One with other settings is another device; one without any takes it away.
        let other = TunnelDevice { port: 8472, ..tunnel(None) };
        let mut lab = RouteLab::with(RoutesConfig { tunnel: Some(other), ..config() });
        lab.want("10.9.3.0/24", node("10.3.0.2", 3));
        lab.until("made anew", |_| run("ip -d link show linnet.vxlan").contains("dstport 8472"));
        lab.until("all there", |_| shown().len() == 3);
        lab.stop();
        let mut lab = RouteLab::start();
        lab.want("10.9.3.0/24", node("10.3.0.2", 3));
        lab.routes.release_stale();
        lab.until("gone", |_| !there());
        assert_eq!(
            lines("ip route", "10.9.3.0/24"),
            ["10.9.3.0/24 via 10.1.0.254 dev d1 proto 108 metric 50"]
        );
        lab.stop();
    });
}

#[test]
fn what_is_in_the_way_shows_and_is_left() {
    with_devices(|| {
        run("ip link add vx type vxlan id 4096 dstport 4789 local 10.1.0.1");
        run("ip route add 10.3.0.0/24 via 10.1.0.254");
        let mut lab = RouteLab::with(tunnelling(None));
        lab.want("10.9.3.0/24", node("10.3.0.2", 3));
        let failed = |lab: &RouteLab| match lab.routes.tunnel() {
            Some((_, TunnelStatus::Failed(text))) => text,
            _ => String::new(),
        };
        lab.until("refused", |lab| {
            failed(lab).starts_with("another VXLAN device has VNI 4096 and port 4789")
        });
        assert_eq!(lab.status("10.9.3.0/24"), Some(RouteStatus::NoTunnel));
        run("ip link set vx name linnet.vxlan");
        lab.until("refused", |lab| failed(lab).starts_with("there is a device linnet.vxlan already"));
        run("ip link del linnet.vxlan");
        lab.until_status("10.9.3.0/24", &RouteStatus::Programmed);
        // Rows of the operator's.
        run("ip neigh replace 10.3.0.4 lladdr 02:00:00:00:00:77 nud permanent dev linnet.vxlan");
        lab.want("10.9.4.0/24", node("10.3.0.4", 4));
        lab.until("in conflict", |lab| {
            lab.routes.tunnel_rows().any(|row| matches!(row.status, TunnelRowStatus::Conflict(_)))
        });
        assert_eq!(
            lines("ip neigh show dev linnet.vxlan", "10.3.0.4"),
            ["10.3.0.4 lladdr 02:00:00:00:00:77 PERMANENT"]
        );
        lab.stop();
    });
}
