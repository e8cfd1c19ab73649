//! What the kernel tells of its tables while the device under test fills them: counted, and timed.
//!
//! In bulk the socket is looked at every half millisecond, so that reading takes nothing from who is measured; that is
//! the resolution then. One move at a time is followed by a read that waits.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};
use std::thread::{self, sleep};
use std::time::Duration;

use crate::arguments::Arguments;
use crate::bits::Bits;
use crate::encode::{HOSTS, MACS};
use crate::netlink::{self, Message};
use crate::received::number_of;
use crate::sys::{self, Socket, enter, index_of, now};

/// What is counted: tunnel rows and bridge rows of MACs, neighbours, routes, MACs at the VTEP where they are expected,
/// flood rows.
pub const KINDS: [&str; 6] = ["fdb", "master", "neigh", "route", "match", "flood"];

const NO_TARGET: u64 = u64::MAX;
const POLL: Duration = Duration::from_micros(500);
const NTF_SELF: u8 = 2;
/// Reachable, no ARP, permanent: what a neighbour is that can be used.
const NUD_USABLE: u16 = 0xc2;
const RTN_LOCAL: u8 = 2;

/// Rows of one kind.
pub struct Tally {
    pub count: AtomicU64,
    target: AtomicU64,
    /// When there were as many as wanted; 0: not yet.
    pub hit: AtomicU64,
}

/// Where a MAC is, by VTEP addresses; 0 for none.
#[derive(Default)]
struct Followed {
    expected: AtomicU64,
    at: AtomicU64,
    /// When it was seen to arrive where it is expected.
    arrived: AtomicU64,
}

/// Shared between who reads and who asks.
pub struct Monitor {
    pub tallies: [Tally; KINDS.len()],
    pub overruns: AtomicU64,
    pub events: AtomicU64,
    pub last: AtomicU64,
    live: AtomicBool,
    ready: AtomicBool,
    /// Other VTEPs are expected: count again.
    renewed: AtomicBool,
    macs: Vec<Followed>,
}

impl Monitor {
    /// Listens in the namespace of the device under test. Returns once nothing can be missed.
    pub fn start(arguments: &Arguments) -> Arc<Monitor> {
        let tally = || Tally { count: 0.into(), target: NO_TARGET.into(), hit: 0.into() };
        let monitor = Arc::new(Monitor {
            tallies: std::array::from_fn(|_| tally()),
            overruns: 0.into(),
            events: 0.into(),
            last: 0.into(),
            live: false.into(),
            ready: false.into(),
            renewed: false.into(),
            macs: (0..MACS).map(|_| Followed::default()).collect(),
        });
        let (shared, namespace) = (Arc::clone(&monitor), arguments.text("ns").to_owned());
        let (tunnels, bridges) = (arguments.list("vx"), arguments.list("br"));
        thread::spawn(move || {
            enter(&namespace);
            let indices = |names: &[String]| names.iter().map(|name| index_of(name)).collect();
            Reader::new(&shared, indices(&tunnels), indices(&bridges)).run();
        });
        while !monitor.ready.load(Acquire) {
            sleep(Duration::from_millis(1));
        }
        monitor
    }

    /// How many of each kind are wanted; of those that are not named any number.
    pub fn arm(&self, arguments: &Arguments) {
        for (tally, kind) in self.tallies.iter().zip(KINDS) {
            tally.target.store(NO_TARGET, Release);
            tally.hit.store(0, Release);
            tally.target.store(arguments.number(kind, NO_TARGET), Release);
        }
    }

    /// Whether everything that is wanted has been there.
    pub fn is_done(&self) -> bool {
        let done = |tally: &Tally| tally.target.load(Acquire) == NO_TARGET || tally.hit.load(Acquire) != 0;
        self.tallies.iter().all(done)
    }

    /// MACs are to arrive at these VTEPs.
    pub fn expect_all(&self, vteps: impl Iterator<Item = u32>) {
        for (followed, vtep) in self.macs.iter().zip(vteps) {
            followed.expected.store(vtep.into(), Relaxed);
        }
        self.renewed.store(true, Release);
    }

    /// A MAC is to arrive at a VTEP.
    pub fn expect(&self, mac: usize, vtep: u32) {
        self.macs[mac].arrived.store(0, Release);
        self.macs[mac].expected.store(vtep.into(), Release);
    }

    /// When it has arrived there; 0: not yet.
    pub fn arrived(&self, mac: usize) -> u64 {
        self.macs[mac].arrived.load(Acquire)
    }

    /// Whether the socket is waited at.
    pub fn wait_live(&self, live: bool) {
        self.live.store(live, Release);
    }
}

/// The one who reads.
struct Reader<'m> {
    monitor: &'m Monitor,
    socket: Socket,
    tunnels: Vec<u32>,
    bridges: Vec<u32>,
    bridge_rows: Bits,
    neighbors: Bits,
    routes: Bits,
    floods: HashSet<(u32, u32)>,
    tunnel_rows: u64,
    matching: u64,
}

impl Reader<'_> {
    fn new(monitor: &Monitor, tunnels: Vec<u32>, bridges: Vec<u32>) -> Reader<'_> {
        let socket = netlink::socket();
        socket.set(sys::SOL_SOCKET, sys::SO_RCVBUFFORCE, 1 << 30);
        netlink::listen(&socket, &[netlink::RTNLGRP_NEIGH, netlink::RTNLGRP_IPV4_ROUTE]);
        monitor.ready.store(true, Release);
        Reader {
            monitor,
            socket,
            tunnels,
            bridges,
            bridge_rows: Bits::new(1 << 24),
            neighbors: Bits::new(1 << 24),
            routes: Bits::new(1 << 24),
            floods: HashSet::new(),
            tunnel_rows: 0,
            matching: 0,
        }
    }

    fn run(mut self) {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let flags = if self.monitor.live.load(Relaxed) { 0 } else { sys::MSG_DONTWAIT };
            match self.socket.receive(&mut buffer, flags) {
                Ok(length) => self.take(&buffer[..length]),
                Err(sys::EAGAIN) => sleep(POLL),
                Err(sys::EINTR) => {}
                Err(sys::ENOBUFS) => _ = self.monitor.overruns.fetch_add(1, Relaxed),
                Err(errno) => return eprintln!("lbtool: monitor errno {errno}"),
            }
        }
    }

    fn take(&mut self, octets: &[u8]) {
        let time = now();
        if self.monitor.renewed.swap(false, AcqRel) {
            let is_there = |mac: &&Followed| {
                let expected = mac.expected.load(Relaxed);
                expected != 0 && mac.at.load(Relaxed) == expected
            };
            self.matching = self.monitor.macs.iter().filter(is_there).count() as u64;
        }
        let mut events = 0;
        for message in netlink::messages(octets) {
            events += 1;
            match message.kind {
                netlink::NEWNEIGH | netlink::DELNEIGH => self.neighbor(&message, time),
                netlink::NEWROUTE | netlink::DELROUTE => self.route(&message),
                _ => {}
            }
        }
        let counts = [
            self.tunnel_rows,
            self.bridge_rows.count(),
            self.neighbors.count(),
            self.routes.count(),
            self.matching,
            self.floods.len() as u64,
        ];
        for (tally, count) in self.monitor.tallies.iter().zip(counts) {
            tally.count.store(count, Release);
            if tally.hit.load(Relaxed) == 0 && tally.target.load(Acquire) == count {
                tally.hit.store(time, Release);
            }
        }
        self.monitor.events.fetch_add(events, Relaxed);
        self.monitor.last.store(time, Relaxed);
    }

    /// `struct ndmsg`: family, device, state, flags.
    fn neighbor(&mut self, message: &Message<'_>, time: u64) {
        let body = message.body;
        let (family, device) = (i32::from(body[0]), netlink::ne32(&body[4..]));
        let (state, flags) = (u16::from_ne_bytes([body[8], body[9]]), body[10]);
        let present = message.kind == netlink::NEWNEIGH;
        let (mut mac, mut address) = (None, 0);
        for (kind, value) in message.attributes(12) {
            match (kind, value) {
                (netlink::NDA_LLADDR, [_, _, _, _, _, _]) => mac = Some(value),
                (netlink::NDA_DST, &[a, b, c, d]) => address = u32::from_be_bytes([a, b, c, d]),
                _ => {}
            }
        }
        if family == netlink::AF_BRIDGE && self.tunnels.contains(&device) {
            match mac {
                Some([0x02, 0x0b, ..]) => {
                    let number = number_of(mac.unwrap_or_default());
                    match flags & NTF_SELF != 0 {
                        true if number < MACS => {
                            self.tunnel_row(number, if present { address } else { 0 }, time)
                        }
                        true => {}
                        false => self.bridge_rows.set(number, present),
                    }
                }
                Some([0, 0, 0, 0, 0, 0]) if present => _ = self.floods.insert((device, address)),
                Some([0, 0, 0, 0, 0, 0]) => _ = self.floods.remove(&(device, address)),
                _ => {}
            }
        } else if family == sys::AF_INET && self.bridges.contains(&device) && address >= HOSTS {
            let number = (address - HOSTS) as usize;
            if number < 1 << 23 {
                self.neighbors.set(number, present && state & NUD_USABLE != 0);
            }
        }
    }

    /// A MAC is behind this VTEP now; 0: behind none.
    fn tunnel_row(&mut self, number: usize, vtep: u32, time: u64) {
        let mac = &self.monitor.macs[number];
        let (before, now) = (mac.at.load(Relaxed), u64::from(vtep));
        match (before, now) {
            (0, 1..) => self.tunnel_rows += 1,
            (1.., 0) => self.tunnel_rows -= 1,
            _ => {}
        }
        let expected = mac.expected.load(Relaxed);
        if expected != 0 && before == expected && now != expected {
            self.matching -= 1;
        } else if expected != 0 && before != expected && now == expected {
            self.matching += 1;
            mac.arrived.store(time, Relaxed);
        }
        mac.at.store(now, Release);
    }

    /// `struct rtmsg`: of IPv4, and not of the local table's addresses.
    fn route(&mut self, message: &Message<'_>) {
        let body = message.body;
        if i32::from(body[0]) != sys::AF_INET || body[5] == RTN_LOCAL {
            return;
        }
        for (kind, value) in message.attributes(12) {
            if let (netlink::RTA_DST, &[a, b, c, _]) = (kind, value) {
                let number = u32::from_be_bytes([0, a, b, c]) as usize;
                self.routes.set(number, message.kind == netlink::NEWROUTE);
            }
        }
    }
}
