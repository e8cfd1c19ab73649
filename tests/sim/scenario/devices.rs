//! What befalls a leaf's devices and the kernel's way of telling of them.

use super::{Named, Repair};
use crate::hosts::Place;
use crate::kernel::{Kind, Refusal};
use crate::sim::Sim;

pub(super) const DEEDS: &[Named] = &[
    ("a port flaps", Sim::port_flaps),
    ("a bridge or tunnel flaps", Sim::bridge_or_tunnel_flaps),
    ("a bridge loses its carrier", Sim::bridge_loses_carrier),
    ("a VXLAN device is replaced", Sim::tunnel_is_replaced),
    ("a VXLAN device is gone for a while", Sim::tunnel_is_gone),
    ("a VXLAN device is moved to another bridge", Sim::tunnel_is_moved),
    ("a kernel's socket is small", Sim::kernel_overflows),
    ("a kernel refuses ops", Sim::kernel_refuses),
    ("a configuration leaves a VNI out", Sim::vni_is_left),
];

impl Sim {
    fn port_flaps(&mut self) {
        let (vni, Place { node, port }) = (self.any_vni(), self.any_place());
        let device = self.nodes[node].kernel.tables.segment(vni).ports[port];
        self.lower(node, device);
    }

    fn bridge_or_tunnel_flaps(&mut self) {
        let (vni, Place { node, port }) = (self.any_vni(), self.any_place());
        let segment = self.nodes[node].kernel.tables.segment(vni);
        let device = if port == 0 { segment.bridge } else { segment.vxlan };
        self.lower(node, device);
    }

    fn lower(&mut self, node: usize, device: fib::IfIndex) {
        self.log(&format!("node {node}: {device:?} goes down"));
        self.nodes[node].kernel.tables.set_up(device, false);
        self.wake_kernels();
        self.repair_later(Repair::Raise(node, device));
    }

    fn bridge_loses_carrier(&mut self) {
        let (vni, Place { node, .. }) = (self.any_vni(), self.any_place());
        let tables = &mut self.nodes[node].kernel.tables;
        let bridge = tables.segment(vni).bridge;
        tables.set_carrier(bridge, false);
        self.log(&format!("node {node}: {bridge:?} loses its carrier"));
        self.wake_kernels();
        self.repair_later(Repair::Connect(node, bridge));
    }

    fn tunnel_is_replaced(&mut self) {
        let (vni, Place { node, .. }) = (self.any_vni(), self.any_place());
        self.log(&format!("node {node}: the VXLAN device of {vni} is replaced"));
        self.nodes[node].kernel.tables.make_vxlan(node, vni);
        self.wake_kernels();
    }

    fn tunnel_is_gone(&mut self) {
        let (vni, Place { node, .. }) = (self.any_vni(), self.any_place());
        self.log(&format!("node {node}: the VXLAN device of {vni} is deleted"));
        self.nodes[node].kernel.tables.remove_vxlan(vni);
        self.wake_kernels();
        self.repair_later(Repair::Make(node, vni));
    }

    fn tunnel_is_moved(&mut self) {
        let (vni, Place { node, .. }) = (self.any_vni(), self.any_place());
        self.log(&format!("node {node}: the VXLAN device of {vni} is moved to another bridge"));
        self.nodes[node].kernel.tables.move_vxlan(vni, true);
        self.wake_kernels();
        self.repair_later(Repair::Bring(node, vni));
    }

    fn kernel_overflows(&mut self) {
        let Place { node, .. } = self.any_place();
        self.log(&format!("node {node}: the socket to the kernel is small"));
        self.nodes[node].narrow(true);
        self.repair_later(Repair::Widen(node));
    }

    fn kernel_refuses(&mut self) {
        let Place { node, .. } = self.any_place();
        let refusal = self.chance(|rng| match rng.one_in(2) {
            true => Refusal::OneIn(rng.between(2, 5)),
            false => Refusal::All(rng.pick(&Kind::ALL)),
        });
        self.log(&format!("node {node}: the kernel refuses ops: {refusal:?}"));
        self.nodes[node].kernel.refuses = Some(refusal);
        self.repair_later(Repair::Obey(node));
    }

    /// A configuration that is read again does not name a network any more.
    fn vni_is_left(&mut self) {
        let (vni, Place { node, .. }) = (self.any_vni(), self.any_place());
        if self.nodes[node].spec.left.is_none() {
            self.log(&format!("node {node} serves {vni} no more"));
            self.nodes[node].spec.left = Some(vni.get());
            self.nodes[node].reload();
            self.repair_later(Repair::Serve(node));
        }
    }
}
