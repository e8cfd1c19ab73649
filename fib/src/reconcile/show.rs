//! What the kernel was seen to have, for those who look from outside.

use std::fmt::Write;
use std::net::IpAddr;

use bgp::types::{Mac, Vni};
use evpn::Feed;
use evpn::dataplane::WantedKey;

use super::mac::MacEntry;
use super::neighbor::NeighborEntry;
use super::network::{Network, vni_of};
use super::{Fib, FibRow, Status};
use crate::row::{IfIndex, NeighborState};
use crate::tally::{Counted, Counts, Standing};

/// The devices that serve a VNI, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Devices<'a> {
    /// The VXLAN device.
    pub vxlan: &'a str,
    /// The bridge that it is a port of.
    pub bridge: &'a str,
}

/// A place in the list of rows. A walk that stops at one row goes on behind it later; what appears or goes
/// meanwhile may or may not be met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowPlace {
    /// The network.
    pub vni: Vni,
    /// Flood destinations, MACs, neighbours: 0, 1, 2.
    pub table: u8,
    /// In that table.
    pub row: u32,
}

/// Something here that may show something else than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The row with this key.
    Row(WantedKey),
    /// The row with this key: it was right, and something else has changed or removed it.
    Spoilt(WantedKey),
    /// Of a host that is nothing of ours: the port that it is on.
    Port(Vni, Mac),
    /// The devices that serve a VNI.
    Devices(Vni),
}

impl Fib {
    /// This node's addresses.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses.iter().map(|(_, address)| address.addr())
    }

    /// Whether they are others than when this was last asked.
    pub fn take_new_addresses(&mut self) -> bool {
        self.addresses.take_changed()
    }
}

impl From<WantedKey> for Changed {
    fn from(key: WantedKey) -> Changed {
        Changed::Row(key)
    }
}

impl RowPlace {
    /// The next place.
    #[must_use]
    pub fn next(self) -> RowPlace {
        RowPlace { row: self.row.saturating_add(1), ..self }
    }
}

impl Fib {
    /// What may have changed, for whoever watches.
    pub fn feed(&mut self) -> &mut Feed<Changed> {
        &mut self.stirred.feed
    }

    /// Rows from a place on, by VNI, looking at no more than `limit` places. A row that is looked at and shows
    /// nothing is `None`.
    pub fn rows_from(
        &self,
        from: RowPlace,
        limit: usize,
    ) -> impl Iterator<Item = (RowPlace, Option<FibRow>)> + '_ {
        let mut vnis: Vec<Vni> = self.networks.keys().copied().filter(|vni| *vni >= from.vni).collect();
        vnis.sort_unstable();
        let start = move |vni| if vni == from.vni { from } else { RowPlace { vni, ..RowPlace::default() } };
        let networks = vnis.into_iter().filter_map(move |vni| Some((start(vni), self.networks.get(&vni)?)));
        let places = networks.flat_map(|(from, network)| network.keys_from(from));
        places.take(limit).map(|(place, key)| (place, key.and_then(|key| self.find_row(key))))
    }

    /// How many rows stand how.
    pub fn counts(&mut self) -> Counts {
        self.count_again();
        let each = self.networks.values().map(Network::counts);
        each.fold(Counts::default(), Counts::plus)
    }

    /// Counts the rows again that may stand otherwise.
    pub(super) fn count_again(&mut self) {
        for key in self.stirred.take_uncounted() {
            let counted = self.find_row(key).as_ref().map(counted).unwrap_or_default();
            if let Some(network) = self.networks.get_mut(&vni_of(&key)) {
                network.count(&key, counted);
            }
        }
    }

    /// The row with this key; `None` if it is neither wanted nor ours in the kernel.
    pub fn find_row(&self, key: WantedKey) -> Option<FibRow> {
        let wanted = self.networks.get(&vni_of(&key))?.wanted(&key);
        Some(FibRow { key, wanted, status: self.status(&key)? })
    }

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

fn counted(row: &FibRow) -> Counted {
    let standing = match row.status {
        Status::Programmed => Standing::Programmed,
        Status::Pending | Status::Stale => Standing::Pending,
        Status::Failed(_) => Standing::Failed,
        Status::Conflict(_) => Standing::Conflict,
    };
    Counted::as_one(standing, row.wanted.is_some())
}

fn neighbor_text(entry: &NeighborEntry) -> Option<String> {
    let seen = entry.seen?;
    let mut text = seen.mac.map_or_else(|| "no lladdr".to_owned(), |mac| format!("lladdr {mac}"));
    text.push_str(if seen.router { " router" } else { "" });
    text.push_str(match seen.state {
        NeighborState::Unusable => " failed",
        NeighborState::Usable | NeighborState::Stale => " local",
        NeighborState::NoArp => "",
        NeighborState::Permanent => " permanent",
    });
    if seen.protocol != 0 {
        // Writing into a String cannot fail.
        let _ = write!(text, " proto {}", seen.protocol);
    }
    Some(text)
}
