//! IP prefixes as NLRI (RFC 4271 section 4.3, RFC 4760 section 5).
//!
//! ```text
//! octets  1               as many as the bits need
//!         length in bits  address ...
//! ```

use std::net::{Ipv4Addr, Ipv6Addr};

use bytes::BytesMut;
use ipnet::{Ipv4Net, Ipv6Net};
use nom::bytes::complete::take;
use nom::number::complete::be_u8;

use super::parse::{Malformed, Parsed, fail};

/// An IPv4 prefix, its host bits masked away.
pub(super) fn ipv4(input: &[u8]) -> Parsed<'_, Ipv4Net> {
    let (rest, (address, bits)) = prefix(input)?;
    match Ipv4Net::new(Ipv4Addr::from(address), bits) {
        Ok(net) => Ok((rest, net.trunc())),
        Err(_) => fail(input, TOO_LONG),
    }
}

/// An IPv6 prefix, its host bits masked away.
pub(super) fn ipv6(input: &[u8]) -> Parsed<'_, Ipv6Net> {
    let (rest, (address, bits)) = prefix(input)?;
    match Ipv6Net::new(Ipv6Addr::from(address), bits) {
        Ok(net) => Ok((rest, net.trunc())),
        Err(_) => fail(input, TOO_LONG),
    }
}

/// Writes a prefix: `address` is the network's.
pub(super) fn put(out: &mut BytesMut, bits: u8, address: &[u8]) {
    let length = usize::from(bits).div_ceil(8);
    out.extend_from_slice(&[bits]);
    out.extend_from_slice(address.get(..length).unwrap_or(address));
}

const TOO_LONG: &str = "a prefix longer than its family's addresses";

/// An address of `N` octets, zero where none came, and how many bits of it count.
fn prefix<const N: usize>(input: &[u8]) -> Parsed<'_, ([u8; N], u8)> {
    let overrun = |_: Malformed<'_>| Malformed { at: input, what: "a prefix overruns its field" };
    let (rest, bits) = be_u8(input)?;
    let (rest, octets) = take(usize::from(bits).div_ceil(8))(rest).map_err(|e| e.map(overrun))?;
    let mut address = [0; N];
    match address.get_mut(..octets.len()) {
        Some(head) => head.copy_from_slice(octets),
        None => return fail(input, TOO_LONG),
    }
    Ok((rest, (address, bits)))
}
