//! OpenBGPD: `bgpctl -j show rib detail PREFIX`.

use anyhow::Result;
use serde_json::Value;

use super::SeenPath;
use crate::node::Node;

pub(super) fn paths(node: &Node, prefix: &str) -> Result<Vec<SeenPath>> {
    let shown = node.bgpctl(&format!("show rib detail {prefix}"))?;
    let paths = shown.get("rib").and_then(Value::as_array).into_iter().flatten();
    Ok(paths.filter(|path| path.get("prefix") == Some(&prefix.into())).map(path).collect())
}

fn path(path: &Value) -> SeenPath {
    let words = |value: Option<&Value>| {
        let list = value.and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let text = |name: &str| path.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let attribute = |name: &str| {
        let all = path.get("attributes").and_then(Value::as_array).into_iter().flatten();
        all.filter_map(|attribute| attribute.get(name)).next()
    };
    SeenPath {
        as_path: text("aspath"),
        next_hop: text("exit_nexthop"),
        originator: attribute("originator").and_then(Value::as_str).unwrap_or_default().to_owned(),
        cluster_list: words(attribute("cluster_list")),
        communities: words(attribute("communities").or_else(|| path.get("communities"))),
        learnt: path.get("announced") != Some(&Value::Bool(true)),
        stale: path.get("stale") == Some(&Value::Bool(true)),
    }
}
