//! What befalls daemons: they are stopped, killed, lose their power, and read another configuration.

use super::{Named, Repair, STAYS_AWAY};
use crate::sim::Sim;

pub(super) const DEEDS: &[Named] = &[
    ("a daemon is stopped", Sim::node_restarts),
    ("a daemon is killed", Sim::node_is_killed),
    ("a node loses its power", Sim::node_vanishes),
    ("a reflector is lost", Sim::reflector_is_lost),
    ("a daemon is killed and back at once", Sim::node_is_upgraded),
    ("a daemon is to die as it writes", Sim::node_is_doomed),
    ("all daemons are killed", Sim::all_are_killed),
];

impl Sim {
    fn node_restarts(&mut self) {
        let node = self.any_node();
        self.ends(node, "is stopped", |sim| sim.nodes[node].stop());
    }

    fn node_is_killed(&mut self) {
        let node = self.any_node();
        self.ends(node, "is killed", |sim| sim.nodes[node].kill());
    }

    fn node_vanishes(&mut self) {
        let node = self.any_node();
        self.ends(node, "vanishes", |sim| sim.nodes[node].vanish());
    }

    fn reflector_is_lost(&mut self) {
        let reflectors: Vec<usize> =
            (0..self.nodes.len()).filter(|node| self.topology.nodes[*node].is_bare()).collect();
        if !reflectors.is_empty() {
            let node = self.chance(|rng| rng.pick(&reflectors));
            self.ends(node, "is lost, a reflector", |sim| sim.nodes[node].vanish());
        }
    }

    /// As when its program is replaced by another one.
    fn node_is_upgraded(&mut self) {
        let node = self.any_node();
        if self.nodes[node].is_running() {
            self.log(&format!("node {node} is killed, and back"));
            self.nodes[node].kill();
            self.paused.remove(&node);
            self.nodes[node].start();
        }
    }

    fn node_is_doomed(&mut self) {
        let node = self.any_node();
        if self.nodes[node].is_running() {
            self.log(&format!("node {node} is to die as it writes"));
            self.nodes[node].is_doomed = true;
            self.repair_later(Repair::Start(node));
        }
    }

    fn all_are_killed(&mut self) {
        if !self.chance(|rng| rng.one_in(3)) {
            return;
        }
        for node in 0..self.nodes.len() {
            self.ends(node, "is killed with all others", |sim| sim.nodes[node].kill());
        }
    }

    fn ends(&mut self, node: usize, how: &str, end: impl FnOnce(&mut Sim)) {
        if self.nodes[node].is_running() {
            self.log(&format!("node {node} {how}"));
            self.paused.remove(&node);
            end(self);
            self.repair_later(Repair::Start(node));
        }
    }

    /// A node that the others can do without, now and then.
    pub(super) fn someone_to_lose(&mut self) -> Option<usize> {
        let (leaves, all) = (self.topology.leaves(), 0..self.nodes.len());
        let reflectors: Vec<usize> = all.filter(|node| !leaves.contains(node)).collect();
        let spare = if reflectors.len() > 1 { reflectors } else { Vec::new() };
        let candidates: Vec<usize> = leaves.into_iter().chain(spare).collect();
        self.chance(|rng| rng.one_in(5).then(|| rng.pick(&candidates)))
    }

    /// It goes for good, with its hosts.
    pub(super) fn lose(&mut self, node: usize) {
        self.log(&format!("node {node} never comes back"));
        self.paused.remove(&node);
        match self.chance(|rng| rng.below(3)) {
            0 => self.nodes[node].stop(),
            1 => self.nodes[node].kill(),
            _ => self.nodes[node].vanish(),
        }
        self.hosts.alive.retain(|_, host| host.place.node != node);
        self.attach();
        self.net.borrow_mut().seen.count(STAYS_AWAY);
    }
}
