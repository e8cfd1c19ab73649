//! Prints what a route costs in the tables and in the export: octets and microseconds.
//!
//! `cargo run --release --package linnet-bgp --example table_figures [ROUTES] [evpn]`, a million IPv4 routes by
//! default. Memory is what the process holds resident (Linux), so it counts everything: keys, paths, index, log
//! and attributes; time is that of the processor.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp::export::{Export, MemberSpec, Role};
use bgp::rib::{Budget, LocalIdentity, Rib, Source, SourceKind, Table};
use bgp::types::{Asn, EthernetTag, Family, FamilySet, Mac, PathId, PeerId, Rd, RouterId, Vni};
use bgp::wire::update::Encoding;
use bgp::wire::{Attrs, EvpnBody, EvpnKey, NextHop, Nlri, Route};
use ipnet::Ipv4Net;

const RECEIVERS: u32 = 50;
const FIRST_RECEIVER: u32 = 10;
/// Routes that share attributes, as in a full table of the Internet.
const SHARE: usize = 10;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let routes = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    match arguments.next().as_deref() {
        Some("evpn") => run(routes, mac_ip, |rib| &mut rib.evpn),
        _ => run(routes, ipv4, |rib| &mut rib.ipv4),
    }
}

fn run<N: Nlri>(count: usize, make: fn(u32) -> Route<N>, table: fn(&mut Rib) -> &mut Table<N>) {
    println!("{count} {} routes, {SHARE} to an attribute set", N::FAMILY);
    let mut rib = new_rib();
    let sources = new_rib().sources;
    let routes: Vec<_> = (0..count as u32).map(make).collect();

    let before = resident();
    let load = |rib: &mut Rib, peer: u32, med: u32| {
        let table = table(rib);
        let mut spent = Duration::ZERO;
        for (n, chunk) in routes.chunks(1000 * SHARE).enumerate() {
            let sets: Vec<_> = (0..1000).map(|i| Arc::new(attrs(peer, n as u32 * 1000 + i, med))).collect();
            let start = Clock::start();
            for (attrs, routes) in sets.iter().zip(chunk.chunks(SHARE)) {
                table.announce(&sources, PeerId(peer), 0, attrs, routes);
            }
            spent += start.elapsed();
        }
        spent
    };
    show("new route", load(&mut rib, 0, 0), count);
    println!("  {:>34} {:8.1} octets", "memory, a route", octets(before, count));
    show("same route again", load(&mut rib, 0, 0), count);
    show("other attributes", load(&mut rib, 0, 1), count);
    show("other attributes", load(&mut rib, 0, 2), count);
    show("second path, not better", load(&mut rib, 1, 9), count);
    println!("  {:>34} {:8.1} octets", "memory, two paths", octets(before, count));

    let mut export = Export::default();
    join(&mut export, &mut rib, N::FAMILY);
    show("first export to 50 peers", drain(&mut export, &mut rib), count);
    load(&mut rib, 0, 3);
    show("changed export to 50 peers", drain(&mut export, &mut rib), count);
    println!("  {:>34} {:8.1} octets", "memory, exported", octets(before, count));

    rib.peer_down(PeerId(0));
    let start = Clock::start();
    let mut longest = Duration::ZERO;
    loop {
        let turn = Instant::now();
        let more = rib.sweep(&mut Budget::new(4096));
        longest = longest.max(turn.elapsed());
        if !more {
            break;
        }
    }
    show("lost peer", start.elapsed(), count);
    println!("  {:>34} {:8.3} ms", "longest turn of it (4096)", longest.as_secs_f64() * 1e3);
}

fn join(export: &mut Export, rib: &mut Rib, family: Family) {
    let encoding = Encoding { as4: true, add_path: FamilySet::EMPTY, max_message: 4096 };
    let next_hop = NextHop::Ipv4(Ipv4Addr::new(10, 0, 0, 1));
    let spec = MemberSpec { role: Role::Client, next_hop, encoding, export: true };
    for peer in (FIRST_RECEIVER..FIRST_RECEIVER + RECEIVERS).map(PeerId) {
        export.join(rib, peer, family, &spec);
        export.credit(peer, 8);
    }
}

fn drain(export: &mut Export, rib: &mut Rib) -> Duration {
    let start = Clock::start();
    loop {
        let more = export.pump(rib, &mut Budget::new(10_000));
        let mut sent = 0;
        while let Some((peer, batch)) = export.poll_batch() {
            sent += batch.segments_for(peer).map(|segment| segment.bytes.len()).sum::<usize>();
            export.credit(peer, 1);
        }
        if !more && sent == 0 {
            return start.elapsed();
        }
    }
}

fn new_rib() -> Rib {
    let us = Ipv4Addr::new(10, 0, 0, 1);
    let identity = LocalIdentity {
        asn: Asn(65000),
        router_id: RouterId(us),
        cluster_id: us,
        addresses: [IpAddr::V4(us)].into(),
    };
    let mut rib = Rib::new(identity, 42);
    for peer in 0..FIRST_RECEIVER + RECEIVERS {
        let address = Ipv4Addr::from(0x0a01_0000 + peer);
        let source = Source {
            kind: SourceKind::Ibgp,
            asn: Asn(65000),
            router_id: RouterId(address),
            address: address.into(),
            client: true,
        };
        rib.peer_up(PeerId(peer), source);
    }
    rib
}

fn attrs(peer: u32, n: u32, med: u32) -> Attrs {
    let mut attrs = Attrs::new(NextHop::Ipv4(Ipv4Addr::from(0x0a02_0000 + peer)));
    attrs.as_path = attrs.as_path.prepend(Asn(100 + n), 3);
    attrs.local_pref = Some(100);
    attrs.med = Some(med);
    attrs
}

fn ipv4(n: u32) -> Route<Ipv4Net> {
    let nlri = Ipv4Net::new_assert(Ipv4Addr::from(0x0100_0000 + (n << 8)), 24);
    Route { nlri, path_id: PathId(0), body: () }
}

fn mac_ip(n: u32) -> Route<EvpnKey> {
    let [a, b, c, d] = n.to_be_bytes();
    let nlri = EvpnKey::MacIp {
        rd: Rd::from_ipv4(Ipv4Addr::new(10, 2, 0, 0), 1),
        tag: EthernetTag(0),
        mac: Mac([2, 0, a, b, c, d]),
        ip: Some(IpAddr::V4(Ipv4Addr::from(n))),
    };
    Route { nlri, path_id: PathId(0), body: EvpnBody { label: Vni::default(), ..EvpnBody::default() } }
}

fn show(what: &str, elapsed: Duration, count: usize) {
    println!("  {what:>34} {:8.3} us", elapsed.as_secs_f64() * 1e6 / count as f64);
}

fn octets(before: usize, count: usize) -> f64 {
    resident().saturating_sub(before) as f64 / count as f64
}

/// What this thread has spent on the processor: other load on the machine does not count.
struct Clock(Duration);

impl Clock {
    fn start() -> Clock {
        Clock(Self::now())
    }

    fn elapsed(&self) -> Duration {
        Self::now().saturating_sub(self.0)
    }

    fn now() -> Duration {
        let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
        Duration::from_nanos(stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0))
    }
}

/// Resident octets of this process; 0 where the system does not say.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}
