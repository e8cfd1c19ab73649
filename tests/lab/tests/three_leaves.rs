//! tests/three-leaves: moves seen by a third leaf, many MACs in many VNIs, and nothing left of them.

mod fabric;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bgp::types::Mac;
use fabric::{CONVERGE, Host, host, vtep};
use lab::packet::{Pinger, send_as};
use lab::{Lab, Node, netlink, skip_if, wait_until};

const TOPOLOGY: &str = "tests/lab/tests/three-leaves/three-leaves.clab.yml";
const LEAVES: [&str; 3] = ["leaf1", "leaf2", "leaf3"];
const VNIS: std::ops::RangeInclusive<u32> = 100..=109;
/// In each VNI on each leaf: 1,000 a leaf.
const MACS: u16 = 100;

/// The host of leaf1 and one behind the FRR leaf that pings it, both known to all.
fn converge(lab: &Lab) -> Result<(Host, Pinger)> {
    let (pod, watcher) = (host("host1", "leaf1", 11), host("host3", "leaf3", 31));
    fabric::introduce(lab, pod)?;
    fabric::introduce(lab, watcher)?;
    assert_eq!(fabric::wait_until_frr_has_mac(lab.node("leaf3")?, pod)?, 0);
    for leaf in ["leaf1", "leaf2"] {
        fabric::wait_until_known(lab.node(leaf)?, watcher)?;
    }
    fabric::wait_until_known(lab.node("leaf2")?, pod)?;
    let pinger = Pinger::start(lab.node(watcher.node)?.netns(), pod.ip, Duration::from_millis(5));
    fabric::wait_for_answer(&pinger, Instant::now())?;
    Ok((pod, pinger))
}

/// RFC 7432 section 15: whoever takes a MAC over that somebody claims says so with a higher sequence number.
#[test]
fn a_migrated_host_is_followed_and_its_sequence_rises() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let (pod, pinger) = converge(&lab)?;
    let (pod, arrived) = fabric::migrate_host(&lab, pod, "leaf2", ["eth1", "eth2"])?;
    assert_eq!(wait_until_followed(&lab, &pinger, pod, arrived)?, 1);
    // Back again, where its old claim must not win.
    let (pod, arrived) = fabric::migrate_host(&lab, pod, "leaf1", ["eth2", "eth1"])?;
    assert_eq!(wait_until_followed(&lab, &pinger, pod, arrived)?, 2);
    Ok(())
}

#[test]
fn a_pod_that_is_unplugged_and_plugged_in_elsewhere_leaves_no_stale_row() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let (pod, pinger) = converge(&lab)?;
    let (pod, arrived) = fabric::move_host(&lab, pod, "leaf2")?;
    wait_until_followed(&lab, &pinger, pod, arrived)?;
    let (pod, arrived) = fabric::move_host(&lab, pod, "leaf1")?;
    wait_until_followed(&lab, &pinger, pod, arrived)?;
    Ok(())
}

/// Waits until `pod`, which has moved, answers again and all three leaves have it at its new place and nowhere
/// else; with which sequence number.
fn wait_until_followed(lab: &Lab, pinger: &Pinger, pod: Host, arrived: Instant) -> Result<u64> {
    fabric::wait_for_answer(pinger, arrived)?;
    let sequence = fabric::wait_until_frr_has_mac(lab.node("leaf3")?, pod)?;
    fabric::wait_until_frr_has_neighbor(lab.node("leaf3")?, pod)?;
    for other in LEAVES.into_iter().filter(|other| *other != pod.leaf) {
        fabric::wait_until_known(lab.node(other)?, pod)?;
        let (fdb, _) = fabric::tables(lab.node(other)?, 100)?;
        let destinations: Vec<_> =
            fdb.iter().filter(|row| row.mac == pod.mac).filter_map(|row| row.dst).collect();
        assert_eq!(destinations, [pod.vtep], "on {other}");
    }
    fabric::wait_until_forgotten(lab.node(pod.leaf)?, pod)?;
    Ok(sequence)
}

#[test]
fn a_thousand_macs_on_each_of_three_leaves_agree_and_go() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    for leaf in LEAVES {
        for vni in VNIS {
            let vteps: Vec<_> = LEAVES.into_iter().filter(|other| *other != leaf).map(vtep).collect();
            fabric::wait_for_flood_list(lab.node(leaf)?, vni, &vteps)?;
        }
    }
    for leaf in LEAVES {
        lab.node(leaf)?.netns().run(|| VNIS.into_iter().try_for_each(|vni| send_from_all(leaf, vni)))??;
    }
    for leaf in LEAVES {
        let others: Vec<_> = LEAVES.into_iter().filter(|other| *other != leaf).collect();
        wait_for_macs(lab.node(leaf)?, &others)?;
    }

    // Who shuts a session down does not mean to be waited for.
    let linnet = lab::daemon::linnet_cli()?;
    lab.node("leaf2")?.output(&[&linnet.to_string_lossy(), "neighbor", "10.1.2.0", "shutdown"])?;
    wait_for_macs(lab.node("leaf1")?, &["leaf3"])?;
    wait_for_macs(lab.node("leaf3")?, &["leaf1"])
}

/// Puts a frame from each of a leaf's MACs into the bridge of `vni`; to the gateway's MAC, so it is not flooded.
fn send_from_all(leaf: &str, vni: u32) -> std::io::Result<()> {
    let gateway = Mac([2, 0, 0, 1, 0, 1]);
    send_as(&format!("in{vni}"), macs(leaf, vni), gateway)
}

fn macs(leaf: &str, vni: u32) -> impl Iterator<Item = Mac> {
    let [.., leaf] = vtep(leaf).octets();
    let [.., vni] = vni.to_be_bytes();
    (0..MACS).map(move |number| {
        let [high, low] = number.to_be_bytes();
        Mac([2, 0x0b, leaf, vni, high, low])
    })
}

/// Waits until `node` has exactly the MACs of `others` as remote, in every VNI, each behind its leaf.
fn wait_for_macs(node: &Node, others: &[&str]) -> Result<()> {
    for vni in VNIS {
        let mut expected: Vec<_> = others
            .iter()
            .flat_map(|leaf| macs(leaf, vni).map(|mac| (mac, IpAddr::from(vtep(leaf)))))
            .collect();
        expected.sort();
        wait_until(CONVERGE, &format!("MACs of {others:?} in VNI {vni} on {}", node.name()), || {
            let fdb = node.netns().run(|| netlink::fdb(&format!("vxlan{vni}")))??;
            let remote = fdb.iter().filter(|row| row.mac.0.starts_with(&[2, 0x0b]));
            let in_bridge = remote.clone().filter(|row| row.master.is_some()).count();
            let in_tunnel: Vec<_> = remote.filter_map(|row| row.dst.map(|dst| (row.mac, dst))).collect();
            ensure!(
                in_tunnel == expected && in_bridge == expected.len(),
                "{in_bridge} and {} rows",
                in_tunnel.len()
            );
            Ok(())
        })?;
    }
    Ok(())
}
