//! containerlab/native-tor: pods of linnet and BIRD nodes reach each other through a switch that runs FRR, with nothing
//! around their packets.

mod fabric;

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fabric::CONVERGE;
use lab::packet::{Capture, Payload, ping};
use lab::{Lab, Node, Process, skip_if, wait_until};

const TOPOLOGY: &str = "containerlab/native-tor/native-tor.clab.yml";
const NODES: [u8; 3] = [1, 2, 3];

fn pod(node: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 244, node, 11)
}

/// The kernel's route to the pods of another node, as far as it is not the kernel's own.
fn route(node: &Node, other: u8) -> Result<String> {
    Ok(node.sh(&format!("ip -N route show 10.244.{other}.0/24"))?.trim().to_owned())
}

/// Waits until the kernel of node `here` has a route to the pods of `other`, and it is such.
fn wait_for_route(lab: &Lab, here: u8, other: u8, such: impl Fn(&str) -> bool) -> Result<()> {
    let node = lab.node(&format!("node{here}"))?;
    wait_until(CONVERGE, &format!("route from node{here} to the pods of node{other}"), || {
        let shown = route(node, other)?;
        ensure!(such(&shown), "{shown:?}");
        Ok(())
    })
    .with_context(|| node.log())
}

/// Waits until all nodes know all pods.
fn up(topology: &lab::Topology) -> Result<Lab> {
    let lab = Lab::up(topology)?;
    for (here, other) in NODES.into_iter().flat_map(|here| NODES.map(|other| (here, other))) {
        wait_for_route(&lab, here, other, |shown| !shown.is_empty())?;
    }
    Ok(lab)
}

#[test]
fn pods_reach_each_other_with_nothing_around_their_packets() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = up(&topology)?;
    wait_for_route(&lab, 1, 2, |shown| shown == "10.244.2.0/24 via 10.1.1.0 dev eth1 proto 108 metric 50")?;
    // Unnumbered: the next hop is the switch's link-local address.
    wait_for_route(&lab, 2, 1, |shown| {
        shown.starts_with("10.244.1.0/24 via inet6 fe80:") && shown.ends_with("dev eth1 proto 108 metric 50")
    })?;
    let shown = lab.node("node2")?.linnet("route 10.244.3.0/24")?;
    assert_eq!(
        (&shown[0]["state"], &shown[0]["next_hops"][0]["device"]),
        (&"programmed".into(), &"eth1".into())
    );

    let tor = lab.node("tor")?.netns();
    let wires = ["eth1", "eth2", "eth3"].map(|device| Capture::start(tor, device));
    for (from, to) in
        NODES.into_iter().flat_map(|from| NODES.map(|to| (from, to))).filter(|(from, to)| from != to)
    {
        let pings = ping(lab.node(&format!("pod{from}"))?.netns(), pod(to), 5)?;
        assert_eq!(pings.lost(), [0; 0], "pod{from} to pod{to}");
    }
    for (node, wire) in NODES.into_iter().zip(wires) {
        let wire = wire?;
        let of_pods = wire.count(|frame| {
            let Payload::Icmp { source, destination } = frame.payload else { return false };
            let is_pod = |address: IpAddr| NODES.iter().any(|node| address == pod(*node));
            is_pod(source) && is_pod(destination)
        })?;
        // Five pings to and from each of two others, each a request and a reply.
        assert_eq!(
            (of_pods, wire.count(|frame| frame.inner().is_some())?),
            (40, 0),
            "the wire of node{node}"
        );
    }
    Ok(())
}

/// A node that stops in its tracks, with its link up: BFD tells the switch, and the switch the other nodes.
#[test]
fn what_a_dead_node_had_leaves_the_others_kernels() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let mut lab = up(&topology)?;
    wait_until(CONVERGE, "BFD session", || {
        let shown = lab.node("node1")?.linnet("neighbor 10.1.1.0")?;
        ensure!(shown["bfd"]["state"] == "up", "{shown:#}");
        Ok(())
    })?;
    lab.node_mut("node1")?.processes().iter().try_for_each(Process::pause)?;
    let died = Instant::now();
    for other in [2, 3] {
        wait_for_route(&lab, other, 1, str::is_empty)?;
    }
    let took = died.elapsed();
    println!("gone from the others' kernels after {took:?}");
    // Three packets at 300 ms, and what a loaded machine needs; the hold time is nine seconds.
    assert!(took < Duration::from_secs(4), "{took:?}");
    lab.node_mut("node1")?.processes().iter().try_for_each(Process::resume)?;
    for other in [2, 3] {
        wait_for_route(&lab, other, 1, |shown| !shown.is_empty())?;
    }
    Ok(())
}
