//! What linnetd may do on its node: as little of root's power as its work takes, whoever it runs as.

mod stage;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use lab::{Node, daemon, skip, skip_if, wait_until};
use stage::{BOUND, Stage, host};

/// CAP_NET_BIND_SERVICE (10), CAP_NET_ADMIN (12) and CAP_NET_RAW (13), as the kernel writes them (proc(5)).
const THREE: u64 = 1 << 10 | 1 << 12 | 1 << 13;

/// Nobody, of the group of nobody.
const NOBODY: u32 = 65534;

/// The capability sets and `NoNewPrivs` of each thread of a node's daemon: effective, permitted, inheritable, ambient,
/// bounding.
fn threads(node: &Node) -> Result<Vec<([u64; 5], bool)>> {
    let pid = node.pids().next().context("no process")?;
    let mut threads = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = fs::read_to_string(task?.path().join("status"))?;
        let line = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).context(name.to_owned())?;
            Ok::<_, anyhow::Error>(line.trim().to_owned())
        };
        let set = |name| Ok::<_, anyhow::Error>(u64::from_str_radix(&line(name)?, 16)?);
        let sets = [set("CapEff:")?, set("CapPrm:")?, set("CapInh:")?, set("CapAmb:")?, set("CapBnd:")?];
        threads.push((sets, line("NoNewPrivs:")? == "1"));
    }
    Ok(threads)
}

/// Waits until a host that a neighbour announces is in the kernel: linnetd listens on port 179 and writes rows.
fn see_it_work(stage: &Stage) -> Result<()> {
    let mut speaker = stage.establish(1)?;
    speaker.send(&host(1).announcement())?;
    stage.wait_until_known(host(1))
}

#[test]
fn no_thread_keeps_what_linnetd_does_not_need() -> Result<()> {
    skip_if!(stage::missing());
    let stage = Stage::up(1)?;
    see_it_work(&stage)?;
    let threads = threads(&stage.leaf)?;
    assert!(threads.len() > 2, "{threads:x?}");
    for (sets, no_new_privileges) in threads {
        assert_eq!((sets, no_new_privileges), ([THREE, THREE, 0, 0, THREE], true), "{sets:x?}");
    }
    Ok(())
}

/// A `setpriv` that makes its program nobody's, with these capabilities.
fn nobody_with(capabilities: &str) -> Vec<String> {
    let user = format!("--reuid={NOBODY}");
    let (group, groups) = (format!("--regid={NOBODY}"), "--clear-groups".to_owned());
    let [inherited, ambient] = ["--inh-caps", "--ambient-caps"].map(|set| format!("{set}={capabilities}"));
    vec!["setpriv".into(), user, group, groups, inherited, ambient]
}

/// Starts linnetd as nobody, as a unit with `User=` does. `false` where this machine does not let it.
fn start_as_nobody(node: &mut Node, capabilities: &str) -> Result<bool> {
    let starter = nobody_with(capabilities);
    let starter: Vec<&str> = starter.iter().map(String::as_str).collect();
    let linnetd = daemon::linnetd()?.to_string_lossy().into_owned();
    let trial: Vec<&str> = starter.iter().copied().chain([&*linnetd, "--version"]).collect();
    if node.output(&trial).is_err() {
        return Ok(false);
    }
    node.netns().run(|| {
        fs::create_dir_all("/run/linnet")?;
        chown("/run/linnet", Some(NOBODY), Some(NOBODY))
    })??;
    node.start_linnetd_by(&starter)?;
    Ok(true)
}

const NOT_HERE: &str = "no other user can run linnetd here";

#[test]
fn an_ordinary_user_runs_it_with_three_capabilities() -> Result<()> {
    skip_if!(stage::missing().or_else(|| daemon::missing_program("setpriv")));
    let mut stage = Stage::laid(1, "passive: true")?;
    if !start_as_nobody(&mut stage.leaf, "+net_admin,+net_bind_service,+net_raw,+sys_time")? {
        skip!("{NOT_HERE}");
    }
    stage.leaf.wait_until_ready()?;
    see_it_work(&stage)?;
    for (sets, no_new_privileges) in threads(&stage.leaf)? {
        // Only root may narrow the bound, which counts for nothing where no program can gain anything.
        assert_eq!((&sets[..4], no_new_privileges), (&[THREE, THREE, 0, 0][..], true), "{sets:x?}");
    }
    let status = stage.leaf.linnet("status")?;
    ensure!(status["host_warnings"].as_array().is_none_or(Vec::is_empty), "{status:#}");
    Ok(())
}

#[test]
fn what_is_missing_is_said_with_what_it_is_for() -> Result<()> {
    skip_if!(stage::missing().or_else(|| daemon::missing_program("setpriv")));
    let mut stage = Stage::laid(1, "passive: true")?;
    if !start_as_nobody(&mut stage.leaf, "+net_bind_service")? {
        skip!("{NOT_HERE}");
    }
    let expected = "CAP_NET_ADMIN is missing: nothing can be written into the kernel's tables";
    wait_until(BOUND, "complaint", || {
        let log = stage.leaf.log();
        ensure!(log.contains(expected), "{log}");
        Ok(())
    })?;
    ensure!(!stage.leaf.log().contains("CAP_NET_BIND_SERVICE"), "{}", stage.leaf.log());
    Ok(())
}

/// All else works without CAP_NET_RAW.
#[test]
fn hosts_that_cannot_be_asked_are_said_to_be_so() -> Result<()> {
    skip_if!(stage::missing().or_else(|| daemon::missing_program("setpriv")));
    let mut stage = Stage::laid(1, "passive: true")?;
    if !start_as_nobody(&mut stage.leaf, "+net_admin,+net_bind_service")? {
        skip!("{NOT_HERE}");
    }
    stage.leaf.wait_until_ready()?;
    see_it_work(&stage)?;
    wait_until(BOUND, "word of deaf devices", || {
        let status = stage.leaf.linnet("status")?;
        let [devices, deaf] = ["devices", "deaf_devices"].map(|key| status["hosts"][key].as_u64());
        ensure!(devices > Some(0) && deaf == devices, "{status:#}");
        let warned = "CAP_NET_RAW is missing: hosts that say nothing are not asked";
        ensure!(status["host_warnings"].to_string().contains(warned), "{status:#}");
        Ok(())
    })?;
    let program = daemon::linnet_cli()?;
    let said = stage.leaf.sh(&format!("{} doctor 2>&1 || true", program.display()))?;
    ensure!(said.contains("they can be neither heard nor asked"), "{said}");
    Ok(())
}

/// What could not be read at a reload cannot be read at the start either, and the other way round.
#[test]
fn a_file_that_is_not_its_own_is_named_with_what_helps() -> Result<()> {
    skip_if!(stage::missing());
    let mut stage = Stage::laid(1, "passive: true, password_file: /run/key")?;
    let owned_by = |stage: &Stage, user: u32| {
        let make = || {
            fs::write("/run/key", "secret\n")?;
            fs::set_permissions("/run/key", fs::Permissions::from_mode(0o600))?;
            chown("/run/key", Some(user), Some(user))
        };
        stage.leaf.netns().run(make)
    };
    if owned_by(&stage, NOBODY)?.is_err() {
        skip!("a file can belong to nobody else here");
    }
    let file = stage.leaf.file("/etc/linnet/linnet.yaml")?;
    let check = format!("{} --check --config {file} 2>&1", daemon::linnetd()?.display());
    let expected = "cannot read /run/key: Permission denied (os error 13); linnetd reads what its user (0) or \
                    group may, even as root: chown 0 it";
    let said = format!("{:#}", stage.leaf.sh(&check).unwrap_err());
    ensure!(said.contains(expected), "{said}");

    owned_by(&stage, 0)??;
    stage.leaf.sh(&check)?;
    stage = stage.start()?;
    owned_by(&stage, NOBODY)??;
    let cli = daemon::linnet_cli()?;
    let said = format!("{:#}", stage.leaf.output(&[&cli.to_string_lossy(), "config", "reload"]).unwrap_err());
    ensure!(said.contains(expected), "{said}");
    ensure!(
        Path::new(&file).is_absolute() && stage.leaf.linnet("status")?["asn"] == stage::ASN,
        "it runs on"
    );
    Ok(())
}
