//! The graph as a picture: neighbors above, this node in the middle, VTEPs below, in rows.
//!
//! All boxes are of the size that the longest label asks for. Lines are drawn first, from centre to centre, and the
//! boxes over them, so that no label is crossed out. A session is thin, a tunnel thick; what is wrong is dashed, for
//! those who see no colours. Who tells of a VTEP is said in the tip of its box: lines for that would hide the others.

use super::{Health, Link, LinkKind, Node, Role, Topology};
use crate::cli::text::printable;

/// How many boxes stand side by side.
const COLUMNS: usize = 6;
/// The size of the letters, and of a line of them, in pixels.
const FONT: usize = 13;
const LINE: usize = 18;
/// The width of ten letters: monospaced ones are three fifths as wide as they are high.
const TEN_LETTERS: usize = FONT * 6;
/// Around a label, and around a box.
const PADDING: usize = 10;
const GAP: usize = 40;
/// Between rows, where lines are to be told apart.
const RISE: usize = 70;
/// How far a session and a tunnel of the same two nodes are apart.
const ASIDE: usize = 8;

/// Where everything goes.
struct Layout {
    box_width: usize,
    box_height: usize,
    width: usize,
    height: usize,
    /// The upper left corner of each node's box.
    corners: Vec<(usize, usize)>,
}

/// The graph as an SVG picture.
pub(crate) fn svg(topology: &Topology) -> String {
    let labels: Vec<Vec<String>> = topology.nodes.iter().map(Node::label).collect();
    let layout = Layout::of(topology, &labels);
    let (width, height) = (layout.width, layout.height);
    let mut parts = vec![
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" font-family=\"monospace\" font-size=\"{FONT}\">"
        ),
        format!("<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>"),
    ];
    let drawn = topology.numbered().filter(|(_, _, link)| link.kind != LinkKind::Path);
    parts.extend(drawn.filter_map(|(from, to, link)| layout.line(from, to, link)));
    let boxes = topology.nodes.iter().zip(&labels).zip(&layout.corners);
    parts.extend(boxes.map(|((node, label), corner)| layout.labelled_box(topology, node, label, *corner)));
    parts.push("</svg>".to_owned());
    parts.join("\n") + "\n"
}

impl Layout {
    fn of(topology: &Topology, labels: &[Vec<String>]) -> Layout {
        let longest = labels.iter().flatten().map(|line| printable(line).chars().count()).max().unwrap_or(0);
        let box_width = longest * TEN_LETTERS / 10 + 2 * PADDING;
        let box_height = labels.iter().map(Vec::len).max().unwrap_or(0) * LINE + 2 * PADDING;
        let rows = rows(topology);
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let (stride, width) = (box_width + GAP, columns * (box_width + GAP) + GAP);
        let mut corners = vec![(0, 0); topology.nodes.len()];
        for (row, numbers) in rows.iter().enumerate() {
            // A row that is not full stands in the middle.
            let left = GAP + (columns - numbers.len()) * stride / 2;
            for (column, &number) in numbers.iter().enumerate() {
                if let Some(corner) = corners.get_mut(number) {
                    *corner = (left + column * stride, GAP + row * (box_height + RISE));
                }
            }
        }
        let height = 2 * GAP + (rows.len() * (box_height + RISE)).saturating_sub(RISE);
        Layout { box_width, box_height, width, height, corners }
    }

    fn centre(&self, number: usize) -> Option<(usize, usize)> {
        let (x, y) = self.corners.get(number)?;
        Some((x + self.box_width / 2, y + self.box_height / 2))
    }

    fn line(&self, from: usize, to: usize, link: &Link) -> Option<String> {
        let ((x1, y1), (x2, y2)) = (self.centre(from)?, self.centre(to)?);
        let (aside, stroke) = if link.kind == LinkKind::Tunnel { (ASIDE, 4) } else { (0, 2) };
        let dashed = if link.health() == Health::Good { "" } else { " stroke-dasharray=\"8 6\"" };
        let (x1, x2, colour) = (x1 + aside, x2 + aside, link.health().colour());
        Some(format!(
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"{colour}\" stroke-width=\"{stroke}\"{dashed}/>"
        ))
    }

    fn labelled_box(
        &self,
        topology: &Topology,
        node: &Node,
        label: &[String],
        corner: (usize, usize),
    ) -> String {
        let ((x, y), (width, height)) = (corner, (self.box_width, self.box_height));
        let stroke = if node.is(Role::This) { 3 } else { 1 };
        let mut parts = vec![
            "<g>".to_owned(),
            format!("<title>{}</title>", escape(&tip(topology, node))),
            format!(
                "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"#f5f5f5\" stroke=\"#212121\" stroke-width=\"{stroke}\"/>"
            ),
        ];
        let (middle, mut base) = (x + width / 2, y + PADDING);
        for (number, line) in label.iter().enumerate() {
            base += LINE;
            let weight = if number == 0 { " font-weight=\"bold\"" } else { "" };
            let at = base - LINE / 4;
            parts.push(format!(
                "<text x=\"{middle}\" y=\"{at}\" text-anchor=\"middle\"{weight}>{}</text>",
                escape(line)
            ));
        }
        parts.push("</g>".to_owned());
        parts.join("\n")
    }
}

/// The numbers of the nodes, row by row.
fn rows(topology: &Topology) -> Vec<Vec<usize>> {
    let of = |wanted: fn(&Node) -> bool| -> Vec<usize> {
        topology.nodes.iter().enumerate().filter(|(_, node)| wanted(node)).map(|(number, _)| number).collect()
    };
    let above = of(|node| !node.is(Role::This) && !node.is(Role::Vtep));
    let below = of(|node| !node.is(Role::This) && node.is(Role::Vtep));
    let this = of(|node| node.is(Role::This));
    let groups = [above, this, below];
    groups.iter().flat_map(|group| group.chunks(COLUMNS)).map(<[usize]>::to_vec).collect()
}

/// What the links to a node are, a line each.
fn tip(topology: &Topology, node: &Node) -> String {
    let links = topology.links.iter().filter(|link| link.to == node.address);
    let line = |link: &Link| match link.kind {
        LinkKind::Session => format!("session {}", link.state),
        LinkKind::Tunnel => format!("tunnel, {}", link.label()),
        LinkKind::Path => format!("told of by {}", link.from),
    };
    let lines: Vec<String> = links.map(line).collect();
    if lines.is_empty() { node.address.clone() } else { lines.join("; ") }
}

fn escape(text: &str) -> String {
    printable(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fabric, leaf};
    use super::*;

    #[test]
    fn every_node_has_a_box_within_the_picture() {
        let topology = leaf();
        let labels: Vec<Vec<String>> = topology.nodes.iter().map(Node::label).collect();
        let layout = Layout::of(&topology, &labels);
        let inside = |(x, y): &(usize, usize)| {
            *x >= GAP
                && *y >= GAP
                && x + layout.box_width < layout.width
                && y + layout.box_height < layout.height
        };
        assert!(layout.corners.iter().all(inside), "{:?}", layout.corners);
        let mut different = layout.corners.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), topology.nodes.len());
        // Neighbors are above this node, VTEPs below it.
        assert!(layout.corners[1].1 < layout.corners[0].1 && layout.corners[0].1 < layout.corners[2].1);
    }

    #[test]
    fn names_cannot_be_markup() {
        let picture = svg(&leaf());
        assert!(picture.contains("spine &lt;1&gt; \"a\\\\u{1b}#\"</text>"), "{picture}");
        assert_eq!(picture.matches("<line ").count(), 4);
        assert_eq!(picture.matches("stroke-dasharray").count(), 2);
        assert!(
            picture.contains("<title>tunnel, VNI 100-101: failed; told of by 10.0.1.1</title>"),
            "{picture}"
        );
    }

    #[test]
    fn one_node_is_a_picture_too() {
        let picture = svg(&fabric().finish());
        assert!(picture.contains("this node, AS 65000") && picture.ends_with("</svg>\n"), "{picture}");
    }
}
