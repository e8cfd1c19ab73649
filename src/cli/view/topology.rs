//! The fabric as a table: a line for each node, with what links it to this one.

use std::io;

use crate::cli::output::Output;
use crate::cli::table::{Cell, Column, Table};
use crate::cli::topology::{Link, LinkKind, Node, Topology, vni_runs};

/// A node and its links.
#[derive(Debug)]
struct Line {
    node: Node,
    session: Option<Link>,
    tunnel: Option<Link>,
    told_by: String,
}

const COLUMNS: &[Column<Line>] = &[
    Column::text("Node", |line| (&line.node.address).into()),
    Column::rare_text("Name", |line| (&line.node.name).into()),
    Column::text("Role", |line| roles(&line.node).into()),
    Column::number("AS", |line| line.node.asn.into()),
    Column::text("Session", |line| state(line.session.as_ref())),
    Column::wide_text("Tunnels-To", |line| (&line.node.vtep).into()),
    Column::text("VNIs", |line| vni_runs(&line.node.vnis).into()),
    Column::rare_text("Told-By", |line| (&line.told_by).into()),
    Column::text("Kernel", |line| state(line.tunnel.as_ref())),
];

/// The table.
pub(crate) fn show_topology(output: &mut Output<'_>, topology: Topology, wide: bool) -> io::Result<()> {
    let mut lines: Vec<Line> = topology.nodes.into_iter().map(Line::of).collect();
    for link in topology.links {
        let end = lines.iter_mut().find(|line| line.node.address == link.to);
        end.into_iter().for_each(|line| line.add(&link));
    }
    Table::new(COLUMNS, wide, output.colour).all(&lines, output.out)
}

impl Line {
    fn of(node: Node) -> Line {
        Line { node, session: None, tunnel: None, told_by: String::new() }
    }

    fn add(&mut self, link: &Link) {
        match link.kind {
            LinkKind::Session => self.session = Some(link.clone()),
            LinkKind::Tunnel => self.tunnel = Some(link.clone()),
            LinkKind::Path if self.told_by.is_empty() => self.told_by.clone_from(&link.from),
            LinkKind::Path => self.told_by.extend([",", link.from.as_str()]),
        }
    }
}

fn roles(node: &Node) -> String {
    node.roles.iter().map(|role| role.word()).collect::<Vec<_>>().join(", ")
}

fn state(link: Option<&Link>) -> Cell<'_> {
    let Some(link) = link else { return "".into() };
    Cell::from(&link.state).tone(link.tone())
}
