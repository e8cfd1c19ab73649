//! Route distinguishers, route targets, tunnel addresses, and what a change of the configuration touches.

use std::net::IpAddr;

use bgp::types::{Asn, Rd, RouterId};
use bgp::wire::{ExtCommunity, RouteTarget};
use evpn::dataplane::Observation;
use evpn::{Config, ImportTarget, Notice, VniConfig, VniState};

use crate::node::{Done, Node};
use crate::words::*;

fn rds(node: &Node) -> Vec<String> {
    node.evpn.vnis().map(|row| row.rd.map_or("none".into(), |rd| rd.to_string())).collect()
}

/// RFC 7432 section 7.9; a small number and not the VNI, which may need more than 16 bits.
#[test]
fn automatic_route_distinguishers() {
    let vnis = [70_000, 100].map(|number| VniConfig::auto(vni(number))).to_vec();
    let mut node = Node::with(Config { vnis, advertise_all_vni: true, ..config(1) });
    node.see(device(9)).see(device(100)).see(device(70_000));
    assert_eq!(rds(&node), ["10.0.0.1:3", "10.0.0.1:2", "10.0.0.1:1"], "listed ones first, in their order");
    node.see(Observation::VniGone { vni: vni(9) }).see(device(8)).see(device(9));
    assert_eq!(rds(&node), ["10.0.0.1:4", "10.0.0.1:3", "10.0.0.1:2", "10.0.0.1:1"], "numbers are kept");
}

#[test]
fn configured_identity() {
    let listed = VniConfig {
        rd: Some(Rd::from_as2(65000, 7)),
        export_rt: Some(vec![RouteTarget::As4(Asn(70000), 1), RouteTarget::Ipv4([10, 9, 8, 7].into(), 2)]),
        ..VniConfig::auto(vni(100))
    };
    let mut node = Node::with(Config { vnis: vec![listed], ..config(1) });
    node.see(device(100)).see(local_mac(1));
    let targets = [ExtCommunity([2, 2, 0, 1, 0x11, 0x70, 0, 1]), ExtCommunity([1, 2, 10, 9, 8, 7, 0, 2])];
    let key = mac_key(Rd::from_as2(65000, 7), mac(1));
    assert_eq!(node.said(&key), Some([&targets[..], &[VXLAN]].concat()));
}

/// A four-octet AS gives its low sixteen bits.
#[test]
fn automatic_export_target_of_a_large_as() {
    let mut node = Node::with(Config { asn: Asn(65536 * 3 + 258), ..config(1) });
    node.see(device(100)).see(local_mac(1));
    let target = ExtCommunity([0, 2, 1, 2, 0, 0, 0, 100]);
    assert_eq!(node.said(&mac_key(rd(1), mac(1))), Some(vec![target, VXLAN]));
}

#[test]
fn the_tunnel_address_of_the_device() {
    let with_local = |local| Observation::Vni { vni: vni(100), local, bridge_mac: BRIDGE };
    let mut node = Node::with(Config { vtep: None, ..config(1) });
    node.see(with_local(None)).see(local_mac(1)).hear(&Said::mac(2, 7));
    assert_eq!((node.routes.len(), node.wanted.len()), (0, 0));
    assert_eq!(node.notices, [Notice::NoVtep { vni: vni(100) }]);
    assert_eq!(node.evpn.vni(vni(100)).map(|row| row.state), Some(VniState::NoVtep));
    node.see(with_local(Some(vtep(5))));
    assert!(node.routes.contains_key(&imet_key(rd(1), vtep(5))) && node.routes.len() == 2);
    assert_eq!(node.replays, 1);
    node.hear(&Said::mac(2, 7)).hear(&Said::imet(2));
    node.see(with_local(Some(vtep(6))));
    assert!(node.routes.contains_key(&imet_key(rd(1), vtep(6))) && node.routes.len() == 2);
    assert_eq!((node.replays, node.wanted.len()), (2, 2));
    node.see(with_local(None));
    assert_eq!((node.routes.len(), node.wanted.len()), (0, 0));
}

#[test]
fn the_configured_tunnel_address_counts() {
    let mut node = Node::with(config(1));
    let device = Observation::Vni { vni: vni(100), local: Some(vtep(5)), bridge_mac: BRIDGE };
    node.see(device).see(device);
    assert!(node.routes.contains_key(&imet_key(rd(1), vtep(1))));
    let (configured, device) = (vtep(1), vtep(5));
    assert_eq!(node.notices, [Notice::VtepDiffers { vni: vni(100), configured, device }]);
}

#[test]
fn an_ipv6_tunnel() {
    let us: IpAddr = ip("2001:db8::1");
    let mut node = Node::with(Config { vtep: Some(us), ..config(1) });
    node.see(device(100)).hear(&Said::imet(2));
    assert!(node.flooded().is_empty(), "an IPv4 VTEP");
    let mut said = Said::mac(2, 7);
    said.attrs.next_hop = bgp::wire::NextHop::Ipv6("2001:db8::2".parse().unwrap());
    node.hear(&said);
    assert!(node.wanted_mac(7).is_some());
    assert_eq!(node.routes[&imet_key(rd(1), us)].1.pmsi.as_ref().map(|pmsi| pmsi.endpoint.len()), Some(16));
}

fn busy() -> Node {
    let mut node = Node::new(1);
    node.see(local_mac(1)).see(local_neighbor("10.1.0.1", 1)).hear(&Said::mac_ip(2, 7, "10.1.0.7"));
    node.hear(&Said::imet(2)).done();
    node.replays = 0;
    node
}

#[test]
fn the_same_configuration_touches_nothing() {
    let mut node = busy();
    node.reconfigure(config(1));
    assert_eq!((node.done(), node.replays), (vec![], 0));
}

/// Another export target: our routes are said again, nothing is retracted, nothing remote is touched.
#[test]
fn another_export_target() {
    let mut node = busy();
    let listed = VniConfig { export_rt: Some(vec![RouteTarget::As2(1, 2)]), ..VniConfig::auto(vni(100)) };
    node.reconfigure(Config { vnis: vec![listed], ..config(1) });
    let done = node.done();
    assert_eq!(done.len(), 3);
    assert!(done.iter().all(|done| matches!(done, Done::Originate(_))));
    assert_eq!(node.replays, 0);
}

/// Another import target: what it no longer lets in goes as the routes are handed in once more.
#[test]
fn another_import_target() {
    let mut node = busy();
    let exact = ImportTarget::Exact(RouteTarget::As2(1, 2));
    let listed = VniConfig { import_rt: Some(vec![exact]), ..VniConfig::auto(vni(100)) };
    node.reconfigure(Config { vnis: vec![listed], ..config(1) });
    assert_eq!((node.done(), node.replays), (vec![], 1));
    node.hear(&Said::mac_ip(2, 7, "10.1.0.7"));
    assert_eq!(node.wanted_mac(7), None);
    node.hear(&Said::imet(2).with(ExtCommunity([0, 2, 0, 1, 0, 0, 0, 2])));
    assert_eq!(node.flooded(), [vtep(2)]);
}

/// One import target less lets nothing new in, and yet what it let in must go.
#[test]
fn an_import_target_less() {
    let listed = |targets: &[ImportTarget]| {
        let listed = VniConfig { import_rt: Some(targets.to_vec()), ..VniConfig::auto(vni(100)) };
        Config { vnis: vec![listed], ..config(1) }
    };
    let [a, b] = [ImportTarget::AnyAs(vni(100)), ImportTarget::AnyAs(vni(7))];
    let mut node = Node::with(listed(&[a, b]));
    node.see(device(100)).hear(&Said::imet(2));
    node.replays = 0;
    node.reconfigure(listed(&[b]));
    assert_eq!(node.replays, 1);
    node.hear(&Said::imet(2));
    assert!(node.flooded().is_empty());
}

/// Another router id: another route distinguisher, so the same routes under another name.
#[test]
fn another_router_id() {
    let mut node = busy();
    node.reconfigure(Config { router_id: RouterId([9, 9, 9, 9].into()), ..config(1) });
    let now = Rd::from_ipv4([9, 9, 9, 9].into(), 1);
    let keys = [mac_key(now, mac(1)), mac_ip_key(now, mac(1), "10.1.0.1"), imet_key(now, vtep(1))];
    assert!(keys.iter().all(|key| node.routes.contains_key(key)) && node.routes.len() == 3);
    assert!(!node.done().iter().any(|done| matches!(done, Done::Want(..) | Done::Unwant(_))));
}

#[test]
fn a_vni_leaves_the_configuration_and_comes_back() {
    let mut node = busy();
    node.reconfigure(Config { vnis: vec![], ..config(1) });
    assert!(node.routes.is_empty() && node.wanted.is_empty() && node.evpn.vnis().count() == 0);
    node.reconfigure(config(1));
    assert!(node.routes.contains_key(&imet_key(rd(1), vtep(1))));
}

/// Rows are met once each by a walk in pages.
#[test]
fn rows_in_pages() {
    let mut node = Node::new(1);
    (1..=50).for_each(|n| _ = node.see(local_mac(n)));
    let first: Vec<_> = node.evpn.macs(vni(100), evpn::RowId::default()).take(20).collect();
    let rest = node.evpn.macs(vni(100), first[19].id.next());
    assert_eq!(first.iter().copied().chain(rest).map(|row| row.mac).collect::<Vec<_>>().len(), 50);
}
