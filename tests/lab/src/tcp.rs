//! What the kernel's TCP can do, and what it has counted.

use std::os::fd::AsFd;

use anyhow::{Context, Result, ensure};
use socket2::{Domain, Socket, Type};

use crate::{Netns, sys};

/// `TCP_AO_INFO`, in Linux since 6.7.
const TCP_AO_INFO: libc::c_int = 40;

/// Why segments cannot be signed as RFC 5925 says; nothing if they can.
pub fn missing_tcp_ao() -> Option<&'static str> {
    let Ok(socket) = Socket::new(Domain::IPV4, Type::STREAM, None) else { return Some("no TCP at all") };
    let refusal = sys::probe_tcp_option(socket.as_fd(), TCP_AO_INFO).err()?;
    let is_unknown = refusal.raw_os_error() == Some(libc::ENOPROTOOPT);
    is_unknown.then_some("this kernel has no TCP-AO (CONFIG_TCP_AO)")
}

/// A counter of the namespace's TCP, as `nstat` would show it.
///
/// # Errors
/// The kernel has no such counter.
pub fn counter(netns: &Netns, name: &str) -> Result<u64> {
    let text = netns.run(|| std::fs::read_to_string("/proc/thread-self/net/netstat"))??;
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt: "));
    let (names, values) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let mut both = names.split(' ').zip(values.split(' '));
    let (_, value) = both.find(|(n, _)| *n == name).with_context(|| format!("no counter {name}"))?;
    Ok(value.parse()?)
}

/// That the namespace's TCP has counted something of that name.
///
/// # Errors
/// It has not.
pub fn has_counted(netns: &Netns, name: &str) -> Result<()> {
    ensure!(counter(netns, name)? > 0, "none counted as {name}");
    Ok(())
}
