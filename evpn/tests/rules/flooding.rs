//! Who floods to whom: Type 3 routes, VTEPs that are named, and neither.

use std::net::IpAddr;

use evpn::{Config, Flooding, VniConfig, VtepRow};

use crate::node::{Done, Node};
use crate::words::*;

/// Node 1 with VNI 100 like this.
fn with(flooding: Option<bool>, static_vteps: &[IpAddr]) -> Config {
    let listed = VniConfig { flooding, static_vteps: static_vteps.to_vec(), ..VniConfig::auto(vni(100)) };
    Config { vnis: vec![listed], ..config(1) }
}

fn started(config: Config) -> Node {
    let mut node = Node::with(config);
    node.see(device(100));
    node
}

fn row(node: &Node, n: u8) -> Option<(Flooding, bool, bool)> {
    let VtepRow { flood, configured, announced, .. } = node.evpn.vtep(vni(100), vtep(n))?;
    Some((flood, configured, announced))
}

fn says_imet(node: &Node) -> bool {
    node.routes.contains_key(&imet_key(rd(1), vtep(1)))
}

#[test]
fn a_named_vtep_stays_when_its_type_3_goes() {
    let mut node = started(with(None, &[vtep(9), vtep(2)]));
    assert_eq!(node.flooded(), [vtep(2), vtep(9)]);
    assert_eq!(row(&node, 2), Some((Flooding::Yes, true, false)));
    node.done();
    node.hear(&Said::imet(2));
    assert_eq!(node.done(), [], "it is not flooded to twice");
    assert_eq!(row(&node, 2), Some((Flooding::Yes, true, true)));
    node.unhear(&Said::imet(2));
    assert_eq!((node.done(), node.flooded()), (vec![], vec![vtep(2), vtep(9)]));
}

#[test]
fn a_named_vtep_is_flooded_to_whatever_its_type_3_says() {
    let mut node = started(with(None, &[vtep(2)]));
    let mut said = Said::imet(2);
    said.attrs.pmsi = None;
    node.hear(&said);
    assert_eq!((node.flooded(), row(&node, 2)), (vec![vtep(2)], Some((Flooding::Yes, true, true))));
    node.reconfigure(with(None, &[]));
    assert_eq!((node.flooded(), row(&node, 2)), (vec![], Some((Flooding::Unusable, false, true))));
}

#[test]
fn names_come_and_go_at_run_time() {
    let mut node = started(with(None, &[vtep(2)]));
    node.hear(&Said::imet(3)).reconfigure(with(None, &[vtep(3), vtep(4)]));
    assert_eq!(node.flooded(), [vtep(3), vtep(4)]);
    assert_eq!(row(&node, 2), None);
    node.unhear(&Said::imet(3)).reconfigure(with(None, &[]));
    assert!(node.flooded().is_empty());
    assert_eq!(node.evpn.vteps(vni(100), None).count(), 0);
}

/// An address that this node gets leads back here, whoever has named it.
#[test]
fn a_named_vtep_that_becomes_our_own_address() {
    let mut node = started(with(None, &[vtep(2), vtep(9)]));
    node.evpn.set_addresses(node.now, &[vtep(9)]);
    node.wait_for_timeout();
    assert_eq!(node.flooded(), [vtep(2)]);
    node.evpn.set_addresses(node.now, &[]);
    node.wait_for_timeout();
    assert_eq!(node.flooded(), [vtep(2), vtep(9)]);
}

/// What no frame can be sent to from here is passed over.
#[test]
fn senseless_names_are_passed_over() {
    let node = started(with(None, &[vtep(1), ip("224.0.0.1"), ip("::2"), ip("0.0.0.0")]));
    assert!(node.flooded().is_empty());
}

#[test]
fn without_flooding_nobody_is_flooded_to_and_nobody_is_asked() {
    let mut node = started(with(Some(false), &[vtep(9)]));
    node.hear(&Said::imet(2)).hear(&Said::mac(2, 7));
    assert_eq!((node.flooded(), says_imet(&node)), (vec![], false));
    assert_eq!(row(&node, 2), Some((Flooding::Off, false, true)));
    assert!(node.wanted_mac(7).is_some(), "MACs follow their own routes");

    node.reconfigure(with(Some(true), &[vtep(9)]));
    assert_eq!((node.flooded(), says_imet(&node)), (vec![vtep(2), vtep(9)], true));
    node.done();
    node.reconfigure(with(None, &[vtep(9)]));
    assert_eq!(node.done(), [], "on is what it is anyway");
    node.reconfigure(Config { flooding: false, ..with(None, &[]) });
    assert_eq!((node.flooded(), says_imet(&node)), (vec![], false));
    node.reconfigure(Config { flooding: false, ..with(Some(true), &[]) });
    assert_eq!((node.flooded(), says_imet(&node)), (vec![vtep(2)], true));
}

#[test]
fn a_quiet_vni_comes_and_goes_without_a_type_3() {
    let mut node = started(with(Some(false), &[]));
    node.reconfigure(Config { vtep: Some(vtep(8)), ..with(Some(false), &[]) });
    node.see(local_mac(7)).see(evpn::dataplane::Observation::VniGone { vni: vni(100) });
    assert!(node.routes.is_empty());
    assert!(!node.done().iter().any(|done| matches!(done, Done::Originate(key) | Done::Retract(key)
        if *key == imet_key(rd(1), vtep(1)) || *key == imet_key(rd(1), vtep(8)))));
}

/// Its flood row goes with its Type 3, its hosts with their own routes.
#[test]
fn a_vtep_goes_at_once_and_its_macs_by_their_own_routes() {
    let mut node = started(with(None, &[]));
    node.hear(&Said::imet(2)).hear(&Said::mac(2, 7)).unhear(&Said::imet(2));
    assert!(node.flooded().is_empty());
    assert!(node.wanted_mac(7).is_some());
}
