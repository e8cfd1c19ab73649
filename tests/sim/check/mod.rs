//! What must hold once all is quiet.
//!
//! The nodes are asked as an operator asks them. What the kernels must have is worked out from the hosts alone,
//! so that a node which wants the wrong thing is found out as well as one that does not get what it wants.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use api::{Answer, Query, v1};

use crate::hosts::Host;
use crate::peer::ip;
use crate::sim::Sim;

/// How long nothing may happen.
const QUIET: Duration = Duration::from_secs(40);

impl Sim {
    /// Everything that is not as it must be.
    pub(crate) fn faults(&mut self) -> Vec<String> {
        let mut faults = self.unrest();
        for node in 0..self.nodes.len() {
            faults.extend(self.session_faults(node));
        }
        for (a, b) in self.topology.links() {
            faults.extend(self.rib_faults(a, b));
            faults.extend(self.rib_faults(b, a));
        }
        for leaf in self.topology.leaves() {
            faults.extend(self.mac_faults(leaf));
            let (wanted, there) = (self.wanted_rows(leaf), self.rows(leaf));
            faults.extend(difference(&format!("the kernel of node {leaf}"), &wanted, &there));
        }
        faults
    }

    /// Hosts that some node does not find where they are. Traces of hosts that are gone do not matter here.
    pub(crate) fn lost_hosts(&mut self) -> Vec<String> {
        let mut faults = Vec::new();
        for leaf in self.topology.leaves() {
            faults.extend(self.mac_faults(leaf));
            faults.extend(difference(
                &format!("the kernel of node {leaf}"),
                &self.wanted_rows(leaf),
                &self.rows(leaf),
            ));
        }
        faults.retain(|fault| fault.contains(": missing: "));
        faults
    }

    /// Whether all kernels have what they must, and all sessions are up.
    pub(crate) fn agrees(&mut self) -> bool {
        let up = (0..self.nodes.len()).all(|node| self.session_faults(node).is_empty());
        up && self.topology.leaves().into_iter().all(|leaf| self.wanted_rows(leaf) == self.rows(leaf))
    }

    /// Nobody has anything left to say.
    fn unrest(&mut self) -> Vec<String> {
        let count = |sim: &Sim| (sim.updates(), sim.nodes.iter().map(|node| node.kernel.asked).sum::<u64>());
        let before = count(self);
        self.run(QUIET);
        let after = count(self);
        if before == after {
            Vec::new()
        } else {
            vec![format!("no rest: (UPDATEs, ops) {before:?}, then {after:?}")]
        }
    }

    fn session_faults(&mut self, node: usize) -> Vec<String> {
        let Answer::ListNeighbors(list) = self.nodes[node].ask(Query::ListNeighbors(Default::default()))
        else {
            unreachable!("an answer to another question");
        };
        let mut faults = Vec::new();
        for row in list.neighbors {
            let served = row.families.iter().all(|family| family.in_sync && family.end_of_rib_received);
            if row.state() != v1::NeighborState::Established || !served {
                faults.push(format!(
                    "node {node} with {}: {:?}, served: {served}; {}",
                    row.address,
                    row.state(),
                    row.last_error
                ));
            }
        }
        faults
    }

    /// What `from` has sent is what `to` has, but for what `to` must refuse.
    fn rib_faults(&mut self, from: usize, to: usize) -> Vec<String> {
        let asn = self.nodes[to].spec.asn().to_string();
        let refused = |path: &v1::Path| {
            path.originator_id == ip(to).to_string()
                || path.cluster_list.contains(&ip(to).to_string())
                || path.as_path().split(' ').any(|hop| hop == asn)
        };
        let sent: BTreeSet<String> =
            self.paths(from, to, v1::Table::Out).iter().filter(|path| !refused(path)).map(line).collect();
        let has: BTreeSet<String> = self.paths(to, from, v1::Table::In).iter().map(line).collect();
        difference(&format!("what {to} has of {from}"), &sent, &has)
    }

    fn paths(&mut self, at: usize, with: usize, table: v1::Table) -> Vec<v1::Path> {
        let mut paths = Vec::new();
        let mut query = v1::ListPathsRequest {
            neighbor: ip(with).to_string(),
            table: table.into(),
            ..Default::default()
        };
        loop {
            let Answer::ListPaths(page) = self.nodes[at].ask(Query::ListPaths(query.clone())) else {
                unreachable!("an answer to another question");
            };
            paths.extend(page.paths);
            query.page_token = page.next_page_token;
            if query.page_token.is_empty() {
                return paths;
            }
        }
    }

    /// A node knows where every host is, and of no other host.
    fn mac_faults(&mut self, node: usize) -> Vec<String> {
        let query = v1::ListMacsRequest { page_size: 2000, ..Default::default() };
        let Answer::ListMacs(list) = self.nodes[node].ask(Query::ListMacs(query)) else {
            unreachable!("an answer to another question");
        };
        let place = |host: &Host| {
            let at = host.place.node;
            if at == node { "here".to_owned() } else { ip(at).to_string() }
        };
        let row = |vni: u32, mac: String, at: String| format!("{vni} {mac} {at}");
        let wanted =
            self.hosts.alive.values().map(|host| row(host.vni.get(), host.mac.to_string(), place(host)));
        let known = list.macs.into_iter().filter(|mac| mac.r#type() != v1::HostType::Unspecified);
        let known = known.map(|mac| match mac.r#type() {
            v1::HostType::Local => row(mac.vni, mac.mac, "here".to_owned()),
            _ => row(mac.vni, mac.mac, mac.vtep),
        });
        difference(&format!("the MACs of node {node}"), &wanted.collect(), &known.collect())
    }

    /// What a kernel must have, from what hosts there are.
    fn wanted_rows(&self, node: usize) -> BTreeSet<String> {
        let leaves = self.topology.leaves();
        let tables = &self.nodes[node].kernel.tables;
        let mut rows = BTreeSet::new();
        for segment in &tables.segments {
            let others = leaves.iter().filter(|leaf| **leaf != node);
            rows.extend(others.map(|leaf| format!("{} flood {}", segment.vni, ip(*leaf))));
        }
        for host in self.hosts.alive.values() {
            let Host { vni, mac, ip: address, place, sticky } = host;
            if place.node == node {
                let port = tables.segment(*vni).ports[place.port];
                rows.insert(format!("{vni} {mac} on {port:?} sticky {sticky} external false"));
                rows.insert(format!("{vni} {address} is {mac} Usable"));
            } else {
                let port = tables.segment(*vni).vxlan;
                rows.insert(format!("{vni} {mac} to {}", ip(place.node)));
                rows.insert(format!("{vni} {mac} on {port:?} sticky {sticky} external true"));
                rows.insert(format!("{vni} {address} is {mac} NoArp"));
            }
        }
        rows
    }

    /// What a kernel has, but for what is the kernel's own or an operator's.
    fn rows(&self, node: usize) -> BTreeSet<String> {
        self.nodes[node].kernel.tables.lines()
    }
}

/// A path without what only one side knows of it.
fn line(path: &v1::Path) -> String {
    let common = v1::Path {
        neighbor: String::new(),
        best: false,
        valid: false,
        stale: false,
        reason: String::new(),
        age_seconds: 0,
        version: 0,
        ..path.clone()
    };
    format!("{common:?}")
}

fn difference(of: &str, wanted: &BTreeSet<String>, there: &BTreeSet<String>) -> Vec<String> {
    let missing = wanted.difference(there).map(|row| format!("{of}: missing: {row}"));
    let extra = there.difference(wanted).map(|row| format!("{of}: not wanted: {row}"));
    missing.chain(extra).collect()
}

/// How often each kind of fault occurs, for a report that fits on a screen.
pub(crate) fn summary(faults: &[String]) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for fault in faults {
        *kinds.entry(fault.split(": ").nth(1).unwrap_or_default()).or_default() += 1;
    }
    format!("{kinds:?}\n{}", faults.iter().take(12).cloned().collect::<Vec<_>>().join("\n"))
}
