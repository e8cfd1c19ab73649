//! The soak's network, made through netlink. Addresses:
//!
//! ```text
//! underlay 10.0.0.0/24: leaf1 .1 and leaf2 .2 (linnetd), leaf3 .3 (FRR), bird .9, the reflector .100 (FRR)
//! VNI 100: each leaf has br100, vxlan100, and a port `access` that leads to the hosts behind it
//! ```

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use lab::netlink::{Link, Vxlan};
use lab::{Daemon, Netns, Node, NodeSpec, Nursery, cable};
use serde_json::Value;

/// A leaf of the fabric.
pub(super) struct Leaf {
    pub(super) name: &'static str,
    pub(super) address: Ipv4Addr,
    pub(super) daemon: Daemon,
}

pub(super) const LEAVES: [Leaf; 3] = [
    Leaf { name: "leaf1", address: Ipv4Addr::new(10, 0, 0, 1), daemon: Daemon::Linnet },
    Leaf { name: "leaf2", address: Ipv4Addr::new(10, 0, 0, 2), daemon: Daemon::Linnet },
    Leaf { name: "leaf3", address: Ipv4Addr::new(10, 0, 0, 3), daemon: Daemon::Frr },
];
const REFLECTOR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 100);
const BIRD: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);

/// All nodes.
pub(super) const NAMES: [&str; 5] = ["leaf1", "leaf2", "leaf3", "bird", "reflector"];

/// The one that is killed and started again.
pub(super) const KILLED: &str = "leaf1";

/// The file that says what a leaf announces in native mode.
const PREFIXES: &str = "/run/prefixes";

/// Whether a node's daemon is the same from the beginning to the end.
pub(super) fn survives(name: &str) -> bool {
    name != KILLED
}

/// The network, up.
pub(super) struct Network {
    pub(super) underlay: Netns,
    nodes: Vec<Node>,
    /// The hosts behind each leaf, by a device `eth0`.
    hosts: Vec<Netns>,
}

impl Network {
    /// Makes it and starts the daemons; returns when they answer.
    pub(super) fn up() -> Result<Network> {
        let nursery = Nursery::new()?;
        let underlay = Netns::new()?;
        underlay.run(|| Link::bridge("switch")?.up())??;
        let mut network = Network { underlay, nodes: Vec::new(), hosts: Vec::new() };
        for leaf in &LEAVES {
            let files = match leaf.daemon {
                Daemon::Linnet => vec![("/etc/linnet/linnet.yaml", linnet(leaf.address))],
                _ => frr(&frr_leaf(leaf.address)),
            };
            let node = network.add(leaf.name, leaf.daemon, leaf.address, &files, &nursery)?;
            node.netns().run(|| make_vni(leaf.address))??;
            node.netns().run(|| fs::write(PREFIXES, ""))??;
            let hosts = Netns::new()?;
            cable((node.netns(), "access"), (&hosts, "eth0"))?;
            node.netns().run(|| Link::named("access")?.set_master(&Link::named("br100")?))??;
            // Hosts go when the soak says so.
            node.sh("ip link set br100 type bridge ageing_time 3600000")?;
            network.nodes.push(node);
            network.hosts.push(hosts);
        }
        let files = [("/etc/bird/bird.conf", bird())];
        let node = network.add("bird", Daemon::Bird, BIRD, &files, &nursery)?;
        network.nodes.push(node);
        let node = network.add("reflector", Daemon::Frr, REFLECTOR, &frr(REFLECTOR_CONF), &nursery)?;
        network.nodes.push(node);
        network.nodes.iter_mut().rev().try_for_each(Node::start_daemon)?;
        network.wait_until_ready()?;
        Ok(network)
    }

    fn add(
        &self,
        name: &str,
        daemon: Daemon,
        address: Ipv4Addr,
        files: &[(&str, String)],
        nursery: &Nursery,
    ) -> Result<Node> {
        let node = Node::new(name, &NodeSpec { daemon: Some(daemon), ..NodeSpec::default() }, nursery)?;
        cable((&self.underlay, name), (node.netns(), "eth0"))?;
        self.underlay.run(|| Link::named(name)?.set_master(&Link::named("switch")?))??;
        let address = parse(&format!("{address}/24"))?;
        node.netns().run(|| Link::named("eth0")?.add_address(address))??;
        for (path, contents) in files {
            node.write_file(Path::new(path), contents.as_bytes())?;
        }
        Ok(node)
    }

    pub(super) fn wait_until_ready(&self) -> Result<()> {
        self.nodes.iter().try_for_each(Node::wait_until_ready)
    }

    pub(super) fn node(&self, name: &str) -> Result<&Node> {
        self.nodes.iter().find(|node| node.name() == name).with_context(|| format!("no node {name}"))
    }

    pub(super) fn node_mut(&mut self, name: &str) -> Result<&mut Node> {
        self.nodes.iter_mut().find(|node| node.name() == name).with_context(|| format!("no node {name}"))
    }

    /// Where the hosts behind a leaf are.
    pub(super) fn hosts(&self, leaf: usize) -> Result<&Netns> {
        self.hosts.get(leaf).context("no such leaf")
    }

    /// Whether every session of the linnetd and of the reflector is up.
    pub(super) fn sessions(&self) -> Result<()> {
        for leaf in LEAVES.iter().filter(|leaf| leaf.daemon == Daemon::Linnet) {
            let shown = self.node(leaf.name)?.linnet("neighbor")?;
            let rows = shown.as_array().context("no list of neighbours")?;
            let up = |row: &Value| row.get("state").and_then(Value::as_str) == Some("established");
            ensure!(rows.len() == 2 && rows.iter().all(up), "{}: {shown:#}", leaf.name);
        }
        let shown = self.node("reflector")?.vtysh_json("show bgp l2vpn evpn summary json")?;
        let up =
            shown.pointer("/peers").and_then(Value::as_object).into_iter().flat_map(|peers| peers.values());
        let up = up.filter(|peer| peer.get("state").and_then(Value::as_str) == Some("Established"));
        ensure!(up.count() == LEAVES.len(), "reflector: {shown:#}");
        Ok(())
    }

    /// Has a leaf announce these prefixes and no others.
    pub(super) fn announce(&self, leaf: &str, prefixes: &[String]) -> Result<()> {
        let text: String = prefixes.iter().map(|prefix| format!("{prefix}\n")).collect();
        let write = || {
            let next = format!("{PREFIXES}.next");
            fs::write(&next, text)?;
            fs::rename(next, PREFIXES)
        };
        Ok(self.node(leaf)?.netns().run(write)??)
    }
}

fn make_vni(local: Ipv4Addr) -> io::Result<()> {
    let bridge = Link::bridge("br100")?;
    let vxlan = Link::vxlan("vxlan100", Vxlan { vni: 100, local, port: 4789 })?;
    vxlan.set_master(&bridge)?;
    vxlan.suppress_neighbors()?;
    bridge.up()?;
    vxlan.up()
}

fn linnet(address: Ipv4Addr) -> String {
    format!(
        "bgp:
  asn: 65000
  router_id: {address}
  listen: {{ addresses: [{address}] }}
  peer_groups:
    - {{ name: all, remote_as: 65000, hold_time: 30, keepalive: 10, connect_retry: 1 }}
  neighbors:
    - {{ address: {REFLECTOR}, peer_group: all, families: [l2vpn-evpn] }}
    - {{ address: {BIRD}, peer_group: all, families: [ipv4-unicast] }}
evpn: {{ vtep: {address}, advertise_all_vni: true }}
native: {{ files: [{{ path: {PREFIXES}, kind: prefixes }}] }}
"
    )
}

fn frr(configuration: &str) -> Vec<(&'static str, String)> {
    vec![("/etc/frr/frr.conf", configuration.to_owned()), ("/etc/frr/daemons", "bgpd=yes\n".to_owned())]
}

/// Without its detection of duplicates, which would have it set hosts aside that move often.
fn frr_leaf(address: Ipv4Addr) -> String {
    format!(
        "router bgp 65000
 bgp router-id {address}
 no bgp default ipv4-unicast
 neighbor {REFLECTOR} remote-as 65000
 neighbor {REFLECTOR} timers 10 30
 neighbor {REFLECTOR} timers connect 1
 address-family l2vpn evpn
  neighbor {REFLECTOR} activate
  advertise-all-vni
  no dup-addr-detection
 exit-address-family
"
    )
}

const REFLECTOR_CONF: &str = "router bgp 65000
 bgp router-id 10.0.0.100
 no bgp default ipv4-unicast
 neighbor leaves peer-group
 neighbor leaves remote-as 65000
 neighbor leaves timers 10 30
 neighbor leaves timers connect 1
 neighbor 10.0.0.1 peer-group leaves
 neighbor 10.0.0.2 peer-group leaves
 neighbor 10.0.0.3 peer-group leaves
 address-family l2vpn evpn
  neighbor leaves activate
  neighbor leaves route-reflector-client
 exit-address-family
";

/// It announces the routes that somebody puts into its kernel.
fn bird() -> String {
    let leaf = |leaf: &Leaf| {
        format!(
            "protocol bgp {} {{ local {BIRD} as 65000; neighbor {} as 65000; connect delay time 1; connect retry time 1; \
             hold time 30; graceful restart aware; ipv4 {{ import all; export where source = RTS_INHERIT; next hop self; }}; }}\n",
            leaf.name, leaf.address
        )
    };
    let leaves: String = LEAVES.iter().filter(|leaf| leaf.daemon == Daemon::Linnet).map(leaf).collect();
    format!(
        "router id {BIRD};
protocol device {{ scan time 5; }}
protocol kernel {{ learn; scan time 1; ipv4 {{ import all; export none; }}; }}
{leaves}"
    )
}

pub(super) fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> io::Result<T> {
    text.parse().map_err(|error: T::Err| io::Error::other(format!("{text}: {error}")))
}
