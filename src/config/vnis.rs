//! What the section `evpn` means, and what contradicts in it.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bgp::types::{Rd, Vni};
use bgp::wire::RouteTarget;
use evpn::ImportTarget;

use super::checker::Checker;
use super::fault::Path;
use super::{EvpnConfig, HostsConfig, VniConfig, file};

/// What one VNI can have and no second.
#[derive(Default)]
struct Taken {
    vnis: HashSet<u32>,
    devices: HashSet<String>,
    rds: HashSet<Rd>,
}

impl Checker {
    pub(super) fn evpn(&mut self, evpn: file::Evpn) -> EvpnConfig {
        let path = Path::from("evpn");
        if evpn.vtep.is_unspecified() || evpn.vtep.is_multicast() {
            self.find(path.key("vtep"), "the address of this node that tunnels end at");
        }
        if !evpn.advertise_all_vni && evpn.vnis.is_empty() {
            self.find(path.clone(), "takes no VNI: set advertise_all_vni: true, or list them in vnis");
        }
        let hosts = self.hosts(&path, &evpn);
        let mut taken = Taken::default();
        let vnis = evpn
            .vnis
            .into_iter()
            .enumerate()
            .map(|(i, section)| self.vni(&path.key("vnis").index(i), section, evpn.vtep, &mut taken))
            .collect();
        let duplicates = self.duplicates(&path.key("duplicates"), evpn.duplicates);
        let audit_interval = audit_interval(evpn.audit_interval);
        let file::Evpn { vtep, advertise_all_vni, flooding, .. } = evpn;
        EvpnConfig { vtep, advertise_all_vni, flooding, duplicates, vnis, hosts, audit_interval }
    }

    fn hosts(&mut self, path: &Path, evpn: &file::Evpn) -> HostsConfig {
        if evpn.probe_interval > 86_400 {
            self.find(path.key("probe_interval"), "1 to 86400 seconds, or 0 to ask nobody");
        }
        if !(1..=10_000).contains(&evpn.probe_rate) {
            self.find(path.key("probe_rate"), "1 to 10000 hosts a second");
        }
        if evpn.state_file.as_ref().is_some_and(|file| !file.is_absolute()) {
            self.find(path.key("state_file"), "has to begin with a `/`");
        }
        let interval = Duration::from_secs(evpn.probe_interval.into());
        HostsConfig {
            snooping: evpn.snooping,
            probe_interval: Some(interval).filter(|interval| !interval.is_zero()),
            probe_rate: evpn.probe_rate,
            state_file: evpn.state_file.clone(),
        }
    }

    fn vni(&mut self, at: &Path, section: file::VniSection, vtep: IpAddr, taken: &mut Taken) -> VniConfig {
        let vni = Vni::new(section.vni).filter(|vni| vni.get() != 0);
        if vni.is_none() {
            self.find(at.key("vni"), "1 to 16777215 (24 bits)");
        }
        if !taken.vnis.insert(section.vni) {
            self.find(at.key("vni"), format!("VNI {} is configured already", section.vni));
        }
        if section.port == 0 {
            self.find(at.key("port"), "0 is no port; 4789 is VXLAN's");
        }
        let vxlan = section.vxlan.or_else(|| section.create.then(|| format!("vxlan{}", section.vni)));
        let bridge = section.bridge.or_else(|| section.create.then(|| format!("br{}", section.vni)));
        self.device(at, "vxlan", vxlan.as_deref(), taken);
        self.device(at, "bridge", bridge.as_deref(), taken);
        if let Some(rd) = section.rd.0
            && !taken.rds.insert(rd)
        {
            self.find(at.key("rd"), format!("{rd} is another VNI's already"));
        }
        for (key, list) in [("import_rt", &section.import_rt.0), ("export_rt", &section.export_rt.0)] {
            if list.as_ref().is_some_and(Vec::is_empty) {
                self.find(at.key(key), "an empty list takes part in nothing; `auto`, or at least one");
            }
        }
        if section.mtu.0.is_some_and(|mtu| mtu < min_mtu(vtep)) {
            self.find(at.key("mtu"), format!("at least {}", min_mtu(vtep)));
        }
        let export_rt = self.exact_targets(at, section.export_rt.0);
        self.static_vteps(&at.key("static_vteps"), &section.static_vteps, vtep);
        VniConfig {
            vni: vni.unwrap_or_default(),
            vxlan,
            bridge,
            create: section.create,
            port: section.port,
            mtu: section.mtu.0,
            rd: section.rd.0,
            import_rt: section.import_rt.0,
            export_rt,
            snooping: section.snooping,
            flooding: section.flooding,
            static_vteps: section.static_vteps,
        }
    }

    /// What frames are to be flooded to has to be a tunnel endpoint that this node can reach, and another one.
    fn static_vteps(&mut self, at: &Path, vteps: &[IpAddr], ours: IpAddr) {
        let mut seen = HashSet::new();
        for (i, vtep) in vteps.iter().enumerate() {
            let wrong = match vtep {
                _ if *vtep == ours => "is this node's own VTEP",
                _ if vtep.is_unspecified() || vtep.is_loopback() => "is no address of another node",
                _ if vtep.is_multicast() || *vtep == Ipv4Addr::BROADCAST => "is no address of one node",
                _ if vtep.is_ipv4() != ours.is_ipv4() => "is not of the family of `evpn.vtep`",
                _ if !seen.insert(*vtep) => "stands there already",
                _ => continue,
            };
            self.find(at.index(i), format!("{vtep} {wrong}"));
        }
    }

    fn exact_targets(&mut self, at: &Path, targets: Option<Vec<ImportTarget>>) -> Option<Vec<RouteTarget>> {
        let mut exact = Vec::new();
        for target in targets? {
            match target {
                ImportTarget::Exact(target) => exact.push(target),
                ImportTarget::AnyAs(_) => {
                    self.find(at.key("export_rt"), "`*` stands for any AS and can only be imported");
                }
            }
        }
        Some(exact)
    }

    fn device(&mut self, at: &Path, key: &str, name: Option<&str>, taken: &mut Taken) {
        let Some(name) = name else { return };
        if let Some(fault) = misnomer(name) {
            self.find(at.key(key), fault);
        }
        if !taken.devices.insert(name.to_owned()) {
            self.find(at.key(key), format!("`{name}` is another VNI's already"));
        }
    }
}

/// How often the kernel is looked at without a cause, from seconds.
pub(super) fn audit_interval(seconds: u16) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

/// What is wrong with a device's name.
pub(super) fn misnomer(name: &str) -> Option<String> {
    // IFNAMSIZ is 16 with the closing zero.
    let right =
        (1..=15).contains(&name.len()) && !name.contains(['/', ' ', ':']) && name != "." && name != "..";
    (!right).then(|| format!("`{name}` is no device name: 1 to 15 characters, without / : or spaces"))
}

/// What IP itself asks of a link: RFC 791 for IPv4; RFC 8200 section 5 for IPv6.
pub(super) fn min_mtu(vtep: IpAddr) -> u16 {
    if vtep.is_ipv4() { 68 } else { 1280 }
}
