//! Frames with source MACs that nobody has seen, and when each is a route at the peer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::*};
use std::thread::{self, sleep};
use std::time::Duration;

use crate::arguments::Arguments;
use crate::encode::{MACS, mac};
use crate::received::Received;
use crate::sys::{self, Socket, enter, index_of, now};

/// One that is not told of within this time is lost.
const LOST: u64 = 3_000_000_000;
/// When nothing has come for so long, nothing comes any more.
const STALLED: u64 = 10_000_000_000;
/// Nobody's: for experiments on a link (IEEE 802).
const ETHERTYPE: [u8; 2] = [0x88, 0xb5];

/// What is sent.
struct Burst {
    namespace: String,
    device: String,
    to: Vec<u8>,
    macs: std::ops::Range<usize>,
    /// All at once, and not each when the one before has been told of.
    at_once: bool,
    gap: Duration,
}

/// Sends frames from MACs of these numbers; what came of them, as JSON.
pub fn learn(arguments: &Arguments, received: &Arc<Received>, macs: std::ops::Range<usize>) -> String {
    let told = told(received);
    let octets = arguments.text("dst").split(':').map(|octet| u8::from_str_radix(octet, 16));
    let burst = Burst {
        namespace: arguments.text("ns").to_owned(),
        device: arguments.text("dev").to_owned(),
        to: octets.collect::<Result<_, _>>().expect("dst: a MAC"),
        macs: macs.clone(),
        at_once: arguments.is_set("burst", false),
        gap: Duration::from_millis(arguments.number("gap_ms", 5)),
    };
    let (at_once, reader) = (burst.at_once, Arc::clone(received));
    // Entering a namespace is for good, for a thread.
    let (sent, end) = thread::spawn(move || burst.send(self::told(&reader))).join().expect("a sender");
    wait(&told[macs.clone()], now() + arguments.number("timeout", 120) * 1_000_000_000);
    let told: Vec<u64> = told[macs].iter().map(|time| time.load(Acquire)).collect();
    let pairs = told.iter().zip(&sent).filter(|(told, _)| **told != 0);
    let delays: Vec<u64> = pairs.map(|(told, sent)| told - sent).collect();
    let (got, first) = (delays.len(), sent.first().copied().unwrap_or_default());
    let last = told.iter().max().copied().unwrap_or_default();
    let delays = if at_once { Vec::new() } else { delays };
    format!(r#"{{"got":{got},"t0":{first},"t_sent":{end},"t_last":{last},"lat":{delays:?}}}"#)
}

/// When each MAC was told of first, from now on.
fn told(received: &Received) -> &[AtomicU64] {
    received.first_told.get_or_init(|| (0..MACS).map(|_| AtomicU64::new(0)).collect())
}

impl Burst {
    /// When each was sent, and when all were.
    fn send(&self, told: &[AtomicU64]) -> (Vec<u64>, u64) {
        enter(&self.namespace);
        let socket = Socket::new(sys::AF_PACKET, sys::SOCK_RAW);
        let mut address = [0; 20];
        address[0..2].copy_from_slice(&(sys::AF_PACKET as u16).to_ne_bytes());
        address[4..8].copy_from_slice(&index_of(&self.device).to_ne_bytes());
        socket.bind(&address).expect("a packet socket");
        let mut times = Vec::new();
        for number in self.macs.clone() {
            let mut frame = [&self.to[..], &mac(number as u32), &ETHERTYPE].concat();
            frame.resize(60, 0);
            let begin = now();
            times.push(begin);
            if let Err(errno) = socket.send(&frame) {
                eprintln!("lbtool: frame errno {errno}");
            }
            if !self.at_once {
                while told[number].load(Acquire) == 0 && now() - begin < LOST {
                    sleep(Duration::from_micros(100));
                }
                sleep(self.gap);
            }
        }
        (times, now())
    }
}

/// Until all have been told of, it takes too long, or nothing comes any more.
fn wait(told: &[AtomicU64], end: u64) {
    let (mut before, mut since) = (0, now());
    loop {
        let count = told.iter().filter(|time| time.load(Acquire) != 0).count();
        if count == told.len() || now() > end || count == before && now() - since > STALLED {
            return;
        }
        if count != before {
            (before, since) = (count, now());
        }
        sleep(Duration::from_millis(5));
    }
}
