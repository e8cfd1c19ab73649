//! Sockets for BGP: their options, and nothing of what goes over them.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, BorrowedFd};

use ipnet::IpNet;
use nix::net::if_::if_nametoindex;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::config::{Authentication, Hops, InterfaceName, NeighborAddress};

use super::sockopt::{self, End};
use super::unnumbered::Found;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

/// Class selector 6, in which routers carry their own traffic (RFC 4594 section 3.1): a link full of other
/// packets must not cost sessions.
const CLASS: u32 = 0xc0;

/// What a listener's first answer starts with. It cannot be known yet whose connection it answers, and a
/// neighbour that counts hops (RFC 5082) takes nothing that starts with less.
const LISTENER_TTL: u8 = 255;

/// How a neighbour is reached.
#[derive(Clone, Debug)]
pub(super) struct Route {
    /// Where it is.
    pub(super) remote: Remote,
    /// The address to connect from, where it is prescribed.
    pub(super) local: Option<IpAddr>,
    /// How far away it may be.
    pub(super) hops: Hops,
}

/// Where a neighbour is.
#[derive(Clone, Debug)]
pub(super) enum Remote {
    /// At this address.
    Address(SocketAddr),
    /// At this link-local address and port, on this link.
    OnLink(Ipv6Addr, u16, InterfaceName),
    /// At the other end of a link, and listening on this port.
    Link(Found, u16),
}

impl Remote {
    /// Where a neighbour is that is known by `address`; `look` begins to look for who is at the end of a link.
    pub(super) fn of(
        address: NeighborAddress,
        port: u16,
        look: impl FnOnce(InterfaceName) -> Found,
    ) -> Remote {
        match address {
            NeighborAddress::Ip(ip) => Remote::Address(SocketAddr::new(ip, port)),
            NeighborAddress::OnLink(ip, link) => Remote::OnLink(ip, port, link),
            NeighborAddress::Interface(link) => Remote::Link(look(link), port),
        }
    }

    /// The address to connect to, as soon as it is known.
    async fn address(self) -> io::Result<SocketAddr> {
        match self {
            Remote::Address(address) => Ok(address),
            Remote::OnLink(ip, port, link) => {
                let index = if_nametoindex(link.as_str())?;
                Ok(SocketAddrV6::new(ip, port, 0, index).into())
            }
            Remote::Link(mut found, port) => {
                let known = found.wait_for(Option::is_some).await.map_err(io::Error::other)?;
                let address = known.ok_or(io::ErrorKind::AddrNotAvailable)?;
                Ok(SocketAddrV6::new(*address.ip(), port, 0, address.scope_id()).into())
            }
        }
    }

    /// Whether the neighbour can be at this address, as far as is known: of two routers on a link the one that was
    /// not found first cannot.
    pub(super) fn may_be(&self, ip: IpAddr) -> bool {
        match self {
            Remote::Address(_) | Remote::OnLink(..) => true,
            Remote::Link(found, _) => found.borrow().is_none_or(|address| ip == *address.ip()),
        }
    }
}

/// Connects to a neighbour, with segments that are signed like this.
pub(super) async fn connect(route: Route, how: Authentication) -> io::Result<TcpStream> {
    let address = route.remote.address().await?;
    let remote = address.ip();
    let socket = if remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(local) = route.local {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    set_class(socket.as_fd(), remote)?;
    sockopt::set_hops(socket.as_fd(), remote, route.hops)?;
    let peer = IpNet::from(remote);
    sockopt::sign(socket.as_fd(), End::Connection, peer, &Authentication::None, &how)?;
    socket.connect(address).await
}

/// Prepares a connection that was accepted from a neighbour. Its segments are signed already, as the listener's
/// key for it says.
///
/// # Errors
/// The socket's; or it was made to another address than the one that the neighbour is to speak with, or from
/// another than the one that it was found at.
pub(super) fn prepare_accepted(stream: &TcpStream, route: &Route) -> io::Result<()> {
    let to = stream.local_addr()?.ip().to_canonical();
    if route.local.is_some_and(|local| local != to) {
        return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, format!("it was made to {to}")));
    }
    let remote = stream.peer_addr()?.ip().to_canonical();
    if !route.remote.may_be(remote) {
        return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, format!("it comes from {remote}")));
    }
    set_class(stream.as_fd(), remote)?;
    sockopt::set_hops(stream.as_fd(), remote, route.hops)
}

/// Has the segments of a connection that stands signed otherwise from now on.
///
/// # Errors
/// The kernel's: from and to TCP-AO only a new connection can change.
pub(super) fn sign_anew(stream: &TcpStream, from: &Authentication, to: &Authentication) -> io::Result<()> {
    let peer = IpNet::from(stream.peer_addr()?.ip().to_canonical());
    sockopt::sign(stream.as_fd(), End::Connection, peer, from, to)
}

/// Binds a socket that is to listen; `::` takes IPv6 only, so that `0.0.0.0` can stand beside it. With `shares` it may
/// be beside another one on the same port that has agreed to that.
pub(super) fn bind(address: SocketAddr, shares: bool) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
    if domain == Domain::IPV6 {
        socket.set_only_v6(true)?;
    }
    set_class(socket.as_fd(), address.ip())?;
    sockopt::set_ttl(socket.as_fd(), address.ip(), LISTENER_TTL)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shares)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Has it listen.
pub(super) fn listen(socket: Socket) -> io::Result<TcpListener> {
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn set_class(socket: BorrowedFd<'_>, address: IpAddr) -> io::Result<()> {
    let socket = SockRef::from(&socket);
    match address {
        IpAddr::V4(_) => socket.set_tos_v4(CLASS),
        IpAddr::V6(_) => socket.set_tclass_v6(CLASS),
    }
}
