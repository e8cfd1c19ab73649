//! Just as much of rtnetlink as is told and heard here: messages, attributes, and their numbers (linux/rtnetlink.h,
//! linux/neighbour.h).

use crate::sys::{self, Socket};

pub const NEWROUTE: u16 = 24;
pub const DELROUTE: u16 = 25;
pub const NEWNEIGH: u16 = 28;
pub const DELNEIGH: u16 = 29;

pub const RTNLGRP_NEIGH: i32 = 3;
pub const RTNLGRP_IPV4_ROUTE: i32 = 7;

pub const NDA_DST: u16 = 1;
pub const NDA_LLADDR: u16 = 2;
pub const RTA_DST: u16 = 1;
pub const RTA_OIF: u16 = 4;
pub const RTA_GATEWAY: u16 = 5;
pub const RTA_PRIORITY: u16 = 6;
pub const RTA_NH_ID: u16 = 30;

pub const AF_BRIDGE: i32 = 7;

/// Octets of `struct nlmsghdr`.
const HEADER: usize = 16;
/// Octets of `struct nlattr`.
const ATTRIBUTE: usize = 4;

const NETLINK_ADD_MEMBERSHIP: i32 = 1;

pub fn socket() -> Socket {
    Socket::new(sys::AF_NETLINK, sys::SOCK_RAW)
}

/// Hears of what these groups are for.
pub fn listen(socket: &Socket, groups: &[i32]) {
    let mut address = [0; 12];
    address[..2].copy_from_slice(&(sys::AF_NETLINK as u16).to_ne_bytes());
    socket.bind(&address).expect("a netlink socket");
    for group in groups {
        socket.set(sys::SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, *group);
    }
}

/// One message.
pub struct Message<'b> {
    pub kind: u16,
    pub body: &'b [u8],
}

impl<'b> Message<'b> {
    /// What stands behind the fixed part, which is so long.
    pub fn attributes(&self, fixed: usize) -> impl Iterator<Item = (u16, &'b [u8])> + use<'b> {
        let mut rest = self.body.get(fixed..).unwrap_or_default();
        std::iter::from_fn(move || {
            let (attribute, behind) = first(rest, ATTRIBUTE, |header| ne16(header).into())?;
            rest = behind;
            Some((ne16(&attribute[2..]), &attribute[ATTRIBUTE..]))
        })
    }
}

/// The messages of one read.
pub fn messages(octets: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = octets;
    std::iter::from_fn(move || {
        let (message, behind) = first(rest, HEADER, |header| ne32(header) as usize)?;
        rest = behind;
        Some(Message { kind: ne16(&message[4..]), body: &message[HEADER..] })
    })
}

/// What begins with its length, and what follows it on the next multiple of four octets.
fn first(octets: &[u8], header: usize, length: impl Fn(&[u8]) -> usize) -> Option<(&[u8], &[u8])> {
    let length = length(octets.get(..header)?);
    let whole = octets.get(..length).filter(|whole| whole.len() >= header)?;
    Some((whole, octets.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

fn ne16(octets: &[u8]) -> u16 {
    u16::from_ne_bytes([octets[0], octets[1]])
}

pub fn ne32(octets: &[u8]) -> u32 {
    u32::from_ne_bytes([octets[0], octets[1], octets[2], octets[3]])
}

/// Requests one behind the other, and where each begins.
#[derive(Default)]
pub struct Requests {
    octets: Vec<u8>,
    begins: Vec<usize>,
}

impl Requests {
    pub fn len(&self) -> usize {
        self.begins.len()
    }

    /// Begins one; its fixed part comes with it, its attributes next.
    pub fn begin(&mut self, kind: u16, flags: u16, fixed: &[u8]) {
        self.end();
        self.begins.push(self.octets.len());
        let sequence = self.begins.len() as u32;
        self.octets.extend_from_slice(&[0; 4]);
        self.octets.extend_from_slice(&kind.to_ne_bytes());
        self.octets.extend_from_slice(&flags.to_ne_bytes());
        self.octets.extend_from_slice(&sequence.to_ne_bytes());
        self.octets.extend_from_slice(&[0; 4]);
        self.octets.extend_from_slice(fixed);
    }

    pub fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.octets.extend_from_slice(&((ATTRIBUTE + value.len()) as u16).to_ne_bytes());
        self.octets.extend_from_slice(&kind.to_ne_bytes());
        self.octets.extend_from_slice(value);
        self.octets.resize(self.octets.len().next_multiple_of(4), 0);
    }

    /// Writes the length of the last one.
    pub fn end(&mut self) {
        if let Some(begin) = self.begins.last().copied() {
            let length = (self.octets.len() - begin) as u32;
            self.octets[begin..begin + 4].copy_from_slice(&length.to_ne_bytes());
        }
    }

    /// Those from `from` to before `to`.
    pub fn between(&self, from: usize, to: usize) -> &[u8] {
        &self.octets[self.begins[from]..self.begins.get(to).copied().unwrap_or(self.octets.len())]
    }

    /// How many from `from` on are no longer than this together; one at least.
    pub fn fitting(&self, from: usize, octets: usize) -> usize {
        let fits = |to: &usize| self.between(from, *to).len() <= octets;
        (from + 2..=self.len()).take_while(fits).last().unwrap_or(from + 1)
    }
}
