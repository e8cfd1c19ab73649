//! The export against a naive model: whatever happens, every peer ends with exactly the right routes.

mod cases;
mod member;
mod receiver;

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use proptest::collection::vec;
use proptest::prelude::*;

use super::plans::{Released, released};
use super::policy::Policy;
use super::{Batch, Export, PathsSent};
use crate::rib::testing::{NEXT_HOPS, VARIANTS, identity, key, next_hop, rib, route, source, variant};
use crate::rib::{Budget, Destination, DestinationId, Path, Reachability, Rib, Table};
use crate::types::{Family, PathId, PeerId};
use crate::wire::{Attrs, Community, Route};

use member::spec;
use receiver::{Place, Receiver};

const PEERS: u32 = 8;
const KEYS: u32 = 10;
const POLICIES: u32 = 3;
const FAMILY: Family = Family::Ipv4Unicast;

#[derive(Clone, Debug)]
enum Op {
    Announce {
        peer: u32,
        key: u32,
        path_id: u32,
        variant: u32,
    },
    Withdraw {
        peer: u32,
        key: u32,
        path_id: u32,
    },
    /// A next hop of some paths can be reached, or cannot.
    NextHop(u32, bool),
    Down(u32),
    /// The peer's routes are stale for long.
    Age(u32),
    /// End-of-RIB is held back, or no longer.
    Hold(bool),
    Sweep(usize),
    Join(u32),
    /// With marks, or without.
    Refresh(u32, bool),
    /// These peers get another policy, all at once.
    Policy {
        peers: Vec<u32>,
        policy: u32,
    },
    /// The peer has sent one of the batches it holds.
    Sent(u32),
    Pump(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..PEERS, 0..KEYS, 0..2u32, 0..VARIANTS)
            .prop_map(|(peer, key, path_id, variant)| Op::Announce { peer, key, path_id, variant }),
        6 => (0..PEERS, 0..KEYS, 0..2u32)
            .prop_map(|(peer, key, path_id)| Op::Withdraw { peer, key, path_id }),
        1 => (0..NEXT_HOPS, any::<bool>()).prop_map(|(n, reachable)| Op::NextHop(n, reachable)),
        1 => (0..PEERS).prop_map(Op::Down),
        1 => (0..PEERS).prop_map(Op::Age),
        1 => any::<bool>().prop_map(Op::Hold),
        2 => (0..9usize).prop_map(Op::Sweep),
        3 => (0..PEERS).prop_map(Op::Join),
        2 => (0..PEERS, any::<bool>()).prop_map(|(peer, marked)| Op::Refresh(peer, marked)),
        2 => (vec(0..PEERS, 1..3), 0..POLICIES).prop_map(|(peers, policy)| Op::Policy { peers, policy }),
        6 => (0..PEERS).prop_map(Op::Sent),
        8 => (1..15usize).prop_map(Op::Pump),
    ]
}

struct World {
    rib: Rib,
    export: Export,
    members: BTreeMap<PeerId, Receiver>,
    /// Which policy each peer has.
    policies: BTreeMap<PeerId, u32>,
}

fn path(n: u32, path_id: u32) -> Route<Ipv4Net> {
    Route { path_id: PathId(path_id), ..route(n) }
}

/// Attributes that name their source, so that a receiver would recognise its own.
fn signed(peer: PeerId, n: u32) -> Attrs {
    Attrs { communities: [Community(peer.0)].into(), ..Attrs::clone(&variant(n)) }
}

impl World {
    fn new() -> World {
        let mut rib = rib(PEERS);
        rib.track_next_hops();
        World { rib, export: Export::default(), members: BTreeMap::new(), policies: BTreeMap::new() }
    }

    fn step(&mut self, op: &Op) {
        let World { rib, export, members, policies } = self;
        match *op {
            Op::Announce { peer, key, path_id, variant } => {
                let (peer, attrs) = (PeerId(peer), signed(PeerId(peer), variant).into());
                rib.ipv4.announce(&rib.decision, peer, 0, &attrs, &[path(key, path_id)]);
            }
            Op::Withdraw { peer, key, path_id } => {
                rib.ipv4.withdraw(&rib.decision, PeerId(peer), &[path(key, path_id)]);
            }
            Op::NextHop(n, reachable) => {
                while rib.poll_next_hop().is_some() {}
                let reachability = match reachable {
                    true => Reachability::default(),
                    false => Reachability::Unreachable,
                };
                rib.set_next_hop(next_hop(n).into(), reachability);
            }
            Op::Down(peer) => {
                export.leave(rib, PeerId(peer));
                rib.peer_down(PeerId(peer));
                members.remove(&PeerId(peer));
            }
            Op::Age(peer) => {
                rib.mark_stale(PeerId(peer), FAMILY);
                rib.age_stale(PeerId(peer), FAMILY);
            }
            Op::Hold(hold) => export.hold_end_of_rib(FAMILY, hold),
            Op::Sweep(budget) => drop(rib.sweep(&mut Budget::new(budget))),
            Op::Join(peer) if !members.contains_key(&PeerId(peer)) => {
                members.insert(PeerId(peer), Receiver::default());
                export.join(rib, PeerId(peer), FAMILY, &spec(PeerId(peer), policies));
                export.credit(PeerId(peer), 1 + peer % 3);
            }
            Op::Join(_) => (),
            Op::Refresh(peer, marked) => export.refresh(rib, PeerId(peer), FAMILY, marked),
            Op::Policy { ref peers, policy } => {
                policies.extend(peers.iter().map(|&peer| (PeerId(peer), policy)));
                let changed = |&peer: &u32| (PeerId(peer), spec(PeerId(peer), policies));
                export.change(rib, &peers.iter().map(changed).collect::<Vec<_>>());
            }
            Op::Sent(peer) => self.sent(PeerId(peer)),
            Op::Pump(budget) => drop(self.pump(budget)),
        }
    }

    fn sent(&mut self, peer: PeerId) {
        if let Some(receiver) = self.members.get_mut(&peer).filter(|r| r.unsent > 0) {
            receiver.unsent -= 1;
            self.export.credit(peer, 1);
        }
    }

    fn pump(&mut self, budget: usize) -> bool {
        let more = self.export.pump(&mut self.rib, &mut Budget::new(budget));
        while let Some((peer, batch)) = self.export.poll_batch() {
            let receiver = self.members.get_mut(&peer).expect("only members are sent anything");
            receiver.unsent += 1;
            assert!(receiver.unsent <= 1 + peer.0 % 3, "no more than its credit");
            receiver.take(peer, &batch);
        }
        more
    }

    fn settle(&mut self) {
        self.export.hold_end_of_rib(FAMILY, false);
        while self.rib.sweep(&mut Budget::new(100)) {}
        loop {
            let more = self.pump(7);
            let waiting: u32 = self.members.values().map(|r| r.unsent).sum();
            (0..PEERS).for_each(|peer| self.sent(PeerId(peer)));
            if !more && waiting == 0 {
                return;
            }
        }
    }

    fn check(&self) {
        for (&peer, receiver) in &self.members {
            assert_eq!(receiver.routes, self.expected(peer), "{peer}");
            assert_eq!((receiver.ends_of_rib, &receiver.stale), (1, &None), "{peer}");
            let status = self.export.status(&self.rib, peer, FAMILY).expect("is a member");
            assert!(status.in_sync && status.cursor == self.rib.ipv4.head());
            assert_eq!(status.advertised, receiver.routes.len());
            let listed = self.export.advertised_ipv4(&self.rib, peer, DestinationId(0), usize::MAX);
            let listed: BTreeMap<_, _> = listed.into_iter().map(|a| ((a.nlri, a.path_id), a.attrs)).collect();
            assert_eq!(listed, receiver.routes);
        }
        let mut specs: Vec<_> =
            self.members.keys().map(|&peer| format!("{:?}", spec(peer, &self.policies))).collect();
        specs.sort();
        specs.dedup();
        assert_eq!(self.export.ipv4.groups(), specs.len(), "those alike have come together");
    }

    /// What a peer must have: of each destination the best path, or several.
    fn expected(&self, peer: PeerId) -> BTreeMap<Place, Attrs> {
        let (us, to) = (identity(), spec(peer, &self.policies));
        let policy = Policy { us: &us, to: &to, family: FAMILY };
        let several = to.encoding.add_path.contains(FAMILY);
        let mut routes = BTreeMap::new();
        for (_, destination) in (0..KEYS).filter_map(|k| self.rib.ipv4.get(key(k))) {
            let nlri = destination.nlri();
            let sent = |path: &Path<Ipv4Net>| {
                let from = source(path.source);
                let Released { attrs, fixed } = released(&to, &from.context(FAMILY), &nlri, path)?;
                let goes = policy.exports(&path.attrs, &from) && policy.can_tell(&attrs, &from, fixed);
                goes.then(|| policy.rewrite(&attrs, &from, fixed))
            };
            let paths: Vec<_> = match (several, to.paths) {
                (false, _) => destination.best().into_iter().collect(),
                (true, PathsSent::All) => self.usable(destination).collect(),
                (true, PathsSent::Best(n)) => self.best(destination, n.into(), |path| sent(path).is_some()),
            };
            for path in paths.into_iter().filter(|path| path.source != peer) {
                let path_id = if several { path.path_id_sent().unwrap() } else { PathId(0) };
                if let Some(attrs) = sent(path) {
                    assert!(routes.insert((nlri, path_id), attrs).is_none(), "one route a place");
                }
            }
        }
        routes
    }

    fn usable<'a>(
        &'a self,
        destination: &'a Destination<Ipv4Net>,
    ) -> impl Iterator<Item = &'a Path<Ipv4Net>> {
        destination.paths().filter(|path| self.rib.decision.is_eligible(path.source, &path.attrs))
    }

    /// The best so many, found the long way: each is the best of a table that has only what is left.
    fn best<'a>(
        &'a self,
        destination: &'a Destination<Ipv4Net>,
        count: usize,
        may: impl Fn(&Path<Ipv4Net>) -> bool,
    ) -> Vec<&'a Path<Ipv4Net>> {
        let mut left: Vec<_> = self.usable(destination).filter(|path| may(path)).collect();
        let mut best = Vec::new();
        while best.len() < count && !left.is_empty() {
            let mut table = Table::new(1);
            for path in &left {
                let Path { source, path_id, attrs, .. } = path;
                let route = Route { path_id: *path_id, ..Route::new(destination.nlri(), ()) };
                table.announce(&self.rib.decision, *source, 0, attrs, &[route]);
            }
            let (_, alone) = table.get(destination.nlri()).unwrap();
            let winner = alone.best().map(|path| (path.source, path.path_id));
            let position = left.iter().position(|path| winner == Some((path.source, path.path_id)));
            best.push(left.remove(position.expect("the winner is one of them")));
        }
        best
    }
}

proptest! {
    #[test]
    fn every_peer_ends_with_the_right_routes(ops in vec(op(), 1..150)) {
        let mut world = World::new();
        ops.iter().for_each(|op| world.step(op));
        world.settle();
        world.check();
    }
}
