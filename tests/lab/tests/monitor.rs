//! `linnet monitor` on a leaf, while a host moves to it.

mod fabric;

use anyhow::{Context, Result};
use fabric::{CONVERGE, host};
use lab::{Lab, Node, daemon, skip_if, wait_until};
use serde_json::Value;

const TOPOLOGY: &str = "tests/lab/tests/three-leaves/three-leaves.clab.yml";

/// Where the monitor writes, in the node's own /run.
const OUTPUT: &str = "/run/monitor.jsonl";

#[test]
fn a_monitor_sees_a_host_come_over() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let (pod, leaf) = (host("host1", "leaf1", 11), lab.node("leaf2")?);
    fabric::introduce(&lab, pod)?;
    fabric::wait_until_known(leaf, pod)?;

    let linnet = daemon::linnet_cli()?;
    leaf.sh(&format!("{} -o jsonl monitor evpn >{OUTPUT} 2>&1 &", linnet.display()))?;
    wait_for(leaf, "the present state", |line| line.get("synced").is_some())?;
    let mac = pod.mac.to_string();
    let is_about = |line: &Value| line.pointer("/mac/mac").is_some_and(|told| *told == *mac);
    let remote = wait_for(leaf, "the remote host", is_about)?;
    assert_eq!(remote.pointer("/mac/vtep"), Some(&pod.vtep.to_string().into()), "{remote:#}");
    assert_eq!(remote.pointer("/mac/kernel"), Some(&"programmed".into()), "{remote:#}");

    fabric::migrate_host(&lab, pod, "leaf2", ["eth1", "eth2"])?;
    let is_local =
        |line: &Value| is_about(line) && line.pointer("/mac/type").is_some_and(|told| *told == "local");
    let local = wait_for(leaf, "the local host", is_local)?;
    assert_eq!(local.pointer("/mac/local_sequence"), Some(&1.into()), "{local:#}");
    let moved = wait_for(leaf, "the move", |line| is_about(line) && line.get("moved_from").is_some())?;
    assert_eq!(moved.get("moved_from"), Some(&pod.vtep.to_string().into()), "{moved:#}");
    let reason = format!("moved here from {}, with sequence 1", pod.vtep);
    assert_eq!(moved.get("reason"), Some(&reason.into()), "{moved:#}");
    assert!(local.pointer("/mac/port").is_some_and(Value::is_string), "{local:#}");
    Ok(())
}

/// The first line of the monitor's that is wanted.
fn wait_for(node: &Node, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    wait_until(CONVERGE, what, || {
        let lines = node.netns().run(|| std::fs::read_to_string(OUTPUT))??;
        let mut values = lines.lines().filter_map(|line| serde_json::from_str(line).ok());
        values.find(|value| wanted(value)).with_context(|| lines)
    })
}
