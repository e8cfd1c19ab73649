//! containerlab/evpn-mixed: linnet reflects, linnet and FRR are leaves.

mod fabric;

use anyhow::Result;
use fabric::host;
use lab::packet::Capture;
use lab::{Lab, skip_if};

const TOPOLOGY: &str = "containerlab/evpn-mixed/evpn-mixed.clab.yml";

#[test]
fn frr_and_linnet_know_each_others_hosts() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let (host1, host2) = (host("host1", "leaf1", 11), host("host2", "leaf2", 21));
    fabric::wait_for_flood_list(lab.node("leaf1")?, 100, &[host2.vtep])?;
    fabric::wait_for_flood_list(lab.node("leaf2")?, 100, &[host1.vtep])?;
    let underlay = Capture::start(lab.node("leaf1")?.netns(), "eth1")?;
    fabric::introduce_both(&lab, [host1, host2])?;

    assert_eq!(fabric::wait_until_frr_has_mac(lab.node("leaf2")?, host1)?, 0);
    fabric::wait_until_frr_has_neighbor(lab.node("leaf2")?, host1)?;
    let routes = lab.node("leaf2")?.vtysh("show bgp l2vpn evpn route")?;
    assert!(routes.contains("[2]:[0]:[48]:[02:00:00:00:00:11]:[32]:[192.168.1.11]"), "{routes}");
    assert!(routes.contains("[3]:[0]:[32]:[10.0.0.1]"), "{routes}");

    fabric::assert_pings(&lab, host1, host2)?;
    fabric::assert_pings(&lab, host2, host1)?;
    assert_eq!(underlay.address_resolution_in_vxlan()?, 0, "ARP for a known neighbour crossed the underlay");

    // Who shuts a session down does not mean to be waited for.
    let linnet = lab::daemon::linnet_cli()?;
    lab.node("leaf1")?.output(&[&linnet.to_string_lossy(), "neighbor", "10.1.1.0", "shutdown"])?;
    fabric::wait_until_forgotten(lab.node("leaf2")?, host1)?;
    fabric::wait_for_flood_list(lab.node("leaf2")?, 100, &[])
}
