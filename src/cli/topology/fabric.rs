//! From the daemon's rows to the graph.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use api::{Word, v1};

use super::{Link, LinkKind, Node, Role, Topology};

/// What is known so far. Rows may come in any order, and a million paths leave no more behind than their VTEPs.
#[derive(Debug)]
pub(crate) struct Fabric {
    this: Node,
    neighbors: Vec<v1::Neighbor>,
    reflectors: BTreeSet<String>,
    own: BTreeSet<IpAddr>,
    remote: BTreeMap<IpAddr, Remote>,
}

/// A remote VTEP.
#[derive(Debug, Default)]
struct Remote {
    vnis: BTreeSet<u32>,
    /// Which neighbors tell of it, and in which networks.
    told: BTreeMap<String, BTreeSet<u32>>,
    /// The networks that this node shares with it.
    shared: BTreeSet<u32>,
    /// The worst that the kernel says of it.
    kernel: v1::KernelState,
}

impl Fabric {
    /// This node, and nothing else yet.
    pub(crate) fn new(status: &v1::Status) -> Fabric {
        let this = Node {
            address: status.router_id.clone(),
            name: String::new(),
            roles: vec![Role::This],
            asn: Some(status.asn),
            vtep: String::new(),
            vnis: Vec::new(),
        };
        Fabric {
            this,
            neighbors: Vec::new(),
            reflectors: BTreeSet::new(),
            own: BTreeSet::new(),
            remote: BTreeMap::new(),
        }
    }

    /// A neighbor.
    pub(crate) fn neighbor(&mut self, neighbor: v1::Neighbor) {
        self.neighbors.push(neighbor);
    }

    /// A network of this node.
    pub(crate) fn vni(&mut self, vni: &v1::Vni) {
        self.this.vnis.push(vni.vni);
        if let Ok(address) = vni.local_vtep.parse() {
            self.own.insert(address);
            self.this.vtep.clone_from(&vni.local_vtep);
        }
    }

    /// A VTEP that shares a network with this node.
    pub(crate) fn vtep(&mut self, row: &v1::Vtep) {
        let Ok(address) = row.vtep.parse() else { return };
        let remote = self.remote.entry(address).or_default();
        remote.vnis.insert(row.vni);
        remote.shared.insert(row.vni);
        if row.kernel > remote.kernel.into() {
            remote.kernel = row.kernel();
        }
    }

    /// A path of a type 3 route: its next hop is a VTEP.
    pub(crate) fn path(&mut self, path: &v1::Path) {
        if !path.valid || path.neighbor == "local" {
            return;
        }
        if !path.cluster_list.is_empty() {
            self.reflectors.insert(path.neighbor.clone());
        }
        let (Ok(address), Some(vni)) = (path.next_hop.parse(), path.vni) else { return };
        let remote = self.remote.entry(address).or_default();
        remote.vnis.insert(vni);
        remote.told.entry(path.neighbor.clone()).or_default().insert(vni);
    }

    /// The graph.
    pub(crate) fn finish(mut self) -> Topology {
        self.remote.retain(|address, _| !self.own.contains(address));
        self.this.vnis.sort_unstable();
        let mut topology = Topology { nodes: Vec::new(), links: Vec::new() };
        let mut at: BTreeMap<IpAddr, String> = BTreeMap::new();
        for neighbor in &self.neighbors {
            let mut node = self.speaker(neighbor);
            if let Some((vtep, remote)) = self.tunnels_of(neighbor) {
                node.roles.push(Role::Vtep);
                (node.vtep, node.vnis) = (vtep.to_string(), remote.vnis.iter().copied().collect());
                at.insert(vtep, node.address.clone());
            }
            topology.links.push(self.session(neighbor));
            topology.nodes.push(node);
        }
        for (vtep, remote) in &self.remote {
            let address = at.get(vtep).cloned().unwrap_or_else(|| {
                topology.nodes.push(remote.node(*vtep));
                vtep.to_string()
            });
            topology.links.extend(remote.links(&self.this.address, &address));
        }
        topology.nodes.insert(0, self.this);
        topology
    }

    fn speaker(&self, neighbor: &v1::Neighbor) -> Node {
        let role = match (self.reflectors.contains(&neighbor.address), neighbor.route_reflector_client) {
            (true, _) => Role::Reflector,
            (false, true) => Role::Client,
            (false, false) => Role::Neighbor,
        };
        let name = if neighbor.host_name.is_empty() { &neighbor.description } else { &neighbor.host_name };
        Node {
            address: neighbor.address.clone(),
            name: name.clone(),
            roles: vec![role],
            asn: Some(neighbor.remote_as).filter(|asn| *asn != 0),
            vtep: String::new(),
            vnis: Vec::new(),
        }
    }

    fn tunnels_of(&self, neighbor: &v1::Neighbor) -> Option<(IpAddr, &Remote)> {
        let names = [&neighbor.address, &neighbor.remote_address, &neighbor.router_id];
        names.into_iter().filter_map(|name| name.parse().ok()).find_map(|address| {
            let (vtep, remote) = self.remote.get_key_value(&address)?;
            Some((*vtep, remote))
        })
    }

    fn session(&self, neighbor: &v1::Neighbor) -> Link {
        Link {
            kind: LinkKind::Session,
            from: self.this.address.clone(),
            to: neighbor.address.clone(),
            state: state(neighbor).into_owned(),
            vnis: Vec::new(),
        }
    }
}

/// The session's; that nobody wants one says more.
fn state(neighbor: &v1::Neighbor) -> Cow<'static, str> {
    match neighbor.admin_state() {
        v1::AdminState::Shutdown => v1::AdminState::word(neighbor.admin_state),
        _ => v1::NeighborState::word(neighbor.state),
    }
}

impl Remote {
    fn node(&self, vtep: IpAddr) -> Node {
        Node {
            address: vtep.to_string(),
            name: String::new(),
            roles: vec![Role::Vtep],
            asn: None,
            vtep: vtep.to_string(),
            vnis: self.vnis.iter().copied().collect(),
        }
    }

    /// The tunnel, where a network is shared, and who tells of it but itself.
    fn links(&self, this: &str, address: &str) -> impl Iterator<Item = Link> {
        let link = |kind, from: &str, state, vnis: &BTreeSet<u32>| Link {
            kind,
            from: from.to_owned(),
            to: address.to_owned(),
            state,
            vnis: vnis.iter().copied().collect(),
        };
        let state = v1::KernelState::word(self.kernel.into()).into_owned();
        let tunnel = (!self.shared.is_empty()).then(|| link(LinkKind::Tunnel, this, state, &self.shared));
        let told = self.told.iter().filter(|(neighbor, _)| *neighbor != address);
        let told = told.map(|(neighbor, vnis)| link(LinkKind::Path, neighbor, String::new(), vnis));
        tunnel.into_iter().chain(told).collect::<Vec<_>>().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fabric, leaf, reflector};
    use super::*;

    fn links(topology: &Topology) -> Vec<String> {
        let text =
            |link: &Link| format!("{:?} {} {} {} {:?}", link.kind, link.from, link.to, link.state, link.vnis);
        topology.links.iter().map(text).collect()
    }

    #[test]
    fn a_leaf_sees_reflectors_and_the_leaves_behind_them() {
        let topology = leaf();
        let addresses: Vec<_> = topology.nodes.iter().map(|node| node.address.as_str()).collect();
        assert_eq!(addresses, ["10.0.0.1", "10.0.1.1", "10.0.0.3", "10.0.0.2", "10.0.0.10"]);
        let roles: Vec<_> = topology.nodes.iter().map(|node| node.roles.as_slice()).collect();
        let expected: [&[Role]; 5] =
            [&[Role::This], &[Role::Reflector], &[Role::Neighbor, Role::Vtep], &[Role::Vtep], &[Role::Vtep]];
        assert_eq!(roles, expected);
        let expected = [
            "Session 10.0.0.1 10.0.1.1 established []",
            "Session 10.0.0.1 10.0.0.3 active []",
            "Tunnel 10.0.0.1 10.0.0.2 failed [100, 101]",
            "Path 10.0.1.1 10.0.0.2  [100, 101, 300]",
            "Tunnel 10.0.0.1 10.0.0.3 programmed [100]",
            "Path 10.0.1.1 10.0.0.10  [300]",
        ];
        assert_eq!(links(&topology), expected);
    }

    #[test]
    fn a_reflector_without_networks_sees_its_clients_vteps() {
        let topology = reflector();
        assert!(topology.links.iter().all(|link| link.kind == LinkKind::Session));
        assert_eq!(topology.nodes.len(), 3);
        assert_eq!(topology.nodes[1].roles, [Role::Client, Role::Vtep]);
        assert_eq!(
            (topology.nodes[2].vtep.as_str(), topology.nodes[2].vnis.as_slice()),
            ("10.0.0.3", &[100][..])
        );
    }

    #[test]
    fn own_routes_that_come_back_are_no_node() {
        let mut fabric = fabric();
        fabric.vni(&v1::Vni { vni: 1, local_vtep: "10.0.0.9".into(), ..Default::default() });
        fabric.path(&v1::Path {
            valid: true,
            next_hop: "10.0.0.9".into(),
            vni: Some(1),
            neighbor: "10.0.1.1".into(),
            ..Default::default()
        });
        assert_eq!(fabric.finish().nodes.len(), 1);
    }
}
