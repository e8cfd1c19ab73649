//! The devices, and which of them serve which VNI.
//!
//! A VNI is served by a VXLAN device that is a port of a bridge. Where several could, the one that does now
//! goes on, else the one with the lowest index is taken. A bridge without VLANs is one network: the second
//! VXLAN device on it serves nothing.

use std::collections::BTreeSet;
use std::net::IpAddr;

use bgp::types::Vni;
use hashbrown::{HashMap, HashSet};

use super::place::Segment;
use crate::config::FibConfig;
use crate::event::{Link, LinkKind};
use crate::row::IfIndex;

/// All devices.
#[derive(Debug, Default)]
pub(super) struct Links {
    all: HashMap<IfIndex, Link>,
    /// The VXLAN devices of each VNI.
    vxlans: HashMap<Vni, BTreeSet<IfIndex>>,
    /// The VNIs of the VXLAN devices on each bridge.
    on_bridge: HashMap<IfIndex, BTreeSet<(Vni, IfIndex)>>,
    /// The VNI that a VXLAN device or a bridge serves.
    serves: HashMap<IfIndex, Vni>,
    /// Devices that the running dump has not shown yet.
    unfresh: HashSet<IfIndex>,
    /// Times that a device came, went or changed.
    changes: u64,
}

impl Links {
    /// Takes a device in. The VNIs that it concerns are to be looked at again.
    pub(super) fn seen(&mut self, link: Link) -> BTreeSet<Vni> {
        let index = link.index;
        self.unfresh.remove(&index);
        if self.all.get(&index) == Some(&link) {
            return BTreeSet::new();
        }
        let mut concerned = self.gone(index);
        if let LinkKind::Vxlan { vni, .. } = link.kind {
            self.vxlans.entry(vni).or_default().insert(index);
            if let Some(bridge) = link.master {
                self.on_bridge.entry(bridge).or_default().insert((vni, index));
            }
        }
        concerned.extend(self.concerned(&link));
        self.changes += 1;
        self.all.insert(index, link);
        concerned
    }

    /// Lets a device go. The VNIs that it concerned are to be looked at again.
    pub(super) fn gone(&mut self, index: IfIndex) -> BTreeSet<Vni> {
        self.unfresh.remove(&index);
        let Some(link) = self.all.remove(&index) else { return BTreeSet::new() };
        self.changes += 1;
        let concerned = self.concerned(&link);
        if let LinkKind::Vxlan { vni, .. } = link.kind {
            remove_from(&mut self.vxlans, vni, &index);
            if let Some(bridge) = link.master {
                remove_from(&mut self.on_bridge, bridge, &(vni, index));
            }
        }
        concerned
    }

    /// A VXLAN device concerns its VNI and those that wait for its bridge; a bridge those that are on it.
    fn concerned(&self, link: &Link) -> BTreeSet<Vni> {
        let (own, bridge) = match link.kind {
            LinkKind::Vxlan { vni, .. } => (Some(vni), link.master),
            LinkKind::Bridge => (None, Some(link.index)),
            LinkKind::Other => (None, None),
        };
        let there = bridge.and_then(|bridge| self.on_bridge.get(&bridge)).into_iter().flatten();
        own.into_iter().chain(there.map(|(vni, _)| *vni)).collect()
    }

    /// The devices that are to serve a VNI.
    pub(super) fn pick(&self, vni: Vni, now: Option<&Segment>, config: &FibConfig) -> Option<Segment> {
        if !config.all_vnis && config.managed(vni).is_none() {
            return None;
        }
        let candidates = self.vxlans.get(&vni)?.iter().copied();
        let current =
            now.map(|segment| segment.vxlan).filter(|vxlan| candidates.clone().any(|c| c == *vxlan));
        current.into_iter().chain(candidates).find_map(|vxlan| self.segment(vni, vxlan, config))
    }

    fn segment(&self, vni: Vni, vxlan: IfIndex, config: &FibConfig) -> Option<Segment> {
        let tunnel = self.all.get(&vxlan)?;
        let LinkKind::Vxlan { local, remote, .. } = tunnel.kind else { return None };
        let bridge = self.all.get(&tunnel.master?).filter(|bridge| bridge.kind == LinkKind::Bridge)?;
        let named = config.managed(vni);
        let fits = |name: Option<&String>, link: &Link| name.is_none_or(|name| *name == link.name);
        let right = fits(named.and_then(|named| named.vxlan.as_ref()), tunnel)
            && fits(named.and_then(|named| named.bridge.as_ref()), bridge)
            && self.serves.get(&bridge.index).is_none_or(|served| *served == vni);
        right.then_some(Segment {
            vxlan,
            bridge: bridge.index,
            up: tunnel.up && bridge.up,
            carrier: tunnel.carrier && bridge.carrier,
            local: local.filter(|local| !local.is_unspecified()),
            remote: remote.filter(|remote: &IpAddr| !remote.is_unspecified()),
            bridge_mac: bridge.mac,
            port_ready: tunnel.suppress && !tunnel.learning,
        })
    }

    /// Notes which devices serve a VNI from now on. The VNIs that waited for its former bridge are to be
    /// looked at again.
    pub(super) fn assign(&mut self, vni: Vni, old: Option<&Segment>, new: Option<&Segment>) -> BTreeSet<Vni> {
        if let Some(segment) = old {
            self.serves.remove(&segment.vxlan);
            self.serves.remove(&segment.bridge);
        }
        if let Some(segment) = new {
            self.serves.insert(segment.vxlan, vni);
            self.serves.insert(segment.bridge, vni);
        }
        let freed = old.map(|old| old.bridge).filter(|bridge| new.is_none_or(|new| new.bridge != *bridge));
        let waiting = freed.and_then(|bridge| self.on_bridge.get(&bridge)).into_iter().flatten();
        waiting.map(|(other, _)| *other).filter(|other| *other != vni).collect()
    }

    /// The VNI that a device serves.
    pub(super) fn vni(&self, device: IfIndex) -> Option<Vni> {
        self.serves.get(&device).copied()
    }

    /// Rises with each change of a device.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// The devices that are ports of bridges, lead to hosts and are up, each with its bridge.
    pub(super) fn ports(&self) -> impl Iterator<Item = (IfIndex, IfIndex)> + '_ {
        self.all.values().filter_map(|link| Some((link.index, bridge_of(link)?)))
    }

    /// The bridge that a device leads to hosts for, if it is up.
    pub(super) fn bridge_of(&self, port: IfIndex) -> Option<IfIndex> {
        self.all.get(&port).and_then(bridge_of)
    }

    /// A device's name.
    pub(super) fn name(&self, index: IfIndex) -> Option<&str> {
        self.all.get(&index).map(|link| link.name.as_str())
    }

    /// Those of the named devices that carry our mark.
    pub(super) fn ours(&self, names: &[String]) -> Vec<String> {
        let marked = |name: &&String| self.all.values().any(|link| link.ours && link.name == **name);
        names.iter().filter(marked).cloned().collect()
    }

    /// Whether a device carries our mark.
    pub(super) fn is_ours(&self, index: IfIndex) -> bool {
        self.all.get(&index).is_some_and(|link| link.ours)
    }

    /// The names of those of two devices that we made; not that of a bridge with ports of others.
    pub(super) fn removable(&self, segment: &Segment) -> Vec<String> {
        let is_other_port = |link: &Link| link.master == Some(segment.bridge) && link.index != segment.vxlan;
        let is_shared = self.all.values().any(is_other_port);
        let devices = [Some(segment.vxlan), Some(segment.bridge).filter(|_| !is_shared)];
        let made = devices.into_iter().flatten().filter(|index| self.is_ours(*index));
        made.filter_map(|index| self.name(index)).map(str::to_owned).collect()
    }

    /// Whether two devices are there, and the one is a port of the other.
    pub(super) fn are_joined(&self, segment: &Segment) -> bool {
        let port = self.all.get(&segment.vxlan).filter(|link| link.master == Some(segment.bridge));
        port.is_some() && self.all.contains_key(&segment.bridge)
    }

    /// The VNIs for which there are VXLAN devices.
    pub(super) fn vnis(&self) -> Vec<Vni> {
        self.vxlans.keys().copied().collect()
    }

    /// A dump of devices begins.
    pub(super) fn begin_dump(&mut self) {
        self.unfresh = self.all.keys().copied().collect();
    }

    /// The devices that the dump should have shown and did not.
    pub(super) fn missed(&mut self) -> Vec<IfIndex> {
        self.unfresh.drain().collect()
    }
}

fn bridge_of(port: &Link) -> Option<IfIndex> {
    let leads_to_hosts = !matches!(port.kind, LinkKind::Vxlan { .. });
    port.master.filter(|_| leads_to_hosts && port.up && port.carrier)
}

fn remove_from<K: Eq + std::hash::Hash, V: Ord>(map: &mut HashMap<K, BTreeSet<V>>, key: K, value: &V) {
    if let hashbrown::hash_map::Entry::Occupied(mut entry) = map.entry(key) {
        entry.get_mut().remove(value);
        if entry.get().is_empty() {
            entry.remove();
        }
    }
}
