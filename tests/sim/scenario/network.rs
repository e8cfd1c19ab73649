//! What befalls links and sessions.

use std::time::Duration;

use api::{Query, v1};

use super::{Named, Repair};
use crate::peer::ip;
use crate::sim::Sim;

pub(super) const DEEDS: &[Named] = &[
    ("a link is cut", Sim::link_is_cut),
    ("the network is parted", Sim::network_is_parted),
    ("connections are reset", Sim::connections_are_reset),
    ("an operator resets a session", Sim::session_is_reset),
    ("an operator asks for routes again", Sim::routes_are_asked_for),
    ("a node reads slowly", Sim::node_is_slow),
    ("a process stands still", Sim::process_stands_still),
];

impl Sim {
    fn link_is_cut(&mut self) {
        let links = self.topology.links();
        let (a, b) = self.chance(|rng| rng.pick(&links));
        self.cut(&[(a, b)]);
    }

    /// Some nodes can reach only each other for a while, and the others likewise.
    fn network_is_parted(&mut self) {
        let sides: Vec<bool> = self.chance(|rng| (0..self.nodes.len()).map(|_| rng.one_in(2)).collect());
        let between = self.topology.links().into_iter().filter(|(a, b)| sides[*a] != sides[*b]);
        let between: Vec<_> = between.collect();
        if between.len() > 1 {
            self.cut(&between);
        }
    }

    fn cut(&mut self, links: &[(usize, usize)]) {
        let (now, longest) = (self.now(), self.scenario.pace * 27);
        let time = self.chance(|rng| rng.time_below(longest));
        self.log(&format!("{links:?} are cut apart for {time:?}"));
        let mut net = self.net.borrow_mut();
        links.iter().for_each(|(a, b)| net.cut(*a, *b, now + time));
    }

    fn connections_are_reset(&mut self) {
        let links = self.topology.links();
        let (a, b) = self.chance(|rng| rng.pick(&links));
        self.log(&format!("connections between {a} and {b} are reset"));
        self.net.borrow_mut().reset(a, b);
    }

    fn session_is_reset(&mut self) {
        self.reset_by_operator(v1::ResetKind::Hard);
    }

    fn routes_are_asked_for(&mut self) {
        let kind = self.chance(|rng| rng.pick(&[v1::ResetKind::SoftIn, v1::ResetKind::SoftOut]));
        self.reset_by_operator(kind);
    }

    fn reset_by_operator(&mut self, kind: v1::ResetKind) {
        let node = self.any_node();
        if !self.nodes[node].is_running() {
            return;
        }
        let neighbors = self.nodes[node].spec.neighbors();
        let number = self.chance(|rng| rng.below(neighbors));
        let (other, _) = self.nodes[node].spec.other_end(number);
        let (address, message) = (ip(other).to_string(), String::new());
        if kind != v1::ResetKind::Hard && !self.nodes[node].is_established(number) {
            return;
        }
        self.log(&format!("node {node} resets its session with {other}: {kind:?}"));
        let reset = v1::ResetNeighborRequest { address, kind: kind.into(), message };
        self.nodes[node].ask(Query::ResetNeighbor(reset));
    }

    fn node_is_slow(&mut self) {
        let node = self.any_node();
        self.log(&format!("node {node} is slow"));
        self.net.borrow_mut().slow.insert(node);
        self.repair_later(Repair::Quicken(node));
    }

    /// Its machine is put to sleep, or its process is stopped: for it, time jumps.
    fn process_stands_still(&mut self) {
        let (node, now) = (self.any_node(), self.now());
        if !self.nodes[node].is_running() {
            return;
        }
        let time = self.chance(|rng| rng.time_below(Duration::from_secs(25)));
        self.log(&format!("node {node} stands still for {time:?}"));
        self.paused.insert(node, now + time);
    }
}
