//! One node under test: takes what the actions say into plain tables, and refuses actions that say nothing or
//! come in an order that a dataplane could not follow.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp::types::{Mac, Vni};
use bgp::wire::{Attrs, EvpnBody, EvpnKey};
use evpn::dataplane::{Observation, WantedKey, WantedValue};
use evpn::{Action, Config, Evpn, Flooding, MacRow, Notice, Remote, RowId};

use crate::words::*;

pub(crate) struct Node {
    pub(crate) evpn: Evpn,
    pub(crate) now: Instant,
    /// What the dataplane is to have.
    pub(crate) wanted: BTreeMap<WantedKey, WantedValue>,
    /// What was originated.
    pub(crate) routes: BTreeMap<EvpnKey, (EvpnBody, Arc<Attrs>)>,
    pub(crate) notices: Vec<Notice>,
    /// The addresses whose hosts are to be asked.
    pub(crate) asked: Vec<std::net::IpAddr>,
    /// How often routes were asked for once more.
    pub(crate) replays: usize,
    /// The routes and wanted keys of actions, in order, since it was last cleared.
    pub(crate) log: Vec<Done>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Originate(EvpnKey),
    Retract(EvpnKey),
    Want(WantedKey, WantedValue),
    Unwant(WantedKey),
}

impl Node {
    /// Node `n` with VNI 100 up.
    pub(crate) fn new(n: u8) -> Node {
        let mut node = Node::with(config(n));
        node.see(device(100));
        node
    }

    pub(crate) fn with(config: Config) -> Node {
        Node {
            evpn: Evpn::new(config),
            now: Instant::now(),
            wanted: BTreeMap::new(),
            routes: BTreeMap::new(),
            notices: Vec::new(),
            asked: Vec::new(),
            replays: 0,
            log: Vec::new(),
        }
    }

    pub(crate) fn see(&mut self, observation: Observation) -> &mut Node {
        self.evpn.observe(self.now, observation);
        self.run()
    }

    pub(crate) fn reconfigure(&mut self, config: Config) -> &mut Node {
        self.evpn.reconfigure(self.now, config);
        self.run()
    }

    pub(crate) fn hear(&mut self, said: &Said) -> &mut Node {
        self.hear_route(&said.key, Some((said.body, &said.attrs())))
    }

    pub(crate) fn unhear(&mut self, said: &Said) -> &mut Node {
        self.hear_route(&said.key, None)
    }

    pub(crate) fn hear_route(&mut self, key: &EvpnKey, route: Option<(EvpnBody, &Arc<Attrs>)>) -> &mut Node {
        let route = route.map(|(body, attrs)| Remote { attrs, body, local: false });
        self.evpn.route(self.now, key, route);
        self.run()
    }

    pub(crate) fn wait(&mut self, time: Duration) -> &mut Node {
        self.now += time;
        self
    }

    /// Lets pass what it waits for, if it waits for anything.
    pub(crate) fn wait_for_timeout(&mut self) -> &mut Node {
        if let Some(due) = self.evpn.poll_timeout() {
            self.now = self.now.max(due);
            self.evpn.recover(self.now);
        }
        self.run()
    }

    /// Clears all duplicates; how many there were.
    pub(crate) fn clear(&mut self) -> usize {
        let cleared = self.evpn.clear_duplicates(self.now, None, None);
        self.run();
        cleared
    }

    /// What was done since the last call.
    pub(crate) fn done(&mut self) -> Vec<Done> {
        std::mem::take(&mut self.log)
    }

    pub(crate) fn mac(&self, n: u8) -> Option<MacRow> {
        self.evpn.mac(vni(100), mac(n))
    }

    /// The extended communities of a route of ours.
    pub(crate) fn said(&self, key: &EvpnKey) -> Option<Vec<bgp::wire::ExtCommunity>> {
        self.routes.get(key).map(|(_, attrs)| attrs.ext_communities.to_vec())
    }

    pub(crate) fn wanted_mac(&self, n: u8) -> Option<WantedValue> {
        self.wanted.get(&WantedKey::Mac { vni: vni(100), mac: mac(n) }).copied()
    }

    pub(crate) fn wanted_neighbor(&self, address: &str) -> Option<WantedValue> {
        self.wanted.get(&WantedKey::Neighbor { vni: vni(100), ip: ip(address) }).copied()
    }

    /// The VTEPs that VNI 100 floods to.
    pub(crate) fn flooded(&self) -> Vec<std::net::IpAddr> {
        let flood = |key: &WantedKey| match *key {
            WantedKey::Flood { vtep, .. } => Some(vtep),
            _ => None,
        };
        self.wanted.keys().filter_map(flood).collect()
    }

    fn run(&mut self) -> &mut Node {
        while let Some(action) = self.evpn.poll_action() {
            self.perform(action);
        }
        self.check_counts();
        self
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Originate { key, body, attrs } => {
                let old = self.routes.insert(key, (body, attrs.clone()));
                assert_ne!(old, Some((body, attrs)), "says nothing new: {key}");
                self.log.push(Done::Originate(key));
            }
            Action::Retract { key } => {
                assert!(self.routes.remove(&key).is_some(), "retracts what is not there: {key}");
                self.log.push(Done::Retract(key));
            }
            Action::Want { key, value } => self.want(key, value),
            Action::Unwant { key } => self.unwant(key),
            Action::Replay => self.replays += 1,
            Action::Ask { ip, .. } => self.asked.push(ip),
            Action::Notice(notice) => self.notices.push(notice),
        }
    }

    fn want(&mut self, key: WantedKey, value: WantedValue) {
        assert_ne!(self.wanted.insert(key, value), Some(value), "wants nothing new: {key:?}");
        self.log.push(Done::Want(key, value));
        if let (WantedKey::Neighbor { vni, .. }, WantedValue::Neighbor { mac, .. }) = (key, value) {
            let row = WantedKey::Mac { vni, mac };
            assert!(self.wanted.contains_key(&row), "{key:?} before its MAC's row");
        }
    }

    fn unwant(&mut self, key: WantedKey) {
        assert!(self.wanted.remove(&key).is_some(), "unwants what is not wanted: {key:?}");
        self.log.push(Done::Unwant(key));
        if let WantedKey::Mac { vni, mac } = key {
            let left = self.neighbors_on(vni, mac);
            assert!(left.is_empty(), "{mac}'s row goes while {left:?} stand on it");
        }
    }

    fn neighbors_on(&self, vni: Vni, host: Mac) -> Vec<WantedKey> {
        let on = |(key, value): (&WantedKey, &WantedValue)| match (key, value) {
            (WantedKey::Neighbor { vni: v, .. }, WantedValue::Neighbor { mac, .. }) => {
                (*v == vni && *mac == host).then_some(*key)
            }
            _ => None,
        };
        self.wanted.iter().filter_map(on).collect()
    }

    /// The counters of a VNI are those of its rows and of what is wanted.
    fn check_counts(&self) {
        for row in self.evpn.vnis() {
            let macs: Vec<_> = self.evpn.macs(row.vni, RowId(0)).map(|mac| mac.place).collect();
            let local = macs.iter().filter(|place| **place == evpn::Place::Local).count();
            let remote = macs.iter().filter(|place| matches!(place, evpn::Place::Remote(_))).count();
            assert_eq!((row.local_macs, row.remote_macs), (local, remote));
            let neighbors: Vec<_> = self.evpn.neighbors(row.vni, RowId(0)).map(|n| n.place).collect();
            let local = neighbors.iter().filter(|place| **place == evpn::Place::Local).count();
            let remote = neighbors.iter().filter(|place| matches!(place, evpn::Place::Remote(_))).count();
            assert_eq!((row.local_neighbors, row.remote_neighbors), (local, remote));
            assert_eq!(
                row.vteps,
                self.evpn.vteps(row.vni, None).filter(|vtep| vtep.flood == Flooding::Yes).count()
            );
        }
    }
}
