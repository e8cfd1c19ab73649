//! This node's addresses as the kernel's messages.
//!
//! ```text
//! family u8 | length of prefix u8 | flags u8 | scope u8 | device u32 | attributes
//! ```

use ipnet::IpNet;

use super::neigh::address;
use super::wire::{self, attributes, put_message, u32_at};
use crate::row::IfIndex;

pub(super) const NEW: u16 = 20;
pub(super) const DELETE: u16 = 21;
const GET: u16 = 22;

const HEADER: usize = 8;

// Attributes, `IFA_*`.
/// On a link between two, the other one's.
const ADDRESS: u16 = 1;
/// This node's own, where it differs.
const LOCAL: u16 = 2;

/// Appends the request for all addresses of both families.
pub(super) fn put_dump(out: &mut Vec<u8>, sequence: u32) {
    put_message(out, GET, wire::REQUEST | wire::DUMP, sequence, |out| out.extend([0; HEADER]));
}

/// The address in a received message, with its device and the prefix of the link.
pub(super) fn parse(payload: &[u8]) -> Option<(IfIndex, IpNet)> {
    let (length, device) = (*payload.get(1)?, u32_at(payload, 4)?);
    let (mut local, mut other) = (None, None);
    for (kind, value) in attributes(payload.get(HEADER..)?) {
        match kind {
            LOCAL => local = address(value),
            ADDRESS => other = address(value),
            _ => {}
        }
    }
    Some((IfIndex(device), IpNet::new(local.or(other)?, length).ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::wire::put_attribute;
    use super::*;
    use proptest::prelude::*;

    fn message(family: u8, length: u8, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut out = vec![family, length, 0, 0, 7, 0, 0, 0];
        attributes.iter().for_each(|(kind, value)| put_attribute(&mut out, *kind, value));
        out
    }

    #[test]
    fn addresses() {
        let (own, other) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        let cases = [
            (message(2, 24, &[(ADDRESS, &own), (LOCAL, &own)]), Some("10.0.0.1/24")),
            (message(2, 32, &[(ADDRESS, &other), (LOCAL, &own)]), Some("10.0.0.1/32")),
            (message(10, 64, &[(ADDRESS, &[0xfd; 16])]), Some("fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd/64")),
            (message(2, 33, &[(LOCAL, &own)]), None),
            (message(2, 24, &[]), None),
        ];
        for (bytes, expected) in cases {
            let expected = expected.map(|text| (IfIndex(7), text.parse().unwrap()));
            assert_eq!(parse(&bytes), expected);
        }
    }

    proptest! {
        #[test]
        fn any_payload_is_read_without_panic(bytes: Vec<u8>) {
            parse(&bytes);
        }
    }
}
