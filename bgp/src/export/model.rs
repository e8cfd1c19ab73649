//! The export against a naive model: whatever happens, every peer ends with exactly the right routes.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;
use proptest::collection::vec;
use proptest::prelude::*;

use super::plans::Released;
use super::policy::Policy;
use super::rewalk::released;
use super::{Batch, Export, MemberSpec, PathsSent, Role};
use crate::policy::testing::{adds, chain, communities, prefixes, statement};
use crate::policy::{Chain, Changes, Statement, Verdict};
use crate::rib::testing::{NEXT_HOPS, US, VARIANTS, identity, key, next_hop, rib, route, source, variant};
use crate::rib::{Budget, Destination, DestinationId, Path, Reachability, Rib, SourceKind, Table};
use crate::types::{EthernetTag, Family, Mac, PathId, PeerId, Rd, Vni};
use crate::wire::message::{HEADER_LEN, MAX_MESSAGE, Message, frame};
use crate::wire::update::{Encoding, PeerKind, UpdateContext};
use crate::wire::{Attrs, Community, EvpnBody, EvpnKey, NextHop, Nlris, Route, RouteRefresh, Update};

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

/// What a receiver holds routes by.
type Place = (Ipv4Net, PathId);

struct World {
    rib: Rib,
    export: Export,
    members: BTreeMap<PeerId, Receiver>,
    /// Which policy each peer has.
    policies: BTreeMap<PeerId, u32>,
}

/// What a peer has made of the bytes it was sent.
#[derive(Default)]
struct Receiver {
    routes: BTreeMap<Place, Attrs>,
    /// While it is sent everything again: what it has not been sent since.
    stale: Option<BTreeSet<Place>>,
    ends_of_rib: u32,
    /// How many announcements there were.
    announced: usize,
    unsent: u32,
    messages: u32,
}

/// Peers 2, 3, 6 and 7 are sent several paths, the last two of them the same; peers 3 and 4 are else alike, and peer
/// 5 may not be sent anything (RFC 8212).
fn spec(peer: PeerId, policies: &BTreeMap<PeerId, u32>) -> MemberSpec {
    let role = match source(peer) {
        s if s.client => Role::Client,
        s if s.kind == SourceKind::Ibgp => Role::NonClient,
        _ => Role::Ebgp { local_as: US, behind: None },
    };
    let next_hop = NextHop::Ipv4([10, 0, 0, 1].into());
    let paths = if peer == PeerId(3) { PathsSent::Best(2) } else { PathsSent::All };
    MemberSpec {
        role,
        bgp_role: None,
        next_hop,
        next_hop_mode: Default::default(),
        encoding: encoding(peer),
        paths,
        between_clients: true,
        export: peer != PeerId(5),
        long_lived: peer == PeerId(1),
        policy: policies.get(&peer).and_then(|&n| policy(n)),
    }
}

/// One of few policies: none, one that asks of the prefixes, one that asks of the attributes.
fn policy(n: u32) -> Option<Chain> {
    let accept = |name| statement(name, Verdict::Accept);
    let statements = match n % POLICIES {
        0 => return None,
        1 => vec![
            Statement { of_route: vec![prefixes(&["11.0.0.0/22 le 24"])], ..statement("a", Verdict::Reject) },
            Statement {
                of_route: vec![prefixes(&["11.0.4.0/22 le 24"])],
                changes: adds("7:7"),
                ..accept("b")
            },
            accept("c"),
        ],
        _ => vec![
            Statement { of_attrs: vec![communities("0:1")], ..statement("a", Verdict::Reject) },
            Statement { changes: med_and_next_hop(), ..accept("b") },
        ],
    };
    Some(chain(statements, Verdict::Reject))
}

fn med_and_next_hop() -> Changes {
    let (med, next_hop) = ("+7".parse().ok(), "10.0.0.77".parse().ok());
    Changes { med, next_hop, ..Changes::default() }
}

/// As a peer is sent routes.
fn encoding(peer: PeerId) -> Encoding {
    let several = [2, 3, 6, 7].contains(&peer.0).then_some(FAMILY);
    Encoding { add_path: several.into_iter().collect(), ..Encoding::default() }
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

impl Receiver {
    fn take(&mut self, me: PeerId, batch: &Batch) {
        for segment in batch.segments_for(me) {
            let said = decode(me, &segment.bytes);
            assert_eq!(said.len(), (segment.updates + segment.refreshes) as usize);
            self.messages += segment.updates;
            for said in said {
                match said {
                    Said::Announce(attrs, keys) => {
                        self.renew(&keys);
                        assert_ne!(*attrs.communities, [Community(me.0)], "its own route");
                        self.announced += keys.len();
                        self.routes.extend(keys.into_iter().map(|place| (place, attrs.clone())));
                    }
                    Said::Withdraw(keys) => {
                        self.renew(&keys);
                        for key in keys {
                            assert!(self.routes.remove(&key).is_some(), "needless: {key:?}");
                        }
                    }
                    Said::EndOfRib => self.ends_of_rib += 1,
                    Said::RefreshBegins => self.stale = Some(self.routes.keys().copied().collect()),
                    Said::RefreshEnds => assert_eq!(self.stale.take(), Some(BTreeSet::new()), "{me}"),
                }
            }
        }
    }

    fn renew(&mut self, keys: &[Place]) {
        let stale = self.stale.iter_mut();
        stale.for_each(|stale| stale.retain(|key| !keys.contains(key)));
    }
}

enum Said {
    Announce(Attrs, Vec<Place>),
    Withdraw(Vec<Place>),
    EndOfRib,
    RefreshBegins,
    RefreshEnds,
}

/// The messages, as the receiver's parser takes them.
fn decode(me: PeerId, mut bytes: &[u8]) -> Vec<Said> {
    let kind = if source(me).kind == SourceKind::Ibgp { PeerKind::Ibgp } else { PeerKind::Ebgp };
    let families = [FAMILY].into_iter().collect();
    let context = UpdateContext { encoding: encoding(me), kind, families };
    let mut said = Vec::new();
    while let Some((kind, length)) = frame(bytes, MAX_MESSAGE).expect("a sound header") {
        let (message, rest) = bytes.split_at(length);
        said.push(match Message::parse(kind, &message[HEADER_LEN..], &context).expect("a sound message") {
            Message::Update(update) => {
                assert!(update.faults.is_empty(), "{:?}", update.faults);
                Said::from(update)
            }
            Message::RouteRefresh(mark) if mark == RouteRefresh::new(FAMILY, 1) => Said::RefreshBegins,
            Message::RouteRefresh(mark) if mark == RouteRefresh::new(FAMILY, 2) => Said::RefreshEnds,
            other => panic!("{other:?}"),
        });
        bytes = rest;
    }
    assert!(bytes.is_empty(), "whole messages");
    said
}

impl From<Update> for Said {
    fn from(update: Update) -> Said {
        let keys = |nlri| match nlri {
            Nlris::Ipv4(routes) => routes.into_iter().map(|r: Route<Ipv4Net>| (r.nlri, r.path_id)).collect(),
            other => panic!("of another family: {other:?}"),
        };
        match (update.reach.into_iter().next(), update.unreach.into_iter().next(), update.end_of_rib) {
            (Some(reach), None, None) => Said::Announce(reach.attrs, keys(reach.nlri)),
            (None, Some(unreach), None) => Said::Withdraw(keys(unreach)),
            (None, None, Some(FAMILY)) => Said::EndOfRib,
            other => panic!("not one thing: {other:?}"),
        }
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

/// A member that does not read does not hold up the others, and reads only the newest state when it does.
#[test]
fn a_slow_member_is_left_behind_and_joins_again() {
    let mut world = World::new();
    let (fast, slow) = (PeerId(0), PeerId(1));
    world.step(&Op::Join(fast.0));
    world.step(&Op::Join(slow.0));
    world.settle();
    let announce =
        |world: &mut World, v| world.step(&Op::Announce { peer: 4, key: 0, path_id: 0, variant: v });
    for v in 0..20 {
        announce(&mut world, v);
        world.pump(100);
        world.sent(fast);
        world.pump(100);
    }
    assert_eq!(world.members[&fast].routes, world.expected(fast));
    assert_eq!(world.members[&slow].unsent, 2, "all its credit");
    assert_eq!(world.export.ipv4.groups(), 2);
    world.sent(slow);
    world.pump(100);
    assert_eq!(world.members[&slow].unsent, 2, "one batch for all that it has missed");
    world.settle();
    world.check();
}

/// To a receiver of several paths each path is a route of its own: one that changes costs one announcement.
#[test]
fn a_path_that_changes_is_told_of_alone() {
    let mut world = World::new();
    let receiver = PeerId(6);
    let announce = |world: &mut World, peer, variant| {
        world.step(&Op::Announce { peer, key: 0, path_id: 0, variant });
        world.settle();
        world.members.get_mut(&receiver).map(|r| std::mem::take(&mut r.messages)).unwrap_or_default()
    };
    world.step(&Op::Join(receiver.0));
    for (peer, variant) in [(2, 1), (3, 1), (4, 1)] {
        announce(&mut world, peer, variant);
    }
    assert_eq!(world.members[&receiver].routes.len(), 3);
    assert_eq!(announce(&mut world, 3, 2), 1);
    assert_eq!(announce(&mut world, 3, 2), 0, "nothing new");
    world.step(&Op::Withdraw { peer: 2, key: 0, path_id: 0 });
    world.settle();
    assert_eq!(world.members[&receiver].messages, 1, "the others stay as they are");
    world.check();
}

/// Those who are served alike before and after a change of policy are not parted by it.
#[test]
fn a_change_of_policy_parts_only_who_differs_by_it() {
    let (mut rib, mut export) = (rib(PEERS), Export::default());
    let alike = |policies: &[u32]| {
        let policies = policies.iter().map(|&n| (PeerId(0), n)).collect();
        spec(PeerId(0), &policies)
    };
    let members = [PeerId(0), PeerId(1)];
    for peer in members {
        export.join(&mut rib, peer, FAMILY, &alike(&[]));
        export.credit(peer, 9);
    }
    while export.pump(&mut rib, &mut Budget::new(9)) {}
    export.change(&mut rib, &members.map(|peer| (peer, alike(&[1]))));
    assert_eq!(export.ipv4.groups(), 1);
    export.change(&mut rib, &[(PeerId(0), alike(&[2]))]);
    assert_eq!(export.ipv4.groups(), 2);
}

/// A new policy sends what it changes, and nothing else.
#[test]
fn a_change_of_policy_sends_only_what_changes() {
    let mut world = World::new();
    for peer in [0, 1] {
        world.step(&Op::Join(peer));
    }
    for key in 0..KEYS {
        world.step(&Op::Announce { peer: 4, key, path_id: 0, variant: 2 });
    }
    world.settle();
    let before = world.members[&PeerId(0)].announced;
    world.step(&Op::Policy { peers: vec![0, 1], policy: 1 });
    world.settle();
    world.check();
    let receiver = &world.members[&PeerId(0)];
    assert_eq!(
        (receiver.routes.len(), receiver.announced - before),
        (6, 4),
        "four go, four change, two stay"
    );
    world.step(&Op::Policy { peers: vec![0], policy: 0 });
    world.settle();
    world.check();
    assert_eq!(world.members[&PeerId(0)].routes.len(), KEYS as usize);
    assert_eq!(world.members[&PeerId(1)].routes.len(), 6);
}

/// Attribute sets that come in turns fill messages all the same, and batches keep their size.
#[test]
fn packing() {
    const SETS: u32 = 10;
    const ROUTES: u32 = 20_000;
    let mut world = World::new();
    let sets: Vec<_> = (0..SETS).map(|n| signed(PeerId(0), n).into()).collect();
    for n in 0..ROUTES {
        let attrs = &sets[(n % SETS) as usize];
        world.rib.ipv4.announce(&world.rib.decision, PeerId(0), 0, attrs, &[route(n)]);
    }
    world.step(&Op::Join(1));
    world.export.credit(PeerId(1), 100);
    let (mut messages, mut batches, mut receiver) = (0, 0, Receiver::default());
    while world.export.pump(&mut world.rib, &mut Budget::new(100_000)) {}
    while let Some((peer, batch)) = world.export.poll_batch() {
        let octets: usize = batch.segments_for(peer).map(|s| s.bytes.len()).sum();
        assert!(octets < 80 * 1024, "{octets}");
        messages += batch.segments_for(peer).map(|s| s.updates).sum::<u32>();
        batches += 1;
        receiver.take(peer, &batch);
    }
    assert_eq!(receiver.routes.len(), ROUTES as usize);
    assert!(batches <= 4, "{batches}");
    // A message of 4096 octets holds close to a thousand /24s; each set may leave one unfilled in each batch.
    assert!(messages <= ROUTES / 900 + SETS * batches + 1, "{messages}");
}

/// ESI and labels are not part of an EVPN route's key: another label is another announcement of the same.
#[test]
fn evpn_routes_are_reflected_with_their_bodies() {
    let (mut rib, mut export) = (rib(PEERS), Export::default());
    let nlri = EvpnKey::MacIp { rd: Rd([1; 8]), tag: EthernetTag(0), mac: Mac([2; 6]), ip: None };
    let from = PeerId(0);
    export.join(&mut rib, PeerId(1), Family::L2vpnEvpn, &spec(PeerId(1), &BTreeMap::new()));
    export.credit(PeerId(1), 9);
    for label in [100, 200].map(|n| Vni::new(n).unwrap()) {
        let body = EvpnBody { label, ..EvpnBody::default() };
        let routes = Nlris::Evpn(vec![Route { nlri, path_id: PathId(0), body }]);
        rib.announce(from, 0, &variant(2), &routes).unwrap();
        while export.pump(&mut rib, &mut Budget::new(9)) {}
        let (_, batch) = export.poll_batch().unwrap();
        let bytes = &batch.segments_for(PeerId(1)).next().unwrap().bytes;
        let context = UpdateContext {
            encoding: Encoding::default(),
            kind: PeerKind::Ibgp,
            families: [Family::L2vpnEvpn].into_iter().collect(),
        };
        let (_, length) = frame(bytes, MAX_MESSAGE).unwrap().unwrap();
        let update = Update::parse(&bytes[HEADER_LEN..length], &context).unwrap();
        assert_eq!(update.reach[0].nlri, routes);
        assert_eq!(update.reach[0].attrs.next_hop, variant(2).next_hop);
        assert_eq!(update.reach[0].attrs.originator_id, Some(source(from).router_id));
        assert_eq!(export.advertised_evpn(&rib, PeerId(1), DestinationId(0), 9)[0].body, body);
    }
}
