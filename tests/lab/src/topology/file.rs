//! A containerlab topology file, read as containerlab reads it.
//!
//! Settings of a node come from four places: defaults, its kind, its group, itself. What has one value is taken
//! from the last of them that has it; lists (binds, exec) are put together in that order, maps (env, sysctls) are
//! laid over one another. Keys that mean nothing outside containers (ports, labels, ...) are passed over: that they
//! are spelled right is the schema's business.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::kind::Daemon;

/// A topology: nodes, and the cables between them.
#[derive(Clone, Debug)]
pub struct Topology {
    /// The lab's name.
    pub name: String,
    /// The nodes by name.
    pub nodes: BTreeMap<String, NodeSpec>,
    /// The cables.
    pub links: Vec<LinkSpec>,
}

/// What a node is to be.
#[derive(Clone, Debug, Default)]
pub struct NodeSpec {
    /// `linux` for all that can be brought up without containers.
    pub kind: String,
    /// The container image.
    pub image: String,
    /// What runs in it, told from the image; `None` for a plain host.
    pub daemon: Option<Daemon>,
    /// Files of the host by their path in the container.
    pub binds: BTreeMap<PathBuf, PathBuf>,
    /// Commands to run once daemons and links are there.
    pub exec: Vec<String>,
    /// Environment of daemons and commands.
    pub env: BTreeMap<String, String>,
    /// Kernel settings by their dotted name.
    pub sysctls: BTreeMap<String, String>,
}

/// A cable.
#[derive(Clone, Debug)]
pub struct LinkSpec {
    /// Its two ends.
    pub ends: Vec<Endpoint>,
    /// The MTU of both.
    pub mtu: Option<u32>,
}

/// One end of a cable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "RawEndpoint")]
pub struct Endpoint {
    /// The node; as written, so it may not exist.
    pub node: String,
    /// The interface's name in it.
    pub interface: String,
    /// The MAC it is to have.
    pub mac: Option<String>,
}

impl Topology {
    /// Reads the file at `path`; bind sources are taken relative to its folder.
    pub fn read(path: &Path) -> Result<Topology> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Topology::parse(&text, folder).with_context(|| format!("in {}", path.display()))
    }

    /// Reads a file's text.
    pub fn parse(text: &str, folder: &Path) -> Result<Topology> {
        let file: File = serde_yaml::from_str(text)?;
        let section = file.topology;
        let nodes = section.nodes.iter().map(|(name, own)| {
            let node = section.settings_of(own.as_ref()).into_spec(folder);
            Ok((name.clone(), node.with_context(|| format!("node {name}"))?))
        });
        let nodes = nodes.collect::<Result<_>>()?;
        let links = section.links.into_iter().map(|raw| LinkSpec { ends: raw.endpoints, mtu: raw.mtu });
        Ok(Topology { name: file.name, nodes, links: links.collect() })
    }
}

#[derive(Deserialize)]
struct File {
    name: String,
    topology: Section,
}

#[derive(Deserialize)]
struct Section {
    #[serde(default)]
    defaults: Settings,
    #[serde(default)]
    kinds: BTreeMap<String, Settings>,
    #[serde(default)]
    groups: BTreeMap<String, Settings>,
    nodes: BTreeMap<String, Option<Settings>>,
    #[serde(default)]
    links: Vec<RawLink>,
}

impl Section {
    /// A node's settings, put together from the four places.
    fn settings_of(&self, own: Option<&Settings>) -> Settings {
        let own = own.cloned().unwrap_or_default();
        let group = own.group.as_ref().and_then(|group| self.groups.get(group)).cloned().unwrap_or_default();
        let kind = own.kind.as_ref().or(group.kind.as_ref()).or(self.defaults.kind.as_ref());
        let kind = kind.and_then(|kind| self.kinds.get(kind)).cloned().unwrap_or_default();
        self.defaults.clone().overlaid(kind).overlaid(group).overlaid(own)
    }
}

#[derive(Clone, Default, Deserialize)]
struct Settings {
    kind: Option<String>,
    image: Option<String>,
    group: Option<String>,
    #[serde(default)]
    binds: Vec<String>,
    #[serde(default)]
    exec: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, Scalar>,
    #[serde(default)]
    sysctls: BTreeMap<String, Scalar>,
}

impl Settings {
    fn overlaid(mut self, over: Settings) -> Settings {
        self.kind = over.kind.or(self.kind);
        self.image = over.image.or(self.image);
        self.group = over.group.or(self.group);
        self.binds.extend(over.binds);
        self.exec.extend(over.exec);
        self.env.extend(over.env);
        self.sysctls.extend(over.sysctls);
        self
    }

    fn into_spec(self, folder: &Path) -> Result<NodeSpec> {
        let image = self.image.context("no image")?;
        let binds = self.binds.iter().map(|bind| parse_bind(bind, folder)).collect::<Result<_>>()?;
        let strings =
            |map: BTreeMap<String, Scalar>| map.into_iter().map(|(key, value)| (key, value.0)).collect();
        Ok(NodeSpec {
            kind: self.kind.context("no kind")?,
            daemon: Daemon::of_image(&image),
            image,
            binds,
            exec: self.exec,
            env: strings(self.env),
            sysctls: strings(self.sysctls),
        })
    }
}

/// `source:target` or `source:target:options`, as target and source.
fn parse_bind(bind: &str, folder: &Path) -> Result<(PathBuf, PathBuf)> {
    let mut parts = bind.split(':');
    let source = parts.next().filter(|source| !source.is_empty());
    let target = parts.next().filter(|target| target.starts_with('/'));
    let (source, target) =
        source.zip(target).with_context(|| format!("bind {bind}: expected source:/target"))?;
    Ok((target.into(), folder.join(source)))
}

/// A string, number or boolean of YAML, as the text that a program is given.
#[derive(Clone, Deserialize)]
#[serde(try_from = "serde_yaml::Value")]
struct Scalar(String);

impl TryFrom<serde_yaml::Value> for Scalar {
    type Error = String;

    fn try_from(value: serde_yaml::Value) -> Result<Scalar, String> {
        match value {
            serde_yaml::Value::String(text) => Ok(Scalar(text)),
            serde_yaml::Value::Number(number) => Ok(Scalar(number.to_string())),
            serde_yaml::Value::Bool(flag) => Ok(Scalar(flag.to_string())),
            other => Err(format!("expected a string, number or boolean, found {other:?}")),
        }
    }
}

#[derive(Deserialize)]
struct RawLink {
    endpoints: Vec<Endpoint>,
    mtu: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawEndpoint {
    Brief(String),
    Extended { node: String, interface: String, mac: Option<String> },
}

impl TryFrom<RawEndpoint> for Endpoint {
    type Error = String;

    fn try_from(raw: RawEndpoint) -> Result<Endpoint, String> {
        match raw {
            RawEndpoint::Extended { node, interface, mac } => Ok(Endpoint { node, interface, mac }),
            RawEndpoint::Brief(text) => match text.split_once(':') {
                Some((node, interface)) if !node.is_empty() && is_interface_name(interface) => {
                    Ok(Endpoint { node: node.into(), interface: interface.into(), mac: None })
                }
                _ => Err(format!("endpoint {text:?}: expected node:interface")),
            },
        }
    }
}

/// What the kernel takes as a name: up to 15 octets (IFNAMSIZ) with no slash, colon or space.
fn is_interface_name(name: &str) -> bool {
    (1..=15).contains(&name.len()) && !name.contains(['/', ':', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
name: t
topology:
  defaults: { kind: linux, env: { A: 1, B: two }, exec: [first] }
  kinds: { linux: { image: ghcr.io/srl-labs/network-multitool, exec: [second] } }
  groups: { leaf: { image: quay.io/frrouting/frr:10.2, binds: ["daemons:/etc/frr/daemons"], exec: [third] } }
  nodes:
    leaf1: { group: leaf, binds: ["leaf1/frr.conf:/etc/frr/frr.conf:ro"], env: { B: three }, exec: [fourth] }
    host:
  links:
    - endpoints: ["leaf1:eth1", "host:eth1"]
    - { type: veth, mtu: 9000, endpoints: [{ node: leaf1, interface: eth2 }, { node: host, interface: eth2, mac: "02:00:00:00:00:01" }] }
"#;

    #[test]
    fn settings_are_merged_as_containerlab_does() {
        let topology = Topology::parse(FILE, Path::new("/lab")).unwrap();
        let leaf = &topology.nodes["leaf1"];
        assert_eq!((leaf.kind.as_str(), leaf.daemon), ("linux", Some(Daemon::Frr)));
        assert_eq!(leaf.exec, ["first", "second", "third", "fourth"]);
        assert_eq!(leaf.binds[Path::new("/etc/frr/frr.conf")], Path::new("/lab/leaf1/frr.conf"));
        assert_eq!(leaf.binds[Path::new("/etc/frr/daemons")], Path::new("/lab/daemons"));
        assert_eq!((leaf.env["A"].as_str(), leaf.env["B"].as_str()), ("1", "three"));
        let host = &topology.nodes["host"];
        assert_eq!((host.daemon, host.exec.len()), (None, 2));
    }

    #[test]
    fn both_forms_of_a_link() {
        let topology = Topology::parse(FILE, Path::new("")).unwrap();
        let ends: Vec<_> = topology.links.iter().flat_map(|link| &link.ends).collect();
        assert_eq!(ends[0], &Endpoint { node: "leaf1".into(), interface: "eth1".into(), mac: None });
        assert_eq!(ends[3].mac.as_deref(), Some("02:00:00:00:00:01"));
        assert_eq!((topology.links[0].mtu, topology.links[1].mtu), (None, Some(9000)));
    }

    #[test]
    fn a_malformed_endpoint_is_refused() {
        for bad in ["leaf1", "leaf1:", ":eth1", "leaf1:a-name-too-long-for-linux"] {
            let text = format!(
                "name: t\ntopology:\n  nodes: {{}}\n  links: [{{ endpoints: [{bad:?}, \"a:b\"] }}]\n"
            );
            assert!(Topology::parse(&text, Path::new("")).is_err(), "{bad}");
        }
    }
}
