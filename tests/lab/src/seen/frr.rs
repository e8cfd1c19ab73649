//! FRR: `show bgp ... PREFIX json`.

use anyhow::Result;
use serde_json::Value;

use super::{SeenPath, is_ipv6};
use crate::node::Node;

pub(super) fn paths(node: &Node, prefix: &str) -> Result<Vec<SeenPath>> {
    let family = if is_ipv6(prefix) { "ipv6" } else { "ipv4" };
    let shown = node.vtysh_json(&format!("show bgp {family} unicast {prefix} json"))?;
    Ok(shown.get("paths").and_then(Value::as_array).into_iter().flatten().map(path).collect())
}

fn path(path: &Value) -> SeenPath {
    let text = |pointer: &str| path.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |pointer: &str| {
        let words = path.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
        words.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    SeenPath {
        as_path: text("/aspath/string").replace("Local", ""),
        next_hop: text("/nexthops/0/ip"),
        originator: text("/originatorId"),
        cluster_list: list("/clusterList/list"),
        communities: list("/community/list"),
        learnt: path.get("sourced").is_none(),
        stale: path.get("stale") == Some(&Value::Bool(true)),
    }
}
