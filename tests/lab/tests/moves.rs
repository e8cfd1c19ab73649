//! tests/three-leaves: MACs that move while things are not as they should be, and virtual ones that flip. Two linnet
//! leaves, an FRR leaf, linnet or FRR as the reflector; what each kernel has is looked at.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod fabric;

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bgp::types::Mac;
use fabric::{CONVERGE, Host, host, vtep};
use lab::packet::{announce_as, send_as};
use lab::{Daemon, Lab, Node, Topology, netlink, skip_if, wait_until};

const TOPOLOGY: &str = "tests/lab/tests/three-leaves/three-leaves.clab.yml";
const LEAVES: [&str; 3] = ["leaf1", "leaf2", "leaf3"];
/// A VRRP router's MAC (RFC 9568 section 7.3), and its address.
const VIRTUAL: (Mac, Ipv4Addr) = (Mac([0, 0, 0x5e, 0, 1, 7]), Ipv4Addr::new(192, 168, 1, 254));
const BROADCAST: Mac = Mac([0xff; 6]);

/// The VTEPs that a leaf's VXLAN device of VNI 100 sends frames for a MAC to.
fn behind(node: &Node, mac: Mac) -> Result<Vec<IpAddr>> {
    let fdb = node.netns().run(|| netlink::fdb("vxlan100"))??;
    Ok(fdb.iter().filter(|row| row.mac == mac).filter_map(|row| row.dst).collect())
}

/// Waits until the MAC is behind `leaf` in the kernel of every leaf, and behind nobody in that of its own.
fn wait_until_behind(lab: &Lab, mac: Mac, leaf: &str) -> Result<()> {
    for other in LEAVES {
        let expected: Vec<IpAddr> = if other == leaf { vec![] } else { vec![vtep(leaf).into()] };
        // FRR leaves the tunnel's row behind when a MAC comes to it; its bridge does not use it.
        if other == leaf && leaf == "leaf3" {
            continue;
        }
        wait_until(CONVERGE, &format!("{mac} behind {leaf} on {other}"), || {
            let found = behind(lab.node(other)?, mac)?;
            ensure!(found == expected, "{found:?}");
            Ok(())
        })
        .with_context(|| lab.node(other).map(Node::log).unwrap_or_default())?;
    }
    Ok(())
}

/// Has a host broadcast a frame of a MAC.
fn send(lab: &Lab, host: &str, mac: Mac) -> Result<()> {
    lab.node(host)?.netns().run(|| send_as("eth1", [mac], BROADCAST))??;
    Ok(())
}

/// What linnet shows of a MAC of VNI 100.
fn shown(node: &Node, mac: Mac) -> Result<serde_json::Value> {
    let rows = node.linnet(&format!("evpn mac --vni 100 --mac {mac}"))?;
    Ok(rows[0].clone())
}

/// The fabric with FRR as its reflector.
fn reflected_by_frr() -> Result<Topology> {
    let mut topology = fabric::topology(TOPOLOGY)?;
    let daemons = topology.nodes.get("leaf3").map(|leaf| leaf.binds.clone()).context("no leaf3")?;
    let rr = topology.nodes.get_mut("rr").context("no rr")?;
    rr.daemon = Some(Daemon::Frr);
    for (path, source) in daemons {
        let own = source.to_string_lossy().replace("leaf3/frr.conf", "rr/frr.conf");
        rr.binds.insert(path, own.into());
    }
    Ok(topology)
}

#[test]
fn a_host_moves_and_back_while_its_old_leaf_is_cut_off() -> Result<()> {
    moves_and_back_while_cut_off(&fabric::topology(TOPOLOGY)?, |sequence, moves| sequence == moves)
}

/// FRR lets go of routes as soon as it sees that it has lost the way to their next hop. Where that was before the host
/// spoke there is no claim to outbid.
#[test]
fn a_host_moves_and_back_by_way_of_frr() -> Result<()> {
    moves_and_back_while_cut_off(&reflected_by_frr()?, |sequence, moves| sequence <= moves)
}

/// Its old leaf cannot be told, and nobody hears from it: its route stands everywhere when the host is elsewhere, and
/// when the leaf is back it still has the row that it learnt.
fn moves_and_back_while_cut_off(topology: &Topology, is_right: fn(u64, u64) -> bool) -> Result<()> {
    skip_if!(topology.missing());
    let lab = Lab::up(topology)?;
    let pod = host("host1", "leaf1", 11);
    fabric::introduce(&lab, pod)?;
    assert_eq!(fabric::wait_until_frr_has_mac(lab.node("leaf3")?, pod)?, 0);
    fabric::wait_until_known(lab.node("leaf2")?, pod)?;

    cut(&lab, 1)?;
    let (pod, left) = fabric::appear(&lab, pod, "leaf2", ["eth1", "eth2"])?;
    let sequence = fabric::wait_until_frr_has_mac(lab.node("leaf3")?, pod)?;
    fabric::wait_until_frr_has_neighbor(lab.node("leaf3")?, pod)?;
    println!("behind leaf2 for FRR, address and all, {:?} after it spoke there", left.elapsed());
    assert!(is_right(sequence, 1), "{sequence}: above the route of the leaf that is cut off");
    assert_eq!(shown(lab.node("leaf1")?, pod.mac)?["type"], "local", "who is cut off does not know");
    mend(&lab, 1)?;
    wait_until_behind(&lab, pod.mac, "leaf2")?;
    assert_eq!(shown(lab.node("leaf1")?, pod.mac)?["vtep"], "10.0.0.2");

    // And back, with the other one cut off.
    cut(&lab, 2)?;
    lab.node("host1")?.netns().run(|| netlink::Link::named("eth1")?.delete())??;
    let (pod, _) = fabric::appear(&lab, pod, "leaf1", ["eth2", "eth1"])?;
    let sequence = fabric::wait_until_frr_has_mac(lab.node("leaf3")?, pod)?;
    assert!(is_right(sequence, 2), "{sequence}: above the route of the leaf that is cut off");
    mend(&lab, 2)?;
    wait_until_behind(&lab, pod.mac, "leaf1")
}

/// The reflector keeps the routes of a leaf whose daemon was killed, and its kernel what it had learnt: neither holds
/// the host back, and the leaf that comes back does not claim it again.
#[test]
fn a_host_moves_while_its_old_leaf_restarts() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let mut lab = Lab::up(&topology)?;
    let pod = host("host1", "leaf1", 11);
    fabric::introduce(&lab, pod)?;
    assert_eq!(fabric::wait_until_frr_has_mac(lab.node("leaf3")?, pod)?, 0);
    fabric::wait_until_known(lab.node("leaf2")?, pod)?;

    lab.node_mut("leaf1")?.kill_daemon()?;
    wait_until(CONVERGE, "stale routes of leaf1", || {
        let rib = lab.node("rr")?.linnet("rib -a evpn --neighbor 10.1.1.1")?;
        let paths = rib.as_array().map(Vec::as_slice).unwrap_or_default();
        ensure!(!paths.is_empty() && paths.iter().all(|path| path["stale"] == true), "{rib:#}");
        Ok(())
    })?;
    let (pod, left) = fabric::appear(&lab, pod, "leaf2", ["eth1", "eth2"])?;
    assert_eq!(fabric::wait_until_frr_has_mac(lab.node("leaf3")?, pod)?, 1);
    fabric::wait_until_frr_has_neighbor(lab.node("leaf3")?, pod)?;
    println!("behind leaf2 for FRR, address and all, {:?} after it spoke there", left.elapsed());

    let leaf = lab.node_mut("leaf1")?;
    leaf.recover_daemon()?;
    leaf.wait_until_ready()?;
    wait_until_behind(&lab, pod.mac, "leaf2")?;
    wait_until(CONVERGE, "end of stale routes", || {
        let rib = lab.node("rr")?.linnet("rib -a evpn --neighbor 10.1.1.1")?;
        let paths = rib.as_array().map(Vec::as_slice).unwrap_or_default();
        let its = paths.iter().filter(|path| path["mac"] == pod.mac.to_string());
        ensure!(paths.iter().all(|path| path["stale"] == false) && its.count() == 0, "{rib:#}");
        Ok(())
    })?;
    assert_eq!(fabric::wait_until_frr_has_mac(lab.node("leaf3")?, pod)?, 1);
    wait_until_behind(&lab, pod.mac, "leaf2")
}

/// Cuts leaf N's cable at the reflector's end.
fn cut(lab: &Lab, leaf: u8) -> Result<()> {
    lab.node("rr")?.sh(&format!("ip link set eth{leaf} down")).map(drop)
}

fn mend(lab: &Lab, leaf: u8) -> Result<()> {
    let line = format!("ip link set eth{leaf} up && ip route replace 10.0.0.{leaf}/32 via 10.1.{leaf}.1");
    lab.node("rr")?.sh(&line).map(drop)
}

/// What a router that takes over says: its virtual MAC and address are here now.
fn take_over(lab: &Lab, router: Host) -> Result<()> {
    let (mac, ip) = VIRTUAL;
    lab.node(router.node)?.netns().run(|| announce_as("eth1", mac, ip))??;
    Ok(())
}

/// Flips the virtual MAC between two routers so often; how long it took each time until it was there in all kernels.
fn flip(lab: &Lab, [one, other]: [Host; 2], times: usize) -> Result<Vec<Duration>> {
    let routers = [other, one].into_iter().cycle().take(times);
    routers
        .map(|router| {
            let began = Instant::now();
            take_over(lab, router)?;
            wait_until_behind(lab, VIRTUAL.0, router.leaf)?;
            Ok(began.elapsed())
        })
        .collect()
}

#[test]
fn a_virtual_mac_flips_twenty_times_and_is_followed() -> Result<()> {
    flips_and_is_followed(&fabric::topology(TOPOLOGY)?)
}

#[test]
fn a_virtual_mac_flips_twenty_times_by_way_of_frr() -> Result<()> {
    flips_and_is_followed(&reflected_by_frr()?)
}

/// Two routers behind two leaves take a virtual MAC from each other: it is named, and followed each time.
fn flips_and_is_followed(topology: &Topology) -> Result<()> {
    skip_if!(topology.missing());
    let lab = Lab::up(topology)?;
    let routers = [host("host1", "leaf1", 11), host("host2", "leaf2", 21)];
    routers.into_iter().try_for_each(|router| fabric::introduce(&lab, router))?;
    take_over(&lab, routers[0])?;
    wait_until_behind(&lab, VIRTUAL.0, "leaf1")?;
    let took = flip(&lab, routers, 20)?;
    println!("20 flips, the longest took {:?}, all: {took:?}", took.iter().max());

    for leaf in ["leaf1", "leaf2"] {
        let duplicates = lab.node(leaf)?.linnet("evpn duplicates")?;
        let row = &duplicates[0];
        assert_eq!(row["mac"], VIRTUAL.0.to_string(), "{duplicates:#}");
        assert!(row["frozen"] == false && row["moves"].as_u64() >= Some(5), "{duplicates:#}");
    }
    // FRR, which is none of the two, followed as well.
    let macs = lab.node("leaf3")?.vtysh_json("show evpn mac vni all json")?;
    let mac = &macs["100"]["macs"][VIRTUAL.0.to_string()];
    assert_eq!((&mac["remoteVtep"], &mac["remoteSequence"]), (&"10.0.0.1".into(), &20.into()), "{macs:#}");
    Ok(())
}

/// The same where duplicates are frozen: it is out of place for as long as they take to recover, and no longer.
#[test]
fn a_virtual_mac_that_flips_is_not_frozen_for_good() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let routers = [host("host1", "leaf1", 11), host("host2", "leaf2", 21)];
    for leaf in ["leaf1", "leaf2"] {
        let freeze = "duplicates: { moves: 3, action: freeze, recovery: 2 }";
        fabric::reconfigure_evpn(lab.node(leaf)?, &[freeze])?;
    }
    routers.into_iter().try_for_each(|router| fabric::introduce(&lab, router))?;
    take_over(&lab, routers[0])?;
    wait_until_behind(&lab, VIRTUAL.0, "leaf1")?;
    flip(&lab, routers, 2)?;
    for (times, router) in [routers[1], routers[0]].into_iter().cycle().take(6).enumerate() {
        // A router that is master says so every second (RFC 9568 section 5.2.7).
        let (began, mut said) = (Instant::now(), Instant::now());
        take_over(&lab, router)?;
        let other = if router.leaf == "leaf1" { "leaf2" } else { "leaf1" };
        wait_until(CONVERGE, &format!("virtual MAC at {}", router.leaf), || {
            if said.elapsed() > Duration::from_millis(200) {
                take_over(&lab, router)?;
                said = Instant::now();
            }
            let found = behind(lab.node(other)?, VIRTUAL.0)?;
            ensure!(found == [IpAddr::from(router.vtep)], "{found:?}");
            Ok(())
        })?;
        println!("flip {times}: at {} after {:?}", router.leaf, began.elapsed());
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
    let logs = [lab.node("leaf1")?.log(), lab.node("leaf2")?.log()];
    assert!(logs.iter().any(|log| log.contains("Frozen")), "nothing was frozen: {logs:#?}");
    Ok(())
}

/// RFC 7432 section 15.2: nobody takes it, whatever he sends, and everybody is shown why.
#[test]
fn a_sticky_mac_is_nobody_elses() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let mac = Mac([2, 0, 0, 0, 0, 0x77]);
    lab.node("leaf1")?.sh(&format!("bridge fdb add {mac} dev eth2 master static sticky"))?;
    wait_until_behind(&lab, mac, "leaf1")?;
    for (host, leaf) in [("host2", "leaf2"), ("host3", "leaf3")] {
        (0..20).try_for_each(|_| send(&lab, host, mac))?;
        println!("{host} behind {leaf} has sent 20 frames of it");
    }
    // When the frames of another host have arrived, those did before.
    let marker = host("host2", "leaf2", 21);
    fabric::introduce(&lab, marker)?;
    fabric::wait_until_known(lab.node("leaf1")?, marker)?;
    wait_until_behind(&lab, mac, "leaf1")?;
    let row = shown(lab.node("leaf2")?, mac)?;
    assert_eq!((&row["sticky"], &row["vtep"]), (&true.into(), &"10.0.0.1".into()), "{row:#}");
    let frr = lab.node("leaf3")?.vtysh(&format!("show evpn mac vni 100 mac {mac}"))?;
    assert!(frr.contains("Remote VTEP: 10.0.0.1") && frr.contains("Sticky"), "{frr}");
    Ok(())
}

/// A frame of the host takes over the bridge's row; the kernel leaves that of the VXLAN device where it was, and it
/// would be used again as soon as the bridge forgot the host.
#[test]
fn a_host_that_comes_here_leaves_no_row_in_the_tunnel() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let mac = Mac([2, 0, 0, 0, 0, 0x78]);
    send(&lab, "host3", mac)?;
    wait_until_behind(&lab, mac, "leaf3")?;
    let before = lab.node("leaf1")?.sh(&format!("bridge fdb show dev vxlan100 | grep {mac}"))?;
    assert!(before.contains("dst 10.0.0.3 self"), "{before}");
    send(&lab, "host1", mac)?;
    wait_until(CONVERGE, "bridge fdb without the tunnel's row", || {
        let rows = lab.node("leaf1")?.sh(&format!("bridge fdb show br br100 | grep {mac}"))?;
        let [row] = rows.lines().collect::<Vec<_>>()[..] else { anyhow::bail!("{rows}") };
        ensure!(row.contains("dev eth2 master br100"), "{rows}");
        Ok(())
    })?;
    wait_until_behind(&lab, mac, "leaf1")
}
