//! `native.kubernetes`: the pod CIDRs that a cluster gives this node are announced.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::sources::{OwnAttrs, PrefixKind};
use crate::config::checker::Checker;
use crate::config::fault::Path;
use crate::config::value::Texts;

/// The pod CIDRs of this node's Node object in Kubernetes are announced: `spec.podCIDRs`. While the API server is away
/// those that it said last are. For a linnetd that was built with the feature `kubernetes`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KubernetesSection {
    /// The name of the Node. Unless given: what the environment variable NODE_NAME says, or else the host's name.
    node: Option<String>,
    /// The file that says where the API server is, and who linnetd is there: its current context. Without it they
    /// are as Kubernetes tells them to the processes of a pod.
    kubeconfig: Option<PathBuf>,
    /// A file to keep the CIDRs in, so that a linnetd that is started while the API server is away announces what that
    /// one said last.
    state_file: Option<PathBuf>,
    /// What the CIDRs are. `prefixes` unless given.
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

/// A Node to be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesSource {
    /// Its name, where it is configured.
    pub node: Option<String>,
    /// The way to the API server, where it is not the one of a pod.
    pub kubeconfig: Option<PathBuf>,
    /// Where its CIDRs are kept.
    pub state_file: Option<PathBuf>,
    /// What its CIDRs are.
    pub kind: PrefixKind,
    /// What they are announced with.
    pub attrs: OwnAttrs,
}

/// There is only one.
impl fmt::Display for KubernetesSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("kubernetes")
    }
}

impl Checker {
    pub(super) fn kubernetes_source(&mut self, at: &Path, section: &KubernetesSection) -> KubernetesSource {
        if !cfg!(feature = "kubernetes") {
            let message = "this linnetd was built without the feature `kubernetes`; \
                           `cargo build --release --features kubernetes` makes one that has it";
            self.find(at.clone(), message);
        }
        if let Some(node) = &section.node
            && !is_node_name(node)
        {
            let message = format!("`{node}` is no name of a Node: small letters, digits, `-` and `.`");
            self.find(at.key("node"), message);
        }
        for (key, file) in [("kubeconfig", &section.kubeconfig), ("state_file", &section.state_file)] {
            if file.as_ref().is_some_and(|file| !file.is_absolute()) {
                self.find(at.key(key), "has to begin with a `/`");
            }
        }
        KubernetesSource {
            node: section.node.clone(),
            kubeconfig: section.kubeconfig.clone(),
            state_file: section.state_file.clone(),
            kind: section.kind,
            attrs: self.own_attrs(at, &section.communities, section.local_pref, section.med),
        }
    }
}

/// Whether it is what Kubernetes lets a Node be called: a DNS subdomain name (RFC 1123 section 2.1).
pub(crate) fn is_node_name(text: &str) -> bool {
    let is_edge = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit();
    let is_label = |label: &str| {
        let octets = label.as_bytes();
        octets.first().is_some_and(|octet| is_edge(*octet))
            && octets.last().is_some_and(|octet| is_edge(*octet))
            && octets.iter().all(|octet| is_edge(*octet) || *octet == b'-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Faults};

    fn parse(kubernetes: &str) -> Result<KubernetesSource, Faults> {
        let text =
            format!("bgp:\n  asn: 65000\n  router_id: 10.0.0.1\nnative:\n  kubernetes: {{ {kubernetes} }}\n");
        Config::parse("t.yaml", &text).map(|config| config.native.unwrap().own.kubernetes.unwrap())
    }

    #[cfg(feature = "kubernetes")]
    #[test]
    fn an_empty_section_is_one_for_a_pod() {
        let source = parse("").unwrap();
        assert_eq!((source.node, source.kubeconfig, source.state_file), (None, None, None));
        let source = parse("node: worker-1.example, kind: blocks, communities: \"65000:1\", med: 3").unwrap();
        assert_eq!((source.node.as_deref(), source.kind), (Some("worker-1.example"), PrefixKind::Blocks));
        assert_eq!((source.attrs.communities.len(), source.attrs.med), (1, Some(3)));
    }

    #[cfg(feature = "kubernetes")]
    #[test]
    fn faults_have_their_place() {
        for (kubernetes, expected) in [
            ("node: Worker_1", "t.yaml:5:23: native.kubernetes.node: `Worker_1` is no name of a Node"),
            ("kubeconfig: config", "native.kubernetes.kubeconfig: has to begin with a `/`"),
            ("state_file: pods", "native.kubernetes.state_file: has to begin with a `/`"),
            ("communities: [x]", "native.kubernetes.communities[0]: `x`: expected a community"),
            ("token: secret", "native.kubernetes.token: unknown key; expected one of `node`,"),
        ] {
            let faults = parse(kubernetes).unwrap_err().to_string();
            assert!(faults.contains(expected), "{kubernetes}: {faults}");
            assert_eq!(faults.matches("t.yaml:").count(), 1, "{faults}");
        }
    }

    #[cfg(not(feature = "kubernetes"))]
    #[test]
    fn a_linnetd_that_cannot_says_so() {
        let faults = parse("node: worker-1").unwrap_err().to_string();
        let expected =
            "t.yaml:5:15: native.kubernetes: this linnetd was built without the feature `kubernetes`";
        assert!(faults.contains(expected), "{faults}");
    }

    #[test]
    fn names_of_nodes() {
        for name in ["worker-1", "ip-10-0-0-1.eu-west-1.compute.internal", "7"] {
            assert!(is_node_name(name), "{name}");
        }
        for name in ["", "Worker", "a,metadata.name=b", "-a", "a-", "a..b", "a_b", &"a".repeat(254)] {
            assert!(!is_node_name(name), "{name}");
        }
    }
}
