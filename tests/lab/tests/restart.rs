//! Daemons that are killed in the middle of it and come back.

mod fabric;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bgp::types::Mac;
use fabric::{CONVERGE, host};
use lab::packet::{Capture, Frame, Payload, Pinger, send_as};
use lab::{Lab, Node, netlink, skip_if, wait_until};

/// A MAC behind leaf2 that goes while leaf1 does not listen.
const FLEETING: Mac = Mac([2, 0, 0, 0, 0, 0x77]);

fn fleeting_rows(leaf: &Node) -> Result<Vec<String>> {
    let rows = leaf.netns().run(|| netlink::fdb("vxlan100"))??;
    Ok(rows.iter().filter(|row| row.mac == FLEETING).map(ToString::to_string).collect())
}

/// linnetd is killed with no chance to clean up. What it wrote goes on forwarding; when it is back, what is still
/// right is left untouched, and what is not goes as soon as its neighbours have said all they know.
#[test]
fn the_kernel_forwards_while_linnetd_is_dead_and_stale_rows_go_when_it_is_back() -> Result<()> {
    let topology = fabric::topology("containerlab/evpn-mixed/evpn-mixed.clab.yml")?;
    skip_if!(topology.missing());
    let mut lab = Lab::up(&topology)?;
    let (host1, host2) = (host("host1", "leaf1", 11), host("host2", "leaf2", 21));
    fabric::introduce_both(&lab, [host1, host2])?;
    lab.node("host2")?.netns().run(|| send_as("eth1", [FLEETING], Mac([2, 0, 0, 1, 0, 1])))??;
    wait_until(CONVERGE, "MAC behind leaf2", || {
        let rows = fleeting_rows(lab.node("leaf1")?)?;
        ensure!(rows.len() == 2, "{rows:#?}");
        Ok(())
    })?;

    let arrivals = Capture::start(lab.node("host2")?.netns(), "eth1")?;
    let pinger = Pinger::start(lab.node("host1")?.netns(), host2.ip, Duration::from_millis(5));
    fabric::wait_for_answer(&pinger, Instant::now())?;
    let flood_list = |lab: &Lab| {
        Ok::<_, anyhow::Error>(lab.node("leaf1")?.netns().run(|| netlink::flood_list("vxlan100"))??)
    };
    let (rows, floods) = (fabric::remote_rows(lab.node("leaf1")?, host2)?, flood_list(&lab)?);

    lab.node_mut("leaf1")?.kill_daemon()?;
    std::thread::sleep(fabric::QUIET);
    assert_eq!(fabric::remote_rows(lab.node("leaf2")?, host1)?.len(), 3, "the reflector waits for leaf1");
    lab.node("leaf2")?.sh(&format!("bridge fdb del {FLEETING} dev eth2 master"))?;
    wait_until(CONVERGE, "end of the MAC in FRR", || {
        let macs = lab.node("leaf2")?.vtysh("show evpn mac vni 100")?;
        ensure!(!macs.contains(&FLEETING.to_string()), "{macs}");
        Ok(())
    })?;
    assert_eq!(fabric::remote_rows(lab.node("leaf1")?, host2)?, rows, "while linnetd is dead");
    assert_eq!(flood_list(&lab)?, floods);
    assert_eq!(fleeting_rows(lab.node("leaf1")?)?.len(), 2);

    lab.node_mut("leaf1")?.start_daemon()?;
    lab.node("leaf1")?.wait_until_ready()?;
    wait_until(CONVERGE, "end of the stale rows", || {
        let left = fleeting_rows(lab.node("leaf1")?)?;
        ensure!(left.is_empty(), "{left:#?}");
        Ok(())
    })?;
    assert_eq!(fabric::remote_rows(lab.node("leaf1")?, host2)?, rows, "after the sweep");
    assert_eq!(flood_list(&lab)?, floods);
    fabric::wait_until_known(lab.node("leaf2")?, host1)?;
    fabric::wait_for_answer(&pinger, Instant::now())?;

    // Nothing was lost, not one packet, neither from leaf1 nor on the way back.
    let pings = pinger.stop()?;
    assert_eq!(pings.lost(), [0; 0], "of {} pings", pings.received());
    let sent = pings.replies.len();
    let arrived = arrivals.count(|frame| is_from(frame, host1.ip))?;
    assert_eq!(arrived, sent, "echo requests from host1 that arrived");
    let status = lab.node("leaf1")?.linnet("status")?;
    assert_eq!(status["fib"]["errors"], 0, "{status:#}");
    Ok(())
}

fn is_from(frame: &Frame, source: std::net::Ipv4Addr) -> bool {
    matches!(frame.payload, Payload::Icmp { source: from, .. } if from == source)
}

/// While the reflector is gone nobody speaks for anybody; when it is back all is as it was.
#[test]
fn a_reflector_that_is_killed_and_started_gives_everything_back() -> Result<()> {
    let topology = fabric::topology("containerlab/evpn-frr-reflector/evpn-frr-reflector.clab.yml")?;
    skip_if!(topology.missing());
    let mut lab = Lab::up(&topology)?;
    let (host11, host21) = (host("host11", "leaf1", 11), host("host21", "leaf2", 21));
    fabric::introduce_both(&lab, [host11, host21])?;

    lab.node_mut("rr")?.kill_daemon()?;
    fabric::wait_until_forgotten(lab.node("leaf1")?, host21)?;
    fabric::wait_for_flood_list(lab.node("leaf2")?, 100, &[])?;
    lab.node_mut("rr")?.start_daemon()?;
    fabric::wait_until_known(lab.node("leaf1")?, host21)?;
    fabric::wait_until_known(lab.node("leaf2")?, host11)?;
    fabric::assert_pings(&lab, host11, host21)
}
