//! The kernel by itself: how fast rows go in by raw netlink, which is what every daemon is measured against.

use std::thread::sleep;
use std::time::Duration;

use crate::arguments::Arguments;
use crate::encode::{HOSTS, mac, vtep};
use crate::netlink::{self, Requests};
use crate::prefixes::{Prefix, prefixes};
use crate::sys::{self, Socket, enter, index_of, now, thread_cpu};

const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_REPLACE: u16 = 0x100;
const NLM_F_CREATE: u16 = 0x400;
const NETLINK_CAP_ACK: i32 = 10;

const NTF_SELF: u8 = 2;
const NTF_MASTER: u8 = 4;
const NTF_EXT_LEARNED: u8 = 0x10;
/// The device refuses rows without ARP.
const NUD_REACHABLE: u16 = 2;
const NUD_NOARP: u16 = 0x40;

/// Octets of an answer that tells an error, 0 included.
const ANSWER: usize = 20;
/// The VTEPs that rows are spread over.
const VTEPS: u32 = 24;

/// How long it took.
pub struct Measured {
    pub seconds: f64,
    /// Of the thread that wrote.
    pub cpu: f64,
    pub errors: u64,
    pub last_error: i32,
}

/// Writes rows of a kind, or takes them out; each on its own and answered, or many at once, with or without answers.
pub fn measure(arguments: &Arguments) -> Measured {
    enter(arguments.text("ns"));
    let requests = Rows::of(arguments).requests();
    let socket = netlink::socket();
    socket.set(sys::SOL_SOCKET, sys::SO_RCVBUFFORCE, 64 << 20);
    socket.set(sys::SOL_SOCKET, sys::SO_SNDBUFFORCE, 8 << 20);
    socket.set(sys::SOL_NETLINK, NETLINK_CAP_ACK, 1);
    let mut answers = Answers { socket: &socket, buffer: vec![0; 1 << 18], errors: 0, last_error: 0 };
    let (begin, cpu) = (now(), thread_cpu());
    if arguments.text("mode") == "ack" {
        for number in 0..requests.len() {
            // A failure is told in the answer.
            _ = socket.send(requests.between(number, number + 1));
            while !answers.read(0) {}
        }
    } else {
        let (chunk, pause) = (arguments.number("chunk", 65_536) as usize, arguments.number("pause_us", 0));
        send_chunks(&requests, &mut answers, chunk, Duration::from_micros(pause));
    }
    let (seconds, cpu) = ((now() - begin) as f64 / 1e9, thread_cpu() - cpu);
    while answers.read(sys::MSG_DONTWAIT) {}
    Measured { seconds, cpu, errors: answers.errors, last_error: answers.last_error }
}

fn send_chunks(requests: &Requests, answers: &mut Answers<'_>, chunk: usize, pause: Duration) {
    let mut from = 0;
    while from < requests.len() {
        let to = requests.fitting(from, chunk);
        if let Err(errno) = answers.socket.send(requests.between(from, to)) {
            return eprintln!("lbtool: kbench send errno {errno}");
        }
        while answers.read(sys::MSG_DONTWAIT) {}
        if !pause.is_zero() {
            sleep(pause);
        }
        from = to;
    }
}

struct Answers<'s> {
    socket: &'s Socket,
    buffer: Vec<u8>,
    errors: u64,
    last_error: i32,
}

impl Answers<'_> {
    /// Whether there were any.
    fn read(&mut self, flags: i32) -> bool {
        let Ok(length @ 1..) = self.socket.receive(&mut self.buffer, flags) else { return false };
        for message in netlink::messages(&self.buffer[..length]) {
            let error = message.body.get(..ANSWER - 16).map_or(0, |code| netlink::ne32(code) as i32);
            if error != 0 {
                (self.errors, self.last_error) = (self.errors + 1, error);
            }
        }
        true
    }
}

/// The rows to write.
struct Rows<'a> {
    kind: &'a str,
    count: u32,
    tunnel: u32,
    bridge: u32,
    uplink: u32,
    delete: bool,
    flags: u16,
    prefixes: Vec<Prefix>,
}

impl<'a> Rows<'a> {
    fn of(arguments: &'a Arguments) -> Rows<'a> {
        let (kind, count) = (arguments.text("kind"), arguments.number("n", 0) as u32);
        let delete = arguments.is_set("del", false);
        let answered = if arguments.text("mode") == "batch" { 0 } else { NLM_F_ACK };
        Rows {
            kind,
            count,
            tunnel: index_of(arguments.text("vx")),
            bridge: index_of(arguments.text("br")),
            uplink: index_of(arguments.text("gwdev")),
            delete,
            flags: NLM_F_REQUEST | answered | if delete { 0 } else { NLM_F_CREATE | NLM_F_REPLACE },
            prefixes: if kind.starts_with("route_") { prefixes(count as usize) } else { Vec::new() },
        }
    }

    fn requests(&self) -> Requests {
        let mut out = Requests::default();
        for number in 0..self.count {
            match self.kind {
                "fdb_self" => self.fdb(&mut out, number, NTF_SELF),
                "fdb_master" => self.fdb(&mut out, number, NTF_MASTER),
                "fdb_both" => self.fdb(&mut out, number, NTF_SELF | NTF_MASTER),
                "neigh" => self.neighbor(&mut out, number),
                "route_gw" | "route_nhid" => self.route(&mut out, number),
                "route6_gw" => self.route_v6(&mut out, number),
                kind => panic!("no kind {kind}"),
            }
        }
        out.end();
        out
    }

    fn fdb(&self, out: &mut Requests, number: u32, table: u8) {
        let family = netlink::AF_BRIDGE as u8;
        self.begin_neighbor(out, family, self.tunnel, NUD_REACHABLE, NTF_EXT_LEARNED | table);
        out.attribute(netlink::NDA_LLADDR, &mac(number));
        if table != NTF_MASTER {
            out.attribute(netlink::NDA_DST, &vtep(number % VTEPS).to_be_bytes());
        }
    }

    fn neighbor(&self, out: &mut Requests, number: u32) {
        self.begin_neighbor(out, sys::AF_INET as u8, self.bridge, NUD_NOARP, NTF_EXT_LEARNED);
        out.attribute(netlink::NDA_DST, &(HOSTS + number).to_be_bytes());
        out.attribute(netlink::NDA_LLADDR, &mac(number));
    }

    fn begin_neighbor(&self, out: &mut Requests, family: u8, device: u32, state: u16, flags: u8) {
        let mut fixed = [0; 12];
        fixed[0] = family;
        fixed[4..8].copy_from_slice(&device.to_ne_bytes());
        fixed[8..10].copy_from_slice(&state.to_ne_bytes());
        fixed[10] = flags;
        out.begin(if self.delete { netlink::DELNEIGH } else { netlink::NEWNEIGH }, self.flags, &fixed);
    }

    /// By one gateway, or by a next hop that has been made before.
    fn route(&self, out: &mut Requests, number: u32) {
        let (address, length) = self.prefixes[number as usize];
        self.begin_route(out, sys::AF_INET as u8, length);
        out.attribute(netlink::RTA_DST, &address.to_be_bytes());
        out.attribute(netlink::RTA_PRIORITY, &20u32.to_ne_bytes());
        match (self.delete, self.kind) {
            (true, _) => {}
            (false, "route_gw") => {
                out.attribute(netlink::RTA_GATEWAY, &vtep(0).to_be_bytes());
                out.attribute(netlink::RTA_OIF, &self.uplink.to_ne_bytes());
            }
            (false, _) => out.attribute(netlink::RTA_NH_ID, &1u32.to_ne_bytes()),
        }
    }

    fn route_v6(&self, out: &mut Requests, number: u32) {
        const AF_INET6: u8 = 10;
        self.begin_route(out, AF_INET6, 64);
        let (mut prefix, mut gateway) = ([0; 16], [0; 16]);
        (prefix[0], prefix[1]) = (0xfd, 0x10);
        prefix[4..8].copy_from_slice(&number.to_be_bytes());
        (gateway[0], gateway[15]) = (0xfd, 2);
        out.attribute(netlink::RTA_DST, &prefix);
        out.attribute(netlink::RTA_PRIORITY, &20u32.to_ne_bytes());
        if !self.delete {
            out.attribute(netlink::RTA_GATEWAY, &gateway);
            out.attribute(netlink::RTA_OIF, &self.uplink.to_ne_bytes());
        }
    }

    /// In the main table, of a protocol of the bench's own.
    fn begin_route(&self, out: &mut Requests, family: u8, length: u8) {
        const MAIN: u8 = 254;
        const PROTOCOL: u8 = 186;
        const NOWHERE: u8 = 255;
        const UNICAST: u8 = 1;
        let (kind, scope, route) = match self.delete {
            true => (netlink::DELROUTE, NOWHERE, 0),
            false => (netlink::NEWROUTE, 0, UNICAST),
        };
        out.begin(kind, self.flags, &[family, length, 0, 0, MAIN, PROTOCOL, scope, route, 0, 0, 0, 0]);
    }
}
