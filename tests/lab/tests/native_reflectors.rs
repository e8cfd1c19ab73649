//! Native mode behind route reflectors: FRR, BIRD, and nodes that reflect themselves. Whoever reflects, the kernels
//! have the ways of the living, and pods reach each other directly.

mod hub;
mod lan;

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use hub::BOUND;
use lab::{Daemon, Node, Recording, skip_if, wait_until};
use lan::{Lan, TIMES, address, assert_nothing_lost, linnet, neighbors, own_block};

/// The node that does nothing but reflect.
const REFLECTOR: u8 = 9;

/// How long a node may be dead until the others' kernels know: the hold time, and what a loaded machine needs.
const FORGOTTEN: Duration = Duration::from_secs(6);

/// FRR keeps the routes of who falls silent for as long as he may take to restart, as linnetd does (RFC 8538): BFD
/// tells it that he has not.
const FRR: &str = "router bgp 65000
 bgp router-id 172.20.0.9
 neighbor nodes peer-group
 neighbor nodes remote-as 65000
 neighbor nodes timers connect 1
 neighbor nodes bfd
 bgp listen range 172.20.0.0/24 peer-group nodes
 address-family ipv4 unicast
  neighbor nodes route-reflector-client
 exit-address-family
";

fn bird() -> String {
    let client = |n: u8| {
        format!(
            "protocol bgp node{n} {{ local as 65000; neighbor {} as 65000; rr client; passive; error wait time 1, 2;
               ipv4 {{ import all; export all; }}; }}\n",
            address(n)
        )
    };
    format!("router id 172.20.0.9;\nprotocol device {{}}\n{}", (1..=3).map(client).collect::<String>())
}

/// The keys of a neighbour that is reflected to.
const CLIENT: &str = "connect_retry: 1, route_reflector_client: true";

/// What both ends are told who are to know at once.
fn watched() -> String {
    format!("{TIMES}, bfd: true")
}

/// A node that announces its block to these.
fn node(n: u8, to: &[u8], keys: &str) -> String {
    linnet(n, &neighbors(to, keys), &own_block(n))
}

/// The lines of `bgp` of who reflects to whoever comes.
fn clients() -> String {
    format!(
        "  dynamic_neighbors: [{{ range: 172.20.0.0/24, remote_as: 65000, route_reflector_client: true, {} }}]\n",
        watched()
    )
}

/// A node that reflects, and speaks with the other one that does.
fn reflecting(n: u8, other: u8) -> String {
    linnet(n, &(neighbors(&[other], &watched()) + &clients()), &own_block(n))
}

/// Node `dead` goes, with all that would say so: the `others` lose the way to it and to nobody else, and have it again
/// when it is back.
fn a_node_dies_and_comes_back(lan: &Lan, dead: u8, others: &[u8], all: &[u8]) -> Result<()> {
    lan.wait_until_watched(all)?;
    let [one, other, ..] = others else { bail!("two others are to go on") };
    let flows = vec![lan.start_pinging(*one, *other)?, lan.start_pinging(*other, *one)?];
    lan.set_cable(dead, false)?;
    let died = Instant::now();
    lan.wait_for_all_ways(others)?;
    let took = died.elapsed();
    println!("node {dead} is gone from the others' kernels after {took:?}");
    assert!(took < FORGOTTEN, "{took:?}");
    lan.set_cable(dead, true)?;
    let joined = Instant::now();
    lan.wait_for_all_ways(all)?;
    println!("and there again {:?} after it was joined", joined.elapsed());
    lan.assert_pings(all)?;
    assert_nothing_lost(flows)
}

/// Three nodes whose only neighbour is the reflector, which they are told these keys of.
fn is_reflected_by(daemon: Daemon, configuration: &str, keys: &str) -> Result<()> {
    skip_if!(lan::missing(&[daemon]));
    let nodes = [1, 2, 3].map(|n| node(n, &[REFLECTOR], keys));
    let [one, two, three] = nodes.each_ref().map(|text| (Daemon::Linnet, &**text));
    let lan = Lan::up(&[
        (1, one.0, one.1),
        (2, two.0, two.1),
        (3, three.0, three.1),
        (REFLECTOR, daemon, configuration),
    ])?;
    let took = lan.wait_for_all_ways(&[1, 2, 3])?;
    println!("all ways in all kernels after {took:?}");
    lan.assert_pings(&[1, 2, 3])?;
    a_node_dies_and_comes_back(&lan, 3, &[1, 2], &[1, 2, 3])
}

#[test]
fn frr_reflects() -> Result<()> {
    is_reflected_by(Daemon::Frr, FRR, &watched())
}

#[test]
fn bird_reflects() -> Result<()> {
    is_reflected_by(Daemon::Bird, &bird(), TIMES)
}

/// The reflector is killed, and ended, as soon as it knows everybody: no kernel loses a route for a moment.
#[test]
fn a_reflector_restarts_and_nobody_notices() -> Result<()> {
    skip_if!(lan::missing(&[]));
    let named: Vec<String> = [1, 2, 3].iter().map(|n| neighbors(&[*n], CLIENT)).collect();
    let named = format!("  neighbors:\n{}", named.concat().replace("  neighbors:\n", ""));
    let reflector = linnet(REFLECTOR, &named, "  install: false\n");
    let nodes = [1, 2, 3].map(|n| node(n, &[REFLECTOR], TIMES));
    let mut parts: Vec<_> = (1..).zip(&nodes).map(|(n, text)| (n, Daemon::Linnet, &**text)).collect();
    parts.push((REFLECTOR, Daemon::Linnet, &*reflector));
    let mut lan = Lan::up(&parts)?;
    lan.wait_for_all_ways(&[1, 2, 3])?;
    let recordings = [1, 2, 3].map(|n| record_routes(lan.node(n)?));
    let recordings: Vec<Recording> = recordings.into_iter().collect::<Result<_>>()?;
    let flows = vec![lan.start_pinging(1, 2)?, lan.start_pinging(2, 3)?, lan.start_pinging(3, 1)?];
    for by_force in [true, false, true, false] {
        let daemon = lan.node_mut(REFLECTOR)?;
        if by_force { daemon.kill_daemon() } else { daemon.stop_daemon() }?;
        daemon.start_daemon()?;
        daemon.wait_until_ready()?;
        for n in [1, 2, 3] {
            lan.wait_until_heard_out(n)?;
        }
    }
    for recording in recordings {
        let text = recording.text()?;
        let gone: Vec<&str> = text.lines().filter(|line| line.starts_with("Deleted 10.")).collect();
        assert_eq!(gone, [""; 0], "of {text}");
    }
    assert_nothing_lost(flows)
}

/// Begins to note what a kernel says of its routes.
fn record_routes(node: &Node) -> Result<Recording> {
    let recording = node.record("routes", &["ip", "-N", "-o", "monitor", "route"])?;
    // It has begun when it tells of something that happened since.
    wait_until(BOUND, "word of a route", || {
        node.sh("ip route add 203.0.113.1 dev eth1 && ip route del 203.0.113.1 dev eth1")?;
        ensure!(recording.text()?.contains("203.0.113.1"), "nothing");
        Ok(())
    })?;
    Ok(recording)
}

/// Nodes 1 and 2 reflect, beside having pods of their own. One of them goes, and nobody else is cut off.
#[test]
fn two_nodes_of_four_reflect() -> Result<()> {
    skip_if!(lan::missing(&[]));
    let texts =
        [reflecting(1, 2), reflecting(2, 1), node(3, &[1, 2], &watched()), node(4, &[1, 2], &watched())];
    let parts: Vec<_> = (1..).zip(&texts).map(|(n, text)| (n, Daemon::Linnet, &**text)).collect();
    let lan = Lan::up(&parts)?;
    lan.wait_for_all_ways(&[1, 2, 3, 4])?;
    lan.assert_pings(&[1, 2, 3, 4])?;
    a_node_dies_and_comes_back(&lan, 1, &[3, 4, 2], &[1, 2, 3, 4])?;
    a_node_dies_and_comes_back(&lan, 4, &[3, 2, 1], &[1, 2, 3, 4])
}
