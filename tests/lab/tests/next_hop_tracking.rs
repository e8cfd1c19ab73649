//! Paths are chosen by what the kernel's routes say of their next hops.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hub::{BOUND, Hub, linnet};
use lab::{Daemon, Family, Router, daemon, skip_if, wait_until};
use serde_json::Value;

/// How long it may take until a route that goes or comes has another path chosen.
const SOON: Duration = Duration::from_secs(1);

/// linnetd, to which a default route is no way to a next hop, so that the one which its node has hides nothing.
fn linnetd(world: &World) -> String {
    let settings = ["next_hop_tracking: true", "next_hop_via_default: false"];
    let neighbor = |number| {
        let family = if world.family == Family::Ipv6 { "ipv6-unicast" } else { "ipv4-unicast" };
        format!("address: \"{}\", remote_as: 65000, families: [{family}]", (world.neighbor)(number))
    };
    let neighbors = [1, 2].map(neighbor);
    linnet(&settings, &neighbors.each_ref().map(String::as_str))
}

/// What differs between the families.
struct World {
    family: Family,
    prefix: &'static str,
    /// The address of a spoke.
    neighbor: fn(u8) -> String,
    /// The routers behind FRR and behind BIRD, which both announce the prefix.
    near: &'static str,
    far: &'static str,
    /// FRR's words for a next hop.
    set: &'static str,
    ip: &'static str,
}

const WORLDS: [World; 2] = [
    World {
        family: Family::Ipv4,
        prefix: "10.244.0.0/24",
        neighbor: |number| format!("10.1.{number}.1"),
        near: "10.9.1.1",
        far: "10.9.2.1",
        set: "set ip next-hop",
        ip: "ip",
    },
    World {
        family: Family::Ipv6,
        prefix: "fd00:244::/64",
        neighbor: |number| format!("fd00:{number}::2"),
        near: "fd00:9:1::1",
        far: "fd00:9:2::1",
        set: "set ipv6 next-hop global",
        ip: "ip -6",
    },
];

impl World {
    fn parts(&self) -> [Router; 2] {
        let part = |daemon, number| {
            let router = Router::new(daemon, number).announces(&[self.prefix]);
            if self.family == Family::Ipv6 { router.over_ipv6(&[Family::Ipv6]) } else { router }
        };
        let World { near, far, set, .. } = self;
        let frr = part(Daemon::Frr, 1).family("route-map behind out");
        let bird = part(Daemon::Bird, 2);
        [
            frr.rest(&format!("route-map behind permit 10\n {set} {near}")),
            bird.family(&format!("export filter {{ bgp_next_hop = {far}; accept; }};")),
        ]
    }

    /// A line about the nearer router's route, which is over a link of its own, so that BGP notices nothing of what
    /// becomes of it.
    fn line(&self, line: &str) -> String {
        let route = format!("{} dev near0 metric 10", self.near);
        line.replace("ROUTE", &route)
            .replace("NEAR", self.near)
            .replace("ip route", &format!("{} route", self.ip))
    }
}

/// What takes the way to the nearer router away, and what brings it back.
const CHANGES: [(&str, &str); 5] = [
    ("ip route del ROUTE", "ip route add ROUTE"),
    ("ip route add blackhole NEAR metric 1", "ip route del blackhole NEAR metric 1"),
    ("ip link set near1 down", "ip link set near1 up"),
    // The kernel says nothing of an IPv4 route that goes with the link.
    ("ip link set near0 down; ip link set near0 up", "ip route add ROUTE"),
    ("ip route replace ROUTE proto 108", "ip route replace ROUTE proto static"),
];

/// Waits until the paths by these next hops are there, the best one first, each with the reason for its place.
fn wait_for_paths(hub: &Hub, world: &World, bound: Duration, expected: [(&str, &str); 2]) -> Result<()> {
    wait_until(bound, &format!("{expected:?}"), || {
        let shown = hub.linnet.linnet(&format!("explain {}", world.prefix))?;
        let mut paths: Vec<&Value> = shown[0]["paths"].as_array().into_iter().flatten().collect();
        paths.sort_by_key(|path| path["best"] != true);
        let said = paths.iter().map(|path| (path["next_hop"].as_str(), path["reason"].as_str()));
        let wanted = expected.map(|(next_hop, reason)| (Some(next_hop), Some(reason)));
        ensure!(said.eq(wanted), "{shown:#}");
        Ok(())
    })
    .with_context(|| hub.linnet.log())
}

fn the_best_path_follows(world: &World) -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]).or_else(|| daemon::missing_program("ip")));
    let hub = Hub::of(&linnetd(world), &world.parts())?;
    let World { near, far, .. } = *world;
    let gateway = (world.neighbor)(2);
    for line in [
        "ip link add near0 type veth peer name near1",
        "ip link set near0 up; ip link set near1 up",
        &format!("ip route add default via {gateway}"),
        "ip route add ROUTE",
        &format!("ip route add {far} via {gateway} metric 20"),
    ] {
        hub.linnet.sh(&world.line(line))?;
    }
    let hub = hub.start()?;
    let nearer = [(near, "next hop nearer"), (far, "next hop farther away")];
    let farther = [(far, "next hop reachable"), (near, "next hop unreachable")];
    wait_for_paths(&hub, world, BOUND, nearer)?;
    for (gone, back) in CHANGES {
        for (line, expected) in [(gone, farther), (back, nearer)] {
            hub.linnet.sh(&world.line(line))?;
            wait_for_paths(&hub, world, SOON, expected).with_context(|| world.line(line))?;
        }
    }
    Ok(())
}

#[test]
fn the_best_path_follows_the_routes() -> Result<()> {
    the_best_path_follows(&WORLDS[0])
}

#[test]
fn the_best_path_follows_the_routes_of_ipv6() -> Result<()> {
    the_best_path_follows(&WORLDS[1])
}
