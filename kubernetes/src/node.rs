//! What is read of a Node object.

use std::net::IpAddr;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::Node;

/// What matters of one Node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// `spec.podCIDRs`, sorted.
    pub(crate) pod_cidrs: Vec<IpNet>,
    /// The addresses of type `InternalIP`, in their order.
    pub(crate) addresses: Vec<IpAddr>,
}

/// A pod CIDR that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Node {node}: spec.podCIDRs: `{written}` is no prefix such as 10.244.1.0/24")]
pub struct BadCidr {
    /// The Node's name.
    pub node: String,
    /// What is written there.
    pub written: String,
}

impl Facts {
    /// Of this Node.
    ///
    /// # Errors
    /// A CIDR that cannot be read. The rest of the set is worth nothing then: it would be taken for the whole.
    pub(crate) fn of(node: &Node) -> Result<Facts, BadCidr> {
        let mut pod_cidrs =
            written_cidrs(node).map(|text| read(node, text)).collect::<Result<Vec<_>, _>>()?;
        pod_cidrs.sort_unstable();
        pod_cidrs.dedup();
        Ok(Facts { pod_cidrs, addresses: addresses(node) })
    }

    /// Of a Node whose CIDRs are not ours.
    pub(crate) fn elsewhere(node: &Node) -> Facts {
        Facts { pod_cidrs: Vec::new(), addresses: addresses(node) }
    }
}

/// The list, or the single one of servers from before there was a list.
fn written_cidrs(node: &Node) -> impl Iterator<Item = &String> {
    let spec = node.spec.as_ref();
    let list = spec.and_then(|spec| spec.pod_cidrs.as_ref()).filter(|list| !list.is_empty());
    let single =
        spec.and_then(|spec| spec.pod_cidr.as_ref()).filter(|single| list.is_none() && !single.is_empty());
    list.into_iter().flatten().chain(single)
}

fn read(node: &Node, written: &str) -> Result<IpNet, BadCidr> {
    let prefix: Result<IpNet, _> = written.parse();
    prefix.map(|prefix| prefix.trunc()).map_err(|_| BadCidr { node: name(node), written: written.to_owned() })
}

fn addresses(node: &Node) -> Vec<IpAddr> {
    let written = node.status.as_ref().and_then(|status| status.addresses.as_ref());
    let internal = written.into_iter().flatten().filter(|address| address.type_ == "InternalIP");
    internal.filter_map(|address| address.address.parse().ok()).collect()
}

pub(crate) fn name(node: &Node) -> String {
    node.metadata.name.clone().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(value: serde_json::Value) -> Node {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn both_families_and_only_internal_addresses_are_read() {
        let node = node(serde_json::json!({
            "metadata": { "name": "worker-1" },
            "spec": { "podCIDR": "10.244.1.0/24", "podCIDRs": ["fd00:244:1::/64", "10.244.1.0/24"] },
            "status": { "addresses": [
                { "type": "Hostname", "address": "worker-1" },
                { "type": "InternalIP", "address": "10.0.0.1" },
                { "type": "ExternalIP", "address": "192.0.2.1" },
                { "type": "InternalIP", "address": "fd00::1" },
            ] },
        }));
        let facts = Facts::of(&node).unwrap();
        assert_eq!(facts.pod_cidrs, ["10.244.1.0/24".parse().unwrap(), "fd00:244:1::/64".parse().unwrap()]);
        assert_eq!(facts.addresses, ["10.0.0.1".parse::<IpAddr>().unwrap(), "fd00::1".parse().unwrap()]);
    }

    #[test]
    fn a_server_from_before_the_list_is_understood() {
        let node =
            node(serde_json::json!({ "metadata": { "name": "old" }, "spec": { "podCIDR": "10.1.0.0/24" } }));
        assert_eq!(Facts::of(&node).unwrap().pod_cidrs, ["10.1.0.0/24".parse().unwrap()]);
    }

    #[test]
    fn a_node_without_anything_has_nothing() {
        assert_eq!(Facts::of(&Node::default()), Ok(Facts::default()));
    }

    #[test]
    fn what_is_no_prefix_is_named_with_its_node() {
        let node = node(serde_json::json!({
            "metadata": { "name": "worker-1" },
            "spec": { "podCIDRs": ["10.244.1.0/24", "10.244.1.0"] },
        }));
        let text = "Node worker-1: spec.podCIDRs: `10.244.1.0` is no prefix such as 10.244.1.0/24";
        assert_eq!(Facts::of(&node).unwrap_err().to_string(), text);
    }
}
