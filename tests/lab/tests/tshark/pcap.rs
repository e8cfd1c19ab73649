//! A file of packets (draft-ietf-opsawg-pcap): one message a packet, each of a connection of its own.

/// Packets begin with their IP header (LINKTYPE_RAW).
const RAW: u32 = 101;
const IPV4_HEADER: usize = 20;
const TCP_HEADER: usize = 20;

/// The file.
pub(crate) fn file(messages: &[&[u8]]) -> Vec<u8> {
    let mut file = Vec::new();
    // Magic number for microseconds, version 2.4, two words of nothing, the longest packet, the link type.
    file.extend(0xa1b2_c3d4_u32.to_be_bytes());
    file.extend([0, 2, 0, 4]);
    file.extend([0; 8]);
    file.extend(65535_u32.to_be_bytes());
    file.extend(RAW.to_be_bytes());
    for (number, message) in (1_u32..).zip(messages) {
        let packet = packet(number, message);
        let length = (packet.len() as u32).to_be_bytes();
        file.extend(number.to_be_bytes());
        file.extend([0; 4]);
        file.extend([length, length].concat());
        file.extend(packet);
    }
    file
}

/// ```text
/// IPv4: 45 0 length 2 | id 2 flags 2 | TTL TCP checksum 2 | source 4 | destination 4
/// TCP:  ports 2 2 | sequence 4 | acknowledgement 4 | words and flags 2 | window 2 | checksum 2 | urgent 2
/// ```
fn packet(number: u32, message: &[u8]) -> Vec<u8> {
    let length = (IPV4_HEADER + TCP_HEADER + message.len()) as u16;
    let port = 20000 + number as u16;
    let mut packet = vec![0x45, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    packet.extend(port.to_be_bytes());
    packet.extend(179_u16.to_be_bytes());
    packet.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    packet.extend(message);
    packet
}
