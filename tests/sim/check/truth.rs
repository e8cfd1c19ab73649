//! What the kernels must have, from what hosts and pods there are.

use std::collections::BTreeSet;

use crate::hosts::Host;
use crate::peer::ip;
use crate::sim::Sim;

impl Sim {
    /// Whether a kernel has what it must.
    pub(crate) fn rows_agree(&self, node: usize) -> bool {
        self.wanted_rows(node) == self.rows(node)
    }

    /// What a kernel must have.
    pub(super) fn wanted_rows(&self, node: usize) -> BTreeSet<String> {
        let tables = &self.nodes[node].kernel.tables;
        let mut rows = self.wanted_routes(node);
        for segment in &tables.segments {
            let others = self.running().into_iter().filter(|other| *other != node);
            let serving = others.filter(|other| self.nodes[*other].kernel.tables.serves(segment.vni));
            rows.extend(serving.map(|other| format!("{} flood {}", segment.vni, ip(other))));
        }
        for host in self.hosts.alive.values().filter(|host| tables.serves(host.vni)) {
            let Host { vni, mac, ip: address, place, sticky } = host;
            let segment = tables.segment(*vni);
            if place.node == node {
                let port = segment.ports[place.port];
                rows.insert(format!("{vni} {mac} on {port:?} sticky {sticky} external false"));
                rows.extend(address.map(|address| format!("{vni} {address} is {mac} Usable")));
            } else {
                let port = segment.vxlan;
                rows.insert(format!("{vni} {mac} to {}", ip(place.node)));
                rows.insert(format!("{vni} {mac} on {port:?} sticky {sticky} external true"));
                rows.extend(address.map(|address| format!("{vni} {address} is {mac} NoArp")));
            }
        }
        rows
    }

    /// Addresses elsewhere that a node has flooded instead of answering for them.
    pub(super) fn unanswered(&self, node: usize) -> Vec<String> {
        let tables = &self.nodes[node].kernel.tables;
        let elsewhere =
            self.hosts.alive.values().filter(|host| host.place.node != node && tables.serves(host.vni));
        let answered = |host: &&Host| host.ip.is_none_or(|ip| tables.suppresses(host.vni, ip));
        let flooded = elsewhere.filter(|host| !answered(host));
        flooded.map(|host| format!("node {node}: not answered for: {:?}", host.ip)).collect()
    }

    fn wanted_routes(&self, node: usize) -> BTreeSet<String> {
        if self.nodes[node].spec.pods.is_empty() {
            return BTreeSet::new();
        }
        let others = self.running().into_iter().filter(|other| *other != node);
        let routes = others.flat_map(|other| {
            self.nodes[other].spec.pods.iter().map(move |pods| format!("{pods} by {}", ip(other)))
        });
        routes.collect()
    }

    /// What a kernel has, but for what is the kernel's own or an operator's.
    pub(super) fn rows(&self, node: usize) -> BTreeSet<String> {
        let node = &self.nodes[node];
        let mut rows = node.kernel.tables.lines();
        rows.extend(node.routes.lines());
        rows
    }
}
