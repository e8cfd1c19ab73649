//! Packet sockets: whole frames of one device (packet(7)).

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use fib::IfIndex;
use socket2::{SockAddr, SockAddrStorage, Socket};

use super::set;

/// linux/if_packet.h.
const PACKET_STATISTICS: libc::c_int = 6;
const PACKET_IGNORE_OUTGOING: u32 = 23;

/// Frames of every type (linux/if_ether.h: `ETH_P_ALL`): a port's frames are the bridge's before a socket for one
/// type would get them.
const EVERY_TYPE: u16 = 3;

/// Takes the frames of a device.
pub(in crate::daemon) fn bind_packet(socket: &Socket, device: IfIndex) -> io::Result<()> {
    socket.bind(&address(device, EVERY_TYPE)?)
}

/// Where a whole frame is sent to.
pub(in crate::daemon) fn packet_address(device: IfIndex) -> io::Result<SockAddr> {
    address(device, 0)
}

/// Takes no frames that leave by the device. They are not even copied then (Linux 4.20).
pub(in crate::daemon) fn ignore_outgoing(socket: &Socket) -> io::Result<()> {
    set(socket.as_fd(), libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, &1_i32)
}

/// How many frames there was no room for since this was asked last.
#[expect(unsafe_code, reason = "no safe wrapper at hand knows this option")]
pub(in crate::daemon) fn frames_missed(socket: &Socket) -> io::Result<u32> {
    let mut statistics = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
    let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
    let value = std::ptr::from_mut(&mut statistics).cast();
    // SAFETY: the kernel writes at most `length` octets, the size of what `value` points to, which outlives the call.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_PACKET, PACKET_STATISTICS, value, &mut length)
    };
    if result == 0 { Ok(statistics.tp_drops) } else { Err(io::Error::last_os_error()) }
}

#[expect(unsafe_code, reason = "socket2 has no word for the addresses of packet sockets")]
fn address(device: IfIndex, protocol: u16) -> io::Result<SockAddr> {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: a sockaddr_ll is one of the platform's addresses and fits the storage.
    let address: &mut libc::sockaddr_ll = unsafe { storage.view_as() };
    address.sll_family = libc::AF_PACKET as libc::sa_family_t;
    address.sll_protocol = protocol.to_be();
    address.sll_ifindex = i32::try_from(device.0).map_err(io::Error::other)?;
    // SAFETY: the storage holds a sockaddr_ll, whose length this is.
    Ok(unsafe { SockAddr::new(storage, size_of::<libc::sockaddr_ll>() as libc::socklen_t) })
}
