//! The runner's own promises: nodes are apart from one another, and nothing outlives them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lab::netlink::{FdbRow, Link, Vxlan, fdb};
use lab::packet::{Pinger, ping};
use lab::{Netns, Nursery, cable, privilege, skip_if, wait_until};

fn missing() -> Option<String> {
    privilege::check().err().map(|reason| reason.to_string()).or_else(privilege::missing_features)
}

#[test]
fn each_namespace_has_a_run_folder_of_its_own() -> Result<()> {
    skip_if!(missing());
    let (one, other) = (Netns::new()?, Netns::new()?);
    one.run(|| fs::write("/run/linnet-lab-was-here", "one"))??;
    assert!(!other.run(|| Path::new("/run/linnet-lab-was-here").exists())?);
    assert!(!Path::new("/run/linnet-lab-was-here").exists());
    assert_eq!(one.run(|| fs::read_to_string("/run/linnet-lab-was-here"))??, "one");
    Ok(())
}

#[test]
fn a_nursery_takes_its_processes_along() -> Result<()> {
    skip_if!(missing());
    let netns = Netns::new()?;
    let log = netns.run(|| fs::File::create("/run/log"))??;
    let nursery = Nursery::new()?;
    // A daemon that goes into the background, a session of its own and all, is no longer a child of ours.
    let mut command = Command::new("sh");
    command.args(["-c", "setsid sleep 987654 & sleep 987655"]);
    netns.wrap(&mut command);
    let process = nursery.spawn("sh", command, &log)?;
    let alive = || command_lines().iter().filter(|line| line.contains("sleep\0987654")).count();
    wait_until(Duration::from_secs(10), "sleep", || if alive() == 1 { Ok(()) } else { Err("not started") })?;
    drop((process, nursery));
    wait_until(Duration::from_secs(10), "end of sleep", || if alive() == 0 { Ok(()) } else { Err("alive") })
}

#[test]
fn a_cable_carries_pings_and_losses_are_noticed() -> Result<()> {
    skip_if!(missing());
    let (one, other) = (Netns::new()?, Netns::new()?);
    cable((&one, "eth1"), (&other, "eth1"))?;
    one.run(|| Link::named("eth1")?.add_address("10.9.0.1/24".parse().map_err(std::io::Error::other)?))??;
    other
        .run(|| Link::named("eth1")?.add_address("10.9.0.2/24".parse().map_err(std::io::Error::other)?))??;
    let destination = [10, 9, 0, 2].into();
    assert_eq!(ping(&one, destination, 3)?.received(), 3);

    let pinger = Pinger::start(&one, destination, Duration::from_millis(5));
    let answered_since = |since| {
        wait_until(Duration::from_secs(10), "answer", || pinger.so_far().answered_since(since).ok_or("none"))
    };
    answered_since(Instant::now())?;
    other.run(|| Link::named("eth1")?.down())??;
    wait_until(Duration::from_secs(10), "loss", || {
        let ping = pinger.so_far();
        ensure!(ping.replies.iter().rev().take(5).all(|reply| reply.rtt.is_none()), "still answered");
        Ok(())
    })?;
    other.run(|| Link::named("eth1")?.up())??;
    answered_since(Instant::now())?;
    let lost = pinger.stop()?.lost();
    assert!(lost.len() >= 4, "{lost:?}");
    assert!(lost.windows(2).all(|pair| pair[0] + 1 == pair[1]), "one outage: {lost:?}");
    Ok(())
}

#[test]
fn a_vxlan_device_on_a_bridge() -> Result<()> {
    skip_if!(missing());
    let rows = Netns::new()?.run(|| {
        let bridge = Link::bridge("br7")?;
        let vxlan = Link::vxlan("vxlan7", Vxlan { vni: 7, local: [10, 0, 0, 1].into(), port: 4789 })?;
        vxlan.set_mac("02:00:00:00:00:07".parse().map_err(std::io::Error::other)?)?;
        vxlan.set_master(&bridge)?;
        vxlan.suppress_neighbors()?;
        vxlan.up()?;
        fdb("vxlan7")
    })??;
    let rows: Vec<String> = rows.iter().map(FdbRow::to_string).collect();
    assert!(rows.contains(&"02:00:00:00:00:07 dev vxlan7 master br7 permanent".into()), "{rows:?}");
    Ok(())
}

/// Of all processes of the machine, as far as they can be read: some end meanwhile.
fn command_lines() -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|process| fs::read_to_string(process.path().join("cmdline")).ok()).collect()
}
