//! Many hosts behind two leaves, and what the leaves' kernels are to have of them: that, and nothing else.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bgp::types::Mac;
use lab::netlink::{self, NeighborRow};
use lab::packet::StandIns;
use lab::{Lab, Node, wait_until};

use crate::fabric::{CONVERGE, vtep};

/// The leaves, and the node of each whose cable its hosts are behind.
pub(crate) const LEAVES: [(&str, &str); 2] = [("leaf1", "host11"), ("leaf2", "host21")];

/// The hosts, each behind one of the leaves: 0 or 1.
pub(crate) struct Crowd {
    behind: BTreeMap<u16, usize>,
    stand_ins: [StandIns; 2],
}

/// The MAC and the address of a host.
fn names(host: u16) -> (Mac, Ipv4Addr) {
    let [high, low] = host.to_be_bytes();
    (Mac([2, 0, 0, 7, high, low]), Ipv4Addr::new(192, 168, 128 + high, low))
}

impl Crowd {
    /// Nobody yet.
    pub(crate) fn new(lab: &Lab) -> Result<Crowd> {
        let behind = |node| anyhow::Ok(StandIns::start(lab.node(node)?.netns(), "eth1")?);
        let [(_, one), (_, other)] = LEAVES;
        Ok(Crowd { behind: BTreeMap::new(), stand_ins: [behind(one)?, behind(other)?] })
    }

    /// These hosts say where they are: behind this leaf, wherever they were before.
    pub(crate) fn appear(&mut self, hosts: &[u16], leaf: usize) -> Result<()> {
        for (_, ip) in hosts.iter().copied().map(names) {
            self.stand_ins.iter().for_each(|node| node.vanish(ip));
        }
        self.stand_ins[leaf].appear(hosts.iter().copied().map(names))?;
        self.behind.extend(hosts.iter().map(|host| (*host, leaf)));
        Ok(())
    }

    /// The bridges of their leaves forget these hosts.
    pub(crate) fn vanish(&mut self, lab: &Lab, hosts: &[u16]) -> Result<()> {
        let mut lines = [String::new(), String::new()];
        for host in hosts {
            let leaf = self.behind.remove(host).context("a host that is nowhere")?;
            let (mac, ip) = names(*host);
            self.stand_ins[leaf].vanish(ip);
            writeln!(lines[leaf], "fdb del {mac} dev eth2 master")?;
        }
        for ((leaf, _), lines) in LEAVES.iter().zip(lines) {
            lab.node(leaf)?.sh(&format!("bridge -batch - <<'END'\n{lines}END"))?;
        }
        Ok(())
    }

    /// All of them go.
    pub(crate) fn vanish_with_cables(&mut self, lab: &Lab) -> Result<()> {
        self.behind.clear();
        LEAVES.iter().try_for_each(|(leaf, _)| lab.node(leaf)?.sh("ip link set eth2 down").map(drop))
    }

    /// Which leaf a host is behind.
    pub(crate) fn leaf(&self, host: u16) -> Option<usize> {
        self.behind.get(&host).copied()
    }

    /// Waits until both kernels are exact; how long that took.
    pub(crate) fn wait_until_exact(&self, lab: &Lab) -> Result<Duration> {
        let since = Instant::now();
        for (leaf, (name, _)) in LEAVES.iter().enumerate() {
            let (node, wanted) = (lab.node(name)?, self.wanted(leaf));
            wait_until(CONVERGE, &format!("exact rows on {name}"), || {
                let found = rows(node)?;
                let missing: Vec<_> = wanted.iter().filter(|row| !found.contains(row)).take(5).collect();
                let more: Vec<_> = found.iter().filter(|row| !wanted.contains(row)).take(5).collect();
                let lengths = (found.len(), wanted.len());
                ensure!(found == wanted, "{lengths:?} rows, missing {missing:#?}, too many {more:#?}");
                Ok(())
            })
            .with_context(|| node.log())?;
        }
        Ok(since.elapsed())
    }

    /// What the kernel of a leaf is to have from linnetd: the hosts behind the other one, and the way to flood.
    fn wanted(&self, leaf: usize) -> Vec<String> {
        let (other, _) = LEAVES[1 - leaf];
        let vtep = vtep(other);
        let mut rows = vec![format!("00:00:00:00:00:00 dev vxlan100 dst {vtep} self extern_learn permanent")];
        for host in self.behind.iter().filter(|(_, behind)| **behind != leaf).map(|(host, _)| *host) {
            let (mac, ip) = names(host);
            rows.push(format!("{mac} dev vxlan100 dst {vtep} self extern_learn permanent"));
            rows.push(format!("{mac} dev vxlan100 extern_learn master br100"));
            rows.push(format!("{mac} dev vxlan100 extern_learn master br100, in VLAN 1"));
            rows.push(format!("{ip} dev br100 lladdr {mac} extern_learn NOARP proto 108"));
        }
        rows.sort();
        rows
    }
}

/// What a control plane has put into the kernel of a leaf, with the copies that the kernel has made for VLANs.
fn rows(leaf: &Node) -> Result<Vec<String>> {
    let both = || (netlink::fdb_with_vlans("vxlan100"), netlink::neighbors("br100"));
    let (fdb, neighbors) = leaf.netns().run(both)?;
    let (fdb, neighbors) = (fdb?, neighbors?);
    let fdb = fdb.iter().filter(|(_, row)| row.extern_learn).map(|(vlan, row)| match vlan {
        0 => row.to_string(),
        vlan => format!("{row}, in VLAN {vlan}"),
    });
    let neighbors = neighbors.iter().filter(|row| row.extern_learn).map(NeighborRow::to_string);
    let mut rows: Vec<String> = fdb.chain(neighbors).collect();
    rows.sort();
    Ok(rows)
}
