//! A bridge that keeps VLANs apart: linnetd serves bridges that are one network. The doctor says so, and his advice helps
//! at once.

use std::net::IpAddr;

use anyhow::{Context, Result, ensure};
use bgp::types::Mac;
use lab::packet::send_as;
use lab::{Feature, Lab, Node, daemon, skip_if, wait_until};
use serde_json::Value;

use crate::fabric::{self, CONVERGE, host};

const TOPOLOGY: &str = "containerlab/evpn-frr-reflector/evpn-frr-reflector.clab.yml";
const HOST: Mac = Mac([2, 0, 0, 0, 0, 0x99]);

/// What the doctor says of leaf2's VXLAN device as a port of its bridge.
fn of_the_port(leaf: &Node) -> Result<Value> {
    let program = daemon::linnet_cli()?;
    let text = leaf.sh(&format!("{} -o json doctor 2>/dev/null || true", program.display()))?;
    let report: Value = serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))?;
    let findings = report["findings"].as_array().context("no findings")?;
    let is_it = |finding: &&Value| finding["check"] == "bridge_port" && finding["subject"] == "vxlan100";
    findings.iter().find(is_it).cloned().with_context(|| format!("{report:#}"))
}

#[test]
fn a_bridge_that_keeps_vlans_apart_is_named_and_mended() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing().or_else(|| Feature::VlanFiltering.missing()));
    let lab = Lab::up(&topology)?;
    let leaf = lab.node("leaf2")?;
    assert_eq!(of_the_port(leaf)?["verdict"], "ok");

    // The bridge learns a host in VLAN 1 now, which is no news for linnetd.
    leaf.sh("ip link set br100 type bridge vlan_filtering 1")?;
    speak(&lab)?;
    wait_until(CONVERGE, "host in VLAN 1", || {
        let rows = leaf.sh(&format!("bridge fdb show dev eth2 | grep {HOST} || true"))?;
        ensure!(rows.contains("vlan 1 master br100"), "{rows:?}");
        Ok(())
    })?;
    let finding = of_the_port(leaf)?;
    assert_eq!(finding["verdict"], "warn", "{finding:#}");
    let known = leaf.linnet(&format!("evpn mac --mac {HOST}"))?;
    assert!(known.as_array().is_some_and(Vec::is_empty), "{known:#}");
    assert_eq!(finding["found"], "the bridge br100 keeps VLANs apart", "{finding:#}");
    let next = "ip link set br100 type bridge vlan_filtering 0";
    assert_eq!(finding["next"], next, "{finding:#}");

    // As the doctor says.
    leaf.sh(next)?;
    assert_eq!(of_the_port(leaf)?["verdict"], "ok");
    speak(&lab)?;
    wait_until(CONVERGE, "host behind leaf2", || {
        let (fdb, _) = fabric::tables(lab.node("leaf1")?, 100)?;
        let vtep = Some(IpAddr::from(fabric::vtep("leaf2")));
        ensure!(fdb.iter().any(|row| row.mac == HOST && row.dst == vtep), "{fdb:#?}");
        Ok(())
    })?;
    fabric::assert_pings(&lab, host("host11", "leaf1", 11), host("host21", "leaf2", 21))
}

/// A host that nobody knew before says something behind leaf2.
fn speak(lab: &Lab) -> Result<()> {
    Ok(lab.node("host21")?.netns().run(|| send_as("eth1", [HOST], Mac([0xff; 6])))??)
}
