//! Hosts that move between nodes with kernels: once all has settled and every host has spoken, everybody
//! knows where every host is, whatever happened before.
//!
//! The kernel here keeps the promises that `evpn::dataplane` asks of a dataplane, and is as slow as it likes.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use bgp::types::Mac;
use evpn::dataplane::{Observation, WantedKey, WantedValue};
use evpn::{Config, DuplicateAction, DuplicateRules};
use proptest::prelude::*;

use crate::network::{HOSTS, NODES, Network, Seen, address, cases, check};
use crate::node::Done;
use crate::words::*;

struct World {
    network: Network,
    kernels: Vec<Kernel>,
    /// The node that each host is attached to.
    place: BTreeMap<Mac, usize>,
    /// The host that has each address.
    addresses: BTreeMap<IpAddr, Mac>,
}

#[derive(Default)]
struct Kernel {
    fdb: BTreeMap<Mac, Row>,
    neighbors: BTreeMap<IpAddr, Neighbor>,
    /// Not reported yet.
    news: VecDeque<Observation>,
}

#[derive(Clone, Copy, PartialEq)]
enum Row {
    Local,
    Remote,
    /// Local traffic does not take it.
    Sticky,
}

#[derive(Clone, Copy, PartialEq)]
enum Neighbor {
    Learnt(Mac),
    /// Put there by us: traffic does not change it.
    Ours,
    Probed(Mac),
}

impl Kernel {
    fn perform(&mut self, done: Done) {
        match done {
            Done::Want(WantedKey::Mac { mac, .. }, WantedValue::Mac { sticky, .. }) => {
                self.send_away(mac, if sticky { Row::Sticky } else { Row::Remote });
            }
            Done::Unwant(WantedKey::Mac { mac, .. }) => {
                self.fdb.retain(|m, row| *m != mac || *row == Row::Local);
            }
            Done::Want(WantedKey::Neighbor { ip, .. }, WantedValue::LocalNeighbor { mac }) => {
                self.neighbors.insert(ip, Neighbor::Probed(mac));
            }
            Done::Want(WantedKey::Neighbor { ip, .. }, _) => {
                if let Some(Neighbor::Learnt(_)) = self.neighbors.insert(ip, Neighbor::Ours) {
                    self.news.push_back(Observation::LocalNeighborGone { vni: vni(100), ip });
                }
            }
            Done::Unwant(WantedKey::Neighbor { ip, .. }) => {
                self.neighbors.retain(|i, row| *i != ip || *row != Neighbor::Ours);
            }
            _ => {}
        }
    }

    fn send_away(&mut self, mac: Mac, row: Row) {
        if self.fdb.insert(mac, row) == Some(Row::Local) {
            self.news.push_back(Observation::LocalMacGone { vni: vni(100), mac });
        }
    }

    /// A host's frame and its ARP request for the gateway arrive on a port.
    fn hear(&mut self, mac: Mac, addresses: &[IpAddr]) {
        let is_new = !matches!(self.fdb.get(&mac), Some(Row::Local | Row::Sticky));
        if is_new {
            self.fdb.insert(mac, Row::Local);
            self.news.push_back(Observation::LocalMac { vni: vni(100), mac, sticky: false });
        }
        for ip in addresses {
            let row = self.neighbors.get(ip).copied();
            if row != Some(Neighbor::Ours) && row != Some(Neighbor::Learnt(mac)) {
                self.learn(*ip, mac);
            }
        }
    }

    fn learn(&mut self, ip: IpAddr, mac: Mac) {
        self.neighbors.insert(ip, Neighbor::Learnt(mac));
        self.news.push_back(Observation::LocalNeighbor { vni: vni(100), ip, mac, router: false });
    }

    /// Rows of hosts that are not here are forgotten, neighbours that do not answer too; what is probed is
    /// decided.
    fn age(&mut self, is_here: impl Fn(Mac) -> bool, has: impl Fn(IpAddr, Mac) -> bool) {
        for (mac, row) in self.fdb.clone() {
            if row == Row::Local && !is_here(mac) {
                self.fdb.remove(&mac);
                self.news.push_back(Observation::LocalMacGone { vni: vni(100), mac });
            }
        }
        for (ip, row) in self.neighbors.clone() {
            match row {
                Neighbor::Probed(mac) if is_here(mac) && has(ip, mac) => self.learn(ip, mac),
                Neighbor::Learnt(mac) | Neighbor::Probed(mac) if !(is_here(mac) && has(ip, mac)) => {
                    self.neighbors.remove(&ip);
                    self.news.push_back(Observation::LocalNeighborGone { vni: vni(100), ip });
                }
                _ => {}
            }
        }
    }

    fn seen(&self) -> Seen {
        let local = self.fdb.iter().filter(|(_, row)| **row == Row::Local).map(|(mac, _)| (*mac, false));
        let learnt = self.neighbors.iter().filter_map(|(ip, row)| match row {
            Neighbor::Learnt(mac) => Some((*ip, *mac)),
            _ => None,
        });
        Seen { macs: local.collect(), neighbors: learnt.collect() }
    }
}

#[derive(Clone, Debug)]
enum Event {
    /// Attaches to a node, and says so or not.
    Move {
        host: u8,
        to: usize,
        silent: bool,
    },
    Leave {
        host: u8,
    },
    /// The address has another host now.
    Readdress {
        address: u8,
        host: u8,
    },
    Speak {
        host: u8,
    },
    Age {
        node: usize,
    },
    /// The kernel does what it was asked to, or reports what it has seen.
    Work {
        node: usize,
        times: usize,
    },
    Report {
        node: usize,
        times: usize,
    },
    Deliver {
        from: usize,
        to: usize,
        times: usize,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let (node, host, times) = (0..NODES, 1..=HOSTS, 1..6_usize);
    prop_oneof![
        4 => (host.clone(), node.clone(), any::<bool>())
            .prop_map(|(host, to, silent)| Event::Move { host, to, silent }),
        1 => host.clone().prop_map(|host| Event::Leave { host }),
        1 => (host.clone(), host.clone()).prop_map(|(address, host)| Event::Readdress { address, host }),
        4 => host.prop_map(|host| Event::Speak { host }),
        2 => node.clone().prop_map(|node| Event::Age { node }),
        6 => (node.clone(), times.clone()).prop_map(|(node, times)| Event::Work { node, times }),
        6 => (node.clone(), times.clone()).prop_map(|(node, times)| Event::Report { node, times }),
        8 => (node.clone(), node, times).prop_map(|(from, to, times)| Event::Deliver { from, to, times }),
    ]
}

impl World {
    fn new() -> World {
        World {
            network: Network::new(NODES),
            kernels: (0..NODES).map(|_| Kernel::default()).collect(),
            place: BTreeMap::new(),
            addresses: (1..=HOSTS).map(|n| (address(n), mac(n))).collect(),
        }
    }

    fn apply(&mut self, event: &Event) {
        match *event {
            Event::Move { host, to, silent } => {
                self.place.insert(mac(host), to);
                if !silent {
                    self.speak(mac(host));
                }
            }
            Event::Leave { host } => _ = self.place.remove(&mac(host)),
            Event::Readdress { address: n, host } => _ = self.addresses.insert(address(n), mac(host)),
            Event::Speak { host } => self.speak(mac(host)),
            Event::Age { node } => self.age(node),
            Event::Work { node, times } => (0..times).for_each(|_| _ = self.work(node)),
            Event::Report { node, times } => (0..times).for_each(|_| _ = self.report(node)),
            Event::Deliver { from, to, times } => (0..times).for_each(|_| _ = self.network.deliver(from, to)),
        }
    }

    fn speak(&mut self, mac: Mac) {
        let Some(node) = self.place.get(&mac) else { return };
        let addresses: Vec<_> =
            self.addresses.iter().filter(|(_, m)| **m == mac).map(|(ip, _)| *ip).collect();
        self.kernels[*node].hear(mac, &addresses);
    }

    fn age(&mut self, node: usize) {
        let (place, addresses) = (&self.place, &self.addresses);
        let has = |ip, mac| addresses.get(&ip) == Some(&mac);
        self.kernels[node].age(|mac| place.get(&mac) == Some(&node), has);
    }

    fn work(&mut self, node: usize) -> bool {
        let next = self.network.asked[node].pop_front();
        next.map(|done| self.kernels[node].perform(done)).is_some()
    }

    fn report(&mut self, node: usize) -> bool {
        let next = self.kernels[node].news.pop_front();
        next.map(|news| self.network.see(node, news)).is_some()
    }

    fn rest(&mut self) {
        for _ in 0..100 {
            self.network.rest();
            let busy = (0..NODES).filter(|node| {
                let worked = std::iter::from_fn(|| self.work(*node).then_some(())).count();
                let reported = std::iter::from_fn(|| self.report(*node).then_some(())).count();
                worked + reported > 0
            });
            if busy.count() == 0 {
                return;
            }
        }
        panic!("the world does not come to rest");
    }

    /// Has every node freeze a MAC at its second move.
    fn freeze(&mut self) {
        let freeze = |rules| DuplicateRules { moves: 2, action: DuplicateAction::Freeze, ..rules };
        for (at, node) in self.network.nodes.iter_mut().enumerate() {
            let usual = config(at as u8 + 1);
            node.reconfigure(Config { duplicates: freeze(usual.duplicates), ..usual });
        }
    }

    fn recover(&mut self) {
        (0..NODES).for_each(|node| self.network.recover(node));
        self.rest();
    }

    fn settle(&mut self) {
        (0..NODES).for_each(|node| self.age(node));
        self.rest();
        (1..=HOSTS).for_each(|host| self.speak(mac(host)));
        self.rest();
    }

    fn check(&mut self) {
        for (node, kernel) in self.kernels.iter().enumerate() {
            self.network.seen[node] = kernel.seen();
        }
        check(&self.network);
        for host in 1..=HOSTS {
            let place = self.place.get(&mac(host)).copied();
            assert_eq!(self.network.mac_owner(0, host), place, "where host {host} is");
            for (node, kernel) in self.kernels.iter().enumerate() {
                let row = place.map(|place| if place == node { Row::Local } else { Row::Remote });
                assert!(kernel.fdb.get(&mac(host)).copied() == row, "node {node}'s row of host {host}");
            }
        }
        for (ip, mac) in &self.addresses {
            for (node, kernel) in self.kernels.iter().enumerate() {
                let row = self
                    .place
                    .get(mac)
                    .map(|place| if *place == node { Neighbor::Learnt(*mac) } else { Neighbor::Ours });
                assert!(kernel.neighbors.get(ip).copied() == row, "node {node}'s neighbour {ip}");
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(2))]

    #[test]
    fn every_host_is_found_where_it_is(events in prop::collection::vec(event(), 1..120)) {
        let mut world = World::new();
        events.iter().for_each(|event| world.apply(event));
        // The first time may find hosts at odds with what old news says; the second hears the truth only.
        world.settle();
        world.settle();
        world.check();
    }

    /// Nodes that freeze what moves a second time: what was frozen on the way recovers to where it is.
    #[test]
    fn every_host_is_found_where_it_is_once_it_has_recovered(
        events in prop::collection::vec(event(), 1..120),
    ) {
        let mut world = World::new();
        world.freeze();
        events.iter().for_each(|event| world.apply(event));
        // What moves while it settles may be frozen once more.
        for _ in 0..5 {
            world.settle();
            world.recover();
        }
        world.settle();
        world.check();
    }
}
