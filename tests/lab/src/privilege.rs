//! May this process make network namespaces, becoming one that may, and has the kernel what a lab is made of.
//!
//! Root may. An ordinary user may as root of a user namespace of his own, where the machine allows that.

use std::fmt;
use std::fs;
use std::io;
use std::net::Ipv4Addr;

use crate::netlink::{Link, Vxlan};
use crate::netns::Netns;
use crate::sys;

/// Why neither way is open.
#[derive(Debug)]
pub struct Reason(String);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Reason {}

/// Makes sure that this process may make namespaces; an ordinary user becomes root of a user namespace.
///
/// To be called first in `main`: the kernel refuses it to a process that has more than one thread.
pub fn enter() -> Result<(), Reason> {
    let (user, group) = sys::effective_ids();
    if user == 0 {
        return check_io()
            .map_err(|error| Reason(format!("root may not make network namespaces here ({error})")));
    }
    // Trying first whether it is needed would take a thread, and the kernel may still count one that has ended.
    become_root_of_user_namespace(user, group).and_then(|()| check_io()).map_err(|error| {
        Reason(format!("needs root, or user namespaces, which this machine refuses ({error})"))
    })
}

/// Whether namespaces can be made now, without changing this process.
pub fn check() -> Result<(), Reason> {
    check_io().map_err(|error| {
        Reason(format!(
            "cannot make a network namespace ({error}): run as root, or through `cargo xtask test`"
        ))
    })
}

/// Whether files and processes here can belong to the user `uid`: in a user namespace most users do not exist.
pub(crate) fn has_user(uid: u32) -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.lines().any(|line| maps(line, uid))
}

/// A line is `first inside, first outside, count` (user_namespaces(7)).
fn maps(line: &str, uid: u32) -> bool {
    let mut numbers = line.split_whitespace().map(str::parse::<u32>);
    match (numbers.next(), numbers.nth(1)) {
        (Some(Ok(first)), Some(Ok(count))) => uid.checked_sub(first).is_some_and(|offset| offset < count),
        _ => false,
    }
}

/// What this kernel lacks of what a lab is made of, found out by making one of each in a namespace of its own.
pub fn missing_features() -> Option<String> {
    let netns = match Netns::new() {
        Ok(netns) => netns,
        Err(error) => return Some(format!("no network namespaces ({error})")),
    };
    match netns.run(try_features) {
        Ok(Ok(())) => None,
        Ok(Err(error)) | Err(error) => Some(format!("the kernel lacks a feature: {error}")),
    }
}

fn try_features() -> io::Result<()> {
    let bridge = Link::bridge("br0")?;
    let vxlan = Link::vxlan("vxlan0", Vxlan { vni: 1, local: Ipv4Addr::LOCALHOST, port: 4789 })?;
    vxlan.set_master(&bridge)?;
    vxlan.suppress_neighbors()
}

fn check_io() -> io::Result<()> {
    Netns::new().map(drop)
}

fn become_root_of_user_namespace(user: u32, group: u32) -> io::Result<()> {
    sys::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET | libc::CLONE_NEWNS)?;
    // A user without privilege may map his group only once setgroups is given up (user_namespaces(7)).
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))
}

#[cfg(test)]
mod tests {
    use super::maps;

    #[test]
    fn users_of_a_namespace() {
        assert!(maps("         0          0 4294967295", 110));
        assert!(maps("0 1000 1", 0));
        assert!(!maps("0 1000 1", 110));
    }
}
