//! What the kernel was seen to have, for those who look from outside.

use std::fmt::Write;

use bgp::types::{Mac, Vni};
use evpn::dataplane::WantedKey;

use super::Fib;
use super::mac::MacEntry;
use super::neighbor::NeighborEntry;
use super::network::vni_of;
use crate::event::NeighborState;
use crate::op::IfIndex;

/// The devices that serve a VNI, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Devices<'a> {
    /// The VXLAN device.
    pub vxlan: &'a str,
    /// The bridge that it is a port of.
    pub bridge: &'a str,
}

impl Fib {
    /// The devices that serve a VNI; `None` while none do.
    pub fn devices(&self, vni: Vni) -> Option<Devices<'_>> {
        let segment = self.networks.get(&vni)?.segment?;
        Some(Devices { vxlan: self.links.name(segment.vxlan)?, bridge: self.links.name(segment.bridge)? })
    }

    /// The port that the VNI's bridge has a MAC on; `None` where it knows none.
    pub fn port(&self, vni: Vni, mac: Mac) -> Option<&str> {
        let row = self.networks.get(&vni)?.macs.get(mac)?.bridge?;
        self.links.name(row.port)
    }

    /// What the kernel was seen to have under a key, much as `bridge` and `ip` print it; `None` where it has
    /// nothing.
    pub fn seen_text(&self, key: &WantedKey) -> Option<String> {
        let network = self.networks.get(&vni_of(key))?;
        match *key {
            WantedKey::Flood { vtep, .. } => {
                network.floods.get(vtep).filter(|entry| entry.seen.is_some()).map(|_| "flood".to_owned())
            }
            WantedKey::Mac { mac, .. } => self.mac_text(network.macs.get(mac)?),
            WantedKey::Neighbor { ip, .. } => neighbor_text(network.neighbors.get(ip)?),
        }
    }

    fn mac_text(&self, entry: &MacEntry) -> Option<String> {
        let tunnel = entry.tunnel.map(|row| format!("dst {}", row.vtep));
        let bridge = entry.bridge.map(|row| {
            let sticky = if row.sticky { " sticky" } else { "" };
            format!("port {}{sticky}", self.device_text(row.port))
        });
        let rows: Vec<String> = tunnel.into_iter().chain(bridge).collect();
        (!rows.is_empty()).then(|| rows.join(" "))
    }

    fn device_text(&self, index: IfIndex) -> String {
        self.links.name(index).map_or_else(|| index.0.to_string(), ToOwned::to_owned)
    }
}

fn neighbor_text(entry: &NeighborEntry) -> Option<String> {
    let seen = entry.seen?;
    let mut text = seen.mac.map_or_else(|| "no lladdr".to_owned(), |mac| format!("lladdr {mac}"));
    text.push_str(if seen.router { " router" } else { "" });
    text.push_str(match seen.state {
        NeighborState::Unusable => " failed",
        NeighborState::Usable => " local",
        NeighborState::NoArp => "",
        NeighborState::Permanent => " permanent",
    });
    if seen.protocol != 0 {
        // Writing into a String cannot fail.
        let _ = write!(text, " proto {}", seen.protocol);
    }
    Some(text)
}
