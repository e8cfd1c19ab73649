//! What ARP and neighbour discovery say of hosts, octet by octet, and what a host is asked with.
//!
//! Frames are those of an access port, from the Ethernet header on (RFC 826, RFC 4861). Taken is what says that
//! somebody has an address, or is about to take it; of anything else, and of what is malformed, nothing is made.
//!
//! A host is asked in a way that needs no address of ours and reaches nobody but it:
//! - ARP to the host's own MAC, from the bridge's address in the host's network, as the kernel would ask; where it has
//!   none, from 0.0.0.0 (RFC 5227's probe), which some hosts leave unanswered. The answer goes to the bridge's MAC.
//! - A solicitation from the link-local address that the bridge's MAC makes (RFC 4291 appendix A), whether the bridge
//!   has it or not: one from `::` would be duplicate detection, and a host that comes up just then would give its
//!   address up. It goes to the group that the host listens to, in a frame to its own MAC (RFC 6085).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp::types::Mac;

/// Octets that are looked at: an advertisement with one option is 86.
pub const SNAP: usize = 128;

/// Both MACs and the type.
const ETHERNET: usize = 14;
const TYPE_ARP: u16 = 0x0806;
const TYPE_IPV6: u16 = 0x86dd;

const REQUEST: u16 = 1;
const REPLY: u16 = 2;

/// IPv6's own header.
const HEADER: usize = 40;
const ICMPV6: u8 = 58;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
/// Both messages up to their options: type, code, checksum, flags, target.
const MESSAGE: usize = 24;
const SOURCE_MAC: u8 = 1;
const TARGET_MAC: u8 = 2;
/// Of an advertisement's flags.
const ROUTER: u8 = 0x80;
/// A packet with less has been forwarded (RFC 4861 section 7.1).
const HOP_LIMIT: u8 = 255;

/// What a frame says of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Said {
    /// The host's.
    pub mac: Mac,
    /// Its address, or what is to be its address.
    pub ip: IpAddr,
    /// Which of the two.
    pub what: What,
}

/// Whether an address is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// The host has it.
    Has {
        /// It is, or is not, an IPv6 router; `None` where that was not said.
        router: Option<bool>,
    },
    /// The host makes sure that nobody has it, before it takes it (RFC 5227, RFC 4862).
    Takes,
}

/// Reads a frame.
pub fn parse(frame: &[u8]) -> Option<Said> {
    let payload = frame.get(ETHERNET..)?;
    let said = match u16_at(frame, 12)? {
        TYPE_ARP => arp(payload),
        TYPE_IPV6 => neighbor_discovery(payload, mac_at(frame, 6)?),
        _ => None,
    };
    said.filter(|said| said.mac.is_host() && is_hosts(said.ip))
}

/// The frame that asks `mac` whether it still has `ip`; `from` is the MAC that the answer is to go to, `sender` an address
/// of ours that an IPv4 host can answer to.
pub fn probe(from: Mac, sender: Option<Ipv4Addr>, mac: Mac, ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => arp_probe(from, sender.unwrap_or(Ipv4Addr::UNSPECIFIED), mac, ip),
        IpAddr::V6(ip) => solicitation(from, mac, ip),
    }
}

/// ```text
/// hardware 0001 | protocol 0800 | lengths 06 04 | operation 2 | sender MAC 6, IP 4 | target MAC 6, IP 4
/// ```
fn arp(packet: &[u8]) -> Option<Said> {
    let right = packet.starts_with(&[0, 1, 0x08, 0, 6, 4]);
    let operation = u16_at(packet, 6).filter(|operation| right && matches!(*operation, REQUEST | REPLY))?;
    let (mac, sender, target) = (mac_at(packet, 8)?, v4_at(packet, 14)?, v4_at(packet, 24)?);
    match (sender.is_unspecified(), operation) {
        (false, _) => Some(Said { mac, ip: sender.into(), what: What::Has { router: None } }),
        (true, REQUEST) => Some(Said { mac, ip: target.into(), what: What::Takes }),
        (true, _) => None,
    }
}

/// ```text
/// IPv6 header 40 | type 1 | code 1 | checksum 2 | flags 4 | target 16 | options: type 1, length 1 (in 8 octets), ...
/// ```
fn neighbor_discovery(packet: &[u8], ethernet_source: Mac) -> Option<Said> {
    let length = usize::from(u16_at(packet, 4)?);
    let message = packet.get(HEADER..HEADER.checked_add(length)?)?;
    let (source, destination) = (v6_at(packet, 8)?, v6_at(packet, 24)?);
    let right = packet.first()? >> 4 == 6
        && packet.get(6) == Some(&ICMPV6)
        && packet.get(7) == Some(&HOP_LIMIT)
        && message.get(1) == Some(&0)
        && checksum(source, destination, message) == 0;
    let kind = *message.first().filter(|_| right)?;
    let target = v6_at(message, 8)?;
    let options = message.get(MESSAGE..)?;
    match kind {
        SOLICITATION if source.is_unspecified() => {
            Some(Said { mac: ethernet_source, ip: target.into(), what: What::Takes })
        }
        SOLICITATION => {
            let mac = link_address(options, SOURCE_MAC)?;
            Some(Said { mac, ip: source.into(), what: What::Has { router: None } })
        }
        ADVERTISEMENT => {
            // It may be left out where the asker had it (RFC 4861 section 4.4).
            let mac = link_address(options, TARGET_MAC).unwrap_or(ethernet_source);
            let router = Some(message.get(4)? & ROUTER != 0);
            Some(Said { mac, ip: target.into(), what: What::Has { router } })
        }
        _ => None,
    }
}

fn link_address(mut options: &[u8], wanted: u8) -> Option<Mac> {
    while let [kind, length, ..] = *options {
        let length = usize::from(length) * 8;
        if kind == wanted && length == 8 {
            return mac_at(options, 2);
        }
        // One of no length would never end (RFC 4861 section 4.6).
        options = options.get(length.max(1)..).filter(|_| length > 0)?;
    }
    None
}

fn arp_probe(from: Mac, sender: Ipv4Addr, mac: Mac, ip: Ipv4Addr) -> Vec<u8> {
    let mut frame = Vec::with_capacity(42);
    frame.extend(mac.0);
    frame.extend(from.0);
    frame.extend([0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1]);
    frame.extend(from.0);
    frame.extend(sender.octets());
    frame.extend(Mac::ZERO.0);
    frame.extend(ip.octets());
    frame
}

fn solicitation(from: Mac, mac: Mac, ip: Ipv6Addr) -> Vec<u8> {
    let (source, destination) = (link_local(from), solicited_node(ip));
    let mut message = vec![SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    message.extend(ip.octets());
    message.extend([SOURCE_MAC, 1]);
    message.extend(from.0);
    let sum = checksum(source, destination, &message);
    message.splice(2..4, sum.to_be_bytes());

    let mut frame = Vec::with_capacity(ETHERNET + HEADER + message.len());
    frame.extend(mac.0);
    frame.extend(from.0);
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, message.len() as u8, ICMPV6, HOP_LIMIT]);
    frame.extend(source.octets());
    frame.extend(destination.octets());
    frame.extend(message);
    frame
}

/// The address that a MAC makes by itself (RFC 4291 appendix A).
fn link_local(mac: Mac) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0;
    let word = |high, low| u16::from_be_bytes([high, low]);
    Ipv6Addr::new(0xfe80, 0, 0, 0, word(a ^ 2, b), word(c, 0xff), word(0xfe, d), word(e, f))
}

/// The group that who has an address listens to (RFC 4291 section 2.7.1).
fn solicited_node(ip: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = ip.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | (high & 0xff), low)
}

/// The checksum of an ICMPv6 message (RFC 8200 section 8.1); 0 over one that carries the right one.
fn checksum(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> u16 {
    let addresses = source.segments().into_iter().chain(destination.segments()).map(u32::from);
    let words = message.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        [high] => u32::from(high) << 8,
        _ => 0,
    });
    let mut sum: u32 = addresses.chain(words).sum::<u32>() + message.len() as u32 + u32::from(ICMPV6);
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

/// Whether a host can have it.
fn is_hosts(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, ..] = ip.octets();
            // Of 0/8 and 240/4 nobody has any (RFC 6890).
            first != 0 && first < 240 && !ip.is_loopback() && !ip.is_multicast()
        }
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_loopback() && !ip.is_multicast(),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

fn mac_at(bytes: &[u8], at: usize) -> Option<Mac> {
    Some(Mac(bytes.get(at..)?.first_chunk().copied()?))
}

fn v4_at(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    Some(Ipv4Addr::from(bytes.get(at..)?.first_chunk::<4>().copied()?))
}

fn v6_at(bytes: &[u8], at: usize) -> Option<Ipv6Addr> {
    Some(Ipv6Addr::from(bytes.get(at..)?.first_chunk::<16>().copied()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BRIDGE: Mac = Mac([0x2e, 0xf8, 0x79, 0x36, 0x4e, 0x21]);
    const HOST: Mac = Mac([2, 0, 0, 0, 0, 0xaa]);

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        digits.chunks(2).map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap()).collect()
    }

    fn has(ip: &str, router: Option<bool>) -> Option<Said> {
        Some(Said { mac: HOST, ip: ip.parse().unwrap(), what: What::Has { router } })
    }

    /// What a Linux host answered to the two probes below.
    const ARP_ANSWER: &str = "2ef879364e21 0200000000aa 0806
        0001 0800 06 04 0002 0200000000aa c0a80005 2ef879364e21 00000000";
    const ND_ANSWER: &str = "2ef879364e21 0200000000aa 86dd
        60000000 0020 3a ff fd000000000000000000000000000005 fe800000000000002cf879fffe364e21
        88 00 271d 60000000 fd000000000000000000000000000005 0201 0200000000aa";

    #[test]
    fn answers_of_a_host_are_read() {
        assert_eq!(parse(&bytes(ARP_ANSWER)), has("192.168.0.5", None));
        assert_eq!(parse(&bytes(ND_ANSWER)), has("fd00::5", Some(false)));
    }

    #[test]
    fn probes_are_what_hosts_answered_to() {
        let arp = "0200000000aa 2ef879364e21 0806
            0001 0800 06 04 0001 2ef879364e21 00000000 000000000000 c0a80005";
        assert_eq!(probe(BRIDGE, None, HOST, "192.168.0.5".parse().unwrap()), bytes(arp));
        let from_an_address = arp.replace("00000000 000000000000", "c0a80001 000000000000");
        let sender = Some("192.168.0.1".parse().unwrap());
        assert_eq!(probe(BRIDGE, sender, HOST, "192.168.0.5".parse().unwrap()), bytes(&from_an_address));
        let solicitation = "0200000000aa 2ef879364e21 86dd
            60000000 0020 3a ff fe800000000000002cf879fffe364e21 ff0200000000000000000001ff000005
            87 00 9473 00000000 fd000000000000000000000000000005 0101 2ef879364e21";
        assert_eq!(probe(BRIDGE, sender, HOST, "fd00::5".parse().unwrap()), bytes(solicitation));
    }

    #[test]
    fn who_makes_sure_of_an_address_does_not_have_it_yet() {
        let takes = Some(Said { mac: BRIDGE, ip: "192.168.0.5".parse().unwrap(), what: What::Takes });
        assert_eq!(parse(&probe(BRIDGE, None, HOST, "192.168.0.5".parse().unwrap())), takes);
        let dad = "0200000000aa 2ef879364e21 86dd 60000000 0018 3a ff
            00000000000000000000000000000000 ff0200000000000000000001ff000005
            87 00 7d9d 00000000 fd000000000000000000000000000005";
        let takes = Some(Said { mac: BRIDGE, ip: "fd00::5".parse().unwrap(), what: What::Takes });
        assert_eq!(parse(&bytes(dad)), takes);
    }

    #[test]
    fn what_is_not_right_says_nothing() {
        let spoil = |hex: &str, at: usize, octet: u8| {
            let mut frame = bytes(hex);
            frame[at] = octet;
            parse(&frame)
        };
        for (at, octet, what) in [
            (12, 0x81, "another type"),
            (14, 9, "another hardware"),
            (21, 3, "another operation"),
            (22, 1, "a group's MAC"),
            (28, 224, "a group's address"),
            (28, 127, "a loopback address"),
        ] {
            assert_eq!(spoil(ARP_ANSWER, at, octet), None, "{what}");
        }
        for (at, octet, what) in [
            (21, 64, "forwarded"),
            (54, 134, "another message"),
            (55, 1, "another code"),
            (57, 0, "a wrong checksum"),
            (19, 0x40, "longer than it is"),
        ] {
            assert_eq!(spoil(ND_ANSWER, at, octet), None, "{what}");
        }
        assert_eq!(link_address(&[9, 0, 2, 1, 2, 3, 4, 5, 6, 7], TARGET_MAC), None, "an option of no length");
    }

    proptest! {
        #[test]
        fn anything_is_read_without_panic(frame: Vec<u8>) {
            parse(&frame);
        }

        #[test]
        fn a_spoilt_answer_is_read_without_panic(cut in 0..90_usize, at in 0..80_usize, octet: u8) {
            for whole in [ARP_ANSWER, ND_ANSWER] {
                let mut frame = bytes(whole);
                if let Some(place) = frame.get_mut(at) {
                    *place = octet;
                }
                frame.truncate(cut);
                parse(&frame);
            }
        }

        #[test]
        fn the_checksum_of_a_probe_is_right(ip: u128) {
            let ip = Ipv6Addr::from(ip);
            let frame = probe(BRIDGE, None, HOST, ip.into());
            prop_assert_eq!(checksum(link_local(BRIDGE), solicited_node(ip), &frame[54..]), 0);
        }
    }
}
