//! What this node announces in native mode, and where that is found: in the configuration itself, in files, in the
//! kernel's routes, in Kubernetes (beside this file).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use bgp::wire::{Community, LargeCommunity};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;

use super::kubernetes::KubernetesSource;
use super::{NativeSection, TableValue};
use crate::config::checker::Checker;
use crate::config::fault::Path;
use crate::config::value::{RangeValue, Texts};

/// A prefix that is announced: alone, or with attributes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a prefix such as 10.244.1.0/24, or a mapping with prefix, and any of communities, \
                 local_pref, med and default_route"
)]
pub enum PrefixValue {
    /// The prefix.
    Prefix(RangeValue),
    /// The prefix, and what it is announced with.
    More(PrefixSection),
}

/// A prefix that is announced, with attributes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrefixSection {
    /// The prefix.
    prefix: RangeValue,
    /// Communities: `65000:100`, a name such as `no-export`, or a large one, `65000:1:2`.
    #[serde(default)]
    communities: Texts,
    /// LOCAL_PREF, for neighbours of this AS. `bgp.default_local_pref` unless given.
    local_pref: Option<u32>,
    /// MULTI_EXIT_DISC. None unless given.
    med: Option<u32>,
    /// It is meant to be the default route: that draws all traffic here for which others know no better way.
    #[serde(default)]
    default_route: bool,
}

/// Files in which a program says what this node announces.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSection {
    /// A file, or a directory of them (names that begin with a dot are left out). One prefix a line; what follows a
    /// `#` is a comment. They are watched: a file that is renamed into place, or closed after writing, counts at
    /// once. One with a fault keeps what it said before.
    path: PathBuf,
    /// What the prefixes are. `prefixes` unless given.
    #[serde(default)]
    kind: PrefixKind,
    /// Communities that they are announced with.
    #[serde(default)]
    communities: Texts,
    /// LOCAL_PREF that they are announced with.
    local_pref: Option<u32>,
    /// MULTI_EXIT_DISC that they are announced with.
    med: Option<u32>,
}

/// Routes of the kernel whose prefixes this node announces. They are watched. At least one of table, protocol and
/// device has to be given; all that are given have to fit. Routes that are linnet's own, default routes and what is
/// for no host beyond a link never do.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KernelSection {
    /// The kernel's table: `main`, or a number. `main` unless given.
    table: Option<TableValue>,
    /// The protocol id that the routes have, as in /etc/iproute2/rt_protos.
    protocol: Option<u8>,
    /// The device that they lead over; `cali*` is any whose name begins with `cali`.
    device: Option<String>,
    /// Only prefixes that are in these.
    #[serde(default)]
    within: Vec<RangeValue>,
    /// What the prefixes are. `prefixes` unless given.
    #[serde(default)]
    kind: PrefixKind,
    /// Communities that they are announced with.
    #[serde(default)]
    communities: Texts,
    /// LOCAL_PREF that they are announced with.
    local_pref: Option<u32>,
    /// MULTI_EXIT_DISC that they are announced with.
    med: Option<u32>,
}

/// What a prefix is, and with that what is done besides announcing it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrefixKind {
    /// Nothing besides.
    #[default]
    Prefixes,
    /// A block that is this node's: the kernel has a blackhole route for it, so that what is for nobody goes nowhere,
    /// and what is longer is not announced beside it.
    Blocks,
    /// Addresses of services: no received route within them goes into the kernel.
    Services,
}

/// What a prefix of this node's is announced with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnAttrs {
    /// COMMUNITIES.
    pub communities: Box<[Community]>,
    /// LARGE_COMMUNITY.
    pub large_communities: Box<[LargeCommunity]>,
    /// LOCAL_PREF, where it is not the speaker's default.
    pub local_pref: Option<u32>,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
}

/// A prefix that this node is to announce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The prefix; no bit of a host's set.
    pub prefix: IpNet,
    /// What it is.
    pub kind: PrefixKind,
    /// With what.
    pub attrs: OwnAttrs,
}

/// Files to be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSource {
    /// A file or a directory.
    pub path: PathBuf,
    /// What the prefixes in it are.
    pub kind: PrefixKind,
    /// What they are announced with.
    pub attrs: OwnAttrs,
}

/// Routes of the kernel to be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelSource {
    /// The table.
    pub table: u32,
    /// The protocol id, where it matters.
    pub protocol: Option<u8>,
    /// The device's name, or its beginning and a `*`, where it matters.
    pub device: Option<String>,
    /// The prefixes that they may be in; empty: any.
    pub within: Vec<IpNet>,
    /// What the prefixes are.
    pub kind: PrefixKind,
    /// What they are announced with.
    pub attrs: OwnAttrs,
}

/// What this node announces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnPrefixes {
    /// Written in the configuration.
    pub fixed: Vec<Announcement>,
    /// Files.
    pub files: Vec<FileSource>,
    /// Routes of the kernel.
    pub kernel: Vec<KernelSource>,
    /// The Node in Kubernetes.
    pub kubernetes: Option<KubernetesSource>,
    /// What is not to be put into the kernel though nothing of it is announced.
    pub no_install: BTreeSet<IpNet>,
}

/// `kernel routes of protocol 80 over cali*`
impl fmt::Display for KernelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kernel table {}", self.table)?;
        if let Some(protocol) = self.protocol {
            write!(f, " protocol {protocol}")?;
        }
        if let Some(device) = &self.device {
            write!(f, " device {device}")?;
        }
        match &*self.within {
            [] => Ok(()),
            within => {
                write!(f, " within {}", within.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// `file /etc/linnet/pods`
impl fmt::Display for FileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file {}", self.path.display())
    }
}

impl Checker {
    /// What the sources in the section mean, and what is wrong with them.
    pub(super) fn own_prefixes(&mut self, path: &Path, section: &NativeSection) -> OwnPrefixes {
        let mut fixed: BTreeMap<IpNet, (Announcement, Path)> = BTreeMap::new();
        for (key, list, kind) in [
            ("blocks", &section.blocks, PrefixKind::Blocks),
            ("advertise", &section.advertise, PrefixKind::Prefixes),
            ("services", &section.services, PrefixKind::Services),
        ] {
            for (i, value) in list.iter().enumerate() {
                let at = path.key(key).index(i);
                let announcement = self.announcement(&at, value, kind);
                let prefix = announcement.prefix;
                if let Some((_, other)) = fixed.get(&prefix) {
                    self.find(at, format!("{prefix} stands in {other} already"));
                } else {
                    fixed.insert(prefix, (announcement, at));
                }
            }
        }
        self.hidden_by_blocks(&fixed);
        OwnPrefixes {
            fixed: fixed.into_values().map(|(announcement, _)| announcement).collect(),
            files: self.file_sources(&path.key("files"), &section.files),
            kernel: self.kernel_sources(&path.key("kernel"), &section.kernel),
            kubernetes: section
                .kubernetes
                .as_ref()
                .map(|section| self.kubernetes_source(&path.key("kubernetes"), section)),
            no_install: self.prefixes(&path.key("no_install"), &section.no_install),
        }
    }

    fn announcement(&mut self, at: &Path, value: &PrefixValue, kind: PrefixKind) -> Announcement {
        let (at, written, attrs, default_route) = match value {
            PrefixValue::Prefix(RangeValue(prefix)) => (at.clone(), *prefix, OwnAttrs::default(), false),
            PrefixValue::More(section) => {
                let attrs = self.own_attrs(at, &section.communities, section.local_pref, section.med);
                (at.key("prefix"), section.prefix.0, attrs, section.default_route)
            }
        };
        let prefix = written.trunc();
        if prefix != written {
            self.find(at.clone(), format!("bits of a host are set; {prefix} is the prefix"));
        }
        if prefix.prefix_len() == 0 && !default_route {
            let message = format!(
                "draws all traffic here for which others know no better way; \
                 if that is meant: {{ prefix: \"{prefix}\", default_route: true }}"
            );
            self.find(at, message);
        } else if is_for_no_host(prefix) {
            self.find(at, format!("no host beyond a link has an address in {prefix}"));
        }
        Announcement { prefix, kind, attrs }
    }

    pub(super) fn own_attrs(
        &mut self,
        at: &Path,
        texts: &Texts,
        local_pref: Option<u32>,
        med: Option<u32>,
    ) -> OwnAttrs {
        let (mut communities, mut large) = (Vec::new(), Vec::new());
        for (i, text) in texts.list.iter().enumerate() {
            match (text.parse(), text.parse()) {
                (Ok(community), _) => communities.push(community),
                (_, Ok(community)) => large.push(community),
                (Err(error), _) => {
                    let place = texts.place(&at.key("communities"), i);
                    self.find(place, format!("`{text}`: {error}, or a large one such as 65000:1:2"));
                }
            }
        }
        OwnAttrs { communities: communities.into(), large_communities: large.into(), local_pref, med }
    }

    /// What is in a block is never announced beside it.
    fn hidden_by_blocks(&mut self, fixed: &BTreeMap<IpNet, (Announcement, Path)>) {
        let mut block: Option<IpNet> = None;
        // A prefix stands behind those that it is in.
        for (prefix, (announcement, at)) in fixed {
            match block.filter(|block| block.contains(prefix)) {
                Some(block) => {
                    let message = format!(
                        "{prefix} is in the block {block}, which is announced in its place: take one of them out"
                    );
                    self.find(at.clone(), message);
                }
                None if announcement.kind == PrefixKind::Blocks => block = Some(*prefix),
                None => {}
            }
        }
    }

    fn file_sources(&mut self, at: &Path, sections: &[FileSection]) -> Vec<FileSource> {
        let mut sources: Vec<FileSource> = Vec::new();
        for (i, section) in sections.iter().enumerate() {
            let at = at.index(i);
            if !section.path.is_absolute() {
                self.find(at.key("path"), "has to begin with a `/`");
            }
            if sources.iter().any(|source| source.path == section.path) {
                self.find(at.key("path"), format!("{} is in the list already", section.path.display()));
            }
            let attrs = self.own_attrs(&at, &section.communities, section.local_pref, section.med);
            sources.push(FileSource { path: section.path.clone(), kind: section.kind, attrs });
        }
        sources
    }

    fn kernel_sources(&mut self, at: &Path, sections: &[KernelSection]) -> Vec<KernelSource> {
        let mut sources: Vec<KernelSource> = Vec::new();
        for (i, section) in sections.iter().enumerate() {
            let at = at.index(i);
            if section.table.is_none() && section.protocol.is_none() && section.device.is_none() {
                self.find(
                    at.clone(),
                    "would announce every route of the node: name a table, a protocol or a device",
                );
            }
            if let Some(device) = &section.device
                && !is_device_pattern(device)
            {
                let message =
                    format!("`{device}` is no device's name, nor the beginning of one with a `*` behind it");
                self.find(at.key("device"), message);
            }
            let attrs = self.own_attrs(&at, &section.communities, section.local_pref, section.med);
            let source = KernelSource {
                table: section.table.map_or(super::MAIN, |TableValue(table)| table),
                protocol: section.protocol,
                device: section.device.clone(),
                within: self.prefixes(&at.key("within"), &section.within).into_iter().collect(),
                kind: section.kind,
                attrs,
            };
            if sources.iter().any(|other| other.to_string() == source.to_string()) {
                self.find(at, format!("{source} is in the list already"));
            }
            sources.push(source);
        }
        sources
    }
}

/// 1 to 15 characters of a name, the last of which may be a `*`.
fn is_device_pattern(text: &str) -> bool {
    let name = text.strip_suffix('*').unwrap_or(text);
    let is_plain = |c: char| !matches!(c, '/' | ':' | '%' | '*') && !c.is_whitespace();
    !name.is_empty() && text.len() <= 15 && name.chars().all(is_plain)
}

/// Within what belongs to a node itself, to a link, or to groups.
pub(crate) fn is_for_no_host(prefix: IpNet) -> bool {
    let first = prefix.network();
    match (first, prefix) {
        (std::net::IpAddr::V4(first), _) => {
            prefix.prefix_len() >= 8 && first.is_loopback()
                || prefix.prefix_len() >= 16 && first.is_link_local()
                || prefix.prefix_len() >= 4 && first.is_multicast()
        }
        (std::net::IpAddr::V6(first), _) => {
            first.is_loopback()
                || prefix.prefix_len() >= 10 && first.is_unicast_link_local()
                || prefix.prefix_len() >= 8 && first.is_multicast()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Faults};

    fn parse(native: &str) -> Result<OwnPrefixes, Faults> {
        let text = format!("bgp:\n  asn: 65000\n  router_id: 10.0.0.1\nnative:\n{native}");
        Config::parse("t.yaml", &text).map(|config| config.native.unwrap().own)
    }

    #[test]
    fn sources_of_every_kind() {
        let own = parse(
            r#"
  advertise: [10.244.9.0/24, { prefix: "fd00:244:9::/64", communities: ["65000:1", no-export, "65000:1:2"], med: 5 }]
  blocks: [{ prefix: 10.244.1.0/26, local_pref: 200 }]
  services: [10.96.0.0/12, "fd00:96::/112"]
  no_install: [10.97.0.0/16]
  files:
    - { path: /etc/linnet/pods }
    - { path: /etc/linnet/services.d, kind: services, communities: "65000:7" }
  kernel:
    - { device: "cali*", within: [10.244.0.0/16], kind: prefixes }
    - { table: 100, protocol: 80, kind: blocks }
"#,
        )
        .unwrap();
        assert_eq!(own.fixed.len(), 5);
        let by = |prefix: &str| own.fixed.iter().find(|a| a.prefix.to_string() == prefix).unwrap();
        assert_eq!(
            (by("10.244.1.0/26").kind, by("10.244.1.0/26").attrs.local_pref),
            (PrefixKind::Blocks, Some(200))
        );
        assert_eq!(by("10.96.0.0/12").kind, PrefixKind::Services);
        let attrs = &by("fd00:244:9::/64").attrs;
        assert_eq!((attrs.communities.len(), attrs.large_communities.len(), attrs.med), (2, 1, Some(5)));
        let names: Vec<String> = own.kernel.iter().map(ToString::to_string).collect();
        assert_eq!(
            names,
            ["kernel table 254 device cali* within 10.244.0.0/16", "kernel table 100 protocol 80"]
        );
        assert_eq!(own.files[1].attrs.communities.len(), 1);
        assert_eq!((own.files[1].kind, own.no_install.len()), (PrefixKind::Services, 1));
    }

    #[test]
    fn a_default_route_is_to_be_said_by_name() {
        let own = parse("  advertise: [{ prefix: 0.0.0.0/0, default_route: true }]\n").unwrap();
        assert_eq!(own.fixed[0].prefix.prefix_len(), 0);
    }

    #[test]
    fn faults_have_their_place() {
        for (native, expected) in [
            (
                "  advertise: [10.244.1.1/24]\n",
                "t.yaml:5:15: native.advertise[0]: bits of a host are set; 10.244.1.0/24",
            ),
            (
                "  advertise: [0.0.0.0/0]\n",
                "if that is meant: { prefix: \"0.0.0.0/0\", default_route: true }",
            ),
            ("  advertise: [fe80::/64]\n", "no host beyond a link has an address in fe80::/64"),
            ("  advertise: [10.0.0.0/8, 10.0.0.0/8]\n", "10.0.0.0/8 stands in native.advertise[0] already"),
            (
                "  advertise: [10.0.0.0/8]\n  blocks: [10.0.0.0/8]\n",
                "10.0.0.0/8 stands in native.blocks[0] already",
            ),
            (
                "  advertise: [10.1.0.0/26]\n  blocks: [10.1.0.0/24]\n",
                "10.1.0.0/26 is in the block 10.1.0.0/24",
            ),
            (
                "  advertise: [{ prefix: 10.1.0.0/26, communities: [x] }]\n",
                "native.advertise[0].communities[0]: `x`: expected a community",
            ),
            (
                "  advertise: [{ prefix: 10.1.0.0/26, color: 1 }]\n",
                "expected a prefix such as 10.244.1.0/24, or a mapping",
            ),
            ("  files: [{ path: pods }]\n", "native.files[0].path: has to begin with a `/`"),
            ("  files: [{ path: /p }, { path: /p }]\n", "native.files[1].path: /p is in the list already"),
            ("  kernel: [{ within: [10.0.0.0/8] }]\n", "name a table, a protocol or a device"),
            ("  kernel: [{ device: \"a b\" }]\n", "`a b` is no device's name"),
            (
                "  kernel: [{ table: 9 }, { table: 9 }]\n",
                "native.kernel[1]: kernel table 9 is in the list already",
            ),
            (
                "  services: [10.96.0.0/12]\n  no_install: [10.96.0.1/12]\n",
                "native.no_install[0]: bits of a host",
            ),
        ] {
            let faults = parse(native).unwrap_err().to_string();
            assert!(faults.contains(expected), "{native}: {faults}");
            assert_eq!(faults.matches("t.yaml:").count(), 1, "{faults}");
        }
    }
}
