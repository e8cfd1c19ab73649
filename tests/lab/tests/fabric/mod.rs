//! What the lab tests look at in a fabric: two leaves behind a reflector, hosts in VNI 100.
//!
//! Shared by the tests, whichever daemon runs on a leaf.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use lab::netlink::{self, FdbRow, NeighborRow};
use lab::packet::{ArpKind, ping, send_arp};
use lab::{Lab, Node, Topology, wait_until};

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
    pub(crate) mac: &'static str,
    /// The tunnel address of its leaf.
    pub(crate) vtep: Ipv4Addr,
}

pub(crate) fn host(node: &'static str, leaf: &'static str, last_octet: u8) -> Host {
    let vtep = Ipv4Addr::new(10, 0, 0, if leaf == "leaf1" { 1 } else { 2 });
    let mac = if last_octet == 11 { "02:00:00:00:00:11" } else { "02:00:00:00:00:21" };
    Host { node, leaf, ip: Ipv4Addr::new(192, 168, 1, last_octet), mac, vtep }
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

/// Waits until `host` is known in the kernel of `node`: both forwarding rows and the neighbour.
pub(crate) fn wait_until_known(node: &Node, host: Host) -> Result<()> {
    wait_until(CONVERGE, &format!("{} in the kernel of {}", host.node, node.name()), || {
        let rows = remote_rows(node, host)?;
        ensure!(rows.len() == 3, "only {rows:#?}");
        Ok(())
    })
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
    let fdb = fdb.iter().filter(|row| row.mac.to_string() == host.mac).map(FdbRow::to_string);
    let neighbors = neighbors.iter().filter(|row| row.ip == IpAddr::from(host.ip) && row.extern_learn);
    Ok(fdb.chain(neighbors.map(NeighborRow::to_string)).collect())
}

/// The VXLAN device's forwarding rows and the bridge's neighbours.
pub(crate) fn tables(node: &Node, vni: u32) -> Result<(Vec<FdbRow>, Vec<NeighborRow>)> {
    let both = || Ok((netlink::fdb(&format!("vxlan{vni}"))?, netlink::neighbors(&format!("br{vni}"))?));
    Ok(node.netns().run(both)?.map_err(|error: std::io::Error| error)?)
}

/// Waits until `node` floods VNI `vni` to exactly `vteps`.
pub(crate) fn wait_for_flood_list(node: &Node, vni: u32, vteps: &[Ipv4Addr]) -> Result<()> {
    let vteps: Vec<IpAddr> = vteps.iter().copied().map(IpAddr::from).collect();
    wait_until(CONVERGE, &format!("flood list of {vni} on {}", node.name()), || {
        let list = node.netns().run(|| netlink::flood_list(&format!("vxlan{vni}")))??;
        ensure!(list == vteps, "{list:?} instead of {vteps:?}");
        Ok(())
    })
}

/// Every ping of ten from `from` to `to` is answered.
pub(crate) fn assert_pings(lab: &Lab, from: Host, to: Host) -> Result<()> {
    let ping = ping(lab.node(from.node)?.netns(), to.ip, 10)?;
    assert_eq!(ping.lost(), [0; 0], "{} to {}", from.node, to.node);
    Ok(())
}
