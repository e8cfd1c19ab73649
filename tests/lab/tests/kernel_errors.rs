//! What the kernel refuses is shown with its words, tried again with growing pauses, and hurts nothing else.

mod stage;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lab::speaker::octets::MacIp;
use lab::{daemon, skip_if, wait_until};
use serde_json::Value;
use stage::{BOUND, LEAF, Stage, host};

/// A VXLAN device that has room for so many rows.
const ROOM: usize = 4;
const HOSTS: u8 = 7;

fn missing() -> Option<String> {
    stage::missing().or_else(|| ["ip", "bridge"].into_iter().find_map(daemon::missing_program))
}

/// How many MACs the kernel has, and the reasons why it has not the others.
fn standing(stage: &Stage) -> Result<(usize, Vec<String>)> {
    let shown = stage.leaf.linnet("fib")?;
    let macs = || shown.as_array().into_iter().flatten().filter(|row| is(row, "kind", "mac"));
    let reasons = macs().filter(|row| is(row, "state", "failed"));
    let reason = |row: &Value| row.get("reason").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok((macs().filter(|row| is(row, "state", "programmed")).count(), reasons.map(reason).collect()))
}

fn is(row: &Value, key: &str, value: &str) -> bool {
    row.get(key).is_some_and(|shown| shown == value)
}

fn errors(stage: &Stage) -> Result<u64> {
    let status = stage.leaf.linnet("status")?;
    status.pointer("/fib/errors").and_then(Value::as_u64).context("no count of errors")
}

/// A device that is full: what finds no room is shown, asked for again now and then, and gets in when there is.
#[test]
fn a_full_device_is_shown_and_not_stormed() -> Result<()> {
    skip_if!(missing());
    let stage = Stage::up(1)?;
    let mut speaker = stage.establish(1)?;
    // The limit is given when a device is made, so it is made anew, under linnetd's eyes.
    stage.leaf.sh(&format!(
        "ip link del vxlan100
         ip link add vxlan100 type vxlan id 100 local {LEAF} dstport 4789 nolearning maxaddress {ROOM}
         ip link set vxlan100 master br100 up"
    ))?;
    let hosts: Vec<MacIp> = (2..2 + HOSTS).map(|n| MacIp { ip: None, ..host(n) }).collect();
    for host in &hosts {
        speaker.send(&host.announcement())?;
    }
    let full = wait_until(BOUND, "full device", || {
        let (programmed, reasons) = standing(&stage)?;
        ensure!(programmed == ROOM && reasons.len() == hosts.len() - ROOM, "{programmed}, {reasons:?}");
        Ok(reasons)
    })
    .with_context(|| stage.leaf.log())?;
    ensure!(full.iter().all(|reason| reason.contains("No space left on device")), "{full:?}");

    // Each is asked for again after 0.1, 0.2, 0.4, 0.8 s and so on.
    let (began, before) = (Instant::now(), errors(&stage)?);
    let more = 3 * full.len() as u64;
    wait_until(BOUND, "other tries", || {
        let errors = errors(&stage)?;
        ensure!(errors >= before + more, "{errors}, {before} before");
        Ok(())
    })?;
    let took = began.elapsed();
    println!("{more} other tries of {} rows in {} ms", full.len(), took.as_millis());
    ensure!(took > Duration::from_millis(300), "{took:?}");

    let (there, waiting): (Vec<MacIp>, Vec<MacIp>) =
        hosts.iter().copied().partition(|host| stage.rows(*host).is_ok_and(|rows| rows.len() == 2));
    ensure!(there.len() == ROOM, "{there:?}");
    for host in there.iter().take(waiting.len()) {
        speaker.send(&host.withdrawal())?;
    }
    waiting.iter().try_for_each(|host| stage.wait_until_known(*host))?;
    wait_until(BOUND, "agreement", || {
        let diff = stage.leaf.linnet("fib diff")?;
        ensure!(diff.as_array().is_some_and(Vec::is_empty), "{diff:#}");
        Ok(())
    })
}
