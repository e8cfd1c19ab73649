//! Which frames of a device a socket takes: ARP, and of IPv6 the two messages that say who has an address. All others
//! are left where they are at the cost of a few instructions, before anything is copied.

use socket2::SockFilter;

use crate::presence::frame::SNAP;

// Classic BPF (linux/bpf_common.h): loads by size from an offset, jumps, returns.
const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// What is not in the frame (linux/filter.h: `SKF_AD_OFF` and `SKF_AD_VLAN_TAG_PRESENT`).
const HAS_VLAN_TAG: u32 = (-0x1000_i32 + 48) as u32;

// Offsets in the frame.
const ETHERTYPE: u32 = 12;
const NEXT_HEADER: u32 = 14 + 6;
const ICMPV6_TYPE: u32 = 14 + 40;

const TAKE: u32 = SNAP as u32;
const LEAVE: u32 = 0;

/// The program. Frames with a VLAN tag are another network's.
pub(super) fn address_resolution() -> [SockFilter; 12] {
    [
        /*  0 */ step(LOAD_WORD, HAS_VLAN_TAG),
        /*  1 */ jump(0, 0, 9),
        /*  2 */ step(LOAD_HALF, ETHERTYPE),
        /*  3 */ jump(0x0806, 6, 0),
        /*  4 */ jump(0x86dd, 0, 6),
        /*  5 */ step(LOAD_BYTE, NEXT_HEADER),
        /*  6 */ jump(58, 0, 4),
        /*  7 */ step(LOAD_BYTE, ICMPV6_TYPE),
        /*  8 */ jump(135, 1, 0),
        /*  9 */ jump(136, 0, 1),
        /* 10 */ step(RETURN, TAKE),
        /* 11 */ step(RETURN, LEAVE),
    ]
}

fn step(code: u16, k: u32) -> SockFilter {
    SockFilter::new(code, 0, 0, k)
}

/// Skips `equal` steps if what was loaded equals `k`, `other` if not.
fn jump(k: u32, equal: u8, other: u8) -> SockFilter {
    SockFilter::new(JUMP_IF_EQUAL, equal, other, k)
}
