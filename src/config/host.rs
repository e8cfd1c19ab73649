//! The addresses of the machine that the configuration is read on.

use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;

/// The addresses of all interfaces; none where the kernel does not say.
pub(super) fn addresses() -> Vec<IpAddr> {
    let Ok(interfaces) = getifaddrs() else { return Vec::new() };
    let address = |interface: nix::ifaddrs::InterfaceAddress| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|address| address.ip().into());
        v4.or_else(|| address.as_sockaddr_in6().map(|address| address.ip().into()))
    };
    interfaces.filter_map(address).collect()
}
