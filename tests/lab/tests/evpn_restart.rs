//! A leaf between FRR's restarts under traffic, in the ways that operators have: by another binary, and while there is
//! nobody to tell it anything.

mod fabric;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bgp::types::Mac;
use fabric::{CONVERGE, Host, host};
use lab::packet::{Flow, send_as};
use lab::{Lab, Node, daemon, netlink, skip_if, wait_until};

const PACE: Duration = Duration::from_millis(5);
/// A MAC behind leaf2 that goes while nobody can tell leaf1.
const FLEETING: Mac = Mac([2, 0, 0, 0, 0, 0x77]);

/// The fabric, and what crosses it.
struct Stage {
    lab: Lab,
    hosts: [Host; 2],
    flow: Flow,
}

impl Stage {
    fn up(topology: &lab::Topology) -> Result<Stage> {
        let lab = Lab::up(topology)?;
        let hosts @ [one, other] = [host("host1", "leaf1", 11), host("host2", "leaf2", 21)];
        fabric::introduce_both(&lab, hosts)?;
        let flow = Flow::start(lab.node(one.node)?.netns(), lab.node(other.node)?.netns(), other.ip, PACE)?;
        wait_until(CONVERGE, "datagram", || {
            flow.so_far().arrived_since(Instant::now() - CONVERGE).ok_or("none")
        })?;
        let stage = Stage { lab, hosts, flow };
        stage.wait_until_heard_out()?;
        Ok(stage)
    }

    fn leaf(&self) -> Result<&Node> {
        self.lab.node("leaf1")
    }

    /// All that linnetd has in leaf1's kernel.
    fn rows(&self) -> Result<Vec<String>> {
        let (fdb, neighbors) = fabric::tables(self.leaf()?, 100)?;
        let fdb = fdb.iter().filter(|row| row.extern_learn).map(ToString::to_string);
        let neighbors = neighbors.iter().filter(|row| row.extern_learn).map(ToString::to_string);
        Ok(fdb.chain(neighbors).collect())
    }

    /// Waits until leaf1's linnetd has told and heard all, and has nothing left to do.
    fn wait_until_heard_out(&self) -> Result<()> {
        wait_until(CONVERGE, "session of leaf1", || {
            let neighbors = self.leaf()?.linnet("neighbor")?;
            let families = neighbors.pointer("/0/families/0").context("no session")?;
            let is = |key: &str| families.get(key).is_some_and(|value| value == true);
            ensure!(is("in_sync") && is("end_of_rib_received"), "{neighbors:#}");
            let diff = self.leaf()?.linnet("fib diff")?;
            ensure!(diff.as_array().is_some_and(Vec::is_empty), "{diff:#}");
            Ok(())
        })
        .with_context(|| self.leaf().map(Node::log).unwrap_or_default())
    }

    fn end(self) -> Result<()> {
        let passage = self.flow.stop()?;
        println!("host1 to host2: {}", passage.summary());
        assert_eq!(passage.lost(), [0; 0]);
        Ok(())
    }
}

/// The old binary is ended and the new one started, as a package's upgrade does: nothing is taken out of the kernel for
/// a moment, and nothing is left over.
#[test]
fn another_binary_takes_over_under_traffic() -> Result<()> {
    let topology = fabric::topology("tests/lab/tests/frr-around/frr-around.clab.yml")?;
    skip_if!(topology.missing());
    let mut stage = Stage::up(&topology)?;
    let (before, recording) = (stage.rows()?, fabric::record_rows(stage.leaf()?)?);
    let folder = tempfile::tempdir()?;
    let new = folder.path().join("linnetd");
    std::fs::copy(daemon::linnetd()?, &new)?;
    for _ in 0..2 {
        let leaf = stage.lab.node_mut("leaf1")?;
        leaf.stop_daemon()?;
        leaf.start_linnetd(&new)?;
        leaf.wait_until_ready()?;
        stage.wait_until_heard_out()?;
        assert_eq!(stage.rows()?, before);
    }
    fabric::wait_until_known(stage.lab.node("leaf2")?, stage.hosts[0])?;
    assert_eq!(fabric::removed(&recording)?, [""; 0]);
    stage.end()
}

/// linnetd starts where the reflector is down and comes later. Until then the kernel keeps what the former run left;
/// then goes what nobody announces any more.
#[test]
fn the_reflector_is_down_and_comes_later() -> Result<()> {
    let topology = fabric::topology("tests/lab/tests/frr-around/frr-around.clab.yml")?;
    skip_if!(topology.missing());
    let mut stage = Stage::up(&topology)?;
    let before = stage.rows()?;
    stage.lab.node("host2")?.netns().run(|| send_as("eth1", [FLEETING], Mac([2, 0, 0, 1, 0, 1])))??;
    wait_until(CONVERGE, "MAC behind leaf2", || {
        let rows = stage.rows()?;
        ensure!(rows.len() == before.len() + 2, "{rows:#?}");
        Ok(())
    })?;
    let all = stage.rows()?;

    stage.lab.node_mut("leaf1")?.kill_daemon()?;
    stage.lab.node_mut("rr")?.kill_daemon()?;
    stage.lab.node("leaf2")?.sh(&format!("bridge fdb del {FLEETING} dev eth2 master"))?;
    // Twice in a row, for what is a former run's stays one's.
    for _ in 0..2 {
        stage.lab.node_mut("leaf1")?.start_daemon()?;
        stage.leaf()?.wait_until_ready()?;
        let status = stage.leaf()?.linnet("status")?;
        assert_eq!(status.pointer("/fib/synced"), Some(&true.into()), "{status:#}");
        assert_eq!(stage.rows()?, all, "nobody has said anything yet");
        stage.lab.node_mut("leaf1")?.kill_daemon()?;
    }
    stage.lab.node_mut("leaf1")?.start_daemon()?;
    stage.leaf()?.wait_until_ready()?;
    stage.lab.node_mut("rr")?.start_daemon()?;
    stage.lab.node("rr")?.wait_until_ready()?;
    stage.wait_until_heard_out()?;
    wait_until(CONVERGE, "end of what nobody announces", || {
        let rows = stage.rows()?;
        ensure!(rows == before, "{rows:#?} instead of {before:#?}");
        Ok(())
    })?;
    stage.end()
}

/// Another control plane puts rows in while linnetd is dead: they are not taken for a former run's, and where they are
/// in the way, that shows. A user's flood destination stays, too.
#[test]
fn what_others_put_in_while_it_was_dead_stays() -> Result<()> {
    let topology = fabric::topology("tests/lab/tests/frr-around/frr-around.clab.yml")?;
    skip_if!(topology.missing());
    let mut stage = Stage::up(&topology)?;
    let before = stage.rows()?;
    stage.lab.node_mut("leaf1")?.kill_daemon()?;
    stage.leaf()?.sh(&format!(
        "bridge fdb add {FLEETING} dev vxlan100 dst 10.0.0.9 self extern_learn dynamic
         bridge fdb add {FLEETING} dev vxlan100 master extern_learn dynamic"
    ))?;
    let theirs: Vec<String> = stage.rows()?.into_iter().filter(|row| !before.contains(row)).collect();
    assert_eq!(theirs.len(), 2, "{theirs:#?}");
    let all = stage.rows()?;
    stage.lab.node_mut("leaf1")?.start_daemon()?;
    stage.leaf()?.wait_until_ready()?;
    stage.wait_until_heard_out()?;
    assert_eq!(stage.rows()?, all);

    stage.lab.node("host2")?.netns().run(|| send_as("eth1", [FLEETING], Mac([2, 0, 0, 1, 0, 1])))??;
    wait_until(CONVERGE, "conflict", || {
        let diff = stage.leaf()?.linnet("fib diff")?;
        let row = diff.get(0).with_context(|| "none".to_owned())?;
        ensure!(row.get("state").is_some_and(|state| state == "conflict"), "{diff:#}");
        ensure!(row.get("key").is_some_and(|key| *key == FLEETING.to_string()), "{diff:#}");
        Ok(())
    })?;
    assert_eq!(stage.rows()?, all);
    for half in ["self", "master"] {
        stage.leaf()?.sh(&format!("bridge fdb del {FLEETING} dev vxlan100 {half}"))?;
    }
    wait_until(CONVERGE, "our rows in their place", || {
        let rows = stage.leaf()?.netns().run(|| netlink::fdb("vxlan100"))??;
        let ours: Vec<_> = rows.iter().filter(|row| row.mac == FLEETING).collect();
        ensure!(ours.len() == 2 && !ours.iter().any(|row| row.to_string().contains("10.0.0.9")), "{ours:#?}");
        Ok(())
    })?;
    stage.end()
}
