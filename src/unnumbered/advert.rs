//! Router advertisements and solicitations (RFC 4861 sections 4.1 and 4.2), behind the IPv6 header.
//!
//! ```text
//! solicitation    133 | 0 | checksum u16 | 0 u32                                                | options
//! advertisement   134 | 0 | checksum u16 | hop limit u8 | flags u8 | lifetime u16 | u32 | u32   | options
//! option          type u8 | length u8, in units of 8 octets | value
//! ```
//! Ours say that we are there, and nothing that a host on the link would act upon: with a lifetime of 0 we are
//! nobody's default router. The checksum is the kernel's to make and to check.

use std::net::Ipv6Addr;

use bgp::types::Mac;

/// ICMPv6 type of a solicitation.
pub const SOLICITATION: u8 = 133;
/// ICMPv6 type of an advertisement.
pub const ADVERTISEMENT: u8 = 134;

/// What a packet has that no router has passed on: nobody from outside the link can make one.
pub const HOP_LIMIT: u8 = 255;

/// Where options begin.
const SOLICITATION_HEADER: usize = 8;
const ADVERTISEMENT_HEADER: usize = 16;

/// The option that names the sender's link-layer address.
const SOURCE_LINK_LAYER: u8 = 1;

/// What was said on the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Somebody asks for routers.
    Solicitation,
    /// A router is there.
    Advertisement {
        /// Its link-local address.
        from: Ipv6Addr,
        /// Its MAC, where it says so.
        mac: Option<Mac>,
    },
}

/// Reads a packet.
///
/// # Errors
/// Why it is not to be used (RFC 4861 sections 6.1.1 and 6.1.2).
pub fn parse(packet: &[u8], from: Ipv6Addr, hop_limit: u8) -> Result<Message, &'static str> {
    if hop_limit != HOP_LIMIT {
        return Err("it came through a router");
    }
    let [kind, code, ..] = packet else { return Err("it has no header") };
    if *code != 0 {
        return Err("its code is not 0");
    }
    match *kind {
        SOLICITATION => {
            link_layer(packet, SOLICITATION_HEADER)?;
            Ok(Message::Solicitation)
        }
        ADVERTISEMENT if !from.is_unicast_link_local() => Err("its source is not link-local"),
        ADVERTISEMENT => Ok(Message::Advertisement { from, mac: link_layer(packet, ADVERTISEMENT_HEADER)? }),
        _ => Err("it is neither a solicitation nor an advertisement"),
    }
}

/// Our advertisement.
pub fn advertisement(mac: Mac) -> Vec<u8> {
    with_link_layer(ADVERTISEMENT, ADVERTISEMENT_HEADER, mac)
}

/// Our solicitation.
pub fn solicitation(mac: Mac) -> Vec<u8> {
    with_link_layer(SOLICITATION, SOLICITATION_HEADER, mac)
}

/// Goes through all options; the sender's link-layer address if there is one of six octets.
fn link_layer(packet: &[u8], header: usize) -> Result<Option<Mac>, &'static str> {
    let mut rest = packet.get(header..).ok_or("it is too short")?;
    let mut mac = None;
    while let [kind, units, ..] = rest {
        let length = usize::from(*units) * 8;
        if length == 0 {
            return Err("an option has no length");
        }
        let (option, further) = rest.split_at_checked(length).ok_or("an option runs past the end")?;
        if *kind == SOURCE_LINK_LAYER && length == 8 {
            mac = option.last_chunk().copied().map(Mac);
        }
        rest = further;
    }
    if rest.is_empty() { Ok(mac) } else { Err("an option runs past the end") }
}

fn with_link_layer(kind: u8, header: usize, Mac(octets): Mac) -> Vec<u8> {
    let mut packet = vec![0; header];
    if let Some(first) = packet.first_mut() {
        *first = kind;
    }
    packet.extend([SOURCE_LINK_LAYER, 1]);
    packet.extend(octets);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FROM: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    const GLOBAL: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
    const MAC: Mac = Mac([2, 0, 0, 0, 0, 7]);

    /// As FRR 8.4 sends it: interval and link-layer address are its options.
    const FRRS: [u8; 32] = [
        134, 0, 0x5a, 0x20, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // header
        7, 1, 0, 0, 0, 0, 0x27, 0x10, // advertisement interval, 10 s
        1, 1, 2, 0, 0, 0, 0, 7,
    ];

    #[test]
    fn what_is_built_is_read() {
        let built = advertisement(MAC);
        assert_eq!(built.len(), 24);
        assert_eq!(built[6..8], [0, 0], "no default router");
        assert_eq!(parse(&built, FROM, 255), Ok(Message::Advertisement { from: FROM, mac: Some(MAC) }));
        assert_eq!(parse(&solicitation(MAC), FROM, 255), Ok(Message::Solicitation));
    }

    #[test]
    fn others_options_are_passed_over() {
        assert_eq!(parse(&FRRS, FROM, 255), Ok(Message::Advertisement { from: FROM, mac: Some(MAC) }));
        let alone = parse(&FRRS[..16], FROM, 255);
        assert_eq!(alone, Ok(Message::Advertisement { from: FROM, mac: None }));
    }

    #[test]
    fn what_is_not_to_be_used() {
        let with = |at: usize, octet: u8| {
            let mut packet = FRRS.to_vec();
            packet[at] = octet;
            packet
        };
        for (packet, from, hop_limit, why) in [
            (FRRS.to_vec(), FROM, 254, "came through a router"),
            (FRRS.to_vec(), GLOBAL, 255, "not link-local"),
            (with(1, 1), FROM, 255, "code"),
            (with(0, 135), FROM, 255, "neither"),
            (with(17, 0), FROM, 255, "no length"),
            (with(17, 3), FROM, 255, "past the end"),
            (FRRS[..15].to_vec(), FROM, 255, "too short"),
            (FRRS[..17].to_vec(), FROM, 255, "past the end"),
            (vec![134], FROM, 255, "no header"),
        ] {
            let said = parse(&packet, from, hop_limit).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }

    proptest! {
        #[test]
        fn any_packet_is_read_without_panic(kind in 133u8..136, rest: Vec<u8>) {
            let packet = [&[kind, 0][..], &rest].concat();
            let _ = parse(&packet, FROM, 255);
        }
    }
}
