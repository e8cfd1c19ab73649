//! What a hundred thousand hosts cost: processor time per route or observation, memory per host (Linux).
//!
//! `cargo run --profile bench -p linnet-evpn --example scale -- 100000`

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use bgp::types::{Asn, EthernetTag, Mac, Rd, RouterId, Vni};
use bgp::wire::{Attrs, EvpnBody, EvpnKey, ExtCommunity, NextHop, RouteTarget, TunnelType};
use evpn::dataplane::Observation;
use evpn::{Config, DuplicateRules, Evpn, Remote};

fn main() {
    let hosts = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(100_000_u32);
    let us = Ipv4Addr::new(10, 0, 0, 1);
    let vni = Vni::default();
    let mut evpn = Evpn::new(Config {
        asn: Asn(65000),
        router_id: RouterId(us),
        vtep: Some(us.into()),
        advertise_all_vni: true,
        flooding: true,
        duplicates: DuplicateRules::default(),
        vnis: Vec::new(),
    });
    let now = Instant::now();
    evpn.observe(now, Observation::Vni { vni, local: None, bridge_mac: Mac([2; 6]) });
    drain(&mut evpn);

    let [first, moved] = [attrs(0), attrs(1)];
    let (empty, heap) = (rss(), hosts as usize);
    measure("MAC-only routes in", hosts, |n| hear(&mut evpn, now, &mac_only(n), Some(&first)));
    println!("{:>28} {} bytes per host", "", (rss() - empty) / heap);
    measure("MAC+IP routes in", hosts, |n| hear(&mut evpn, now, &mac_ip(n), Some(&first)));
    println!("{:>28} {} bytes per host", "", (rss() - empty) / heap);
    measure("the same once more", hosts, |n| hear(&mut evpn, now, &mac_ip(n), Some(&first)));
    measure("hosts move here", hosts, |n| see(&mut evpn, now, local(vni, n)));
    measure("hosts move away", hosts, |n| hear(&mut evpn, now, &mac_ip(n), Some(&moved)));
    measure("MAC+IP routes out", hosts, |n| hear(&mut evpn, now, &mac_ip(n), None));
    let began = cpu_ns();
    let actions = see(&mut evpn, now, Observation::VniGone { vni });
    println!("{:>28} {actions} actions, {} us", "the VNI goes", (cpu_ns() - began) / 1000);
}

fn attrs(seq: u32) -> Arc<Attrs> {
    let mut attrs = Attrs::new(NextHop::Ipv4(Ipv4Addr::new(10, 0, 0, 2)));
    attrs.ext_communities = [
        RouteTarget::As2(65000, 0).into(),
        ExtCommunity::encapsulation(TunnelType::VXLAN),
        ExtCommunity::mac_mobility(false, 2 * seq),
    ]
    .into();
    Arc::new(attrs)
}

fn mac(n: u32) -> Mac {
    let [a, b, c, d] = n.to_be_bytes();
    Mac([2, 1, a, b, c, d])
}

fn key(n: u32, ip: Option<IpAddr>) -> EvpnKey {
    EvpnKey::MacIp { rd: Rd::from_ipv4([10, 0, 0, 2].into(), 1), tag: EthernetTag(0), mac: mac(n), ip }
}

fn mac_only(n: u32) -> EvpnKey {
    key(n, None)
}

fn mac_ip(n: u32) -> EvpnKey {
    key(n, Some(Ipv4Addr::from(0x0a00_0000 | n).into()))
}

fn local(vni: Vni, n: u32) -> Observation {
    Observation::LocalMac { vni, mac: mac(n), sticky: false }
}

fn hear(evpn: &mut Evpn, now: Instant, key: &EvpnKey, attrs: Option<&Arc<Attrs>>) -> usize {
    evpn.route(now, key, attrs.map(|attrs| Remote { attrs, body: EvpnBody::default(), local: false }));
    drain(evpn)
}

fn see(evpn: &mut Evpn, now: Instant, observation: Observation) -> usize {
    evpn.observe(now, observation);
    drain(evpn)
}

fn drain(evpn: &mut Evpn) -> usize {
    std::iter::from_fn(|| evpn.poll_action()).count()
}

fn measure(what: &str, hosts: u32, mut each: impl FnMut(u32) -> usize) {
    let began = cpu_ns();
    let actions: usize = (0..hosts).map(&mut each).sum();
    println!("{what:>28} {:>5} ns each, {actions} actions", (cpu_ns() - began) / u64::from(hosts));
}

/// Nanoseconds on a processor, whoever else wants it.
fn cpu_ns() -> u64 {
    let schedstat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    schedstat.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
}

/// Resident memory in bytes.
fn rss() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|n| n.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}
