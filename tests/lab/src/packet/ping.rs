//! ICMP echo (RFC 792) with a raw socket: which packet was answered, and when.

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::timed_out;
use crate::netns::Netns;

/// How long after the last packet replies are still taken.
const GRACE: Duration = Duration::from_millis(500);
/// How long one packet of [`ping`] waits for its reply.
const PATIENCE: Duration = Duration::from_secs(1);
const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;

/// What became of a series of echo requests.
#[derive(Clone, Debug, Default)]
pub struct Ping {
    /// One for each packet sent, in order.
    pub replies: Vec<Reply>,
}

/// What became of one echo request.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    /// The packet's number, from 0.
    pub sequence: u16,
    /// When it was sent.
    pub sent: Instant,
    /// How long its reply took; `None` if there was none.
    pub rtt: Option<Duration>,
}

impl Ping {
    /// How many were answered.
    pub fn received(&self) -> usize {
        self.replies.iter().filter(|reply| reply.rtt.is_some()).count()
    }

    /// The numbers of those that were not.
    pub fn lost(&self) -> Vec<u16> {
        self.replies.iter().filter(|reply| reply.rtt.is_none()).map(|reply| reply.sequence).collect()
    }

    /// When the first packet that was sent at or after `since` and answered was sent.
    pub fn answered_since(&self, since: Instant) -> Option<Instant> {
        self.replies.iter().find(|reply| reply.sent >= since && reply.rtt.is_some()).map(|reply| reply.sent)
    }
}

/// Sends `count` echo requests from `netns`, each when the one before was answered or given up after a second.
pub fn ping(netns: &Netns, destination: Ipv4Addr, count: u16) -> io::Result<Ping> {
    netns.run(|| {
        let echo = Echo::new(destination)?;
        let mut ping = Ping::default();
        for sequence in 0..count {
            ping.replies.push(echo.send(sequence)?);
            let deadline = Instant::now() + PATIENCE;
            while ping.lost().last() == Some(&sequence) && echo.receive(&mut ping.replies, deadline)? {}
        }
        Ok(ping)
    })?
}

/// Pings on and on, in a thread of its own, until it is stopped or dropped.
#[derive(Debug)]
pub struct Pinger {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    ended: AtomicBool,
    ping: Mutex<Ping>,
}

impl Pinger {
    /// Pings `destination` from `netns` every `interval`.
    pub fn start(netns: &Netns, destination: Ipv4Addr, interval: Duration) -> Pinger {
        let shared = Arc::new(Shared::default());
        let thread = netns.spawn({
            let shared = Arc::clone(&shared);
            move || shared.keep_pinging(&Echo::new(destination)?, interval)
        });
        Pinger { shared, thread: Some(thread) }
    }

    /// What has come of it so far.
    pub fn so_far(&self) -> Ping {
        self.shared.ping().clone()
    }

    /// Stops, takes the replies that are still on their way, and tells what came of it.
    pub fn stop(mut self) -> io::Result<Ping> {
        self.end()?;
        Ok(self.so_far())
    }

    fn end(&mut self) -> io::Result<()> {
        self.shared.ended.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Pinger {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

impl Shared {
    fn keep_pinging(&self, echo: &Echo, interval: Duration) -> io::Result<()> {
        let start = Instant::now();
        for sequence in 0..u16::MAX {
            if self.ended.load(Ordering::Relaxed) {
                break;
            }
            let reply = echo.send(sequence)?;
            self.ping().replies.push(reply);
            self.receive_until(echo, start + interval * (u32::from(sequence) + 1))?;
        }
        self.receive_until(echo, Instant::now() + GRACE)
    }

    fn receive_until(&self, echo: &Echo, deadline: Instant) -> io::Result<()> {
        while let Some(sequence) = echo.wait(deadline)? {
            note(&mut self.ping().replies, sequence);
        }
        Ok(())
    }

    fn ping(&self) -> MutexGuard<'_, Ping> {
        self.ping.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A raw ICMP socket that speaks to one destination.
struct Echo {
    socket: Socket,
    destination: SockAddr,
    identifier: [u8; 2],
}

impl Echo {
    fn new(destination: Ipv4Addr) -> io::Result<Echo> {
        static NEXT: AtomicU16 = AtomicU16::new(1);
        Ok(Echo {
            socket: Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?,
            destination: SocketAddrV4::new(destination, 0).into(),
            identifier: NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes(),
        })
    }

    /// Sends one request; a network that is out of reach just now is a packet lost, not an error.
    fn send(&self, sequence: u16) -> io::Result<Reply> {
        let sent = Instant::now();
        match self.socket.send_to(&request(self.identifier, sequence), &self.destination) {
            Ok(_) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable
                ) => {}
            Err(error) => return Err(error),
        }
        Ok(Reply { sequence, sent, rtt: None })
    }

    /// Takes one reply down into `replies`; whether one came before `deadline`.
    fn receive(&self, replies: &mut [Reply], deadline: Instant) -> io::Result<bool> {
        let sequence = self.wait(deadline)?;
        if let Some(sequence) = sequence {
            note(replies, sequence);
        }
        Ok(sequence.is_some())
    }

    /// The number of the next reply to us that comes before `deadline`.
    fn wait(&self, deadline: Instant) -> io::Result<Option<u16>> {
        let mut buffer = [0; 256];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            // The system counts in microseconds, and takes none for no timeout at all.
            self.socket.set_read_timeout(Some(left.max(Duration::from_micros(1))))?;
            match (&self.socket).read(&mut buffer) {
                Ok(length) => {
                    let sequence = reply(buffer.get(..length).unwrap_or_default(), self.identifier);
                    if sequence.is_some() {
                        return Ok(sequence);
                    }
                }
                // An unreachable network is reported here too, later.
                Err(error) if timed_out(&error) || error.kind() == io::ErrorKind::HostUnreachable => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn note(replies: &mut [Reply], sequence: u16) {
    if let Some(reply) = replies.get_mut(usize::from(sequence)) {
        reply.rtt.get_or_insert_with(|| reply.sent.elapsed());
    }
}

/// ```text
/// type 1 | code 1 | checksum 2 | identifier 2 | sequence 2 | 8 octets of data
/// ```
fn request(identifier: [u8; 2], sequence: u16) -> [u8; 16] {
    let [i, j] = identifier;
    let [m, n] = sequence.to_be_bytes();
    let [x, y] = checksum([u16::from_be_bytes([ECHO_REQUEST, 0]), u16::from_be_bytes(identifier), sequence]);
    [ECHO_REQUEST, 0, x, y, i, j, m, n, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// The internet checksum (RFC 1071) of these words.
fn checksum(words: [u16; 3]) -> [u8; 2] {
    let mut sum: u32 = words.into_iter().map(u32::from).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

/// The number of the echo reply with our identifier in an IPv4 packet.
fn reply(packet: &[u8], identifier: [u8; 2]) -> Option<u16> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let [kind, _code, _, _, i, j, m, n] = *packet.get(header..)?.first_chunk()?;
    (kind == ECHO_REPLY && [i, j] == identifier).then_some(u16::from_be_bytes([m, n]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_makes_the_words_sum_to_all_ones() {
        let request = request([0xff, 0xfe], 0xfffd);
        let words = request.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
        let sum: u32 = words.sum();
        assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
    }

    #[test]
    fn only_our_replies_count() {
        let mut packet = vec![0x45; 1];
        packet.resize(20, 0);
        packet.extend([ECHO_REPLY, 0, 0, 0, 1, 2, 0, 7]);
        assert_eq!(reply(&packet, [1, 2]), Some(7));
        assert_eq!(reply(&packet, [1, 3]), None);
        assert_eq!(reply(&packet[..27], [1, 2]), None);
    }

    #[test]
    fn losses_are_named() {
        let sent = Instant::now();
        let reply =
            |sequence, answered: bool| Reply { sequence, sent, rtt: answered.then_some(Duration::ZERO) };
        let ping = Ping { replies: vec![reply(0, true), reply(1, false), reply(2, true)] };
        assert_eq!((ping.received(), ping.lost()), (2, vec![1]));
    }
}
