//! tests/three-leaves: who floods to whom. VTEPs that are named beside those that announce themselves, networks where
//! nothing is flooded, and an FRR leaf that stops asking for copies.

mod fabric;

use std::net::Ipv4Addr;

use anyhow::Result;
use fabric::{host, vtep};
use lab::{Lab, Node, skip_if};

const TOPOLOGY: &str = "tests/lab/tests/three-leaves/three-leaves.clab.yml";
const NAMED: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 99);

/// Has FRR flood, and ask for copies, or neither.
fn flood_frr(node: &Node, how: &str) -> Result<()> {
    let lines = ["configure", "router bgp 65000", "address-family l2vpn evpn", &format!("flooding {how}")];
    let words: Vec<&str> = ["vtysh"].into_iter().chain(lines.iter().flat_map(|line| ["-c", line])).collect();
    node.output(&words).map(drop)
}

#[test]
fn a_named_vtep_stays_and_one_that_stops_asking_goes_at_once() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let (leaf, frr, pod) = (lab.node("leaf1")?, lab.node("leaf3")?, host("host3", "leaf3", 31));
    let (second, third) = (vtep("leaf2"), vtep("leaf3"));
    fabric::introduce(&lab, pod)?;
    fabric::wait_until_known(leaf, pod)?;
    fabric::wait_for_flood_list(leaf, 100, &[second, third])?;

    // Named and learnt besides, named alone, and in another network nothing.
    fabric::reconfigure_evpn(leaf, &["vnis: [{ vni: 100, static_vteps: [10.0.0.99, 10.0.0.2] }]"])?;
    fabric::wait_for_flood_list(leaf, 100, &[second, third, NAMED])?;
    fabric::wait_for_flood_list(leaf, 101, &[second, third])?;
    let rows = leaf.linnet("evpn vtep --vni 100")?;
    let sources: Vec<_> =
        rows.as_array().into_iter().flatten().map(|row| (&row["announced"], &row["configured"])).collect();
    let [yes, no] = [&true.into(), &false.into()];
    assert_eq!(sources, [(yes, yes), (yes, no), (no, yes)], "{rows:#}");

    // Its Type 3 goes, and its hosts stay: they have routes of their own.
    flood_frr(frr, "disable")?;
    fabric::wait_for_flood_list(leaf, 100, &[second, NAMED])?;
    assert_eq!(fabric::remote_rows(leaf, pod)?.len(), 3);
    flood_frr(frr, "head-end-replication")?;
    fabric::wait_for_flood_list(leaf, 100, &[second, third, NAMED])?;

    fabric::reconfigure_evpn(leaf, &[])?;
    fabric::wait_for_flood_list(leaf, 100, &[second, third])
}

/// Nobody floods to who does not flood; what is known is forwarded as before.
#[test]
fn a_network_without_flooding_has_no_list_and_is_on_nobodys() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let (leaf, hosts) = (lab.node("leaf1")?, [host("host1", "leaf1", 11), host("host3", "leaf3", 31)]);
    let [first, second, third] = ["leaf1", "leaf2", "leaf3"].map(vtep);
    fabric::introduce_both(&lab, hosts)?;
    fabric::wait_for_flood_list(lab.node("leaf3")?, 100, &[first, second])?;

    fabric::reconfigure_evpn(leaf, &["vnis: [{ vni: 100, flooding: false }]"])?;
    fabric::wait_for_flood_list(leaf, 100, &[])?;
    fabric::wait_for_flood_list(lab.node("leaf2")?, 100, &[third])?;
    fabric::wait_for_flood_list(lab.node("leaf3")?, 100, &[second])?;
    fabric::wait_for_flood_list(leaf, 101, &[second, third])?;
    let vni = leaf.linnet("evpn vni --vni 100")?;
    assert_eq!(vni[0]["flood"], "off", "{vni:#}");
    let rows = leaf.linnet("evpn vtep --vni 100")?;
    assert_eq!(rows[0]["reason"], "nothing is flooded in this network", "{rows:#}");
    fabric::assert_pings(&lab, hosts[0], hosts[1])?;

    fabric::reconfigure_evpn(leaf, &["flooding: false", "vnis: [{ vni: 100, flooding: true }]"])?;
    fabric::wait_for_flood_list(leaf, 100, &[second, third])?;
    fabric::wait_for_flood_list(leaf, 101, &[])?;
    fabric::wait_for_flood_list(lab.node("leaf3")?, 100, &[first, second])?;
    fabric::wait_for_flood_list(lab.node("leaf3")?, 101, &[second])?;

    // What makes no sense is refused, and what runs stays.
    let refused =
        fabric::reconfigure_evpn(leaf, &["vnis: [{ vni: 100, static_vteps: [10.0.0.1, 224.0.0.5] }]"]);
    let complaint = format!("{:#}", refused.expect_err("linnetd took its own VTEP"));
    assert!(complaint.contains("10.0.0.1 is this node's own VTEP"), "{complaint}");
    assert!(complaint.contains("224.0.0.5 is no address of one node"), "{complaint}");
    Ok(())
}
