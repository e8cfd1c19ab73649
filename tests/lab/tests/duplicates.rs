//! tests/three-leaves: two hosts with one MAC, behind linnet and behind FRR, and two MACs with one address.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod fabric;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bgp::types::Mac;
use fabric::{CONVERGE, host};
use lab::packet::{announce, send_as};
use lab::{Lab, Node, netlink, skip_if, wait_until};
use serde_json::Value;

const TOPOLOGY: &str = "tests/lab/tests/three-leaves/three-leaves.clab.yml";
/// What both hosts have.
const TWIN: Mac = Mac([2, 0, 0, 0, 0, 0x99]);
const BROADCAST: Mac = Mac([0xff; 6]);

fn speak(lab: &Lab, host: &str) -> Result<()> {
    lab.node(host)?.netns().run(|| send_as("eth1", [TWIN], BROADCAST))??;
    Ok(())
}

/// What linnet on leaf1 shows of the MAC.
fn at_linnet(lab: &Lab) -> Result<Value> {
    let rows = lab.node("leaf1")?.linnet(&format!("evpn mac --vni 100 --mac {TWIN}"))?;
    Ok(rows[0].clone())
}

/// What FRR on leaf3 shows of it.
fn at_frr(lab: &Lab) -> Result<Value> {
    lab.node("leaf3")?.vtysh_json(&format!("show evpn mac vni 100 mac {TWIN} json"))
}

fn wait_for(
    lab: &Lab,
    what: &str,
    shown: fn(&Lab) -> Result<Value>,
    such: impl Fn(&Value) -> bool,
) -> Result<Value> {
    wait_until(CONVERGE, what, || {
        let shown = shown(lab)?;
        ensure!(such(&shown), "{shown:#}");
        Ok(shown)
    })
    .with_context(|| lab.node("leaf1").map(Node::log).unwrap_or_default())
}

fn duplicates(lab: &Lab) -> Result<Value> {
    lab.node("leaf1")?.linnet("evpn duplicates")
}

/// Has a host speak until it is seen: a leaf that has just let go of a row may still have it in its kernel.
fn speak_until(lab: &Lab, host: &str, what: &str, such: impl Fn(&Value) -> bool) -> Result<Value> {
    wait_until(CONVERGE, what, || {
        speak(lab, host)?;
        let shown = at_linnet(lab)?;
        ensure!(such(&shown), "{shown:#}");
        Ok(shown)
    })
    .with_context(|| lab.node("leaf1").map(Node::log).unwrap_or_default())
}

/// The host behind leaf1 speaks, and is followed by FRR.
fn claim_here(lab: &Lab) -> Result<()> {
    speak_until(lab, "host1", "MAC at leaf1", |mac| mac["type"] == "local")?;
    wait_for(lab, "MAC at leaf1 for FRR", at_frr_vtep, |vtep| *vtep == "10.0.0.1").map(drop)
}

/// That, and then the other one does, and is followed by linnet.
fn contend(lab: &Lab) -> Result<()> {
    claim_here(lab)?;
    speak_until(lab, "host3", "MAC at leaf3", |mac| mac["vtep"] == "10.0.0.3").map(drop)
}

fn at_frr_vtep(lab: &Lab) -> Result<Value> {
    let macs = lab.node("leaf3")?.vtysh_json("show evpn mac vni all json")?;
    Ok(macs["100"]["macs"][TWIN.to_string()]["remoteVtep"].clone())
}

#[test]
fn two_hosts_with_one_mac_are_named_listed_and_cleared() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    assert_eq!(duplicates(&lab)?, serde_json::json!([]));
    for _ in 0..3 {
        contend(&lab)?;
    }
    let listed = duplicates(&lab)?;
    let row = &listed[0];
    assert_eq!(
        (&row["mac"], &row["vni"], &row["frozen"]),
        (&TWIN.to_string().into(), &100.into(), &false.into())
    );
    assert_eq!((&row["vtep"], &row["rival"]), (&"10.0.0.3".into(), &"local".into()), "{listed:#}");
    assert!(row["moves"].as_u64() >= Some(5) && row["recovery_seconds"].as_u64() <= Some(180), "{listed:#}");
    assert_eq!(at_linnet(&lab)?["duplicate"], true);
    let log = lab.node("leaf1")?.log();
    assert!(log.contains(&format!("VNI 100: {TWIN} moved 5 times within 180 s")), "{log}");
    // FRR says the same of its side, and follows all the same.
    let frr = at_frr(&lab)?;
    println!("FRR: {frr:#}");
    assert!(frr.to_string().contains("\"isDuplicate\":true"), "{frr:#}");
    contend(&lab)?;

    let leaf = lab.node("leaf1")?;
    assert_eq!(leaf.linnet("evpn duplicates clear --vni 100")?["cleared"], 1);
    assert_eq!(duplicates(&lab)?, serde_json::json!([]));
    assert_eq!(at_linnet(&lab)?["duplicate"], false);
    contend(&lab)?;
    assert_eq!(duplicates(&lab)?, serde_json::json!([]), "it is counted anew");
    Ok(())
}

#[test]
fn a_frozen_mac_stays_until_it_is_cleared_or_recovers() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let leaf = lab.node("leaf1")?;
    fabric::reconfigure_evpn(leaf, &["duplicates: { moves: 4, action: freeze, recovery: 0 }"])?;
    contend(&lab)?;
    contend(&lab)?;
    // It was first seen here, and has moved three times: this is the fourth.
    speak(&lab, "host1")?;
    let row = wait_for(&lab, "frozen MAC", at_linnet, |mac| mac["frozen"] == true)?;
    assert_eq!((&row["type"], &row["vtep"]), (&"remote".into(), &"10.0.0.3".into()), "{row:#}");
    let listed = duplicates(&lab)?;
    assert_eq!(
        (&listed[0]["frozen"], &listed[0]["recovery_seconds"]),
        (&true.into(), &Value::Null),
        "{listed:#}"
    );
    // The kernel keeps it there whatever the host here sends.
    wait_for(&lab, "row of the kernel", at_linnet, |mac| mac["kernel"] == "programmed")?;
    for _ in 0..20 {
        speak(&lab, "host1")?;
    }
    let fdb = leaf.netns().run(|| netlink::fdb("vxlan100"))??;
    let rows: Vec<String> = fdb.iter().filter(|row| row.mac == TWIN).map(ToString::to_string).collect();
    assert!(rows.len() == 2 && rows.iter().any(|row| row.contains("dst 10.0.0.3")), "{rows:#?}");
    assert_eq!(at_frr_vtep(&lab)?, Value::Null, "nobody was told of the host here");

    leaf.linnet(&format!("evpn duplicates clear --vni 100 {TWIN}"))?;
    wait_for(&lab, "MAC that may move again", at_linnet, |mac| mac["duplicate"] == false)?;
    contend(&lab)?;

    // The third move, and the fourth: this time it is frozen where it came to.
    fabric::reconfigure_evpn(leaf, &["duplicates: { moves: 4, action: freeze, recovery: 3 }"])?;
    claim_here(&lab)?;
    let row = speak_until(&lab, "host3", "frozen MAC", |mac| mac["frozen"] == true)?;
    let frozen = Instant::now();
    assert_eq!(row["type"], "local", "{row:#}");
    wait_for(&lab, "MAC that has recovered", at_linnet, |mac| mac["vtep"] == "10.0.0.3")?;
    println!("followed {:?} after it was frozen", frozen.elapsed());
    assert!(frozen.elapsed() >= Duration::from_secs(2), "{:?}", frozen.elapsed());
    assert_eq!(duplicates(&lab)?, serde_json::json!([]));
    Ok(())
}

/// The row that was to stay where it was is an ordinary one again: who starts has counted no moves.
#[test]
fn a_frozen_mac_may_move_after_a_restart() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let mut lab = Lab::up(&topology)?;
    fabric::reconfigure_evpn(lab.node("leaf1")?, &["duplicates: { moves: 2, action: freeze, recovery: 0 }"])?;
    contend(&lab)?;
    speak_until(&lab, "host1", "frozen MAC", |mac| mac["frozen"] == true)?;
    wait_for(&lab, "row of the kernel", at_linnet, |mac| mac["kernel"] == "programmed")?;
    let leaf = lab.node_mut("leaf1")?;
    leaf.kill_daemon()?;
    leaf.recover_daemon()?;
    leaf.wait_until_ready()?;
    assert_eq!(duplicates(&lab)?, serde_json::json!([]));
    speak_until(&lab, "host1", "MAC at leaf1", |mac| mac["type"] == "local")?;
    wait_for(&lab, "MAC at leaf1 for FRR", at_frr_vtep, |vtep| *vtep == "10.0.0.1").map(drop)
}

/// Both behind one leaf, so that its kernel's neighbour changes its MAC each time.
#[test]
fn one_address_that_two_macs_have_is_named() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let (pod, leaf) = (host("host1", "leaf1", 11), lab.node("leaf1")?);
    let other = leaf.netns().run(|| netlink::Link::named("in100").map(|link| link.mac()))??;
    let ip = IpAddr::from(pod.ip);
    let has = |mac: Mac| {
        wait_until(CONVERGE, &format!("{ip} at {mac}"), || {
            let rows = leaf.linnet(&format!("evpn arp --vni 100 --ip {ip}"))?;
            ensure!(rows[0]["mac"] == mac.to_string() && rows[0]["type"] == "local", "{rows:#}");
            Ok(())
        })
        .with_context(|| leaf.log())
    };
    // A neighbour that the kernel does not have yet does not come by being announced.
    fabric::introduce(&lab, pod)?;
    has(pod.mac)?;
    for _ in 0..3 {
        lab.node(pod.node)?.netns().run(|| announce("eth1", pod.ip))??;
        has(pod.mac)?;
        leaf.netns().run(|| announce("in100", pod.ip))??;
        has(other)?;
    }
    let listed = duplicates(&lab)?;
    let row = &listed[0];
    assert_eq!((&row["ip"], &row["mac"]), (&ip.to_string().into(), &other.to_string().into()), "{listed:#}");
    assert_eq!((&row["rival"], &row["moves"]), (&pod.mac.to_string().into(), &5.into()), "{listed:#}");
    let log = leaf.log();
    let named = format!("do {} and {other} both have it?", pod.mac);
    assert!(log.contains(&format!("{ip} went from MAC to MAC 5 times")) && log.contains(&named), "{log}");
    assert_eq!(leaf.linnet(&format!("evpn duplicates clear {ip}"))?["cleared"], 1);
    Ok(())
}
