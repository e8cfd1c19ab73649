//! The kernel's routes by one protocol, as `ip route` lists them.

use anyhow::Result;
use lab::Node;
use serde_json::Value;

/// A route, its next hops in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KernelRoute {
    pub(crate) prefix: String,
    /// `unicast` unless the kernel says otherwise.
    pub(crate) kind: String,
    pub(crate) next_hops: Vec<NextHop>,
    pub(crate) metric: u64,
}

/// One of a route's next hops.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NextHop {
    pub(crate) gateway: String,
    pub(crate) device: String,
}

/// What the kernel of a node has in its main table by this protocol, in order.
pub(crate) fn kernel_routes(node: &Node, protocol: u8) -> Result<Vec<KernelRoute>> {
    let mut routes = Vec::new();
    for family in ["-4", "-6"] {
        let shown = node.json(&["ip", "-j", family, "route", "show", "proto", &protocol.to_string()])?;
        routes.extend(shown.as_array().into_iter().flatten().map(route));
    }
    routes.sort();
    Ok(routes)
}

fn word(value: &Value) -> Option<String> {
    value.as_str().map(ToOwned::to_owned)
}

fn route(shown: &Value) -> KernelRoute {
    let mut next_hops: Vec<NextHop> =
        shown["nexthops"].as_array().into_iter().flatten().map(next_hop).collect();
    if shown["dev"].is_string() {
        next_hops.push(next_hop(shown));
    }
    next_hops.sort();
    KernelRoute {
        prefix: word(&shown["dst"]).unwrap_or_default(),
        kind: word(&shown["type"]).unwrap_or("unicast".to_owned()),
        next_hops,
        metric: shown["metric"].as_u64().unwrap_or_default(),
    }
}

fn next_hop(shown: &Value) -> NextHop {
    let gateway = word(&shown["gateway"]).or_else(|| word(&shown["via"]["host"])).unwrap_or_default();
    NextHop { gateway, device: word(&shown["dev"]).unwrap_or_default() }
}
