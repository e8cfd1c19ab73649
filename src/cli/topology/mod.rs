//! The fabric as this node sees it: what linnetd knows becomes a graph, and the graph becomes text.
//!
//! [`Fabric`] gathers the facts, row by row; [`Topology`] is the graph, and what JSON shows; `mermaid`, `dot` and
//! `svg` write it for eyes. All of it is pure: the command asks the daemon, and nothing here does.
//!
//! A node is this one, a neighbor, a remote VTEP, or a neighbor that is one as well: its session comes from the address
//! of its tunnels, or its router ID is that address. Which of them have no session with this node is known from their
//! type 3 routes, so that a reflector that serves no network shows the whole fabric, too.

mod dot;
mod fabric;
mod mermaid;
mod svg;
#[cfg(test)]
mod testing;

pub(crate) use dot::dot;
pub(crate) use fabric::Fabric;
pub(crate) use mermaid::mermaid;
pub(crate) use svg::svg;

use std::collections::HashMap;

use serde::Serialize;

use super::table::Tone;

/// How many runs of VNIs a label has room for.
const RUNS: usize = 4;

/// The graph.
#[derive(Debug, Serialize)]
pub(crate) struct Topology {
    /// This node first, then neighbors, then remote VTEPs.
    pub(crate) nodes: Vec<Node>,
    /// What there is between them.
    pub(crate) links: Vec<Link>,
}

/// A speaker or a VTEP.
#[derive(Debug, Serialize)]
pub(crate) struct Node {
    /// What tells it from the others: this node's router ID, a neighbor's or a VTEP's address.
    pub(crate) address: String,
    /// What it is called, if that is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    /// What it is here.
    pub(crate) roles: Vec<Role>,
    /// Its AS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) asn: Option<u32>,
    /// Where its tunnels end.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) vtep: String,
    /// The networks that it is part of, in order.
    pub(crate) vnis: Vec<u32>,
}

/// What a node is to this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// This node.
    This,
    /// A neighbor.
    Neighbor,
    /// A neighbor that passes on what it hears from others (RFC 4456).
    Reflector,
    /// A neighbor that this node does so for.
    Client,
    /// Where tunnels end.
    Vtep,
}

impl Role {
    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Role::This => "this node",
            Role::Neighbor => "neighbor",
            Role::Reflector => "reflector",
            Role::Client => "client",
            Role::Vtep => "VTEP",
        }
    }
}

/// Something between two nodes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Link {
    /// What.
    pub(crate) kind: LinkKind,
    /// The address of the one node.
    pub(crate) from: String,
    /// The address of the other.
    pub(crate) to: String,
    /// A session's state, or `shutdown`; how the kernel stands to what is flooded through a tunnel.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) state: String,
    /// The networks of a tunnel, or of the paths.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) vnis: Vec<u32>,
}

/// What is between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LinkKind {
    /// A BGP session.
    Session,
    /// VXLAN.
    Tunnel,
    /// The one tells this node how to reach the other.
    Path,
}

/// How a link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Good,
    Waiting,
    Bad,
    Unknown,
}

impl Health {
    /// The colour of its line.
    fn colour(self) -> &'static str {
        match self {
            Health::Good => "#2e7d32",
            Health::Waiting => "#b26a00",
            Health::Bad => "#c62828",
            Health::Unknown => "#757575",
        }
    }
}

impl Topology {
    /// The node's place among the nodes, by its address.
    fn numbers(&self) -> HashMap<&str, usize> {
        self.nodes.iter().enumerate().map(|(number, node)| (node.address.as_str(), number)).collect()
    }

    /// The links with the numbers of their ends.
    fn numbered(&self) -> impl Iterator<Item = (usize, usize, &Link)> {
        let numbers = self.numbers();
        self.links.iter().filter_map(move |link| {
            Some((*numbers.get(link.from.as_str())?, *numbers.get(link.to.as_str())?, link))
        })
    }
}

impl Node {
    /// Whether it is in this role.
    pub(crate) fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// The lines of its label: what it is called, where it is, what it is.
    fn label(&self) -> Vec<String> {
        let mut lines = vec![if self.name.is_empty() { self.address.clone() } else { self.name.clone() }];
        if !self.name.is_empty() {
            lines.push(self.address.clone());
        }
        let roles = self.roles.iter().map(|role| role.word().to_owned());
        let asn = self.asn.map(|asn| format!("AS {asn}"));
        lines.push(roles.chain(asn).collect::<Vec<_>>().join(", "));
        if !self.vtep.is_empty() && self.vtep != self.address {
            lines.push(format!("tunnels {}", self.vtep));
        }
        if !self.vnis.is_empty() {
            lines.push(format!("VNI {}", vni_runs(&self.vnis)));
        }
        lines
    }
}

impl Link {
    /// How its state is shown in a table.
    pub(crate) fn tone(&self) -> Tone {
        match self.health() {
            Health::Good => Tone::Good,
            Health::Waiting => Tone::Waiting,
            Health::Bad => Tone::Bad,
            Health::Unknown => Tone::Plain,
        }
    }

    fn health(&self) -> Health {
        match self.state.as_str() {
            "established" | "programmed" => Health::Good,
            "pending" | "connect" | "opensent" | "openconfirm" => Health::Waiting,
            "" | "shutdown" => Health::Unknown,
            _ => Health::Bad,
        }
    }

    /// What stands on its line.
    fn label(&self) -> String {
        match self.kind {
            LinkKind::Session => self.state.clone(),
            LinkKind::Tunnel => {
                let vnis = format!("VNI {}", vni_runs(&self.vnis));
                if self.health() == Health::Good || self.state.is_empty() {
                    vnis
                } else {
                    vnis + ": " + &self.state
                }
            }
            LinkKind::Path => String::new(),
        }
    }
}

/// `100-103, 200`: VNIs in order, those that follow one another as one run, and no more runs than a label has room for.
pub(crate) fn vni_runs(vnis: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &vni in vnis {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(vni) => *last = vni,
            _ => runs.push((vni, vni)),
        }
    }
    let shown = runs.iter().take(RUNS).map(|(first, last)| match last - first {
        0 => first.to_string(),
        _ => format!("{first}-{last}"),
    });
    let left: u32 = runs.iter().skip(RUNS).map(|(first, last)| last - first + 1).sum();
    let left = (left > 0).then(|| format!("{left} more"));
    shown.chain(left).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_vnis() {
        assert_eq!(vni_runs(&[]), "");
        assert_eq!(vni_runs(&[7]), "7");
        assert_eq!(vni_runs(&[1, 2, 3, 5, 7, 8]), "1-3, 5, 7-8");
        assert_eq!(vni_runs(&[1, 3, 5, 7, 9, 10, 12]), "1, 3, 5, 7, 3 more");
        assert_eq!(vni_runs(&[0xff_fffe, 0xff_ffff]), "16777214-16777215");
    }
}
