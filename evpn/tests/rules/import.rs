//! Which remote routes are taken, and what keeps them from being used (RFC 7432 sections 9.2, 10 and 11, RFC
//! 8365 section 5).

use bgp::types::{Asn, EthernetTag, Mac};
use bgp::wire::{EvpnKey, ExtCommunity, NextHop};
use evpn::dataplane::{Observation, WantedKey, WantedValue};
use evpn::{Config, Flooding, ImportTarget, Notice, Unusable, VniConfig};

use crate::node::{Done, Node};
use crate::words::*;

fn takes(node: &mut Node, target: [u8; 8]) -> bool {
    let said = Said::mac(2, 7).with_only(&[ExtCommunity(target), VXLAN]);
    node.hear(&said);
    let taken = node.wanted_mac(7).is_some();
    node.unhear(&said);
    taken
}

/// RFC 8365 section 5.1.2.1 and what others send: this VNI from any AS, in every automatic form.
#[test]
fn automatic_targets_of_any_as() {
    let mut node = Node::new(1);
    assert!(takes(&mut node, [0, 2, 0xfd, 0xe8, 0, 0, 0, 100]), "AS:VNI");
    assert!(takes(&mut node, [0, 2, 0, 1, 0, 0, 0, 100]), "another AS");
    assert!(takes(&mut node, [0, 2, 0, 1, 0x10, 0, 0, 100]), "RFC 8365's form");
    assert!(takes(&mut node, [2, 2, 0, 1, 0, 0, 0, 100]), "a four-octet AS");
    assert!(takes(&mut node, [1, 2, 10, 0, 0, 1, 0, 100]), "an IPv4 address");
    assert!(!takes(&mut node, [0, 2, 0xfd, 0xe8, 0, 0, 0, 101]), "another VNI");
    assert!(!takes(&mut node, [0, 2, 0xfd, 0xe8, 0x11, 0, 0, 100]), "another domain of RFC 8365");
    assert!(!takes(&mut node, [0, 2, 0xfd, 0xe8, 0x20, 0, 0, 100]), "another service of RFC 8365");
    assert!(!takes(&mut node, [0x40, 2, 0xfd, 0xe8, 0, 0, 0, 100]), "not transitive, no route target");
    assert!(!takes(&mut node, [0, 3, 0xfd, 0xe8, 0, 0, 0, 100]), "a site of origin");
}

/// Two octets cannot name a VNI above 65535: such a target is not this VNI's.
#[test]
fn a_large_vni_has_no_short_form() {
    let mut node = Node::with(Config { advertise_all_vni: true, ..config(1) });
    node.see(device(65536 + 100));
    let mut said = Said::mac(2, 7).with_only(&[ExtCommunity([2, 2, 0, 0, 0xfd, 0xe8, 0, 100]), VXLAN]);
    said.body.label = vni(65536 + 100);
    node.hear(&said);
    assert!(node.wanted.is_empty());
}

#[test]
fn configured_targets_replace_the_automatic_ones_and_match_exactly() {
    let own = bgp::wire::RouteTarget::As4(Asn(1), 7);
    let listed = VniConfig { import_rt: Some(vec![ImportTarget::Exact(own)]), ..VniConfig::auto(vni(100)) };
    let mut node = Node::with(Config { vnis: vec![listed], ..config(1) });
    node.see(device(100));
    assert!(takes(&mut node, [2, 2, 0, 0, 0, 1, 0, 7]));
    assert!(!takes(&mut node, [0, 2, 0, 1, 0, 0, 0, 7]), "same numbers in another form");
    assert!(!takes(&mut node, [0, 2, 0xfd, 0xe8, 0, 0, 0, 100]));
}

#[test]
fn a_route_goes_to_every_vni_that_takes_it_and_leaves_with_its_targets() {
    let any = |number| Some(vec![ImportTarget::AnyAs(vni(number))]);
    let both = VniConfig { import_rt: any(100), ..VniConfig::auto(vni(200)) };
    let mut node = Node::with(Config { vnis: vec![VniConfig::auto(vni(100)), both], ..config(1) });
    node.see(device(100)).see(device(200)).hear(&Said::imet(2));
    // The label of a Type 3 is checked per VNI: 200 shows the VTEP and does not flood to it.
    assert_eq!(node.wanted.len(), 1);
    assert_eq!(
        node.evpn.vteps(vni(200), None).map(|row| row.flood).collect::<Vec<_>>(),
        [Flooding::Unusable]
    );
    node.hear(&Said::imet(2).with_only(&[ExtCommunity([0, 2, 0, 0, 0, 0, 0, 9]), VXLAN]));
    assert!(node.wanted.is_empty());
    assert_eq!(node.evpn.vteps(vni(100), None).count() + node.evpn.vteps(vni(200), None).count(), 0);
}

#[test]
fn a_remote_mac_with_its_address() {
    let mut node = Node::new(1);
    node.hear(&Said::mac(2, 7)).hear(&Said::mac_ip(2, 7, "10.1.0.7"));
    assert_eq!(node.wanted_mac(7), Some(WantedValue::Mac { vtep: vtep(2), sticky: false }));
    assert_eq!(node.wanted_neighbor("10.1.0.7"), Some(WantedValue::Neighbor { mac: mac(7), router: false }));
    node.done();
    node.hear(&Said::mac(2, 7)).hear(&Said::mac_ip(2, 7, "10.1.0.7"));
    assert_eq!(node.done(), [], "what has not changed does nothing");
    node.hear(&Said::mac_ip(2, 7, "10.1.0.7").with(ROUTER));
    assert_eq!(node.wanted_neighbor("10.1.0.7"), Some(WantedValue::Neighbor { mac: mac(7), router: true }));
}

/// The MAC's row first, the neighbour after; in reverse when they go.
#[test]
fn a_mac_ip_route_alone_makes_the_mac_known() {
    let mut node = Node::new(1);
    let said = Said::mac_ip(2, 7, "10.1.0.7");
    let row = WantedKey::Mac { vni: vni(100), mac: mac(7) };
    let neighbor = WantedKey::Neighbor { vni: vni(100), ip: ip("10.1.0.7") };
    node.done();
    node.hear(&said);
    let [Done::Want(first, _), Done::Want(second, _)] = node.done()[..] else { panic!("two rows") };
    assert_eq!((first, second), (row, neighbor));
    node.unhear(&said);
    assert_eq!(node.done(), [Done::Unwant(neighbor), Done::Unwant(row)]);
}

/// Withdrawing MAC+IP while MAC-only stands keeps the MAC, and the other way round.
#[test]
fn a_mac_stands_as_long_as_one_of_its_routes() {
    let mut node = Node::new(1);
    let (only, with_ip) = (Said::mac(2, 7), Said::mac_ip(2, 7, "10.1.0.7"));
    node.hear(&only).hear(&with_ip).unhear(&with_ip);
    assert!(node.wanted_mac(7).is_some() && node.wanted_neighbor("10.1.0.7").is_none());
    node.hear(&with_ip).unhear(&only);
    assert!(node.wanted_mac(7).is_some() && node.wanted_neighbor("10.1.0.7").is_some());
    node.unhear(&with_ip);
    assert!(node.wanted.is_empty() && node.mac(7).is_none());
}

/// RFC 7432 section 7.8 and 15.2: neither moves, so the dataplane must not let traffic take them over.
#[test]
fn sticky_and_gateway_macs_are_nailed_down() {
    let mut node = Node::new(1);
    node.hear(&Said::mac(2, 7).with(STICKY)).hear(&Said::mac(2, 8).with(GATEWAY));
    for host in [7, 8] {
        assert_eq!(node.wanted_mac(host), Some(WantedValue::Mac { vtep: vtep(2), sticky: true }));
    }
    assert!(node.mac(7).is_some_and(|row| row.sticky) && node.mac(8).is_some_and(|row| row.gateway));
}

/// RFC 8365 section 5.1.3: none means what is configured; a list means any of it.
#[test]
fn encapsulations() {
    let mut node = Node::new(1);
    node.hear(&Said::mac(2, 7).with_only(&[RT_100]));
    node.hear(&Said::mac(2, 8).with_only(&[RT_100, MPLS, VXLAN]));
    node.hear(&Said::mac(2, 9).with_only(&[RT_100, MPLS]));
    assert!(node.wanted_mac(7).is_some() && node.wanted_mac(8).is_some() && node.wanted_mac(9).is_none());
}

/// Every reason why a route that was let in is not used, each said once.
#[test]
fn what_cannot_be_used_is_said_once() {
    use Unusable::{Address, BridgeMac, Encapsulation, Label, OwnVtep, Tag, Vtep};
    let mut node = Node::new(1);
    let another_of_ours = "10.0.9.1".parse().unwrap();
    node.evpn.set_addresses(node.now, &[another_of_ours]);
    let good = Said::mac(2, 7);
    let mut label = good.clone();
    label.body.label = vni(101);
    let mut own = good.clone();
    own.attrs.next_hop = NextHop::Ipv4([10, 0, 0, 1].into());
    let mut own_too = good.clone();
    own_too.attrs.next_hop = another_of_ours.into();
    let mut loopback = good.clone();
    loopback.attrs.next_hop = NextHop::Ipv4([127, 0, 0, 1].into());
    let mut v6 = good.clone();
    v6.attrs.next_hop = NextHop::Ipv6("2001:db8::2".parse().unwrap());
    let mut group = good.clone();
    group.attrs.next_hop = NextHop::Ipv4([239, 0, 0, 1].into());
    let mut tag = good.clone();
    tag.key = EvpnKey::MacIp { rd: rd(2), tag: EthernetTag(5), mac: mac(7), ip: None };
    let mut no_host = good.clone();
    no_host.key = mac_key(rd(2), Mac([0xff; 6]));
    let mut no_mac = good.clone();
    no_mac.key = mac_key(rd(2), Mac::ZERO);
    let mut group_mac = good.clone();
    group_mac.key = mac_key(rd(2), Mac([1, 0, 0x5e, 0, 0, 1]));
    let mut bridge = good.clone();
    bridge.key = mac_key(rd(2), BRIDGE);
    let [group_ip, no_ip, own_ip] = ["224.0.0.1", "0.0.0.0", "10.0.9.1"].map(|ip| Said::mac_ip(2, 7, ip));
    let mpls = good.clone().with_only(&[RT_100, MPLS]);
    let cases = [
        (label, Label),
        (own, OwnVtep),
        (own_too, OwnVtep),
        (v6, Vtep),
        (loopback, Vtep),
        (tag, Tag),
        (no_host, Unusable::Mac),
        (no_mac, Unusable::Mac),
        (group_mac, Unusable::Mac),
        (bridge, BridgeMac),
        (group_ip, Address),
        (no_ip, Address),
        (own_ip, Unusable::OwnAddress),
        (mpls, Encapsulation),
    ];
    let mut noticed = Vec::new();
    for (said, reason) in cases {
        node.notices.clear();
        node.hear(&said).hear(&said);
        let is_new = !noticed.contains(&reason);
        noticed.push(reason);
        let notice = is_new.then_some(Notice::Unusable { vni: vni(100), key: said.key, reason });
        assert_eq!(node.notices, notice.into_iter().collect::<Vec<_>>());
        assert!(node.wanted.is_empty());
        let attrs = said.attrs();
        let remote = evpn::Remote { attrs: &attrs, body: said.body, local: false };
        assert_eq!(node.evpn.explain(&said.key, remote), [(vni(100), Some(reason))]);
        let refused = |node: &Node| node.evpn.vni(vni(100)).unwrap().refused;
        assert_eq!(refused(&node), [(reason, 1)]);
        node.unhear(&said);
        assert_eq!(refused(&node), []);
    }
    node.hear(&group);
    assert!(node.wanted.is_empty(), "a group is no VTEP");
    // What was good and is not any more is let go of.
    node.hear(&good);
    assert_eq!(node.wanted.len(), 1);
    node.hear(&group);
    assert!(node.wanted.is_empty());
}

/// A route with another Ethernet tag is another route: its end is not that of the one in use.
#[test]
fn another_tag_is_another_route() {
    let mut node = Node::new(1);
    node.hear(&Said::mac(2, 7));
    let key = EvpnKey::MacIp { rd: rd(2), tag: EthernetTag(5), mac: mac(7), ip: None };
    node.hear_route(&key, None);
    assert_eq!(node.wanted.len(), 1);
}

#[test]
fn our_own_routes_are_not_learnt_from() {
    let mut node = Node::new(1);
    let said = Said::mac(2, 7);
    let attrs = said.attrs();
    let remote = evpn::Remote { attrs: &attrs, body: said.body, local: true };
    node.evpn.route(node.now, &said.key, Some(remote));
    assert!(node.evpn.poll_action().is_none());
}

/// A bridge's own MAC is the same on many nodes (an anycast gateway): never sent elsewhere, and no news where it is said
/// to be a gateway's. When the bridge has another, the routes are looked at again.
#[test]
fn the_bridges_own_mac_is_not_installed() {
    let mut node = Node::new(1);
    let mut said = Said::mac(2, 7).with(GATEWAY);
    said.key = mac_key(rd(2), BRIDGE);
    node.hear(&said);
    assert!(node.wanted.is_empty() && node.notices.is_empty());
    let Observation::Vni { vni, local, .. } = device(100) else { panic!("a device") };
    node.see(Observation::Vni { vni, local, bridge_mac: mac(9) });
    node.hear(&said).hear(&Said::mac(2, 9));
    assert!(node.wanted_mac(9).is_none() && node.wanted.len() == 1, "{:?}", node.wanted);
}

/// An address that this node has got since leads back here.
#[test]
fn a_vtep_that_becomes_our_own_address() {
    let mut node = Node::new(1);
    node.hear(&Said::imet(2));
    node.evpn.set_addresses(node.now, &[vtep(2)]);
    node.hear(&Said::imet(2));
    assert!(node.flooded().is_empty());
    assert_eq!(node.evpn.vni(vni(100)).unwrap().refused, [(Unusable::OwnVtep, 1)]);
    node.evpn.set_addresses(node.now, &[]);
    node.hear(&Said::imet(2));
    assert_eq!(node.flooded(), [vtep(2)]);
}

/// RFC 7432 section 11.2: frames go to the originator of each Type 3, once however many routes it has.
#[test]
fn the_flood_list() {
    let mut node = Node::new(1);
    let (a, mut again) = (Said::imet(2), Said::imet(2));
    again.key = imet_key(rd(9), vtep(2));
    node.hear(&a).hear(&again).hear(&Said::imet(3)).hear(&Said::imet(1));
    assert_eq!(node.flooded(), [vtep(2), vtep(3)]);
    node.unhear(&a);
    assert_eq!(node.flooded(), [vtep(2), vtep(3)]);
    node.unhear(&again);
    assert_eq!(node.flooded(), [vtep(3)]);
}

/// RFC 7432 section 11.2 and RFC 6514 section 5: no tunnel or one of another kind: kept, not flooded to.
#[test]
fn a_type_3_without_ingress_replication() {
    let mut node = Node::new(1);
    let mut none = Said::imet(2);
    none.attrs.pmsi = None;
    let mut tree = Said::imet(3);
    tree.attrs.pmsi.as_mut().unwrap().tunnel_type = 3;
    node.hear(&none).hear(&tree);
    assert!(node.flooded().is_empty());
    assert_eq!(node.evpn.vteps(vni(100), None).filter(|row| row.flood == Flooding::Unusable).count(), 2);
    assert_eq!(node.notices.len(), 2);
    node.hear(&Said::imet(2));
    assert_eq!(node.flooded(), [vtep(2)]);
    node.hear(&none);
    assert!(node.flooded().is_empty());
}

/// FRR floods to the originator, BIRD to the endpoint: where they differ somebody must be told.
#[test]
fn an_endpoint_that_is_not_the_originator() {
    let mut node = Node::new(1);
    let mut said = Said::imet(2);
    said.attrs.pmsi.as_mut().unwrap().endpoint = [10, 0, 0, 9].into();
    node.hear(&said).hear(&said);
    assert_eq!(node.flooded(), [vtep(2)]);
    let (originator, endpoint) = (vtep(2), vtep(9));
    assert_eq!(node.notices, [Notice::EndpointDiffers { vni: vni(100), originator, endpoint }]);
}
