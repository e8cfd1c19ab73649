//! Another configuration while we run.

use super::*;

const PREFIXES: [&str; 3] = ["10.9.0.0/24", "10.9.1.0/24", "fd09::/64"];

/// What is in place of the ordinary configuration.
fn configs() -> Vec<RoutesConfig> {
    let ordinary = RoutesConfig { take_over: [BIRD].into(), ..installing() };
    vec![
        RoutesConfig { metric: 60, ..ordinary.clone() },
        RoutesConfig { metric: 40, ..ordinary.clone() },
        RoutesConfig { table: 100, ..ordinary.clone() },
        RoutesConfig { protocol: 200, ..ordinary.clone() },
        RoutesConfig { table: 100, protocol: 200, metric: 7, ..ordinary.clone() },
        ordinary,
    ]
}

fn with_routes() -> World {
    let mut world = World::new();
    for prefix in PREFIXES {
        world.want(prefix, &[if prefix.starts_with("fd") { "fd01::2" } else { "10.1.0.2" }]);
    }
    world
}

/// Those of ours, by whatever protocol they are ours.
fn places(world: &World) -> BTreeSet<(String, u32, u32, u8)> {
    let ours = world.kernel.routes().filter(|route| [108, 200].contains(&route.protocol));
    ours.map(|route| (route.prefix.to_string(), route.table, route.metric, route.protocol)).collect()
}

fn expected(config: &RoutesConfig) -> BTreeSet<(String, u32, u32, u8)> {
    PREFIXES.iter().map(|p| (p.to_string(), config.table, config.metric, config.protocol)).collect()
}

/// Op by op until nothing happens any more, with every prefix in the kernel all the while.
fn rest_without_a_gap(world: &mut World) {
    for _ in 0..10_000 {
        let present: BTreeSet<String> = places(world).into_iter().map(|place| place.0).collect();
        assert_eq!(present.len(), PREFIXES.len(), "{present:?}");
        if world.act(1) | world.hear(1) {
            continue;
        }
        match world.routes.poll_timeout() {
            Some(due) => world.now = world.now.max(due),
            None => return,
        }
    }
    panic!("it does not come to rest");
}

#[test]
fn routes_move_without_a_gap() {
    let mut world = with_routes();
    world.rest();
    for config in configs() {
        world.routes.configure(config.clone());
        rest_without_a_gap(&mut world);
        assert_eq!(places(&world), expected(&config));
        assert!(PREFIXES.iter().all(|p| world.status(p) == Some(RouteStatus::Programmed)), "{config:?}");
        world.routes.resync(world.now);
        rest_without_a_gap(&mut world);
        assert_eq!(places(&world), expected(&config));
    }
}

/// With ops of one configuration under way when the next one comes.
#[test]
fn a_change_amid_another_leaves_nothing_behind() {
    for acts in 0..12 {
        let mut world = with_routes();
        for config in configs() {
            for _ in 0..acts {
                world.act(1);
                world.hear(1);
            }
            world.routes.configure(config);
        }
        world.rest();
        assert_eq!(places(&world), expected(&configs()[5]), "{acts}");
    }
}

#[test]
fn ours_go_when_nothing_is_to_be_put_in_and_others_stay() {
    let mut world = World::found(&["10.9.0.0/24 via 10.1.0.9 dev 1 metric 90 proto 3"]);
    world.want("10.9.0.0/24", &["10.1.0.2"]);
    world.rest();
    assert_eq!(world.ours().len(), 1);
    let install = world.routes.config.clone();
    world.routes.configure(RoutesConfig { install: false, ..install.clone() });
    world.rest();
    assert_eq!((world.ours().len(), world.routes.len()), (0, 0));
    assert!(world.kernel.routes().any(|route| route.protocol == 3));
    world.routes.configure(install);
    world.want("10.9.0.0/24", &["10.1.0.2"]);
    world.rest();
    assert_eq!(world.ours().len(), 1);
}

#[test]
fn whose_routes_give_way_can_change() {
    let mut world = World::new();
    let ordinary = world.routes.config.clone();
    let alone = RoutesConfig { take_over: BTreeSet::new(), ..ordinary.clone() };
    world.routes.configure(alone);
    world.kernel.put(route("10.9.0.0/24 via 10.1.0.9 dev 1 metric 50 proto 12"));
    world.want("10.9.0.0/24", &["10.1.0.2"]);
    world.rest();
    assert_eq!(world.ours().len(), 0);
    world.routes.configure(ordinary);
    world.rest();
    assert_eq!(world.ours().len(), 1);
    assert_eq!(world.kernel.routes().filter(|route| route.protocol == BIRD).count(), 0);
}
