//! What comes from the device under test: counted, and kept as a set of routes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};
use std::sync::{Mutex, OnceLock};

use crate::bits::Bits;
use crate::session::{KEEPALIVE, Writer};
use crate::sys::now;

/// IPv4 prefixes are told apart by their upper 24 bits, MACs by the lower 24.
const ROUTES: usize = 1 << 24;

/// Shared between who reads and who asks.
#[derive(Default)]
pub struct Received {
    pub established: AtomicBool,
    pub closed: AtomicBool,
    /// How many routes there are now.
    pub have: AtomicU64,
    pub announced: AtomicU64,
    pub messages: AtomicU64,
    pub octets: AtomicU64,
    /// How many there are to be.
    target: AtomicU64,
    /// When there were; 0: not yet.
    pub hit: AtomicU64,
    /// When each MAC was told of first, where somebody wants to know.
    pub first_told: OnceLock<Vec<AtomicU64>>,
    /// What went wrong.
    pub note: Mutex<String>,
}

impl Received {
    /// Forgets a former hit, and waits for so many routes.
    pub fn expect(&self, routes: u64) {
        self.hit.store(0, Release);
        self.target.store(routes, Release);
    }

    fn note(&self, text: &str) {
        self.note.lock().expect("nobody dies with a note").push_str(&format!("{text} "));
    }

    /// Reads until the session ends, and answers its OPEN.
    pub fn read(&self, mut from: TcpStream, to: &Writer) {
        let mut routes = Routes { have: Bits::new(ROUTES), announced: 0, received: self };
        let mut buffer = vec![0u8; 1 << 20];
        let (mut filled, mut messages, mut octets) = (0, 0, 0);
        loop {
            let length = match from.read(&mut buffer[filled..]) {
                Ok(0) => break self.note("eof"),
                Ok(length) => length,
                Err(error) => break self.note(&error.to_string()),
            };
            filled += length;
            octets += length as u64;
            let mut at = 0;
            while let Some(message) = message(&buffer[at..filled]) {
                match message[18] {
                    1 => _ = to.lock().expect("a writer").write_all(&KEEPALIVE),
                    2 => {
                        messages += 1;
                        routes.update(&message[19..]);
                    }
                    3 => {
                        let text = format!("NOTIFICATION {}/{}", message[19], message[20]);
                        eprintln!("lbtool: {text}");
                        self.note(&text);
                    }
                    4 => self.established.store(true, Release),
                    _ => {}
                }
                at += message.len();
            }
            buffer.copy_within(at..filled, 0);
            filled -= at;
            self.announced.store(routes.announced, Relaxed);
            self.messages.store(messages, Relaxed);
            self.octets.store(octets, Relaxed);
            self.arrived(routes.have.count());
        }
        self.closed.store(true, Release);
    }

    fn arrived(&self, have: u64) {
        self.have.store(have, Release);
        if self.hit.load(Relaxed) == 0 && have == self.target.load(Acquire) {
            self.hit.store(now(), Release);
        }
    }
}

/// The first message, once it is whole.
fn message(octets: &[u8]) -> Option<&[u8]> {
    let length = octets.get(16..18).map(be16)?;
    octets.get(..length).filter(|message| message.len() >= 19)
}

struct Routes<'r> {
    have: Bits,
    announced: u64,
    received: &'r Received,
}

impl Routes<'_> {
    /// An UPDATE's body.
    fn update(&mut self, body: &[u8]) {
        let (withdrawn, rest) = sized(body);
        let (mut attributes, nlri) = sized(rest);
        prefixes(withdrawn, |number| self.have.set(number, false));
        while attributes.len() >= 3 {
            let is_long = attributes[0] & 0x10 != 0;
            let (header, length) = match is_long {
                true => (4, be16(&attributes[2..])),
                false => (3, attributes[2].into()),
            };
            let value = &attributes[header..header + length];
            match (attributes[1], value) {
                (14, [0, 25, 70, next_hop, rest @ ..]) => self.reach(&rest[1 + usize::from(*next_hop)..]),
                (15, [0, 25, 70, nlri @ ..]) => macs(nlri, |number| self.have.set(number, false)),
                _ => {}
            }
            attributes = &attributes[header + length..];
        }
        prefixes(nlri, |number| {
            self.have.set(number, true);
            self.announced += 1;
        });
    }

    fn reach(&mut self, nlri: &[u8]) {
        let time = now();
        macs(nlri, |number| {
            self.have.set(number, true);
            self.announced += 1;
            if let Some(told) = self.received.first_told.get().and_then(|told| told.get(number)) {
                _ = told.compare_exchange(0, time, Relaxed, Relaxed);
            }
        });
    }
}

/// Octets behind their length in two octets, and the rest.
fn sized(octets: &[u8]) -> (&[u8], &[u8]) {
    octets[2..].split_at(be16(octets))
}

/// The upper 24 bits of each prefix.
fn prefixes(mut nlri: &[u8], mut tell: impl FnMut(usize)) {
    while let [length, rest @ ..] = nlri {
        let octets = usize::from(*length).div_ceil(8);
        let mut address = [0u8; 4];
        address[..octets].copy_from_slice(&rest[..octets]);
        tell((u32::from_be_bytes(address) >> 8) as usize);
        nlri = &rest[octets..];
    }
}

/// The lower 24 bits of each Type 2's MAC.
fn macs(mut nlri: &[u8], mut tell: impl FnMut(usize)) {
    while let [kind, length, rest @ ..] = nlri {
        if *kind == 2 {
            tell(number_of(&rest[23..29]));
        }
        nlri = &rest[usize::from(*length)..];
    }
}

/// Which MAC of the generator's it is.
pub fn number_of(mac: &[u8]) -> usize {
    usize::from(mac[3]) << 16 | usize::from(mac[4]) << 8 | usize::from(mac[5])
}

fn be16(octets: &[u8]) -> usize {
    u16::from_be_bytes([octets[0], octets[1]]).into()
}
