//! Addresses that two MACs claim, and neither lets go of (RFC 9161 section 3.7).

use std::time::Duration;

use evpn::dataplane::WantedValue;
use evpn::{
    AddressClaim, Config, DuplicateAction, DuplicateRow, DuplicateRules, Notice, Place, Rival, Suspect,
};

use crate::node::Node;
use crate::words::*;

const IP: &str = "10.1.0.7";
const WINDOW: Duration = Duration::from_secs(180);
/// Longer than a contest that is over is remembered.
const LONG: Duration = Duration::from_secs(11);

fn claim(host: u8, place: Place, seq: u32) -> AddressClaim {
    AddressClaim { mac: mac(host), place, seq }
}

fn there(n: u8) -> Place {
    Place::Remote(vtep(n))
}

fn named(claims: [AddressClaim; 2]) -> Notice {
    Notice::TwoMacs { vni: vni(100), ip: ip(IP), claims, time: WINDOW }
}

fn over() -> Notice {
    Notice::DuplicateOver { vni: vni(100), suspect: Suspect::Ip(ip(IP)) }
}

fn listed(node: &Node) -> Vec<DuplicateRow> {
    node.evpn.duplicates(vni(100), None).collect()
}

fn is_marked(node: &Node) -> bool {
    node.evpn.neighbor(vni(100), ip(IP)).is_some_and(|row| row.duplicate)
}

/// Lets time pass, and whatever is due by then.
fn pass(node: &mut Node, time: Duration) -> &mut Node {
    let end = node.now + time;
    while node.evpn.poll_timeout().is_some_and(|due| due <= end) {
        node.wait_for_timeout();
    }
    node.now = end;
    node
}

/// Host 7 is behind node 2, host 8 behind node 3: both have the address, and node 1 looks on.
fn onlooker() -> Node {
    let mut node = Node::new(1);
    node.hear(&Said::mac_ip(2, 7, IP)).hear(&Said::mac_ip(3, 8, IP));
    node
}

#[test]
fn two_macs_elsewhere_are_named_after_a_while_and_until_one_goes() {
    let mut node = onlooker();
    pass(&mut node, WINDOW - Duration::from_secs(1));
    assert!(node.notices.is_empty() && listed(&node).is_empty() && !is_marked(&node));
    pass(&mut node, Duration::from_secs(1));
    let claims = [claim(7, there(2), 0), claim(8, there(3), 0)];
    assert_eq!(node.notices, [named(claims)]);
    let rows = listed(&node);
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(
        (row.suspect, row.rival, &row.claims[..]),
        (Suspect::Ip(ip(IP)), Some(Rival::Mac(mac(8))), &claims[..])
    );
    assert_eq!((row.contested, row.recovers, row.moves), (true, None, 0));
    assert!(is_marked(&node) && node.evpn.poll_timeout().is_none());

    node.unhear(&Said::mac_ip(3, 8, IP));
    pass(&mut node, LONG);
    assert_eq!(node.notices, [named(claims), over()]);
    assert!(listed(&node).is_empty() && !is_marked(&node));
}

/// A pod that is made anew elsewhere, with another MAC, while the route of its former self stands for a while.
#[test]
fn a_host_that_is_made_anew_is_one_host() {
    let mut node = onlooker();
    pass(&mut node, WINDOW / 2).unhear(&Said::mac_ip(2, 7, IP));
    pass(&mut node, WINDOW * 2);
    assert_eq!((node.notices.len(), node.evpn.poll_timeout()), (0, None));
}

/// A session that flaps does not make it two stories.
#[test]
fn a_route_that_is_away_for_a_moment_changes_nothing() {
    let mut node = onlooker();
    pass(&mut node, WINDOW);
    for _ in 0..5 {
        node.unhear(&Said::mac_ip(3, 8, IP)).wait(Duration::from_secs(2)).hear(&Said::mac_ip(3, 8, IP));
        pass(&mut node, LONG);
    }
    assert_eq!((node.notices.len(), listed(&node).len()), (1, 1));
}

/// Highest sequence, lowest VTEP, lowest MAC: here as everywhere else.
#[test]
fn every_node_answers_for_the_same_one() {
    // Host 7 behind node 2 and host 8 behind node 3, as seen from the two and from a third.
    for n in [1, 2, 3] {
        for (seqs, winner) in [([0, 0], 7), ([0, 1], 8), ([1, 1], 7)] {
            let mut node = Node::new(n);
            for (at, host, seq) in [(3, 8, seqs[1]), (2, 7, seqs[0])] {
                let said = Said::mac_ip(at, host, IP).seq(seq);
                match at == n {
                    false => node.hear(&said),
                    // It came to this sequence by moving from there and to here.
                    true if seq > 0 => {
                        let past = Said::mac(9, host).seq(seq - 1);
                        node.hear(&past).see(local_mac(host)).see(local_claim(IP, host)).unhear(&past)
                    }
                    true => node.see(local_mac(host)).see(local_claim(IP, host)),
                };
            }
            let first = node.evpn.claims(vni(100), ip(IP))[0];
            assert_eq!(
                (first.mac, node.evpn.claims(vni(100), ip(IP)).len()),
                (mac(winner), 2),
                "node {n}, {seqs:?}"
            );
            assert_eq!(node.evpn.neighbor(vni(100), ip(IP)).unwrap().mac, mac(winner));
            let answers = matches!(node.wanted_neighbor(IP), Some(WantedValue::Neighbor { mac: m, .. }) if m == mac(winner));
            assert_eq!(answers, first.place != Place::Local);
        }
    }
}

/// The one that lost is announced as well, for everybody to see; and when it is the only one, so that nobody can have
/// passed over it.
#[test]
fn who_lost_here_is_announced_and_follows_when_the_other_goes() {
    let mut node = Node::new(3);
    node.hear(&Said::mac_ip(2, 7, IP)).see(local_mac(8)).see(local_claim(IP, 8));
    let route = mac_ip_key(rd(3), mac(8), IP);
    assert_eq!(node.wanted_neighbor(IP), Some(WantedValue::Neighbor { mac: mac(7), router: false }));
    assert_eq!(node.said(&route), Some(vec![RT_100, VXLAN]));
    assert_eq!(node.asked, [ip(IP)], "it is asked whether it is there");
    node.unhear(&Said::mac_ip(2, 7, IP));
    assert_eq!(node.said(&route), Some(vec![RT_100, VXLAN, sequence(1)]));
    assert_eq!(node.wanted_neighbor(IP), None);
    node.see(local_neighbor_gone(IP));
    assert_eq!(node.said(&route), None);
}

/// FRR compares sequences only, and follows whoever was announced last among equals.
#[test]
fn who_has_it_by_the_lower_vtep_says_so_by_the_sequence() {
    let mut node = Node::new(1);
    node.see(local_mac(7)).see(local_neighbor(IP, 7)).hear(&Said::mac_ip(2, 8, IP));
    let route = mac_ip_key(rd(1), mac(7), IP);
    assert_eq!(node.said(&route), Some(vec![RT_100, VXLAN, sequence(1)]));
    node.unhear(&Said::mac_ip(2, 8, IP)).hear(&Said::mac_ip(2, 8, IP));
    assert_eq!(node.said(&route), Some(vec![RT_100, VXLAN, sequence(1)]), "once");
    node.hear(&Said::mac_ip(2, 7, "fe80::1")).hear(&Said::mac_ip(3, 8, "fe80::1"));
    assert_eq!(node.mac(7).unwrap().local_seq, Some(1));
}

/// As when the kernel, or a host that snooping hears, says that the address is here now.
#[test]
fn what_is_taken_over_is_no_duplicate_once_the_former_host_is_gone() {
    let mut node = Node::new(1);
    node.see(local_mac(7)).see(local_neighbor(IP, 7)).hear(&Said::mac_ip(2, 8, IP).seq(1));
    assert_eq!(node.asked, [ip(IP)]);
    node.see(local_neighbor_gone(IP));
    pass(&mut node, WINDOW * 2);
    assert!(node.notices.is_empty() && !is_marked(&node));
}

#[test]
fn gateways_and_addresses_of_the_link_are_shared() {
    let mut node = Node::new(1);
    node.hear(&Said::mac_ip(2, 7, IP).with(GATEWAY)).hear(&Said::mac_ip(3, 8, IP).with(GATEWAY));
    node.hear(&Said::mac_ip(2, 7, "fe80::1")).hear(&Said::mac_ip(3, 8, "fe80::1"));
    pass(&mut node, WINDOW * 2);
    assert_eq!((node.notices.len(), node.evpn.poll_timeout()), (0, None));
    node.hear(&Said::mac_ip(2, 5, "fd00::7")).hear(&Said::mac_ip(3, 6, "fd00::7"));
    pass(&mut node, WINDOW * 2);
    assert_eq!(node.notices.len(), 1, "any other is not");
}

/// One MAC with several addresses, and one that two nodes say has the address.
#[test]
fn one_mac_is_one_claim() {
    let mut node = Node::new(1);
    node.hear(&Said::mac_ip(2, 7, IP)).hear(&Said::mac_ip(2, 7, "10.1.0.8")).hear(&Said::mac_ip(3, 7, IP));
    pass(&mut node, WINDOW * 2);
    assert_eq!((node.notices.len(), node.evpn.poll_timeout()), (0, None));
}

/// A MAC that two hosts have is named as that.
#[test]
fn a_duplicate_mac_claims_nothing() {
    let mut node = Node::new(1);
    node.hear(&Said::mac_ip(3, 8, IP)).see(local_mac(7)).see(local_neighbor(IP, 7));
    for _ in 0..3 {
        let seq = node.mac(7).unwrap().local_seq.unwrap() + 1;
        node.hear(&Said::mac_ip(2, 7, IP).seq(seq)).see(local_mac(7)).see(local_neighbor(IP, 7));
    }
    let suspects = |node: &Node| listed(node).iter().map(|row| row.suspect).collect::<Vec<_>>();
    assert_eq!(suspects(&node), [Suspect::Mac(mac(7))]);
    pass(&mut node, WINDOW - Duration::from_secs(1));
    assert_eq!(suspects(&node), [Suspect::Mac(mac(7))]);
    // It has recovered, and has moved no more since.
    pass(&mut node, WINDOW * 2);
    assert_eq!(suspects(&node), [Suspect::Ip(ip(IP))]);
}

#[test]
fn what_is_cleared_and_stands_is_found_again() {
    let mut node = onlooker();
    pass(&mut node, WINDOW);
    assert_eq!((node.clear(), node.clear(), is_marked(&node)), (1, 0, false));
    pass(&mut node, WINDOW - Duration::from_secs(1));
    assert!(!is_marked(&node));
    pass(&mut node, Duration::from_secs(1));
    assert!(is_marked(&node));
}

#[test]
fn another_window_holds_at_once() {
    let mut node = onlooker();
    let rules = |action, seconds| {
        let window = Duration::from_secs(seconds);
        Config { duplicates: DuplicateRules { action, window, ..DuplicateRules::default() }, ..config(1) }
    };
    pass(&mut node, Duration::from_secs(60)).reconfigure(rules(DuplicateAction::Warn, 30));
    pass(&mut node, Duration::ZERO);
    assert!(is_marked(&node));
    node.reconfigure(rules(DuplicateAction::Ignore, 30));
    pass(&mut node, LONG);
    assert!(!is_marked(&node) && listed(&node).is_empty());
    node.reconfigure(rules(DuplicateAction::Warn, 30));
    pass(&mut node, Duration::from_secs(30));
    assert!(is_marked(&node), "what stood when it was not looked for is found");
}

/// Many addresses in quarrel: there is an end to what is kept, and to what is said.
#[test]
fn made_up_addresses_are_bounded() {
    let mut node = Node::new(1);
    for n in 0..3000_u16 {
        let [high, low] = n.to_be_bytes();
        let address = format!("10.2.{high}.{low}");
        node.hear(&Said::mac_ip(2, 7, &address)).hear(&Said::mac_ip(3, 8, &address));
    }
    pass(&mut node, WINDOW);
    assert_eq!((node.notices.len(), listed(&node).len()), (1024, 1024));
}
