//! `cargo xtask soak`: a small fabric that is never left alone, for as long as is asked, and then looked over.
//!
//! Two linnetd and an FRR leaf behind an FRR reflector, and BIRD in native mode with the two; hosts and prefixes come,
//! move and go, links flap, sessions are reset, one linnetd is killed and comes back, strangers flush the kernel's
//! tables, and the command line lists and watches meanwhile. When it is quiet again, everybody has to have what is so,
//! and nothing else: the kernels, the tables, and the memory of who was there all the time.
//!
//! - `network` lays the nodes, cables and configurations, and is asked how a node stands;
//! - `hosts` knows where each host is meant to be, and puts it there;
//! - `churn` does something to it all, by a seed, so that a run can be done again;
//! - `gauge` reads what a daemon takes, and whether that grows;
//! - `verdict` looks over what is left.

mod churn;
mod gauge;
mod hosts;
mod network;
mod rng;
mod verdict;

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use clap::Args;
use lab::{Daemon, Node, daemon, privilege, wait_until};

use crate::{cargo, ui};
use churn::Churn;
use gauge::{Gauge, Reading};
use hosts::Hosts;
use network::{LEAVES, Network};
use rng::Rng;

#[derive(Args)]
pub(crate) struct Arguments {
    /// For how many minutes something happens
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Decides what happens; another one each time unless given
    #[arg(long)]
    seed: Option<u64>,
    /// Takes the programs that lie beside this one as they are
    #[arg(long, hide = true)]
    built: bool,
}

/// How often something happens.
const TICK: Duration = Duration::from_millis(100);

/// How often daemons are measured.
const SAMPLE: Duration = Duration::from_secs(5);

/// How often a line tells how it stands.
const LINE: Duration = Duration::from_secs(60);

/// How long the fabric may take to agree once it is left alone; generous, for machines under load.
const QUIET: Duration = Duration::from_secs(90);

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if !arguments.built {
        ui::title("Build");
        cargo::build(&["build", "--package", "linnet", "--bins"])?;
    }
    privilege::enter()?;
    let programs = ["ip", "bridge", "timeout"];
    let missing = [Daemon::Linnet, Daemon::Frr, Daemon::Bird].into_iter().find_map(daemon::missing);
    let missing = missing.or_else(|| programs.into_iter().find_map(daemon::missing_program));
    if let Some(reason) = missing.or_else(privilege::missing_features) {
        bail!("{reason}");
    }
    let seed = arguments
        .seed
        .unwrap_or_else(|| SystemTime::UNIX_EPOCH.elapsed().map_or(1, |since| since.as_secs() % 1_000_000));
    ui::title(&format!("Soak for {} minutes, with seed {seed}", arguments.minutes));
    soak(Duration::from_secs(60 * arguments.minutes), seed)
}

fn soak(time: Duration, seed: u64) -> Result<()> {
    let mut network = Network::up()?;
    wait_until(QUIET, "sessions", || network.sessions())?;
    let mut hosts = Hosts::default();
    let mut churn = Churn::new(Rng::new(seed));
    let mut gauges = network::NAMES.map(Gauge::new);
    let start = Instant::now();
    let (mut sampled, mut told) = (start, start);
    while start.elapsed() < time {
        let began = Instant::now();
        churn.tick(&mut network, &mut hosts)?;
        if sampled.elapsed() >= SAMPLE {
            sampled = Instant::now();
            measure(&network, &mut gauges, start);
        }
        if told.elapsed() >= LINE {
            told = Instant::now();
            ui::text(&line(start, &network, &hosts, &churn, &gauges));
        }
        thread::sleep(TICK.saturating_sub(began.elapsed()));
    }
    measure(&network, &mut gauges, start);
    ui::text(&line(start, &network, &hosts, &churn, &gauges));

    ui::title("Quiet");
    churn.end(&mut network)?;
    network.wait_until_ready()?;
    wait_until(QUIET, "sessions", || network.sessions())?;
    hosts.speak(&network)?;
    let began = Instant::now();
    let agreed = wait_until(QUIET, "agreement", || verdict::agreement(&network, &hosts, &churn));
    let mut faults: Vec<String> = agreed.err().map(|error| format!("{error:#}")).into_iter().collect();
    if faults.is_empty() {
        ui::good(&format!("all tables and kernels agree after {:.1} s", began.elapsed().as_secs_f32()));
    }
    faults.extend(gauges.iter().filter_map(|gauge| gauge.growth(network::survives(gauge.name()))));
    faults.extend(verdict::log_faults(&network));
    gauges.iter().for_each(|gauge| ui::text(&gauge.summary()));
    verdict::warnings(&network).iter().for_each(|line| ui::aside(line));
    match &faults[..] {
        [] => {
            ui::good("nothing is left over, and nobody has grown");
            Ok(())
        }
        faults => bail!("seed {seed}:\n{}", faults.join("\n")),
    }
}

/// Takes a reading of each daemon that runs.
fn measure(network: &Network, gauges: &mut [Gauge], start: Instant) {
    for gauge in gauges {
        if let Some(reading) = network.node(gauge.name()).ok().and_then(Reading::of) {
            gauge.push(start.elapsed(), reading);
        }
    }
}

/// How it stands, in one line.
fn line(start: Instant, network: &Network, hosts: &Hosts, churn: &Churn, gauges: &[Gauge]) -> String {
    let seconds = start.elapsed().as_secs();
    let readings: Vec<String> = gauges.iter().map(Gauge::now).collect();
    let linnets: Vec<String> = LEAVES
        .iter()
        .filter(|leaf| leaf.daemon == Daemon::Linnet)
        .filter_map(|leaf| standing(network.node(leaf.name).ok()?).ok())
        .collect();
    format!(
        "{:02}:{:02} {} hosts, {}; {}; {}",
        seconds / 60,
        seconds % 60,
        hosts.present(),
        churn.counts,
        readings.join(", "),
        linnets.join(", ")
    )
}

/// What a linnetd says of itself: rows that differ from what is wanted at the moment, what was put right, its longest
/// turn.
fn standing(node: &Node) -> Result<String> {
    let status = node.linnet("status")?;
    let number = |place: &str| status.pointer(place).and_then(serde_json::Value::as_u64).unwrap_or_default();
    let differing = node.linnet("fib diff")?.as_array().context("no list")?.len();
    let turn = number("/longest_turn_microseconds") as f64 / 1000.0;
    let repairs = number("/fib/repairs") + number("/routes/repairs");
    let drifts = number("/fib/drifts") + number("/routes/drifts");
    Ok(format!(
        "{} differs in {differing}, {repairs} repairs, {drifts} drifts, longest turn {turn:.1} ms",
        node.name()
    ))
}
