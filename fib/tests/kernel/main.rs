//! The driver and the reconciler against the running kernel.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test states what must hold")]

mod audit;
mod devices;
mod fallback;
mod lab;
mod ownership;
mod route_lab;
mod routes;

use evpn::dataplane::{Observation, WantedKey, WantedValue};
use fib::{Action, FibConfig, Status};
use lab::*;

const FDB: &str = "bridge fdb show";
const NEIGH: &str = "ip neigh show nud all";
const MAC_50: &str = "02:00:00:00:00:50";
const AT_TUNNEL: &str = "02:00:00:00:00:50 dev vxlan100 dst 10.99.1.1 self extern_learn permanent";
const AT_BRIDGE: &str = "02:00:00:00:00:50 dev vxlan100 extern_learn master br100";
const NEIGHBOR: &str = "192.168.100.50 dev br100 lladdr 02:00:00:00:00:50 extern_learn NOARP proto 108";

/// A lab in which the host 50 is remote, and in the kernel.
fn with_host_50() -> Lab {
    let mut lab = Lab::start();
    lab.want(mac_key(mac(0x50)), at("10.99.1.1"));
    lab.want(flood_key("10.99.1.1"), Some(WantedValue::Flood));
    lab.want(neighbor_key("192.168.100.50"), neighbor(mac(0x50)));
    lab.settle();
    lab
}

/// Has a frame with this source arrive at the bridge's port.
fn frame_from(mac: bgp::types::Mac) {
    run("ip link set p1 down");
    run(&format!("ip link set p1 address {mac}"));
    run("ip link set p1 up");
}

/// A remote host as FRR puts it into the kernel, but that all our rows are firm and carry the mark.
#[test]
fn golden_rows() {
    in_namespace(|| {
        let mut lab = with_host_50();
        let router = Some(WantedValue::Neighbor { mac: mac(0x50), router: true });
        lab.want(neighbor_key("fd00::50"), router);
        lab.settle();
        assert_eq!(lab.fib.diff().collect::<Vec<_>>(), []);
        assert_eq!(lines(FDB, MAC_50), [AT_BRIDGE, AT_TUNNEL]);
        let flood = "00:00:00:00:00:00 dev vxlan100 dst 10.99.1.1 self extern_learn permanent";
        assert_eq!(lines(FDB, "00:00:00:00:00:00"), [flood]);
        let router = "fd00::50 dev br100 lladdr 02:00:00:00:00:50 router extern_learn NOARP proto 108";
        assert_eq!(lines(NEIGH, MAC_50), [NEIGHBOR, router]);
        let keys = [flood_key("10.99.1.1"), mac_key(mac(0x50))];
        for key in keys.into_iter().chain(["192.168.100.50", "fd00::50"].map(neighbor_key)) {
            lab.want(key, None);
        }
        lab.settle();
        assert_eq!(lines(FDB, "10.99.1.1").len() + lines(NEIGH, MAC_50).len(), 0);
        assert_eq!(lab.fib.rows().count(), 0);
        assert_eq!((lab.fib.counters().failures, lab.fib.counters().dumps), (0, 5));
        lab.stop();
    });
}

#[test]
fn a_bridge_port_is_set_up_for_suppression() {
    in_namespace(|| {
        let lab = Lab::start();
        let port = run("bridge -d link show dev vxlan100");
        assert!(port.contains("neigh_suppress on") && port.contains("learning off"), "{port}");
        lab.stop();
        run("bridge link set dev vxlan100 learning on");
        let config = FibConfig { configure_ports: false, ..FibConfig::default() };
        Lab::with(config).stop();
        assert!(run("bridge -d link show dev vxlan100").contains("learning on"));
    });
}

#[test]
fn a_host_moves_between_vteps() {
    in_namespace(|| {
        let mut lab = with_host_50();
        lab.want(mac_key(mac(0x50)), at("10.99.1.2"));
        lab.settle();
        assert_eq!(lines(FDB, MAC_50), [AT_BRIDGE, &AT_TUNNEL.replace("10.99.1.1", "10.99.1.2")]);
        lab.stop();
    });
}

#[test]
fn a_flood_list_has_several_vteps_and_loses_one() {
    in_namespace(|| {
        let mut lab = Lab::start();
        for vtep in ["10.99.1.1", "10.99.1.2", "10.99.1.3"] {
            lab.want(flood_key(vtep), Some(WantedValue::Flood));
        }
        lab.settle();
        lab.want(flood_key("10.99.1.2"), None);
        lab.settle();
        let mut left = lines(FDB, "00:00:00:00:00:00");
        left.sort();
        assert_eq!(left.len(), 2);
        assert!(left[0].contains("10.99.1.1") && left[1].contains("10.99.1.3"), "{left:?}");
        lab.stop();
    });
}

/// Local traffic takes the bridge's row over and leaves the tunnel's behind.
#[test]
fn a_remote_host_shows_up_here() {
    in_namespace(|| {
        let mut lab = with_host_50();
        frame_from(mac(0x50));
        lab.until_observed(Observation::LocalMac { vni: vni(), mac: mac(0x50), sticky: false });
        lab.want(mac_key(mac(0x50)), None);
        lab.settle();
        assert_eq!(lines(FDB, MAC_50), ["02:00:00:00:00:50 dev p0 master br100"]);
        run(&format!("bridge fdb del {MAC_50} dev p0 master"));
        lab.until_observed(Observation::LocalMacGone { vni: vni(), mac: mac(0x50) });
        lab.stop();
    });
}

/// Where evpn insists that a host is remote, the bridge is told again.
#[test]
fn a_remote_host_that_shows_up_here_can_be_taken_back() {
    in_namespace(|| {
        let mut lab = Lab::start();
        frame_from(mac(0x50));
        lab.until_observed(Observation::LocalMac { vni: vni(), mac: mac(0x50), sticky: false });
        lab.want(mac_key(mac(0x50)), at("10.99.1.1"));
        lab.until_observed(Observation::LocalMacGone { vni: vni(), mac: mac(0x50) });
        lab.settle();
        assert_eq!(lines(FDB, MAC_50), [AT_BRIDGE, AT_TUNNEL]);
        lab.stop();
    });
}

#[test]
fn a_sticky_host_is_not_taken_over_by_traffic() {
    in_namespace(|| {
        let mut lab = Lab::start();
        let sticky = |sticky| Some(WantedValue::Mac { vtep: ip("10.99.1.1"), sticky });
        lab.want(mac_key(mac(0x50)), sticky(true));
        lab.settle();
        let at_bridge = "02:00:00:00:00:50 dev vxlan100 extern_learn sticky master br100 static";
        assert_eq!(lines(FDB, MAC_50), [at_bridge, AT_TUNNEL]);
        frame_from(mac(0x50));
        // A second host's frame comes after the first one's: when it has been learnt, the other was looked at.
        frame_from(mac(0x51));
        lab.until_observed(Observation::LocalMac { vni: vni(), mac: mac(0x51), sticky: false });
        assert_eq!(lines(FDB, MAC_50), [at_bridge, AT_TUNNEL]);
        lab.want(mac_key(mac(0x50)), sticky(false));
        lab.settle();
        assert_eq!(lines(FDB, MAC_50), [AT_BRIDGE, AT_TUNNEL]);
        lab.stop();
    });
}

#[test]
fn what_others_own_is_left_and_reported() {
    in_namespace(|| {
        run("ip neigh add 192.168.100.50 dev br100 lladdr 02:00:00:00:00:99 nud permanent");
        run("bridge fdb add 02:00:00:00:00:50 dev p0 master static");
        let mut lab = Lab::start();
        lab.want(mac_key(mac(0x50)), at("10.99.1.1"));
        lab.want(neighbor_key("192.168.100.50"), neighbor(mac(0x50)));
        let reason = "the bridge has a static row for it on another port";
        lab.until_status(mac_key(mac(0x50)), &Status::Conflict(reason));
        let reason = "the bridge has a permanent neighbour for it";
        lab.until_status(neighbor_key("192.168.100.50"), &Status::Conflict(reason));
        assert_eq!(lines(FDB, MAC_50), ["02:00:00:00:00:50 dev p0 master br100 static"]);
        assert_eq!(
            lines(NEIGH, "192.168.100.50"),
            ["192.168.100.50 dev br100 lladdr 02:00:00:00:00:99 PERMANENT"]
        );
        run("ip neigh del 192.168.100.50 dev br100");
        run("bridge fdb del 02:00:00:00:00:50 dev p0 master");
        lab.until_status(mac_key(mac(0x50)), &Status::Programmed);
        lab.until_status(neighbor_key("192.168.100.50"), &Status::Programmed);
        assert_eq!(
            (lines(FDB, MAC_50), lines(NEIGH, MAC_50)),
            (vec![AT_BRIDGE.into(), AT_TUNNEL.into()], vec![NEIGHBOR.to_owned()])
        );
        lab.stop();
    });
}

/// Somebody sets a permanent neighbour after we have looked and before we write.
#[test]
fn a_neighbor_that_we_have_not_seen_is_not_overwritten() {
    in_namespace(|| {
        let mut lab = Lab::start();
        run("ip neigh add 192.168.100.50 dev br100 lladdr 02:00:00:00:00:99 nud permanent");
        lab.want(neighbor_key("192.168.100.50"), neighbor(mac(0x50)));
        let reason = "the bridge has a permanent neighbour for it";
        lab.until_status(neighbor_key("192.168.100.50"), &Status::Conflict(reason));
        assert_eq!(
            lines(NEIGH, "192.168.100.50"),
            ["192.168.100.50 dev br100 lladdr 02:00:00:00:00:99 PERMANENT"]
        );
        lab.stop();
    });
}

#[test]
fn rows_come_back_after_links_were_down_and_tables_flushed() {
    in_namespace(|| {
        let mut lab = with_host_50();
        let whole = |lab: &Lab| lab.fib.is_settled() && lab.fib.diff().next().is_none();
        for device in ["br100", "vxlan100"] {
            lab.observed.clear();
            run(&format!("ip link set {device} down"));
            lab.until_observed(Observation::VniGone { vni: vni() });
            run(&format!("ip link set {device} up"));
            lab.until("served", |lab| {
                lab.observed.iter().any(|seen| matches!(seen, Observation::Vni { .. }))
            });
            lab.until("whole", whole);
            assert_eq!(lines(FDB, MAC_50), [AT_BRIDGE, AT_TUNNEL], "{device}");
            assert_eq!(lines(NEIGH, MAC_50), [NEIGHBOR], "{device}");
        }
        run(&format!("bridge fdb del {MAC_50} dev vxlan100 master"));
        run(&format!("bridge fdb del {MAC_50} dev vxlan100 self"));
        run("ip neigh flush dev br100 nud all");
        lab.until("missed", |lab| lab.fib.counters().repairs >= 2);
        lab.until("whole", whole);
        assert_eq!(lines(FDB, MAC_50), [AT_BRIDGE, AT_TUNNEL]);
        assert_eq!(lines(NEIGH, MAC_50), [NEIGHBOR]);
        lab.stop();
    });
}

#[test]
fn a_device_that_leaves_its_bridge_and_comes_back() {
    in_namespace(|| {
        let mut lab = with_host_50();
        lab.observed.clear();
        run("ip link set vxlan100 nomaster");
        lab.until_observed(Observation::VniGone { vni: vni() });
        assert_eq!(lab.fib.status(&mac_key(mac(0x50))), Some(Status::Pending));
        run("ip link set vxlan100 master br100");
        lab.until_status(mac_key(mac(0x50)), &Status::Programmed);
        assert_eq!(lines(FDB, MAC_50), [AT_BRIDGE, AT_TUNNEL]);
        lab.stop();
    });
}

/// A restart loses nothing: what is wanted again is found right, and the rest goes when routing has converged.
#[test]
fn a_former_runs_rows_are_adopted() {
    in_namespace(|| {
        let mut former = with_host_50();
        former.want(mac_key(mac(0x51)), at("10.99.1.1"));
        former.want(neighbor_key("192.168.100.51"), neighbor(mac(0x51)));
        former.want(flood_key("10.99.1.2"), Some(WantedValue::Flood));
        former.settle();
        former.stop();
        let mut lab = with_host_50();
        let writes = |op: &fib::Op| !matches!(op.action, Action::Dump(_));
        assert_eq!(lab.log.iter().filter(|op| writes(op)).count(), 0, "{:?}", lab.log);
        let stale = [mac_key(mac(0x51)), neighbor_key("192.168.100.51"), flood_key("10.99.1.2")];
        assert!(stale.iter().all(|key| lab.fib.status(key) == Some(Status::Stale)));
        assert_eq!(lines(FDB, "02:00:00:00:00:51").len(), 2);
        lab.fib.release_stale();
        lab.settle();
        assert_eq!(lines(FDB, "02:00:00:00:00:51").len() + lines(NEIGH, ".51").len(), 0);
        assert_eq!(lines(FDB, "10.99.1.2").len(), 0);
        assert_eq!(lines(FDB, MAC_50), [AT_BRIDGE, AT_TUNNEL]);
        lab.stop();
    });
}

/// What an operator has put in by hand is not taken for a former run's.
#[test]
fn an_operators_rows_survive_a_restart() {
    in_namespace(|| {
        run("bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 10.99.9.9");
        run("bridge fdb add 02:00:00:00:00:77 dev vxlan100 dst 10.99.9.9 self static");
        run("bridge fdb add 02:00:00:00:00:77 dev vxlan100 master static");
        run("ip neigh add 192.168.100.77 dev br100 lladdr 02:00:00:00:00:77 nud permanent");
        let mut lab = Lab::start();
        lab.fib.release_stale();
        lab.settle();
        assert_eq!(lines(FDB, "10.99.9.9").len(), 2);
        assert_eq!(lines(FDB, "02:00:00:00:00:77").len(), 2);
        assert_eq!(lines(NEIGH, "192.168.100.77").len(), 1);
        lab.stop();
    });
}

#[test]
fn hosts_here_are_observed() {
    in_namespace(|| {
        let mut lab = Lab::start();
        run("ip address add 192.168.100.1/24 dev br100");
        let host = Host::attach(mac(0x60), Some("192.168.100.60/24"));
        lab.until_observed(Observation::LocalMac { vni: vni(), mac: mac(0x60), sticky: false });
        host.run("ping -c 1 -W 5 192.168.100.1");
        let (address, mac) = (ip("192.168.100.60"), mac(0x60));
        lab.until_observed(Observation::LocalNeighbor { vni: vni(), ip: address, mac, router: false });
        run("ip neigh del 192.168.100.60 dev br100");
        lab.until_observed(Observation::LocalNeighborGone { vni: vni(), ip: address });
        lab.stop();
    });
}

/// A host has moved here, and answers the kernel's probe; without an address on the bridge, too.
#[test]
fn a_neighbor_is_handed_over_to_the_kernel() {
    in_namespace(|| {
        let mut lab = with_host_50();
        let _host = Host::attach(mac(0x50), Some("192.168.100.50/24"));
        lab.until_observed(Observation::LocalMac { vni: vni(), mac: mac(0x50), sticky: false });
        lab.want(mac_key(mac(0x50)), None);
        lab.want(neighbor_key("192.168.100.50"), Some(WantedValue::LocalNeighbor { mac: mac(0x50) }));
        let address = ip("192.168.100.50");
        let is_here = Observation::LocalNeighbor { vni: vni(), ip: address, mac: mac(0x50), router: false };
        lab.until_observed(is_here);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while !lines(NEIGH, "192.168.100.50")[0].contains("REACHABLE") {
            assert!(std::time::Instant::now() < deadline, "{:?}", lines(NEIGH, "192.168.100.50"));
            std::thread::yield_now();
        }
        lab.settle();
        // That the kernel has made sure of it is told, too, where it was not sure at first.
        assert!(lab.observed.iter().all(|seen| *seen == is_here), "{:?}", lab.observed);
        lab.stop();
    });
}

/// A host is said to have moved here, and nobody answers.
#[test]
fn a_neighbor_that_does_not_answer_the_kernel_is_gone() {
    in_namespace(|| {
        let mut lab = with_host_50();
        let mac = mac(0x50);
        lab.want(neighbor_key("192.168.100.50"), Some(WantedValue::LocalNeighbor { mac }));
        let address = ip("192.168.100.50");
        lab.until_observed(Observation::LocalNeighbor { vni: vni(), ip: address, mac, router: false });
        lab.until_observed(Observation::LocalNeighborGone { vni: vni(), ip: address });
        lab.want(neighbor_key("192.168.100.50"), neighbor(mac));
        lab.settle();
        assert_eq!(lines(NEIGH, "192.168.100.50"), [NEIGHBOR]);
        lab.stop();
    });
}

/// The kernel has no ND on the bridge, so it refuses: evpn is told, and the entry goes.
#[test]
fn a_neighbor_that_the_kernel_refuses_is_gone() {
    in_namespace(|| {
        run("sysctl -qw net.ipv6.conf.br100.disable_ipv6=1");
        let mut lab = Lab::start();
        lab.want(neighbor_key("fd00::50"), Some(WantedValue::LocalNeighbor { mac: mac(0x50) }));
        lab.until_observed(Observation::LocalNeighborGone { vni: vni(), ip: ip("fd00::50") });
        lab.stop();
    });
}

/// A destination of the other family is refused in the kernel's words, and nothing else suffers.
#[test]
fn a_refusal_is_shown_and_hurts_no_other() {
    in_namespace(|| {
        let mut lab = Lab::start();
        lab.want(flood_key("fd00::1"), Some(WantedValue::Flood));
        lab.want(mac_key(mac(0x50)), at("10.99.1.1"));
        lab.until("refused", |lab| matches!(lab.fib.status(&flood_key("fd00::1")), Some(Status::Failed(_))));
        lab.until_status(mac_key(mac(0x50)), &Status::Programmed);
        lab.want(flood_key("fd00::1"), None);
        lab.settle();
        assert_eq!(lab.fib.rows().count(), 1);
        lab.stop();
    });
}

#[test]
fn a_burst_loses_nothing() {
    in_namespace(|| {
        const HOSTS: u32 = 10_000;
        let mut lab = Lab::start();
        for n in 0..HOSTS {
            lab.want(mac_key(mac(n + 1)), at("10.99.1.1"));
            let ip = std::net::Ipv4Addr::from_bits(0x0a80_0000 + n).into();
            lab.want(WantedKey::Neighbor { vni: vni(), ip }, neighbor(mac(n + 1)));
        }
        lab.settle();
        assert_eq!(lab.fib.diff().next(), None);
        assert_eq!(lines(FDB, "self extern_learn").len(), HOSTS as usize);
        assert_eq!(lines(FDB, "extern_learn master").len(), HOSTS as usize);
        assert_eq!(lines(NEIGH, "proto 108").len(), HOSTS as usize);
        // A second run finds all of it right, and takes it away.
        let again: Vec<WantedKey> = lab.fib.rows().map(|row| row.key).collect();
        lab.stop();
        let mut lab = Lab::start();
        assert_eq!(lab.fib.rows().count(), again.len());
        lab.fib.release_stale();
        lab.settle();
        assert_eq!(lines(FDB, "extern_learn").len() + lines(NEIGH, "proto 108").len(), 0);
        lab.stop();
    });
}

/// Nobody listens for so long that the socket overflows.
#[test]
fn lost_news_is_noticed_and_made_up_for() {
    in_namespace(|| {
        const HOSTS: usize = 80_000;
        let mut lab = with_host_50();
        let batch = std::env::temp_dir().join(format!("linnet-fib-{}.batch", std::process::id()));
        let line = |n| format!("fdb add {} dev p0 master static\n", mac(0x10_0000 + n));
        std::fs::write(&batch, (0..HOSTS as u32).map(line).collect::<String>()).unwrap();
        run(&format!("bridge -batch {}", batch.display()));
        std::fs::remove_file(batch).unwrap();
        lab.until("overrun", |lab| lab.fib.counters().overruns > 0);
        lab.until("synced again", |lab| {
            lab.observed.iter().filter(|seen| **seen == Observation::Synced).count() == 2
        });
        let hosts = lab.observed.iter().filter(|seen| matches!(seen, Observation::LocalMac { .. }));
        assert_eq!(hosts.count(), HOSTS, "each once");
        assert_eq!(lab.fib.diff().next(), None);
        lab.stop();
    });
}
