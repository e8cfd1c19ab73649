//! What a node counts, against what it lists.

use api::{Answer, Query, v1};

use super::list::{Listed, all_paths, listed};
use crate::peer::ip;
use crate::sim::Sim;

impl Sim {
    /// Counts that a walk through the tables does not bear out.
    pub(super) fn count_faults(&mut self, node: usize) -> Vec<String> {
        let lists = listed(&mut self.nodes[node]);
        let Answer::GetStatus(status) = self.nodes[node].ask(Query::GetStatus(Default::default())) else {
            unreachable!("an answer to another question");
        };
        let mut counts = Counts { node, faults: Vec::new() };
        counts.evpn(&status, &lists);
        counts.kernel(&status, &lists);
        let all = all_paths(&mut self.nodes[node], v1::Table::Unspecified, None);
        for table in &status.tables {
            let paths: Vec<&v1::Path> = all.iter().filter(|path| path.family == table.family).collect();
            let mut keys: Vec<&str> = paths.iter().map(|path| path.nlri.as_str()).collect();
            keys.sort_unstable();
            keys.dedup();
            counts.same(&format!("{} paths", table.family), table.paths, paths.len());
            counts.same(&format!("{} destinations", table.family), table.destinations, keys.len());
        }
        counts.faults.extend(self.neighbor_count_faults(node));
        counts.faults
    }

    fn neighbor_count_faults(&mut self, node: usize) -> Vec<String> {
        let Answer::ListNeighbors(list) = self.nodes[node].ask(Query::ListNeighbors(Default::default()))
        else {
            unreachable!("an answer to another question");
        };
        let mut counts = Counts { node, faults: Vec::new() };
        for number in 0..self.nodes[node].spec.neighbors() {
            let (other, _) = self.nodes[node].spec.other_end(number);
            let address = ip(other).to_string();
            let Some(row) = list.neighbors.iter().find(|row| row.address == address) else {
                counts.faults.push(format!("node {node}: count: no row of neighbour {address}"));
                continue;
            };
            if row.state() != v1::NeighborState::Established {
                continue;
            }
            let taken = all_paths(&mut self.nodes[node], v1::Table::In, Some(other));
            let told = all_paths(&mut self.nodes[node], v1::Table::Out, Some(other));
            let of = |paths: &[v1::Path], family: &str| paths.iter().filter(|p| p.family == family).count();
            for family in &row.families {
                let name = &family.family;
                counts.same(&format!("{name} accepted of {other}"), family.accepted, of(&taken, name));
                counts.same(&format!("{name} advertised to {other}"), family.advertised, of(&told, name));
            }
        }
        counts.faults
    }
}

struct Counts {
    node: usize,
    faults: Vec<String>,
}

impl Counts {
    fn same(&mut self, what: &str, counted: u64, listed: usize) {
        if counted != listed as u64 {
            self.faults.push(format!("node {}: count: {counted} {what}, listed {listed}", self.node));
        }
    }

    fn evpn(&mut self, status: &v1::Status, lists: &Listed) {
        use v1::HostType::{Local, Remote};
        self.same("networks", status.vnis, lists.vnis.len());
        let macs = |kind: v1::HostType, vni: u32| {
            lists.macs.iter().filter(|mac| mac.r#type() == kind && mac.vni == vni).count()
        };
        let arps = |kind: v1::HostType, vni: u32| {
            lists.arps.iter().filter(|arp| arp.r#type() == kind && arp.vni == vni).count()
        };
        for row in &lists.vnis {
            let vni = row.vni;
            self.same("local MACs", row.local_macs, macs(Local, vni));
            self.same("remote MACs", row.remote_macs, macs(Remote, vni));
            self.same("local bindings", row.local_neighbors, arps(Local, vni));
            self.same("remote bindings", row.remote_neighbors, arps(Remote, vni));
            let vteps = lists.vteps.iter().filter(|vtep| vtep.vni == vni).count();
            self.same("VTEPs", row.remote_vteps, vteps);
        }
        let of = |count: fn(&v1::Vni) -> u64| lists.vnis.iter().map(count).sum::<u64>() as usize;
        self.same("MACs of all", status.macs, of(|row| row.local_macs + row.remote_macs));
        self.same("bindings of all", status.arps, of(|row| row.local_neighbors + row.remote_neighbors));
        self.same("VTEPs of all", status.vteps, of(|row| row.remote_vteps));
    }

    /// At rest everything wanted is there, and nobody is in the way.
    fn kernel(&mut self, status: &v1::Status, lists: &Listed) {
        let is_route = |row: &&v1::FibEntry| row.kind() == v1::FibKind::Route;
        let (routes, rows): (Vec<_>, Vec<_>) = lists.fib_entries.iter().partition(is_route);
        let wanted = |rows: &[&v1::FibEntry]| rows.iter().filter(|row| !row.wanted.is_empty()).count();
        let programmed = |rows: &[&v1::FibEntry]| {
            rows.iter().filter(|row| row.state() == v1::KernelState::Programmed).count()
        };
        if let Some(fib) = &status.fib {
            self.same("rows wanted", fib.wanted, wanted(&rows));
            self.same("rows programmed", fib.programmed, programmed(&rows));
            self.same("rows not as wanted", fib.pending + fib.failed + fib.conflicts, 0);
        }
        if let Some(fib) = &status.routes {
            self.same("routes wanted", fib.wanted, wanted(&routes));
            self.same("routes programmed", fib.programmed, programmed(&routes));
            let astray = fib.pending + fib.failed + fib.conflicts + fib.unreachable;
            self.same("routes not as wanted", astray, 0);
        }
        let idle = lists.fib_entries.iter().filter(|row| row.state() != v1::KernelState::Programmed);
        self.faults.extend(idle.map(|row| format!("node {}: not programmed: {row:?}", self.node)));
    }
}
