//! Who speaks with whom, and each node's configuration as an operator would write it.

use std::fmt::Write;

use crate::peer::ip;

/// The networks that every node with EVPN serves, beside what is tested by their number.
const VNIS: u32 = 2;

/// One node's part.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    asn: u32,
    /// How many networks it serves; none on a reflector.
    pub(crate) evpn: u32,
    /// The one of them that its configuration does not name at present.
    pub(crate) left: Option<u32>,
    neighbors: Vec<Neighbor>,
    hold_time: u16,
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

impl Topology {
    /// Three leaves, each with each.
    pub(crate) fn mesh() -> Topology {
        let links = [(0, 1), (1, 2), (0, 2)].map(|(a, b)| (a, b, Tie::Equals));
        Topology::new("mesh of 3", &[65000; 3], 0, &links)
    }

    /// A reflector, and four leaves that speak with nobody else.
    pub(crate) fn reflector() -> Topology {
        let links = [1, 2, 3, 4].map(|leaf| (0, leaf, Tie::ReflectorOf));
        Topology::new("reflector, 4 leaves", &[65000; 5], 1, &links)
    }

    /// Two reflectors, each a cluster of its own, and five leaves that speak with both.
    pub(crate) fn reflectors() -> Topology {
        let leaves = (2..7).flat_map(|leaf| [0, 1].map(|reflector| (reflector, leaf, Tie::ReflectorOf)));
        let links: Vec<_> = leaves.chain([(0, 1, Tie::Equals)]).collect();
        Topology::new("2 reflectors, 5 leaves", &[65000; 7], 2, &links)
    }

    /// Two leaves in two ASes.
    pub(crate) fn external() -> Topology {
        Topology::new("eBGP pair", &[65001, 65002], 0, &[(0, 1, Tie::Equals)])
    }

    /// All of them.
    pub(crate) fn all() -> [Topology; 4] {
        [Topology::mesh(), Topology::reflector(), Topology::reflectors(), Topology::external()]
    }

    /// The first `bare` nodes have no kernel to serve.
    fn new(name: &'static str, asns: &[u32], bare: usize, links: &[(usize, usize, Tie)]) -> Topology {
        let spec = |node: usize| {
            let evpn = if node < bare { 0 } else { VNIS };
            Spec { asn: asns[node], evpn, left: None, neighbors: Vec::new(), hold_time: 9 }
        };
        let mut nodes: Vec<Spec> = (0..asns.len()).map(spec).collect();
        for &(a, b, tie) in links {
            let (at_a, at_b) = (nodes[a].neighbors.len(), nodes[b].neighbors.len());
            let end = |node, back, client| Neighbor { node, asn: asns[node], back, client, passive: false };
            nodes[a].neighbors.push(end(b, at_b, tie == Tie::ReflectorOf));
            nodes[b].neighbors.push(end(a, at_a, false));
        }
        Topology { name, nodes }
    }

    /// The leaves: the nodes with hosts.
    pub(crate) fn leaves(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].evpn > 0).collect()
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

    /// Lets only one end of a link dial.
    pub(crate) fn with_passive(mut self, (dialler, passive): (usize, usize)) -> Topology {
        let neighbors = &mut self.nodes[passive].neighbors;
        neighbors.iter_mut().filter(|n| n.node == dialler).for_each(|n| n.passive = true);
        self
    }
}

impl Spec {
    /// The node at the other end of a neighbour, and which of its neighbours this node is.
    pub(crate) fn other_end(&self, neighbor: usize) -> (usize, usize) {
        let neighbor = &self.neighbors[neighbor];
        (neighbor.node, neighbor.back)
    }

    /// Its AS.
    pub(crate) fn asn(&self) -> u32 {
        self.asn
    }

    /// How many neighbours there are.
    pub(crate) fn neighbors(&self) -> usize {
        self.neighbors.len()
    }

    /// The configuration of node `number`.
    pub(crate) fn yaml(&self, number: usize) -> String {
        let address = ip(number);
        let mut text = format!("bgp:\n  asn: {}\n  router_id: {address}\n  ebgp_default: accept\n", self.asn);
        text.push_str("  listen: {}\n  neighbors:\n");
        for Neighbor { node, asn, client, passive, .. } in &self.neighbors {
            let ends = format!("address: {}, remote_as: {asn}, families: [l2vpn-evpn]", ip(*node));
            let manner = format!("hold_time: {}, connect_retry: 5, passive: {passive}", self.hold_time);
            writeln!(text, "    - {{ {ends}, {manner}, route_reflector_client: {client} }}")
                .expect("a String takes all");
        }
        if self.evpn > 0 {
            let served = match self.left {
                None => "advertise_all_vni: true".to_owned(),
                Some(left) => {
                    let others = (1..=self.evpn).map(|n| n * 100).filter(|vni| *vni != left);
                    format!("vnis: [{}]", others.map(|vni| format!("{{ vni: {vni} }}")).collect::<String>())
                }
            };
            write!(text, "evpn:\n  vtep: {address}\n  {served}\n").expect("a String takes all");
        }
        text
    }
}
