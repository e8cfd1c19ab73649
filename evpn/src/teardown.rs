//! A VNI that is no longer served, on its way out.

use std::collections::VecDeque;
use std::net::IpAddr;

use bgp::types::Vni;

use crate::action::Action;
use crate::dataplane::WantedKey;
use crate::feed::{Changed, Feed};
use crate::mac_table::{MacEntry, Winner};
use crate::neigh::{NeighborEntry, Told};
use crate::origin::{OriginId, Origins};
use crate::originate::Originator;
use crate::table::IntoEntries;

/// What is left to retract and to unwant: neighbours first, then MACs, the flood list, our Type 3.
#[derive(Debug)]
pub(crate) struct Teardown {
    pub(crate) vni: Vni,
    /// Who we were, where the VNI was active.
    pub(crate) ours: Option<Originator>,
    pub(crate) neighbors: IntoEntries<NeighborEntry>,
    pub(crate) macs: IntoEntries<MacEntry>,
    /// VTEPs that frames are flooded to.
    pub(crate) flood: std::vec::IntoIter<IpAddr>,
    /// Our Type 3 is out.
    pub(crate) announced: bool,
    /// Of the Type 3 routes.
    pub(crate) flood_origins: Vec<OriginId>,
}

impl Teardown {
    /// Does the next bit; `false` when there was none left.
    pub(crate) fn step(
        &mut self,
        origins: &mut Origins,
        out: &mut VecDeque<Action>,
        feed: &mut Feed<Changed>,
    ) -> bool {
        if let Some(neighbor) = self.neighbors.next() {
            feed.push(Changed::Neighbor(self.vni, neighbor.ip));
            neighbor.bindings.iter().filter_map(|binding| binding.origin).for_each(|id| origins.release(id));
            self.forget_neighbor(neighbor.ip, neighbor.told, out);
        } else if let Some(entry) = self.macs.next() {
            feed.push(Changed::Mac(self.vni, entry.mac));
            let held = entry.claims.iter().filter(|claim| claim.mac_only.is_some());
            held.for_each(|claim| origins.release(claim.origin));
            self.forget_mac(&entry, out);
        } else if let Some(vtep) = self.flood.next() {
            out.push_back(Action::Unwant { key: WantedKey::Flood { vni: self.vni, vtep } });
        } else {
            return self.finish(origins, out);
        }
        true
    }

    fn forget_neighbor(&self, ip: IpAddr, told: Told, out: &mut VecDeque<Action>) {
        if let (Some((mac, _)), Some(ours)) = (told.advertised(), &self.ours) {
            out.push_back(Action::Retract { key: ours.mac_ip_key(mac, Some(ip)) });
        }
        if told.wanted().is_some() {
            out.push_back(Action::Unwant { key: WantedKey::Neighbor { vni: self.vni, ip } });
        }
    }

    fn forget_mac(&self, entry: &MacEntry, out: &mut VecDeque<Action>) {
        match (entry.winner, &self.ours) {
            (Winner::Local(_), Some(ours)) => {
                out.push_back(Action::Retract { key: ours.mac_ip_key(entry.mac, None) });
            }
            (Winner::Remote(..), _) => {
                out.push_back(Action::Unwant { key: WantedKey::Mac { vni: self.vni, mac: entry.mac } });
            }
            _ => {}
        }
    }

    fn finish(&mut self, origins: &mut Origins, out: &mut VecDeque<Action>) -> bool {
        self.flood_origins.drain(..).for_each(|id| origins.release(id));
        let Some(ours) = self.ours.take() else { return false };
        if self.announced {
            out.push_back(Action::Retract { key: ours.imet_key() });
        }
        true
    }
}
