//! The one socket for requests, their answers and notifications.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Room for some tens of thousands of notifications: the kernel doubles it and accounts each with nearly 1 KiB.
/// Only filled while nobody reads.
const RECEIVE_BUFFER: libc::c_int = 16 << 20;
/// Without the right to force it, the system's limit applies: this is its usual default.
const MODEST_RECEIVE_BUFFER: libc::c_int = 208 << 10;

// Multicast groups, `RTNLGRP_*`.
pub(super) const GROUP_LINK: u32 = 1;
pub(super) const GROUP_NEIGH: u32 = 3;
pub(super) const GROUP_IPV4_ADDRESS: u32 = 5;
pub(super) const GROUP_IPV6_ADDRESS: u32 = 9;

/// Opens a socket in the calling thread's network namespace. It hears of these `groups`, and of what a `filter` lets
/// pass, whose program depends on the socket's port id.
///
/// Strict checking makes the kernel honour the filters of dumps. Errors come with the kernel's own words, and
/// without a copy of what they are about.
pub(super) fn open<const STEPS: usize>(
    groups: &[u32],
    filter: impl FnOnce(u32) -> [libc::sock_filter; STEPS],
) -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    make_room(&mut socket)?;
    socket.set_cap_ack(true)?;
    socket.set_ext_ack(true)?;
    socket.set_netlink_get_strict_chk(true)?;
    let address = socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    attach(&socket, filter(address.port_number()))?;
    groups.iter().try_for_each(|group| socket.add_membership(*group))?;
    Ok(socket)
}

/// Gives it room for what comes while nobody reads.
fn make_room(socket: &mut Socket) -> io::Result<()> {
    match set(socket, libc::SO_RCVBUFFORCE, &RECEIVE_BUFFER) {
        Ok(()) => Ok(()),
        Err(_) => socket.set_rx_buf_sz(MODEST_RECEIVE_BUFFER),
    }
}

/// A socket that stays open for as long as it is borrowed.
#[derive(Debug)]
pub(super) struct Borrowed<'a>(&'a Socket);

impl AsRawFd for Borrowed<'_> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// To wait until there is something to read. To be called in the runtime that will do the waiting.
#[expect(unsafe_code, reason = "tokio has the caller answer for the descriptor's staying open")]
pub(super) fn readiness(socket: &Socket) -> io::Result<AsyncFd<Borrowed<'_>>> {
    // SAFETY: `Borrowed` always gives the same descriptor, and the borrow keeps it open.
    let registered = unsafe { AsyncFd::register_with_interest(Borrowed(socket), Interest::READABLE) };
    Ok(registered?)
}

/// Attaches a filter.
fn attach<const STEPS: usize>(socket: &Socket, mut program: [libc::sock_filter; STEPS]) -> io::Result<()> {
    let whole = libc::sock_fprog { len: program.len() as libc::c_ushort, filter: program.as_mut_ptr() };
    set(socket, libc::SO_ATTACH_FILTER, &whole)
}

/// Sets a socket option that takes a `T`.
#[expect(unsafe_code, reason = "no safe wrapper at hand knows these options")]
fn set<T>(socket: &Socket, option: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as `socket` is borrowed; the pointer and the length describe
    // `value`, which is borrowed too. What a value points to lives on its maker's frame.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
