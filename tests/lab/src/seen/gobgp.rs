//! GoBGP: `gobgp -j global rib PREFIX`.

use anyhow::Result;
use serde_json::Value;

use super::{SeenPath, is_ipv6};
use crate::node::Node;

/// Numbers of path attributes (RFC 4271, 1997, 4456, 4760), by which its JSON names them.
const AS_PATH: u64 = 2;
const NEXT_HOP: u64 = 3;
const COMMUNITIES: u64 = 8;
const ORIGINATOR_ID: u64 = 9;
const CLUSTER_LIST: u64 = 10;
const MP_REACH_NLRI: u64 = 14;

pub(super) fn paths(node: &Node, prefix: &str) -> Result<Vec<SeenPath>> {
    let family = if is_ipv6(prefix) { "ipv6" } else { "ipv4" };
    let rib = node.gobgp(&format!("global rib -a {family}"))?;
    Ok(rib.get(prefix).and_then(Value::as_array).into_iter().flatten().map(path).collect())
}

fn path(path: &Value) -> SeenPath {
    let attribute = |number: u64| {
        let mut all = path.get("attrs").and_then(Value::as_array).into_iter().flatten();
        all.find(|attribute| attribute.get("type") == Some(&number.into()))
    };
    let value = |number: u64| attribute(number).and_then(|attribute| attribute.get("value"));
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let segments = list(attribute(AS_PATH).and_then(|attribute| attribute.get("as_paths")));
    let asns = segments.iter().flat_map(|segment| list(segment.get("asns")));
    let next_hop = attribute(NEXT_HOP).or_else(|| attribute(MP_REACH_NLRI));
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    SeenPath {
        as_path: asns.map(|asn| asn.to_string()).collect::<Vec<_>>().join(" "),
        next_hop: text(next_hop.and_then(|attribute| attribute.get("nexthop"))),
        originator: text(value(ORIGINATOR_ID)),
        cluster_list: list(value(CLUSTER_LIST)).iter().map(|id| text(Some(id))).collect(),
        communities: list(
            attribute(COMMUNITIES)
                .and_then(|attribute| attribute.get("communities").or_else(|| attribute.get("value"))),
        )
        .iter()
        .filter_map(Value::as_u64)
        .map(|number| format!("{}:{}", number >> 16, number & 0xffff))
        .collect(),
        learnt: path.get("source-id").is_some(),
        stale: path.get("stale") == Some(&Value::Bool(true)),
    }
}
