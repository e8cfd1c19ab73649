//! Who speaks with whom, and each node's configuration as an operator would write it.

use std::fmt::Write;
use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

use crate::kernel::Ages;
use crate::peer::ip;
use crate::rng::Rng;

/// A network that no node has devices of.
const NOWHERE: u32 = 9999;

/// One node's part.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    asn: u32,
    /// The networks that it serves; none on a reflector.
    pub(crate) vnis: Vec<u32>,
    /// The one of them that its configuration does not name at present.
    pub(crate) left: Option<u32>,
    /// The blocks of its pods, in native mode.
    pub(crate) pods: Vec<IpNet>,
    neighbors: Vec<Neighbor>,
    hold_time: u16,
    /// It restarts gracefully, and helps those that do.
    restarts: bool,
    families: &'static str,
    pub(crate) ages: Ages,
    /// How often it looks at everything in its kernel, in seconds.
    audit: u16,
}

#[derive(Clone, Debug)]
struct Neighbor {
    node: usize,
    asn: u32,
    /// Which of that node's neighbours this one is.
    back: usize,
    client: bool,
    passive: bool,
}

/// A named arrangement.
#[derive(Clone, Debug)]
pub(crate) struct Topology {
    pub(crate) name: &'static str,
    pub(crate) nodes: Vec<Spec>,
}

/// What one end of a link is to the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tie {
    Equals,
    /// The first reflects for the second.
    ReflectorOf,
}

/// What the nodes that are no reflectors do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Evpn,
    Native,
    Both,
}

impl Topology {
    /// Leaves, each with each.
    fn full(name: &'static str, leaves: usize, asns: &[u32]) -> Topology {
        let pairs = (0..leaves).flat_map(|a| (a + 1..leaves).map(move |b| (a, b, Tie::Equals)));
        Topology::new(name, asns, 0, &pairs.collect::<Vec<_>>())
    }

    /// Reflectors, each a cluster of its own, and leaves that speak with all of them and with nobody else.
    pub(crate) fn reflected(name: &'static str, reflectors: usize, leaves: usize) -> Topology {
        let ties = (reflectors..reflectors + leaves)
            .flat_map(|leaf| (0..reflectors).map(move |reflector| (reflector, leaf, Tie::ReflectorOf)));
        let among = (0..reflectors).flat_map(|a| (a + 1..reflectors).map(move |b| (a, b, Tie::Equals)));
        let links: Vec<_> = ties.chain(among).collect();
        Topology::new(name, &vec![65000; reflectors + leaves], reflectors, &links)
    }

    /// Those that are tried for long and measured.
    pub(crate) fn all() -> [Topology; 5] {
        [
            Topology::full("mesh of 3", 3, &[65000; 3]),
            Topology::reflected("reflector, 4 leaves", 1, 4),
            Topology::reflected("2 reflectors, 5 leaves", 2, 5),
            Topology::full("eBGP pair", 2, &[65001, 65002]),
            Topology::reflected("2 reflectors, 3 both", 2, 3).in_mode(Mode::Both),
        ]
    }

    /// One of few nodes, whichever comes.
    pub(crate) fn drawn(rng: &mut Rng) -> Topology {
        const NAME: &str = "small";
        let leaves = rng.between(2, 3);
        let topology = match rng.below(5) {
            0 => Topology::full(NAME, 2, &[65001, 65002]),
            1 => Topology::full(NAME, leaves, &[65000; 3]),
            2 | 3 => Topology::reflected(NAME, 1, leaves),
            _ => Topology::reflected(NAME, 2, leaves),
        };
        let mode = rng.pick(&[Mode::Evpn, Mode::Evpn, Mode::Native, Mode::Both]);
        let vnis: &[u32] = if rng.one_in(3) { &[100, 200] } else { &[100] };
        topology.with_vnis(vnis).in_mode(mode).with_ages(Ages::SHORT)
    }

    /// The first `bare` nodes have no kernel to serve.
    fn new(name: &'static str, asns: &[u32], bare: usize, links: &[(usize, usize, Tie)]) -> Topology {
        let spec = |node: usize| Spec {
            asn: asns[node],
            vnis: if node < bare { Vec::new() } else { vec![100, 200] },
            left: None,
            pods: Vec::new(),
            neighbors: Vec::new(),
            hold_time: 9,
            restarts: true,
            families: "l2vpn-evpn",
            ages: Ages::USUAL,
            audit: 60,
        };
        let count = links.iter().map(|(a, b, _)| a.max(b) + 1).max().unwrap_or_default();
        let mut nodes: Vec<Spec> = (0..count).map(spec).collect();
        for &(a, b, tie) in links {
            let (at_a, at_b) = (nodes[a].neighbors.len(), nodes[b].neighbors.len());
            let end = |node, back, client| Neighbor { node, asn: asns[node], back, client, passive: false };
            nodes[a].neighbors.push(end(b, at_b, tie == Tie::ReflectorOf));
            nodes[b].neighbors.push(end(a, at_a, false));
        }
        Topology { name, nodes }
    }

    /// The nodes with a kernel to serve.
    pub(crate) fn leaves(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| !self.nodes[*node].is_bare()).collect()
    }

    /// The leaves with hosts.
    pub(crate) fn bridged(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| !self.nodes[*node].vnis.is_empty()).collect()
    }

    /// The leaves with pods.
    pub(crate) fn routed(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| !self.nodes[*node].pods.is_empty()).collect()
    }

    /// Every link once.
    pub(crate) fn links(&self) -> Vec<(usize, usize)> {
        let ends = self
            .nodes
            .iter()
            .enumerate()
            .flat_map(|(a, spec)| spec.neighbors.iter().map(move |n| (a, n.node)));
        ends.filter(|(a, b)| a < b).collect()
    }

    /// Another hold time on every node.
    pub(crate) fn with_hold_time(mut self, seconds: u16) -> Topology {
        self.nodes.iter_mut().for_each(|spec| spec.hold_time = seconds);
        self
    }

    /// Nobody restarts gracefully.
    pub(crate) fn without_restart(mut self) -> Topology {
        self.nodes.iter_mut().for_each(|spec| spec.restarts = false);
        self
    }

    /// Lets only one end of a link dial.
    pub(crate) fn with_passive(mut self, (dialler, passive): (usize, usize)) -> Topology {
        let neighbors = &mut self.nodes[passive].neighbors;
        neighbors.iter_mut().filter(|n| n.node == dialler).for_each(|n| n.passive = true);
        self
    }

    /// Kernels with these ages, and daemons that look at everything as often as befits them.
    fn with_ages(mut self, ages: Ages) -> Topology {
        self.nodes.iter_mut().for_each(|spec| (spec.ages, spec.audit) = (ages, 15));
        self
    }

    /// Leaves serve these networks.
    fn with_vnis(mut self, vnis: &[u32]) -> Topology {
        self.nodes.iter_mut().filter(|spec| !spec.is_bare()).for_each(|spec| spec.vnis = vnis.to_vec());
        self
    }

    /// Each leaf serves one network of its own choice.
    pub(crate) fn with_one_vni(mut self, choose: impl Fn(usize) -> u32) -> Topology {
        let leaves = self.nodes.iter_mut().enumerate().filter(|(_, spec)| !spec.is_bare());
        leaves.for_each(|(node, spec)| spec.vnis = vec![choose(node)]);
        self
    }

    /// Leaves do this.
    fn in_mode(mut self, mode: Mode) -> Topology {
        for (node, spec) in self.nodes.iter_mut().enumerate() {
            spec.families = match mode {
                Mode::Evpn => "l2vpn-evpn",
                Mode::Native => "ipv4-unicast",
                Mode::Both => "l2vpn-evpn, ipv4-unicast",
            };
            if mode != Mode::Evpn && !spec.is_bare() {
                spec.pods = vec![pods(node, 0)];
            }
            if mode == Mode::Native {
                spec.vnis.clear();
            }
        }
        self
    }
}

/// The `n`th block of a node's pods.
pub(crate) fn pods(node: usize, n: usize) -> IpNet {
    let block = Ipv4Addr::new(10, 244 + n as u8, node as u8, 0);
    Ipv4Net::new(block, 24).expect("a length").into()
}

impl Spec {
    /// It only passes routes on.
    pub(crate) fn is_bare(&self) -> bool {
        self.vnis.is_empty() && self.pods.is_empty()
    }

    /// The node at the other end of a neighbour, and which of its neighbours this node is.
    pub(crate) fn other_end(&self, neighbor: usize) -> (usize, usize) {
        let neighbor = &self.neighbors[neighbor];
        (neighbor.node, neighbor.back)
    }

    /// Its AS.
    pub(crate) fn asn(&self) -> u32 {
        self.asn
    }

    /// Whether it restarts gracefully.
    pub(crate) fn restarts(&self) -> bool {
        self.restarts
    }

    /// How many neighbours there are.
    pub(crate) fn neighbors(&self) -> usize {
        self.neighbors.len()
    }

    /// The configuration of node `number`.
    pub(crate) fn yaml(&self, number: usize) -> String {
        let address = ip(number);
        let mut text = format!("bgp:\n  asn: {}\n  router_id: {address}\n  ebgp_default: accept\n", self.asn);
        let Spec { restarts, families, hold_time, audit, .. } = self;
        let restart = format!("enabled: {restarts}, restart_time: 20, stale_time: 40");
        write!(text, "  graceful_restart: {{ {restart} }}\n  listen: {{}}\n  neighbors:\n").expect("room");
        for Neighbor { node, asn, client, passive, .. } in &self.neighbors {
            let ends = format!("address: {}, remote_as: {asn}, families: [{families}]", ip(*node));
            let manner = format!("hold_time: {hold_time}, connect_retry: 5, passive: {passive}");
            writeln!(text, "    - {{ {ends}, {manner}, route_reflector_client: {client} }}").expect("room");
        }
        if !self.vnis.is_empty() {
            let served = match self.left {
                None => "advertise_all_vni: true".to_owned(),
                Some(left) => {
                    let others = self.vnis.iter().filter(|vni| **vni != left);
                    // One for which there are no devices is as good as none.
                    let others = others.chain([&NOWHERE]).map(|vni| format!("{{ vni: {vni} }}"));
                    format!("vnis: [{}]", others.collect::<Vec<_>>().join(", "))
                }
            };
            write!(text, "evpn:\n  vtep: {address}\n  audit_interval: {audit}\n  {served}\n").expect("room");
        }
        if !self.pods.is_empty() {
            let pods: Vec<String> = self.pods.iter().map(ToString::to_string).collect();
            let pods = pods.join(", ");
            write!(text, "native:\n  audit_interval: {audit}\n  advertise: [{pods}]\n").expect("room");
        }
        text
    }
}
