//! Sockets for BGP: their options, and nothing of what goes over them.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

/// How a neighbour is reached.
#[derive(Clone, Debug)]
pub(super) struct Route {
    /// The neighbour.
    pub(super) remote: SocketAddr,
    /// The address to connect from, where it is prescribed.
    pub(super) local: Option<IpAddr>,
    /// Time to live of what is sent; `None`: the kernel's default.
    pub(super) ttl: Option<u8>,
}

/// Connects to a neighbour.
pub(super) async fn connect(route: Route) -> io::Result<TcpStream> {
    let socket = if route.remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(local) = route.local {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    set_ttl(&SockRef::from(&socket), route.remote.ip(), route.ttl)?;
    socket.connect(route.remote).await
}

/// Prepares a connection that was accepted from a neighbour.
pub(super) fn prepare_accepted(stream: &TcpStream, route: &Route) -> io::Result<()> {
    set_ttl(&SockRef::from(stream), route.remote.ip(), route.ttl)
}

/// Listens; `::` takes IPv6 only, so that `0.0.0.0` can stand beside it.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
    if domain == Domain::IPV6 {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn set_ttl(socket: &SockRef<'_>, remote: IpAddr, ttl: Option<u8>) -> io::Result<()> {
    match ttl {
        None => Ok(()),
        Some(ttl) if remote.is_ipv4() => socket.set_ttl_v4(ttl.into()),
        Some(ttl) => socket.set_unicast_hops_v6(ttl.into()),
    }
}
