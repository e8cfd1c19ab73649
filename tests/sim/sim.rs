//! A simulation: nodes, the network between them, hosts, and one clock.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bgp::types::{Mac, Vni};

use crate::clock::{Clock, Due, Task};
use crate::hosts::{Host, Hosts, Place};
use crate::net::{Arrived, EndId, Net, Shared};
use crate::node::Node;
use crate::rng::Rng;
use crate::scenario::Scenario;
use crate::topology::Topology;
use crate::watcher::Watcher;

/// Everything.
#[derive(Debug)]
pub(crate) struct Sim {
    pub(crate) topology: Topology,
    pub(crate) net: Shared,
    pub(crate) nodes: Vec<Node>,
    pub(crate) hosts: Hosts,
    pub(crate) scenario: Scenario,
    /// Processes that stand still, and until when.
    pub(crate) paused: BTreeMap<usize, Instant>,
    pub(crate) watchers: Vec<Watcher>,
}

impl Sim {
    /// All daemons have just been started.
    pub(crate) fn new(topology: Topology, rng: Rng) -> Sim {
        let net: Shared = Rc::new(RefCell::new(Net::new(Clock::new(rng))));
        let specs = topology.nodes.iter().enumerate();
        let mut nodes: Vec<Node> =
            specs.map(|(number, spec)| Node::new(number, spec.clone(), &net)).collect();
        nodes.iter_mut().for_each(Node::start);
        Sim {
            topology,
            net,
            nodes,
            hosts: Hosts::default(),
            scenario: Scenario::default(),
            paused: BTreeMap::new(),
            watchers: Vec::new(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.net.borrow().clock.now()
    }

    /// Time since the beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        self.net.borrow().clock.elapsed()
    }

    /// Draws from the one source of chance.
    pub(crate) fn chance<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut self.net.borrow_mut().clock.rng)
    }

    /// Has the scenario go on after a while.
    pub(crate) fn scenario_after(&self, wait: Duration) {
        let clock = &mut self.net.borrow_mut().clock;
        let at = clock.now() + wait;
        clock.schedule(at, Due::Scenario);
    }

    /// Lets everything happen that is due within `time`.
    pub(crate) fn run(&mut self, time: Duration) {
        let until = self.now() + time;
        loop {
            let due = self.net.borrow_mut().clock.next(until);
            match due {
                Some(Due::Turn(task)) if self.stands_still(task) => {}
                Some(Due::Turn(Task::Core(node))) => self.nodes[node].core_turn(),
                Some(Due::Turn(Task::Peer(node, peer))) => self.nodes[node].peer_turn(peer),
                Some(Due::Turn(Task::Kernel(node))) => self.nodes[node].kernel_turn(),
                Some(Due::Turn(Task::Routes(node))) => self.nodes[node].routes_turn(),
                Some(Due::Arrival(end)) => self.arrive(end),
                Some(Due::Scenario) => self.scenario_goes_on(),
                None => return,
            }
        }
    }

    /// A process that stands still has its turn when it goes on.
    fn stands_still(&mut self, task: Task) -> bool {
        let Some(node) = task.process() else { return false };
        let Some(until) = self.paused.get(&node).copied() else { return false };
        if until <= self.now() {
            self.paused.remove(&node);
            return false;
        }
        self.net.borrow_mut().clock.wake_at(task, until);
        true
    }

    fn arrive(&mut self, end: EndId) {
        let arrived = self.net.borrow_mut().arrive(end);
        let (owner, id, outcome) = match arrived {
            Arrived::Nothing => return,
            Arrived::Accept(owner, id) => (owner, id, None),
            Arrived::Dialled(owner, id, outcome) => (owner, id, Some(outcome)),
        };
        let Some(peer) = self.nodes[owner.node].peer(owner.peer) else {
            // The daemon runs and does not listen yet.
            return self.net.borrow_mut().release(id);
        };
        match outcome {
            None => peer.give_accepted(id),
            Some(outcome) => peer.give_dialled(id, outcome),
        }
        self.net.borrow_mut().clock.wake(Task::Peer(owner.node, owner.peer));
    }

    /// A host says something; everybody in its network may hear its address.
    pub(crate) fn speak(&mut self, host: Host, gratuitous: bool) {
        let now = self.now();
        let Place { node, port } = host.place;
        self.nodes[node].kernel.tables.frame(now, host.vni, port, host.mac, host.ip);
        if let Some(ip) = host.ip.filter(|_| gratuitous) {
            for other in self.topology.bridged().into_iter().filter(|other| *other != node) {
                let tables = &mut self.nodes[other].kernel.tables;
                if tables.serves(host.vni) && tables.knows(host.vni, ip) {
                    tables.resolve(now, host.vni, ip, host.mac);
                }
            }
        }
        self.wake_kernels();
    }

    /// Hosts answer from where they are, and nowhere else.
    pub(crate) fn attach(&mut self) {
        for node in &mut self.nodes {
            let here = self.hosts.alive.values().filter(|host| host.place.node == node.number);
            let tables = &node.kernel.tables;
            let answers = here.filter_map(|host| Some((host.vni, host.ip?, host.mac)));
            let attached = answers.map(|(vni, ip, mac)| ((tables.segment(vni).bridge, ip), mac)).collect();
            node.kernel.tables.attached = attached;
        }
    }

    /// A frame with somebody else's MAC.
    pub(crate) fn impostor(&mut self, vni: Vni, mac: Mac, place: Place) {
        let now = self.now();
        self.nodes[place.node].kernel.tables.frame(now, vni, place.port, mac, None);
        self.wake_kernels();
    }

    /// Something was changed in a kernel from outside.
    pub(crate) fn wake_kernels(&mut self) {
        let mut net = self.net.borrow_mut();
        let stirred = self.nodes.iter().filter(|node| !node.kernel.is_at_rest());
        stirred.for_each(|node| net.clock.wake(Task::Kernel(node.number)));
    }

    /// How many UPDATEs were sent, in all sessions that there are now.
    pub(crate) fn updates(&self) -> u64 {
        self.nodes.iter().map(Node::updates).sum()
    }
}
