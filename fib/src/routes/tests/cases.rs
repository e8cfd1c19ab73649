//! Case by case.

use super::*;

fn via(prefix: &str, hops: &str) -> Route {
    route(&format!("{prefix} {hops} metric 50 proto 108"))
}

#[test]
fn a_route_comes_and_goes() {
    let mut world = World::new();
    world.want("10.9.0.0/24", &["10.1.0.2"]);
    assert_eq!(world.status("10.9.0.0/24"), Some(RouteStatus::Pending));
    world.rest();
    assert_eq!(world.status("10.9.0.0/24"), Some(RouteStatus::Programmed));
    assert_eq!(world.ours(), [&via("10.9.0.0/24", "via 10.1.0.2 dev 1")]);
    world.want("10.9.0.0/24", &["10.2.0.2"]);
    world.rest();
    assert_eq!(world.ours(), [&via("10.9.0.0/24", "via 10.2.0.2 dev 2")]);
    world.unwant("10.9.0.0/24");
    world.rest();
    assert_eq!((world.ours().len(), world.routes.len()), (0, 0));
}

#[test]
fn hops_that_resolve_are_taken() {
    let mut world = World::new();
    world.want("10.9.0.0/24", &["10.1.0.2", "192.0.2.1", "10.2.0.2"]);
    world.want("10.9.1.0/24", &["192.0.2.1"]);
    world.want("10.9.2.0/24", &["192.0.2.1 onlink"]);
    world.want("10.9.3.0/24", &["fe80::1%2", "198.51.100.1%1 onlink"]);
    world.rest();
    let direct = "via 10.1.0.2 dev 1 + via 10.2.0.2 dev 2";
    let linked = via("10.9.3.0/24", "via 198.51.100.1 dev 1 onlink + via fe80::1 dev 2");
    assert_eq!(world.ours(), [&via("10.9.0.0/24", direct), &linked]);
    assert_eq!(world.status("10.9.1.0/24"), Some(RouteStatus::Unreachable));
    world.kernel.put(route("0.0.0.0/0 via 10.1.0.254 dev 1 proto 3"));
    world.rest();
    let all = "via 10.1.0.2 dev 1 + via 10.1.0.254 dev 1 + via 10.2.0.2 dev 2";
    assert_eq!(world.ours()[0], &via("10.9.0.0/24", all));
    assert_eq!(world.ours()[1], &via("10.9.1.0/24", "via 10.1.0.254 dev 1"));
    assert_eq!(world.ours()[2], &via("10.9.2.0/24", "via 192.0.2.1 dev 1 onlink"));
    world.kernel.set_up(D1, false);
    world.rest();
    assert_eq!(
        world.ours(),
        [&via("10.9.0.0/24", "via 10.2.0.2 dev 2"), &via("10.9.3.0/24", "via fe80::1 dev 2")]
    );
}

/// The default route leads to the next hop's gateway, and ours would come before it.
#[test]
fn a_route_does_not_lead_to_its_own_next_hop() {
    let mut world = World::new();
    world.kernel.put(route("0.0.0.0/0 via 10.1.0.254 dev 1 proto 3"));
    world.want("192.0.0.0/8", &["192.0.2.1"]);
    world.want("10.1.0.0/25", &["10.1.0.2"]);
    world.rest();
    assert_eq!(world.status("192.0.0.0/8"), Some(RouteStatus::Unreachable));
    assert_eq!(world.ours(), [&via("10.1.0.0/25", "via 10.1.0.2 dev 1")]);
    world.kernel.put(route("192.0.2.0/24 via 10.1.0.253 dev 1"));
    world.rest();
    assert_eq!(world.ours()[1], &via("192.0.0.0/8", "via 10.1.0.253 dev 1"));
}

#[test]
fn others_routes_are_respected() {
    let conflict =
        |metric, protocol, beside| Some(RouteStatus::Conflict(Conflict { protocol, metric, beside }));
    let mut world = World::found(&["10.9.0.0/24 via 10.1.0.9 dev 1 metric 50 proto 4"]);
    world.want("10.9.0.0/24", &["10.1.0.2"]);
    world.want("10.1.0.0/24", &["10.2.0.2"]);
    world.want("fd01::/64", &["fd02::2"]);
    world.rest();
    assert_eq!(world.status("10.9.0.0/24"), conflict(50, 4, false));
    assert_eq!(world.status("10.1.0.0/24"), conflict(0, 2, true));
    assert_eq!(world.status("fd01::/64"), conflict(256, 2, false));
    assert_eq!(world.ours(), [&via("10.1.0.0/24", "via 10.2.0.2 dev 2")]);
    world.kernel.take("10.9.0.0/24".parse().unwrap(), 50, 4);
    world.rest();
    assert_eq!(world.status("10.9.0.0/24"), Some(RouteStatus::Programmed));
    // One that is better than ours costs it nothing; one that is worse is none of its business.
    for (text, status) in [
        ("10.9.0.0/24 via 10.1.0.9 dev 1 metric 10", conflict(10, 4, true)),
        ("10.9.0.0/24 via 10.1.0.9 dev 1 metric 90", conflict(10, 4, true)),
    ] {
        let ops = world.ops;
        world.kernel.put(route(text));
        world.rest();
        assert_eq!((world.status("10.9.0.0/24"), world.ops), (status, ops));
    }
    assert_eq!(world.kernel.harmed, 0);
}

#[test]
fn a_former_runs_routes_wait_for_their_release() {
    let mut world = World::found(&[
        "10.9.0.0/24 via 10.1.0.2 dev 1 metric 50 proto 108",
        "10.9.1.0/24 via 10.1.0.2 dev 1 metric 50 proto 108",
        "10.9.2.0/24 via 10.1.0.2 dev 1 metric 50 proto 108",
        "10.9.2.0/24 via 10.1.0.2 dev 1 metric 70 proto 108",
        "10.9.3.0/24 via 10.1.0.2 dev 1 metric 50 proto 108 table 100",
    ]);
    world.want("10.9.0.0/24", &["10.1.0.2"]);
    world.want("10.9.1.0/24", &["10.2.0.2"]);
    world.rest();
    assert!(world.routes.has_found_routes());
    assert_eq!(world.status("10.9.2.0/24"), Some(RouteStatus::Stale));
    assert_eq!(world.ops, 4 + 1, "four dumps, and one is replaced");
    world.routes.release_stale();
    world.rest();
    let elsewhere = route("10.9.3.0/24 via 10.1.0.2 dev 1 metric 50 proto 108 table 100");
    let (first, second) =
        (via("10.9.0.0/24", "via 10.1.0.2 dev 1"), via("10.9.1.0/24", "via 10.2.0.2 dev 2"));
    assert_eq!(world.ours(), [&elsewhere, &first, &second]);
}

#[test]
fn what_the_kernel_forwarded_by_at_the_first_look() {
    for (there, expected) in [
        (&[][..], false),
        (&["10.9.0.0/24 via 10.1.0.2 dev 1 metric 50 proto 4"], false),
        (&["10.9.0.0/24 via 10.1.0.2 dev 1 metric 50 proto 108"], true),
        (&["10.9.0.0/24 via 10.1.0.2 dev 1 metric 70 proto 108"], true),
        (&["10.9.0.0/24 via 10.1.0.2 dev 1 metric 32 proto 12"], true),
        (&["10.9.0.0/24 via 10.1.0.2 dev 1 metric 32 proto 12 table 100"], false),
    ] {
        let mut world = World::found(there);
        world.want("10.9.0.0/24", &["10.1.0.2"]);
        world.rest();
        assert_eq!(world.routes.has_found_routes(), expected, "{there:?}");
    }
}

#[test]
fn what_is_refused_is_tried_again() {
    let mut world = World::new();
    world.rest();
    world.kernel.refusals.push_back(12);
    world.want("10.9.0.0/24", &["10.1.0.2"]);
    world.act(usize::MAX);
    world.hear(usize::MAX);
    assert!(matches!(world.status("10.9.0.0/24"), Some(RouteStatus::Failed(_))));
    world.now += LONG;
    world.rest();
    assert_eq!(world.status("10.9.0.0/24"), Some(RouteStatus::Programmed));
}

#[test]
fn next_hops_are_told_of_once_and_when_they_change() {
    let mut world = World::new();
    let said = |world: &mut World| -> Vec<String> {
        std::iter::from_fn(|| world.routes.poll())
            .map(|(address, resolution)| match resolution {
                Resolution::Resolved { metric } => format!("{address} {metric}"),
                Resolution::Unresolved => format!("{address} -"),
            })
            .collect()
    };
    let nothing: [&str; 0] = [];
    ["10.1.0.2", "192.0.2.1"].iter().for_each(|address| world.routes.track(address.parse().unwrap()));
    assert_eq!(said(&mut world), nothing, "before all was seen");
    world.rest();
    assert_eq!(said(&mut world), ["10.1.0.2 0", "192.0.2.1 -"]);
    world.kernel.put(route("192.0.2.0/24 via 10.1.0.9 dev 1 metric 7"));
    world.kernel.put(route("192.0.3.0/24 via 10.1.0.9 dev 1 metric 7"));
    world.rest();
    assert_eq!(said(&mut world), ["192.0.2.1 7"]);
    world.want("192.0.2.1/32", &["10.2.0.2"]);
    world.rest();
    assert_eq!(said(&mut world), nothing, "ours prove nothing");
    world.kernel.set_up(D1, false);
    world.rest();
    assert_eq!(said(&mut world), ["10.1.0.2 -", "192.0.2.1 -"]);
    world.routes.forget("10.1.0.2".parse().unwrap());
    world.routes.track("10.2.0.2".parse().unwrap());
    assert_eq!(said(&mut world), ["10.2.0.2 0"]);
}

#[test]
fn routes_of_others_are_found() {
    let mut world = World::found(&["10.8.0.0/24 blackhole proto 80", "10.8.1.1/32 dev 1 proto 3 table 100"]);
    let said = |world: &mut World| -> Vec<(usize, String, bool)> {
        world.rest();
        let found = std::iter::from_fn(|| world.routes.poll_found());
        found.map(|found| (found.filter, found.prefix.to_string(), found.present)).collect()
    };
    let pods = RouteFilter { within: vec!["10.8.0.0/16".parse().unwrap()], ..RouteFilter::default() };
    let blocks = RouteFilter { protocol: Some(80), ..RouteFilter::default() };
    let named = RouteFilter { table: 100, device: Some("d*".to_owned()), ..RouteFilter::default() };
    world.routes.look_for(vec![pods, blocks]);
    assert_eq!(said(&mut world), [(0, "10.8.0.0/24".to_owned(), true), (1, "10.8.0.0/24".to_owned(), true)]);
    world.kernel.put(route("10.8.7.7/32 dev 2 proto 3"));
    world.want("10.8.9.0/24", &["10.1.0.2"]);
    assert_eq!(said(&mut world), [(0, "10.8.7.7/32".to_owned(), true)]);
    world.kernel.set_up(D2, false);
    assert_eq!(said(&mut world), [(0, "10.8.7.7/32".to_owned(), false)]);
    world.routes.look_for(vec![named]);
    assert_eq!(said(&mut world), [(0, "10.8.1.1/32".to_owned(), true)]);
    world.kernel.remove_device(D1);
    assert_eq!(said(&mut world), [(0, "10.8.1.1/32".to_owned(), false)]);
}

/// Another daemon has left its routes: what is wanted of them becomes ours, and the rest is left.
#[test]
fn routes_are_taken_over() {
    let mut world = World::found(&[
        "10.9.0.0/24 via 10.1.0.9 dev 1 metric 32 proto 12",
        "10.9.1.0/24 via 10.1.0.9 dev 1 metric 50 proto 12",
        "10.9.2.0/24 via 10.1.0.9 dev 1 metric 32 proto 12",
        "10.9.3.0/24 via 10.1.0.9 dev 1 metric 50 proto 12",
        "10.9.3.0/24 via 10.1.0.9 dev 1 metric 10 proto 4",
    ]);
    ["10.9.0.0/24", "10.9.1.0/24", "10.9.3.0/24"].iter().for_each(|prefix| world.want(prefix, &["10.1.0.2"]));
    world.want("10.9.2.0/24", &["192.0.2.1"]);
    world.rest();
    let theirs: Vec<String> =
        world.kernel.routes().filter(|r| r.protocol == 12).map(|r| r.prefix.to_string()).collect();
    assert_eq!(theirs, ["10.9.2.0/24"], "ours is not in");
    assert_eq!(world.ours().len(), 3);
    assert_eq!(world.status("10.9.0.0/24"), Some(RouteStatus::Programmed));
    let conflict = Conflict { protocol: 4, metric: 10, beside: true };
    assert_eq!(world.status("10.9.3.0/24"), Some(RouteStatus::Conflict(conflict)));
    assert_eq!(world.kernel.harmed, 0);
}
