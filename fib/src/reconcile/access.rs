//! Where hosts are attached, for whoever speaks with them: the ports of the bridges that lead to them, and what the
//! kernel believes of them.

use std::net::IpAddr;

use bgp::types::{Mac, Vni};
use evpn::dataplane::{WantedKey, WantedValue};

use super::Fib;
use super::entry::Entry;
use crate::row::{IfIndex, NeighborState};

/// Which part of a network a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// The bridge itself.
    Bridge(Vni),
    /// A port of its bridge that leads to hosts.
    Port(Vni),
}

impl Attached {
    /// The network.
    pub fn vni(self) -> Vni {
        match self {
            Attached::Bridge(vni) | Attached::Port(vni) => vni,
        }
    }
}

/// What the kernel makes of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belief {
    /// Somebody set it: it is not for the kernel to doubt.
    Set,
    /// The kernel has lately made sure of it.
    Sure,
    /// Neither.
    None,
}

impl Fib {
    /// Rises whenever a device comes, goes or changes.
    pub fn device_changes(&self) -> u64 {
        self.links.changes()
    }

    /// The bridges of all networks that are served, and those of their ports that lead to hosts and are up.
    pub fn attached_devices(&self) -> impl Iterator<Item = (IfIndex, Attached)> + '_ {
        let bridges = self.networks.iter().filter_map(|(vni, network)| {
            let segment = network.segment.filter(|segment| segment.up && !network.leaves)?;
            Some((segment.bridge, Attached::Bridge(*vni)))
        });
        let ports = self.links.ports().filter_map(|(port, bridge)| Some((port, self.port_of(bridge)?)));
        bridges.chain(ports)
    }

    /// What a device is to the networks; `None` where it is none of theirs, or down.
    pub fn attached(&self, device: IfIndex) -> Option<Attached> {
        // A bridge may have a master, too: a VRF.
        let bridge = self.served_by(device).map(Attached::Bridge);
        bridge.or_else(|| self.port_of(self.links.bridge_of(device)?))
    }

    /// The bridge of a network that is served.
    pub fn bridge(&self, vni: Vni) -> Option<IfIndex> {
        let network = self.networks.get(&vni).filter(|network| !network.leaves)?;
        network.segment.filter(|segment| segment.up).map(|segment| segment.bridge)
    }

    /// The port that leads to a host, as the bridge sees it. A MAC that is behind the tunnel, or one of the bridge's own,
    /// has none.
    pub fn access_port(&self, vni: Vni, mac: Mac) -> Option<IfIndex> {
        let entry = self.networks.get(&vni)?.macs.get(mac)?;
        let port = entry.bridge?.port;
        let is_local = self.place(vni).is_some_and(|place| entry.local(mac, &place).is_some());
        Some(port).filter(|_| is_local)
    }

    /// What is wanted under a key.
    pub fn wanted(&self, key: &WantedKey) -> Option<WantedValue> {
        self.networks.get(&super::vni_of(key))?.wanted(key)
    }

    /// What the kernel makes of an address of a MAC. What is ours counts as unknown.
    pub fn belief(&self, vni: Vni, ip: IpAddr, mac: Mac) -> Belief {
        let seen = self.networks.get(&vni).and_then(|network| network.neighbors.get(ip)?.seen);
        let foreign = seen.filter(|seen| {
            seen.mac == Some(mac) && !(seen.external && seen.protocol == self.config.protocol)
        });
        match foreign.map(|seen| seen.state) {
            Some(NeighborState::Permanent | NeighborState::NoArp) => Belief::Set,
            Some(NeighborState::Usable) => Belief::Sure,
            Some(NeighborState::Stale | NeighborState::Unusable) | None => Belief::None,
        }
    }

    fn port_of(&self, bridge: IfIndex) -> Option<Attached> {
        self.served_by(bridge).map(Attached::Port)
    }

    fn served_by(&self, bridge: IfIndex) -> Option<Vni> {
        self.links.vni(bridge).filter(|vni| self.bridge(*vni) == Some(bridge))
    }
}
