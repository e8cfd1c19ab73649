//! What a captured frame is, also inside VXLAN.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bgp::types::Mac;

/// UDP port of VXLAN (RFC 7348).
const VXLAN_PORT: u16 = 4789;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// An Ethernet frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// From this MAC.
    pub source: Mac,
    /// To this MAC.
    pub destination: Mac,
    /// What it carries.
    pub payload: Payload,
}

/// What a frame carries, as far as a lab wants to tell apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// An ARP request.
    ArpRequest {
        /// Who asks.
        sender: Ipv4Addr,
        /// About this address.
        target: Ipv4Addr,
    },
    /// An ARP reply.
    ArpReply {
        /// Who answers.
        sender: Ipv4Addr,
    },
    /// A neighbour solicitation or advertisement (RFC 4861).
    NeighborDiscovery {
        /// Its ICMPv6 type: 135 or 136.
        kind: u8,
        /// Whom it is about.
        target: Ipv6Addr,
    },
    /// An ICMP or ICMPv6 message of another kind.
    Icmp {
        /// From.
        source: IpAddr,
        /// To.
        destination: IpAddr,
    },
    /// BGP, by its TCP port 179.
    Bgp(Segment),
    /// A frame inside VXLAN.
    Vxlan(Box<Inner>),
    /// Anything else.
    Other,
}

/// A part of a TCP connection's octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// From.
    pub source: SocketAddr,
    /// To.
    pub destination: SocketAddr,
    /// Where in the stream the octets stand.
    pub sequence: u32,
    /// Whether the stream begins here (SYN).
    pub begins: bool,
    /// The octets.
    pub octets: Vec<u8>,
}

/// A frame inside VXLAN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inner {
    /// The tunnel's sending end.
    pub from: IpAddr,
    /// The tunnel's receiving end.
    pub to: IpAddr,
    /// The network.
    pub vni: u32,
    /// The frame.
    pub frame: Frame,
}

impl Frame {
    /// Reads a frame; `None` where it is too short to be one.
    pub fn parse(bytes: &[u8]) -> Option<Frame> {
        let mut read = Reader(bytes);
        let destination = Mac(read.array()?);
        let source = Mac(read.array()?);
        let payload = match u16::from_be_bytes(read.array()?) {
            0x0806 => arp(read),
            0x0800 => ipv4(read),
            0x86dd => ipv6(read),
            _ => None,
        };
        Some(Frame { source, destination, payload: payload.unwrap_or(Payload::Other) })
    }

    /// The frame inside VXLAN, where there is one.
    pub fn inner(&self) -> Option<&Inner> {
        match &self.payload {
            Payload::Vxlan(inner) => Some(inner),
            _ => None,
        }
    }

    /// Whether it asks or answers who has an address: ARP, or neighbour discovery.
    pub fn resolves_address(&self) -> bool {
        matches!(
            self.payload,
            Payload::ArpRequest { .. } | Payload::ArpReply { .. } | Payload::NeighborDiscovery { .. }
        )
    }
}

fn arp(mut read: Reader<'_>) -> Option<Payload> {
    read.skip(6)?;
    let operation = u16::from_be_bytes(read.array()?);
    read.skip(6)?;
    let sender = Ipv4Addr::from(read.array::<4>()?);
    read.skip(6)?;
    let target = Ipv4Addr::from(read.array::<4>()?);
    Some(match operation {
        1 => Payload::ArpRequest { sender, target },
        2 => Payload::ArpReply { sender },
        _ => Payload::Other,
    })
}

fn ipv4(mut read: Reader<'_>) -> Option<Payload> {
    let [version_and_length] = read.array()?;
    let options = usize::from(version_and_length & 0x0f).checked_sub(5)? * 4;
    read.skip(8)?;
    let [protocol] = read.array()?;
    read.skip(2)?;
    let source = Ipv4Addr::from(read.array::<4>()?);
    let destination = Ipv4Addr::from(read.array::<4>()?);
    read.skip(options)?;
    transport(protocol, source.into(), destination.into(), read)
}

fn ipv6(mut read: Reader<'_>) -> Option<Payload> {
    read.skip(6)?;
    let [next_header, _hop_limit] = read.array()?;
    let source = Ipv6Addr::from(read.array::<16>()?);
    let destination = Ipv6Addr::from(read.array::<16>()?);
    transport(next_header, source.into(), destination.into(), read)
}

fn transport(protocol: u8, source: IpAddr, destination: IpAddr, mut read: Reader<'_>) -> Option<Payload> {
    match protocol {
        ICMP => Some(Payload::Icmp { source, destination }),
        ICMPV6 => neighbor_discovery(read).or(Some(Payload::Icmp { source, destination })),
        TCP => bgp(source, destination, read).map(Payload::Bgp),
        UDP => {
            read.skip(2)?;
            (u16::from_be_bytes(read.array()?) == VXLAN_PORT).then_some(())?;
            read.skip(4)?;
            vxlan(source, destination, read)
        }
        _ => None,
    }
}

/// ```text
/// ports 2 2 | sequence 4 | acknowledgement 4 | length in words of 4, flags 2 | window 2 | ... | octets
/// ```
fn bgp(source: IpAddr, destination: IpAddr, mut read: Reader<'_>) -> Option<Segment> {
    let ports: [u16; 2] = [u16::from_be_bytes(read.array()?), u16::from_be_bytes(read.array()?)];
    ports.contains(&179).then_some(())?;
    let sequence = u32::from_be_bytes(read.array()?);
    read.skip(4)?;
    let [length, flags] = read.array()?;
    // The header's other octets: window, checksum, urgent pointer and options.
    read.skip((usize::from(length >> 4) * 4).checked_sub(14)?)?;
    Some(Segment {
        source: SocketAddr::new(source, ports[0]),
        destination: SocketAddr::new(destination, ports[1]),
        sequence,
        begins: flags & 0x02 != 0,
        octets: read.0.to_vec(),
    })
}

fn neighbor_discovery(mut read: Reader<'_>) -> Option<Payload> {
    let [kind] = read.array()?;
    matches!(kind, 135 | 136).then_some(())?;
    read.skip(7)?;
    Some(Payload::NeighborDiscovery { kind, target: Ipv6Addr::from(read.array::<16>()?) })
}

/// ```text
/// flags 1 | reserved 3 | VNI 3 | reserved 1 | the inner frame
/// ```
fn vxlan(from: IpAddr, to: IpAddr, mut read: Reader<'_>) -> Option<Payload> {
    read.skip(4)?;
    let [a, b, c, _reserved] = read.array()?;
    let vni = u32::from_be_bytes([0, a, b, c]);
    Some(Payload::Vxlan(Box::new(Inner { from, to, vni, frame: Frame::parse(read.0)? })))
}

/// Bytes taken from the front.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.0 = self.0.get(count..)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A gratuitous ARP in VXLAN: outer Ethernet, IPv4, UDP 4789, VNI 100, inner Ethernet, ARP.
    const ARP_IN_VXLAN: &[u8] = b"\x02\0\0\0\0\x0a\x02\0\0\0\0\x0b\x08\0\
        \x45\0\0\x4e\0\0\0\0\x40\x11\0\0\x0a\0\0\x01\x0a\0\0\x02\
        \xc0\0\x12\xb5\0\x3a\0\0\
        \x08\0\0\0\0\0\x64\0\
        \xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06\
        \0\x01\x08\0\x06\x04\0\x01\x02\0\0\0\0\x01\xc0\xa8\x64\x01\0\0\0\0\0\0\xc0\xa8\x64\x01";

    #[test]
    fn looks_inside_vxlan() {
        let frame = Frame::parse(ARP_IN_VXLAN).unwrap();
        let inner = frame.inner().unwrap();
        assert_eq!((inner.from, inner.to), ([10, 0, 0, 1].into(), [10, 0, 0, 2].into()));
        assert_eq!(inner.vni, 100);
        assert_eq!(inner.frame.source, Mac([2, 0, 0, 0, 0, 1]));
        assert!(inner.frame.resolves_address());
        assert!(!frame.resolves_address());
    }

    #[test]
    fn a_frame_cut_anywhere_is_no_panic() {
        for length in 0..ARP_IN_VXLAN.len() {
            let frame = Frame::parse(&ARP_IN_VXLAN[..length]);
            assert_eq!(frame.is_some(), length >= 14, "{length} octets");
        }
    }
}
