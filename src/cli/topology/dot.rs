//! The graph for Graphviz.

use super::{Link, LinkKind, Role, Topology};
use crate::cli::text::printable;

/// The graph in the DOT language, to be drawn by `dot -Tsvg` and the like.
pub(crate) fn dot(topology: &Topology) -> String {
    let mut lines = vec![
        "graph fabric {".to_owned(),
        "  node [shape=box, style=rounded, fontname=monospace]".to_owned(),
        "  edge [fontname=monospace]".to_owned(),
    ];
    for (number, node) in topology.nodes.iter().enumerate() {
        let label = node.label().iter().map(|line| escape(line)).collect::<Vec<_>>().join("\\n");
        let mark = if node.is(Role::This) { ", penwidth=3" } else { "" };
        lines.push(format!("  n{number} [label=\"{label}\"{mark}]"));
    }
    for (from, to, link) in topology.numbered() {
        lines.push(format!("  n{from} -- n{to} [{}]", style(link)));
    }
    lines.push("}".to_owned());
    lines.join("\n") + "\n"
}

fn style(link: &Link) -> String {
    let (label, colour) = (escape(&link.label()), link.health().colour());
    match link.kind {
        LinkKind::Session => format!("label=\"{label}\", color=\"{colour}\""),
        LinkKind::Tunnel => format!("label=\"{label}\", color=\"{colour}\", penwidth=3"),
        LinkKind::Path => "style=dotted".to_owned(),
    }
}

fn escape(text: &str) -> String {
    // What `printable` writes in a control character's place has a backslash itself.
    printable(text).replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::super::testing::leaf;
    use super::*;

    #[test]
    fn nodes_and_links_are_numbered() {
        let expected = r##"graph fabric {
  node [shape=box, style=rounded, fontname=monospace]
  edge [fontname=monospace]
  n0 [label="10.0.0.1\nthis node, AS 65000\nVNI 100-101", penwidth=3]
  n1 [label="spine <1> \"a\\\\u{1b}#\"\n10.0.1.1\nreflector, AS 65000"]
  n2 [label="10.0.0.3\nneighbor, VTEP, AS 65000\nVNI 100"]
  n3 [label="10.0.0.2\nVTEP\nVNI 100-101, 300"]
  n4 [label="10.0.0.10\nVTEP\nVNI 300"]
  n0 -- n1 [label="established", color="#2e7d32"]
  n0 -- n2 [label="active", color="#c62828"]
  n0 -- n3 [label="VNI 100-101: failed", color="#c62828", penwidth=3]
  n1 -- n3 [style=dotted]
  n0 -- n2 [label="VNI 100", color="#2e7d32", penwidth=3]
  n1 -- n4 [style=dotted]
}
"##;
        assert_eq!(dot(&leaf()), expected);
    }
}
