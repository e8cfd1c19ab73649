//! The addresses and groups of the machine that the configuration is read on.

use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use nix::unistd::Group;

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

/// The number of a group of users.
pub(super) fn group(name: &str) -> Option<u32> {
    Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw())
}
