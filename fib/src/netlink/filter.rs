//! What the kernel need not tell us: the echo of our own writing.
//!
//! A burst of remote hosts would come back as two notifications each, and reading them costs as much as writing
//! did. `Fib` knows what an accepted op makes of a row. So a filter on the socket drops a VXLAN device's new rows that
//! carry our mark, a bridge's that carry a control plane's (they have no room for ours), and new neighbours that we
//! wrote ourselves. Dumps, answers, rows that go away, another control plane's rows of a VXLAN device, and rows that
//! traffic or an operator changes all pass: taking a row over takes the mark from it.
//!
//! Of routes the kernel says who wrote and who deleted them, so both echoes are dropped.

use super::neigh::{AF_BRIDGE, EXT_LEARNED, NEW, SELF};
use super::route;
use crate::config;

// Offsets in the datagram: the message's header, then the row's.
const TYPE: u32 = 4;
const FLAGS: u32 = 6;
const PORT_ID: u32 = 12;
const FAMILY: u32 = 16;
/// The upper octet of the row's state, where our mark is.
const MARK: u32 = if cfg!(target_endian = "little") { 25 } else { 24 };
const ROW_FLAGS: u32 = 26;

/// `NLM_F_MULTI`: part of a dump.
const MULTI: u16 = 0x2;

// Classic BPF (linux/bpf_common.h): loads by size from an offset, jumps, returns.
const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_ANY: u16 = 0x45;
const RETURN: u16 = 0x06;

const PASS: u32 = u32::MAX;
const DROP: u32 = 0;

/// The program that drops the echo of rows, for a socket with this port id.
pub(super) fn own_rows(port_id: u32) -> [libc::sock_filter; 15] {
    [
        /*  0 */ step(LOAD_HALF, TYPE),
        /*  1 */ jump(JUMP_IF_EQUAL, half(NEW), 0, 11),
        /*  2 */ step(LOAD_HALF, FLAGS),
        /*  3 */ jump(JUMP_IF_ANY, half(MULTI), 9, 0),
        /*  4 */ step(LOAD_BYTE, FAMILY),
        /*  5 */ jump(JUMP_IF_EQUAL, u32::from(AF_BRIDGE), 0, 5),
        /*  6 */ step(LOAD_BYTE, ROW_FLAGS),
        /*  7 */ jump(JUMP_IF_ANY, u32::from(EXT_LEARNED), 0, 3),
        /*  8 */ jump(JUMP_IF_ANY, u32::from(SELF), 0, 5),
        /*  9 */ step(LOAD_BYTE, MARK),
        /* 10 */ jump(JUMP_IF_EQUAL, u32::from(config::PROTOCOL), 3, 2),
        /* 11 */ step(LOAD_WORD, PORT_ID),
        /* 12 */ jump(JUMP_IF_EQUAL, port_id.to_be(), 1, 0),
        /* 13 */ step(RETURN, PASS),
        /* 14 */ step(RETURN, DROP),
    ]
}

/// The program that drops the echo of routes, for a socket with this port id.
pub(super) fn own_routes(port_id: u32) -> [libc::sock_filter; 9] {
    [
        /* 0 */ step(LOAD_HALF, TYPE),
        /* 1 */ jump(JUMP_IF_EQUAL, half(route::NEW), 1, 0),
        /* 2 */ jump(JUMP_IF_EQUAL, half(route::DELETE), 0, 4),
        /* 3 */ step(LOAD_HALF, FLAGS),
        /* 4 */ jump(JUMP_IF_ANY, half(MULTI), 2, 0),
        /* 5 */ step(LOAD_WORD, PORT_ID),
        /* 6 */ jump(JUMP_IF_EQUAL, port_id.to_be(), 1, 0),
        /* 7 */ step(RETURN, PASS),
        /* 8 */ step(RETURN, DROP),
    ]
}

/// The program that drops both echoes, for a socket with this port id.
pub(super) fn own_routes_and_rows(port_id: u32) -> [libc::sock_filter; 21] {
    [
        /*  0 */ step(LOAD_HALF, TYPE),
        /*  1 */ jump(JUMP_IF_EQUAL, half(NEW), 0, 11),
        /*  2 */ step(LOAD_HALF, FLAGS),
        /*  3 */ jump(JUMP_IF_ANY, half(MULTI), 15, 0),
        /*  4 */ step(LOAD_BYTE, FAMILY),
        /*  5 */ jump(JUMP_IF_EQUAL, u32::from(AF_BRIDGE), 0, 5),
        /*  6 */ step(LOAD_BYTE, ROW_FLAGS),
        /*  7 */ jump(JUMP_IF_ANY, u32::from(EXT_LEARNED), 0, 11),
        /*  8 */ jump(JUMP_IF_ANY, u32::from(SELF), 0, 11),
        /*  9 */ step(LOAD_BYTE, MARK),
        /* 10 */ jump(JUMP_IF_EQUAL, u32::from(config::PROTOCOL), 9, 8),
        /* 11 */ step(LOAD_WORD, PORT_ID),
        /* 12 */ jump(JUMP_IF_EQUAL, port_id.to_be(), 7, 6),
        /* 13 */ jump(JUMP_IF_EQUAL, half(route::NEW), 1, 0),
        /* 14 */ jump(JUMP_IF_EQUAL, half(route::DELETE), 0, 4),
        /* 15 */ step(LOAD_HALF, FLAGS),
        /* 16 */ jump(JUMP_IF_ANY, half(MULTI), 2, 0),
        /* 17 */ step(LOAD_WORD, PORT_ID),
        /* 18 */ jump(JUMP_IF_EQUAL, port_id.to_be(), 1, 0),
        /* 19 */ step(RETURN, PASS),
        /* 20 */ step(RETURN, DROP),
    ]
}

/// A load reads numbers as if they were in network order, and netlink's are in the host's.
fn half(number: u16) -> u32 {
    u32::from(number.to_be())
}

fn step(code: u16, k: u32) -> libc::sock_filter {
    jump(code, k, 0, 0)
}

/// Skips `jt` steps if the condition holds, `jf` if not.
fn jump(code: u16, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code, jt, jf, k }
}

#[cfg(test)]
mod tests {
    use super::super::wire::put_message;
    use super::*;

    const OWN: u32 = 4711;

    fn shift(number: u32, octet: &u8) -> u32 {
        number << 8 | u32::from(*octet)
    }

    /// What the kernel makes of the program.
    fn runs(program: &[libc::sock_filter], datagram: &[u8]) -> bool {
        let (mut accumulator, mut next) = (0, 0);
        loop {
            let libc::sock_filter { code, jt, jf, k } = program[next];
            let at = k as usize;
            let skip = |holds| usize::from(if holds { jt } else { jf });
            next += 1;
            match code {
                LOAD_WORD => accumulator = datagram[at..at + 4].iter().fold(0, shift),
                LOAD_HALF => accumulator = datagram[at..at + 2].iter().fold(0, shift),
                LOAD_BYTE => accumulator = datagram[at].into(),
                JUMP_IF_EQUAL => next += skip(accumulator == k),
                JUMP_IF_ANY => next += skip(accumulator & k != 0),
                _ => return k != DROP,
            }
        }
    }

    fn passes(datagram: &[u8]) -> bool {
        let passes = runs(&own_rows(OWN), datagram);
        assert_eq!(passes, runs(&own_routes_and_rows(OWN), datagram));
        passes
    }

    fn row(kind: u16, flags: u16, port_id: u32, family: u8, row_flags: u8) -> Vec<u8> {
        row_in_state(0, kind, flags, port_id, family, row_flags)
    }

    fn row_in_state(state: u16, kind: u16, flags: u16, port_id: u32, family: u8, row_flags: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_message(&mut bytes, kind, flags, 0, |out| {
            out.extend([family, 0, 0, 0, 9, 0, 0, 0]);
            out.extend(state.to_ne_bytes());
            out.extend([row_flags, 0]);
        });
        bytes[12..16].copy_from_slice(&port_id.to_ne_bytes());
        bytes
    }

    #[test]
    fn echoes_are_dropped_and_nothing_else() {
        const INET: u8 = 2;
        let delete = super::super::neigh::DELETE;
        let tunnel = |state| row_in_state(state, NEW, 0, 0, AF_BRIDGE, EXT_LEARNED | SELF);
        assert!(!passes(&tunnel(0x6cc0)));
        assert!(passes(&tunnel(0x00c0)), "another control plane's");
        assert!(!passes(&row(NEW, 0, 0, AF_BRIDGE, EXT_LEARNED)), "the bridge's row");
        assert!(!passes(&row(NEW, 0, OWN, INET, EXT_LEARNED)));
        assert!(passes(&row(NEW, 0, 0, AF_BRIDGE, 0)), "learnt from traffic");
        assert!(passes(&row(NEW, MULTI, OWN, AF_BRIDGE, EXT_LEARNED)), "of a dump");
        assert!(passes(&row(delete, 0, 0, AF_BRIDGE, EXT_LEARNED)), "gone");
        assert!(passes(&row(NEW, 0, 0, INET, EXT_LEARNED)), "somebody else's neighbour");
        assert!(passes(&row(NEW, MULTI, OWN, INET, EXT_LEARNED)), "of a dump");
        assert!(passes(&row(16, 0, OWN, 0, EXT_LEARNED)), "a device");
    }

    #[test]
    fn echoes_of_routes_are_dropped_and_nothing_else() {
        let passes = |kind, flags, port| {
            let datagram = row(kind, flags, port, 2, 0);
            let passes = runs(&own_routes(OWN), &datagram);
            assert_eq!(passes, runs(&own_routes_and_rows(OWN), &datagram));
            passes
        };
        for kind in [route::NEW, route::DELETE] {
            assert!(!passes(kind, 0, OWN));
            assert!(passes(kind, 0, 0), "the kernel's own doing");
            assert!(passes(kind, 0, OWN + 1), "somebody else's");
            assert!(passes(kind, MULTI, OWN), "of a dump");
        }
        assert!(passes(16, 0, OWN), "a device");
        assert!(passes(2, 0, OWN), "an answer");
    }
}
