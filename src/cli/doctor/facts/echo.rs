//! Asking whether an address can be reached: ICMP echo (RFC 792, RFC 4443), and a datagram to a UDP port.
//!
//! An echo is sent with what the kernel does for every socket unless it is told otherwise: packets that fit what is
//! known of the path are marked not to be fragmented. So one that is as large as the tunnel's shows whether the path
//! carries it.

use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr};
use socket2::{Domain, Protocol, Socket, Type};

/// How long an answer may take: more than any path within a fabric, and than a host that must be asked for its MAC
/// takes.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a port's refusal may take. Nobody says that a port is open, so all of it is waited out.
const REFUSAL: Duration = Duration::from_millis(300);

/// How often it is asked: the first packet may be lost while the next hop's MAC is asked for.
const TRIES: u16 = 2;

/// Of an echo, either way: type, code, checksum, identifier, sequence.
const HEADER: usize = 8;

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing, in the time given.
    #[default]
    Silence,
    /// An answer.
    Reached,
    /// Somebody said no: this node, or a router.
    Refused {
        /// Of which kind the kernel's error is.
        kind: ErrorKind,
        /// In the kernel's words.
        words: String,
    },
    /// It could not be asked, and why.
    Unasked(String),
}

/// Sends an echo request of `size` octets of IP and waits for its reply.
pub(super) fn echo(to: IpAddr, from: Option<IpAddr>, size: u32) -> Answer {
    match Echo::open(to, from) {
        Ok(echo) => echo.ask(size),
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied) => {
            Answer::Unasked(format!("{error}; it takes root, or net.ipv4.ping_group_range"))
        }
        Err(error) => Answer::Unasked(error.to_string()),
    }
}

/// Sends a datagram that nobody takes for one of theirs to a UDP port, to hear whether it is closed. A VXLAN header
/// without the mark that it has a VNI is dropped (RFC 7348 section 5).
pub(super) fn knock(to: IpAddr, from: Option<IpAddr>, port: u16) -> Answer {
    let knock = || {
        let any = if to.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
        let socket = UdpSocket::bind((from.unwrap_or(any), 0))?;
        hear_errors(&socket, to);
        socket.connect((to, port))?;
        socket.set_read_timeout(Some(REFUSAL))?;
        socket.send(&[0; HEADER])?;
        socket.recv(&mut [0; 1])
    };
    match knock() {
        Ok(_) => Answer::Reached,
        Err(error) => refusal(&error),
    }
}

/// Without it the kernel keeps to itself what routers say of single packets.
fn hear_errors(socket: &impl std::os::fd::AsFd, to: IpAddr) {
    // Then there is silence instead.
    let _ = match to {
        IpAddr::V4(_) => setsockopt(socket, Ipv4RecvErr, &true),
        IpAddr::V6(_) => setsockopt(socket, Ipv6RecvErr, &true),
    };
}

fn refusal(error: &io::Error) -> Answer {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Answer::Silence,
        kind => Answer::Refused { kind, words: error.to_string() },
    }
}

/// A socket for echoes with one address.
struct Echo {
    socket: Socket,
    to: IpAddr,
    /// The kernel leaves header and checksum to the sender.
    raw: bool,
}

impl Echo {
    fn open(to: IpAddr, from: Option<IpAddr>) -> io::Result<Echo> {
        let (domain, protocol) = match to {
            IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
            IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
        };
        let open = |kind| Socket::new(domain, kind, Some(protocol));
        // Whoever may not have the one may have the other.
        let (socket, raw) = match open(Type::DGRAM) {
            Ok(socket) => (socket, false),
            Err(error) => (open(Type::RAW).map_err(|_| error)?, true),
        };
        if let Some(from) = from.filter(|from| from.is_ipv4() == to.is_ipv4()) {
            socket.bind(&SocketAddr::from((from, 0)).into())?;
        }
        hear_errors(&socket, to);
        Ok(Echo { socket, to, raw })
    }

    fn ask(&self, size: u32) -> Answer {
        let connected = self.socket.connect(&SocketAddr::from((self.to, 0)).into());
        if let Err(error) = connected {
            return refusal(&error);
        }
        let mut answer = Answer::Silence;
        for sequence in 1..=TRIES {
            answer = self.exchange(sequence, size).unwrap_or_else(|error| refusal(&error));
            if answer == Answer::Reached {
                break;
            }
        }
        answer
    }

    fn exchange(&self, sequence: u16, size: u32) -> io::Result<Answer> {
        self.socket.send(&self.request(sequence, size))?;
        let (deadline, mut buffer) = (Instant::now() + PATIENCE, vec![0; 1 << 16]);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Answer::Silence);
            }
            self.socket.set_read_timeout(Some(left))?;
            let length = (&self.socket).read(&mut buffer)?;
            if self.is_reply(buffer.get(..length).unwrap_or_default(), sequence) {
                return Ok(Answer::Reached);
            }
        }
    }

    fn request(&self, sequence: u16, size: u32) -> Vec<u8> {
        let (kind, ip_header) = if self.to.is_ipv4() { (8, 20) } else { (128, 40) };
        let mut octets = vec![0; (size as usize).saturating_sub(ip_header).max(HEADER)];
        let [high, low] = sequence.to_be_bytes();
        let [id_high, id_low] = identifier().to_be_bytes();
        for (octet, value) in octets.iter_mut().zip([kind, 0, 0, 0, id_high, id_low, high, low]) {
            *octet = value;
        }
        // The kernel itself sums up what is of ICMPv6, and what has no raw socket.
        if self.raw && self.to.is_ipv4() {
            let sum = checksum(&octets).to_be_bytes();
            octets.iter_mut().skip(2).zip(sum).for_each(|(octet, value)| *octet = value);
        }
        octets
    }

    /// A raw socket hears all of ICMP, over IPv4 with the IP header in front.
    fn is_reply(&self, octets: &[u8], sequence: u16) -> bool {
        let skipped = match (self.raw && self.to.is_ipv4(), octets.first()) {
            (true, Some(first)) => usize::from(first & 0x0f) * 4,
            _ => 0,
        };
        let reply = if self.to.is_ipv4() { 0 } else { 129 };
        let Some([kind, _, _, _, id_high, id_low, high, low]) =
            octets.get(skipped..).and_then(<[u8]>::first_chunk)
        else {
            return false;
        };
        let is_ours = !self.raw || u16::from_be_bytes([*id_high, *id_low]) == identifier();
        *kind == reply && is_ours && u16::from_be_bytes([*high, *low]) == sequence
    }
}

/// Tells our echoes from those of other programs.
fn identifier() -> u16 {
    std::process::id() as u16
}

/// The internet checksum (RFC 1071).
fn checksum(octets: &[u8]) -> u16 {
    let word = |pair: &[u8]| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    };
    let mut sum: u32 = octets.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_with_its_checksum_sums_up_to_nothing() {
        // The example of RFC 1071 section 3.
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(&[0x01]), !0x0100);
    }

    #[test]
    fn this_node_reaches_itself_if_it_may_ask() {
        let localhost = IpAddr::from([127, 0, 0, 1]);
        for size in [84, 1500] {
            let answer = echo(localhost, None, size);
            assert!(matches!(answer, Answer::Reached | Answer::Unasked(_)), "{answer:?}");
        }
    }

    #[test]
    fn a_closed_port_says_so() {
        let localhost = IpAddr::from([127, 0, 0, 1]);
        let open = UdpSocket::bind((localhost, 0)).unwrap();
        let port = open.local_addr().unwrap().port();
        assert_eq!(knock(localhost, None, port), Answer::Silence);
        drop(open);
        let answer = knock(localhost, None, port);
        assert!(matches!(answer, Answer::Refused { kind: ErrorKind::ConnectionRefused, .. }), "{answer:?}");
    }
}
