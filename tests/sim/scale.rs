//! A thousand nodes behind two reflectors: that they come to agree, in what time, and with how much of everything.

use std::fmt::Write;
use std::time::Duration;

use bgp::types::Vni;

use crate::hosts::Place;
use crate::rng::Rng;
use crate::sim::Sim;
use crate::snapshot;
use crate::topology::Topology;

const REFLECTORS: usize = 2;
const LEAVES: usize = 1000;
/// Each leaf serves one of so many networks.
const NETWORKS: usize = 50;
/// One leaf in so many has a host.
const HOSTED: usize = 5;

/// How often it is looked whether all agree.
const STEP: Duration = Duration::from_secs(1);

#[test]
fn scale() {
    let topology = Topology::reflected("2 reflectors, 1000 leaves", REFLECTORS, LEAVES)
        .with_one_vni(network)
        .with_hold_time(90);
    let mut sim = Sim::new(topology, Rng::calm());
    let mut table = Table::default();
    table.row(&mut sim, "start", |sim| {
        for node in (REFLECTORS..REFLECTORS + LEAVES).step_by(HOSTED) {
            attach_host(sim, node);
        }
        // All connect in the same moment, and a reflector has the others' calls to turn away first.
        sim.run(Duration::from_millis(100));
    });
    table.row(&mut sim, "host appears", |sim| attach_host(sim, REFLECTORS + 1));
    table.row(&mut sim, "leaf lost", |sim| sim.nodes[REFLECTORS + 7].stop());
    table.row(&mut sim, "leaf back", |sim| sim.nodes[REFLECTORS + 7].start());
    table.row(&mut sim, "reflector lost", |sim| sim.nodes[0].kill());
    snapshot::compare("scale.txt", &table.text());
}

fn network(node: usize) -> u32 {
    100 * (1 + (node % NETWORKS) as u32)
}

/// It says its MAC and no address: one route.
fn attach_host(sim: &mut Sim, node: usize) {
    let vni = Vni::new(network(node)).unwrap();
    let number = sim.hosts.add(vni, Place { node, port: 0 }, false);
    let host = sim.hosts.alive.get_mut(&number).unwrap();
    host.ip = None;
    let host = *host;
    sim.attach();
    sim.speak(host, true);
}

/// What each step took.
#[derive(Default)]
struct Table(String);

impl Table {
    /// Lets something happen, and all come to agree.
    fn row(&mut self, sim: &mut Sim, step: &str, deed: impl FnOnce(&mut Sim)) {
        let real = std::time::Instant::now();
        let (before, began) = (Cost::of(sim), sim.elapsed());
        deed(sim);
        while !sim.agrees() {
            sim.run(STEP);
            assert!(sim.elapsed() - began < Duration::from_secs(120), "no rest after: {step}");
        }
        let time = sim.elapsed() - began;
        let after = Cost::of(sim);
        let Cost { updates, octets, turns, ops } = after.less(&before);
        let millis = time.as_millis();
        println!("{step}: took {:.1} s", real.elapsed().as_secs_f64());
        writeln!(self.0, "{step:<16} {millis:>6} {updates:>8} {octets:>10} {turns:>9} {ops:>11}").unwrap();
    }

    fn text(&self) -> String {
        let head = format!(
            "{REFLECTORS} reflectors, {LEAVES} leaves in {NETWORKS} networks, {} hosts\n\n",
            LEAVES / HOSTED
        );
        format!("{head}step                 ms  UPDATEs     octets     turns  kernel ops\n{}", self.0)
    }
}

/// What was spent.
#[derive(Clone, Copy)]
struct Cost {
    /// UPDATEs that were written.
    updates: u64,
    /// Octets that arrived.
    octets: u64,
    /// Turns of cores.
    turns: u64,
    ops: u64,
}

impl Cost {
    fn of(sim: &Sim) -> Cost {
        let (updates, ops) = sim.asked();
        let seen = &sim.net.borrow().spent;
        Cost { updates, ops, octets: seen.octets, turns: seen.turns }
    }

    /// Sessions that ended have taken their counts of UPDATEs with them.
    fn less(self, before: &Cost) -> Cost {
        Cost {
            updates: self.updates.saturating_sub(before.updates),
            octets: self.octets - before.octets,
            turns: self.turns - before.turns,
            ops: self.ops - before.ops,
        }
    }
}
