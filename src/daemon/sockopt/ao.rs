//! TCP-AO (RFC 5925): `TCP_AO_ADD_KEY` and `TCP_AO_DEL_KEY`, in Linux since 6.7 where it is built with
//! `CONFIG_TCP_AO`. A key is known by its two ids and the peer it is for.
//!
//! The kernel makes the traffic keys of a connection from these (RFC 5926). Which of several keys signs what is
//! sent is for whoever connects to choose, once: later either end may ask for another (RFC 5925 section 7.5.2),
//! and the kernel follows.

use std::ffi::c_char;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use ipnet::IpNet;
use linux_raw_sys::net::{
    TCP_AO_ADD_KEY, TCP_AO_DEL_KEY, TCP_AO_INFO, TCP_AO_MAXKEYLEN, tcp_ao_add, tcp_ao_del, tcp_ao_info_opt,
};
use socket2::{Domain, Socket, Type};

use crate::config::{AoAlgorithm, AoKey};

use super::{set, storage::storage};

/// Both MACs are cut to 96 bits (RFC 5926 section 3.2).
const MAC_OCTETS: u8 = 12;

/// Whether this kernel has TCP-AO: one without it does not know the option.
pub(in crate::daemon) fn is_supported() -> bool {
    let Ok(socket) = Socket::new(Domain::IPV4, Type::STREAM, None) else { return false };
    let answer = set(socket.as_fd(), libc::IPPROTO_TCP, TCP_AO_INFO, &no_change());
    answer.err().is_none_or(|error| error.raw_os_error() != Some(libc::ENOPROTOOPT))
}

/// Adds a key for segments from and to `peer`; where it is `first`, what a new connection begins with.
pub(super) fn add_key(socket: BorrowedFd<'_>, peer: IpNet, key: &AoKey, first: bool) -> io::Result<()> {
    set(socket, libc::IPPROTO_TCP, TCP_AO_ADD_KEY, &addition(peer, key, first)?)
}

/// Takes a key away. On a connection that still signs with it the kernel refuses, unless it is told of a
/// `successor`.
pub(super) fn delete_key(
    socket: BorrowedFd<'_>,
    peer: IpNet,
    key: &AoKey,
    successor: Option<&AoKey>,
) -> io::Result<()> {
    let told = u32::from(successor.is_some());
    let (current_key, rnext) = successor.map(AoKey::ids).unwrap_or_default();
    let value = tcp_ao_del {
        addr: storage(peer.network()),
        ifindex: 0,
        _bitfield_align_1: [],
        _bitfield_1: tcp_ao_del::new_bitfield_1(told, told, 0, 0),
        reserved2: 0,
        prefix: peer.prefix_len(),
        sndid: key.send_id,
        rcvid: key.recv_id,
        current_key,
        rnext,
        keyflags: 0,
    };
    set(socket, libc::IPPROTO_TCP, TCP_AO_DEL_KEY, &value)
}

fn addition(peer: IpNet, key: &AoKey, first: bool) -> io::Result<tcp_ao_add> {
    let secret = key.secret.octets();
    let mut octets = [0; TCP_AO_MAXKEYLEN as usize];
    let Some(room) = octets.get_mut(..secret.len()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a key longer than 80 octets"));
    };
    room.copy_from_slice(secret);
    let first = u32::from(first);
    Ok(tcp_ao_add {
        addr: storage(peer.network()),
        alg_name: name(key.algorithm),
        ifindex: 0,
        _bitfield_align_1: [],
        _bitfield_1: tcp_ao_add::new_bitfield_1(first, first, 0),
        reserved2: 0,
        prefix: peer.prefix_len(),
        sndid: key.send_id,
        rcvid: key.recv_id,
        maclen: MAC_OCTETS,
        keyflags: 0,
        keylen: secret.len() as u8,
        key: octets,
    })
}

/// What the kernel's cryptography calls them.
fn name(algorithm: AoAlgorithm) -> [c_char; 64] {
    let text = match algorithm {
        AoAlgorithm::HmacSha1 => "hmac(sha1)",
        AoAlgorithm::AesCmac => "cmac(aes128)",
    };
    let mut name = [0; 64];
    for (to, from) in name.iter_mut().zip(text.bytes()) {
        *to = from as c_char;
    }
    name
}

/// Asks for nothing.
fn no_change() -> tcp_ao_info_opt {
    tcp_ao_info_opt {
        _bitfield_align_1: [],
        _bitfield_1: tcp_ao_info_opt::new_bitfield_1(0, 0, 0, 0, 0, 0),
        reserved2: 0,
        current_key: 0,
        rnext: 0,
        pkt_good: 0,
        pkt_bad: 0,
        pkt_key_not_found: 0,
        pkt_ao_required: 0,
        pkt_dropped_icmp: 0,
    }
}
