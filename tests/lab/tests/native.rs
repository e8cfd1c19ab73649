//! Native mode: what FRR and BIRD announce becomes the kernel's, and only that.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hub::{BOUND, Hub, KernelRoute, kernel_routes};
use lab::packet::Pinger;
use lab::{Daemon, daemon, skip_if, wait_until};
use serde_json::Value;

/// How long it may take from news to the kernel on a machine under load.
const SOON: Duration = Duration::from_secs(2);

const LINNET: &str = "bgp:
  asn: 65000
  router_id: 10.1.0.1
  listen: { addresses: [\"0.0.0.0\"] }
  multipath: { ibgp: 4 }
  peer_groups:
    - { name: all, remote_as: 65000, connect_retry: 1, families: [ipv4-unicast, ipv6-unicast] }
  neighbors:
    - { address: 10.1.1.1, peer_group: all }
    - { address: 10.1.2.1, peer_group: all }
native: {}
";

/// Announces ten blocks of IPv4 and one of IPv6, each its own; one of both spokes; and what nobody should take.
const FRR: &str = "ip route 10.244.1.0/24 blackhole
router bgp 65000
 bgp router-id 10.1.1.1
 no bgp network import-check
 neighbor 10.1.1.0 remote-as 65000
 neighbor 10.1.1.0 timers connect 1
 address-family ipv4 unicast
  network 10.200.0.0/24
BLOCKS
 exit-address-family
 address-family ipv6 unicast
  neighbor 10.1.1.0 activate
  neighbor 10.1.1.0 route-map six out
  network fd00:244:1::/64
 exit-address-family
route-map six permit 10
 set ipv6 next-hop global fd00:1::2
";
const BIRD: &str = "router id 10.1.2.1;
protocol device {}
protocol static four { ipv4; route 10.200.0.0/24 blackhole; BLOCKS }
protocol static six { ipv6; route fd00:244:2::/64 blackhole; }
protocol bgp linnet {
  local 10.1.2.1 as 65000; neighbor 10.1.2.0 as 65000; connect retry time 1; connect delay time 1;
  graceful restart on;
  ipv4 { import all; export all; next hop self; };
  ipv6 { import all; export all; next hop address fd00:2::2; };
}
";

fn frr() -> String {
    let block = |n| format!("  network 10.244.{n}.0/24");
    FRR.replace("BLOCKS", &(1..=10).map(block).collect::<Vec<_>>().join("\n"))
}

fn bird() -> String {
    let block = |n| format!("route 10.245.{n}.0/24 blackhole;");
    BIRD.replace("BLOCKS", &(1..=10).map(block).collect::<Vec<_>>().join(" "))
}

fn missing() -> Option<String> {
    hub::missing(&[Daemon::Frr, Daemon::Bird]).or_else(|| daemon::missing_program("ip"))
}

/// What the kernel has of linnet's, a route a line, such as `10.244.1.0/24 via 10.1.1.1 metric 50`.
fn kernel(hub: &Hub) -> Result<Vec<String>> {
    let line = |route: KernelRoute| {
        let gateways: Vec<String> = route.next_hops.into_iter().map(|hop| hop.gateway).collect();
        format!("{} via {} metric {}", route.prefix, gateways.join(" "), route.metric)
    };
    let mut lines: Vec<String> = kernel_routes(&hub.linnet, 108)?.into_iter().map(line).collect();
    lines.sort();
    Ok(lines)
}

/// What the kernel is to have when both spokes are up.
fn all_routes() -> Vec<String> {
    let frr = (1..=10).map(|n| format!("10.244.{n}.0/24 via 10.1.1.1 metric 50"));
    let bird = (1..=10).map(|n| format!("10.245.{n}.0/24 via 10.1.2.1 metric 50"));
    let both = ["10.200.0.0/24 via 10.1.1.1 10.1.2.1 metric 50".to_owned()];
    let six = (1..=2).map(|n| format!("fd00:244:{n}::/64 via fd00:{n}::2 metric 50"));
    let mut routes: Vec<String> = both.into_iter().chain(frr).chain(bird).chain(six).collect();
    routes.sort();
    routes
}

fn wait_for_kernel(hub: &Hub, bound: Duration, expected: &[String]) -> Result<()> {
    wait_until(bound, "routes in the kernel", || {
        let routes = kernel(hub)?;
        ensure!(routes == expected, "{routes:#?} instead of {expected:#?}");
        Ok(())
    })
    .with_context(|| format!("{:#}\n{}", hub.linnet.linnet("route").unwrap_or_default(), hub.linnet.log()))
}

/// Waits until linnetd says of a route that it is such.
fn wait_for_route(hub: &Hub, prefix: &str, what: &str, such: impl Fn(&Value) -> bool) -> Result<Value> {
    wait_until(BOUND, &format!("{prefix} {what}"), || {
        let shown = hub.linnet.linnet(&format!("route {prefix}"))?;
        ensure!(such(&shown[0]), "{shown:#}");
        Ok(shown[0].clone())
    })
    .with_context(|| hub.linnet.log())
}

fn up() -> Result<Hub> {
    Hub::up(LINNET, &[(Daemon::Frr, &frr()), (Daemon::Bird, &bird())])
}

#[test]
fn what_is_announced_is_in_the_kernel_and_nothing_else_is_touched() -> Result<()> {
    skip_if!(missing());
    let hub = Hub::laid(LINNET, &[(Daemon::Frr, &frr()), (Daemon::Bird, &bird())])?;
    hub.linnet.sh("ip link add br9 type bridge && ip link set br9 up")?;
    let foreign = "10.99.0.0/24 dev br9 proto static scope link";
    hub.linnet.sh("ip route add 10.99.0.0/24 dev br9 proto static")?;
    let hub = hub.start()?;
    wait_for_kernel(&hub, BOUND, &all_routes())?;

    let shown = hub.linnet.linnet("route")?;
    let rows = shown.as_array().context("a list")?;
    assert_eq!(rows.len(), all_routes().len(), "{shown:#}");
    assert!(rows.iter().all(|row| row["state"] == "programmed" && row["protocol"] == 108), "{shown:#}");
    let both = rows.iter().find(|row| row["prefix"] == "10.200.0.0/24").context("the one of both")?;
    assert_eq!(both["next_hops"].as_array().map(Vec::len), Some(2), "{both:#}");
    let status = hub.linnet.linnet("status")?;
    assert_eq!((&status["routes"]["programmed"], &status["routes"]["wanted"]), (&23.into(), &23.into()));

    // Who withdraws is forgotten, one of several next hops as well as the only one.
    hub.spoke(2)?.birdc("disable four")?;
    let left: Vec<String> = all_routes()
        .into_iter()
        .filter(|route| !route.contains("10.245."))
        .map(|route| route.replace("10.1.1.1 10.1.2.1", "10.1.1.1"))
        .collect();
    wait_for_kernel(&hub, SOON, &left)?;
    hub.spoke(2)?.birdc("enable four")?;
    wait_for_kernel(&hub, SOON, &all_routes())?;
    assert_eq!(hub.linnet.sh("ip route show 10.99.0.0/24")?.trim(), foreign);

    // A next hop that cannot be reached is none, at once, whatever BGP still believes.
    hub.linnet.sh("ip address del 10.1.2.0/31 dev eth2 && ip -6 address flush dev eth2 scope global")?;
    let by_frr: Vec<String> = all_routes()
        .into_iter()
        .filter(|route| route.contains("via 10.1.1.1") || route.contains("fd00:244:1:"))
        .map(|route| route.replace("10.1.1.1 10.1.2.1", "10.1.1.1"))
        .collect();
    wait_for_kernel(&hub, SOON, &by_frr)
}

#[test]
fn what_is_in_the_way_is_shown_and_what_is_taken_away_is_put_back() -> Result<()> {
    skip_if!(missing());
    let hub = Hub::laid(LINNET, &[(Daemon::Frr, &frr()), (Daemon::Bird, &bird())])?;
    hub.linnet.sh("ip route add 10.244.3.0/24 via 10.1.2.1 metric 50 proto static")?;
    let hub = hub.start()?;
    let conflict = wait_for_route(&hub, "10.244.3.0/24", "in conflict", |row| row["state"] == "conflict")?;
    assert!(conflict["reason"].as_str().is_some_and(|reason| reason.contains("protocol 4")), "{conflict:#}");
    assert_eq!(
        hub.linnet.sh("ip -N route show 10.244.3.0/24")?.trim(),
        "10.244.3.0/24 via 10.1.2.1 dev eth2 proto 4 metric 50"
    );
    let diff = hub.linnet.linnet("fib diff")?;
    assert_eq!((diff.as_array().map(Vec::len), &diff[0]["kind"]), (Some(1), &"route".into()), "{diff:#}");
    let explained = hub.linnet.linnet("explain 10.244.3.0/24")?;
    assert_eq!(explained[0]["fib"][0]["state"], "conflict", "{explained:#}");

    hub.linnet.sh("ip route del 10.244.3.0/24")?;
    wait_for_kernel(&hub, SOON, &all_routes())?;
    hub.linnet.sh("ip route del 10.244.4.0/24")?;
    wait_for_kernel(&hub, SOON, &all_routes())?;
    assert_eq!(hub.linnet.linnet("status")?["routes"]["repairs"], 1);
    Ok(())
}

#[test]
fn what_would_cut_the_node_off_is_refused_unless_it_is_named() -> Result<()> {
    skip_if!(missing());
    let dangers = ["0.0.0.0/0", "10.1.1.0/24", "10.1.2.1/32", "127.0.0.0/8"];
    let more: String = dangers.iter().map(|prefix| format!("\n  network {prefix}")).collect();
    let frr = frr().replace("  network 10.200.0.0/24", &format!("  network 10.200.0.0/24{more}"));
    let hub = Hub::up(LINNET, &[(Daemon::Frr, &frr), (Daemon::Bird, &bird())])?;
    wait_for_kernel(&hub, BOUND, &all_routes())?;
    for (prefix, reason) in [
        ("0.0.0.0/0", "a default route"),
        ("10.1.1.0/24", "covers 10.1.1.0 of this node"),
        ("10.1.2.1/32", "covers 10.1.2.1 of a neighbor"),
    ] {
        let row = wait_for_route(&hub, prefix, "refused", |row| row["state"] == "refused")?;
        assert!(row["reason"].as_str().is_some_and(|said| said.starts_with(reason)), "{row:#}");
    }
    let refused = hub.linnet.linnet("status")?["routes"]["refused"].clone();
    assert!(refused.as_u64().is_some_and(|count| count >= 3), "{refused}");
    let explained = hub.linnet.linnet("explain 0.0.0.0/0")?;
    assert!(
        explained[0]["outcome"].as_str().is_some_and(|said| said.starts_with("kept out")),
        "{explained:#}"
    );

    // An address that the node gets later is its own as well.
    hub.linnet.sh("ip address add 10.244.7.1/32 dev lo")?;
    wait_for_route(&hub, "10.244.7.0/24", "refused", |row| row["state"] == "refused")?;
    hub.linnet.sh("ip address del 10.244.7.1/32 dev lo")?;
    wait_for_route(&hub, "10.244.7.0/24", "taken", |row| row["state"] == "programmed")?;

    let named = LINNET.replace("native: {}", "native: { accept: [0.0.0.0/0] }");
    hub.linnet.write_file(Path::new("/etc/linnet/linnet.yaml"), named.as_bytes())?;
    hub.linnet.sh(&format!("{} config reload", daemon::linnet_cli()?.display()))?;
    let mut routes = all_routes();
    routes.insert(0, "default via 10.1.1.1 metric 50".to_owned());
    routes.sort();
    wait_for_kernel(&hub, SOON, &routes)
}

/// linnetd is killed again and again, and ended with and without somebody who keeps its routes.
#[test]
fn the_kernel_forwards_whatever_becomes_of_linnetd() -> Result<()> {
    skip_if!(missing());
    let mut hub = up()?;
    hub.spoke(1)?.sh("ip address add 10.244.1.1/24 dev lo")?;
    wait_for_kernel(&hub, BOUND, &all_routes())?;
    let pinger = Pinger::start(hub.linnet.netns(), [10, 244, 1, 1].into(), Duration::from_millis(2));
    for round in 1..=3 {
        hub.linnet.kill_daemon()?;
        assert_eq!(kernel(&hub)?, all_routes(), "killed {round} times");
        if round == 2 {
            // What nobody announces any more when it is back is a former run's.
            hub.linnet.sh("ip route add 10.250.0.0/24 via 10.1.1.1 proto 108 metric 50")?;
        }
        hub.linnet.start_daemon()?;
        hub.linnet.wait_until_ready()?;
        wait_until(BOUND, "sessions", || {
            let status = hub.linnet.linnet("status")?;
            ensure!(status["neighbors_established"] == 2, "{status:#}");
            Ok(())
        })?;
        wait_for_kernel(&hub, BOUND, &all_routes())?;
    }
    // Ended by the system, with neighbours that keep its routes: as if killed.
    hub.linnet.stop_daemon()?;
    assert_eq!(kernel(&hub)?, all_routes());
    hub.linnet.start_daemon()?;
    hub.linnet.wait_until_ready()?;
    wait_for_kernel(&hub, BOUND, &all_routes())?;
    let pings = pinger.stop()?;
    assert_eq!(pings.lost(), [0; 0], "of {} pings", pings.received());

    let alone = LINNET.replace("  listen", "  graceful_restart: { enabled: false }\n  listen");
    hub.linnet.stop_daemon()?;
    hub.linnet.write_file(Path::new("/etc/linnet/linnet.yaml"), alone.as_bytes())?;
    hub.linnet.start_daemon()?;
    hub.linnet.wait_until_ready()?;
    wait_until(BOUND, "session", || {
        let status = hub.linnet.linnet("status")?;
        ensure!(status["routes"]["programmed"] == 23 && status["neighbors_established"] == 2, "{status:#}");
        Ok(())
    })?;
    hub.linnet.stop_daemon()?;
    assert_eq!(kernel(&hub)?, [""; 0], "nobody keeps our routes: nothing of ours is left");
    Ok(())
}

/// What an operator should know of the node is in the log and in the status.
#[test]
fn a_node_that_does_not_forward_is_told_so() -> Result<()> {
    skip_if!(hub::missing(&[]));
    for (setting, warns) in [("0", true), ("1", false)] {
        let hub = Hub::laid(LINNET, &[])?;
        hub.linnet
            .sh(&format!("sysctl -q -w net.ipv4.ip_forward={setting} net.ipv6.conf.all.forwarding=1"))?;
        let hub = hub.start()?;
        let said = hub.linnet.linnet("status")?["host_warnings"].clone();
        let about_forwarding = said.to_string().contains("net.ipv4.ip_forward is 0");
        assert_eq!(
            (about_forwarding, hub.linnet.log().contains("net.ipv4.ip_forward is 0")),
            (warns, warns),
            "{said}"
        );
    }
    Ok(())
}
