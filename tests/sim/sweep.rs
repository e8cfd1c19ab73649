//! How fast, and with how many messages, each topology comes to rest: a table to be compared.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use bgp::types::Vni;

use crate::hosts::Place;
use crate::rng::Rng;
use crate::sim::Sim;
use crate::topology::Topology;

/// Hosts on each leaf.
const HOSTS: usize = 40;
/// How often it is looked whether all agree.
const STEP: Duration = Duration::from_millis(10);

/// What it took to come to rest.
struct Cost {
    time: Duration,
    updates: u64,
    ops: u64,
}

#[test]
fn sweep() {
    let mut text = String::from("topology                step       ms  UPDATEs  kernel ops\n");
    for topology in Topology::all() {
        let mut sim = Sim::new(topology.clone(), Rng::calm());
        let start = cost(&mut sim, |sim| {
            settle_hosts(sim);
        });
        let moved = cost(&mut sim, move_one);
        let lost = cost(&mut sim, lose_one);
        for (step, Cost { time, updates, ops }) in [("start", start), ("move", moved), ("restart", lost)] {
            writeln!(text, "{:<23} {step:<8} {:>4} {updates:>8} {ops:>11}", topology.name, time.as_millis())
                .unwrap();
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sim/sweep.txt");
    if env::var_os("BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == text, "sweep.txt has:\n{expected}\nbut now it is:\n{text}");
}

fn cost(sim: &mut Sim, deed: impl FnOnce(&mut Sim)) -> Cost {
    let ops = |sim: &Sim| sim.nodes.iter().map(|node| node.kernel.asked).sum::<u64>();
    let (updates_before, ops_before, began) = (sim.updates(), ops(sim), sim.elapsed());
    deed(sim);
    while !sim.agrees() {
        sim.run(STEP);
        assert!(sim.elapsed() - began < Duration::from_secs(60), "no rest");
    }
    let time = sim.elapsed() - began;
    // What is said after all agree counts, too.
    sim.run(Duration::from_secs(20));
    assert!(sim.faults().is_empty());
    Cost { time, updates: sim.updates().saturating_sub(updates_before), ops: ops(sim) - ops_before }
}

/// Attaches hosts to all leaves, half of them before any session is up.
fn settle_hosts(sim: &mut Sim) {
    for half in 0..2 {
        for node in sim.topology.leaves() {
            for host in 0..HOSTS / 2 {
                let vni = Vni::new(100 + 100 * (host as u32 % 2)).unwrap();
                let number = sim.hosts.add(vni, Place { node, port: half }, false);
                sim.attach();
                sim.speak(sim.hosts.alive[&number], true);
            }
        }
        sim.run(Duration::from_millis(5));
    }
}

/// The first host goes to the last leaf.
fn move_one(sim: &mut Sim) {
    let node = *sim.topology.leaves().last().unwrap();
    let host = sim.hosts.alive.values_mut().next().unwrap();
    host.place.node = node;
    let host = *host;
    sim.attach();
    sim.speak(host, true);
}

/// The first leaf's daemon is killed and started again; its rows stay.
fn lose_one(sim: &mut Sim) {
    let node = sim.topology.leaves()[0];
    sim.nodes[node].kill();
    sim.run(Duration::from_secs(1));
    sim.nodes[node].start();
    sim.run(STEP);
}
