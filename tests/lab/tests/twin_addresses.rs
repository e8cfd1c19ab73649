//! tests/three-leaves: two hosts with one address behind two leaves, which neither moves nor says more than it must. On the
//! second leaf the kernel never learns it: the address is answered for there.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod fabric;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fabric::{CONVERGE, Host, host};
use lab::packet::send_as;
use lab::{Lab, skip_if, wait_until};
use serde_json::{Value, json};

const TOPOLOGY: &str = "tests/lab/tests/three-leaves/three-leaves.clab.yml";
/// Seconds for which two claims must stand: enough for a host that is asked in vain.
const WINDOW: u64 = 8;
const LINNET: [&str; 2] = ["leaf1", "leaf2"];

/// A fabric whose linnet leaves look closely.
fn up(topology: &lab::Topology) -> Result<Lab> {
    let lab = Lab::up(topology)?;
    for leaf in LINNET {
        let window = format!("duplicates: {{ window: {WINDOW}, moves: 1000 }}");
        fabric::reconfigure_evpn(lab.node(leaf)?, &[&window, "probe_interval: 2"])?;
        // For half a minute a kernel would be sure of a host that has gone.
        lab.node(leaf)?.sh("echo 2000 > /proc/sys/net/ipv4/neigh/br100/base_reachable_time_ms")?;
    }
    Ok(lab)
}

/// Gives a host the address of another one.
fn twin(lab: &Lab, host: Host, of: Host) -> Result<Host> {
    let address = format!("ip addr flush dev eth1 && ip addr add {}/24 dev eth1", of.ip);
    lab.node(host.node)?.sh(&address)?;
    Ok(Host { ip: of.ip, ..host })
}

/// Has a host answer nothing, or again.
fn set_silent(lab: &Lab, host: Host, silent: bool) -> Result<()> {
    let ignore = if silent { 8 } else { 0 };
    lab.node(host.node)?.sh(&format!("sysctl -q -w net.ipv4.conf.eth1.arp_ignore={ignore}")).map(drop)
}

/// What a linnet leaf lists as duplicates.
fn duplicates(lab: &Lab, leaf: &str) -> Result<Value> {
    lab.node(leaf)?.linnet("evpn duplicates")
}

fn arp(lab: &Lab, leaf: &str, ip: Ipv4Addr) -> Result<Value> {
    Ok(lab.node(leaf)?.linnet(&format!("evpn arp --vni 100 --ip {ip}"))?[0].clone())
}

/// Waits until a leaf names an address, claimed by these hosts, of which it answers for the first.
fn wait_until_named(lab: &Lab, leaf: &str, [first, second]: [Host; 2]) -> Result<Value> {
    let claim = |host: Host| match host.leaf == leaf {
        true => json!([host.mac.to_string(), Value::Null]),
        false => json!([host.mac.to_string(), host.vtep.to_string()]),
    };
    let (what, expected) = (format!("{} named on {leaf}", first.ip), [claim(first), claim(second)]);
    wait_until(CONVERGE, &what, || {
        let rows = duplicates(lab, leaf)?;
        let claims = rows[0]["claims"].as_array().cloned().unwrap_or_default();
        let claims: Vec<Value> = claims.iter().map(|claim| json!([claim["mac"], claim["vtep"]])).collect();
        ensure!(claims == expected && rows[0]["contested"] == true, "{rows:#}");
        ensure!(
            rows[0]["ip"] == first.ip.to_string() && rows[0]["rival"] == second.mac.to_string(),
            "{rows:#}"
        );
        ensure!(arp(lab, leaf, first.ip)?["duplicate"] == true, "no mark");
        Ok(rows[0].clone())
    })
    .with_context(|| lab.node(leaf).map(lab::Node::log).unwrap_or_default())
}

/// Waits until nobody lists anything.
fn wait_until_over(lab: &Lab) -> Result<()> {
    LINNET.iter().try_for_each(|leaf| {
        wait_until(SURE, &format!("end of the duplicate on {leaf}"), || {
            let rows = duplicates(lab, leaf)?;
            ensure!(rows == json!([]), "{rows:#}");
            Ok(())
        })
        .with_context(|| lab.node(leaf).map(lab::Node::log).unwrap_or_default())
    })
}

/// A kernel is sure of a neighbour for 45 seconds at most after it last heard of it (RFC 4861 section 6.3.2), and until
/// then nobody takes the host for dead.
const SURE: Duration = Duration::from_secs(75);

/// Waits until all three leaves have an address at one host, FRR's kernel too.
fn wait_until_followed(lab: &Lab, host: Host) -> Result<()> {
    for leaf in LINNET {
        wait_until(SURE, &format!("{} at {} on {leaf}", host.ip, host.mac), || {
            let row = arp(lab, leaf, host.ip)?;
            ensure!(row["mac"] == host.mac.to_string(), "{row:#}");
            ensure!((row["type"] == "local") == (host.leaf == leaf), "{row:#}");
            Ok(())
        })
        .with_context(|| lab.node(leaf).map(lab::Node::log).unwrap_or_default())?;
    }
    if host.leaf == "leaf3" {
        return Ok(());
    }
    fabric::wait_until_frr_has_neighbor(lab.node("leaf3")?, host)
}

#[test]
fn both_are_named_and_one_of_them_is_everybodys() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = up(&topology)?;
    let first = host("host1", "leaf1", 11);
    let second = twin(&lab, host("host2", "leaf2", 21), first)?;
    fabric::introduce(&lab, first)?;
    wait_until_followed(&lab, first)?;
    fabric::introduce(&lab, second)?;
    let spoke = Instant::now();
    for leaf in LINNET {
        wait_until_named(&lab, leaf, [first, second])?;
    }
    println!("two linnet leaves: named {:.1} s after the second host's word", spoke.elapsed().as_secs_f32());
    ensure!(spoke.elapsed().as_secs() >= WINDOW - 1, "{:?}", spoke.elapsed());
    wait_until_followed(&lab, first)?;
    let log = lab.node("leaf2")?.log();
    let said = format!(
        "VNI 100: two hosts have {}: {} behind 10.0.0.1 and {} here have both claimed it for {WINDOW} s",
        first.ip, first.mac, second.mac
    );
    ensure!(log.contains(&said), "no `{said}`:\n{log}");
    let why = lab.node("leaf2")?.linnet(&format!("explain {}", first.ip))?.to_string();
    ensure!(why.contains("by sequence 1 over 0"), "{why}");
    let kernel = lab.node("leaf2")?.sh(&format!("ip neigh show {} dev br100", first.ip))?;
    ensure!(kernel.contains(&first.mac.to_string()), "{kernel}");

    // The one that is not answered for goes, and comes back; then the other one goes.
    set_silent(&lab, second, true)?;
    let silent = Instant::now();
    wait_until_over(&lab)?;
    println!("no duplicate any more {:.1} s after the second host's end", silent.elapsed().as_secs_f32());
    wait_until_followed(&lab, first)?;
    set_silent(&lab, second, false)?;
    fabric::introduce(&lab, second)?;
    wait_until_named(&lab, "leaf1", [first, second])?;
    set_silent(&lab, first, true)?;
    let silent = Instant::now();
    wait_until_followed(&lab, second)?;
    println!(
        "the second host was everybody's {:.1} s after the first one's end",
        silent.elapsed().as_secs_f32()
    );
    wait_until_over(&lab)
}

/// FRR's host has the address, with a sequence that lets it keep it; linnet's host behind leaf1 has it as well, and leaf2
/// looks on.
#[test]
fn a_host_behind_frr_and_one_behind_linnet_are_named_by_an_onlooker() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = up(&topology)?;
    let first = host("host3", "leaf3", 31);
    lab.node("host2")?.netns().run(|| send_as("eth1", [first.mac], bgp::types::Mac([0xff; 6])))??;
    fabric::wait_until_frr_has_mac(lab.node("leaf3")?, Host { vtep: fabric::vtep("leaf2"), ..first })?;
    fabric::introduce(&lab, first)?;
    wait_until_followed(&lab, first)?;
    let second = twin(&lab, host("host1", "leaf1", 11), first)?;
    fabric::introduce(&lab, second)?;
    let spoke = Instant::now();
    for leaf in LINNET {
        wait_until_named(&lab, leaf, [first, second])?;
    }
    println!("FRR and linnet: named {:.1} s after the second host's word", spoke.elapsed().as_secs_f32());
    let why = lab.node("leaf2")?.linnet(&format!("explain {}", first.ip))?.to_string();
    ensure!(why.contains("by sequence 1 over 0"), "{why}");
    let frr = lab.node("leaf3")?.vtysh("show evpn arp-cache vni 100")?;
    ensure!(frr.lines().any(|line| line.contains(&first.mac.to_string()) && line.contains("local")), "{frr}");
    set_silent(&lab, second, true)?;
    wait_until_over(&lab)?;
    wait_until_followed(&lab, first)
}

/// The address is with another machine, made anew elsewhere; the old one is dead, but its leaf's kernel has it still.
#[test]
fn a_host_that_is_made_anew_elsewhere_is_followed_and_not_named() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = up(&topology)?;
    for leaf in LINNET {
        let window = format!("duplicates: {{ window: {WINDOW} }}");
        fabric::reconfigure_evpn(lab.node(leaf)?, &[&window, "probe_interval: 600"])?;
    }
    let first = host("host1", "leaf1", 11);
    let second = twin(&lab, host("host2", "leaf2", 21), first)?;
    fabric::introduce(&lab, first)?;
    wait_until_followed(&lab, first)?;
    set_silent(&lab, first, true)?;
    fabric::introduce(&lab, second)?;
    let spoke = Instant::now();
    wait_until_followed(&lab, second)?;
    println!("made anew: followed {:.1} s after its first word", spoke.elapsed().as_secs_f32());
    wait_until(CONVERGE, "time in which it would be named", || {
        ensure!(spoke.elapsed().as_secs() > 2 * WINDOW, "{:?}", spoke.elapsed());
        Ok(())
    })?;
    for leaf in LINNET {
        let log = lab.node(leaf)?.log();
        ensure!(duplicates(&lab, leaf)? == json!([]) && !log.contains("two hosts"), "{log}");
    }
    Ok(())
}
