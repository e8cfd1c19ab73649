//! Whole networks in one process: real sessions and real cores, simulated sockets, kernels, hosts and time.
//!
//! A run is decided by its seed alone. One that fails prints it, and `LINNET_SIM_SEED=n cargo test --test sim`
//! repeats exactly that run in every topology; `LINNET_SIM_RUNS=n` has so many runs of each. The text that
//! `sweep` compares with sweep.txt says how fast and with how many messages each topology comes to rest;
//! `BLESS=1` writes it anew, and the difference is for a person to judge.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unreachable,
    reason = "a test: there a panic is the report"
)]

mod check;
mod clock;
mod hosts;
mod kernel;
mod net;
mod node;
mod peer;
mod rng;
mod scenario;
mod sim;
mod sweep;
mod topology;

use std::env;

use sim::Sim;
use topology::Topology;

/// Runs of each topology, unless the environment says otherwise.
const RUNS: u64 = 12;

/// Things that happen in one run.
const STEPS: usize = 60;

#[test]
fn mesh_of_three() {
    trouble(&Topology::mesh());
}

#[test]
fn reflector_with_four_leaves() {
    trouble(&Topology::reflector());
}

#[test]
fn two_reflectors_with_five_leaves() {
    trouble(&Topology::reflectors());
}

#[test]
fn ebgp_pair() {
    trouble(&Topology::external());
}

#[test]
fn a_seed_decides_everything() {
    for topology in Topology::all() {
        let runs = [7, 7, 8].map(|seed| after_trouble(&topology, seed));
        let stories =
            runs.each_ref().map(|sim| (sim.scenario.log.clone(), sim.net.borrow().clock.scheduled()));
        assert_eq!(stories[0], stories[1]);
        assert_ne!(stories[0], stories[2]);
    }
}

/// Runs of a topology: afterwards everything is as it must be.
fn trouble(topology: &Topology) {
    for seed in seeds() {
        let announce = Announce { topology: topology.name, seed };
        let mut sim = after_trouble(topology, seed);
        let lost = sim.lost_hosts();
        report(&sim, &lost);
        sim.run_until_aged();
        let faults = sim.faults();
        report(&sim, &faults);
        drop(announce);
    }
}

fn report(sim: &Sim, faults: &[String]) {
    if faults.is_empty() {
        return;
    }
    if env::var_os("LINNET_SIM_SEED").is_some() {
        sim.scenario.log.iter().for_each(|line| eprintln!("{line}"));
    }
    panic!("{} faults: {}", faults.len(), check::summary(faults));
}

fn after_trouble(topology: &Topology, seed: u64) -> Sim {
    let links = topology.links();
    let mut rng = rng::Rng::new(seed);
    let mut topology = topology.clone().with_hold_time(rng.pick(&[9, 30, 90]));
    if rng.one_in(2) {
        topology = topology.with_passive(rng.pick(&links));
    }
    let mut sim = Sim::new(topology, rng);
    sim.begin_trouble(STEPS);
    sim.run_trouble();
    sim.run_until_known();
    sim
}

fn seeds() -> std::ops::RangeInclusive<u64> {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse().expect("a number"));
    match number("LINNET_SIM_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("LINNET_SIM_RUNS").unwrap_or(RUNS),
    }
}

/// Says which run it was, should it fail.
struct Announce {
    topology: &'static str,
    seed: u64,
}

impl Drop for Announce {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: to repeat: LINNET_SIM_SEED={} cargo test --test sim", self.topology, self.seed);
        }
    }
}
