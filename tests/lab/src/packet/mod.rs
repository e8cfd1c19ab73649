//! Packets made and looked at by hand: pings, ARP, and what crosses the underlay.

mod arp;
mod capture;
mod flow;
mod frame;
mod ping;
mod stand_ins;
mod stream;

pub use arp::{ArpKind, announce, announce_as, announce_crowd, send_arp, send_as};
pub use capture::Capture;
pub use flow::{Datagram, Flow, Passage};
pub use frame::{Frame, Inner, Payload, Segment};
pub use ping::{Ping, Pinger, Reply, ping};
pub use stand_ins::StandIns;
pub use stream::{Said, said};

use std::io;

use socket2::{Domain, Protocol, Socket, Type};

use crate::netlink::Link;
use crate::sys;

const ETHERTYPE_ARP: u16 = 0x0806;
/// Frames of every type, our own among them.
const ETHERTYPE_ALL: u16 = 0x0003;

/// A socket on whole frames of the calling thread's interface `device`.
fn packet_socket(device: &str, ethertype: u16) -> io::Result<Socket> {
    let link = Link::named(device)?;
    // Protocol 0 takes nothing before the bind, so no frame of another interface gets in.
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
    socket.bind(&sys::packet_address(link.index(), ethertype)?)?;
    Ok(socket)
}

/// Whether a read ended because nothing came.
pub(crate) fn timed_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
