//! Looking at the kernel without a cause.

use super::*;

const ROUND: Duration = Duration::from_secs(60);

fn audited() -> World {
    let config = RoutesConfig { audit_interval: Some(ROUND), ..installing() };
    let mut world = World::configured(FakeRoutes::default(), config);
    settle(&mut world);
    assert!(world.routes.is_synced());
    world
}

/// Until nothing happens any more at this time.
fn settle(world: &mut World) {
    while world.act(usize::MAX) | world.hear(usize::MAX) {}
}

/// Somebody takes a route away, and nobody hears of it.
fn vanish(world: &mut World, prefix: &str, protocol: u8) {
    let count = world.kernel.routes().count();
    world.kernel.take(prefix.parse().unwrap(), 50, protocol);
    while world.kernel.poll_event().is_some() {}
    assert_eq!(world.kernel.routes().count() + 1, count, "{prefix} was there");
}

/// Time goes on to the next audit.
fn look(world: &mut World) {
    world.now = world.routes.poll_timeout().expect("an audit to come");
    settle(world);
}

fn prefixes(world: &World) -> Vec<String> {
    world.ours().iter().map(|route| route.prefix.to_string()).collect()
}

#[test]
fn routes_that_vanish_without_a_word_are_put_back() {
    let mut world = audited();
    let all = ["10.9.1.0/24", "10.9.2.0/24", "fd09::/64"];
    world.want(all[0], &["10.1.0.2"]);
    world.want(all[1], &["10.2.0.2"]);
    world.want(all[2], &["fd01::2"]);
    settle(&mut world);
    let began = world.now;
    vanish(&mut world, all[1], 108);
    vanish(&mut world, all[2], 108);
    settle(&mut world);
    assert_eq!(prefixes(&world), [all[0]]);
    while prefixes(&world) != all {
        look(&mut world);
        assert!(world.now <= began + ROUND + Duration::from_secs(1), "a round is enough");
    }
    assert_eq!((world.routes.counters().drifts, world.routes.counters().repairs), (2, 2));
}

/// What is not ours goes unseen, too, and then we take its place.
#[test]
fn a_route_in_our_way_that_goes_without_a_word_is_found_gone() {
    let mut world = audited();
    world.kernel.put(route("10.9.1.0/24 via 10.1.0.9 dev 1 metric 50"));
    world.want("10.9.1.0/24", &["10.1.0.2"]);
    settle(&mut world);
    assert!(matches!(world.status("10.9.1.0/24"), Some(RouteStatus::Conflict(_))));
    vanish(&mut world, "10.9.1.0/24", 4);
    let began = world.now;
    while prefixes(&world).is_empty() {
        look(&mut world);
        assert!(world.now <= began + ROUND + Duration::from_secs(1), "a round is enough");
    }
    assert_eq!(world.status("10.9.1.0/24"), Some(RouteStatus::Programmed));
}

/// One dump at a time, all of them in a round, and nothing else.
#[test]
fn a_round_is_cut_into_pieces() {
    let mut world = audited();
    world.want("10.9.1.0/24", &["10.1.0.2"]);
    settle(&mut world);
    let pieces = looks::everything([MAIN].iter()).count();
    let (began, ops, before) = (world.now, world.ops, world.routes.counters());
    for _ in 0..pieces {
        let dumps = world.routes.counters().dumps;
        look(&mut world);
        assert_eq!(world.routes.counters().dumps, dumps + 1);
    }
    let after = world.routes.counters();
    assert_eq!((world.ops - ops, after.audits), (pieces, before.audits + 1));
    assert!(world.now >= began + ROUND - ROUND / pieces as u32, "{:?}", world.now - began);
    assert_eq!((after.repairs, world.routes.looks().audited), (0, Some(world.now)));
}
