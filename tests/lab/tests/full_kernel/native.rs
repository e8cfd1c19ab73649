//! Native mode over a bad underlay: prefixes come and go, the kernels' routes are exact each time, and BFD that loses
//! fewer packets in a row than it may ends nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lab::{Daemon, Feature, Random, skip_if};

use crate::lan::{self, Lan, address, linnet, own_block, way};
use crate::underlay::{self, End};

const NODES: [u8; 3] = [1, 2, 3];
const PREFIXES: u64 = 200;
const ROUNDS: usize = 4;
/// Ten packets in a row are not lost by chance where one of ten is; the sessions live for longer than the watch.
const SETTINGS: &str = "hold_time: 9, keepalive: 3, connect_retry: 1, \
    bfd: { transmit_interval_ms: 500, receive_interval_ms: 500, multiplier: 10 }";
/// Ten times 500 ms: a machine with one processor that runs several tests may keep a daemon waiting for seconds.
const DETECTION: Duration = Duration::from_secs(5);
const FILE: &str = "/prefixes";

fn up() -> Result<Lan> {
    let mesh = format!("  mesh: {{ nodes: [{}-{}], {SETTINGS} }}\n", address(1), address(3));
    let file = format!("  files: [{{ path: /run/files{FILE}, kind: blocks }}]\n");
    let texts = [linnet(1, &mesh, &file), linnet(2, &mesh, &own_block(2)), linnet(3, &mesh, &own_block(3))];
    let parts: Vec<_> = (1..).zip(&texts).map(|(n, text)| (n, Daemon::Linnet, &**text)).collect();
    Lan::up(&parts)
}

/// Both ends of all cables, and what they lose together on a way: a tenth.
fn ends<'l>(lan: &'l Lan, ports: &'l [String; 3]) -> Result<Vec<End<'l>>> {
    let mut ends = Vec::new();
    for (n, port) in NODES.into_iter().zip(ports) {
        ends.push(End { node: lan.node(n)?, device: "eth1", loss: 5 });
        ends.push(End { node: &lan.switch, device: port, loss: 5 });
    }
    Ok(ends)
}

/// Node 1 announces these prefixes from now on; how long it took until the kernels of the others had exactly those.
fn announce(lan: &Lan, prefixes: &[String]) -> Result<Duration> {
    let since = Instant::now();
    lan.node(1)?.write_file(Path::new(FILE), (prefixes.join("\n") + "\n").as_bytes())?;
    for (n, other) in [(2, 3), (3, 2)] {
        let mut routes: Vec<String> =
            prefixes.iter().map(|prefix| format!("{prefix} via {} dev eth1 metric 50", address(1))).collect();
        routes.push(way(other));
        lan.wait_for_routes(n, &routes)?;
    }
    Ok(since.elapsed())
}

fn assert_all_up(lan: &Lan) -> Result<()> {
    for n in NODES {
        underlay::assert_no_session_lost(lan.node(n)?)?;
        let watched = lan.node(n)?.linnet("bfd")?;
        let fine = |row: &serde_json::Value| row["state"] == "up" && row["downs"] == 0;
        ensure!(watched.as_array().is_some_and(|all| all.len() == 2 && all.iter().all(fine)), "{watched:#}");
    }
    Ok(())
}

#[test]
fn routes_are_exact_over_a_bad_underlay() -> Result<()> {
    skip_if!(lan::missing(&[]).or_else(|| Feature::Netem.missing()));
    let lan = up()?;
    let ports = NODES.map(|n| format!("eth{n}"));
    let ends = ends(&lan, &ports)?;
    ends.iter().try_for_each(End::trouble)?;
    let all: Vec<String> = (0..PREFIXES).map(|n| format!("10.245.{}.{}/26", n / 4, n % 4 * 64)).collect();
    println!("all {PREFIXES} prefixes after {:?}", announce(&lan, &all)?);
    lan.wait_until_watched(&NODES)?;
    let mut random = Random::new()?;
    for _ in 0..ROUNDS {
        let some: Vec<String> = all.iter().filter(|_| random.below(2) == 0).cloned().collect();
        println!("{} of them after {:?}", some.len(), announce(&lan, &some)?);
    }
    println!("none after {:?}", announce(&lan, &[])?);
    let own = [lan::block(1)];
    announce(&lan, &own)?;
    assert_all_up(&lan)?;
    underlay::assert_lossy(&ends)?;

    ends.iter().try_for_each(End::clear)?;
    lan.wait_for_all_ways(&NODES)?;
    lan.assert_pings(&NODES)?;
    assert_all_up(&lan)?;

    // It does watch: when all is lost it is noticed, long before the hold timers would.
    let last = ends.first().context("no cable")?;
    let cut = Instant::now();
    last.cut()?;
    lan.wait_for_ways(2, &[3])?;
    println!("a node that was cut off was lost after {:?}, by BFD {DETECTION:?}", cut.elapsed());
    let lost = lan.node(2)?.linnet(&format!("neighbor {}", address(1)))?;
    assert!(lost["last_error"].as_str().is_some_and(|why| why.contains("BFD session down")), "{lost:#}");
    last.clear()?;
    lan.wait_for_all_ways(&NODES)?;
    lan.assert_pings(&NODES)
}
