//! What befalls pods and the routes of a kernel.

use super::{Named, Repair};
use crate::sim::Sim;
use crate::topology::pods;

pub(super) const DEEDS: &[Named] = &[
    ("a node gets or loses a block of pods", Sim::pods_change),
    ("a node gets or loses a block of pods", Sim::pods_change),
    ("a link of the routed goes down", Sim::link_goes_down),
    ("a link's device is removed", Sim::link_is_removed),
    ("a stranger deletes a route", Sim::route_is_deleted),
    ("a foreign route is in the way for a while", Sim::place_is_taken),
    ("a kernel refuses routes", Sim::routes_are_refused),
    ("a routed kernel's socket is small", Sim::routes_overflow),
];

impl Sim {
    fn routed_node(&self) -> usize {
        let routed = self.topology.routed();
        self.chance(|rng| rng.pick(&routed))
    }

    fn pods_change(&mut self) {
        let node = self.routed_node();
        let block = pods(node, self.chance(|rng| rng.between(1, 3)));
        let all = &mut self.nodes[node].spec.pods;
        match all.iter().position(|pods| *pods == block) {
            Some(place) => _ = all.remove(place),
            None => all.push(block),
        }
        self.log(&format!("node {node} gets or loses {block}"));
        self.nodes[node].reload();
    }

    fn link_goes_down(&mut self) {
        let node = self.routed_node();
        self.log(&format!("node {node}: its link goes down"));
        self.nodes[node].routes.set_up(false);
        self.nodes[node].wake_routes();
        self.repair_later(Repair::RaiseLink(node));
    }

    fn link_is_removed(&mut self) {
        let node = self.routed_node();
        self.log(&format!("node {node}: its link's device is removed"));
        self.nodes[node].routes.remove_link();
        self.nodes[node].wake_routes();
        self.repair_later(Repair::RaiseLink(node));
    }

    fn route_is_deleted(&mut self) {
        let (node, n) = (self.routed_node(), self.chance(|rng| rng.below(100)));
        if self.nodes[node].routes.delete_ours(n) {
            self.log(&format!("node {node}: a route of linnet's is deleted"));
            self.nodes[node].wake_routes();
        }
    }

    fn place_is_taken(&mut self) {
        let (node, other) = (self.routed_node(), self.routed_node());
        let prefix = pods(other, self.chance(|rng| rng.below(4)));
        if node != other && self.nodes[node].routes.take_place(prefix) {
            self.log(&format!("node {node}: somebody has a route to {prefix}"));
            self.nodes[node].wake_routes();
            self.repair_later(Repair::LeavePlace(node, prefix));
        }
    }

    fn routes_are_refused(&mut self) {
        let (node, n) = (self.routed_node(), self.chance(|rng| rng.between(1, 4)));
        self.log(&format!("node {node}: the kernel refuses one route in {n}"));
        self.nodes[node].routes.refuses = Some(n);
        self.repair_later(Repair::Obey(node));
    }

    fn routes_overflow(&mut self) {
        let node = self.routed_node();
        self.log(&format!("node {node}: the socket to the kernel is small"));
        self.nodes[node].narrow(true);
        self.repair_later(Repair::Widen(node));
    }
}
