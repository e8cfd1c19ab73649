//! The raw socket over which a link's routers speak: advertisements and solicitations, in and out.
//!
//! The kernel makes and checks the checksums (RFC 3542 section 3.1) and says with how many hops left a packet came.
//! It needs CAP_NET_RAW.

use std::io::{self, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};

use fib::IfIndex;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::unix::AsyncFd;

use crate::daemon::sockopt;
use crate::unnumbered::advert::{self, HOP_LIMIT, Message};

/// All nodes of a link, and all its routers (RFC 4291 section 2.7.1).
pub(super) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
pub(super) const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// The longest packet that is read whole: that of a link with jumbo frames.
const PACKET: usize = 9216;

/// The socket of one link.
#[derive(Debug)]
pub(super) struct Icmp {
    socket: AsyncFd<Socket>,
    device: IfIndex,
}

impl Icmp {
    /// Opens it on a device. To be called within a tokio runtime.
    pub(super) fn open(device: IfIndex, name: &str) -> io::Result<Icmp> {
        let socket = Socket::new(Domain::IPV6, Type::RAW.nonblocking().cloexec(), Some(Protocol::ICMPV6))?;
        sockopt::hear_only(socket.as_fd(), &[advert::SOLICITATION, advert::ADVERTISEMENT])?;
        socket.bind_device(Some(name.as_bytes()))?;
        socket.set_recv_hoplimit_v6(true)?;
        socket.set_multicast_if_v6(device.0)?;
        socket.set_multicast_hops_v6(HOP_LIMIT.into())?;
        socket.set_multicast_loop_v6(false)?;
        socket.join_multicast_v6(&ALL_ROUTERS, device.0)?;
        Ok(Icmp { socket: sockopt::waitable(socket)?, device })
    }

    /// Sends a packet to all of a group.
    ///
    /// # Errors
    /// The kernel's; for the first second or two of a link that there is no address to send from yet.
    pub(super) fn send(&self, packet: &[u8], group: Ipv6Addr) -> io::Result<()> {
        let to = SocketAddr::V6(SocketAddrV6::new(group, 0, 0, self.device.0));
        self.socket.get_ref().send_to(packet, &to.into()).map(drop)
    }

    /// Waits for the next packet; the inner error is why it is not to be used.
    ///
    /// # Errors
    /// The socket's.
    pub(super) async fn receive(&self) -> io::Result<Result<Message, &'static str>> {
        loop {
            let mut ready = self.socket.readable().await?;
            if let Ok(received) = ready.try_io(|socket| receive_from(socket.get_ref())) {
                return received;
            }
        }
    }
}

fn receive_from(socket: &Socket) -> io::Result<Result<Message, &'static str>> {
    let mut packet = [0; PACKET];
    let mut control = nix::cmsg_space!(libc::c_int);
    let (length, from, hop_limit) = {
        let mut parts = [IoSliceMut::new(&mut packet)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let received = recvmsg::<SockaddrIn6>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
        let limits = received.cmsgs()?.find_map(|message| match message {
            ControlMessageOwned::Ipv6HopLimit(limit) => u8::try_from(limit).ok(),
            _ => None,
        });
        (received.bytes, received.address, limits)
    };
    let (Some(from), Some(hop_limit)) = (from, hop_limit) else {
        return Ok(Err("nothing says whence it came"));
    };
    Ok(advert::parse(packet.get(..length).unwrap_or_default(), from.ip(), hop_limit))
}
