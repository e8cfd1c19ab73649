//! What must hold once all is quiet.
//!
//! The nodes are asked as an operator asks them. What the kernels must have is worked out from the hosts and the pods
//! alone (`truth`), so that a node which wants the wrong thing is found out as well as one that does not get
//! what it wants. What is counted is held against what is listed (`counts`).

mod counts;
mod list;
mod truth;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use api::{Answer, Query, v1};

use crate::hosts::Host;
use crate::peer::ip;
use crate::sim::Sim;

pub(crate) use list::{Listed, all_paths, listed};

/// How often it is looked whether what was just said has arrived.
const MOMENT: Duration = Duration::from_millis(2);

impl Sim {
    /// Everything that is not as it must be, once nothing has happened for so long.
    pub(crate) fn faults(&mut self, quiet: Duration) -> Vec<String> {
        let mut faults = self.unrest(quiet);
        for node in self.running() {
            faults.append(&mut self.nodes[node].faults);
            faults.extend(self.session_faults(node));
            faults.extend(self.count_faults(node));
            faults.extend(self.unanswered(node));
        }
        for (a, b) in self.topology.links() {
            if self.nodes[a].is_running() && self.nodes[b].is_running() {
                faults.extend(self.rib_faults(a, b));
                faults.extend(self.rib_faults(b, a));
            }
        }
        faults.extend(self.row_faults());
        faults.extend(self.watch_faults());
        faults
    }

    /// Hosts and pods that some node does not find where they are. Traces of what is gone do not matter here.
    pub(crate) fn lost(&mut self) -> Vec<String> {
        let mut faults = self.row_faults();
        faults.retain(|fault| fault.contains(": missing: "));
        faults
    }

    /// Whether all kernels have what they must, and all sessions are up.
    pub(crate) fn agrees(&mut self) -> bool {
        let (running, now) = (self.running(), self.now());
        if self.paused.values().any(|until| *until > now) {
            return false;
        }
        running.iter().all(|node| self.rows_agree(*node))
            && running.into_iter().all(|node| self.session_faults(node).is_empty())
    }

    /// The nodes whose daemons run.
    pub(crate) fn running(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].is_running()).collect()
    }

    /// What nodes and their kernels know, against the truth.
    fn row_faults(&mut self) -> Vec<String> {
        let mut faults = Vec::new();
        for node in self.running() {
            if !self.topology.nodes[node].vnis.is_empty() {
                faults.extend(self.mac_faults(node));
            }
            let (wanted, there) = (self.wanted_rows(node), self.rows(node));
            faults.extend(difference(&format!("the kernel of node {node}"), &wanted, &there));
        }
        faults
    }

    /// Nobody has anything left to say.
    fn unrest(&mut self, quiet: Duration) -> Vec<String> {
        let before = self.asked();
        self.run(quiet);
        let after = self.asked();
        let mut faults = Vec::new();
        if before != after {
            let ends = self.running().into_iter().map(|node| self.last_ends(node)).collect::<Vec<_>>();
            faults.push(format!("no rest: (UPDATEs, ops) {before:?}, then {after:?}; {}", ends.join("; ")));
        }
        // A KEEPALIVE may be on its way.
        for _ in 0..50 {
            if self.unfinished().is_empty() {
                return faults;
            }
            self.run(MOMENT);
        }
        faults.extend(self.unfinished());
        faults
    }

    /// Which sessions of a node ended last, for whoever wonders what is going on.
    fn last_ends(&mut self, node: usize) -> String {
        let Answer::ListNeighbors(list) = self.nodes[node].ask(Query::ListNeighbors(Default::default()))
        else {
            unreachable!("an answer to another question");
        };
        let end = |row: &v1::Neighbor| {
            format!("{} up or down for {:?} s: {}", row.address, row.since_seconds, row.last_error)
        };
        format!("node {node} with {}", list.neighbors.iter().map(end).collect::<Vec<_>>().join(", "))
    }

    /// How many UPDATEs were sent, and how much was asked of kernels.
    pub(crate) fn asked(&self) -> (u64, u64) {
        (self.updates(), self.nodes.iter().map(|node| node.kernel.asked + node.routes.asked).sum())
    }

    /// What is still on its way, or waits, or is held for somebody.
    fn unfinished(&self) -> Vec<String> {
        let octets = self.net.borrow().unfinished();
        let octets = (octets > 0).then(|| format!("left over: {octets} in connections"));
        let nodes = self.running().into_iter();
        let waits =
            nodes.flat_map(|node| self.nodes[node].unfinished().into_iter().map(move |what| (node, what)));
        waits.map(|(node, what)| format!("node {node}: left over: {what}")).chain(octets).collect()
    }

    fn session_faults(&mut self, node: usize) -> Vec<String> {
        let Answer::ListNeighbors(list) = self.nodes[node].ask(Query::ListNeighbors(Default::default()))
        else {
            unreachable!("an answer to another question");
        };
        let gone: BTreeSet<String> = (0..self.nodes.len())
            .filter(|n| !self.nodes[*n].is_running())
            .map(|n| ip(n).to_string())
            .collect();
        let mut faults = Vec::new();
        for row in list.neighbors {
            let stale: u64 = row.families.iter().map(|family| family.stale).sum();
            let kept = row.families.iter().map(|family| family.accepted).sum::<u64>();
            if gone.contains(&row.address) {
                if kept > 0 {
                    faults.push(format!("node {node} with {}: left over: {kept} paths", row.address));
                }
                continue;
            }
            let served = row.families.iter().all(|family| family.in_sync && family.end_of_rib_received);
            if row.state() != v1::NeighborState::Established || !served || stale > 0 {
                faults.push(format!(
                    "node {node} with {}: {:?}, served: {served}, stale: {stale}; {}",
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
        let out = all_paths(&mut self.nodes[from], v1::Table::Out, Some(to));
        let sent: BTreeSet<String> = out.iter().filter(|path| !refused(path)).map(line).collect();
        let has = all_paths(&mut self.nodes[to], v1::Table::In, Some(from)).iter().map(line).collect();
        difference(&format!("what {to} has of {from}"), &sent, &has)
    }

    /// A node knows where every host is, and of no other host.
    fn mac_faults(&mut self, node: usize) -> Vec<String> {
        let place = |host: &Host| {
            let at = host.place.node;
            if at == node { "here".to_owned() } else { ip(at).to_string() }
        };
        let row = |vni: u32, mac: String, at: String| format!("{vni} {mac} {at}");
        let served = |host: &&Host| self.nodes[node].kernel.tables.serves(host.vni);
        let hosts = self.hosts.alive.values().filter(served);
        let wanted = hosts.map(|host| row(host.vni.get(), host.mac.to_string(), place(host))).collect();
        let known = listed(&mut self.nodes[node]).macs.into_iter().filter_map(|mac| match mac.r#type() {
            v1::HostType::Local => Some(row(mac.vni, mac.mac, "here".to_owned())),
            v1::HostType::Remote => Some(row(mac.vni, mac.mac, mac.vtep)),
            // Only an address is known to lead to it.
            v1::HostType::Unspecified => None,
        });
        difference(&format!("the MACs of node {node}"), &wanted, &known.collect())
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

pub(crate) fn difference(of: &str, wanted: &BTreeSet<String>, there: &BTreeSet<String>) -> Vec<String> {
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
    format!(
        "{} faults: {kinds:?}\n{}",
        faults.len(),
        faults.iter().take(12).cloned().collect::<Vec<_>>().join("\n")
    )
}
