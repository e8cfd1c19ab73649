//! A TCP socket as the [`Stream`] that a neighbour's driver works with.

use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_indextoname;
use tokio::io::{AsyncWriteExt, Interest, Ready};
use tokio::net::TcpStream;

use crate::peer::{Connection, Stream};

/// How much is read at a time: a multiple of the longest message, small enough to be fair.
const READ_OCTETS: usize = 64 * 1024;

/// A peer that is sent a NOTIFICATION may be slow to take it; longer than this nobody waits for him.
const LINGER: Duration = Duration::from_secs(3);

impl Stream for TcpStream {
    fn read(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        buffer.reserve(READ_OCTETS);
        self.try_read_buf(&mut buffer.limit(READ_OCTETS))
    }

    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_write_vectored(slices)
    }

    fn global_address(&self) -> Option<Ipv6Addr> {
        let Ok(SocketAddr::V6(local)) = self.local_addr() else { return None };
        if !local.ip().is_unicast_link_local() {
            return None;
        }
        let link = if_indextoname(local.scope_id()).ok()?;
        let addresses = getifaddrs().ok()?.filter(|row| Some(&*row.interface_name) == link.to_str().ok());
        let addresses = addresses.filter_map(|row| Some(row.address?.as_sockaddr_in6()?.ip()));
        // The same one each time, whatever order the kernel lists them in.
        addresses.filter(|address| !address.is_unicast_link_local()).min()
    }

    /// Why the connection ended is the session's to tell, so whether `rest` was taken matters to nobody.
    fn close(mut self, rest: Vec<Bytes>) {
        tokio::spawn(async move {
            let say = async {
                for bytes in rest {
                    self.write_all(&bytes).await?;
                }
                self.shutdown().await
            };
            let _ = tokio::time::timeout(LINGER, say).await;
        });
    }
}

/// Makes a stream ready for BGP, and tells its two ends: ours, the neighbour's.
///
/// # Errors
/// The socket's: it has ended already.
pub(super) fn prepare(stream: &TcpStream) -> io::Result<(SocketAddr, SocketAddr)> {
    // Messages are written whole; waiting for more to join them only delays routes.
    stream.set_nodelay(true)?;
    Ok((canonical(stream.local_addr()?), canonical(stream.peer_addr()?)))
}

/// Waits until there is something to read, where `read`, or room for what is to be written.
pub(super) async fn ready(connection: &Connection<TcpStream>, read: bool) -> io::Result<Ready> {
    let interest = match (read, connection.has_unsent()) {
        (true, true) => Interest::READABLE | Interest::WRITABLE,
        (true, false) => Interest::READABLE,
        (false, true) => Interest::WRITABLE,
        (false, false) => return std::future::pending().await,
    };
    connection.stream().ready(interest).await
}

/// An IPv4 peer on an IPv6 socket is an IPv4 peer; any other keeps its link, where it has one.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::from((ip, address.port())),
        IpAddr::V6(_) => address,
    }
}
