//! The clock that everything is timed by, and the few system calls for which std has no word.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

unsafe extern "C" {
    fn socket(domain: i32, kind: i32, protocol: i32) -> i32;
    fn bind(fd: i32, address: *const u8, length: u32) -> i32;
    fn connect(fd: i32, address: *const u8, length: u32) -> i32;
    fn setsockopt(fd: i32, level: i32, name: i32, value: *const i32, length: u32) -> i32;
    fn send(fd: i32, octets: *const u8, length: usize, flags: i32) -> isize;
    fn recv(fd: i32, octets: *mut u8, length: usize, flags: i32) -> isize;
    fn setns(fd: i32, kind: i32) -> i32;
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
    fn if_nametoindex(name: *const u8) -> u32;
}

pub const AF_INET: i32 = 2;
pub const AF_NETLINK: i32 = 16;
pub const AF_PACKET: i32 = 17;
pub const SOCK_STREAM: i32 = 1;
pub const SOCK_RAW: i32 = 3;
pub const SOCK_CLOEXEC: i32 = 0o2_000_000;
pub const SOL_SOCKET: i32 = 1;
pub const SOL_TCP: i32 = 6;
pub const SOL_NETLINK: i32 = 270;
pub const SO_REUSEADDR: i32 = 2;
pub const SO_SNDBUFFORCE: i32 = 32;
pub const SO_RCVBUFFORCE: i32 = 33;
pub const TCP_NODELAY: i32 = 1;
pub const MSG_DONTWAIT: i32 = 0x40;
pub const EINTR: i32 = 4;
pub const EAGAIN: i32 = 11;
pub const ENOBUFS: i32 = 105;

const CLOCK_MONOTONIC: i32 = 1;
const CLOCK_THREAD_CPUTIME_ID: i32 = 3;
const CLONE_NEWNET: i32 = 0x4000_0000;

/// Nanoseconds of CLOCK_MONOTONIC, which is also what Python's time.monotonic_ns() tells.
pub fn now() -> u64 {
    let Timespec { seconds, nanoseconds } = read(CLOCK_MONOTONIC);
    seconds as u64 * 1_000_000_000 + nanoseconds as u64
}

/// Seconds that this thread has computed for.
pub fn thread_cpu() -> f64 {
    let Timespec { seconds, nanoseconds } = read(CLOCK_THREAD_CPUTIME_ID);
    seconds as f64 + nanoseconds as f64 / 1e9
}

fn read(clock: i32) -> Timespec {
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: the kernel writes one timespec, and there is one.
    unsafe { clock_gettime(clock, &mut time) };
    time
}

/// Moves this thread into a network namespace; without a name it stays.
pub fn enter(namespace: &str) {
    if namespace.is_empty() {
        return;
    }
    let file = File::open(format!("/run/netns/{namespace}")).expect("a network namespace");
    // SAFETY: two numbers.
    assert_eq!(unsafe { setns(file.as_raw_fd(), CLONE_NEWNET) }, 0, "setns {namespace}");
}

/// The index of a device in this thread's namespace; 0 for none.
pub fn index_of(device: &str) -> u32 {
    let name = format!("{device}\0");
    // SAFETY: a string that ends with a zero.
    unsafe { if_nametoindex(name.as_ptr()) }
}

/// A socket of this thread's namespace.
pub struct Socket(OwnedFd);

impl Socket {
    pub fn new(domain: i32, kind: i32) -> Socket {
        // SAFETY: numbers in, and a descriptor out that nobody else has.
        let fd = unsafe { socket(domain, kind, 0) };
        assert!(fd >= 0, "socket: errno {}", errno());
        Socket(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    pub fn set(&self, level: i32, name: i32, value: i32) {
        // SAFETY: the option is an int, and so is the value.
        unsafe { setsockopt(self.0.as_raw_fd(), level, name, &value, 4) };
    }

    pub fn bind(&self, address: &[u8]) -> Result<(), i32> {
        // SAFETY: the length is that of the address.
        let result = unsafe { bind(self.0.as_raw_fd(), address.as_ptr(), address.len() as u32) };
        if result == 0 { Ok(()) } else { Err(errno()) }
    }

    pub fn connect(&self, address: &[u8]) -> Result<(), i32> {
        // SAFETY: as above.
        let result = unsafe { connect(self.0.as_raw_fd(), address.as_ptr(), address.len() as u32) };
        if result == 0 { Ok(()) } else { Err(errno()) }
    }

    pub fn send(&self, octets: &[u8]) -> Result<(), i32> {
        // SAFETY: the kernel reads no more than there is.
        let sent = unsafe { send(self.0.as_raw_fd(), octets.as_ptr(), octets.len(), 0) };
        if sent >= 0 { Ok(()) } else { Err(errno()) }
    }

    pub fn receive(&self, into: &mut [u8], flags: i32) -> Result<usize, i32> {
        // SAFETY: the kernel writes no more than there is room for.
        let length = unsafe { recv(self.0.as_raw_fd(), into.as_mut_ptr(), into.len(), flags) };
        if length >= 0 { Ok(length as usize) } else { Err(errno()) }
    }
}

impl From<Socket> for OwnedFd {
    fn from(socket: Socket) -> OwnedFd {
        socket.0
    }
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}
