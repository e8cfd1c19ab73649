//! containerlab/evpn-frr-reflector: FRR reflects, linnet is on both leaves.

mod fabric;

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use fabric::{CONVERGE, Host, QUIET, host};
use lab::netlink::Link;
use lab::packet::{ArpKind, Capture, ping, send_arp};
use lab::{Lab, Node, skip_if, wait_until};

const TOPOLOGY: &str = "containerlab/evpn-frr-reflector/evpn-frr-reflector.clab.yml";
const UNKNOWN: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 99);

/// The hosts of VNI 100.
fn hosts() -> (Host, Host) {
    (host("host11", "leaf1", 11), host("host21", "leaf2", 21))
}

/// Has both leaves learn both hosts.
fn converge(lab: &Lab) -> Result<(Host, Host)> {
    let (host11, host21) = hosts();
    fabric::wait_for_flood_list(lab.node("leaf1")?, 100, &[host21.vtep])?;
    fabric::wait_for_flood_list(lab.node("leaf2")?, 100, &[host11.vtep])?;
    fabric::introduce(lab, host11)?;
    fabric::introduce(lab, host21)?;
    fabric::wait_until_known(lab.node("leaf1")?, host21)?;
    fabric::wait_until_known(lab.node("leaf2")?, host11)?;
    Ok((host11, host21))
}

#[test]
fn pods_talk_and_no_known_neighbour_is_asked_for() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let underlay = Capture::start(lab.node("leaf1")?.netns(), "eth1")?;
    let (host11, host21) = converge(&lab)?;

    fabric::assert_pings(&lab, host11, host21)?;
    fabric::assert_pings(&lab, host21, host11)?;
    assert_eq!(underlay.address_resolution_in_vxlan()?, 0, "ARP for a known neighbour crossed the underlay");
    assert!(underlay.count(|frame| frame.inner().is_some())? >= 40, "and the pings did not");

    let netns = lab.node(host11.node)?.netns();
    netns.run(|| send_arp("eth1", ArpKind::Request, host11.ip, UNKNOWN))??;
    wait_until(CONVERGE, "flooded ARP", || {
        ensure!(fabric::asked_through(&underlay, UNKNOWN, host21.vtep)? == 1, "none");
        Ok(())
    })
}

#[test]
fn the_kernels_rows_are_those_that_frr_writes() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let (host11, host21) = converge(&lab)?;
    for (leaf, remote) in [("leaf1", host21), ("leaf2", host11)] {
        assert_eq!(rows_without_state(lab.node(leaf)?, remote)?, golden(remote), "{leaf}");
        let (fdb, _) = fabric::tables(lab.node(leaf)?, 100)?;
        let sturdy = |state| state & (NOARP | PERMANENT) != 0;
        assert!(fdb.iter().filter(|row| row.dst.is_some()).all(|row| sturdy(row.state)), "{fdb:#?}");
    }
    Ok(())
}

/// States that outlive the VXLAN device's going down (linux/neighbour.h).
const NOARP: u16 = 0x40;
const PERMANENT: u16 = 0x80;

fn golden(Host { mac, ip, vtep, .. }: Host) -> [String; 3] {
    [
        format!("{mac} dev vxlan100 extern_learn master br100"),
        format!("{mac} dev vxlan100 dst {vtep} self extern_learn"),
        format!("{ip} dev br100 lladdr {mac} extern_learn NOARP proto 108"),
    ]
}

fn rows_without_state(node: &Node, host: Host) -> Result<Vec<String>> {
    let rows = fabric::remote_rows(node, host)?;
    let bare = |row: String| row.trim_end_matches(" permanent").trim_end_matches(" static").to_owned();
    Ok(rows.into_iter().map(bare).collect())
}

#[test]
fn vnis_are_apart() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let (host11, _) = converge(&lab)?;
    let in_200 = Ipv4Addr::new(192, 168, 1, 22);
    fabric::wait_for_flood_list(lab.node("leaf1")?, 200, &[Ipv4Addr::new(10, 0, 0, 2)])?;
    assert_eq!(ping(lab.node("host12")?.netns(), in_200, 3)?.lost(), [0; 0], "within VNI 200");
    assert_eq!(ping(lab.node(host11.node)?.netns(), in_200, 2)?.received(), 0, "from VNI 100 into 200");
    Ok(())
}

#[test]
fn the_reflector_shows_the_routes() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let (host11, host21) = converge(&lab)?;
    let routes = lab.node("rr")?.vtysh("show bgp l2vpn evpn route")?;
    for Host { mac, ip, vtep, .. } in [host11, host21] {
        assert!(routes.contains(&format!("[2]:[0]:[48]:[{mac}]:[32]:[{ip}]")), "{routes}");
        assert!(routes.contains(&format!("[2]:[0]:[48]:[{mac}]\n")), "{routes}");
        assert!(routes.contains(&format!("[3]:[0]:[32]:[{vtep}]")), "{routes}");
    }
    assert!(routes.contains("RT:65000:100 ET:8") && routes.contains("RT:65000:200 ET:8"), "{routes}");
    Ok(())
}

#[test]
fn a_pod_that_goes_is_withdrawn() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let (_, host21) = converge(&lab)?;
    lab.node(host21.node)?.netns().run(|| Link::named("eth1")?.delete())??;
    wait_until(CONVERGE, "withdrawal of the MAC", || {
        let (fdb, _) = fabric::tables(lab.node("leaf1")?, 100)?;
        ensure!(fdb.iter().all(|row| row.mac != host21.mac), "{fdb:#?}");
        Ok(())
    })
}

#[test]
fn a_killed_daemon_leaves_nothing_with_its_peers_and_takes_up_its_own() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let mut lab = Lab::up(&topology)?;
    let (host11, host21) = converge(&lab)?;
    lab.node_mut("leaf2")?.kill_daemon()?;
    fabric::wait_until_forgotten(lab.node("leaf1")?, host21)?;
    fabric::wait_for_flood_list(lab.node("leaf1")?, 100, &[])?;

    // While nobody speaks for it, the kernel goes on forwarding what it was told.
    std::thread::sleep(QUIET);
    assert_eq!(fabric::remote_rows(lab.node("leaf2")?, host11)?.len(), 3);
    lab.node_mut("leaf2")?.start_daemon()?;
    lab.node("leaf2")?.wait_until_ready()?;
    fabric::wait_until_known(lab.node("leaf1")?, host21)?;
    fabric::wait_until_known(lab.node("leaf2")?, host11)?;
    fabric::assert_pings(&lab, host11, host21)
}
