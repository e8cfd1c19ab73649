//! What of this node's settings is in the way of what linnetd does: looked at once, at the start, and told in the log
//! and with the status.
//!
//! All of it is read from files below `/proc`, `/run` and `/etc`. A file that is not there says nothing.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use bgp::types::Family;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::config::Config;

/// Where systemd looks for `systemd/networkd.conf` and for drop-ins, by precedence: systemd's manual, networkd.conf.
const NETWORKD: [&str; 4] = ["etc", "run", "usr/local/lib", "usr/lib"];

/// `RTF_UP` of linux/route.h.
const UP: u32 = 0x1;

/// `RTF_REJECT`: nothing is sent on by the route.
const REJECT: u32 = 0x200;

/// What an operator should know, one sentence each; nothing where linnetd does not change the kernel's routes.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    check(Path::new("/"), config)
}

fn check(root: &Path, config: &Config) -> Vec<String> {
    if config.native.as_ref().is_none_or(|native| !native.kernel.install) {
        return Vec::new();
    }
    let host = Host { root };
    let routes = host.routes();
    let uplinks = uplinks(config, &routes);
    let mut warnings = Vec::new();
    warnings.extend(host.networkd());
    warnings.extend(host.forwarding(config));
    warnings.extend(host.reverse_path(&uplinks));
    warnings.extend(host.mtu(&uplinks, &routes));
    warnings
}

/// A route of the main table, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
struct Route {
    prefix: IpNet,
    device: String,
}

/// The files of a node.
struct Host<'r> {
    root: &'r Path,
}

impl Host<'_> {
    /// What a file says; nothing where it cannot be read.
    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }

    fn number(&self, path: &str) -> Option<u32> {
        self.read(path)?.trim().parse().ok()
    }

    fn routes(&self) -> Vec<Route> {
        let ipv4 = self.read("proc/net/route").unwrap_or_default();
        let ipv6 = self.read("proc/net/ipv6_route").unwrap_or_default();
        ipv4.lines().filter_map(ipv4_route).chain(ipv6.lines().filter_map(ipv6_route)).collect()
    }

    /// systemd-networkd runs and takes routes for its own that are not.
    fn networkd(&self) -> Option<String> {
        let runs = self.root.join("run/systemd/netif/state").exists();
        let takes = || manages_foreign_routes(self.networkd_files().iter().map(String::as_str));
        (runs && takes()).then(|| {
            "systemd-networkd deletes routes that it did not make: set ManageForeignRoutes=no under [Network] in \
             /etc/systemd/networkd.conf"
                .to_owned()
        })
    }

    /// The texts of its configuration, in the order in which later ones prevail.
    fn networkd_files(&self) -> Vec<String> {
        let main = NETWORKD.iter().map(|place| self.root.join(place).join("systemd/networkd.conf"));
        let main = main.into_iter().find(|path| path.exists());
        // Of drop-ins with the same name the one of the first place counts.
        let mut drop_ins: Vec<PathBuf> = Vec::new();
        for place in NETWORKD {
            let entries = fs::read_dir(self.root.join(place).join("systemd/networkd.conf.d"));
            for path in entries.into_iter().flatten().flatten().map(|entry| entry.path()) {
                let is_conf = path.extension().is_some_and(|extension| extension == "conf");
                if is_conf && drop_ins.iter().all(|known| known.file_name() != path.file_name()) {
                    drop_ins.push(path);
                }
            }
        }
        drop_ins.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
        main.into_iter().chain(drop_ins).filter_map(|path| fs::read_to_string(path).ok()).collect()
    }

    /// The kernel does not forward what is not for this node.
    fn forwarding(&self, config: &Config) -> Vec<String> {
        let ranges = config.bgp.ranges.iter().map(|range| &range.neighbor);
        let neighbors: Vec<_> = config.bgp.neighbors.iter().chain(ranges).collect();
        let has = |family| neighbors.iter().any(|neighbor| neighbor.families.contains(family));
        let switches = [
            (Family::Ipv4Unicast, "net/ipv4/ip_forward"),
            (Family::Ipv6Unicast, "net/ipv6/conf/all/forwarding"),
        ];
        let off = switches
            .into_iter()
            .filter(|(family, file)| has(*family) && self.number(&format!("proc/sys/{file}")) == Some(0));
        let warning = |(_, file): (Family, &str)| {
            format!(
                "{} is 0: packets from and to pods are not forwarded; set it to 1",
                file.replace('/', ".")
            )
        };
        off.map(warning).collect()
    }

    /// A packet is dropped that comes by another device than packets to its sender take (`rp_filter` 1). Of the
    /// setting for all devices and a device's own the higher one holds: the kernel's ip-sysctl.
    fn reverse_path(&self, uplinks: &BTreeSet<String>) -> Option<String> {
        let setting =
            |name: &str| self.number(&format!("proc/sys/net/ipv4/conf/{name}/rp_filter")).unwrap_or(0);
        let all = setting("all");
        let strict: Vec<&str> =
            uplinks.iter().map(String::as_str).filter(|name| setting(name).max(all) == 1).collect();
        // With a single way in and out nothing comes by another one.
        (strict.len() > 1).then(|| {
            format!(
                "rp_filter is strict on {}: packets of pods that come by one of them and are answered by another \
                 are dropped; set net.ipv4.conf.all.rp_filter to 2",
                strict.join(", ")
            )
        })
    }

    /// Packets of pods may be larger than what goes out: without encapsulation they need no room, but no less either.
    fn mtu(&self, uplinks: &BTreeSet<String>, routes: &[Route]) -> Option<String> {
        let mtu = |name: &str| self.number(&format!("proc/sys/net/ipv6/conf/{name}/mtu"));
        let (narrowest, uplink) = uplinks.iter().filter_map(|name| Some((mtu(name)?, name))).min()?;
        let devices: BTreeSet<&str> = routes.iter().map(|route| route.device.as_str()).collect();
        let others = devices.into_iter().filter(|name| *name != "lo" && !uplinks.contains(*name));
        let wider = others.filter_map(|name| Some((name, mtu(name).filter(|mtu| *mtu > narrowest)?)));
        let wider: Vec<String> = wider.map(|(name, mtu)| format!("{name} ({mtu})")).collect();
        (!wider.is_empty()).then(|| {
            format!(
                "packets of {narrowest} octets at most leave by {uplink}, and larger ones may come from {}: lower \
                 their MTU",
                wider.join(", ")
            )
        })
    }
}

/// The devices that neighbours are reached by.
fn uplinks(config: &Config, routes: &[Route]) -> BTreeSet<String> {
    let device = |address: IpAddr| {
        let covering = routes.iter().filter(|route| route.prefix.contains(&address));
        covering.max_by_key(|route| route.prefix.prefix_len()).map(|route| route.device.clone())
    };
    let of_neighbor = |address: crate::config::NeighborAddress| match address.interface() {
        Some(link) => Some(link.to_string()),
        None => device(address.ip()?),
    };
    config.bgp.neighbors.iter().filter_map(|neighbor| of_neighbor(neighbor.address)).collect()
}

/// Whether the last word on it is not a no; without any word it is a yes (systemd's manual, networkd.conf).
fn manages_foreign_routes<'t>(files: impl Iterator<Item = &'t str>) -> bool {
    let mut manages = true;
    for file in files {
        let mut section = "";
        for line in file.lines().map(str::trim) {
            match line.split_once('=') {
                _ if line.starts_with('[') => section = line,
                Some((key, value)) if section == "[Network]" && key.trim() == "ManageForeignRoutes" => {
                    manages = !matches!(value.trim(), "no" | "false" | "off" | "0" | "n" | "f");
                }
                _ => {}
            }
        }
    }
    manages
}

/// A line of `/proc/net/route`, with addresses in hexadecimal as they lie in a little-endian machine's memory:
/// `eth0 0000000A 00000000 0001 0 0 0 00FFFFFF 0 0 0`.
fn ipv4_route(line: &str) -> Option<Route> {
    let mut words = line.split_whitespace();
    let device = words.next()?.to_owned();
    let address =
        |word: &str| u32::from_str_radix(word, 16).ok().map(|raw| Ipv4Addr::from(raw.to_ne_bytes()));
    let destination = address(words.next()?)?;
    let flags = u32::from_str_radix(words.nth(1)?, 16).ok()?;
    let mask = address(words.nth(3)?)?;
    let prefix = Ipv4Net::with_netmask(destination, mask).ok()?.into();
    is_used(flags).then_some(Route { prefix, device })
}

/// A line of `/proc/net/ipv6_route`: destination, its length, source, its length, next hop, metric, two counts, flags,
/// device.
fn ipv6_route(line: &str) -> Option<Route> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [destination, length, _, _, _, _, _, _, flags, device] = words.as_slice() else { return None };
    let address = u128::from_str_radix(destination, 16).ok().map(Ipv6Addr::from)?;
    let prefix = Ipv6Net::new(address, u8::from_str_radix(length, 16).ok()?).ok()?.into();
    let flags = u32::from_str_radix(flags, 16).ok()?;
    is_used(flags).then(|| Route { prefix, device: (*device).to_owned() })
}

fn is_used(flags: u32) -> bool {
    flags & UP != 0 && flags & REJECT == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "
bgp:
  asn: 65000
  router_id: 10.0.0.1
  neighbors:
    - { address: 10.0.0.2, remote_as: 65000, families: [ipv4-unicast, ipv6-unicast] }
    - { interface: eth1, remote_as: external }
native: {}
";

    const ROUTES: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
cni0\t0001F40A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
";

    /// The warnings of a node with these files beside its routes.
    fn said(files: &[(&str, &str)]) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files.iter().chain(&[("proc/net/route", ROUTES)]) {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        check(root.path(), &Config::parse("test", CONFIG).unwrap())
    }

    #[test]
    fn routes_of_the_kernel() {
        let route = |prefix: &str, device: &str| {
            Some(Route { prefix: prefix.parse().unwrap(), device: device.to_owned() })
        };
        let lines: Vec<_> = ROUTES.lines().map(ipv4_route).collect();
        assert_eq!(lines, [None, route("10.0.0.0/24", "eth0"), route("10.244.1.0/24", "cni0")]);
        let ipv6 = "fd000000000000000000000000000000 40 00000000000000000000000000000000 00 \
                    00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0";
        assert_eq!(ipv6_route(ipv6), route("fd00::/64", "eth0"));
        assert_eq!(ipv6_route(&ipv6.replace("00000001     eth0", "00200200       lo")), None);
    }

    #[test]
    fn a_node_that_is_right_is_told_nothing() {
        assert_eq!(said(&[]), [] as [&str; 0]);
        let right = [
            ("proc/sys/net/ipv4/ip_forward", "1\n"),
            ("proc/sys/net/ipv6/conf/all/forwarding", "1\n"),
            ("proc/sys/net/ipv4/conf/all/rp_filter", "2\n"),
            ("proc/sys/net/ipv4/conf/eth0/rp_filter", "1\n"),
            ("proc/sys/net/ipv4/conf/eth1/rp_filter", "1\n"),
            ("proc/sys/net/ipv6/conf/eth0/mtu", "1500\n"),
            ("proc/sys/net/ipv6/conf/cni0/mtu", "1500\n"),
            ("run/systemd/netif/state", ""),
            ("etc/systemd/networkd.conf", "[Network]\nManageForeignRoutes=no\n"),
        ];
        assert_eq!(said(&right), [] as [&str; 0]);
    }

    #[test]
    fn what_is_in_the_way_is_named() {
        let first_word = |files: &[(&str, &str)]| {
            let all = said(files);
            let [one] = &all[..] else { panic!("{all:?}") };
            one.split(" and ").next().unwrap().to_owned()
        };
        let forward = first_word(&[("proc/sys/net/ipv4/ip_forward", "0\n")]);
        assert_eq!(forward, "net.ipv4.ip_forward is 0: packets from");
        let forward = first_word(&[("proc/sys/net/ipv6/conf/all/forwarding", "0\n")]);
        assert_eq!(forward, "net.ipv6.conf.all.forwarding is 0: packets from");
        let strict = first_word(&[("proc/sys/net/ipv4/conf/all/rp_filter", "1\n")]);
        assert_eq!(strict, "rp_filter is strict on eth0, eth1: packets of pods that come by one of them");
        let mtu = said(&[
            ("proc/sys/net/ipv6/conf/eth0/mtu", "1450\n"),
            ("proc/sys/net/ipv6/conf/cni0/mtu", "1500\n"),
            ("proc/sys/net/ipv6/conf/eth1/mtu", "9000\n"),
        ]);
        let expected = "packets of 1450 octets at most leave by eth0, and larger ones may come from cni0 (1500): \
                        lower their MTU";
        assert_eq!(mtu, [expected]);
    }

    #[test]
    fn networkd_is_told_not_to_manage_foreign_routes() {
        let no = "[Network]\nManageForeignRoutes = no\n";
        let yes = "[Network]\nManageForeignRoutes=yes\n";
        for (files, manages) in [
            (&[][..], true),
            (&[no], false),
            (&[no, yes], true),
            (&[yes, no], false),
            (&["[DHCPv4]\nManageForeignRoutes=no\n"], true),
            (&["[Network]\n#ManageForeignRoutes=no\n"], true),
        ] {
            assert_eq!(manages_foreign_routes(files.iter().copied()), manages, "{files:?}");
        }
        let runs = ("run/systemd/netif/state", "");
        assert_eq!(said(&[runs]).len(), 1);
        assert_eq!(said(&[runs, ("etc/systemd/networkd.conf.d/10-linnet.conf", no)]).len(), 0);
        let shadowed = ("usr/lib/systemd/networkd.conf.d/10-linnet.conf", yes);
        assert_eq!(said(&[runs, ("etc/systemd/networkd.conf.d/10-linnet.conf", no), shadowed]).len(), 0);
        assert_eq!(said(&[("usr/lib/systemd/networkd.conf", yes)]).len(), 0, "it does not run");
    }
}
