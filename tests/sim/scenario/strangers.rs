//! What other programs, and operators, do to the tables of a leaf's kernel.

use bgp::types::{Mac, Vni};

use super::{Named, Repair};
use crate::hosts::Place;
use crate::peer::ip;
use crate::sim::Sim;

pub(super) const DEEDS: &[Named] = &[
    ("a stranger flushes a device's forwarding rows", Sim::rows_are_flushed),
    ("a stranger flushes a bridge's neighbours", Sim::neighbors_are_flushed),
    ("a stranger deletes a row", Sim::row_is_deleted),
    ("a row drifts and nobody is told", Sim::row_drifts),
    ("a foreign row is in the way for a while", Sim::host_is_diverted),
    ("a foreign neighbour is in the way for a while", Sim::neighbor_is_pinned),
];

impl Sim {
    /// What is somebody else's in every kernel: nothing may happen to it.
    pub(super) fn set_foreign_rows(&mut self) {
        let now = self.now();
        for leaf in self.topology.bridged() {
            let tables = &mut self.nodes[leaf].kernel.tables;
            for vni in self.topology.nodes[leaf].vnis.iter().map(|n| Vni::new(*n).expect("a VNI")) {
                let address = std::net::Ipv4Addr::new(192, 0, 2, leaf as u8 + 1).into();
                tables.set_permanent(now, vni, address, Mac([0x06, 0, 0, 0, 0, leaf as u8]));
            }
        }
        self.wake_kernels();
    }

    fn rows_are_flushed(&mut self) {
        let (vni, Place { node, port }) = (self.any_vni(), self.any_place());
        let segment = self.nodes[node].kernel.tables.segment(vni);
        let device = if port == 0 { segment.ports[0] } else { segment.vxlan };
        self.log(&format!("node {node}: the forwarding rows of {device:?} are flushed"));
        self.nodes[node].kernel.tables.flush_rows(device);
        self.wake_kernels();
    }

    fn neighbors_are_flushed(&mut self) {
        let (vni, Place { node, .. }) = (self.any_vni(), self.any_place());
        let bridge = self.nodes[node].kernel.tables.segment(vni).bridge;
        self.log(&format!("node {node}: the neighbours of {bridge:?} are flushed"));
        self.nodes[node].kernel.tables.flush_all_neighbors(bridge);
        self.wake_kernels();
    }

    fn row_is_deleted(&mut self) {
        let (n, Place { node, .. }) = (self.chance(|rng| rng.below(1000)), self.any_place());
        if self.nodes[node].kernel.tables.delete_marked(n) {
            self.log(&format!("node {node}: a row of a control plane's is deleted"));
            self.wake_kernels();
        }
    }

    fn row_drifts(&mut self) {
        let (n, Place { node, .. }) = (self.chance(|rng| rng.below(1000)), self.any_place());
        if self.nodes[node].kernel.tables.drift(n, ip(200)) {
            self.log(&format!("node {node}: a row drifts and nobody is told"));
        }
    }

    /// An operator sends a host's frames elsewhere.
    fn host_is_diverted(&mut self) {
        let Some(number) = self.any_host(true) else { return };
        let (host, Place { node, .. }) = (self.hosts.alive[&number], self.any_place());
        self.log(&format!("node {node}: an operator sends {} elsewhere", host.mac));
        self.nodes[node].kernel.tables.divert(host.vni, host.mac, ip(200));
        self.wake_kernels();
        self.repair_later(Repair::EndDiversion(node, host.vni, host.mac));
    }

    /// An operator says for good which MAC an address has.
    fn neighbor_is_pinned(&mut self) {
        let Some(number) = self.any_host(true) else { return };
        let (host, Place { node, .. }, now) = (self.hosts.alive[&number], self.any_place(), self.now());
        let Some(address) = host.ip else { return };
        self.log(&format!("node {node}: an operator pins {address}"));
        self.nodes[node].kernel.tables.set_permanent(now, host.vni, address, host.mac);
        self.wake_kernels();
        self.repair_later(Repair::ClearNeighbor(node, host.vni, address));
    }
}
