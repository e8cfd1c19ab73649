//! Who has an address, and that it follows its MAC (RFC 7432 section 10, RFC 9135 section 7).

use evpn::dataplane::WantedValue;
use evpn::{NeighborState, Place};

use crate::node::Node;
use crate::words::*;

const IP: &str = "10.1.0.7";

fn answered(node: &Node) -> Option<u8> {
    match node.wanted_neighbor(IP)? {
        WantedValue::Neighbor { mac, .. } => Some(mac.0[5]),
        _ => None,
    }
}

/// A MAC that comes here brings its addresses along at once; the dataplane verifies them.
#[test]
fn an_address_comes_with_its_mac() {
    let mut node = Node::new(1);
    node.hear(&Said::mac(2, 7))
        .hear(&Said::mac_ip(2, 7, IP))
        .hear(&Said::mac_ip(2, 7, "fe80::7").with(ROUTER));
    node.see(local_mac(7));
    assert_eq!(node.said(&mac_ip_key(rd(1), mac(7), IP)), Some(vec![RT_100, VXLAN, sequence(1)]));
    assert_eq!(
        node.said(&mac_ip_key(rd(1), mac(7), "fe80::7")),
        Some(vec![RT_100, VXLAN, sequence(1), ROUTER])
    );
    assert_eq!(node.wanted_neighbor(IP), Some(WantedValue::LocalNeighbor { mac: mac(7) }));
    let row = node.evpn.neighbor(vni(100), ip(IP)).unwrap();
    assert_eq!((row.place, row.state, row.seq), (Place::Local, NeighborState::Verifying, Some(1)));

    // The loser withdraws, as it must; what came along does not depend on it any more.
    node.unhear(&Said::mac_ip(2, 7, IP)).unhear(&Said::mac_ip(2, 7, "fe80::7")).unhear(&Said::mac(2, 7));
    assert_eq!(node.routes.len(), 4);
    node.see(local_neighbor(IP, 7)).see(local_neighbor_gone("fe80::7"));
    assert!(node.wanted.is_empty(), "the one is the kernel's own now, the other is gone");
    assert!(node.routes.contains_key(&mac_ip_key(rd(1), mac(7), IP)));
    assert!(!node.routes.contains_key(&mac_ip_key(rd(1), mac(7), "fe80::7")));
}

/// And if the MAC goes away again before that, what it brought was only a guess.
#[test]
fn an_unverified_address_goes_away_with_its_mac() {
    let mut node = Node::new(1);
    node.hear(&Said::mac_ip(2, 7, IP)).see(local_mac(7)).hear(&Said::mac_ip(2, 7, IP).seq(2));
    assert_eq!(answered(&node), Some(7));
    node.unhear(&Said::mac_ip(2, 7, IP));
    assert!(node.wanted.is_empty());
    assert_eq!(node.evpn.neighbor(vni(100), ip(IP)), None);
    let mut node = Node::new(1);
    node.hear(&Said::mac_ip(2, 7, IP))
        .see(local_mac(7))
        .unhear(&Said::mac_ip(2, 7, IP))
        .see(local_mac_gone(7));
    assert!(node.wanted.is_empty() && node.routes.len() == 1 && node.mac(7).is_none());
}

/// An address is answered for only with a MAC that is where the one who says so is.
#[test]
fn an_address_of_a_loser_is_not_answered_for() {
    let mut node = Node::new(1);
    node.hear(&Said::mac_ip(2, 7, IP)).hear(&Said::mac(3, 7).seq(1));
    assert_eq!(answered(&node), None);
    node.hear(&Said::mac_ip(3, 7, IP).seq(1));
    assert_eq!(answered(&node), Some(7));
    node.unhear(&Said::mac_ip(2, 7, IP));
    assert_eq!(answered(&node), Some(7));
}

/// The kernel may have learnt a remote host's address before we told it: that is no host of ours.
#[test]
fn a_neighbour_whose_mac_is_remote_is_not_ours() {
    let mut node = Node::new(1);
    node.hear(&Said::mac(2, 7)).see(local_neighbor(IP, 7));
    assert_eq!(node.routes.len(), 1);
    node.hear(&Said::mac_ip(2, 7, IP));
    assert_eq!(answered(&node), Some(7));
    node.see(local_neighbor_gone(IP));
    assert_eq!(answered(&node), Some(7));
}

/// RFC 9135 section 7: an address that is seen here with a new MAC is followed, because that MAC's sequence
/// goes above the old one's.
#[test]
fn an_address_comes_with_a_new_mac() {
    let mut node = Node::new(2);
    node.hear(&Said::mac_ip(1, 7, IP).seq(4)).see(local_mac(8)).see(local_neighbor(IP, 8));
    for key in [mac_key(rd(2), mac(8)), mac_ip_key(rd(2), mac(8), IP)] {
        assert_eq!(node.said(&key), Some(vec![RT_100, VXLAN, sequence(5)]));
    }
    assert_eq!(answered(&node), None);
    assert!(node.wanted_mac(7).is_some(), "the old MAC itself has not moved");
    // Also when the address is seen before its MAC is.
    let mut node = Node::new(2);
    node.hear(&Said::mac_ip(1, 7, IP).seq(4)).see(local_neighbor(IP, 8));
    assert_eq!(answered(&node), Some(7));
    node.see(local_mac(8));
    assert_eq!(node.said(&mac_ip_key(rd(2), mac(8), IP)), Some(vec![RT_100, VXLAN, sequence(5)]));
    assert_eq!(answered(&node), None);
}

/// The other side of that: our MAC stays, the address goes.
#[test]
fn an_address_leaves_for_a_new_mac() {
    let mut node = Node::new(1);
    node.see(local_mac(7)).see(local_neighbor(IP, 7)).hear(&Said::mac_ip(2, 8, IP).seq(1));
    assert_eq!(answered(&node), Some(8));
    assert!(node.routes.contains_key(&mac_key(rd(1), mac(7))));
    assert!(node.routes.contains_key(&mac_ip_key(rd(1), mac(7), IP)), "both claim it, as far as one knows");
    node.unhear(&Said::mac_ip(2, 8, IP));
    assert!(node.routes.contains_key(&mac_ip_key(rd(1), mac(7), IP)), "it still stands here");
}

#[test]
fn an_address_that_two_macs_have() {
    let mut node = Node::new(1);
    node.hear(&Said::mac_ip(3, 7, IP)).hear(&Said::mac_ip(2, 8, IP));
    assert_eq!(answered(&node), Some(8), "the lower VTEP");
    node.hear(&Said::mac_ip(3, 7, IP).seq(1));
    assert_eq!(answered(&node), Some(7), "the higher sequence");
    let mut node = Node::new(4);
    node.see(local_mac(7)).see(local_neighbor(IP, 7)).hear(&Said::mac_ip(3, 8, IP));
    assert_eq!(answered(&node), Some(8), "ours is no better for being ours: all nodes are to agree");
    node.see(local_neighbor(IP, 7));
    assert_eq!(answered(&node), None, "until it is seen to have come here since");
}
