//! The machine that the configuration is read on: its addresses, its groups, and its files that cannot be read.

use std::io;
use std::net::IpAddr;
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use nix::unistd::{Group, geteuid};

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

/// Why a file cannot be read, and what helps where that is not plain: linnetd has given up root's right to read what
/// is not root's.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> String {
    let said = format!("cannot read {}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            let user = geteuid();
            format!(
                "{said}; linnetd reads what its user ({user}) or group may, even as root: chown {user} it"
            )
        }
        _ => said,
    }
}
