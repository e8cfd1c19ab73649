//! What is originated for what is here (RFC 7432 sections 9, 10 and 11, RFC 8365 sections 5 and 9).

use bgp::types::Mac;
use bgp::wire::{EvpnBody, NextHop};
use evpn::dataplane::Observation;

use crate::node::Node;
use crate::words::*;

/// RFC 7432 section 11.1, RFC 8365 section 9: originator and next hop are the VTEP, frames come by ingress
/// replication, the label is the VNI.
#[test]
fn a_type_3_for_a_vni_that_is_there() {
    let mut node = Node::with(config(1));
    assert!(node.routes.is_empty());
    node.see(device(100));
    let (body, attrs) = node.routes[&imet_key(rd(1), vtep(1))].clone();
    assert_eq!(body, EvpnBody::default());
    assert_eq!(attrs.next_hop, NextHop::Ipv4([10, 0, 0, 1].into()));
    assert_eq!(attrs.local_pref, Some(100));
    assert_eq!(attrs.ext_communities[..], [RT_100, VXLAN]);
    let pmsi = attrs.pmsi.clone().unwrap();
    assert_eq!((pmsi.flags, pmsi.tunnel_type, pmsi.vni), (0, 6, vni(100)));
    assert_eq!(pmsi.endpoint[..], [10, 0, 0, 1]);
}

/// RFC 7432 section 7.7: a MAC that has never moved carries no sequence.
#[test]
fn a_mac_only_route_for_a_local_mac() {
    let mut node = Node::new(1);
    node.see(local_mac(1));
    let (body, attrs) = node.routes[&mac_key(rd(1), mac(1))].clone();
    assert_eq!(body, EvpnBody { label: vni(100), ..EvpnBody::default() });
    assert_eq!(attrs.ext_communities[..], [RT_100, VXLAN]);
    assert!(attrs.pmsi.is_none());
    node.see(local_mac_gone(1));
    assert_eq!(node.routes.len(), 1);
    assert_eq!(node.mac(1), None);
}

/// RFC 7432 section 15.2.
#[test]
fn a_sticky_mac_says_so() {
    let mut node = Node::new(1);
    node.see(local_mac(1)).see(local_neighbor("10.1.0.1", 1));
    node.see(Observation::LocalMac { vni: vni(100), mac: mac(1), sticky: true });
    for key in [mac_key(rd(1), mac(1)), mac_ip_key(rd(1), mac(1), "10.1.0.1")] {
        assert_eq!(node.said(&key), Some(vec![RT_100, VXLAN, STICKY]));
    }
    node.see(local_mac(1));
    assert_eq!(node.said(&mac_key(rd(1), mac(1))), Some(vec![RT_100, VXLAN]));
}

#[test]
fn a_port_change_says_nothing_new() {
    let mut node = Node::new(1);
    node.see(local_mac(1)).done();
    node.see(local_mac(1));
    assert_eq!(node.done(), []);
}

#[test]
fn no_route_for_what_is_no_host() {
    let mut node = Node::new(1);
    for mac in [Mac::ZERO, Mac([0xff; 6]), Mac([1, 0, 0x5e, 0, 0, 1]), BRIDGE] {
        node.see(Observation::LocalMac { vni: vni(100), mac, sticky: false });
        node.see(Observation::LocalNeighbor { vni: vni(100), ip: ip("10.1.0.1"), mac, router: false });
    }
    assert_eq!(node.routes.len(), 1);
}

#[test]
fn the_bridges_own_mac_may_change() {
    let mut node = Node::new(1);
    node.see(local_mac(1));
    node.see(Observation::Vni { vni: vni(100), local: None, bridge_mac: mac(1) });
    assert!(!node.routes.contains_key(&mac_key(rd(1), mac(1))));
    node.see(device(100));
    assert!(node.routes.contains_key(&mac_key(rd(1), mac(1))));
}

/// RFC 7432 section 10: with the address, once the MAC is known to be here too, in whatever order they are
/// seen.
#[test]
fn a_mac_ip_route_waits_for_its_mac() {
    let key = mac_ip_key(rd(1), mac(1), "10.1.0.1");
    let mut node = Node::new(1);
    node.see(local_neighbor("10.1.0.1", 1));
    assert!(!node.routes.contains_key(&key));
    let row = node.evpn.neighbor(vni(100), ip("10.1.0.1")).unwrap();
    assert_eq!((row.place, row.state), (evpn::Place::Nowhere, evpn::NeighborState::Pending));
    node.see(local_mac(1));
    assert!(node.routes.contains_key(&key) && node.routes.contains_key(&mac_key(rd(1), mac(1))));
    assert!(node.wanted.is_empty());
}

/// A host that is gone must not be answered for: its address goes with its MAC.
#[test]
fn an_address_goes_with_its_mac() {
    let mut node = Node::new(1);
    node.see(local_mac(1)).see(local_neighbor("10.1.0.1", 1)).see(local_neighbor("fe80::1", 1));
    assert_eq!(node.routes.len(), 4);
    node.see(local_mac_gone(1));
    assert_eq!(node.routes.len(), 1);
    node.see(local_mac(1));
    assert_eq!(node.routes.len(), 4);
    node.see(local_neighbor_gone("10.1.0.1")).see(local_neighbor_gone("fe80::1"));
    assert_eq!(node.routes.len(), 2);
}

#[test]
fn an_address_may_change_its_mac_here() {
    let mut node = Node::new(1);
    node.see(local_mac(1))
        .see(local_mac(2))
        .see(local_neighbor("10.1.0.1", 1))
        .see(local_neighbor("10.1.0.1", 2));
    assert!(!node.routes.contains_key(&mac_ip_key(rd(1), mac(1), "10.1.0.1")));
    assert_eq!(node.said(&mac_ip_key(rd(1), mac(2), "10.1.0.1")), Some(vec![RT_100, VXLAN]));
    assert_eq!(node.mac(1).map(|row| row.neighbors), Some(0));
}

/// RFC 9047: the router flag.
#[test]
fn an_ipv6_router_says_so() {
    let mut node = Node::new(1);
    node.see(local_mac(1));
    let (address, router) = (ip("fe80::1"), true);
    node.see(Observation::LocalNeighbor { vni: vni(100), ip: address, mac: mac(1), router });
    assert_eq!(node.said(&mac_ip_key(rd(1), mac(1), "fe80::1")), Some(vec![RT_100, VXLAN, ROUTER]));
}

/// Routes that say the same share their attributes, so that BGP can pack them into one UPDATE.
#[test]
fn equal_attributes_are_one() {
    let mut node = Node::new(1);
    (1..=200).for_each(|n| _ = node.see(local_mac(n)));
    let [first, .., last] = &node.routes.values().filter(|(_, a)| a.pmsi.is_none()).collect::<Vec<_>>()[..]
    else {
        panic!("no routes")
    };
    assert!(std::sync::Arc::ptr_eq(&first.1, &last.1));
}

/// What the dataplane says of a VNI that is not served is not believed.
#[test]
fn only_listed_vnis_unless_all_are() {
    let mut node = Node::with(config(1));
    node.see(device(200));
    node.see(Observation::LocalMac { vni: vni(200), mac: mac(1), sticky: false });
    assert!(node.routes.is_empty());
    let mut node = Node::with(evpn::Config { advertise_all_vni: true, ..config(1) });
    node.see(device(200));
    assert_eq!(node.routes.len(), 1);
}

/// Everything local is retracted with the VNI, and all that was wanted in it is unwanted.
#[test]
fn a_vni_that_goes_leaves_nothing() {
    let mut node = Node::new(1);
    node.see(local_mac(1)).see(local_neighbor("10.1.0.1", 1)).hear(&Said::imet(2));
    node.hear(&Said::mac(2, 7)).hear(&Said::mac_ip(2, 7, "10.1.0.7"));
    node.hear(&Said::mac_ip(2, 8, "10.1.0.8").seq(3)).see(local_mac(8));
    assert_eq!((node.routes.len(), node.wanted.len()), (5, 4));
    node.see(Observation::VniGone { vni: vni(100) });
    assert!(node.routes.is_empty() && node.wanted.is_empty());
    assert_eq!(node.evpn.vni(vni(100)).map(|row| row.state), Some(evpn::VniState::NoDevice));
    // It comes back empty and asks for the routes once more.
    let replays = node.replays;
    node.see(device(100));
    assert_eq!((node.routes.len(), node.wanted.len(), node.replays), (1, 0, replays + 1));
    node.hear(&Said::mac(2, 7));
    assert_eq!(node.wanted.len(), 1);
}

/// A VNI that goes and comes back at once: what the old one leaves does not undo what the new one does.
#[test]
fn a_vni_that_flaps_between_two_turns() {
    let mut node = Node::new(1);
    node.see(local_mac(1)).hear(&Said::mac(2, 7));
    node.evpn.observe(node.now, Observation::VniGone { vni: vni(100) });
    node.evpn.observe(node.now, device(100));
    node.evpn.observe(node.now, local_mac(1));
    node.hear(&Said::mac(2, 7));
    assert_eq!((node.routes.len(), node.wanted.len()), (2, 1));
    node.unhear(&Said::mac(2, 7));
    assert!(node.wanted.is_empty());
}
