//! Who signs: the change from one way of authentication to another, on a socket.

use std::io;
use std::os::fd::BorrowedFd;

use ipnet::IpNet;

use crate::config::{AoKey, Authentication};

use super::{ao, md5};

/// What a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::daemon) enum End {
    /// It listens: its keys are for connections to come, and for the peers of a range perhaps.
    Listener,
    /// It is one connection, or will be.
    Connection,
}

/// Has the segments from and to `peer` signed as `to` says, on a socket on which they were signed as `from`
/// says. Segments that are not are dropped by the kernel; nobody is told.
///
/// # Errors
/// `ENOPROTOOPT` where the kernel has no such signature. On a connection that stands, TCP-AO can change its
/// keys, but neither begin nor end.
pub(in crate::daemon) fn sign(
    socket: BorrowedFd<'_>,
    end: End,
    peer: IpNet,
    from: &Authentication,
    to: &Authentication,
) -> io::Result<()> {
    if let (Authentication::Ao(old), Authentication::Ao(new)) = (from, to) {
        return renew(socket, end, peer, old, new);
    }
    match (from, to) {
        (Authentication::Ao(old), _) => {
            old.iter().try_for_each(|key| gone(ao::delete_key(socket, peer, key, None)))?;
        }
        // A key takes the place of another.
        (Authentication::Md5(_), Authentication::Md5(_)) | (Authentication::None, _) => {}
        (Authentication::Md5(_), _) => gone(md5::set_key(socket, peer, &[]))?,
    }
    match to {
        Authentication::None => Ok(()),
        Authentication::Md5(secret) => md5::set_key(socket, peer, secret.octets()),
        Authentication::Ao(keys) => renew(socket, end, peer, &[], keys),
    }
}

/// New keys come before old ones go: what is under way stays signed by a key that both ends have.
fn renew(socket: BorrowedFd<'_>, end: End, peer: IpNet, old: &[AoKey], new: &[AoKey]) -> io::Result<()> {
    // The same ids with another secret are another key, and cannot stand beside the former.
    let replaced = |key: &AoKey| new.iter().any(|n| n.ids() == key.ids() && n != key);
    let kept = |key: &AoKey| new.contains(key);
    for key in old.iter().filter(|key| replaced(key)) {
        gone(ao::delete_key(socket, peer, key, None))?;
    }
    for (place, key) in new.iter().enumerate().filter(|(_, key)| !old.contains(key)) {
        ao::add_key(socket, peer, key, place == 0 && end == End::Connection)?;
    }
    let successor = new.first().filter(|_| end == End::Connection);
    for key in old.iter().filter(|key| !replaced(key) && !kept(key)) {
        gone(ao::delete_key(socket, peer, key, successor))?;
    }
    Ok(())
}

/// What is not there need not be taken away.
fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        other => other,
    }
}
