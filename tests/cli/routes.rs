//! The fake daemon's routes: one of each state.

use api::v1;

fn hop(address: &str, device: &str, neighbor: &str) -> v1::RouteNextHop {
    v1::RouteNextHop {
        address: address.into(),
        device: device.into(),
        neighbor: neighbor.into(),
        encapsulation: String::new(),
    }
}

fn route(prefix: &str, next_hops: Vec<v1::RouteNextHop>, state: v1::KernelState, reason: &str) -> v1::Route {
    v1::Route {
        prefix: prefix.into(),
        next_hops,
        state: state.into(),
        reason: reason.into(),
        blackhole: false,
        table: 254,
        metric: 50,
        protocol: 108,
    }
}

pub(crate) fn routes() -> Vec<v1::Route> {
    use v1::KernelState::{Conflict, Pending, Programmed, Refused, Unreachable};
    let own_block = v1::Route { blackhole: true, ..route("10.244.1.0/24", vec![], Programmed, "") };
    let [two, three] =
        [("10.0.0.2", "10.0.1.1"), ("10.0.0.3", "10.0.1.2")].map(|(hop, from)| (hop, "", from));
    let through_the_tunnel =
        v1::RouteNextHop { encapsulation: "vxlan".into(), ..hop("10.9.0.6", "", "10.0.1.1") };
    let via = |(address, device, neighbor)| hop(address, device, neighbor);
    vec![
        route("0.0.0.0/0", vec![via(two)], Refused, "a default route, and native.accept does not name it"),
        own_block,
        route("10.244.2.0/24", vec![via(two), via(three)], Programmed, ""),
        route("10.244.3.0/24", vec![via(three)], Unreachable, "10.0.0.3 cannot be reached"),
        route("10.244.4.0/24", vec![via(two)], Conflict, "another route to it has protocol 4"),
        route("10.244.5.0/24", vec![hop("fe80::1", "eth0", "eth0")], Pending, ""),
        route("10.244.6.0/24", vec![through_the_tunnel], Programmed, ""),
        route("fd00:244:2::/64", vec![], Pending, "left by a former run, or about to go"),
    ]
}

/// Those that a request asks for.
pub(crate) fn asked_for(request: &v1::ListRoutesRequest) -> Vec<v1::Route> {
    let family = |route: &v1::Route| if route.prefix.contains(':') { "ipv6-unicast" } else { "ipv4-unicast" };
    let mut routes = routes();
    routes.retain(|route| {
        (request.families.is_empty() || request.families.iter().any(|asked| asked == family(route)))
            && (request.prefix.is_empty() || request.prefix == route.prefix)
            && !(request.diff && route.state() == v1::KernelState::Programmed)
    });
    routes
}

pub(crate) fn status() -> v1::RouteStatus {
    v1::RouteStatus {
        synced: true,
        wanted: 5,
        programmed: 2,
        pending: 2,
        conflicts: 1,
        unreachable: 1,
        refused: 1,
        operations: 9,
        repairs: 3,
        resyncs: 1,
        resync_age_seconds: Some(273_599),
        refusals: vec![v1::RejectedRoutes { reason: "own-address".to_owned(), routes: 1 }],
        ..Default::default()
    }
}
