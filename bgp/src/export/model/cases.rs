//! Histories written by hand: what an update group does at its turns, and what it costs.

use super::*;
use crate::types::{EthernetTag, Mac, Rd, Vni};
use crate::wire::message::{HEADER_LEN, MAX_MESSAGE, frame};
use crate::wire::update::{Encoding, PeerKind, UpdateContext};
use crate::wire::{EvpnBody, EvpnKey, Nlris, Update};

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
