//! Native mode without a kernel or a neighbour that is real: what the fake ones say becomes routes.

use std::sync::Arc;
use std::time::Duration;

use bgp::session::Received;
use bgp::types::{Family, Mac, PathId};
use bgp::wire::{Attrs, ExtCommunity, NextHop, Nlris, Route, TunnelType};

use crate::core::PeerNews;
use crate::core::testing::{Node, says_end_of_rib};

const BLOCK: &str = "10.244.1.0/24";

/// A peer announces an IPv4 prefix with itself as next hop, or takes it back.
fn tell(node: &mut Node, peer: u32, prefix: &str, present: bool) {
    let routes = Nlris::Ipv4(vec![Route { nlri: prefix.parse().unwrap(), path_id: PathId(0), body: () }]);
    let attrs = Attrs::new(NextHop::Ipv4([10, 0, 1, 1 + peer as u8].into()));
    let received = match present {
        true => Received { reach: vec![(Arc::new(attrs), routes)], unreach: Vec::new() },
        false => Received { reach: Vec::new(), unreach: vec![routes] },
    };
    node.peer(peer, PeerNews::Routes(received));
    node.run();
}

/// The routes of ours that the kernel has: `10.244.1.0/24 via 10.0.1.1`.
fn kernel(node: &Node) -> Vec<String> {
    let ours = node.routes.routes().filter(|route| route.protocol == fib::config::PROTOCOL);
    ours.map(|route| {
        let hops: Vec<String> =
            route.hops.iter().filter_map(|hop| hop.gateway).map(|router| router.to_string()).collect();
        format!("{} via {}", route.prefix, hops.join(" "))
    })
    .collect()
}

/// RFC 4271 section 5.1.3: what would lead back here is refused, and the neighbour shows how often.
#[test]
fn a_next_hop_that_is_an_address_of_the_node_is_refused() {
    let mut node = Node::native("", &[]);
    node.up(0);
    for (own, prefix) in [([10, 0, 1, 254], BLOCK), ([10, 0, 0, 1], "10.244.2.0/24")] {
        let routes = Nlris::from(ipnet::IpNet::V4(prefix.parse().unwrap()));
        let attrs = Attrs::new(NextHop::Ipv4(own.into()));
        let received = Received { reach: vec![(Arc::new(attrs), routes)], unreach: Vec::new() };
        node.peer(0, PeerNews::Routes(received));
        node.run();
    }
    tell(&mut node, 0, "10.244.3.0/24", true);
    assert_eq!(kernel(&node), ["10.244.3.0/24 via 10.0.1.1"]);
    let counts = node.core.rib.rejected(bgp::types::PeerId(0));
    assert_eq!(counts.get(bgp::rib::Rejected::NextHopIsUs), 2);
}

#[test]
fn what_is_announced_comes_and_goes() {
    let mut node = Node::native("", &[]);
    [0, 1].into_iter().for_each(|peer| node.up(peer));
    tell(&mut node, 0, BLOCK, true);
    assert_eq!(kernel(&node), ["10.244.1.0/24 via 10.0.1.1"]);
    tell(&mut node, 1, BLOCK, true);
    tell(&mut node, 0, BLOCK, false);
    assert_eq!(kernel(&node), ["10.244.1.0/24 via 10.0.1.2"]);
    node.down(1);
    node.run();
    assert_eq!(kernel(&node), [""; 0]);
}

#[test]
fn what_would_cut_the_node_off_is_kept_out() {
    let mut node = Node::native("accept: [10.0.0.0/8]", &[]);
    node.up(0);
    for prefix in ["0.0.0.0/0", "10.0.1.254/32", "10.0.1.2/32", "10.0.0.0/8", BLOCK] {
        tell(&mut node, 0, prefix, true);
    }
    assert_eq!(kernel(&node), ["10.0.0.0/8 via 10.0.1.1", "10.244.1.0/24 via 10.0.1.1"]);
    let native = node.core.native.as_ref().unwrap();
    assert_eq!(native.refused(), 3);
    tell(&mut node, 0, "0.0.0.0/0", false);
    assert_eq!(node.core.native.as_ref().unwrap().refused(), 2);
}

#[test]
fn services_stay_out_and_blocks_are_blackholes() {
    let mut node = Node::native("services: [10.96.0.0/16], blocks: [10.244.1.0/24]", &[]);
    node.up(0);
    tell(&mut node, 0, "10.96.0.10/32", true);
    tell(&mut node, 0, BLOCK, true);
    assert_eq!(kernel(&node), ["10.244.1.0/24 via "], "no way, so a blackhole");
    let reason = node.core.route_row("10.96.0.10/32".parse().unwrap()).unwrap().reason;
    assert_eq!(reason, "within 10.96.0.0/16, whose routes stay out of the kernel");
}

#[test]
fn a_former_runs_routes_wait_for_every_neighbor() {
    let mut node = Node::native("", &[BLOCK, "10.244.9.0/24"]);
    let begun = node.begun.unwrap();
    assert!(begun.preserved.contains(Family::Ipv4Unicast), "they have been forwarding");
    [0, 1].into_iter().for_each(|peer| node.up_with(peer, Some(says_end_of_rib())));
    tell(&mut node, 0, BLOCK, true);
    node.peer(0, PeerNews::EndOfRib(Family::Ipv4Unicast));
    node.run();
    let both = ["10.244.1.0/24 via 10.0.1.1", "10.244.9.0/24 via 10.0.1.1"];
    assert_eq!(kernel(&node), both, "the other may have more to say");
    node.peer(1, PeerNews::EndOfRib(Family::Ipv4Unicast));
    node.run();
    assert_eq!(kernel(&node), both[..1]);
    assert!(!Node::native("", &[]).begun.unwrap().preserved.contains(Family::Ipv4Unicast));
}

/// A peer announces a prefix by a next hop that is on no link, with these extended communities.
fn tell_far(node: &mut Node, communities: &[ExtCommunity]) {
    let routes = Nlris::Ipv4(vec![Route { nlri: BLOCK.parse().unwrap(), path_id: PathId(0), body: () }]);
    let next_hop = NextHop::Ipv4([10, 9, 0, 3].into());
    let attrs = Attrs { ext_communities: communities.into(), ..Attrs::new(next_hop) };
    let received = Received { reach: vec![(Arc::new(attrs), routes)], unreach: Vec::new() };
    node.peer(0, PeerNews::Routes(received));
    node.run();
}

#[test]
fn who_does_not_say_both_is_never_sent_wrapped_packets() {
    let vxlan = ExtCommunity::encapsulation(TunnelType::VXLAN);
    let mac = ExtCommunity::router_mac(Mac([2, 0, 0, 0, 0, 3]));
    let geneve = ExtCommunity::encapsulation(TunnelType(19));
    let through = |keys: &str, communities: &[ExtCommunity]| {
        let mut node = Node::native(keys, &[]);
        node.routes.put(fib::routes::Route {
            table: fib::routes::MAIN,
            prefix: "10.9.0.0/24".parse().unwrap(),
            metric: 0,
            protocol: 3,
            kind: fib::routes::RouteKind::Unicast,
            hops: [fib::routes::Hop::via(fib::IfIndex(1), [10, 0, 1, 250].into())].into_iter().collect(),
        });
        node.hear_of_routes();
        node.up(0);
        tell_far(&mut node, communities);
        let row = node.core.route_row(BLOCK.parse().unwrap()).unwrap();
        (kernel(&node).join(" "), row.next_hops[0].encapsulation.clone())
    };
    let plain = ("10.244.1.0/24 via 10.0.1.250".to_owned(), String::new());
    let wrapped = ("10.244.1.0/24 via 10.9.0.3".to_owned(), "vxlan".to_owned());
    assert_eq!(through("fallback: vxlan", &[vxlan, mac]), wrapped);
    assert_eq!(through("fallback: vxlan", &[vxlan]), plain);
    assert_eq!(through("fallback: vxlan", &[mac]), plain);
    assert_eq!(through("fallback: vxlan", &[geneve, mac]), plain);
    assert_eq!(through("", &[vxlan, mac]), plain);
}

#[test]
fn what_is_announced_says_that_this_node_decapsulates_while_it_does() {
    let says = |node: &Node, prefix: &str| {
        let (_, destination) = node.core.rib.ipv4.get(prefix.parse().unwrap()).unwrap();
        let communities = destination.best().unwrap().attrs.ext_communities.iter();
        communities.map(ToString::to_string).collect::<Vec<_>>()
    };
    let mut node = Node::native("fallback: vxlan, advertise: [10.244.1.0/24, 10.244.2.0/24]", &[]);
    let both = ["ET:8", "Rmac:02:6c:0a:00:00:01"];
    assert_eq!(
        (says(&node, BLOCK), says(&node, "10.244.2.0/24")),
        (both.map(Into::into).into(), both.map(Into::into).into())
    );
    let device = node.routes.tunnel().unwrap();
    node.routes.remove_device(device);
    node.hear_of_routes();
    node.run();
    assert_eq!(says(&node, BLOCK), [""; 0]);
    node.pass(Duration::from_secs(2));
    assert_eq!(says(&node, BLOCK), both);
    let node = Node::native("advertise: [10.244.1.0/24]", &[]);
    assert_eq!(says(&node, BLOCK), [""; 0]);
}
