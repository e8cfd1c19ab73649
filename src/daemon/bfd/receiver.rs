//! The sockets that packets come to: one for each family and kind of session, opened when the first session of the
//! kind begins. Each datagram is read with its time to live, which says how far it has come.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use bfd::Datagram;
use nix::sys::socket::sockopt::{Ipv4RecvTtl, Ipv6RecvHopLimit, RcvBufForce};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// UDP port of sessions over one hop (RFC 5881 section 4).
pub(super) const SINGLE_HOP_PORT: u16 = 3784;
/// UDP port of sessions over several hops (RFC 5883 section 5).
pub(super) const MULTIHOP_PORT: u16 = 4784;

/// The longest packet there is has 24 octets and authentication data of up to 28; what is longer is cut off.
const OCTETS: usize = 128;

/// Room for what comes while this thread is kept from running: the kernel counts about a thousand octets for each
/// datagram, so that its default is full after 200 of them.
const BUFFER: usize = 4 << 20;

/// What a kind of session is told apart by: IPv6 or not, several hops or not.
pub(super) type Kind = (bool, bool);

/// The sockets that are open.
#[derive(Debug, Default)]
pub(super) struct Receivers([Option<Receiver>; 4]);

#[derive(Debug)]
struct Receiver {
    multihop: bool,
    socket: UdpSocket,
}

/// Who sent a datagram, and how far it has come.
struct Origin {
    source: IpAddr,
    interface: u32,
    ttl: u8,
}

impl Receivers {
    /// Opens the socket of a kind, where it is not open yet.
    ///
    /// # Errors
    /// What keeps it from being opened, with the port: that another BFD daemon runs, as a rule.
    pub(super) fn open(&mut self, (v6, multihop): Kind) -> io::Result<()> {
        let Some(place) = self.0.get_mut(usize::from(v6) * 2 + usize::from(multihop)) else { return Ok(()) };
        if place.is_none() {
            let port = if multihop { MULTIHOP_PORT } else { SINGLE_HOP_PORT };
            let socket = listen(v6, port)
                .map_err(|error| io::Error::new(error.kind(), format!("UDP port {port}: {error}")))?;
            *place = Some(Receiver { multihop, socket });
        }
        Ok(())
    }

    /// Waits until there is something to read.
    pub(super) async fn readable(&self) {
        let [a, b, c, d] = &self.0;
        tokio::select! {
            () = readable(a) => {}
            () = readable(b) => {}
            () = readable(c) => {}
            () = readable(d) => {}
        }
    }

    /// Reads up to `most` datagrams from each socket.
    pub(super) fn read(&self, most: usize, mut take: impl FnMut(Datagram<'_>)) {
        for Receiver { multihop, socket } in self.0.iter().flatten() {
            for _ in 0..most {
                let mut buffer = [0; OCTETS];
                // Nothing more there, or an error of this one datagram: the next look will tell.
                let Ok((length, origin)) = receive(socket, &mut buffer) else { break };
                let Some(Origin { source, interface, ttl }) = origin else { continue };
                let octets = buffer.get(..length).unwrap_or_default();
                take(Datagram { multihop: *multihop, source, interface, ttl, octets });
            }
        }
    }
}

async fn readable(receiver: &Option<Receiver>) {
    match receiver {
        // An error shows when it is read.
        Some(receiver) => drop(receiver.socket.readable().await),
        None => std::future::pending().await,
    }
}

fn listen(v6: bool, port: u16) -> io::Result<UdpSocket> {
    let any: IpAddr = if v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let address = SocketAddr::new(any, port);
    let kind = Type::DGRAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::UDP))?;
    if v6 {
        socket.set_only_v6(true)?;
        setsockopt(&socket, Ipv6RecvHopLimit, &true)?;
    } else {
        setsockopt(&socket, Ipv4RecvTtl, &true)?;
    }
    // Where the limit of the machine may not be passed, what it allows.
    if setsockopt(&socket, RcvBufForce, &BUFFER).is_err() {
        socket.set_recv_buffer_size(BUFFER)?;
    }
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// One datagram; without an origin where the kernel does not say it.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<(usize, Option<Origin>)> {
    // Room for the one number that is asked for.
    let mut control = [0; 64];
    socket.try_io(Interest::READABLE, || {
        let mut slices = [IoSliceMut::new(buffer)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slices, Some(&mut control), flags)?;
        let ttl = message.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::Ipv4Ttl(ttl) | ControlMessageOwned::Ipv6HopLimit(ttl) => {
                u8::try_from(ttl).ok()
            }
            _ => None,
        });
        let origin = message.address.as_ref().and_then(source).zip(ttl);
        let origin = origin.map(|((source, interface), ttl)| Origin { source, interface, ttl });
        Ok((message.bytes, origin))
    })
}

/// The address, and the link of a link-local one.
fn source(storage: &SockaddrStorage) -> Option<(IpAddr, u32)> {
    let v4 = || storage.as_sockaddr_in().map(|address| (address.ip().into(), 0));
    let v6 = || storage.as_sockaddr_in6().map(|address| (address.ip().into(), address.scope_id()));
    v4().or_else(v6)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel tells of datagrams over loopback, in both families.
    #[tokio::test]
    async fn datagrams_come_with_their_time_to_live() {
        for (v6, ip) in [(false, IpAddr::from(Ipv4Addr::LOCALHOST)), (true, Ipv6Addr::LOCALHOST.into())] {
            let receiver = Receiver { multihop: true, socket: listen(v6, 0).unwrap() };
            let port = receiver.socket.local_addr().unwrap().port();
            let receivers = Receivers([None, Some(receiver), None, None]);
            let sender = Socket::new(Domain::for_address((ip, port).into()), Type::DGRAM, None).unwrap();
            if v6 {
                sender.set_unicast_hops_v6(77).unwrap();
            } else {
                sender.set_ttl_v4(77).unwrap();
            }
            for octets in [&b"short"[..], &[1; 2 * OCTETS]] {
                sender.send_to(octets, &SocketAddr::new(ip, port).into()).unwrap();
                receivers.readable().await;
                let mut seen = 0;
                receivers.read(8, |datagram| {
                    assert_eq!((datagram.source, datagram.ttl, datagram.multihop), (ip, 77, true));
                    assert_eq!(datagram.octets, octets.get(..OCTETS).unwrap_or(octets));
                    seen += 1;
                });
                assert_eq!(seen, 1);
            }
        }
    }
}
