//! The socket that one session's packets leave by: its source port is the session's own (RFC 5881 section 4), its
//! time to live the highest there is, so that the neighbour can see that nothing came from farther away.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;

use socket2::{Domain, Protocol, Socket, Type};

/// Where source ports are taken from (RFC 5881 section 4).
const PORTS: RangeInclusive<u16> = 49152..=65535;

/// Ports tried before giving up: with thousands in use, every few is free.
const TRIES: u16 = 64;

/// The highest time to live (RFC 5881 section 5).
const TTL: u32 = 255;

/// Class selector 6, what routers send their own protocols with (RFC 4594 section 3.1), in its place in the octet.
const CONTROL: u32 = 0xc0;

/// A session's socket.
#[derive(Debug)]
pub(super) struct Sender {
    socket: UdpSocket,
    local: IpAddr,
}

impl Sender {
    /// Opens a socket towards `remote`, its port included. `first` is the port that is tried first, as a number of
    /// any size.
    ///
    /// # Errors
    /// The kernel's: there is no way to the neighbour, or the local address is not this node's.
    pub(super) fn open(remote: SocketAddr, local: Option<IpAddr>, first: u32) -> io::Result<Sender> {
        let kind = Type::DGRAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(remote), kind, Some(Protocol::UDP))?;
        if remote.is_ipv4() {
            socket.set_ttl_v4(TTL)?;
            socket.set_tos_v4(CONTROL)?;
        } else {
            socket.set_unicast_hops_v6(TTL)?;
            socket.set_tclass_v6(CONTROL)?;
        }
        bind(&socket, remote, local, first)?;
        socket.connect(&remote.into())?;
        let socket = UdpSocket::from(socket);
        let local = socket.local_addr()?.ip();
        Ok(Sender { socket, local })
    }

    /// The address that it sends from.
    pub(super) fn local(&self) -> IpAddr {
        self.local
    }

    /// Sends a packet, if the kernel takes it now: one that cannot leave in time is of no use later.
    ///
    /// # Errors
    /// The kernel's; the next packet may fare better.
    pub(super) fn send(&self, octets: &[u8]) -> io::Result<()> {
        self.socket.send(octets).map(drop)
    }
}

fn bind(socket: &Socket, remote: SocketAddr, local: Option<IpAddr>, first: u32) -> io::Result<()> {
    let any: IpAddr =
        if remote.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let mut address = SocketAddr::new(local.unwrap_or(any), 0);
    if let (SocketAddr::V6(address), SocketAddr::V6(remote)) = (&mut address, remote) {
        address.set_scope_id(remote.scope_id());
    }
    let count = u32::from(PORTS.end() - PORTS.start()) + 1;
    let mut outcome = Err(io::ErrorKind::AddrInUse.into());
    for offset in 0..TRIES {
        let port = PORTS.start() + (first.wrapping_add(offset.into()) % count) as u16;
        address.set_port(port);
        outcome = socket.bind(&address.into());
        if !matches!(&outcome, Err(error) if error.kind() == io::ErrorKind::AddrInUse) {
            break;
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_session_has_a_port_of_its_own_in_the_range() {
        let remote: SocketAddr = (Ipv4Addr::LOCALHOST, 9).into();
        let senders: Vec<Sender> = (0..3).map(|_| Sender::open(remote, None, 70_000).unwrap()).collect();
        let mut ports: Vec<u16> =
            senders.iter().map(|sender| sender.socket.local_addr().unwrap().port()).collect();
        assert!(ports.iter().all(|port| PORTS.contains(port)), "{ports:?}");
        ports.dedup();
        assert_eq!(ports.len(), 3);
        assert_eq!(senders[0].local(), IpAddr::from(Ipv4Addr::LOCALHOST));
    }

    #[test]
    fn a_foreign_local_address_is_an_error() {
        let remote: SocketAddr = (Ipv4Addr::LOCALHOST, 9).into();
        assert!(Sender::open(remote, Some(Ipv4Addr::new(192, 0, 2, 1).into()), 0).is_err());
    }
}
