//! A BGP speaker by hand, for tests: it sends exactly the octets that it is given, right or wrong, and hears what
//! comes back. It does nothing by itself, not even keep a session alive: a hold time of 0 in its OPEN does that.
//!
//! Its octets are made in [`octets`], on purpose not by linnet's own code: what judges it must not share its mistakes.

pub mod octets;

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use socket2::{Domain, SockAddr, Socket, Type};

use self::octets::{Open, kind, message};
use crate::netns::Netns;

/// BGP's TCP port.
pub const PORT: u16 = 179;
/// How long a step of the handshake may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// One connection.
#[derive(Debug)]
pub struct Speaker {
    stream: TcpStream,
    /// Octets that are not a whole message yet.
    rest: Vec<u8>,
}

/// What was heard.
#[derive(Clone, PartialEq, Eq)]
pub enum Heard {
    /// A whole message.
    Message {
        /// Its type, see [`kind`].
        kind: u8,
        /// What follows the header.
        body: Vec<u8>,
    },
    /// The connection was closed.
    Closed,
    /// Nothing in the time given.
    Nothing,
}

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Heard::Message { kind: kind::NOTIFICATION, body } => write!(f, "NOTIFICATION {body:02x?}"),
            Heard::Message { kind, body } => write!(f, "message of type {kind}, {body:02x?}"),
            Heard::Closed => f.write_str("the end"),
            Heard::Nothing => f.write_str("nothing"),
        }
    }
}

impl Speaker {
    /// Connects from the address `from` of `netns`.
    pub fn connect(netns: &Netns, from: IpAddr, to: IpAddr) -> io::Result<Speaker> {
        let socket = netns.run(|| {
            let socket = Socket::new(Domain::for_address(SocketAddr::new(to, PORT)), Type::STREAM, None)?;
            socket.bind(&SockAddr::from(SocketAddr::new(from, 0)))?;
            socket.connect_timeout(&SockAddr::from(SocketAddr::new(to, PORT)), PATIENCE)?;
            Ok::<_, io::Error>(socket)
        })??;
        Speaker::new(socket.into())
    }

    /// Takes a connection that somebody makes to `listener`.
    pub fn accept(listener: &TcpListener) -> io::Result<Speaker> {
        Speaker::new(listener.accept()?.0)
    }

    fn new(stream: TcpStream) -> io::Result<Speaker> {
        stream.set_nodelay(true)?;
        Ok(Speaker { stream, rest: Vec::new() })
    }

    /// Sends octets as they are.
    pub fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.write_all(octets)
    }

    /// Forgets the connection, as a host does that is started anew: nothing but a reset is said, and that once.
    pub fn vanish(self) -> io::Result<()> {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))
    }

    /// Hears the next message, for at most so long.
    pub fn hear(&mut self, within: Duration) -> io::Result<Heard> {
        let end = Instant::now() + within;
        loop {
            if let Some(heard) = self.take_message() {
                return Ok(heard);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Heard::Nothing);
            }
            self.stream.set_read_timeout(Some(left))?;
            let mut octets = [0; 4096];
            match self.stream.read(&mut octets) {
                Ok(0) => return Ok(Heard::Closed),
                Ok(length) => self.rest.extend(octets.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(Heard::Closed),
                Err(error) if crate::packet::timed_out(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn take_message(&mut self) -> Option<Heard> {
        let (header, _) = self.rest.split_at_checked(19)?;
        let [.., high, low, kind] = *header else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let body = self.rest.get(19..length)?.to_vec();
        self.rest.drain(..length);
        Some(Heard::Message { kind, body })
    }

    /// Hears on until a message of this type comes; its body.
    pub fn wait_for(&mut self, wanted: u8) -> Result<Vec<u8>> {
        self.wait_for_such(wanted, |_| true)
    }

    /// Hears on until a message of this type comes whose body is such; the body.
    pub fn wait_for_such(&mut self, wanted: u8, such: impl Fn(&[u8]) -> bool) -> Result<Vec<u8>> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.hear(end.saturating_duration_since(Instant::now()))? {
                Heard::Message { kind, body } if kind == wanted && such(&body) => return Ok(body),
                Heard::Message { kind: kind::OPEN | kind::UPDATE | kind::KEEPALIVE, .. } => {}
                heard => bail!("waited for a message of type {wanted}, heard {heard:?}"),
            }
        }
    }

    /// Hears on to the end of the connection; what the last NOTIFICATION before it said: code, subcode and data.
    pub fn wait_for_end(&mut self) -> Result<Option<Vec<u8>>> {
        let end = Instant::now() + PATIENCE;
        let mut notification = None;
        loop {
            match self.hear(end.saturating_duration_since(Instant::now()))? {
                Heard::Message { kind: kind::NOTIFICATION, body } => notification = Some(body),
                Heard::Message { .. } => {}
                Heard::Closed => return Ok(notification),
                Heard::Nothing => bail!("the connection stays; NOTIFICATION so far: {notification:02x?}"),
            }
        }
    }

    /// Exchanges OPEN and KEEPALIVE.
    pub fn establish(&mut self, open: &Open) -> Result<()> {
        self.establish_with(&open.body()).map(drop)
    }

    /// The same with an OPEN of this body; what the other side's OPEN says.
    pub fn establish_with(&mut self, open: &[u8]) -> Result<Vec<u8>> {
        self.send(&message(kind::OPEN, open))?;
        let theirs = self.wait_for(kind::OPEN).context("no OPEN")?;
        ensure!(theirs.first() == Some(&4), "not version 4: {theirs:02x?}");
        self.send(&message(kind::KEEPALIVE, &[]))?;
        self.wait_for(kind::KEEPALIVE).context("no KEEPALIVE")?;
        Ok(theirs)
    }
}

/// Listens on BGP's port of an address of `netns`.
pub fn listen(netns: &Netns, address: IpAddr) -> io::Result<TcpListener> {
    netns.run(|| TcpListener::bind(SocketAddr::new(address, PORT)))?
}
