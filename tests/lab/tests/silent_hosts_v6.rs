//! Hosts that say nothing and have IPv6 alone: they are asked by neighbour solicitation. linnet on leaf1, FRR on leaf2.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod fabric;
mod silence;

use std::net::Ipv6Addr;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use fabric::{CONVERGE, Host, host};
use lab::packet::{Capture, Payload};
use lab::{Lab, skip_if, wait_until};
use silence::{BRIDGE_MAC, Leaf, TOPOLOGY};

/// Of host1, and of a leaf's bridge.
const HOST1: Ipv6Addr = Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, 0x11);
const GATEWAY: Ipv6Addr = Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, 1);
const SOLICITATION: u8 = 135;

fn host1() -> Host {
    host("host1", "leaf1", 11)
}

/// Leaves host1 with an IPv6 address only, which it does not make sure of.
fn dress(lab: &Lab) -> Result<()> {
    let dress = format!(
        "sysctl -q -w net.ipv6.conf.eth1.disable_ipv6=0 && ip addr flush dev eth1 && ip addr add {HOST1}/64 dev eth1 nodad"
    );
    lab.node("host1")?.sh(&dress).map(drop)
}

/// Has host1 solicit somebody, from its address: nobody answers.
fn speak(lab: &Lab) -> Result<()> {
    lab.node("host1")?.sh(&format!("ping -6 -c 1 -W 1 -I {HOST1} {GATEWAY} >/dev/null; true")).map(drop)
}

/// Waits until FRR has host1's address at its MAC, or has it no more.
fn wait_until_frr(lab: &Lab, knows: bool) -> Result<()> {
    wait_until(
        CONVERGE,
        &format!("FRR that {} {HOST1}", if knows { "knows" } else { "has forgotten" }),
        || {
            let neighbors = lab.node("leaf2")?.vtysh_json("show evpn arp-cache vni all json")?;
            let neighbor = &neighbors["100"][HOST1.to_string()];
            let host1 = host1();
            ensure!((neighbor["mac"] == host1.mac.to_string()) == knows, "{neighbors:#}");
            Ok(())
        },
    )
    .with_context(|| lab.node("leaf1").map(lab::Node::log).unwrap_or_default())
}

/// Has host1 speak until FRR knows of it: the first word may come before anybody listens.
fn speak_until_known(lab: &Lab) -> Result<()> {
    wait_until(CONVERGE, "word of host1", || {
        speak(lab)?;
        let vnis = lab.node("leaf1")?.linnet("evpn arp --vni 100")?;
        ensure!(vnis.to_string().contains(&format!("\"{HOST1}\"")), "{vnis:#}");
        Ok(())
    })
    .with_context(|| lab.node("leaf1").map(lab::Node::log).unwrap_or_default())?;
    wait_until_frr(lab, true)
}

/// Whether host1 can be heard at all.
fn set_deaf(lab: &Lab, deaf: bool) -> Result<()> {
    let deaf = u8::from(deaf);
    lab.node("host1")?.sh(&format!("sysctl -q -w net.ipv6.conf.eth1.disable_ipv6={deaf}")).map(drop)
}

/// What was taken out of FRR's kernel of host1 since the recording began.
fn removals(rows: &lab::Recording) -> Result<Vec<String>> {
    let (address, mac) = (format!("{HOST1} "), host1().mac.to_string());
    let text = rows.text()?;
    let removed = text.lines().filter(|line| line.contains("Deleted"));
    Ok(removed.filter(|line| line.contains(&address) || line.contains(&mac)).map(ToOwned::to_owned).collect())
}

/// No address on the bridge, and a bridge that forgets after three seconds: the host stays as long as it answers, its dead
/// self goes, and after a restart it is found by asking.
#[test]
fn a_silent_ipv6_host_stays_while_it_answers_goes_when_dead_and_is_found_after_a_restart() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let mut lab = Lab::up(&topology)?;
    let leaf = Leaf::of(&lab)?;
    leaf.strip_addresses()?;
    leaf.configure("snooping: true, probe_interval: 2")?;
    leaf.shorten_memory()?;
    dress(&lab)?;
    speak_until_known(&lab)?;

    let rows = fabric::record_rows(lab.node("leaf2")?)?;
    let underlay = Capture::start(lab.node("leaf1")?.netns(), "eth1")?;
    let asked = Capture::start(lab.node("host1")?.netns(), "eth1")?;
    let answered = leaf.count("answered")?;
    leaf.wait_for_count("answered", answered + 5)?;
    let removed = removals(&rows)?;
    ensure!(removed.is_empty(), "withdrawn though it answers: {removed:#?}");
    let is_question = |payload: &Payload| matches!(payload, Payload::NeighborDiscovery { kind: SOLICITATION, target } if *target == HOST1);
    let host1 = host1();
    let to_it = asked.count(|frame| {
        frame.source == BRIDGE_MAC && frame.destination == host1.mac && is_question(&frame.payload)
    })?;
    ensure!(to_it >= 5, "only {to_it} solicitations to the host's own MAC");
    assert_eq!(silence::questions_in_tunnel(&underlay, host1.vtep)?, 0, "a question went through the tunnel");

    set_deaf(&lab, true)?;
    let silent = Instant::now();
    wait_until_frr(&lab, false)?;
    println!("a dead IPv6 host was withdrawn {:.1} s after its last word", silent.elapsed().as_secs_f32());
    set_deaf(&lab, false)?;
    dress(&lab)?;
    speak_until_known(&lab)?;

    // Killed; the kernel forgets, and the host says nothing by itself.
    let line = format!("100 {HOST1} {}", host1.mac);
    leaf.wait_until_line_written_down(&line)?;
    lab.node_mut("leaf1")?.kill_daemon()?;
    wait_until_frr(&lab, false)?;
    lab.node("leaf1")?.sh(&format!("bridge fdb del {} dev eth2 master 2>/dev/null; true", host1.mac))?;
    let started = Instant::now();
    lab.node_mut("leaf1")?.start_daemon()?;
    wait_until_frr(&lab, true)?;
    println!(
        "after kill -9 a silent IPv6 host was back {} ms after the start",
        started.elapsed().as_millis()
    );
    let leaf = Leaf::of(&lab)?;
    ensure!(leaf.count("snooped")? == 0, "the host spoke by itself");
    Ok(())
}

/// The bridge has an address, so that the kernel has the neighbour; a stranger makes it forget.
#[test]
fn an_ipv6_host_that_the_kernel_was_made_to_forget_is_found_by_asking() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let leaf = Leaf::of(&lab)?;
    leaf.configure("probe_interval: 60")?;
    leaf.node.sh(&format!(
        "sysctl -q -w net.ipv6.conf.br100.disable_ipv6=0 && ip addr add {GATEWAY}/64 dev br100 nodad"
    ))?;
    dress(&lab)?;
    speak_until_known(&lab)?;
    let host1 = host1();
    let rows = fabric::record_rows(lab.node("leaf2")?)?;
    for flush in
        [format!("ip neigh del {HOST1} dev br100"), format!("bridge fdb del {} dev eth2 master", host1.mac)]
    {
        let answered = leaf.count("answered")?;
        leaf.node.sh(&flush)?;
        leaf.wait_for_count("answered", answered + 1)?;
    }
    let removed = removals(&rows)?;
    ensure!(removed.is_empty(), "withdrawn though it answers: {removed:#?}");
    set_deaf(&lab, true)?;
    let silent = Instant::now();
    leaf.node
        .sh(&format!("ip neigh del {HOST1} dev br100; bridge fdb del {} dev eth2 master; true", host1.mac))?;
    wait_until_frr(&lab, false)?;
    println!(
        "a dead IPv6 host that the kernel forgot was withdrawn after {:.1} s",
        silent.elapsed().as_secs_f32()
    );
    Ok(())
}
