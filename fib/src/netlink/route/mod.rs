//! Routes as the kernel's messages (`RTM_NEWROUTE` and its kin), both ways.
//!
//! ```text
//! family u8 | length of destination u8 | of source u8 | tos u8 | table u8 | protocol u8 | scope u8 | type u8 | flags u32 | attributes
//! one of several ways:  length u16 | flags u8 | weight u8 | device u32 | attributes | padding to 4
//! ```
//! Written by hand because this is the hot path: a full table is a hundred thousand of these messages.

mod read;
mod write;

pub(super) use self::read::parse;
pub(super) use self::write::put;

pub(super) const NEW: u16 = 24;
pub(super) const DELETE: u16 = 25;
const GET: u16 = 26;

const HEADER: usize = 12;
/// Where the attributes of one of several ways begin.
const WAY_HEADER: usize = 8;

// Attributes, `RTA_*`.
const DESTINATION: u16 = 1;
const DEVICE: u16 = 4;
const GATEWAY: u16 = 5;
const PRIORITY: u16 = 6;
const MULTIPATH: u16 = 9;
const TABLE: u16 = 15;
/// A gateway of another family: that family (two octets), and the address (RFC 8950).
const VIA: u16 = 18;

/// `RTNH_F_ONLINK`, in the flags of a route with one way, and of each of several.
const ONLINK: u8 = 4;
/// `RTM_F_CLONED`: what the kernel has learnt about one destination, and no route.
const CLONED: u32 = 0x200;
