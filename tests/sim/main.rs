//! Whole networks in one process: real sessions and real cores, simulated sockets, kernels, hosts and time.
//!
//! A run is decided by its seed alone. Thousands of small networks with a little trouble each are run (`small`), and
//! some larger ones for longer (`large`). One that fails says how to have exactly that run again, with its story:
//! `LINNET_SIM_SEED=n cargo test --test sim small`; `LINNET_SIM_RUNS=n` has so many runs instead of the usual number,
//! `LINNET_SIM_FIRST=n` begins with that one. What happened is counted, and a fault that did not happen fails the test.
//!
//! The text that `sweep` compares with sweep.txt says how fast and with how many messages each topology comes to rest,
//! and `scale` does the same for a thousand nodes with scale.txt; `BLESS=1` writes them anew, and the difference is for
//! a person to judge.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unreachable,
    reason = "a test: there a panic is the report"
)]

mod campaign;
mod check;
mod clock;
mod hosts;
mod kernel;
mod net;
mod node;
mod peer;
mod rng;
mod scale;
mod scenario;
mod sim;
mod snapshot;
mod sweep;
mod tally;
mod topology;
mod watcher;

use campaign::Campaign;
use scenario::{STAYS_AWAY, all_deeds};
use topology::Topology;

/// Runs of small networks.
const SMALL: u64 = 10_000;

/// Runs of each larger one.
const LARGE: u64 = 12;

/// What must have happened in so many runs, besides everything that the scenario does.
const HAPPENS: [&str; 11] = [
    STAYS_AWAY,
    "a daemon dies amid a batch for the kernel",
    "a daemon ends and leaves nothing behind",
    "a writer waits for a slow reader",
    "news of the kernel overruns the socket",
    "octets wait for a link that is cut",
    "sessions of one node overtake each other",
    "the kernel refuses a dump",
    "the kernel refuses a kind of op for long",
    "the kernel refuses a route",
    "the kernel refuses an op now and then",
];

#[test]
fn small() {
    let seen = campaign::run(Campaign::Small, SMALL);
    if campaign::is_replay() {
        return;
    }
    let never: Vec<&str> =
        all_deeds().map(|(name, _)| name).chain(HAPPENS).filter(|n| seen.of(n) == 0).collect();
    assert!(never.is_empty(), "never happened: {never:?}");
}

#[test]
fn large() {
    for number in 0..Topology::all().len() {
        campaign::run(Campaign::Large(number), LARGE);
    }
}

#[test]
fn a_seed_decides_everything() {
    for campaign in [Campaign::Small, Campaign::Large(2), Campaign::Large(4)] {
        let runs = [7, 7, 8].map(|seed| campaign.after_trouble(seed));
        let stories =
            runs.each_ref().map(|sim| (sim.scenario.log.clone(), sim.net.borrow().clock.scheduled()));
        assert_eq!(stories[0], stories[1]);
        assert_ne!(stories[0], stories[2]);
    }
}
