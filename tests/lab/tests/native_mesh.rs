//! containerlab/native-mesh: pods of linnet's and BIRD's nodes speak with no encapsulation. On the live nodes then the
//! way of peering changes, and BIRD gives way to linnetd, while pods ping each other.

mod hub;
mod lan;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::packet::{Capture, Payload, Pinger, ping};
use lab::{Daemon, Lab, Node, NodeSpec, Nursery, Topology, cable, skip_if, wait_until};
use lan::{assert_nothing_lost, own_block, pod};

const TOPOLOGY: &str = "containerlab/native-mesh/native-mesh.clab.yml";

/// How long anything may take; generous, for machines under load.
const BOUND: Duration = Duration::from_secs(40);

const CONFIGURATION: &str = "/etc/linnet/linnet.yaml";

fn topology() -> Result<Topology> {
    Topology::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(TOPOLOGY))
}

/// linnetd of node `n` with this way of peering and these keys of native mode.
fn linnet(n: u8, peering: &str, native: &str) -> String {
    lan::linnet(n, peering, &(own_block(n) + native))
}

const TIMES: &str = "hold_time: 9, keepalive: 3, connect_retry: 1";

fn mesh() -> String {
    format!("  mesh: {{ nodes: [172.20.0.1-172.20.0.3], {TIMES} }}\n")
}

fn reflected() -> String {
    format!("  neighbors: [{{ address: 172.20.0.9, remote_as: 65000, {TIMES} }}]\n")
}

/// Waits until the node's kernel has routes of protocol 108 to these nodes' blocks.
fn wait_for_routes(node: &Node, others: &[u8]) -> Result<()> {
    wait_until(BOUND, &format!("routes on {}", node.name()), || {
        let shown = node.sh("ip route show proto 108")?;
        for n in others {
            let route = format!("10.244.{n}.0/26 via 172.20.0.{n} dev eth1");
            ensure!(shown.contains(&route), "{route} is not in:\n{shown}");
        }
        Ok(())
    })
    .with_context(|| format!("the log of {}:\n{}", node.name(), node.log()))
}

fn assert_pings(lab: &Lab, from: u8, to: u8) -> Result<()> {
    let replies = ping(lab.node(&format!("pod{from}"))?.netns(), pod(to), 3)?;
    ensure!(replies.lost().is_empty(), "pod{from} to pod{to}: {:?} lost", replies.lost());
    Ok(())
}

fn start_pinging(lab: &Lab, from: u8, to: u8) -> Result<Pinger> {
    Ok(Pinger::start(lab.node(&format!("pod{from}"))?.netns(), pod(to), Duration::from_millis(5)))
}

fn reload(node: &Node, configuration: &str) -> Result<()> {
    node.write_file(Path::new(CONFIGURATION), configuration.as_bytes())?;
    node.linnet("config reload").map(drop)
}

#[test]
fn pods_reach_each_other_and_bird_gives_way_to_linnetd() -> Result<()> {
    let topology = topology()?;
    skip_if!(topology.missing());
    let mut lab = Lab::up(&topology)?;
    wait_for_routes(lab.node("node1")?, &[2, 3])?;
    wait_for_routes(lab.node("node2")?, &[1, 3])?;
    wait_until(BOUND, "BIRD's routes", || {
        let shown = lab.node("node3")?.sh("ip route show proto bird")?;
        // Until it has found its links it has them unreachable.
        let ways = ["10.244.1.0/26 via 172.20.0.1", "10.244.2.0/26 via 172.20.0.2"];
        ensure!(ways.iter().all(|way| shown.contains(way)), "{shown}");
        Ok(())
    })?;
    let wire = Capture::start(lab.node("switch")?.netns(), "eth3")?;
    for (from, to) in [(1, 2), (2, 3), (3, 1)] {
        assert_pings(&lab, from, to)?;
    }
    let between_pods = wire.count(|frame| match frame.payload {
        Payload::Icmp { source, destination } => {
            [1, 2, 3].iter().any(|n| pod(*n) == source && source != destination)
        }
        _ => false,
    })?;
    let inside_another = wire.count(|frame| frame.inner().is_some())?;
    assert_eq!((between_pods, inside_another), (12, 0), "six echoes and their replies at node3, as they are");

    // BIRD ends without a word, and linnetd takes its place: same address, same AS.
    let pingers = vec![start_pinging(&lab, 1, 3)?, start_pinging(&lab, 3, 2)?];
    let node = lab.node_mut("node3")?;
    node.kill_daemon()?;
    node.write_file(Path::new(CONFIGURATION), linnet(3, &mesh(), "  take_over: [12]\n").as_bytes())?;
    node.set_daemon(Daemon::Linnet);
    node.start_daemon()?;
    node.wait_until_ready()?;
    wait_for_routes(lab.node("node3")?, &[1, 2])?;
    wait_until(BOUND, "end of BIRD's routes", || {
        let shown = lab.node("node3")?.sh("ip route show proto bird")?;
        ensure!(shown.is_empty(), "{shown}");
        Ok(())
    })?;
    wait_until(BOUND, "End-of-RIB of the new linnetd", || {
        let shown = lab.node("node1")?.linnet("neighbor 172.20.0.3")?;
        let family = &shown["families"][0];
        ensure!(family["end_of_rib_received"] == true && family["stale"] == 0, "{shown:#}");
        Ok(())
    })?;
    assert_nothing_lost(pingers)?;
    for (from, to) in [(1, 3), (3, 2)] {
        assert_pings(&lab, from, to)?;
    }
    Ok(())
}

#[test]
fn a_mesh_becomes_a_reflector_and_a_mesh_again_with_nothing_lost() -> Result<()> {
    let topology = topology()?;
    skip_if!(topology.missing());
    let mut lab = Lab::up(&topology)?;
    // Everywhere linnetd, and a reflector beside the nodes.
    let node3 = lab.node_mut("node3")?;
    node3.stop_daemon()?;
    node3.sh("ip route flush proto bird; ip route flush type blackhole proto bird")?;
    node3.write_file(Path::new(CONFIGURATION), linnet(3, &mesh(), "").as_bytes())?;
    node3.set_daemon(Daemon::Linnet);
    node3.start_daemon()?;
    let reflector = reflector(&lab)?;
    for (node, others) in [(1, [2, 3]), (2, [1, 3]), (3, [1, 2])] {
        wait_for_routes(lab.node(&format!("node{node}"))?, &others)?;
    }

    let pingers = vec![start_pinging(&lab, 1, 3)?, start_pinging(&lab, 3, 2)?, start_pinging(&lab, 2, 1)?];
    for peering in [reflected(), mesh()] {
        for n in 1..=3 {
            reload(lab.node(&format!("node{n}"))?, &linnet(n, &peering, ""))?;
        }
        for n in 1..=3 {
            wait_for_sessions(lab.node(&format!("node{n}"))?, if peering.contains("mesh") { 2 } else { 1 })?;
        }
    }
    assert_nothing_lost(pingers)?;
    drop(reflector);
    Ok(())
}

/// Waits until a node has so many neighbours, all of them established and to stay.
fn wait_for_sessions(node: &Node, count: usize) -> Result<()> {
    wait_until(BOUND, &format!("{count} sessions of {}", node.name()), || {
        let shown = node.linnet("neighbor")?;
        let all = shown.as_array().map(Vec::as_slice).unwrap_or_default();
        let stays =
            |row: &serde_json::Value| row["state"] == "established" && row["leaves_within_seconds"].is_null();
        ensure!(all.len() == count && all.iter().all(stays), "{shown:#}");
        Ok(())
    })
}

/// A linnetd on the switch of the nodes that reflects to whoever comes.
fn reflector(lab: &Lab) -> Result<Node> {
    let spec = NodeSpec { daemon: Some(Daemon::Linnet), ..NodeSpec::default() };
    let mut node = Node::new("reflector", &spec, &Nursery::new()?)?;
    let configuration = format!(
        "bgp:\n  asn: 65000\n  router_id: 172.20.0.9\n  listen: {{ addresses: [\"0.0.0.0\"] }}\n  \
         dynamic_neighbors: [{{ range: 172.20.0.0/24, remote_as: 65000, route_reflector_client: true, {TIMES} }}]\n"
    );
    node.write_file(Path::new(CONFIGURATION), configuration.as_bytes())?;
    let switch = lab.node("switch")?;
    cable((switch.netns(), "eth9"), (node.netns(), "eth1"))?;
    switch.sh("ip link set eth9 master br0")?;
    node.sh("ip addr add 172.20.0.9/24 dev eth1")?;
    node.start_daemon()?;
    node.wait_until_ready()?;
    Ok(node)
}
