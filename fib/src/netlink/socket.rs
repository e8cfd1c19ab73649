//! The one socket for requests, their answers and notifications.

use std::io;
use std::os::fd::AsRawFd;

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

/// Room for some tens of thousands of notifications, which the kernel accounts with about 1 KiB each. Only
/// filled while nobody reads.
const RECEIVE_BUFFER: libc::c_int = 32 << 20;
/// Without the right to force it, the system's limit applies: this is its usual default.
const MODEST_RECEIVE_BUFFER: libc::c_int = 208 << 10;

const GROUP_LINK: u32 = 1;
const GROUP_NEIGH: u32 = 3;

/// Opens the socket in the calling thread's network namespace.
///
/// Strict checking makes the kernel honour the filters of dumps. Errors come with the kernel's own words, and
/// without a copy of what they are about.
pub(super) fn open() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    if force_receive_buffer(&socket, RECEIVE_BUFFER).is_err() {
        socket.set_rx_buf_sz(MODEST_RECEIVE_BUFFER)?;
    }
    socket.set_cap_ack(true)?;
    socket.set_ext_ack(true)?;
    socket.set_netlink_get_strict_chk(true)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.add_membership(GROUP_LINK)?;
    socket.add_membership(GROUP_NEIGH)?;
    Ok(socket)
}

/// Sets the receive buffer beyond the system's limit, for which `CAP_NET_ADMIN` is needed.
#[expect(unsafe_code, reason = "no safe wrapper at hand knows SO_RCVBUFFORCE")]
fn force_receive_buffer(socket: &Socket, size: libc::c_int) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as `socket` is borrowed, and the pointer and the length
    // describe `size`, which lives on this frame.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVBUFFORCE,
            (&raw const size).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
