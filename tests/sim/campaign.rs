//! Many runs, on all processors: which, what came of them, and how to have one again.
//!
//! A run is decided by its topology's name and its seed. Those that once found something are kept in seeds.txt and run
//! before the others.

use std::env;
use std::ops::RangeInclusive;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::check::summary;
use crate::rng::Rng;
use crate::scenario::Extent;
use crate::sim::Sim;
use crate::tally::Tally;
use crate::topology::Topology;

/// After so many failures nothing more is to be learnt from further runs.
const ENOUGH: usize = 5;

/// The runs of one kind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Campaign {
    /// Few nodes and little trouble; what network it is the seed decides as well.
    Small,
    /// The one of [`Topology::all`] with this number, and much trouble.
    Large(usize),
}

impl Campaign {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Campaign::Small => "small",
            Campaign::Large(number) => Topology::all()[number].name,
        }
    }

    fn begin(self, seed: u64) -> (Sim, Extent) {
        let mut rng = Rng::new(seed);
        let (topology, extent) = match self {
            Campaign::Small => (Topology::drawn(&mut rng), Extent::SHORT),
            Campaign::Large(number) => (Topology::all()[number].clone(), Extent::LONG),
        };
        let links = topology.links();
        let holds: &[u16] = if extent.steps < 60 { &[3, 9] } else { &[9, 30, 90] };
        let mut topology = topology.with_hold_time(rng.pick(holds));
        if rng.one_in(2) {
            topology = topology.with_passive(rng.pick(&links));
        }
        if rng.one_in(4) {
            topology = topology.without_restart();
        }
        let watched = rng.below(topology.nodes.len() * 2);
        let mut sim = Sim::new(topology, rng);
        if watched < sim.nodes.len() {
            sim.watch(watched);
        }
        (sim, extent)
    }

    /// What is left once trouble is over, for a look at a run's story.
    pub(crate) fn after_trouble(self, seed: u64) -> Sim {
        let (mut sim, extent) = self.begin(seed);
        sim.begin_trouble(&extent);
        sim.run_trouble();
        sim
    }

    /// One run, from the beginning to its end.
    fn run(self, seed: u64) -> Run {
        let (mut sim, extent) = self.begin(seed);
        sim.begin_trouble(&extent);
        sim.run_trouble();
        let mut faults = match self {
            Campaign::Small => {
                sim.run_rounds(&extent, extent.known_by, |sim| sim.lost().is_empty());
                let lost = sim.lost();
                sim.run_rounds(&extent, extent.aged_by, Sim::agrees);
                lost
            }
            Campaign::Large(_) => {
                sim.run_rounds(&extent, extent.known_by, |_| false);
                let lost = sim.lost();
                sim.run_rounds(&extent, extent.aged_by, |_| false);
                lost
            }
        };
        faults.extend(sim.faults(extent.quiet));
        Run { faults, log: std::mem::take(&mut sim.scenario.log), seen: sim.net.borrow().seen.clone() }
    }
}

/// What came of a run.
struct Run {
    faults: Vec<String>,
    log: Vec<String>,
    seen: Tally,
}

/// Runs these seeds; says what happened in all of them together.
///
/// # Panics
/// If one failed: with what it found, and how to have it again.
pub(crate) fn run(campaign: Campaign, usual: u64) -> Tally {
    let seeds = seeds(usual);
    let (first, last) = (*seeds.start(), *seeds.end());
    let kept = kept(campaign.name()).into_iter().filter(|_| first != last);
    let mut runs: Vec<u64> = kept.collect();
    runs.extend(seeds);
    let is_single = first == last;
    let (next, all) = (AtomicU64::new(0), Mutex::new((Tally::default(), Vec::new())));
    let began = Instant::now();
    let work = || {
        while let Some(seed) = runs.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
            let outcome = panic::catch_unwind(AssertUnwindSafe(|| campaign.run(*seed)));
            let mut all = all.lock().expect("a lock");
            match outcome {
                Ok(run) => {
                    if is_single {
                        run.log.iter().for_each(|line| eprintln!("{line}"));
                    }
                    all.0.add(&run.seen);
                    if !run.faults.is_empty() {
                        all.1.push((*seed, summary(&run.faults)));
                    }
                }
                Err(_) => all.1.push((*seed, "it panicked; see above".to_owned())),
            }
            if all.1.len() >= ENOUGH {
                return;
            }
        }
    };
    thread::scope(|scope| {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        (1..processors).for_each(|_| _ = scope.spawn(work));
        work();
    });
    let (seen, failures) = all.into_inner().expect("a lock");
    let (count, seconds) = (runs.len(), began.elapsed().as_secs_f64());
    println!("{}: {count} runs in {seconds:.1} s\n{seen}", campaign.name());
    let again = |seed: u64| {
        let test = if matches!(campaign, Campaign::Small) { "small" } else { "large" };
        format!(
            "{}, seed {seed}: to repeat: LINNET_SIM_SEED={seed} cargo test --test sim {test}",
            campaign.name()
        )
    };
    let failures: Vec<String> =
        failures.into_iter().map(|(seed, what)| format!("{}\n{what}", again(seed))).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    seen
}

/// Whether only one seed is asked for: it need not show every fault.
pub(crate) fn is_replay() -> bool {
    env::var_os("LINNET_SIM_SEED").is_some()
}

fn seeds(usual: u64) -> RangeInclusive<u64> {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse().expect("a number"));
    let first = number("LINNET_SIM_FIRST").unwrap_or(1);
    match number("LINNET_SIM_SEED") {
        Some(seed) => seed..=seed,
        None => first..=first + number("LINNET_SIM_RUNS").unwrap_or(usual) - 1,
    }
}

/// The seeds of this topology that once found something.
fn kept(name: &str) -> Vec<u64> {
    let lines = include_str!("seeds.txt").lines().filter(|line| !line.starts_with('#'));
    let rows = lines.filter_map(|line| line.split_once(" | "));
    let seeds = rows.filter(|(topology, _)| topology.trim() == name).map(|(_, rest)| rest);
    seeds.map(|rest| rest.split(" | ").next().expect("a seed").trim().parse().expect("a number")).collect()
}
