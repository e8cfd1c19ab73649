//! Paths are chosen by what the kernel's routes say of their next hops.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hub::{BOUND, Hub};
use lab::{Daemon, daemon, skip_if, wait_until};
use serde_json::Value;

/// How long it may take until a route that goes or comes has another path chosen.
const SOON: Duration = Duration::from_secs(1);

/// A default route is no way to a next hop here, so that the one which linnetd's node has hides nothing.
const LINNET: &str = "bgp:
  asn: 65000
  router_id: 10.1.0.1
  listen: { addresses: [\"0.0.0.0\"] }
  next_hop_tracking: true
  next_hop_via_default: false
  neighbors:
    - { address: 10.1.1.1, remote_as: 65000, connect_retry: 1 }
    - { address: 10.1.2.1, remote_as: 65000, connect_retry: 1 }
";

/// Both announce one prefix, each by a router behind it.
const FRR: &str = "router bgp 65000
 bgp router-id 10.1.1.1
 no bgp network import-check
 neighbor 10.1.1.0 remote-as 65000
 neighbor 10.1.1.0 timers connect 1
 address-family ipv4 unicast
  network 10.244.0.0/24
  neighbor 10.1.1.0 route-map behind out
 exit-address-family
route-map behind permit 10
 set ip next-hop 10.9.1.1
";
const BIRD: &str = "router id 10.1.2.1;
protocol device {}
protocol static { ipv4; route 10.244.0.0/24 blackhole; }
protocol bgp linnet {
  local as 65000; neighbor 10.1.2.0 as 65000; connect retry time 1; connect delay time 1;
  ipv4 { import all; export filter { bgp_next_hop = 10.9.2.1; accept; }; };
}
";

const NEAR: &str = "10.9.1.1";
const FAR: &str = "10.9.2.1";

/// The route to the nearer of the two routers: over a link of its own, so that BGP notices nothing of what becomes of it.
const ROUTE: &str = "10.9.1.1 dev near0 metric 10";

/// What takes the way to the nearer router away, and what brings it back.
const CHANGES: [(&str, &str); 5] = [
    ("ip route del ROUTE", "ip route add ROUTE"),
    ("ip route add blackhole 10.9.1.1 metric 1", "ip route del blackhole 10.9.1.1 metric 1"),
    ("ip link set near1 down", "ip link set near1 up"),
    // The kernel says nothing of the route that goes with the link.
    ("ip link set near0 down; ip link set near0 up", "ip route add ROUTE"),
    ("ip route replace ROUTE proto 108", "ip route replace ROUTE proto static"),
];

/// Waits until the paths by these next hops are there, the best one first, each with the reason for its place.
fn wait_for_paths(hub: &Hub, bound: Duration, expected: [(&str, &str); 2]) -> Result<()> {
    wait_until(bound, &format!("{expected:?}"), || {
        let shown = hub.linnet.linnet("explain 10.244.0.0/24")?;
        let mut paths: Vec<&Value> = shown[0]["paths"].as_array().into_iter().flatten().collect();
        paths.sort_by_key(|path| path["best"] != true);
        let said = paths.iter().map(|path| (path["next_hop"].as_str(), path["reason"].as_str()));
        let wanted = expected.map(|(next_hop, reason)| (Some(next_hop), Some(reason)));
        ensure!(said.eq(wanted), "{shown:#}");
        Ok(())
    })
    .with_context(|| hub.linnet.log())
}

#[test]
fn the_best_path_follows_the_routes() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]).or_else(|| daemon::missing_program("ip")));
    let hub = Hub::laid(LINNET, &[(Daemon::Frr, FRR), (Daemon::Bird, BIRD)])?;
    for line in [
        "ip link add near0 type veth peer name near1",
        "ip link set near0 up; ip link set near1 up",
        "ip route add default via 10.1.2.1",
        "ip route add ROUTE",
        "ip route add 10.9.2.0/24 via 10.1.2.1 metric 20",
    ] {
        hub.linnet.sh(&line.replace("ROUTE", ROUTE))?;
    }
    let hub = hub.start()?;
    let near = [(NEAR, "next hop nearer"), (FAR, "next hop farther away")];
    let far = [(FAR, "next hop reachable"), (NEAR, "next hop unreachable")];
    wait_for_paths(&hub, BOUND, near)?;
    for (gone, back) in CHANGES {
        for (line, expected) in [(gone, far), (back, near)] {
            hub.linnet.sh(&line.replace("ROUTE", ROUTE))?;
            wait_for_paths(&hub, SOON, expected).with_context(|| line)?;
        }
    }
    Ok(())
}
