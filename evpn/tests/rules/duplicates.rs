//! Hosts that move too often (RFC 7432 section 15.1, RFC 9161 section 3.7).

use std::time::Duration;

use evpn::dataplane::WantedValue;
use evpn::{Config, DuplicateAction, DuplicateRules, MacRow, Notice, Place, Rival, Suspect};

use crate::node::{Done, Node};
use crate::words::*;

fn rules(action: DuplicateAction) -> DuplicateRules {
    DuplicateRules { action, ..DuplicateRules::default() }
}

/// Node `n` that does this about duplicates.
fn node(n: u8, action: DuplicateAction) -> Node {
    let mut node = Node::with(Config { duplicates: rules(action), ..config(n) });
    node.see(device(100));
    node
}

fn row(node: &Node) -> MacRow {
    node.mac(7).unwrap()
}

/// Host 7 was here, and goes to node 2 and back ten seconds later so often.
fn to_and_fro(node: &mut Node, times: u32) -> &mut Node {
    node.see(local_mac(7));
    for _ in 0..times {
        let seq = row(node).local_seq.unwrap() + 1;
        node.wait(Duration::from_secs(10)).hear(&Said::mac(2, 7).seq(seq)).see(local_mac(7));
    }
    node
}

/// The notice of the fifth move.
fn found(frozen: Option<Place>) -> Notice {
    let window = Duration::from_secs(180);
    Notice::DuplicateMac { vni: vni(100), mac: mac(7), moves: 5, window, frozen }
}

fn over() -> Notice {
    Notice::DuplicateOver { vni: vni(100), suspect: Suspect::Mac(mac(7)) }
}

#[test]
fn five_moves_are_named_once_and_followed() {
    let mut node = node(1, DuplicateAction::Warn);
    to_and_fro(&mut node, 3);
    assert_eq!(node.notices, [found(None)]);
    let listed: Vec<_> = node.evpn.duplicates(vni(100), None).collect();
    let [one] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((one.suspect, one.moves, one.frozen), (Suspect::Mac(mac(7)), 6, false));
    assert_eq!(one.rival, Some(Rival::Place(Place::Remote(vtep(2)))));
    assert_eq!((row(&node).duplicate, row(&node).place), (true, Place::Local), "it is followed");
    assert_eq!(node.evpn.duplicates(vni(100), Some(one.suspect)).count(), 0);
}

#[test]
fn slow_moves_are_none() {
    let mut node = node(1, DuplicateAction::Freeze);
    node.see(local_mac(7));
    for seq in [1, 3, 5, 7] {
        node.wait(Duration::from_secs(100)).hear(&Said::mac(2, 7).seq(seq)).see(local_mac(7));
    }
    assert!(node.notices.is_empty() && !row(&node).duplicate);
}

/// The nodes that it moves between count; an onlooker follows.
#[test]
fn moves_between_others_are_not_counted() {
    let mut node = node(1, DuplicateAction::Freeze);
    for seq in 0..20_u8 {
        node.hear(&Said::mac(2 + seq % 2, 7).seq(seq.into())).unhear(&Said::mac(3 - seq % 2, 7));
    }
    assert_eq!((row(&node).place, node.notices.len()), (Place::Remote(vtep(3)), 0));
}

#[test]
fn a_frozen_mac_stays_here() {
    let mut node = node(1, DuplicateAction::Freeze);
    to_and_fro(&mut node, 2).done();
    let (said, seq) = (node.said(&mac_key(rd(1), mac(7))), row(&node).local_seq.unwrap());
    node.hear(&Said::mac(2, 7).seq(seq + 1));
    assert_eq!(node.notices, [found(Some(Place::Local))]);
    let listed = node.evpn.duplicates(vni(100), None).next().unwrap();
    assert_eq!(listed.rival, Some(Rival::Place(Place::Remote(vtep(2)))));
    assert_eq!((row(&node).place, row(&node).frozen), (Place::Local, true));
    node.see(local_mac(7)).hear(&Said::mac(2, 7).seq(seq + 9));
    assert_eq!(node.done(), [], "it is neither announced anew nor followed");
    assert_eq!(node.said(&mac_key(rd(1), mac(7))), said);
}

/// Local traffic must not take the row back and forth: it is wanted as what must not move.
#[test]
fn a_frozen_mac_stays_there() {
    let mut node = node(1, DuplicateAction::Freeze);
    node.hear(&Said::mac(2, 7)).see(local_mac(7));
    for seq in [2, 4] {
        node.hear(&Said::mac(2, 7).seq(seq)).see(local_mac(7));
    }
    assert_eq!(node.notices, [found(Some(Place::Remote(vtep(2))))]);
    assert_eq!(row(&node).place, Place::Remote(vtep(2)));
    assert_eq!(node.wanted_mac(7), Some(WantedValue::Mac { vtep: vtep(2), sticky: true }));
    assert!(!node.routes.contains_key(&mac_key(rd(1), mac(7))));
    node.see(local_mac_gone(7)).wait_for_timeout();
    assert_eq!(node.wanted_mac(7), Some(WantedValue::Mac { vtep: vtep(2), sticky: false }));
    assert!(!row(&node).duplicate && !row(&node).frozen);
}

#[test]
fn it_recovers_in_time_and_is_followed_again() {
    let mut node = node(1, DuplicateAction::Freeze);
    to_and_fro(&mut node, 2).hear(&Said::mac(2, 7).seq(9)).done();
    let due = node.evpn.poll_timeout().unwrap();
    assert_eq!(due.duration_since(node.now), DuplicateRules::default().recovery.unwrap());
    node.evpn.recover(due - Duration::from_millis(1));
    assert!(row(&node).frozen);
    node.wait_for_timeout();
    assert_eq!(row(&node).place, Place::Remote(vtep(2)), "what was announced meanwhile counts");
    assert_eq!((node.notices.last(), node.evpn.poll_timeout()), (Some(&over()), None));
    assert_eq!(node.evpn.duplicates(vni(100), None).count(), 0);
    node.see(local_mac(7));
    assert_eq!(row(&node).place, Place::Local, "and so does the next frame");
}

#[test]
fn it_is_cleared_by_hand() {
    let mut node = node(1, DuplicateAction::Freeze);
    to_and_fro(&mut node, 2).hear(&Said::mac(2, 7).seq(9));
    let other = Some(Suspect::Mac(mac(8)));
    assert_eq!(node.evpn.clear_duplicates(node.now, None, other), 0);
    assert_eq!(node.evpn.clear_duplicates(node.now, Some(vni(101)), None), 0);
    assert_eq!((node.clear(), node.clear()), (1, 0));
    assert_eq!(row(&node).place, Place::Remote(vtep(2)));
    // The time that it would have taken has nothing to say to the next one.
    to_and_fro(&mut node, 3);
    let frozen = row(&node).frozen;
    node.evpn.recover(node.now + Duration::from_secs(60));
    assert!(frozen && row(&node).frozen);
}

/// With one of the two hosts gone there is one place left.
#[test]
fn what_nobody_claims_any_more_is_not_held() {
    let mut node = node(1, DuplicateAction::Freeze);
    to_and_fro(&mut node, 2).hear(&Said::mac(2, 7).seq(9));
    assert!(row(&node).frozen);
    node.see(local_mac_gone(7));
    assert_eq!((row(&node).place, row(&node).frozen), (Place::Remote(vtep(2)), false));
    assert_eq!(node.evpn.duplicates(vni(100), None).count(), 0);
    node.unhear(&Said::mac(2, 7));
    assert!(node.mac(7).is_none());
}

/// RFC 7432 section 15.2: that a MAC must not move is an operator's word, and the corrective action.
#[test]
fn a_sticky_claim_ends_it() {
    let mut node = node(1, DuplicateAction::Freeze);
    to_and_fro(&mut node, 2).hear(&Said::mac(2, 7).seq(9)).hear(&Said::mac(3, 7).with(STICKY));
    assert_eq!((row(&node).place, row(&node).frozen), (Place::Remote(vtep(3)), false));
}

/// A virtual address that flips between two routers is never lost for longer than it takes to recover.
#[test]
fn a_flipping_virtual_mac_is_found_where_it_is_after_each_recovery() {
    let mut node = node(1, DuplicateAction::Freeze);
    node.see(local_mac(7));
    for flip in 0..40 {
        let seq = row(&node).local_seq.max(row(&node).remote_seq).unwrap() + 1;
        let here = flip % 2 == 1;
        match here {
            true => node.unhear(&Said::mac(2, 7)).see(local_mac(7)),
            false => node.hear(&Said::mac(2, 7).seq(seq)),
        };
        node.wait(Duration::from_secs(1));
        if row(&node).frozen {
            node.wait_for_timeout();
        }
        let place = if here { Place::Local } else { Place::Remote(vtep(2)) };
        assert_eq!(row(&node).place, place, "flip {flip}");
    }
}

#[test]
fn the_rules_change_at_run_time() {
    let mut node = node(1, DuplicateAction::Freeze);
    to_and_fro(&mut node, 2).hear(&Said::mac(2, 7).seq(9));
    let with = |duplicates| Config { duplicates, ..config(1) };
    let never = DuplicateRules { recovery: None, ..rules(DuplicateAction::Freeze) };
    node.reconfigure(with(never));
    assert_eq!((node.evpn.poll_timeout(), row(&node).frozen), (None, true));
    node.reconfigure(with(rules(DuplicateAction::Warn)));
    assert_eq!((row(&node).duplicate, row(&node).frozen), (true, false));
    assert_eq!(row(&node).place, Place::Remote(vtep(2)));
    assert!(node.evpn.poll_timeout().is_some());
    node.reconfigure(with(rules(DuplicateAction::Ignore)));
    assert!(!row(&node).duplicate && node.evpn.poll_timeout().is_none());
    to_and_fro(&mut node, 9);
    assert!(!row(&node).duplicate);
}

#[test]
fn a_vni_that_goes_takes_its_duplicates_with_it() {
    let mut node = node(1, DuplicateAction::Freeze);
    to_and_fro(&mut node, 2).hear(&Said::mac(2, 7).seq(9));
    node.see(evpn::dataplane::Observation::VniGone { vni: vni(100) });
    assert_eq!((node.wanted.len(), node.routes.len()), (0, 0));
    node.wait_for_timeout();
    assert_eq!(node.evpn.poll_timeout(), None);
}

/// RFC 9161 section 3.7: an address that goes from MAC to MAC.
#[test]
fn two_macs_have_one_address() {
    let mut node = node(1, DuplicateAction::Freeze);
    node.see(local_mac(7)).see(local_mac(8)).see(local_neighbor("10.1.0.7", 7));
    for host in [8, 7, 8, 7, 8] {
        node.see(local_neighbor("10.1.0.7", host));
    }
    let (ip, window) = (ip("10.1.0.7"), Duration::from_secs(180));
    let macs = [mac(7), mac(8)];
    assert_eq!(node.notices, [Notice::DuplicateAddress { vni: vni(100), ip, macs, moves: 5, window }]);
    let neighbor = |node: &Node| node.evpn.neighbor(vni(100), ip).unwrap();
    assert_eq!((neighbor(&node).duplicate, neighbor(&node).mac), (true, mac(8)), "it is followed");
    let listed: Vec<_> = node.evpn.duplicates(vni(100), None).collect();
    let [one] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((one.suspect, one.rival), (Suspect::Ip(ip), Some(Rival::Mac(mac(7)))));
    assert!(!one.frozen && !one.contested);
    assert!(!node.mac(7).unwrap().duplicate);
    node.done();
    assert_eq!(node.clear(), 1);
    assert_eq!(node.done(), [] as [Done; 0]);
    assert!(!neighbor(&node).duplicate);
}

/// A host that moves with its address is one host.
#[test]
fn an_address_that_travels_with_its_mac_is_no_duplicate() {
    let mut node = node(1, DuplicateAction::Ignore);
    node.see(local_mac(7)).see(local_neighbor("10.1.0.7", 7));
    node.reconfigure(Config { duplicates: rules(DuplicateAction::Warn), ..config(1) });
    for seq in [1, 3, 5] {
        node.hear(&Said::mac_ip(2, 7, "10.1.0.7").seq(seq)).see(local_mac(7));
        node.see(local_neighbor("10.1.0.7", 7));
    }
    let suspects: Vec<_> = node.evpn.duplicates(vni(100), None).map(|row| row.suspect).collect();
    assert_eq!(suspects, [Suspect::Mac(mac(7))]);
}
