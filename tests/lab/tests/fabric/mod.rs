//! What the lab tests look at in a fabric: two leaves behind a reflector, hosts in VNI 100.
//!
//! Shared by the tests, whichever daemon runs on a leaf.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::indexing_slicing,
    reason = "JSON values index to null, and a missing octet is a test's failure"
)]

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bgp::types::Mac;
use ipnet::IpNet;
use lab::netlink::{self, FdbRow, Link, NeighborRow};
use lab::packet::{ArpKind, Capture, Inner, Payload, Pinger, announce, ping, send_arp};
use lab::{Daemon, Lab, Node, Recording, Topology, cable, wait_until};

/// How long routes may take from one kernel to another; generous, for machines under load.
pub(crate) const CONVERGE: Duration = Duration::from_secs(30);
/// The address that every leaf has on its bridge in VNI 100.
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);
/// The reach of a test that shows what does NOT happen: long enough for a flooded packet to cross.
pub(crate) const QUIET: Duration = Duration::from_millis(300);

/// A host behind a leaf in VNI 100.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host {
    pub(crate) node: &'static str,
    pub(crate) leaf: &'static str,
    pub(crate) ip: Ipv4Addr,
    pub(crate) mac: Mac,
    /// The tunnel address of its leaf.
    pub(crate) vtep: Ipv4Addr,
}

/// The host of VNI 100 that the topologies call `node`, behind `leaf`, at 192.168.1.`last_octet`.
pub(crate) fn host(node: &'static str, leaf: &'static str, last_octet: u8) -> Host {
    let vtep = vtep(leaf);
    // The last octet in decimal stands in the MAC as it is read.
    let mac = Mac([2, 0, 0, 0, 0, u8::from_str_radix(&last_octet.to_string(), 16).unwrap_or_default()]);
    Host { node, leaf, ip: Ipv4Addr::new(192, 168, 1, last_octet), mac, vtep }
}

/// The tunnel address of a leaf: leafN has 10.0.0.N.
pub(crate) fn vtep(leaf: &str) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, leaf.trim_start_matches("leaf").parse().unwrap_or_default())
}

/// A topology of the project, by its path below the repository's root.
pub(crate) fn topology(path: &str) -> Result<Topology> {
    Topology::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path))
}

/// Has a host ask for the gateway, as a pod does when it starts: its leaf learns MAC and address from it.
pub(crate) fn introduce(lab: &Lab, host: Host) -> Result<()> {
    let netns = lab.node(host.node)?.netns();
    netns.run(|| send_arp("eth1", ArpKind::Request, host.ip, GATEWAY))??;
    Ok(())
}

/// Has both hosts ask for the gateway, and waits until each is known to the leaf of the other one.
pub(crate) fn introduce_both(lab: &Lab, [one, other]: [Host; 2]) -> Result<()> {
    introduce(lab, one)?;
    introduce(lab, other)?;
    wait_until_known(lab.node(one.leaf)?, other)?;
    wait_until_known(lab.node(other.leaf)?, one)
}

/// Waits until `host` is known in the kernel of `node`: both forwarding rows and the neighbour.
pub(crate) fn wait_until_known(node: &Node, host: Host) -> Result<()> {
    wait_until(CONVERGE, &format!("{} in the kernel of {}", host.node, node.name()), || {
        let rows = remote_rows(node, host)?;
        ensure!(rows.len() == 3, "only {rows:#?}");
        Ok(())
    })
    .with_context(|| account_of(node))
}

/// What a node has to say for itself when it was waited for in vain.
fn account_of(node: &Node) -> String {
    let shows: &[&str] = match node.daemon() {
        Some(Daemon::Linnet) => &["neighbor", "evpn vni", "evpn vtep", "fib diff"],
        _ => &[],
    };
    let shown = shows.iter().map(|words| match node.linnet(words) {
        Ok(rows) => format!("linnet {words}: {rows:#}\n"),
        Err(error) => format!("linnet {words}: {error:#}\n"),
    });
    format!("on {}:\n{}{}", node.name(), node.log(), shown.collect::<String>())
}

/// Waits until nothing of `host` is left as remote in the kernel of `node`.
pub(crate) fn wait_until_forgotten(node: &Node, host: Host) -> Result<()> {
    wait_until(CONVERGE, &format!("end of {} in the kernel of {}", host.node, node.name()), || {
        let rows = remote_rows(node, host)?;
        ensure!(rows.is_empty(), "still {rows:#?}");
        Ok(())
    })
}

/// The rows for a remote host, as `bridge fdb` and `ip neigh` print them.
pub(crate) fn remote_rows(node: &Node, host: Host) -> Result<Vec<String>> {
    let (fdb, neighbors) = tables(node, 100)?;
    let fdb = fdb.iter().filter(|row| row.mac == host.mac).map(FdbRow::to_string);
    let neighbors = neighbors.iter().filter(|row| row.ip == IpAddr::from(host.ip) && row.extern_learn);
    Ok(fdb.chain(neighbors.map(NeighborRow::to_string)).collect())
}

/// The VXLAN device's forwarding rows and the bridge's neighbours.
pub(crate) fn tables(node: &Node, vni: u32) -> Result<(Vec<FdbRow>, Vec<NeighborRow>)> {
    let both = || Ok((netlink::fdb(&format!("vxlan{vni}"))?, netlink::neighbors(&format!("br{vni}"))?));
    Ok(node.netns().run(both)?.map_err(|error: std::io::Error| error)?)
}

/// Begins to note what the kernel of `node` says of forwarding rows and neighbours.
pub(crate) fn record_rows(node: &Node) -> Result<Recording> {
    let recording = node.record("rows", &["ip", "-N", "-o", "monitor", "neigh"])?;
    // It has begun when it tells of something that happened since.
    wait_until(CONVERGE, "word of a neighbour", || {
        node.sh("ip neigh replace 10.255.255.255 lladdr 02:00:00:ff:ff:ff dev eth1 nud permanent")?;
        node.sh("ip neigh del 10.255.255.255 dev eth1")?;
        ensure!(recording.text()?.contains("10.255.255.255"), "nothing");
        Ok(())
    })?;
    Ok(recording)
}

/// What linnetd has taken out of a kernel since [`record_rows`].
pub(crate) fn removed(recording: &Recording) -> Result<Vec<String>> {
    let is_ours = |line: &&str| line.contains("extern_learn") || line.contains("proto 108");
    let text = recording.text()?;
    Ok(text
        .lines()
        .filter(|line| line.starts_with("Deleted"))
        .filter(is_ours)
        .map(ToOwned::to_owned)
        .collect())
}

/// Waits until `node` floods VNI `vni` to exactly `vteps`.
pub(crate) fn wait_for_flood_list(node: &Node, vni: u32, vteps: &[Ipv4Addr]) -> Result<()> {
    let vteps: Vec<IpAddr> = vteps.iter().copied().map(IpAddr::from).collect();
    wait_until(CONVERGE, &format!("flood list of {vni} on {}", node.name()), || {
        let list = node.netns().run(|| netlink::flood_list(&format!("vxlan{vni}")))??;
        ensure!(list == vteps, "{list:?} instead of {vteps:?}");
        Ok(())
    })
    .with_context(|| account_of(node))
}

/// Gives a linnet node more lines below `evpn` in its configuration, in place of those that it was given so before, and
/// has it take them.
pub(crate) fn reconfigure_evpn(node: &Node, lines: &[&str]) -> Result<()> {
    let file = node.file("/etc/linnet/linnet.yaml")?;
    let text = node.output(&["cat", &file])?;
    let (own, _) = text.split_once(MORE).unwrap_or((&text, ""));
    let more: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    node.write_file(Path::new("/etc/linnet/linnet.yaml"), format!("{own}{MORE}{more}").as_bytes())?;
    node.linnet("config reload").map(drop)
}

/// Stands before the lines that a test adds.
const MORE: &str = "  # more\n";

/// Moves a host to another leaf, its old cable cut first: it is nowhere for a while, as a pod that is unplugged.
/// Returns when it sent its first frame there.
pub(crate) fn move_host(lab: &Lab, host: Host, leaf: &'static str) -> Result<(Host, Instant)> {
    lab.node(host.node)?.netns().run(|| Link::named("eth1")?.delete())??;
    plug(lab, host, leaf, "eth1", host.node)?;
    arrive(lab, host, leaf, "eth1")
}

/// Moves a host to another leaf where it speaks before its old cable is cut, as a virtual machine that is migrated:
/// the new leaf takes over what the old one still claims. Its interface changes from `from` to `to`, and so does
/// the port on the leaf.
pub(crate) fn migrate_host(
    lab: &Lab,
    host: Host,
    leaf: &'static str,
    [from, to]: [&str; 2],
) -> Result<(Host, Instant)> {
    let moved = appear(lab, host, leaf, [from, to])?;
    wait_until_known(lab.node(host.leaf)?, moved.0)?;
    lab.node(host.node)?.netns().run(|| Link::named(from)?.delete())??;
    Ok(moved)
}

/// The first half of [`migrate_host`]: it speaks at its new place, and its old leaf is left with what it learnt.
pub(crate) fn appear(
    lab: &Lab,
    host: Host,
    leaf: &'static str,
    [from, to]: [&str; 2],
) -> Result<(Host, Instant)> {
    plug(lab, host, leaf, to, &format!("{}{to}", host.node))?;
    // The old interface is to say nothing more, and its leaf not to notice anything.
    lab.node(host.node)?.sh(&format!("ip link set {from} arp off && ip addr flush dev {from}"))?;
    arrive(lab, host, leaf, to)
}

/// Lays a cable from a host's interface `device` to a port of a leaf's bridge.
fn plug(lab: &Lab, host: Host, leaf: &str, device: &str, port: &str) -> Result<()> {
    let (netns, leaf) = (lab.node(host.node)?.netns(), lab.node(leaf)?.netns());
    cable((leaf, port), (netns, device))?;
    leaf.run(|| Link::named(port)?.set_master(&Link::named("br100")?))??;
    Ok(())
}

/// Gives a host's interface its MAC and address and announces it, as a pod does that was moved with its addresses.
fn arrive(lab: &Lab, host: Host, leaf: &'static str, device: &str) -> Result<(Host, Instant)> {
    let address = IpNet::new(host.ip.into(), 24)?;
    let arrived = lab.node(host.node)?.netns().run(|| {
        let link = Link::named(device)?;
        link.set_mtu(1450)?;
        link.set_mac(host.mac)?;
        link.add_address(address)?;
        let arrived = Instant::now();
        announce(device, host.ip)?;
        send_arp(device, ArpKind::Request, host.ip, GATEWAY)?;
        Ok::<_, std::io::Error>(arrived)
    })??;
    let [.., last_octet] = host.ip.octets();
    Ok((self::host(host.node, leaf, last_octet), arrived))
}

/// Waits until FRR on `node` has `host` as a remote MAC, and says with which sequence number.
pub(crate) fn wait_until_frr_has_mac(node: &Node, host: Host) -> Result<u64> {
    wait_until(CONVERGE, &format!("MAC of {} in FRR on {}", host.node, node.name()), || {
        let macs = node.vtysh_json("show evpn mac vni all json")?;
        let mac = &macs["100"]["macs"][host.mac.to_string()];
        ensure!(mac["type"] == "remote" && mac["remoteVtep"] == host.vtep.to_string(), "{macs:#}");
        Ok(mac["remoteSequence"].as_u64().unwrap_or_default())
    })
}

/// Waits until FRR on `node` has `host` as a remote neighbour.
pub(crate) fn wait_until_frr_has_neighbor(node: &Node, host: Host) -> Result<()> {
    wait_until(CONVERGE, &format!("neighbour {} in FRR on {}", host.node, node.name()), || {
        let neighbors = node.vtysh_json("show evpn arp-cache vni all json")?;
        let neighbor = &neighbors["100"][host.ip.to_string()];
        ensure!(neighbor["type"] == "remote" && neighbor["mac"] == host.mac.to_string(), "{neighbors:#}");
        ensure!(neighbor["remoteVtep"] == host.vtep.to_string(), "{neighbors:#}");
        Ok(())
    })
}

/// Waits until a pinger has an answer to a packet sent since `since`.
pub(crate) fn wait_for_answer(pinger: &Pinger, since: Instant) -> Result<Instant> {
    wait_until(CONVERGE, "answer", || pinger.so_far().answered_since(since).ok_or("none"))
}

/// Counts the ARP requests for `target` that a capture saw go into the tunnel to `vtep`.
pub(crate) fn asked_through(capture: &Capture, target: Ipv4Addr, vtep: Ipv4Addr) -> Result<usize> {
    let such = |inner: &Inner| {
        let asks =
            matches!(&inner.frame.payload, Payload::ArpRequest { target: asked, .. } if *asked == target);
        asks && inner.to == IpAddr::from(vtep)
    };
    Ok(capture.count(|frame| frame.inner().is_some_and(such))?)
}

/// Every ping of ten from `from` to `to` is answered.
pub(crate) fn assert_pings(lab: &Lab, from: Host, to: Host) -> Result<()> {
    let ping = ping(lab.node(from.node)?.netns(), to.ip, 10)?;
    assert_eq!(ping.lost(), [0; 0], "{} to {}", from.node, to.node);
    Ok(())
}
