//! Another configuration while we run.

use super::*;
use crate::config::ManagedVni;

fn other() -> Vni {
    Vni::from_octets([0, 0, 200])
}

fn listing(vnis: &[ManagedVni]) -> FibConfig {
    let vtep = Some(Ipv4Addr::new(10, 99, 0, 1).into());
    FibConfig { all_vnis: false, vnis: vnis.to_vec(), vtep, ..FibConfig::default() }
}

fn created(vni: Vni) -> ManagedVni {
    ManagedVni { create: true, ..ManagedVni::new(vni) }
}

fn names(world: &World) -> Vec<&str> {
    world.kernel.links().map(|link| link.name.as_str()).collect()
}

/// Rows in both of two networks.
fn both() -> World {
    let both = [ManagedVni::new(vni()), ManagedVni::new(other())];
    let mut world = World::with(FakeKernel::new(false), listing(&both));
    world.kernel.add_segment(other(), Ipv4Addr::new(10, 99, 0, 1).into());
    world.settle();
    for network in [vni(), other()] {
        world.want(WantedKey::Mac { vni: network, mac: mac(1) }, at(1));
        world.want(WantedKey::Flood { vni: network, vtep: vtep(1) }, Some(WantedValue::Flood));
    }
    world.settle();
    world.observed.clear();
    world
}

/// What evpn does when it hears that a network is gone.
fn let_go_of(world: &mut World, network: Vni) {
    world.want(WantedKey::Mac { vni: network, mac: mac(1) }, None);
    world.want(WantedKey::Flood { vni: network, vtep: vtep(1) }, None);
}

#[test]
fn a_network_that_goes_leaves_nothing_and_the_other_does_not_notice() {
    let mut world = both();
    let (before, ops) = (world.ours().len(), world.ops);
    world.fib.configure(listing(&[ManagedVni::new(vni())]));
    world.observe();
    assert_eq!(world.observed, [Observation::VniGone { vni: other() }]);
    let_go_of(&mut world, other());
    world.settle();
    assert_eq!((world.ours().len(), world.ops - ops), (before / 2, 2), "a MAC and a flood destination");
    assert_eq!(names(&world).len(), 5, "others' devices stay");
    assert_eq!(world.fib.rows().count(), 2);

    world.fib.configure(listing(&[ManagedVni::new(vni()), ManagedVni::new(other())]));
    world.observe();
    let served = |news: &&Observation| matches!(news, Observation::Vni { .. });
    assert_eq!(world.observed.iter().filter(served).count(), 1, "{:?}", world.observed);
}

#[test]
fn a_network_goes_over_to_other_devices_with_nothing_left_on_the_former() {
    let mut world = both();
    let named = ManagedVni { vxlan: Some("elsewhere".into()), ..ManagedVni::new(other()) };
    world.fib.configure(listing(&[ManagedVni::new(vni()), named]));
    world.observe();
    let_go_of(&mut world, other());
    world.settle();
    assert_eq!(world.ours().len(), 3, "the other network's");
    assert_eq!(world.observed, [Observation::VniGone { vni: other() }]);
}

#[test]
fn devices_that_we_made_go_with_their_network_and_are_made_anew_where_they_differ() {
    let mut world = World::with(FakeKernel::new(false), listing(&[created(other())]));
    world.settle();
    assert_eq!(names(&world)[3..], ["br200", "vxlan200"]);
    let vxlan = |world: &World| world.kernel.links().find(|link| link.name == "vxlan200").map(|l| l.index);
    let first = vxlan(&world);
    world.fib.configure(listing(&[created(other())]));
    world.settle();
    assert_eq!(vxlan(&world), first);

    world.fib.configure(listing(&[ManagedVni { port: 4790, ..created(other()) }]));
    world.settle();
    assert!(vxlan(&world).is_some() && vxlan(&world) != first);

    let bridge = world.kernel.links().find(|link| link.name == "br200").map(|link| link.index).unwrap();
    world.kernel.add_port(bridge);
    world.settle();
    world.fib.configure(listing(&[]));
    world.settle();
    assert_eq!(names(&world)[3..], ["br200", "port5"], "a bridge with a port of others stays");
}

#[test]
fn a_row_that_the_kernel_keeps_holds_its_network_back_until_it_goes() {
    let mut world = both();
    world.fib.configure(listing(&[]));
    world.observe();
    world.kernel.refusals = [1, 1].into();
    let_go_of(&mut world, vni());
    let_go_of(&mut world, other());
    world.settle();
    assert!(!world.ours().is_empty());
    world.rest();
    assert_eq!(world.ours(), []);
    assert_eq!(world.fib.rows().count(), 0);
}
