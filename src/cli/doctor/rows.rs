//! Rows compared: those that linnetd wants with those that the kernel has, and, where linnetd cannot be asked, the
//! kernel's rows with each other.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use api::v1;
use bgp::types::Mac;

use super::facts::Network;
use super::facts::kernel::Tables;

/// One row that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Difference {
    /// Its network.
    pub(super) vni: u32,
    /// Its kind.
    pub(super) kind: v1::FibKind,
    /// What identifies it: a MAC, an address, a VTEP.
    pub(super) key: String,
    /// What is wrong with it.
    pub(super) what: String,
    /// linnetd knows, and says this.
    pub(super) said: String,
    /// linnetd is at work on it, or somebody else's row is in its place.
    pub(super) state: v1::KernelState,
}

/// Where the kernel has not what linnetd wants, in order.
pub(super) fn differences(
    entries: &[v1::FibEntry],
    networks: &[Network<'_>],
    tables: &Tables,
) -> Vec<Difference> {
    let seen = Seen::of(networks, tables);
    let wanted = entries.iter().filter(|entry| !entry.wanted.is_empty());
    let different = |entry: &v1::FibEntry| {
        let missing = seen.fault(entry);
        let is_said = entry.state() != v1::KernelState::Programmed;
        let what = missing.or_else(|| is_said.then(|| "is not as wanted".to_owned()))?;
        Some(Difference {
            vni: entry.vni.unwrap_or_default(),
            kind: entry.kind(),
            key: entry.key.clone(),
            what,
            said: entry.reason.clone(),
            state: entry.state(),
        })
    };
    let mut differences: Vec<Difference> = wanted.filter_map(different).collect();
    differences.sort_unstable();
    differences
}

/// The kernel's rows of the networks, for being looked up.
#[derive(Default)]
struct Seen {
    tunnel: HashSet<(u32, Mac, IpAddr)>,
    bridge: HashSet<(u32, Mac)>,
    neighbors: HashSet<(u32, IpAddr, Mac)>,
}

impl Seen {
    fn of(networks: &[Network<'_>], tables: &Tables) -> Seen {
        let mut seen = Seen::default();
        for network in networks {
            let Some((vxlan, _)) = network.vxlan else { continue };
            for row in tables.fdb.iter().filter(|row| row.device == vxlan.index) {
                match row.vtep {
                    Some(vtep) if !row.of_bridge => drop(seen.tunnel.insert((network.vni, row.mac, vtep))),
                    _ if row.of_bridge => drop(seen.bridge.insert((network.vni, row.mac))),
                    _ => {}
                }
            }
            let Some(bridge) = network.bridge else { continue };
            for row in tables.neighbors.iter().filter(|row| row.device == bridge.index) {
                seen.neighbors.extend(row.mac.map(|mac| (network.vni, row.ip, mac)));
            }
        }
        seen
    }

    /// What of an entry is missing; `None` too for what linnetd says in a way that is not known here.
    fn fault(&self, entry: &v1::FibEntry) -> Option<String> {
        let vni = entry.vni?;
        match entry.kind() {
            v1::FibKind::Flood => {
                let vtep = entry.key.parse().ok()?;
                (!self.tunnel.contains(&(vni, Mac::ZERO, vtep)))
                    .then(|| "is not in the flood list".to_owned())
            }
            v1::FibKind::Mac => {
                let (mac, vtep) = (entry.key.parse().ok()?, word(&entry.wanted, "dst")?.parse().ok()?);
                match (self.tunnel.contains(&(vni, mac, vtep)), self.bridge.contains(&(vni, mac))) {
                    (true, true) => None,
                    (false, _) => Some(format!("has no row of the VXLAN device to {vtep}")),
                    (true, false) => Some("has no row of the bridge".to_owned()),
                }
            }
            v1::FibKind::Neighbor => {
                let (ip, mac) = (entry.key.parse().ok()?, word(&entry.wanted, "lladdr")?.parse().ok()?);
                (!self.neighbors.contains(&(vni, ip, mac))).then(|| format!("is no neighbor with {mac}"))
            }
            _ => None,
        }
    }
}

/// The word behind another one.
fn word<'t>(text: &'t str, before: &str) -> Option<&'t str> {
    let mut words = text.split_whitespace();
    words.find(|word| *word == before)?;
    words.next()
}

/// The VTEPs that a VXLAN device sends anything to.
pub(super) fn remote(tables: &Tables, vxlan: u32) -> Vec<IpAddr> {
    let own = tables.fdb.iter().filter(|row| row.device == vxlan && !row.of_bridge);
    own.filter_map(|row| row.vtep)
        .filter(|vtep| !vtep.is_multicast())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// What contradicts itself in the rows of a network that a control plane has set.
pub(super) fn contradictions(network: &Network<'_>, tables: &Tables) -> Vec<String> {
    let Some((vxlan, _)) = network.vxlan else { return Vec::new() };
    let rows = tables.fdb.iter().filter(|row| row.device == vxlan.index && row.external);
    let (mut tunnel, mut bridge, mut flood) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for row in rows {
        match (row.of_bridge, row.vtep) {
            (true, _) => drop(bridge.insert(row.mac)),
            (false, Some(vtep)) if row.mac == Mac::ZERO => drop(flood.insert(vtep)),
            (false, Some(vtep)) => drop(tunnel.insert((row.mac, vtep))),
            (false, None) => {}
        }
    }
    let macs: BTreeSet<Mac> = tunnel.iter().map(|(mac, _)| *mac).collect();
    let vteps: BTreeSet<IpAddr> = tunnel.iter().map(|(_, vtep)| *vtep).collect();
    let here = network.bridge.map(|bridge| bridge.index);
    let answered = tables.neighbors.iter().filter(|row| Some(row.device) == here && row.external);
    let orphans = answered.filter(|row| row.mac.is_some_and(|mac| !macs.contains(&mac)));
    let no_bridge_row = macs.difference(&bridge).map(|mac| format!("{mac} has no row of the bridge"));
    let no_tunnel_row = bridge.difference(&macs).map(|mac| format!("{mac} has no row of the VXLAN device"));
    let no_flood = vteps.difference(&flood).map(|vtep| format!("{vtep} is not in the flood list"));
    let no_mac = orphans.map(|row| format!("{} is a neighbor whose MAC has no row", row.ip));
    no_bridge_row.chain(no_tunnel_row).chain(no_flood).chain(no_mac).collect()
}
