//! Socket options for which neither the standard library nor socket2 has a word: who must sign the segments of a
//! connection (TCP-MD5, TCP-AO), from how far away they may come, what of ICMPv6 is heard, and packet sockets.
//!
//! The daemon's one place with unsafe code. Each option's structure comes from the kernel's own headers
//! (`linux-raw-sys`); a file each says what goes into it.

mod ao;
mod hops;
mod icmp;
mod md5;
mod packet;
mod signing;
mod storage;

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use socket2::Socket;
use tokio::io::unix::AsyncFd;

pub(super) use ao::is_supported as has_tcp_ao;
pub(super) use hops::{set_hops, set_ttl};
pub(super) use icmp::hear_only;
pub(super) use packet::{bind_packet, frames_missed, ignore_outgoing, packet_address};
pub(super) use signing::{End, sign};

/// What owns a descriptor that tokio has no type for, and gives the same one as long as it lives.
pub(super) trait Owner: AsRawFd {}

impl Owner for Socket {}
impl Owner for OwnedFd {}

/// To wait for what tokio has no type for. To be called within a runtime.
#[expect(unsafe_code, reason = "tokio has the caller answer for the descriptor's staying open")]
pub(super) fn waitable<T: Owner>(owner: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: an `Owner`'s descriptor stays open, and the same, as long as it lives.
    Ok(unsafe { AsyncFd::register(owner) }?)
}

/// Sets an option that takes a `T`, one of the kernel's structures or a number.
#[expect(unsafe_code, reason = "no safe wrapper at hand knows these options")]
fn set<T: Copy>(socket: BorrowedFd<'_>, level: libc::c_int, option: u32, value: &T) -> io::Result<()> {
    let option = libc::c_int::try_from(option).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open for as long as it is borrowed; pointer and length describe `value`, which is
    // borrowed for the call, and the kernel only reads it. No `T` used here holds a pointer.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
