//! TCP-MD5 (RFC 2385): `TCP_MD5SIG`, and `TCP_MD5SIG_EXT` for a range of addresses.
//!
//! Of several keys that fit, the kernel takes the one of the longest prefix. A connection that is accepted
//! takes over the listener's key for its peer, and keeps it when the listener's is changed.

use std::io;
use std::os::fd::BorrowedFd;

use ipnet::IpNet;
use linux_raw_sys::net::{
    TCP_MD5SIG, TCP_MD5SIG_EXT, TCP_MD5SIG_FLAG_PREFIX, TCP_MD5SIG_MAXKEYLEN, tcp_md5sig,
};

use super::{set, storage::storage};

/// Gives the key for segments from and to `peer`; an empty one takes it away.
pub(super) fn set_key(socket: BorrowedFd<'_>, peer: IpNet, key: &[u8]) -> io::Result<()> {
    let mut octets = [0; TCP_MD5SIG_MAXKEYLEN as usize];
    let Some(room) = octets.get_mut(..key.len()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a key longer than 80 octets"));
    };
    room.copy_from_slice(key);
    let is_range = peer.prefix_len() < peer.max_prefix_len();
    let value = tcp_md5sig {
        tcpm_addr: storage(peer.network()),
        tcpm_flags: if is_range { TCP_MD5SIG_FLAG_PREFIX as u8 } else { 0 },
        tcpm_prefixlen: if is_range { peer.prefix_len() } else { 0 },
        tcpm_keylen: key.len() as u16,
        tcpm_ifindex: 0,
        tcpm_key: octets,
    };
    set(socket, libc::IPPROTO_TCP, if is_range { TCP_MD5SIG_EXT } else { TCP_MD5SIG }, &value)
}
