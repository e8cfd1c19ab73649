//! Prints what a route costs in the tables and in the export: octets and microseconds.
//!
//! `cargo run --release --package linnet-bgp --example table_figures [ROUTES] [evpn]`, a million IPv4 routes by
//! default. Memory is what the process holds resident (Linux), so it counts everything: keys, paths, index, log
//! and attributes; time is that of the processor.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp::export::{Export, MemberSpec, PathsSent, Role};
use bgp::rib::{
    Admission, Budget, DEFAULT_LOCAL_PREF, Decision, LocalIdentity, Rib, Source, SourceKind, Table,
};
use bgp::types::{Asn, EthernetTag, Family, Mac, PathId, PeerId, Rd, RouterId, Vni};
use bgp::wire::update::Encoding;
use bgp::wire::{Attrs, EvpnBody, EvpnKey, NextHop, Nlri, Route};
use ipnet::Ipv4Net;

const RECEIVERS: u32 = 50;
const FIRST_RECEIVER: u32 = 10;
/// Routes that share attributes, as in a full table of the Internet.
const SHARE: usize = 10;
const SINGLES: usize = 10_000;
/// Routes that are taken before anything else is looked at.
const TURN: usize = 8192;

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
    let routes = (0..count as u32).map(make).collect();
    let (rib, decision, before) = (new_rib(), new_rib().decision, resident());
    let mut bench = Bench { rib, decision, export: Export::default(), routes, table, before };
    bench.tables();
    bench.export();
    bench.loss();
}

struct Bench<N: Nlri> {
    rib: Rib,
    /// Of another Rib with the same peers, as a table cannot be had for writing together with its own.
    decision: Decision,
    export: Export,
    routes: Vec<Route<N>>,
    table: fn(&mut Rib) -> &mut Table<N>,
    before: usize,
}

impl<N: Nlri> Bench<N> {
    fn tables(&mut self) {
        let mut longest = Duration::ZERO;
        self.timed("new route", |bench| longest = bench.load(0, 0));
        println!("  {:>34} {:8.3} ms", "longest turn of it (8192)", longest.as_secs_f64() * 1e3);
        self.memory("memory, a route");
        self.timed("same route again", |bench| _ = bench.load(0, 0));
        self.timed("other attributes", |bench| _ = bench.load(0, 1));
        self.timed("other attributes", |bench| _ = bench.load(0, 2));
        self.timed("second path, not better", |bench| _ = bench.load(1, 9));
        self.memory("memory, two paths");
    }

    fn export(&mut self) {
        join(&mut self.export, &mut self.rib, N::FAMILY);
        self.timed("first export to 50 peers", Self::drain);
        let _ = self.load(0, 3);
        self.timed("changed export to 50 peers", Self::drain);
        self.memory("memory, exported");
        let start = Clock::start();
        for n in 0..SINGLES {
            self.announce(0, 4, n..n + 1);
            self.drain();
        }
        show("one change at a time to 50 peers", start.elapsed(), SINGLES);
    }

    fn loss(&mut self) {
        self.rib.peer_down(PeerId(0));
        let mut longest = Duration::ZERO;
        self.timed("lost peer", |bench| {
            loop {
                let turn = Instant::now();
                let more = bench.rib.sweep(&mut Budget::new(4096));
                longest = longest.max(turn.elapsed());
                if !more {
                    break;
                }
            }
        });
        println!("  {:>34} {:8.3} ms", "longest turn of it (4096)", longest.as_secs_f64() * 1e3);
    }

    /// All routes from `peer`, with attributes that differ by `med`; making these is timed as well. What the longest turn
    /// took on the processor.
    fn load(&mut self, peer: u32, med: u32) -> Duration {
        let mut longest = Duration::ZERO;
        for turn in (0..self.routes.len()).step_by(TURN) {
            let (clock, end) = (Clock::start(), self.routes.len().min(turn + TURN));
            (turn..end)
                .step_by(SHARE)
                .for_each(|start| self.announce(peer, med, start..end.min(start + SHARE)));
            longest = longest.max(clock.elapsed());
        }
        longest
    }

    fn announce(&mut self, peer: u32, med: u32, range: std::ops::Range<usize>) {
        let attrs = Arc::new(attrs(peer, (range.start / SHARE) as u32, med));
        let routes = self.routes.get(range).unwrap_or_default();
        (self.table)(&mut self.rib).announce(&self.decision, PeerId(peer), 0, &attrs, routes);
    }

    fn drain(&mut self) {
        loop {
            let more = self.export.pump(&mut self.rib, &mut Budget::new(10_000));
            let mut sent = 0;
            while let Some((peer, batch)) = self.export.poll_batch() {
                sent += batch.segments_for(peer).map(|segment| segment.bytes.len()).sum::<usize>();
                self.export.credit(peer, 1);
            }
            if !more && sent == 0 {
                return;
            }
        }
    }

    fn timed(&mut self, what: &str, work: impl FnOnce(&mut Self)) {
        let start = Clock::start();
        work(self);
        show(what, start.elapsed(), self.routes.len());
    }

    fn memory(&self, what: &str) {
        let octets = resident().saturating_sub(self.before) as f64 / self.routes.len() as f64;
        println!("  {what:>34} {octets:8.1} octets");
    }
}

fn join(export: &mut Export, rib: &mut Rib, family: Family) {
    let encoding = Encoding::default();
    let next_hop = NextHop::Ipv4(Ipv4Addr::new(10, 0, 0, 1));
    let spec = MemberSpec {
        role: Role::Client,
        bgp_role: None,
        next_hop,
        next_hop_mode: Default::default(),
        encoding,
        paths: PathsSent::All,
        export: true,
        between_clients: true,
        policy: None,
        long_lived: false,
    };
    for peer in (FIRST_RECEIVER..FIRST_RECEIVER + RECEIVERS).map(PeerId) {
        export.join(rib, peer, family, &spec);
        export.credit(peer, 8);
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
            weight: 0,
            local_pref: DEFAULT_LOCAL_PREF,
            admission: Admission::DEFAULT,
            local_as: None,
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
