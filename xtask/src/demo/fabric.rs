//! The demo's network: a switch for an underlay, a reflector, two leaves, and pods in VNI 100.
//!
//! Made through netlink, so that a machine without iproute2 can show it. Addresses:
//!
//! ```text
//! underlay 10.0.0.0/24: leaf1 .1, leaf2 .2 (also their tunnel addresses), reflector .100
//! VNI 100  192.168.1.0/24: the gateway .1 is on both leaves; pods .11, .12 start on leaf1, .13, .14 on leaf2
//! ```

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use lab::netlink::{self, Link, Vxlan};
use lab::packet::{ArpKind, announce, send_arp};
use lab::{Daemon, Netns, Node, NodeSpec, Nursery, cable};

use super::Reflector;
use super::reflector;

/// The leaves' names and underlay addresses.
const LEAVES: [(&str, Ipv4Addr); 2] =
    [("leaf1", Ipv4Addr::new(10, 0, 0, 1)), ("leaf2", Ipv4Addr::new(10, 0, 0, 2))];
pub(super) const REFLECTOR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 100);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);
/// The gateway has the same MAC on each leaf, so that a pod that moves need not learn another.
const GATEWAY_MAC: &str = "02:00:00:01:00:01";
/// The MAC of an interface that a pod has left.
const NOBODY: &str = "02:00:00:ff:ff:ff";
/// What VXLAN over IPv4 leaves of 1500.
const POD_MTU: u32 = 1450;

/// A pod.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pod {
    pub(super) name: &'static str,
    pub(super) ip: Ipv4Addr,
    pub(super) mac: &'static str,
    /// The leaf on which it starts: 0 or 1.
    leaf: usize,
}

pub(super) const POD_1: Pod = pod("pod1", 11, "02:00:00:00:00:11", 0);
pub(super) const POD_2: Pod = pod("pod2", 12, "02:00:00:00:00:12", 0);
pub(super) const POD_3: Pod = pod("pod3", 13, "02:00:00:00:00:13", 1);
pub(super) const POD_4: Pod = pod("pod4", 14, "02:00:00:00:00:14", 1);
const PODS: [Pod; 4] = [POD_1, POD_2, POD_3, POD_4];

const fn pod(name: &'static str, last_octet: u8, mac: &'static str, leaf: usize) -> Pod {
    Pod { name, ip: Ipv4Addr::new(192, 168, 1, last_octet), mac, leaf }
}

/// The network, up.
pub(super) struct Fabric {
    /// The switch between the nodes; its ports are called as the nodes.
    pub(super) underlay: Netns,
    pub(super) leaves: [Node; 2],
    reflector: Node,
    /// In the order of [`PODS`].
    pods: Vec<Netns>,
}

/// What the demo shows of it first.
pub(super) fn picture(reflector: &str) -> String {
    format!(
        "             reflector 10.0.0.100 ({reflector})
                       |
      +----------- underlay -----------+
      |                                |
  leaf1 10.0.0.1 (linnetd)         leaf2 10.0.0.2 (linnetd)
  br100 + vxlan100                 br100 + vxlan100
  |            |                   |            |
  pod1 .11     pod2 .12            pod3 .13     pod4 .14     192.168.1.0/24, VNI 100"
    )
}

impl Fabric {
    /// Makes the network and starts the daemons; returns when they answer. The pods are still silent.
    pub(super) fn up(reflector: Reflector) -> Result<Fabric> {
        let nursery = Nursery::new()?;
        let underlay = Netns::new()?;
        underlay.run(|| Link::bridge("switch")?.up())??;
        let reflector = reflector::node(reflector, &nursery)?;
        plug(&underlay, &reflector, REFLECTOR)?;
        let [first, second] = LEAVES.map(|(name, address)| leaf(name, address, &nursery, &underlay));
        let mut fabric = Fabric { underlay, leaves: [first?, second?], reflector, pods: Vec::new() };
        for pod in PODS {
            let netns = Netns::new()?;
            fabric.pods.push(netns);
            fabric.attach(pod)?;
        }
        fabric.reflector.start_daemon()?;
        fabric.leaves.iter_mut().try_for_each(Node::start_daemon)?;
        fabric.reflector.wait_until_ready()?;
        fabric.leaves.iter().try_for_each(Node::wait_until_ready)?;
        Ok(fabric)
    }

    /// A pod's namespace.
    pub(super) fn pod(&self, pod: Pod) -> Result<&Netns> {
        let index = PODS.iter().position(|other| other.name == pod.name);
        index.and_then(|index| self.pods.get(index)).with_context(|| format!("no {}", pod.name))
    }

    /// Every pod asks for its gateway, as pods do first of all; its leaf learns it from that.
    pub(super) fn introduce_pods(&self) -> Result<()> {
        for pod in PODS {
            self.pod(pod)?.run(|| send_arp("eth0", ArpKind::Request, pod.ip, GATEWAY))??;
        }
        Ok(())
    }

    /// Moves a pod to another leaf, as a virtual machine is migrated: from one moment to the next it is deaf at its
    /// old place, whose leaf is told nothing, and announces itself from the new one. When it did that.
    pub(super) fn move_pod(&self, pod: Pod, leaf: usize) -> Result<Instant> {
        self.lay_cable(pod, leaf, "eth1")?;
        let arrived = self.pod(pod)?.run(|| {
            let old = Link::named("eth0")?;
            old.remove_address(parse(&format!("{}/24", pod.ip))?)?;
            old.set_mac(parse(NOBODY)?)?;
            settle(pod, "eth1")?;
            let arrived = Instant::now();
            announce("eth1", pod.ip)?;
            send_arp("eth1", ArpKind::Request, pod.ip, GATEWAY)?;
            Ok::<_, io::Error>(arrived)
        })??;
        Ok(arrived)
    }

    /// Plugs a pod in where it starts.
    fn attach(&self, pod: Pod) -> Result<()> {
        let netns = self.pod(pod)?;
        netns.run(be_silent)??;
        self.lay_cable(pod, pod.leaf, "eth0")?;
        Ok(netns.run(|| settle(pod, "eth0"))??)
    }

    /// Lays a cable from a pod to a leaf's bridge.
    fn lay_cable(&self, pod: Pod, leaf: usize, device: &str) -> Result<()> {
        let leaf = self.leaves.get(leaf).context("no such leaf")?;
        cable((leaf.netns(), pod.name), (self.pod(pod)?, device))?;
        leaf.netns().run(|| Link::named(pod.name)?.set_master(&Link::named("br100")?))??;
        Ok(())
    }
}

/// Keeps IPv6 of this namespace from speaking unasked, which would tell a pod's place before it announces itself.
fn be_silent() -> io::Result<()> {
    ["all", "default"].iter().try_for_each(|which| {
        std::fs::write(format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6"), "1").or_else(|error| {
            // A kernel without IPv6 is silent already.
            if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
        })
    })
}

/// Gives a pod's interface its MAC and address.
fn settle(pod: Pod, device: &str) -> io::Result<()> {
    let link = Link::named(device)?;
    link.set_mac(parse(pod.mac)?)?;
    link.set_mtu(POD_MTU)?;
    link.add_address(parse(&format!("{}/24", pod.ip))?)
}

/// `Ok` when `leaf`'s kernel knows a remote pod: bridge row, tunnel row and neighbour.
pub(super) fn knows(leaf: &Node, pod: Pod) -> Result<()> {
    let (fdb, neighbors) = leaf.netns().run(|| (netlink::fdb("vxlan100"), netlink::neighbors("br100")))?;
    let rows = fdb?.iter().filter(|row| row.mac.to_string() == pod.mac).count();
    let neighbors = neighbors?;
    let neighbor = neighbors.iter().find(|row| row.ip == pod.ip && row.extern_learn);
    ensure!(rows == 2 && neighbor.is_some(), "{rows} forwarding rows, neighbour {neighbor:?}");
    Ok(())
}

/// A leaf: the node, its place in the underlay, its bridge and VXLAN device, its configuration.
fn leaf(name: &str, address: Ipv4Addr, nursery: &Nursery, underlay: &Netns) -> Result<Node> {
    let node = Node::new(name, &NodeSpec { daemon: Some(Daemon::Linnet), ..NodeSpec::default() }, nursery)?;
    plug(underlay, &node, address)?;
    node.netns().run(|| make_vni(address))??;
    node.write_file(Path::new("/etc/linnet/linnet.yaml"), configuration(address).as_bytes())?;
    Ok(node)
}

/// Connects a node to the switch and gives it its address.
fn plug(underlay: &Netns, node: &Node, address: Ipv4Addr) -> Result<()> {
    cable((underlay, node.name()), (node.netns(), "eth0"))?;
    underlay.run(|| Link::named(node.name())?.set_master(&Link::named("switch")?))??;
    node.netns().run(|| Link::named("eth0")?.add_address(parse(&format!("{address}/24"))?))??;
    Ok(())
}

/// The bridge and VXLAN device of VNI 100, as a CNI plugin makes them; linnetd adopts them.
fn make_vni(local: Ipv4Addr) -> io::Result<()> {
    let bridge = Link::bridge("br100")?;
    bridge.set_mac(parse(GATEWAY_MAC)?)?;
    let vxlan = Link::vxlan("vxlan100", Vxlan { vni: 100, local, port: 4789 })?;
    vxlan.set_mtu(POD_MTU)?;
    vxlan.set_master(&bridge)?;
    vxlan.suppress_neighbors()?;
    bridge.up()?;
    vxlan.up()?;
    bridge.add_address(parse(&format!("{GATEWAY}/24"))?)
}

fn configuration(address: Ipv4Addr) -> String {
    format!(
        "bgp:
  asn: 65000
  router_id: {address}
  neighbors:
    - {{ address: {REFLECTOR}, remote_as: 65000, families: [l2vpn-evpn], connect_retry: 1 }}
evpn:
  vtep: {address}
  advertise_all_vni: true
"
    )
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> io::Result<T> {
    text.parse().map_err(|error: T::Err| io::Error::other(format!("{text}: {error}")))
}
