//! What is read of a Node object.

use ipnet::IpNet;
use k8s_openapi::api::core::v1::Node;

/// A pod CIDR that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Node {node}: spec.podCIDRs: `{written}` is no prefix such as 10.244.1.0/24")]
pub(crate) struct BadCidr {
    node: String,
    written: String,
}

/// What is in `spec.podCIDRs`, sorted.
///
/// # Errors
/// A CIDR that cannot be read. The rest of the set is worth nothing then: it would be taken for the whole.
pub(crate) fn pod_cidrs(node: &Node) -> Result<Vec<IpNet>, BadCidr> {
    let mut pod_cidrs = written_cidrs(node).map(|text| read(node, text)).collect::<Result<Vec<_>, _>>()?;
    pod_cidrs.sort_unstable();
    pod_cidrs.dedup();
    Ok(pod_cidrs)
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
    prefix.map(|prefix| prefix.trunc()).map_err(|_| BadCidr {
        node: node.metadata.name.clone().unwrap_or_default(),
        written: written.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(value: serde_json::Value) -> Node {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn both_families_are_read_each_once() {
        let node = node(serde_json::json!({
            "metadata": { "name": "worker-1" },
            "spec": { "podCIDR": "10.244.1.0/24", "podCIDRs": ["fd00:244:1::/64", "10.244.1.0/24", "10.244.1.0/24"] },
        }));
        let expected = ["10.244.1.0/24".parse().unwrap(), "fd00:244:1::/64".parse().unwrap()];
        assert_eq!(pod_cidrs(&node).unwrap(), expected);
    }

    #[test]
    fn a_server_from_before_the_list_is_understood() {
        let node =
            node(serde_json::json!({ "metadata": { "name": "old" }, "spec": { "podCIDR": "10.1.0.0/24" } }));
        assert_eq!(pod_cidrs(&node).unwrap(), ["10.1.0.0/24".parse().unwrap()]);
    }

    #[test]
    fn a_node_without_anything_has_nothing() {
        assert_eq!(pod_cidrs(&Node::default()), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_prefix_is_named_with_its_node() {
        let node = node(serde_json::json!({
            "metadata": { "name": "worker-1" },
            "spec": { "podCIDRs": ["10.244.1.0/24", "10.244.1.0"] },
        }));
        let text = "Node worker-1: spec.podCIDRs: `10.244.1.0` is no prefix such as 10.244.1.0/24";
        assert_eq!(pod_cidrs(&node).unwrap_err().to_string(), text);
    }
}
