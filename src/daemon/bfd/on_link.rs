//! Whether an address is on a link of this node: whether BFD to it is over a single hop.

use std::io;
use std::net::IpAddr;

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::sys::socket::SockaddrStorage;

/// Whether `address` is in the network of one of this node's addresses, or the far end of a point-to-point link.
///
/// # Errors
/// The kernel's, where it does not tell its addresses.
pub(super) fn is_on_link(address: IpAddr) -> io::Result<bool> {
    if matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local()) {
        return Ok(true);
    }
    Ok(getifaddrs()?.any(|own| reaches(&own, address)))
}

fn reaches(own: &InterfaceAddress, address: IpAddr) -> bool {
    let ip = |storage: &Option<SockaddrStorage>| storage.as_ref().and_then(ip);
    let in_network = match (ip(&own.address), ip(&own.netmask)) {
        (Some(own), Some(mask)) => is_in(address, own, mask),
        _ => false,
    };
    in_network || ip(&own.destination) == Some(address)
}

fn is_in(address: IpAddr, own: IpAddr, mask: IpAddr) -> bool {
    match (address, own, mask) {
        (IpAddr::V4(address), IpAddr::V4(own), IpAddr::V4(mask)) => {
            address.to_bits() & mask.to_bits() == own.to_bits() & mask.to_bits()
        }
        (IpAddr::V6(address), IpAddr::V6(own), IpAddr::V6(mask)) => {
            address.to_bits() & mask.to_bits() == own.to_bits() & mask.to_bits()
        }
        _ => false,
    }
}

fn ip(storage: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = || storage.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    let v6 = || storage.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip()));
    v4().or_else(v6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for (address, own, mask, expected) in [
            ("10.1.1.1", "10.1.1.0", "255.255.255.254", true),
            ("10.1.1.2", "10.1.1.0", "255.255.255.254", false),
            ("10.1.1.2", "10.1.1.0", "0.0.0.0", true),
            ("fd00:1::2", "fd00:1::1", "ffff:ffff:ffff:ffff::", true),
            ("fd00:2::2", "fd00:1::1", "ffff:ffff:ffff:ffff::", false),
            ("fd00:1::2", "10.1.1.0", "0.0.0.0", false),
        ] {
            assert_eq!(is_in(ip(address), ip(own), ip(mask)), expected, "{address} beside {own}");
        }
    }

    #[test]
    fn loopback_is_on_a_link_and_a_stranger_is_not() {
        assert!(is_on_link("127.0.0.9".parse().unwrap()).unwrap());
        assert!(!is_on_link("240.0.0.1".parse().unwrap()).unwrap());
    }
}
