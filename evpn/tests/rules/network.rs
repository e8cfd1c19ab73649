//! Networks of nodes at random: whatever was seen and in whatever order news travelled, once it has arrived
//! all nodes agree, and each wants exactly what a computation from scratch says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use bgp::types::Mac;
use bgp::wire::{Attrs, EvpnBody, EvpnKey};
use evpn::dataplane::{Observation, WantedKey, WantedValue};
use evpn::{Place, RowId};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, RngSeed};

use crate::node::{Done, Node};
use crate::words::*;

/// What travels: a route as its origin has it now, or that it is gone.
type News = (EvpnKey, Option<(EvpnBody, Arc<Attrs>)>);

/// Nodes that hear each other's routes through links that keep their order but not their pace. As with any
/// BGP table, a link carries only the newest state of a route.
pub(crate) struct Network {
    pub(crate) nodes: Vec<Node>,
    /// `links[from][to]`.
    links: Vec<Vec<VecDeque<News>>>,
    /// What each node was told last, by everyone.
    heard: Vec<BTreeMap<EvpnKey, (EvpnBody, Arc<Attrs>)>>,
    /// What was announced of each node's routes.
    announced: Vec<BTreeMap<EvpnKey, (EvpnBody, Arc<Attrs>)>>,
    /// What each node's dataplane has.
    pub(crate) seen: Vec<Seen>,
    /// What each node's dataplane was asked to do and has not done yet.
    pub(crate) asked: Vec<VecDeque<Done>>,
}

/// What a dataplane has of its own hosts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// With whether they are sticky.
    pub(crate) macs: BTreeMap<Mac, bool>,
    pub(crate) neighbors: BTreeMap<IpAddr, Mac>,
}

impl Network {
    pub(crate) fn new(size: usize) -> Network {
        let mut network = Network {
            nodes: (1..=size).map(|n| Node::new(n as u8)).collect(),
            links: vec![vec![VecDeque::new(); size]; size],
            heard: vec![BTreeMap::new(); size],
            announced: vec![BTreeMap::new(); size],
            seen: vec![Seen::default(); size],
            asked: vec![VecDeque::new(); size],
        };
        (0..size).for_each(|node| network.announce(node));
        network
    }

    fn size(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn see(&mut self, node: usize, observation: Observation) {
        let replays = self.nodes[node].replays;
        self.nodes[node].see(observation);
        if self.nodes[node].replays > replays {
            self.replay(node);
        }
        self.announce(node);
    }

    /// Lets pass at a node what its duplicates wait for.
    pub(crate) fn recover(&mut self, node: usize) {
        while self.nodes[node].evpn.poll_timeout().is_some() {
            self.nodes[node].wait_for_timeout();
        }
        self.announce(node);
    }

    fn replay(&mut self, node: usize) {
        for (key, (body, attrs)) in self.heard[node].clone() {
            self.nodes[node].hear_route(&key, Some((body, &attrs)));
        }
    }

    /// Puts on the links what has changed of a node's routes. A neighbour that the node wants verified is
    /// none of its dataplane's until it is.
    fn announce(&mut self, from: usize) {
        for done in self.nodes[from].done() {
            if let Done::Want(WantedKey::Neighbor { ip, .. }, WantedValue::LocalNeighbor { .. }) = done {
                self.seen[from].neighbors.remove(&ip);
            }
            self.asked[from].push_back(done);
        }
        let (old, new) = (&self.announced[from], &self.nodes[from].routes);
        let gone = old.keys().filter(|key| !new.contains_key(key)).map(|key| (*key, None));
        let changed = new.iter().filter(|(key, route)| old.get(key) != Some(route));
        let news: Vec<News> = gone.chain(changed.map(|(key, route)| (*key, Some(route.clone())))).collect();
        self.announced[from] = new.clone();
        for to in (0..self.size()).filter(|to| *to != from) {
            for item in &news {
                self.links[from][to].retain(|(key, _)| *key != item.0);
                self.links[from][to].push_back(item.clone());
            }
        }
    }

    pub(crate) fn deliver(&mut self, from: usize, to: usize) -> bool {
        let Some((key, route)) = self.links[from][to].pop_front() else { return false };
        match &route {
            Some(route) => _ = self.heard[to].insert(key, route.clone()),
            None => _ = self.heard[to].remove(&key),
        }
        self.nodes[to].hear_route(&key, route.as_ref().map(|(body, attrs)| (*body, attrs)));
        self.announce(to);
        true
    }

    /// Delivers everything. Must come to rest: sequences that chase each other would not.
    pub(crate) fn rest(&mut self) {
        for _ in 0..10_000 {
            let pairs = (0..self.size()).flat_map(|a| (0..self.size()).map(move |b| (a, b)));
            let busy = pairs.collect::<Vec<_>>().into_iter().filter(|(a, b)| self.deliver(*a, *b)).count();
            if busy == 0 {
                return;
            }
        }
        panic!("the network does not come to rest");
    }

    /// Which node has a host, as node `at` sees it; `None` if it sees it nowhere.
    fn owner(&self, at: usize, place: Place) -> Option<usize> {
        match place {
            Place::Local => Some(at),
            Place::Remote(address) => (0..self.size()).find(|n| vtep(*n as u8 + 1) == address),
            Place::Nowhere => None,
        }
    }

    pub(crate) fn mac_owner(&self, at: usize, host: u8) -> Option<usize> {
        self.nodes[at].mac(host).and_then(|row| self.owner(at, row.place))
    }
}

/// What a claim says, from its route alone: pinned, sequence.
fn rank(attrs: &Attrs) -> (bool, u32) {
    let mobility = attrs.ext_communities.iter().find_map(|community| match community.0 {
        [6, 0, flags, _, a, b, c, d] => Some((flags & 1 == 1, u32::from_be_bytes([a, b, c, d]))),
        _ => None,
    });
    mobility.unwrap_or_default()
}

/// Everything that a node ought to want, computed from what all have announced and what the node itself
/// claims.
struct Model<'a> {
    network: &'a Network,
    node: usize,
    local: &'a BTreeMap<Mac, bool>,
    neighbors: &'a BTreeMap<IpAddr, Mac>,
}

impl Model<'_> {
    /// Everyone else's routes with their VTEPs.
    fn remote(&self) -> impl Iterator<Item = (Mac, Option<IpAddr>, IpAddr, (bool, u32))> + '_ {
        let others = (0..self.network.size()).filter(|n| *n != self.node);
        others.flat_map(|n| &self.network.nodes[n].routes).filter_map(|(key, (_, attrs))| match *key {
            EvpnKey::MacIp { mac, ip, .. } => Some((mac, ip, attrs.next_hop.address(), rank(attrs))),
            _ => None,
        })
    }

    fn us(&self) -> IpAddr {
        vtep(self.node as u8 + 1)
    }

    /// The winner of a MAC: whose, and its rank.
    fn winner(&self, mac: Mac) -> Option<(IpAddr, (bool, u32))> {
        let remote = self.remote().filter(|claim| claim.0 == mac).map(|(_, _, vtep, rank)| (vtep, rank));
        let local = self.local.get(&mac).map(|sticky| {
            let seq = self.network.nodes[self.node].evpn.mac(vni(100), mac).unwrap().local_seq.unwrap();
            (self.us(), (*sticky, seq))
        });
        remote.chain(local).max_by_key(|(vtep, rank)| (*rank, std::cmp::Reverse(*vtep)))
    }

    fn macs(&self) -> BTreeSet<Mac> {
        self.remote().map(|claim| claim.0).chain(self.local.keys().copied()).collect()
    }

    fn wanted(&self) -> BTreeMap<WantedKey, WantedValue> {
        let mut wanted = BTreeMap::new();
        for n in (0..self.network.size()).filter(|n| *n != self.node) {
            let imet = imet_key(rd(n as u8 + 1), vtep(n as u8 + 1));
            if self.network.nodes[n].routes.contains_key(&imet) {
                let key = WantedKey::Flood { vni: vni(100), vtep: vtep(n as u8 + 1) };
                wanted.insert(key, WantedValue::Flood);
            }
        }
        for mac in self.macs() {
            let winner = self.winner(mac).filter(|(vtep, _)| *vtep != self.us());
            if let Some((vtep, (sticky, _))) = winner {
                wanted.insert(WantedKey::Mac { vni: vni(100), mac }, WantedValue::Mac { vtep, sticky });
            }
        }
        for ip in self.remote().filter_map(|claim| claim.1).collect::<BTreeSet<_>>() {
            if let Some((mac, false)) = self.binding(ip) {
                let value = WantedValue::Neighbor { mac, router: false };
                wanted.insert(WantedKey::Neighbor { vni: vni(100), ip }, value);
            }
        }
        wanted
    }

    /// The MAC of an address and whether it is ours.
    fn binding(&self, ip: IpAddr) -> Option<(Mac, bool)> {
        let remote = self.remote().filter(|claim| claim.1 == Some(ip)).map(|(mac, _, vtep, _)| (mac, vtep));
        let local = self.neighbors.get(&ip).map(|mac| (*mac, self.us()));
        let good = remote.chain(local).filter_map(|(mac, vtep)| {
            let (holder, (_, seq)) = self.winner(mac)?;
            (holder == vtep).then_some((mac, vtep, seq))
        });
        let order =
            |(mac, vtep, seq): &(Mac, IpAddr, u32)| (*seq, std::cmp::Reverse(*vtep), std::cmp::Reverse(*mac));
        good.max_by_key(order).map(|(mac, vtep, _)| (mac, vtep == self.us()))
    }

    fn routes(&self) -> BTreeSet<EvpnKey> {
        let us = rd(self.node as u8 + 1);
        let macs = self.local.keys().filter(|mac| self.winner(**mac).is_some_and(|w| w.0 == self.us()));
        // Also one that another MAC has: that two claim it is for everybody to see.
        let is_here = |mac: &Mac| self.winner(*mac).is_some_and(|winner| winner.0 == self.us());
        let addresses = self.neighbors.iter().filter(|(_, mac)| is_here(mac));
        let addresses = addresses.map(|(ip, mac)| mac_ip_key(us, *mac, &ip.to_string()));
        let keys = macs.map(|mac| mac_key(us, *mac)).chain(addresses);
        keys.chain([imet_key(us, self.us())]).collect()
    }
}

#[derive(Clone, Debug)]
enum Event {
    LocalMac { node: usize, host: u8, sticky: bool },
    LocalMacGone { node: usize, host: u8 },
    LocalNeighbor { node: usize, address: u8, host: u8 },
    LocalNeighborGone { node: usize, address: u8 },
    Flap { node: usize },
    Deliver { from: usize, to: usize, times: usize },
}

pub(crate) const NODES: usize = 4;
pub(crate) const HOSTS: u8 = 3;

pub(crate) fn address(n: u8) -> IpAddr {
    IpAddr::from([10, 1, 0, n])
}

fn event() -> impl Strategy<Value = Event> {
    let (node, host, address) = (0..NODES, 1..=HOSTS, 1..=HOSTS);
    prop_oneof![
        4 => (node.clone(), host.clone(), prop::bool::weighted(0.1))
            .prop_map(|(node, host, sticky)| Event::LocalMac { node, host, sticky }),
        2 => (node.clone(), host.clone()).prop_map(|(node, host)| Event::LocalMacGone { node, host }),
        4 => (node.clone(), address.clone(), host)
            .prop_map(|(node, address, host)| Event::LocalNeighbor { node, address, host }),
        2 => (node.clone(), address).prop_map(|(node, address)| Event::LocalNeighborGone { node, address }),
        1 => node.clone().prop_map(|node| Event::Flap { node }),
        8 => (node.clone(), node, 1..8_usize)
            .prop_map(|(from, to, times)| Event::Deliver { from, to, times }),
    ]
}

/// Answers what a node asked to be verified.
fn verify(network: &mut Network, node: usize, there: bool) {
    let asked = |(key, value): (&WantedKey, &WantedValue)| match (key, value) {
        (WantedKey::Neighbor { ip, .. }, WantedValue::LocalNeighbor { mac }) => Some((*ip, *mac)),
        _ => None,
    };
    let all: Vec<_> = network.nodes[node].wanted.iter().filter_map(asked).collect();
    for (ip, mac) in all {
        if there {
            network.seen[node].neighbors.insert(ip, mac);
            network.see(node, Observation::LocalNeighbor { vni: vni(100), ip, mac, router: false });
        } else {
            network.see(node, Observation::LocalNeighborGone { vni: vni(100), ip });
        }
    }
}

fn apply(network: &mut Network, event: &Event) {
    match *event {
        Event::LocalMac { node, host, sticky } => {
            network.seen[node].macs.insert(mac(host), sticky);
            network.see(node, Observation::LocalMac { vni: vni(100), mac: mac(host), sticky });
        }
        Event::LocalMacGone { node, host } => {
            network.seen[node].macs.remove(&mac(host));
            network.see(node, local_mac_gone(host));
        }
        Event::LocalNeighbor { node, address: n, host } => {
            network.seen[node].neighbors.insert(address(n), mac(host));
            network.see(node, local_neighbor(&address(n).to_string(), host));
        }
        Event::LocalNeighborGone { node, address: n } => {
            network.seen[node].neighbors.remove(&address(n));
            network.see(node, local_neighbor_gone(&address(n).to_string()));
        }
        Event::Flap { node } => {
            network.seen[node] = Seen::default();
            network.see(node, Observation::VniGone { vni: vni(100) });
            network.see(node, device(100));
        }
        Event::Deliver { from, to, times } => {
            (0..times).for_each(|_| _ = network.deliver(from, to));
        }
    }
}

pub(crate) fn cases(seed: u64) -> Cases {
    Cases { cases: 250, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Cases::default() }
}

proptest! {
    #![proptest_config(cases(1))]

    /// The dataplanes say anything at all, even that one host is in several places and stays there.
    #[test]
    fn whatever_is_seen_all_agree_at_rest(events in prop::collection::vec(event(), 1..80), there: bool) {
        let mut network = Network::new(NODES);
        events.iter().for_each(|event| apply(&mut network, event));
        network.rest();
        (0..NODES).for_each(|node| verify(&mut network, node, there));
        network.rest();
        check(&network);
    }
}

pub(crate) fn check(network: &Network) {
    for host in 1..=HOSTS {
        let owners: BTreeSet<_> = (0..NODES).map(|at| network.mac_owner(at, host)).collect();
        assert_eq!(owners.len(), 1, "who has host {host}: {owners:?}");
    }
    for (node, Seen { macs, neighbors }) in network.seen.iter().enumerate() {
        let model = Model { network, node, local: macs, neighbors };
        let actual = &network.nodes[node];
        let verifying = |value: &WantedValue| matches!(value, WantedValue::LocalNeighbor { .. });
        assert!(!actual.wanted.values().any(verifying), "all was verified");
        assert_eq!(actual.wanted, model.wanted(), "what node {node} wants");
        assert_eq!(actual.routes.keys().copied().collect::<BTreeSet<_>>(), model.routes(), "what it says");
        let rows: BTreeSet<_> = actual.evpn.macs(vni(100), RowId(0)).map(|row| row.mac).collect();
        let waiting = neighbors.values().copied();
        assert_eq!(rows, model.macs().into_iter().chain(waiting).collect(), "no stale rows");
    }
}
