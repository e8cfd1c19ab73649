//! The runner with FRR on every node: what holds here holds for the lab, whatever linnet does.

mod fabric;

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use fabric::{CONVERGE, GATEWAY, QUIET, host};
use lab::packet::{ArpKind, Capture, Payload, send_arp};
use lab::{Lab, skip_if, wait_until};

const TOPOLOGY: &str = "tests/lab/tests/all-frr/all-frr.clab.yml";
const UNKNOWN: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 99);

#[test]
fn two_leaves_learn_from_a_reflector() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let mut lab = Lab::up(&topology)?;
    let (host1, host2) = (host("host1", "leaf1", 11), host("host2", "leaf2", 21));

    fabric::wait_for_flood_list(lab.node("leaf1")?, 100, &[host2.vtep])?;
    fabric::introduce_both(&lab, [host1, host2])?;

    assert_eq!(
        fabric::remote_rows(lab.node("leaf1")?, host2)?,
        [
            "02:00:00:00:00:21 dev vxlan100 extern_learn master br100",
            "02:00:00:00:00:21 dev vxlan100 dst 10.0.0.2 self extern_learn",
            "192.168.1.21 dev br100 lladdr 02:00:00:00:00:21 extern_learn NOARP proto zebra",
        ]
    );

    let underlay = Capture::start(lab.node("leaf1")?.netns(), "eth1")?;
    fabric::assert_pings(&lab, host1, host2)?;
    fabric::assert_pings(&lab, host2, host1)?;
    assert_eq!(underlay.address_resolution_in_vxlan()?, 0, "ARP for a known neighbour crossed the underlay");
    assert!(underlay.count(|frame| frame.inner().is_some())? >= 40, "and the pings did not");

    let netns = lab.node("host1")?.netns();
    netns.run(|| send_arp("eth1", ArpKind::Request, host1.ip, UNKNOWN))??;
    wait_until(CONVERGE, "flooded ARP", || {
        ensure!(fabric::asked_through(&underlay, UNKNOWN, host2.vtep)? == 1, "none");
        Ok(())
    })?;

    lab.node_mut("leaf2")?.kill_daemon()?;
    fabric::wait_until_forgotten(lab.node("leaf1")?, host2)?;
    fabric::wait_for_flood_list(lab.node("leaf1")?, 100, &[])?;
    Ok(())
}

#[test]
fn the_gateway_is_answered_by_the_own_leaf_only() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let host1 = host("host1", "leaf1", 11);
    let answers = Capture::start(lab.node("host1")?.netns(), "eth1")?;
    let underlay = Capture::start(lab.node("leaf1")?.netns(), "eth1")?;
    fabric::introduce(&lab, host1)?;
    let from_gateway = |frame: &lab::packet::Frame| frame.payload == Payload::ArpReply { sender: GATEWAY };
    wait_until(CONVERGE, "answer of the gateway", || {
        ensure!(answers.count(from_gateway)? > 0, "none");
        Ok(())
    })?;
    std::thread::sleep(QUIET);
    assert_eq!(answers.count(from_gateway)?, 1);
    assert_eq!(underlay.address_resolution_in_vxlan()?, 0);
    Ok(())
}

/// Less is asked than of linnet: FRR's old leaf keeps the address as its own for as long as its kernel remembers it,
/// and its new leaf keeps the tunnel's row, which bridged traffic no longer uses.
#[test]
fn a_host_that_moves_is_followed() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let (host1, host2) = (host("host1", "leaf1", 11), host("host2", "leaf2", 21));
    fabric::introduce(&lab, host1)?;
    fabric::introduce(&lab, host2)?;
    fabric::wait_until_known(lab.node("leaf2")?, host1)?;
    assert_eq!(fabric::wait_until_frr_has_mac(lab.node("leaf2")?, host1)?, 0);
    fabric::wait_until_frr_has_neighbor(lab.node("leaf2")?, host1)?;

    let (host1, _) = fabric::move_host(&lab, host1, "leaf2")?;
    assert_eq!(fabric::wait_until_frr_has_mac(lab.node("leaf1")?, host1)?, 1);
    fabric::assert_pings(&lab, host1, host2)
}
