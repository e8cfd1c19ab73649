//! Much at once: 100,000 hosts arrive while a neighbour flaps and somebody lists all there is, again and again. Nobody's
//! KEEPALIVE is late, memory is bounded, and linnetd never works for long without looking up. Nor does it when what is in the
//! kernel is gone all at once, or when it starts and finds all of it there.

#![allow(clippy::indexing_slicing, reason = "JSON values index to null")]

mod stage;

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use lab::speaker::octets::{MacIp, end_of_rib};
use lab::{daemon, netlink, skip_if, wait_until};
use stage::bystander::{Bystander, HOLD_TIME, Pulse};
use stage::{Stage, host, open};

const HOSTS: u32 = 100_000;
/// The neighbour with a hold time of three seconds.
const PULSE: u8 = 2;
/// The neighbour that comes and goes.
const FLAPPING: u8 = 3;
/// How long all of it may take, in a build without optimisations and on a machine with other things to do.
const LONG: Duration = Duration::from_secs(180);
/// What the hosts may take: two kilobytes each, in whatever build.
const MEMORY: u64 = 2048 * HOSTS as u64;

/// How long core may work before it looks up, in processor time: a machine that has others to run as well takes longer. The
/// promise is that of the optimised build; the other one is several times slower.
fn most_work() -> Duration {
    let folder = std::env::var("LINNET_BIN_DIR").unwrap_or_default();
    let is_optimised = Path::new(&folder).ends_with("release");
    Duration::from_millis(if is_optimised { 20 } else { 200 })
}

/// The longest turn of core since linnetd's start, and the most work in one.
fn turns(stage: &Stage) -> Result<[Duration; 2]> {
    let status = stage.leaf.linnet("status")?;
    Ok(["longest_turn_microseconds", "longest_turn_cpu_microseconds"]
        .map(|name| Duration::from_micros(status[name].as_u64().unwrap_or(u64::MAX))))
}

/// A host of its own for each number, with its address.
fn numbered(number: u32) -> MacIp {
    let [_, a, b, c] = number.to_be_bytes();
    let (mac, ip) = (bgp::types::Mac([2, 0, 1, a, b, c]), Ipv4Addr::from(0x0a80_0000 + number));
    MacIp { mac, ip: Some(ip), ..host(1) }
}

/// How many rows of the kernel lead to the hosts.
fn rows(stage: &Stage) -> Result<usize> {
    let rows = stage.leaf.netns().run(|| netlink::fdb("vxlan100"))??;
    Ok(rows.iter().filter(|row| row.mac.0.starts_with(&[2, 0, 1]) && row.dst.is_some()).count())
}

/// Waits until linnetd says that all are there: the tables themselves are long, and looking at them costs.
fn wait_for_all(stage: &Stage) -> Result<()> {
    wait_until(LONG, "all hosts in the kernel", || {
        let status = stage.leaf.linnet("status")?;
        let fib = &status["fib"];
        // A bridge's row, a tunnel's and a neighbour's for each.
        let there = fib["programmed"].as_u64() >= Some(2 * u64::from(HOSTS)) && fib["pending"] == 0;
        ensure!(there, "{fib}");
        Ok(())
    })
}

/// Comes, says a little, and is gone without a word.
fn flap(stage: &Stage, ends: &AtomicBool) -> u64 {
    let mut flaps = 0;
    while !ends.load(Ordering::Relaxed) {
        // It is turned away while linnetd pauses; it tries again.
        let Ok(mut speaker) = stage.connect(FLAPPING) else { continue };
        if speaker.establish(&open(FLAPPING)).is_ok() {
            let _ = speaker.send(&host(FLAPPING).announcement());
            flaps += 1;
        }
        let _ = speaker.vanish();
    }
    flaps
}

/// Lists everything, in every table. The lines are counted elsewhere, as they come.
fn list(stage: &Stage, ends: &AtomicBool) -> Result<(u64, u64)> {
    let program = daemon::linnet_cli()?;
    let (mut lists, mut lines) = (0, 0);
    while !ends.load(Ordering::Relaxed) {
        for table in ["rib -a evpn", "evpn macs", "fib"] {
            let counted = stage.leaf.sh(&format!("{} {table} | wc -l", program.display()))?;
            lines += counted.trim().parse::<u64>()?;
            lists += 1;
        }
    }
    Ok((lists, lines))
}

#[test]
fn a_hundred_thousand_hosts_arrive() -> Result<()> {
    skip_if!(stage::missing());
    let stage = Stage::up(FLAPPING)?;
    let mut bystander = Bystander::new(&stage)?;
    let pulse = Pulse::start(&stage, PULSE)?;
    let (before, began) = (stage.leaf.memory()?, Instant::now());
    let ends = AtomicBool::new(false);
    let (took, flaps, (lists, lines)) = thread::scope(|scope| -> Result<_> {
        let flapping = scope.spawn(|| flap(&stage, &ends));
        let listing = scope.spawn(|| list(&stage, &ends));
        let sent = (0..HOSTS).try_for_each(|number| bystander.speaker.send(&numbered(number).announcement()));
        let arrived = sent.map_err(anyhow::Error::from).and_then(|()| wait_for_all(&stage));
        let took = began.elapsed();
        ends.store(true, Ordering::Relaxed);
        let flaps = flapping.join().map_err(|_| anyhow!("the flapping thread died"))?;
        let listed = listing.join().map_err(|_| anyhow!("the listing thread died"))??;
        arrived.map(|()| (took, flaps, listed))
    })?;
    ensure!(rows(&stage)? == HOSTS as usize, "{} rows", rows(&stage)?);
    let grown = stage.leaf.memory()?.saturating_sub(before);
    let gap = pulse.longest_gap()?;
    let [turn, work] = turns(&stage)?;
    println!(
        "{HOSTS} hosts in {took:.1?} beside {flaps} flaps and {lists} lists of {lines} lines: memory grew by {} MiB, the \
         longest silence was {gap:.2?}, the longest turn {turn:.1?}, the most work in one {work:.1?}",
        grown >> 20
    );
    bystander.assert_untouched(&stage)?;
    ensure!(flaps > 0 && lists > 0, "{flaps} flaps, {lists} lists");
    ensure!(gap < HOLD_TIME, "silent for {gap:?}");
    ensure!(grown < MEMORY, "memory grew by {} MiB", grown >> 20);
    ensure!(work < most_work(), "core was at work for {work:?}");
    Ok(())
}

/// All that is in the kernel goes at once, a bridge's neighbours with its carrier and the tunnel's rows by somebody's
/// hand; then linnetd is killed, and finds all of it there.
#[test]
fn a_hundred_thousand_hosts_are_put_right() -> Result<()> {
    skip_if!(stage::missing());
    let mut stage = Stage::up(1)?;
    let mut bystander = Bystander::new(&stage)?;
    (0..HOSTS).try_for_each(|number| bystander.speaker.send(&numbered(number).announcement()))?;
    wait_for_all(&stage)?;
    let arrived = turns(&stage)?;
    for trouble in
        ["ip link set br100 down && ip link set br100 up", "bridge fdb flush dev vxlan100 extern_learn"]
    {
        let written = |stage: &Stage| anyhow::Ok(stage.leaf.linnet("status")?["fib"]["operations"].as_u64());
        let before = written(&stage)?.unwrap_or_default();
        stage.leaf.sh(trouble)?;
        wait_until(LONG, "repairs", || {
            let now = written(&stage)?;
            ensure!(
                now >= Some(before + u64::from(HOSTS)),
                "{now:?} operations after {trouble}, {before} before"
            );
            Ok(())
        })?;
        wait_for_all(&stage)?;
    }
    let repaired = turns(&stage)?;
    stage.leaf.kill_daemon()?;
    stage.leaf.start_daemon()?;
    stage.leaf.wait_until_ready()?;
    let mut speaker = stage.establish(1)?;
    // Half of them are there no more.
    (0..HOSTS / 2).try_for_each(|number| speaker.send(&numbered(number).announcement()))?;
    speaker.send(&end_of_rib())?;
    wait_until(LONG, "what is no longer wanted to be gone", || {
        let status = stage.leaf.linnet("status")?;
        ensure!(
            status["fib"]["programmed"] == u64::from(HOSTS) && status["fib"]["pending"] == 0,
            "{}",
            status["fib"]
        );
        Ok(())
    })?;
    ensure!(rows(&stage)? == HOSTS as usize / 2, "{} rows", rows(&stage)?);
    let restarted = turns(&stage)?;
    println!("turns and work, arrived {arrived:.1?}, put right {repaired:.1?}, restarted {restarted:.1?}");
    for [_, work] in [repaired, restarted] {
        ensure!(work < most_work(), "core was at work for {work:?}");
    }
    Ok(())
}
