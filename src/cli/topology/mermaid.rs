//! The graph for Mermaid, which Markdown viewers draw.

use super::{LinkKind, Role, Topology};
use crate::cli::text::printable;

/// The graph as a Mermaid flowchart.
pub(crate) fn mermaid(topology: &Topology) -> String {
    let mut lines = vec!["flowchart TB".to_owned()];
    for (number, node) in topology.nodes.iter().enumerate() {
        let label = node.label().iter().map(|line| escape(line)).collect::<Vec<_>>().join("<br/>");
        let class = if node.is(Role::This) { ":::this" } else { "" };
        lines.push(format!("  n{number}[\"{label}\"]{class}"));
    }
    for (number, (from, to, link)) in topology.numbered().enumerate() {
        let line = match link.kind {
            LinkKind::Session => "---",
            LinkKind::Tunnel => "===",
            LinkKind::Path => "-.-",
        };
        let label = Some(escape(&link.label())).filter(|label| !label.is_empty());
        let label = label.map(|label| format!("|\"{label}\"|")).unwrap_or_default();
        lines.push(format!("  n{from} {line}{label} n{to}"));
        if link.kind != LinkKind::Path {
            lines.push(format!("  linkStyle {number} stroke:{}", link.health().colour()));
        }
    }
    lines.push("  classDef this stroke-width:3px".to_owned());
    lines.join("\n") + "\n"
}

/// Mermaid reads entities with a `#` in place of the `&`.
fn escape(text: &str) -> String {
    let escaped = |c: char| match c {
        '"' | '#' | '<' | '>' | '&' | '|' | '`' | '\\' => format!("#{};", u32::from(c)),
        _ => c.to_string(),
    };
    printable(text).chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::leaf;
    use super::*;

    #[test]
    fn nodes_and_links_are_numbered() {
        let expected = "\
flowchart TB
  n0[\"10.0.0.1<br/>this node, AS 65000<br/>VNI 100-101\"]:::this
  n1[\"spine #60;1#62; #34;a#92;#92;u{1b}#35;#34;<br/>10.0.1.1<br/>reflector, AS 65000\"]
  n2[\"10.0.0.3<br/>neighbor, VTEP, AS 65000<br/>VNI 100\"]
  n3[\"10.0.0.2<br/>VTEP<br/>VNI 100-101, 300\"]
  n4[\"10.0.0.10<br/>VTEP<br/>VNI 300\"]
  n0 ---|\"established\"| n1
  linkStyle 0 stroke:#2e7d32
  n0 ---|\"active\"| n2
  linkStyle 1 stroke:#c62828
  n0 ===|\"VNI 100-101: failed\"| n3
  linkStyle 2 stroke:#c62828
  n1 -.- n3
  n0 ===|\"VNI 100\"| n2
  linkStyle 4 stroke:#2e7d32
  n1 -.- n4
  classDef this stroke-width:3px
";
        assert_eq!(mermaid(&leaf()), expected);
    }
}
