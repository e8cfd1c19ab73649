//! Who has a MAC that several claim (RFC 7432 section 15).

use evpn::dataplane::{Observation, WantedValue};
use evpn::{Notice, Place};

use crate::node::Node;
use crate::words::*;

fn place(node: &Node, host: u8) -> Place {
    node.mac(host).map_or(Place::Nowhere, |row| row.place)
}

fn local_sticky(host: u8) -> Observation {
    Observation::LocalMac { vni: vni(100), mac: mac(host), sticky: true }
}

/// RFC 7432 section 15: a host seen here that was elsewhere has moved; the sequence says so.
#[test]
fn a_host_moves_here() {
    let mut node = Node::new(1);
    node.hear(&Said::mac(2, 7).seq(4)).see(local_mac(7));
    assert_eq!(place(&node, 7), Place::Local);
    assert_eq!(node.said(&mac_key(rd(1), mac(7))), Some(vec![RT_100, VXLAN, sequence(5)]));
    assert_eq!(node.wanted_mac(7), None);
    let row = node.mac(7).unwrap();
    assert_eq!((row.local_seq, row.remote_seq), (Some(5), Some(4)));
}

#[test]
fn the_first_move_has_sequence_1() {
    let mut node = Node::new(2);
    node.hear(&Said::mac(1, 7)).see(local_mac(7));
    assert_eq!(node.said(&mac_key(rd(2), mac(7))), Some(vec![RT_100, VXLAN, sequence(1)]));
}

/// RFC 7432 section 15: a higher sequence means that the host has left; our routes go at once.
#[test]
fn a_host_moves_away() {
    let mut node = Node::new(1);
    node.see(local_mac(7)).see(local_neighbor("10.1.0.7", 7)).hear(&Said::mac(2, 7).seq(1));
    assert_eq!(place(&node, 7), Place::Remote(vtep(2)));
    assert_eq!(node.routes.len(), 1, "only the Type 3 is left");
    assert_eq!(node.wanted_mac(7), Some(WantedValue::Mac { vtep: vtep(2), sticky: false }));
    node.see(local_mac_gone(7)).see(local_neighbor_gone("10.1.0.7"));
    assert_eq!((node.routes.len(), node.wanted.len()), (1, 1));
}

/// A lower sequence is old news.
#[test]
fn a_lower_sequence_changes_nothing() {
    let mut node = Node::new(1);
    node.hear(&Said::mac(2, 7).seq(4)).see(local_mac(7)).done();
    node.hear(&Said::mac(3, 7).seq(4));
    assert_eq!(node.done(), []);
    assert_eq!(place(&node, 7), Place::Local);
}

/// RFC 7432 section 15.1: with equal sequences the lower address wins, and the other withdraws.
#[test]
fn equal_sequences() {
    let mut lower = Node::new(1);
    lower.see(local_mac(7)).hear(&Said::mac(2, 7));
    assert_eq!(place(&lower, 7), Place::Local);
    let mut higher = Node::new(2);
    higher.see(local_mac(7)).hear(&Said::mac(1, 7));
    assert_eq!(place(&higher, 7), Place::Remote(vtep(1)));
    assert!(!higher.routes.contains_key(&mac_key(rd(2), mac(7))));
}

#[test]
fn among_remote_claims() {
    let mut node = Node::new(1);
    node.hear(&Said::mac(4, 7)).hear(&Said::mac(3, 7));
    assert_eq!(place(&node, 7), Place::Remote(vtep(3)), "the lower VTEP");
    node.hear(&Said::mac(4, 7).seq(1));
    assert_eq!(place(&node, 7), Place::Remote(vtep(4)), "the higher sequence");
    node.hear(&Said::mac(5, 7).with(STICKY));
    assert_eq!(place(&node, 7), Place::Remote(vtep(5)), "the sticky one");
    node.unhear(&Said::mac(5, 7)).unhear(&Said::mac(4, 7));
    assert_eq!(place(&node, 7), Place::Remote(vtep(3)));
}

/// A claim is as good as the best of its routes, whichever comes or goes first.
#[test]
fn the_best_of_a_claims_routes_counts() {
    let mut node = Node::new(1);
    let (only, with_ip) = (Said::mac(3, 7), Said::mac_ip(3, 7, "10.1.0.7").seq(2));
    node.hear(&Said::mac(2, 7).seq(1)).hear(&only).hear(&with_ip);
    assert_eq!(place(&node, 7), Place::Remote(vtep(3)));
    node.unhear(&with_ip);
    assert_eq!(place(&node, 7), Place::Remote(vtep(2)));
    node.hear(&only.clone().seq(2));
    assert_eq!(place(&node, 7), Place::Remote(vtep(3)));
    node.hear(&only);
    assert_eq!(place(&node, 7), Place::Remote(vtep(2)));
}

/// RFC 7432 section 15.2: what must not move is not believed to have.
#[test]
fn a_sticky_mac_does_not_move_here() {
    let mut node = Node::new(1);
    node.hear(&Said::mac(2, 7).with(STICKY)).see(local_mac(7));
    assert_eq!(place(&node, 7), Place::Remote(vtep(2)));
    assert_eq!(node.notices, [Notice::StickyMac { vni: vni(100), mac: mac(7), vtep: vtep(2) }]);
    assert_eq!(node.routes.len(), 1);
    // Nor does one that is sticky here too: the lower address keeps it, here and everywhere.
    let mut node = Node::new(3);
    node.hear(&Said::mac(2, 7).with(STICKY)).see(local_sticky(7));
    assert_eq!(place(&node, 7), Place::Remote(vtep(2)));
}

#[test]
fn a_sticky_mac_does_not_move_away() {
    let mut node = Node::new(1);
    node.see(local_sticky(7)).hear(&Said::mac(2, 7).seq(9));
    assert_eq!(place(&node, 7), Place::Local);
    node.see(local_mac(7));
    assert_eq!(place(&node, 7), Place::Remote(vtep(2)), "no longer sticky");
}

/// A claim that had lost and still stands is good again when the winner lets go. Nobody saw the host come
/// back, so the sequence stays: if the winner had only lost a session, it wins again when it returns.
#[test]
fn the_winner_lets_go() {
    let mut node = Node::new(1);
    node.see(local_mac(7)).hear(&Said::mac(2, 7).seq(3));
    node.unhear(&Said::mac(2, 7));
    assert_eq!(place(&node, 7), Place::Local);
    assert_eq!(node.said(&mac_key(rd(1), mac(7))), Some(vec![RT_100, VXLAN]));
    node.hear(&Said::mac(2, 7).seq(3));
    assert_eq!(place(&node, 7), Place::Remote(vtep(2)));
    // Seen here once more, as when traffic takes the kernel's row back: now it has moved.
    node.see(local_mac(7));
    assert_eq!(node.said(&mac_key(rd(1), mac(7))), Some(vec![RT_100, VXLAN, sequence(4)]));
}

/// The range ends; nothing wraps round, and the addresses decide.
#[test]
fn the_last_sequence() {
    let mut node = Node::new(2);
    node.hear(&Said::mac(1, 7).seq(u32::MAX)).see(local_mac(7));
    assert_eq!(place(&node, 7), Place::Remote(vtep(1)));
    let mut node = Node::new(1);
    node.hear(&Said::mac(2, 7).seq(u32::MAX)).see(local_mac(7));
    assert_eq!(place(&node, 7), Place::Local);
}

/// A VTEP that renumbers keeps its claim: the same route with another next hop.
#[test]
fn a_route_changes_its_vtep() {
    let mut node = Node::new(1);
    let mut moved = Said::mac_ip(2, 7, "10.1.0.7");
    node.hear(&moved);
    moved.attrs.next_hop = bgp::wire::NextHop::Ipv4([10, 0, 0, 8].into());
    node.hear(&moved);
    assert_eq!(node.wanted_mac(7), Some(WantedValue::Mac { vtep: vtep(8), sticky: false }));
    assert!(node.wanted_neighbor("10.1.0.7").is_some());
    node.unhear(&moved);
    assert!(node.wanted.is_empty() && node.mac(7).is_none());
}
