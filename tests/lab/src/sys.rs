//! The system calls that the standard library has no word for, each behind a safe function.
//!
//! All unsafe code of the lab is here. None of these functions keeps a pointer past the call.
#![expect(unsafe_code, reason = "system calls that std, socket2 and netlink-sys do not wrap")]

use std::ffi::CStr;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use socket2::{SockAddr, SockAddrStorage, Socket};

/// Gives the calling thread namespaces of its own; `flags` are `CLONE_NEW*`, or `CLONE_FS`.
pub(crate) fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: takes no pointers.
    check(unsafe { libc::unshare(flags) })
}

/// Moves the calling thread into the namespace behind `fd`.
pub(crate) fn setns(fd: BorrowedFd<'_>, kind: libc::c_int) -> io::Result<()> {
    // SAFETY: takes no pointers, and the descriptor is open for the call.
    check(unsafe { libc::setns(fd.as_raw_fd(), kind) })
}

/// Mounts an empty tmpfs on `target`.
pub(crate) fn mount_tmpfs(target: &CStr) -> io::Result<()> {
    // SAFETY: all pointers are NUL-terminated strings that live through the call; no data is passed.
    check(unsafe {
        libc::mount(c"lab".as_ptr(), target.as_ptr(), c"tmpfs".as_ptr(), 0, c"mode=0755".as_ptr().cast())
    })
}

/// Keeps mounts of this mount namespace from reaching the one it was copied from.
pub(crate) fn make_mounts_private() -> io::Result<()> {
    let flags = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: the target is a NUL-terminated string; the other pointers may be null with these flags.
    check(unsafe { libc::mount(std::ptr::null(), c"/".as_ptr(), std::ptr::null(), flags, std::ptr::null()) })
}

/// Sends `signal` to the process `pid`.
pub(crate) fn kill(pid: u32, signal: libc::c_int) -> io::Result<()> {
    let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
    // SAFETY: takes no pointers.
    check(unsafe { libc::kill(pid, signal) })
}

/// The numbers of the user and group we act as.
pub(crate) fn effective_ids() -> (u32, u32) {
    // SAFETY: these calls have no arguments and cannot fail.
    unsafe { (libc::geteuid(), libc::getegid()) }
}

/// Has `command`'s process join these namespaces (descriptor and kind) before it runs the program.
///
/// The descriptors must stay open until the command has been spawned.
pub(crate) fn join_before_exec(command: &mut Command, namespaces: Vec<(RawFd, libc::c_int)>) {
    let join = move || {
        for &(fd, kind) in &namespaces {
            // SAFETY: setns takes no pointers and may be called between fork and exec.
            check(unsafe { libc::setns(fd, kind) })?;
        }
        Ok(())
    };
    // SAFETY: the closure only makes system calls: it neither allocates nor takes a lock.
    unsafe { command.pre_exec(join) };
}

/// Has the kernel kill `command`'s process when the THREAD that spawned it ends.
pub(crate) fn die_with_parent(command: &mut Command) {
    // SAFETY: prctl with PR_SET_PDEATHSIG takes no pointers and may be called between fork and exec.
    unsafe { command.pre_exec(|| check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))) };
}

/// The address that binds a packet socket to the interface `index` for frames of type `protocol`.
pub(crate) fn packet_address(index: u32, protocol: u16) -> io::Result<SockAddr> {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: sockaddr_ll is one of the platform's sockaddr types and fits the storage.
    let address: &mut libc::sockaddr_ll = unsafe { storage.view_as() };
    address.sll_family = libc::AF_PACKET as libc::sa_family_t;
    address.sll_protocol = protocol.to_be();
    address.sll_ifindex = i32::try_from(index).map_err(io::Error::other)?;
    // SAFETY: the storage was filled in as a sockaddr_ll, whose length this is.
    Ok(unsafe { SockAddr::new(storage, size_of::<libc::sockaddr_ll>() as libc::socklen_t) })
}

/// How many frames a packet socket had no room for since this was asked last (packet(7), PACKET_STATISTICS).
pub(crate) fn packets_missed(socket: &Socket) -> io::Result<u32> {
    let mut statistics = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
    let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
    let value = std::ptr::from_mut(&mut statistics).cast();
    // SAFETY: the kernel writes at most `length` octets, the size of the struct, which outlives the call.
    check(unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS, value, &mut length)
    })?;
    Ok(statistics.tp_drops)
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sets a TCP option to nothing, to see whether the kernel knows it.
///
/// # Errors
/// `ENOPROTOOPT` if it does not; else whatever it thinks of nothing.
pub(crate) fn probe_tcp_option(socket: BorrowedFd<'_>, option: libc::c_int) -> io::Result<()> {
    let nothing = [0_u8; 64];
    // SAFETY: the kernel reads no more than the length given, from memory that outlives the call.
    let answer = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            option,
            nothing.as_ptr().cast(),
            nothing.len() as libc::socklen_t,
        )
    };
    check(answer)
}
