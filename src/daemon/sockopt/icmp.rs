//! Which ICMPv6 messages a raw socket is to hear (RFC 3542 section 3.2).

use std::io;
use std::os::fd::BorrowedFd;

use super::set;

/// `ICMPV6_FILTER` (linux/icmpv6.h).
const FILTER: u32 = 1;

/// Lets these types in and no others.
pub(in crate::daemon) fn hear_only(socket: BorrowedFd<'_>, types: &[u8]) -> io::Result<()> {
    // A bit a type; one that is set keeps the type out.
    let mut filter = [u32::MAX; 8];
    for kind in types {
        if let Some(word) = filter.get_mut(usize::from(kind >> 5)) {
            *word &= !(1 << (kind & 31));
        }
    }
    set(socket, libc::IPPROTO_ICMPV6, FILTER, &filter)
}
