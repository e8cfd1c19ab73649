//! A native node between FRR's: linnetd is killed at random moments, and replaced by another binary, while pods speak
//! and routes come and go.

mod hub;
mod lan;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use lab::packet::{Flow, Passage};
use lab::{Daemon, Random, daemon, rounds, skip_if};
use lan::{Lan, address, linnet, neighbors, own_block, way};

const REFLECTOR: u8 = 9;
/// So many routes come and go.
const FLEETING: u8 = 40;
/// As a rule; LINNET_ROUNDS says otherwise.
const ROUNDS: u64 = 8;
const PACE: Duration = Duration::from_millis(5);
const ON_ITS_WAY: Duration = Duration::from_millis(300);
const RESTLESS: Duration = Duration::from_millis(1500);

fn reflector() -> String {
    let client = |n: u8| {
        let address = address(n);
        format!(" neighbor {address} remote-as 65000\n neighbor {address} timers connect 1\n")
    };
    let reflects = |n: u8| format!("  neighbor {} route-reflector-client\n", address(n));
    format!(
        "router bgp 65000\n bgp router-id 172.20.0.9\n{}{} address-family ipv4 unicast\n{}{} exit-address-family\n",
        client(1),
        client(2),
        reflects(1),
        reflects(2)
    )
}

/// FRR on a node, its block announced.
const FRR: &str = "router bgp 65000
 bgp router-id 172.20.0.2
 no bgp network import-check
 neighbor 172.20.0.9 remote-as 65000
 neighbor 172.20.0.9 timers connect 1
 address-family ipv4 unicast
  network 10.244.2.0/26
 exit-address-family
";

/// Node 1 is linnetd's; node 2, and who reflects between them, FRR's.
struct Stage {
    lan: Lan,
    there: BTreeSet<u8>,
    flows: [Flow; 2],
}

impl Stage {
    fn up() -> Result<Stage> {
        let node = linnet(1, &neighbors(&[REFLECTOR], "connect_retry: 1"), &own_block(1));
        let (linnet, frr) = (Daemon::Linnet, Daemon::Frr);
        let lan = Lan::up(&[(1, linnet, &node), (2, frr, FRR), (REFLECTOR, frr, &reflector())])?;
        lan.wait_for_ways(1, &[2])?;
        lab::wait_until(hub::BOUND, "way at FRR", || {
            let routes = lan.node(2)?.sh("ip route show 10.244.1.0/26")?;
            anyhow::ensure!(routes.contains("172.20.0.1"), "{routes}");
            Ok(())
        })?;
        let flow = |from, to| {
            Flow::start(lan.pod(from)?, lan.pod(to)?, lan::pod(to), PACE).map_err(anyhow::Error::from)
        };
        let flows = [flow(1, 2)?, flow(2, 1)?];
        Ok(Stage { lan, there: BTreeSet::new(), flows })
    }

    /// Has FRR announce these, and no others.
    fn have(&mut self, wanted: BTreeSet<u8>) -> Result<()> {
        let come = wanted.difference(&self.there).map(|n| format!("network 20.0.{n}.0/24"));
        let go = self.there.difference(&wanted).map(|n| format!("no network 20.0.{n}.0/24"));
        let begin = ["configure terminal", "router bgp 65000", "address-family ipv4 unicast"];
        let lines: Vec<String> = begin.map(str::to_owned).into_iter().chain(come).chain(go).collect();
        let words = lines.iter().flat_map(|line| ["-c", line]);
        self.lan.node(2)?.output(&["vtysh"].into_iter().chain(words).collect::<Vec<_>>())?;
        self.there = wanted;
        Ok(())
    }

    fn settle(&self) -> Result<()> {
        let fleeting =
            self.there.iter().map(|n| format!("20.0.{n}.0/24 via {} dev eth1 metric 50", address(2)));
        self.lan.wait_for_routes(1, &fleeting.chain([way(2)]).collect::<Vec<_>>())
    }

    fn end(self) -> Result<[Passage; 2]> {
        let [there, back] = self.flows;
        let passages = [there.stop()?, back.stop()?];
        let [there, back] = &passages;
        println!("pod 1 to pod 2: {}\npod 2 to pod 1: {}", there.summary(), back.summary());
        Ok(passages)
    }
}

fn assert_nothing_lost([there, back]: [Passage; 2]) {
    assert!(there.datagrams.len() > 100, "{}", there.summary());
    assert_eq!((there.lost(), back.lost()), (vec![], vec![]));
}

#[test]
fn a_node_that_is_killed_at_random_moments_loses_nothing() -> Result<()> {
    skip_if!(lan::missing(&[Daemon::Frr]));
    let (mut stage, mut random) = (Stage::up()?, Random::new()?);
    for _ in 0..rounds(ROUNDS)? {
        let some = |random: &mut Random| (0..FLEETING).filter(|_| random.below(2) == 0).collect();
        stage.have(some(&mut random))?;
        std::thread::sleep(random.time_below(ON_ITS_WAY));
        stage.lan.node_mut(1)?.kill_daemon()?;
        if random.below(2) == 0 {
            stage.have(some(&mut random))?;
        }
        stage.lan.node_mut(1)?.start_daemon()?;
        match random.below(3) {
            0 => std::thread::sleep(random.time_below(RESTLESS)),
            _ => stage.settle()?,
        }
    }
    stage.settle()?;
    stage.have(BTreeSet::new())?;
    stage.settle()?;
    stage.end().map(assert_nothing_lost)
}

/// The old one is ended and the new one started, as a package's upgrade does.
#[test]
fn another_binary_takes_over_under_traffic() -> Result<()> {
    skip_if!(lan::missing(&[Daemon::Frr]));
    let mut stage = Stage::up()?;
    stage.have((0..FLEETING).collect())?;
    stage.settle()?;
    let folder = tempfile::tempdir()?;
    let new = folder.path().join("linnetd");
    std::fs::copy(daemon::linnetd()?, &new)?;
    let node = stage.lan.node_mut(1)?;
    node.stop_daemon()?;
    node.start_linnetd(&new)?;
    node.wait_until_ready()?;
    stage.lan.wait_until_heard_out(1)?;
    stage.settle()?;
    stage.have(BTreeSet::new())?;
    stage.settle()?;
    stage.end().map(assert_nothing_lost)
}
