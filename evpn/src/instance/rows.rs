//! What a VNI shows.

use std::net::IpAddr;

use bgp::types::{EthernetTag, Mac, Rd};
use bgp::wire::EvpnKey;

use super::settle::best_claim;
use super::{Instance, NeighborId};
use crate::duplicates::Suspect;
use crate::flood::Member;
use crate::mac_table::{MacEntry, MacId, Winner};
use crate::neigh::{NeighborEntry, Told};
use crate::origin::Origins;
use crate::rows::{Flooding, MacRow, NeighborRow, NeighborState, Place, RowId, VniRow, VtepRow};

impl Instance {
    pub(crate) fn row(&self) -> VniRow {
        let identity = self.ours.as_ref().map(|ours| ours.identity());
        VniRow {
            vni: self.vni,
            state: self.state,
            rd: identity.map(|identity| identity.rd),
            vtep: identity.map(|identity| identity.vtep),
            bridge_mac: Some(self.device.bridge_mac),
            import_rt: self.import.clone(),
            export_rt: identity.map(|identity| identity.export.clone()).unwrap_or_default(),
            local_macs: self.counts.local_macs,
            remote_macs: self.counts.remote_macs,
            local_neighbors: self.counts.local_neighbors,
            remote_neighbors: self.counts.remote_neighbors,
            vteps: self.flood.len(),
            refused: Vec::new(),
            flooding: self.flood.is_on(),
        }
    }

    pub(crate) fn mac_rows<'a>(
        &'a self,
        origins: &'a Origins,
        from: RowId,
    ) -> impl Iterator<Item = MacRow> + 'a {
        self.macs.iter_from(from.0).map(|(id, entry)| self.mac_row(origins, id, entry))
    }

    pub(crate) fn find_mac(&self, origins: &Origins, mac: Mac) -> Option<MacRow> {
        let id = self.macs.find(mac)?;
        Some(self.mac_row(origins, id, self.macs.get(id)?))
    }

    pub(crate) fn neighbor_rows<'a>(
        &'a self,
        origins: &'a Origins,
        from: RowId,
    ) -> impl Iterator<Item = NeighborRow> + 'a {
        let entries = self.neighbors.iter_from(from.0);
        entries.filter_map(|(id, entry)| self.neighbor_row(origins, id, entry))
    }

    pub(crate) fn find_neighbor(&self, origins: &Origins, ip: IpAddr) -> Option<NeighborRow> {
        let id = self.neighbors.find(ip)?;
        self.neighbor_row(origins, id, self.neighbors.get(id)?)
    }

    pub(crate) fn vtep_rows(&self, after: Option<IpAddr>) -> impl Iterator<Item = VtepRow> + '_ {
        self.flood.vteps_after(after).map(|(vtep, member)| self.vtep_row(vtep, member))
    }

    pub(crate) fn find_vtep(&self, vtep: IpAddr) -> Option<VtepRow> {
        Some(self.vtep_row(vtep, self.flood.find(vtep)?))
    }

    fn vtep_row(&self, vtep: IpAddr, member: Member) -> VtepRow {
        let flood = match (self.flood.is_on(), member.is_usable()) {
            (_, false) => Flooding::Unusable,
            (true, true) => Flooding::Yes,
            (false, true) => Flooding::Off,
        };
        let (configured, announced) = (member.configured, member.is_announced());
        VtepRow { vni: self.vni, vtep, flood, configured, announced }
    }

    /// The routes that were taken for a MAC, by their keys, and ours for it. Each may come twice.
    pub(crate) fn routes_of_mac<'a>(
        &'a self,
        origins: &'a Origins,
        mac: Mac,
    ) -> impl Iterator<Item = EvpnKey> + 'a {
        let entry = self.macs.find(mac).and_then(|id| self.macs.get(id));
        let key = move |rd, ip| EvpnKey::MacIp { rd, tag: EthernetTag::default(), mac, ip };
        entry.into_iter().flat_map(move |entry| {
            let claims = entry.claims.iter().filter(|claim| claim.mac_only.is_some());
            let theirs = claims.filter_map(|claim| origins.get(claim.origin)).map(|origin| origin.rd);
            let ours = self.our_rd().filter(|_| entry.local.is_some());
            let neighbors = entry.neighbors.iter().filter_map(|id| self.neighbors.get(*id));
            let addresses = neighbors.flat_map(|neighbor| self.routes_of_ip(origins, neighbor.ip));
            theirs.chain(ours).map(move |rd| key(rd, None)).chain(addresses)
        })
    }

    /// As `routes_of_mac`, for an address.
    pub(crate) fn routes_of_ip<'a>(
        &'a self,
        origins: &'a Origins,
        ip: IpAddr,
    ) -> impl Iterator<Item = EvpnKey> + 'a {
        let entry = self.neighbors.find(ip).and_then(|id| self.neighbors.get(id));
        entry.into_iter().flat_map(|entry| &entry.bindings).filter_map(move |binding| {
            let rd = match binding.origin {
                Some(origin) => origins.get(origin).map(|origin| origin.rd),
                None => self.our_rd(),
            }?;
            let mac = self.macs.get(binding.mac)?.mac;
            Some(EvpnKey::MacIp { rd, tag: EthernetTag::default(), mac, ip: Some(ip) })
        })
    }

    fn our_rd(&self) -> Option<Rd> {
        self.ours.as_ref().map(|ours| ours.identity().rd)
    }

    fn mac_row(&self, origins: &Origins, id: MacId, entry: &MacEntry) -> MacRow {
        let traits = entry.winner.traits().unwrap_or_default();
        MacRow {
            id: RowId(id),
            vni: self.vni,
            mac: entry.mac,
            place: place(origins, entry.winner),
            local_seq: entry.local.map(|local| local.seq),
            remote_seq: best_claim(origins, entry).map(|(_, claim)| claim.best.seq),
            sticky: traits.sticky,
            gateway: traits.gateway,
            duplicate: self.moves.is_duplicate(Suspect::Mac(entry.mac)),
            frozen: entry.frozen,
            neighbors: entry.neighbors.len(),
        }
    }

    fn neighbor_row(&self, origins: &Origins, id: NeighborId, entry: &NeighborEntry) -> Option<NeighborRow> {
        let binding = entry.local().or(entry.bindings.first())?;
        let mac = match entry.told.mac() {
            Some(mac) => mac,
            None => self.macs.get(binding.mac)?.mac,
        };
        let holder = self.macs.find(mac).and_then(|id| self.macs.get(id)).map(|entry| entry.winner);
        let (place, state, router) = match entry.told {
            Told::Nothing => (Place::Nowhere, NeighborState::Pending, binding.traits.router),
            Told::Local { traits, verifying: true, .. } => {
                (Place::Local, NeighborState::Verifying, traits.router)
            }
            Told::Local { traits, .. } => (Place::Local, NeighborState::Active, traits.router),
            Told::Remote { router, .. } => {
                (place(origins, holder.unwrap_or(Winner::Nobody)), NeighborState::Active, router)
            }
        };
        let seq = holder.filter(|_| state != NeighborState::Pending).and_then(Winner::traits).map(|t| t.seq);
        let duplicate = self.is_duplicate(Suspect::Ip(entry.ip));
        let (id, vni, ip) = (RowId(id), self.vni, entry.ip);
        Some(NeighborRow { id, vni, ip, mac, place, state, seq, router, duplicate })
    }
}

pub(super) fn place(origins: &Origins, winner: Winner) -> Place {
    match winner {
        Winner::Nobody => Place::Nowhere,
        Winner::Local(_) => Place::Local,
        Winner::Remote(origin, _) => origins.vtep(origin).map_or(Place::Nowhere, Place::Remote),
    }
}
