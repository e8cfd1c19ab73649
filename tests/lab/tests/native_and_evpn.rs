//! EVPN and native mode in one daemon: hosts of a VNI reach each other through VXLAN, while pods of the same two nodes
//! reach each other as they are, over the same wire.

#![expect(clippy::indexing_slicing, reason = "there are two of everything")]

mod hub;
mod lan;

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Result, ensure};
use hub::BOUND;
use lab::netlink::{self, Link};
use lab::packet::{Capture, Frame, Payload, ping};
use lab::{Daemon, Node, NodeSpec, Nursery, cable, skip_if, wait_until};
use lan::{Lan, TIMES, address, linnet, own_block, pod};

const NODES: [u8; 2] = [1, 2];
const VNI: u32 = 100;

/// What each node has of EVPN.
fn evpn(n: u8) -> String {
    format!("evpn:\n  vtep: {}\n  vnis: [{{ vni: {VNI}, create: true, mtu: 1450 }}]\n", address(n))
}

fn other(n: u8) -> u8 {
    3 - n
}

/// The host of the VNI at a node.
fn host(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 1, n)
}

/// Both nodes with these neighbours, and a host of the VNI at each.
fn up(neighbors: impl Fn(u8) -> String) -> Result<(Lan, Vec<Node>)> {
    let text = |n| linnet(n, &format!("  neighbors:\n{}", neighbors(n)), &own_block(n)) + &evpn(n);
    let texts = NODES.map(text);
    let lan = Lan::laid(&NODES.map(|n| (n, Daemon::Linnet, &*texts[usize::from(n) - 1])))?;
    for n in NODES {
        // An address that is still being checked for duplicates cannot be bound to (RFC 4862 section 5.4).
        lan.node(n)?.sh(&format!("ip addr add fd00:20::{n}/64 dev eth1 nodad"))?;
    }
    let lan = lan.start()?;
    let nursery = Nursery::new()?;
    let hosts = NODES.map(|n| {
        let (node, host) = (lan.node(n)?, Node::new(&format!("host{n}"), &NodeSpec::default(), &nursery)?);
        cable((node.netns(), "eth3"), (host.netns(), "eth1"))?;
        host.sh(&format!("ip link set eth1 mtu 1450 && ip addr add {}/24 dev eth1", self::host(n)))?;
        wait_until(BOUND, "bridge", || {
            node.netns().run(|| Link::named("eth3")?.set_master(&Link::named("br100")?))?
        })?;
        Ok(host)
    });
    Ok((lan, hosts.into_iter().collect::<Result<_>>()?))
}

/// Whether it is an echo, or its reply, between these.
fn is_between(frame: &Frame, [one, other]: [Ipv4Addr; 2]) -> bool {
    let ends = [IpAddr::from(one), other.into()];
    matches!(frame.payload, Payload::Icmp { source, destination }
        if source != destination && ends.contains(&source) && ends.contains(&destination))
}

/// Waits until both nodes have the other's host in the kernel, as a remote one.
fn wait_for_hosts(lan: &Lan, hosts: &[Node]) -> Result<()> {
    for n in NODES {
        let mac =
            hosts[usize::from(other(n)) - 1].netns().run(|| Link::named("eth1").map(|link| link.mac()))??;
        wait_until(BOUND, &format!("the other's host at node {n}"), || {
            // A host is known once it has said something.
            ping(hosts[0].netns(), host(2), 1)?;
            let rows = lan.node(n)?.netns().run(|| netlink::fdb("vxlan100"))??;
            let vtep = Some(address(other(n)).into());
            ensure!(rows.iter().any(|row| row.mac == mac && row.dst == vtep), "{rows:#?}");
            Ok(())
        })?;
    }
    Ok(())
}

fn each_goes_its_way(neighbors: impl Fn(u8) -> String) -> Result<()> {
    skip_if!(lan::missing(&[]));
    let (lan, hosts) = up(neighbors)?;
    lan.wait_for_all_ways(&NODES)?;
    wait_for_hosts(&lan, &hosts)?;

    let wire = Capture::start(lan.switch.netns(), "eth1")?;
    assert_eq!(ping(hosts[0].netns(), host(2), 5)?.lost(), [0; 0]);
    assert_eq!(ping(lan.pod(1)?, pod(2), 5)?.lost(), [0; 0]);
    let (of_hosts, of_pods) = (NODES.map(host), NODES.map(pod));
    let inside = |ends| {
        wire.count(|frame| {
            let inner = frame.inner().filter(|inner| inner.vni == VNI);
            inner.is_some_and(|inner| is_between(&inner.frame, ends))
        })
    };
    let bare = |ends| wire.count(|frame| is_between(frame, ends));
    assert_eq!((inside(of_hosts)?, bare(of_hosts)?), (10, 0), "five echoes and replies in VXLAN");
    assert_eq!((inside(of_pods)?, bare(of_pods)?), (0, 10), "five echoes and replies as they are");
    Ok(())
}

#[test]
fn over_one_session() -> Result<()> {
    let both = |n| {
        let to = address(other(n));
        format!(
            "    - {{ address: {to}, remote_as: 65000, families: [ipv4-unicast, l2vpn-evpn], {TIMES} }}\n"
        )
    };
    each_goes_its_way(both)
}

#[test]
fn over_a_session_each() -> Result<()> {
    let apart = |n| {
        let (to, other) = (address(other(n)), other(n));
        format!(
            "    - {{ address: {to}, remote_as: 65000, families: [ipv4-unicast], {TIMES} }}
    - {{ address: \"fd00:20::{other}\", remote_as: 65000, families: [l2vpn-evpn], {TIMES} }}\n"
        )
    };
    each_goes_its_way(apart)
}
