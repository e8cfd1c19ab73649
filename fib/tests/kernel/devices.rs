//! Devices that are made where the configuration asks for them, and go with their VNI.

use bgp::types::Vni;
use evpn::dataplane::Observation;
use fib::{FibConfig, ManagedVni};

use crate::lab::*;

#[test]
fn devices_are_made_where_they_are_missing_and_go_with_their_vni() {
    in_namespace(|| makes_and_removes_devices("10.99.0.1", "ip address add 10.99.0.1/24 dev p1", 8950));
}

/// The outer header is 20 octets longer.
#[test]
fn devices_are_made_on_an_ipv6_underlay() {
    in_namespace(|| {
        makes_and_removes_devices("fd00:99::1", "ip address add fd00:99::1/64 dev p1 nodad", 8930);
    });
}

/// An address of the loopback says nothing of the underlay, nor does one with a prefix of its own: packets leave by those
/// devices that lead to others. A default route counts where there is nothing better.
#[test]
fn a_tunnel_from_an_address_on_no_link_has_the_mtu_of_the_ways_out() {
    let vtep = "10.99.0.1";
    for (holder, ways, mtu) in [
        (
            "ip address add 10.99.0.1/32 dev lo",
            ["ip route add default via 10.98.0.2 onlink dev p1", ""],
            8950,
        ),
        (
            "ip address add 10.99.0.1/32 dev lo",
            ["ip route add default via 10.97.0.2", "ip route add 10.99.0.0/24 via 10.98.0.2"],
            8950,
        ),
        ("ip address add 10.99.0.1/32 dev lo", ["", ""], 1450),
        ("ip address add 10.99.0.1/32 dev d0", ["ip route add 10.99.0.0/24 via 10.98.0.2", ""], 8950),
        ("ip address add 10.99.0.1/32 dev d0", ["", ""], 1350),
    ] {
        in_namespace(move || {
            for command in [
                "ip link set p1 up",
                "ip link add d0 type bridge",
                "ip link set d0 up mtu 1400",
                "ip link add d1 type bridge",
                "ip link set d1 up",
                "ip address add 10.97.0.1/24 dev d1",
                "ip address add 10.98.0.1/24 dev p1",
            ] {
                run(command);
            }
            ways.into_iter().filter(|way| !way.is_empty()).for_each(|way| _ = run(way));
            makes_and_removes_devices(vtep, holder, mtu);
        });
    }
}

fn makes_and_removes_devices(vtep: &str, underlay: &str, mtu: u16) {
    run("ip link set p1 mtu 9000");
    run(underlay);
    let vni = Vni::new(200).unwrap();
    let managed = ManagedVni { create: true, ..ManagedVni::new(vni) };
    let config =
        FibConfig { all_vnis: false, vnis: vec![managed], vtep: Some(ip(vtep)), ..FibConfig::default() };
    let mut lab = Lab::with(config);
    lab.until("served", |lab| {
        let is_ours =
            |seen: &Observation| matches!(seen, Observation::Vni { vni: served, .. } if *served == vni);
        lab.observed.iter().any(is_ours)
    });
    lab.settle();
    let vxlan = run("ip -d link show vxlan200");
    let local = format!("local {vtep}");
    for part in ["vxlan id 200", &local, "dstport 4789", "nolearning", "master br200", "alias linnet"] {
        assert!(vxlan.contains(part), "{part}: {vxlan}");
    }
    let mtu = format!("mtu {mtu}");
    assert!(vxlan.contains(&mtu) && run("ip link show br200").contains(&mtu), "{vxlan}");
    assert!(run("bridge -d link show dev vxlan200").contains("neigh_suppress on"));
    lab.fib.configure(FibConfig { all_vnis: false, ..FibConfig::default() });
    lab.until_observed(Observation::VniGone { vni });
    lab.until("removed", |_| lines("ip link show", "200").is_empty());
    assert_eq!(lines("ip link show", "vxlan100").len(), 1, "an operator's devices stay");
    lab.stop();
}
