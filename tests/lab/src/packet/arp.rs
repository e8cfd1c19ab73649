//! Frames sent by hand: ARP (RFC 826), as a pod's network start-up does, and frames that only show a MAC.

use std::io;
use std::net::Ipv4Addr;

use bgp::types::Mac;

use super::{ETHERTYPE_ARP, packet_socket};
use crate::netlink::Link;

/// Which ARP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArpKind {
    /// "Who has the target address?", broadcast.
    Request,
    /// "It is at my MAC", broadcast: the gratuitous form when both addresses are the same.
    Reply,
}

/// Announces `ip` from `device` with a gratuitous ARP request, as a pod does that has just got its address.
pub fn announce(device: &str, ip: Ipv4Addr) -> io::Result<()> {
    send_arp(device, ArpKind::Request, ip, ip)
}

/// As [`announce`], but with a MAC that need not be the device's own, as a router does for a virtual one.
pub fn announce_as(device: &str, mac: Mac, ip: Ipv4Addr) -> io::Result<()> {
    packet_socket(device, ETHERTYPE_ARP)?.send(&frame(ArpKind::Request, mac, ip, ip)).map(drop)
}

/// Broadcasts an ARP packet from `device`, from its own MAC and `sender` about `target`.
pub fn send_arp(device: &str, kind: ArpKind, sender: Ipv4Addr, target: Ipv4Addr) -> io::Result<()> {
    let mac = Link::named(device)?.mac();
    let frame = frame(kind, mac, sender, target);
    packet_socket(device, ETHERTYPE_ARP)?.send(&frame).map(drop)
}

/// Announces from `device` the addresses of hosts that are not there, each from its own MAC. What comes too fast for the
/// other side is not sent again, so a frame is given time every now and then.
pub fn announce_crowd(device: &str, hosts: impl IntoIterator<Item = (Mac, Ipv4Addr)>) -> io::Result<()> {
    const BURST: usize = 50;
    let socket = packet_socket(device, ETHERTYPE_ARP)?;
    for (n, (mac, ip)) in hosts.into_iter().enumerate() {
        socket.send(&frame(ArpKind::Request, mac, ip, ip))?;
        if n % BURST == BURST - 1 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    Ok(())
}

/// Sends a frame with nothing in it from each of `sources`, MACs that need not be the device's own, so that bridges
/// learn them. One socket serves all: closing a packet socket waits until the kernel has forgotten it.
pub fn send_as(device: &str, sources: impl IntoIterator<Item = Mac>, destination: Mac) -> io::Result<()> {
    let socket = packet_socket(device, ETHERTYPE_ARP)?;
    for source in sources {
        // IEEE 802's type for local experiments: no protocol takes it.
        let mut frame = [&destination.0[..], &source.0, &[0x88, 0xb5]].concat();
        frame.resize(60, 0);
        socket.send(&frame)?;
    }
    Ok(())
}

/// The answer to `asker`, who wants to know the MAC of `ip`.
pub(super) fn answer(mac: Mac, ip: Ipv4Addr, (asker, asked_by): (Mac, Ipv4Addr)) -> Vec<u8> {
    let head = [&asker.0[..], &mac.0, &[0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 2]].concat();
    [&head[..], &mac.0, &ip.octets(), &asker.0, &asked_by.octets()].concat()
}

/// ```text
/// dst 6 | src 6 | 0806 | htype 0001 | ptype 0800 | hlen 06 plen 04 | operation 2
///       | sender MAC 6 | sender IP 4 | target MAC 6 | target IP 4
/// ```
fn frame(kind: ArpKind, mac: Mac, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let operation = if kind == ArpKind::Request { 1 } else { 2 };
    let target_mac = if kind == ArpKind::Request { Mac::ZERO } else { mac };
    let mut frame = Vec::with_capacity(42);
    frame.extend([0xff; 6]);
    frame.extend(mac.0);
    frame.extend([0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, operation]);
    frame.extend(mac.0);
    frame.extend(sender.octets());
    frame.extend(target_mac.0);
    frame.extend(target.octets());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::frame::{Frame, Payload};

    #[test]
    fn a_request_is_read_back_as_one() {
        let bytes = frame(
            ArpKind::Request,
            Mac([2, 0, 0, 0, 0, 1]),
            Ipv4Addr::new(10, 0, 0, 1),
            Ipv4Addr::new(10, 0, 0, 2),
        );
        assert_eq!(bytes.len(), 42);
        let read = Frame::parse(&bytes).unwrap();
        let expected = Payload::ArpRequest { sender: [10, 0, 0, 1].into(), target: [10, 0, 0, 2].into() };
        assert_eq!(read.payload, expected);
    }
}
