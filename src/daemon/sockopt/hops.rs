//! How far segments go, and from how far they may come (GTSM, RFC 5082).

use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;

use socket2::SockRef;

use crate::config::Hops;

use super::set;

/// What a packet starts with that is to show how many routers it passed.
const MAX_TTL: u8 = 255;

/// Sets what a connection with `remote` sends and takes.
///
/// With a limit, segments that have passed more routers than a neighbour so near could need are dropped by the
/// kernel, unread, also those of a connection that is just being made.
pub(in crate::daemon) fn set_hops(socket: BorrowedFd<'_>, remote: IpAddr, hops: Hops) -> io::Result<()> {
    match hops {
        Hops::Unlimited => Ok(()),
        Hops::Reach(ttl) => set_ttl(socket, remote, ttl),
        Hops::Within(hops) => {
            set_ttl(socket, remote, MAX_TTL)?;
            set_min_ttl(socket, remote, min_ttl(hops))
        }
    }
}

/// Sets the time to live of what a socket of `address`'s family sends.
pub(in crate::daemon) fn set_ttl(socket: BorrowedFd<'_>, address: IpAddr, ttl: u8) -> io::Result<()> {
    let socket = SockRef::from(&socket);
    match address {
        IpAddr::V4(_) => socket.set_ttl_v4(ttl.into()),
        IpAddr::V6(_) => socket.set_unicast_hops_v6(ttl.into()),
    }
}

fn set_min_ttl(socket: BorrowedFd<'_>, remote: IpAddr, ttl: u8) -> io::Result<()> {
    let ttl = libc::c_int::from(ttl);
    match remote {
        IpAddr::V4(_) => set(socket, libc::IPPROTO_IP, libc::IP_MINTTL as u32, &ttl),
        IpAddr::V6(_) => set(socket, libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT as u32, &ttl),
    }
}

/// What is left of 255 when a neighbour that many hops away has been reached: the link itself is one hop, and no
/// router takes anything off there.
fn min_ttl(hops: u8) -> u8 {
    MAX_TTL - hops.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_on_the_link_loses_nothing() {
        assert_eq!([1, 2, 254].map(min_ttl), [255, 254, 2]);
    }
}
