//! The kernel's switches, and the names of its protocol ids. A file that cannot be read says nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Where iproute2 keeps the names: its own files, and those of the administrator, which prevail.
const NAMES: [&str; 2] = ["/usr/share/iproute2", "/etc/iproute2"];

/// The switches that the checks ask after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Switches {
    /// `net.ipv4.ip_forward`.
    pub(crate) forward_ipv4: Option<bool>,
    /// `net.ipv6.conf.all.forwarding`.
    pub(crate) forward_ipv6: Option<bool>,
    /// `rp_filter` as it is in force on each device: the higher one of its own and the one for all (the kernel's
    /// ip-sysctl).
    pub(crate) rp_filter: BTreeMap<String, u32>,
}

impl Switches {
    /// Reads them for these devices.
    pub(super) fn read<'d>(devices: impl Iterator<Item = &'d str>) -> Switches {
        let all = rp_filter("all").unwrap_or(0);
        let of = |name: &str| Some((name.to_owned(), rp_filter(name)?.max(all)));
        Switches {
            forward_ipv4: number("net/ipv4/ip_forward").map(|on| on != 0),
            forward_ipv6: number("net/ipv6/conf/all/forwarding").map(|on| on != 0),
            rp_filter: devices.filter_map(of).collect(),
        }
    }
}

fn rp_filter(device: &str) -> Option<u32> {
    number(&format!("net/ipv4/conf/{device}/rp_filter"))
}

fn number(file: &str) -> Option<u32> {
    fs::read_to_string(Path::new("/proc/sys").join(file)).ok()?.trim().parse().ok()
}

/// What this node calls its protocol ids.
pub(super) fn protocol_names() -> BTreeMap<u8, String> {
    let mut names = BTreeMap::new();
    for folder in NAMES.map(Path::new) {
        let drop_ins = fs::read_dir(folder.join("rt_protos.d")).into_iter().flatten().flatten();
        let files = [folder.join("rt_protos")].into_iter().chain(drop_ins.map(|entry| entry.path()));
        for text in files.filter_map(|file| fs::read_to_string(file).ok()) {
            names.extend(text.lines().filter_map(protocol_name));
        }
    }
    names
}

/// A line of rt_protos: `186 bgp`, the number in decimal or in hexadecimal.
fn protocol_name(line: &str) -> Option<(u8, String)> {
    let mut words = line.split_whitespace();
    let (number, name) = (words.next()?, words.next()?);
    let number = match number.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16).ok()?,
        None => number.parse().ok()?,
    };
    Some((number, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::protocol_name;

    #[test]
    fn names_of_protocol_ids() {
        assert_eq!(protocol_name("108\tlinnet"), Some((108, "linnet".to_owned())));
        assert_eq!(protocol_name("0xba  bgp # FRR"), Some((186, "bgp".to_owned())));
        assert_eq!(protocol_name("# 1 redirect"), None);
        assert_eq!(protocol_name("999 much"), None);
    }
}
