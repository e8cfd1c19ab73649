//! How fast, and with how many messages, each topology comes to rest: a table to be compared.

use std::fmt::Write;
use std::time::Duration;

use bgp::types::Vni;

use crate::hosts::Place;
use crate::rng::Rng;
use crate::sim::Sim;
use crate::snapshot;
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
    snapshot::compare("sweep.txt", &text);
}

fn cost(sim: &mut Sim, deed: impl FnOnce(&mut Sim)) -> Cost {
    let ((updates_before, ops_before), began) = (sim.asked(), sim.elapsed());
    deed(sim);
    while !sim.agrees() {
        sim.run(STEP);
        assert!(sim.elapsed() - began < Duration::from_secs(60), "no rest");
    }
    let time = sim.elapsed() - began;
    // What is said after all agree counts, too.
    sim.run(Duration::from_secs(20));
    let faults = sim.faults(Duration::from_secs(40));
    assert!(faults.is_empty(), "{faults:?}");
    let (updates, ops) = sim.asked();
    Cost { time, updates: updates.saturating_sub(updates_before), ops: ops - ops_before }
}

/// Attaches hosts to all leaves, half of them before any session is up.
fn settle_hosts(sim: &mut Sim) {
    for half in 0..2 {
        for node in sim.topology.bridged() {
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
    let node = *sim.topology.bridged().last().unwrap();
    let host = sim.hosts.alive.values_mut().next().unwrap();
    host.place.node = node;
    let host = *host;
    sim.attach();
    sim.speak(host, true);
}

/// The first leaf's daemon is killed and started again; its rows stay.
fn lose_one(sim: &mut Sim) {
    let node = sim.topology.bridged()[0];
    sim.nodes[node].kill();
    sim.run(Duration::from_secs(1));
    sim.nodes[node].start();
    sim.run(STEP);
}
