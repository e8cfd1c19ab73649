//! `native.fallback: vxlan`: pods of nodes that no link joins speak through VXLAN, and all others as they are.
//!
//! ```text
//! pod1 - node1 --+
//!                +-- router -- node3 - pod3        the router knows the nodes, and no pods
//! pod2 - node2 --+
//! ```

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::packet::{Capture, Frame, Payload, Pinger, ping};
use lab::{Daemon, Node, NodeSpec, Nursery, cable, daemon, privilege, skip_if, wait_until};
use serde_json::Value;

/// How long anything may take; generous, for machines under load.
const BOUND: Duration = Duration::from_secs(40);

const CONFIGURATION: &str = "/etc/linnet/linnet.yaml";
const FALLBACK: &str = "  fallback: vxlan\n";
const DEVICE: &str = "linnet.vxlan";

fn missing() -> Option<String> {
    let privileged = privilege::check().err().map(|reason| reason.to_string());
    privileged
        .or_else(privilege::missing_features)
        .or_else(|| daemon::missing(Daemon::Linnet))
        .or_else(|| daemon::missing_program("ip"))
}

/// What the nodes speak over.
#[derive(Clone, Copy)]
enum Underlay {
    Ipv4,
    Ipv6,
}

impl Underlay {
    /// The address of a node, 1 to 3, or of the router (9) on the link of node `link`.
    fn address(self, link: u8, host: u8) -> String {
        let subnet = if link == 3 { 2 } else { 1 };
        match self {
            Underlay::Ipv4 => format!("10.{subnet}.0.{host}"),
            Underlay::Ipv6 => format!("fd00:{subnet}::{host}"),
        }
    }

    fn length(self) -> u8 {
        match self {
            Underlay::Ipv4 => 24,
            Underlay::Ipv6 => 64,
        }
    }

    fn node(self, n: u8) -> String {
        self.address(n, n)
    }

    /// linnetd's configuration on a node.
    fn linnet(self, n: u8, fallback: &str) -> String {
        let nodes = [1, 2, 3].map(|n| format!("\"{}\"", self.node(n))).join(", ");
        let families = match self {
            Underlay::Ipv4 => "families: [ipv4-unicast]",
            Underlay::Ipv6 => "families: [ipv4-unicast], extended_next_hop: true",
        };
        format!(
            "bgp:\n  asn: 65000\n  router_id: 10.0.0.{n}\n  listen: {{ addresses: [\"{}\"] }}\n  \
             mesh: {{ nodes: [{nodes}], {families}, hold_time: 9, keepalive: 3, connect_retry: 1 }}\n\
             native:\n  advertise: [10.244.{n}.0/24]\n{fallback}",
            self.node(n)
        )
    }

    /// How the kernel shows the way to a node's pods through the tunnel.
    fn wrapped(self, n: u8) -> String {
        match self {
            Underlay::Ipv4 => format!("10.244.{n}.0/24 via {} dev {DEVICE}", self.node(n)),
            // 02:6c:0a:00:00:0n as an interface identifier.
            Underlay::Ipv6 => format!("10.244.{n}.0/24 via inet6 fe80::6c:aff:fe00:{n} dev {DEVICE}"),
        }
    }

    fn plain(self, n: u8, device: &str) -> String {
        let family = if matches!(self, Underlay::Ipv6) { "inet6 " } else { "" };
        format!("10.244.{n}.0/24 via {family}{} dev {device}", self.node(n))
    }
}

fn pod(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 244, n, 10)
}

/// The nodes with their pods, and what is between them.
struct Land {
    underlay: Underlay,
    nodes: Vec<Node>,
    pods: Vec<Node>,
    router: Node,
}

impl Land {
    /// With everybody on speaking terms.
    fn up(underlay: Underlay, fallback: &str) -> Result<Land> {
        let mut land = Land::laid(underlay)?;
        for n in 1..=3 {
            let node = land.node_mut(n)?;
            node.write_file(Path::new(CONFIGURATION), underlay.linnet(n, fallback).as_bytes())?;
            node.start_daemon()?;
            node.wait_until_ready()?;
        }
        Ok(land)
    }

    fn laid(underlay: Underlay) -> Result<Land> {
        let nursery = Nursery::new()?;
        let plain = |name: &str| Node::new(name, &NodeSpec::default(), &nursery);
        let linnet = NodeSpec { daemon: Some(Daemon::Linnet), ..NodeSpec::default() };
        // An address that is still being checked for duplicates cannot be bound to (RFC 4862 section 5.4).
        let checked = if matches!(underlay, Underlay::Ipv6) { "nodad" } else { "" };
        let mut land = Land { underlay, nodes: vec![], pods: vec![], router: plain("router")? };
        land.router.sh("ip link add br0 type bridge && ip link set br0 up")?;
        for n in 1..=3u8 {
            let (node, pod) =
                (Node::new(&format!("node{n}"), &linnet, &nursery)?, plain(&format!("pod{n}"))?);
            cable((land.router.netns(), &format!("eth{n}")), (node.netns(), "eth1"))?;
            cable((node.netns(), "eth9"), (pod.netns(), "eth1"))?;
            pod.sh(&format!(
                "ip address add 10.244.{n}.10/24 dev eth1 && ip route add default via 10.244.{n}.1"
            ))?;
            let (own, length, gateway) = (underlay.node(n), underlay.length(), underlay.address(n, 9));
            node.sh(&format!(
                "ip address add {own}/{length} dev eth1 {checked} && ip address add 10.244.{n}.1/24 dev eth9 && ip route add default via {gateway}"
            ))?;
            forward(&node)?;
            land.nodes.push(node);
            land.pods.push(pod);
        }
        let (near, far) = (underlay.address(1, 9), underlay.address(3, 9));
        let length = underlay.length();
        land.router.sh(&format!(
            "ip link set eth1 master br0 && ip link set eth2 master br0 && \
             ip address add {near}/{length} dev br0 {checked} && ip address add {far}/{length} dev eth3 {checked}"
        ))?;
        forward(&land.router)?;
        Ok(land)
    }

    fn node(&self, n: u8) -> Result<&Node> {
        self.nodes.get(usize::from(n) - 1).context("no such node")
    }

    fn node_mut(&mut self, n: u8) -> Result<&mut Node> {
        self.nodes.get_mut(usize::from(n) - 1).context("no such node")
    }

    fn pod(&self, n: u8) -> Result<&Node> {
        self.pods.get(usize::from(n) - 1).context("no such pod")
    }

    /// Waits until the kernel of a node has these routes of linnet's, and no others.
    fn wait_for_routes(&self, n: u8, expected: &[String]) -> Result<()> {
        let node = self.node(n)?;
        wait_until(BOUND, &format!("routes on node{n}"), || {
            let shown = node.sh("ip route show proto 108")?;
            let all = shown.lines().zip(expected).all(|(line, route)| line.starts_with(route));
            ensure!(all && shown.lines().count() == expected.len(), "{expected:#?} are not:\n{shown}");
            Ok(())
        })
        .with_context(|| format!("{:#}\n{}", node.linnet("route").unwrap_or_default(), node.log()))
    }

    /// Waits until the way between the first and the third node is through the tunnel, and between the others plain.
    fn wait_until_wrapped(&self) -> Result<()> {
        let on = self.underlay;
        self.wait_for_routes(1, &[on.plain(2, "eth1"), on.wrapped(3)])?;
        self.wait_for_routes(2, &[on.plain(1, "eth1"), on.wrapped(3)])?;
        self.wait_for_routes(3, &[on.wrapped(1), on.wrapped(2)])
    }

    fn assert_pings(&self, from: u8, to: u8) -> Result<()> {
        let replies = ping(self.pod(from)?.netns(), pod(to), 3)?;
        ensure!(replies.lost().is_empty(), "pod{from} to pod{to}: {:?} lost", replies.lost());
        Ok(())
    }

    /// Has a node's daemon end, and begin with another configuration.
    fn restart(&mut self, n: u8, fallback: &str) -> Result<()> {
        let text = self.underlay.linnet(n, fallback);
        let node = self.node_mut(n)?;
        node.stop_daemon()?;
        node.write_file(Path::new(CONFIGURATION), text.as_bytes())?;
        node.start_daemon()?;
        node.wait_until_ready()
    }

    fn has_device(&self, n: u8) -> Result<bool> {
        Ok(self.node(n)?.sh("ip -oneline link show")?.contains(DEVICE))
    }
}

fn forward(node: &Node) -> Result<()> {
    node.sh("sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1").map(drop)
}

/// The device, the way to the node behind it, and what fits through it.
fn assert_doctor_finds_the_tunnel_well(node: &Node) -> Result<()> {
    let report = node.sh(&format!("{} -o json doctor || true", daemon::linnet_cli()?.display()))?;
    let report: Value = serde_json::from_str(&report)?;
    let findings = report["findings"].as_array().context("no findings")?;
    for check in ["tunnel", "underlay", "udp_port", "mtu"] {
        let mut said = findings.iter().filter(|finding| finding["check"] == check).peekable();
        ensure!(said.peek().is_some(), "no {check}: {report:#}");
        ensure!(said.all(|finding| finding["verdict"] == "ok"), "{check}: {report:#}");
    }
    Ok(())
}

/// Whether a frame carries a ping of the pods' within VXLAN of this network.
fn is_wrapped(frame: &Frame, vni: u32) -> bool {
    frame.inner().is_some_and(|inner| inner.vni == vni && is_of_pods(&inner.frame))
}

/// Whether a frame is a ping of the pods'.
fn is_of_pods(frame: &Frame) -> bool {
    let is_pod = |address: &IpAddr| matches!(address, IpAddr::V4(ip) if ip.octets().starts_with(&[10, 244]));
    matches!(&frame.payload, Payload::Icmp { source, destination } if is_pod(source) && is_pod(destination))
}

#[test]
fn only_what_is_on_no_link_is_wrapped() -> Result<()> {
    skip_if!(missing());
    let mut land = Land::up(Underlay::Ipv4, FALLBACK)?;
    land.wait_until_wrapped()?;
    let wire = Capture::start(land.node(1)?.netns(), "eth1")?;
    land.assert_pings(1, 2)?;
    assert_eq!(wire.count(|frame| frame.inner().is_some())?, 0, "on one link nothing is wrapped");
    land.assert_pings(1, 3)?;
    land.assert_pings(3, 1)?;
    let frames = wire.frames()?;
    let count = |such: &dyn Fn(&Frame) -> bool| frames.iter().filter(|frame| such(frame)).count();
    assert_eq!((count(&|f| f.inner().is_some()), count(&|f| is_wrapped(f, 4096))), (12, 12));
    assert_eq!(count(&is_of_pods), 6, "what was sent between the first two");

    // It is shown where one would look.
    let node = land.node(1)?;
    let hop = |shown: Value| shown[0]["next_hops"][0].clone();
    assert_eq!(hop(node.linnet("route 10.244.3.0/24")?)["encapsulation"], "vxlan");
    assert!(hop(node.linnet("route 10.244.2.0/24")?)["encapsulation"].is_null());
    let ends = node.linnet("native tunnel")?;
    let end = |n: usize| (ends[n]["address"].clone(), ends[n]["mac"].clone(), ends[n]["state"].clone());
    let mac = |n: u8| Value::from(format!("02:6c:0a:00:00:0{n}"));
    assert_eq!(end(0), (Value::Null, mac(1), "programmed".into()), "{ends:#}");
    assert_eq!(end(1), ("10.2.0.3".into(), mac(3), "programmed".into()), "{ends:#}");
    assert_doctor_finds_the_tunnel_well(node)?;
    let explained = node.linnet("explain 10.244.3.0/24")?;
    assert_eq!(explained[0]["fib"][0]["wanted"], "vxlan via 10.2.0.3", "{explained:#}");

    // Whatever becomes of linnetd, the kernel forwards.
    let pingers = [(1, 3), (3, 2)]
        .map(|(from, to)| Ok((land.pod(from)?.netns(), pod(to))))
        .into_iter()
        .map(|ends: Result<_>| ends.map(|(from, to)| Pinger::start(from, to, Duration::from_millis(5))))
        .collect::<Result<Vec<_>>>()?;
    for n in [1, 3] {
        let node = land.node_mut(n)?;
        node.kill_daemon()?;
        node.start_daemon()?;
        node.wait_until_ready()?;
        wait_until(BOUND, "sessions", || {
            let status = land.node(n)?.linnet("status")?;
            ensure!(status["neighbors_established"] == 2, "{status:#}");
            Ok(())
        })?;
        land.wait_until_wrapped()?;
    }
    for pinger in pingers {
        let pings = pinger.stop()?;
        assert_eq!(pings.lost(), [0; 0], "of {} pings", pings.received());
    }
    Ok(())
}

#[test]
fn routes_follow_a_link_that_comes_and_goes() -> Result<()> {
    skip_if!(missing());
    let land = Land::up(Underlay::Ipv4, FALLBACK)?;
    land.wait_until_wrapped()?;
    let (first, third) = (land.node(1)?, land.node(3)?);
    cable((first.netns(), "eth2"), (third.netns(), "eth2"))?;
    first.sh("ip route add 10.2.0.3/32 dev eth2")?;
    third.sh("ip route add 10.1.0.1/32 dev eth2")?;
    let on = land.underlay;
    land.wait_for_routes(1, &[on.plain(2, "eth1"), on.plain(3, "eth2")])?;
    land.wait_for_routes(3, &[on.plain(1, "eth2"), on.wrapped(2)])?;
    let wire = Capture::start(first.netns(), "eth2")?;
    land.assert_pings(1, 3)?;
    assert_eq!((wire.count(is_of_pods)?, wire.count(|frame| frame.inner().is_some())?), (6, 0));
    // Nothing is left of the way that nobody goes any more.
    wait_until(BOUND, "empty tunnel", || {
        let shown = first.sh(&format!("bridge fdb show dev {DEVICE}; ip neigh show dev {DEVICE}"))?;
        ensure!(shown.is_empty(), "{shown}");
        Ok(())
    })?;
    first.sh("ip link set eth2 down")?;
    third.sh("ip route del 10.1.0.1/32 dev eth2")?;
    land.wait_until_wrapped()?;
    land.assert_pings(1, 3)
}

#[test]
fn without_it_the_router_between_drops_what_it_does_not_know() -> Result<()> {
    skip_if!(missing());
    let mut land = Land::up(Underlay::Ipv4, FALLBACK)?;
    land.wait_until_wrapped()?;
    // One that has none is never sent wrapped packets.
    land.restart(3, "")?;
    land.wait_for_routes(
        1,
        &[land.underlay.plain(2, "eth1"), "10.244.3.0/24 via 10.1.0.9 dev eth1".to_owned()],
    )?;
    land.wait_for_routes(3, &[1, 2].map(|n| format!("10.244.{n}.0/24 via 10.2.0.9 dev eth1")))?;
    wait_until(BOUND, "end of the device", || {
        ensure!(!land.has_device(3)?, "it is still there");
        Ok(())
    })
    .with_context(|| land.node(3).map(Node::log).unwrap_or_default())?;
    assert!(land.has_device(1)?);
    let wire = Capture::start(land.node(1)?.netns(), "eth1")?;
    let pings = ping(land.pod(1)?.netns(), pod(3), 3)?;
    assert_eq!((pings.received(), wire.count(|frame| frame.inner().is_some())?), (0, 0));
    land.assert_pings(1, 2)?;
    land.restart(3, FALLBACK)?;
    land.wait_until_wrapped()?;
    land.assert_pings(1, 3)?;

    // Where nobody keeps its routes, nothing of it is left behind.
    let alone =
        land.underlay.linnet(3, FALLBACK).replace("  mesh", "  graceful_restart: { enabled: false }\n  mesh");
    let node = land.node_mut(3)?;
    node.stop_daemon()?;
    node.write_file(Path::new(CONFIGURATION), alone.as_bytes())?;
    node.start_daemon()?;
    node.wait_until_ready()?;
    land.wait_until_wrapped()?;
    land.node_mut(3)?.stop_daemon()?;
    assert!(!land.has_device(3)?);
    Ok(())
}

#[test]
fn it_goes_over_ipv6_as_well() -> Result<()> {
    skip_if!(missing());
    let mut land = Land::laid(Underlay::Ipv6)?;
    for n in 1..=3 {
        let local = format!("  fallback: {{ vxlan: {{ local: \"{}\", vni: 77 }} }}\n", land.underlay.node(n));
        let text = land.underlay.linnet(n, &local);
        let node = land.node_mut(n)?;
        node.write_file(Path::new(CONFIGURATION), text.as_bytes())?;
        node.start_daemon()?;
        node.wait_until_ready()?;
    }
    land.wait_until_wrapped()?;
    let wire = Capture::start(land.node(1)?.netns(), "eth1")?;
    land.assert_pings(1, 3)?;
    land.assert_pings(1, 2)?;
    assert_eq!((wire.count(|frame| is_wrapped(frame, 77))?, wire.count(is_of_pods)?), (6, 6));
    Ok(())
}
