//! A linnetd with VNI 100, and speakers by hand around it: each neighbour is an address of one namespace outside.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::indexing_slicing, reason = "JSON values index to null")]

pub(crate) mod bystander;

use std::fmt::Write;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bgp::types::Mac;
use ipnet::{IpNet, Ipv4Net};
use lab::netlink::{self, Link, Vxlan};
use lab::speaker::Speaker;
use lab::speaker::octets::MacIp;
pub(crate) use lab::speaker::octets::Open;
use lab::{Daemon, Netns, Node, NodeSpec, Nursery, cable, daemon, privilege, wait_until};
use serde_json::Value;

/// How long anything may take; generous, for machines under load.
pub(crate) const BOUND: Duration = Duration::from_secs(30);
/// The AS of all.
pub(crate) const ASN: u32 = 65000;
/// Where linnetd listens.
pub(crate) const LEAF: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 254);

/// Why none of this can run here.
pub(crate) fn missing() -> Option<String> {
    privilege::check()
        .err()
        .map(|reason| reason.to_string())
        .or_else(privilege::missing_features)
        .or_else(|| daemon::missing(Daemon::Linnet))
}

/// linnetd, and the outside.
pub(crate) struct Stage {
    pub(crate) leaf: Node,
    pub(crate) outside: Netns,
}

/// The address of neighbour `number`, from 1.
pub(crate) fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 1, 0, number)
}

/// The OPEN of neighbour `number`.
pub(crate) fn open(number: u8) -> Open {
    Open { asn: ASN, id: address(number), hold_time: 0 }
}

/// A host behind neighbour `number`.
pub(crate) fn host(number: u8) -> MacIp {
    let ip = Ipv4Addr::new(192, 168, 1, number);
    MacIp {
        vtep: Ipv4Addr::new(10, 9, 0, number),
        mac: Mac([2, 0, 0, 0, 9, number]),
        ip: Some(ip),
        sequence: 0,
    }
}

impl Stage {
    /// Neighbours 1 to `count`, which linnetd waits for.
    pub(crate) fn up(count: u8) -> Result<Stage> {
        Stage::laid(count, "passive: true")?.start()
    }

    /// Neighbours 1 to `count`, each with these settings; linnetd is not started yet.
    pub(crate) fn laid(count: u8, settings: &str) -> Result<Stage> {
        let nursery = Nursery::new()?;
        let spec = NodeSpec { daemon: Some(Daemon::Linnet), ..NodeSpec::default() };
        let (leaf, outside) = (Node::new("leaf", &spec, &nursery)?, Netns::new()?);
        cable((leaf.netns(), "eth1"), (&outside, "eth1"))?;
        leaf.netns().run(|| Link::named("eth1")?.add_address(net(LEAF)?))??;
        outside
            .run(|| (1..=count).try_for_each(|n| Link::named("eth1")?.add_address(net(address(n))?)))??;
        leaf.netns().run(make_vni)??;
        leaf.write_file(Path::new("/etc/linnet/linnet.yaml"), configuration(count, settings).as_bytes())?;
        Ok(Stage { leaf, outside })
    }

    /// Starts linnetd.
    pub(crate) fn start(mut self) -> Result<Stage> {
        self.leaf.start_daemon()?;
        self.leaf.wait_until_ready()?;
        Ok(self)
    }

    /// A connection from neighbour `number`, nothing said.
    pub(crate) fn connect(&self, number: u8) -> Result<Speaker> {
        Ok(Speaker::connect(&self.outside, address(number).into(), LEAF.into())?)
    }

    /// A session with neighbour `number`.
    pub(crate) fn establish(&self, number: u8) -> Result<Speaker> {
        self.establish_with(number, &open(number).body())
    }

    /// A session with neighbour `number` by an OPEN of this body. Tried again while linnetd wants none: after an
    /// error it pauses, and until a neighbour's task has begun, a connection is closed without a word.
    pub(crate) fn establish_with(&self, number: u8, open: &[u8]) -> Result<Speaker> {
        wait_until(BOUND, &format!("session with neighbour {number}"), || {
            let mut speaker = self.connect(number)?;
            speaker.establish_with(open)?;
            anyhow::Ok(speaker)
        })
    }

    /// What linnetd shows of neighbour `number`.
    pub(crate) fn neighbor(&self, number: u8) -> Result<Value> {
        self.leaf.linnet(&format!("neighbor {}", address(number)))
    }

    /// Waits until what linnetd shows of neighbour `number` is such.
    pub(crate) fn wait_for_neighbor(
        &self,
        number: u8,
        what: &str,
        such: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        wait_until(BOUND, &format!("{what} at neighbour {number}"), || {
            let shown = self.neighbor(number)?;
            ensure!(such(&shown), "{shown:#}");
            Ok(shown)
        })
    }

    /// What the kernel has for a host's MAC and address, sorted: as `bridge fdb` and `ip neigh` print it.
    pub(crate) fn rows(&self, host: MacIp) -> Result<Vec<String>> {
        let (fdb, neighbors) =
            self.leaf.netns().run(|| (netlink::fdb("vxlan100"), netlink::neighbors("br100")))?;
        let fdb = fdb?.into_iter().filter(|row| row.mac == host.mac).map(|row| row.to_string());
        let neighbors = neighbors?.into_iter().filter(|row| Some(row.ip) == host.ip.map(IpAddr::from));
        Ok(fdb.chain(neighbors.map(|row| row.to_string())).collect())
    }

    /// Waits until the kernel has exactly what linnetd writes for a remote host.
    pub(crate) fn wait_until_known(&self, host: MacIp) -> Result<()> {
        self.wait_for_rows(host, &golden(host))
    }

    /// Waits until the kernel has nothing of a remote host.
    pub(crate) fn wait_until_forgotten(&self, host: MacIp) -> Result<()> {
        self.wait_for_rows(host, &[])
    }

    /// Waits until the kernel has exactly these rows for a host.
    pub(crate) fn wait_for_rows(&self, host: MacIp, wanted: &[String]) -> Result<()> {
        wait_until(BOUND, &format!("rows of {}", host.mac), || {
            let rows = self.rows(host)?;
            ensure!(rows == wanted, "{rows:#?} instead of {wanted:#?}");
            Ok(())
        })
        .with_context(|| self.leaf.log())
    }
}

/// The rows that linnetd writes for a remote host.
pub(crate) fn golden(host: MacIp) -> Vec<String> {
    let MacIp { vtep, mac, ip, .. } = host;
    let mut rows = vec![
        format!("{mac} dev vxlan100 extern_learn master br100"),
        format!("{mac} dev vxlan100 dst {vtep} self extern_learn permanent"),
    ];
    rows.extend(ip.map(|ip| format!("{ip} dev br100 lladdr {mac} extern_learn NOARP proto 108")));
    rows
}

/// The devices of VNI 100, with an access port.
fn make_vni() -> io::Result<()> {
    let bridge = Link::bridge("br100")?;
    let vxlan = Link::vxlan("vxlan100", Vxlan { vni: 100, local: LEAF, port: 4789 })?;
    vxlan.set_master(&bridge)?;
    vxlan.suppress_neighbors()?;
    bridge.up()?;
    vxlan.up()
}

fn configuration(neighbors: u8, settings: &str) -> String {
    let mut text = format!(
        "bgp:
  asn: {ASN}
  router_id: {LEAF}
  listen: {{ addresses: [{LEAF}] }}
  peer_groups:
    - {{ name: all, remote_as: {ASN}, families: [l2vpn-evpn], connect_retry: 1, {settings} }}
  neighbors:
"
    );
    for number in 1..=neighbors {
        let _ = writeln!(text, "    - {{ address: {}, peer_group: all }}", address(number));
    }
    text + &format!("evpn:\n  vtep: {LEAF}\n  advertise_all_vni: true\n")
}

fn net(address: Ipv4Addr) -> io::Result<IpNet> {
    Ipv4Net::new(address, 24).map(IpNet::from).map_err(io::Error::other)
}
