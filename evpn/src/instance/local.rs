//! What the dataplane saw.

use std::net::IpAddr;

use bgp::types::Mac;

use super::{Context, Instance};
use crate::action::Notice;
use crate::mac_table::{LocalMac, MacId, Winner};
use crate::mobility::{Traits, above};
use crate::neigh::{NeighborId, Told};

impl Instance {
    /// A host's MAC is on a port of ours (RFC 7432 section 9.1). If it was elsewhere, it has moved here.
    pub(crate) fn local_mac(&mut self, cx: &mut Context<'_>, mac: Mac, sticky: bool) {
        if !mac.is_host() {
            return;
        }
        let id = self.mac_id(mac);
        let floor = self.floor(id);
        let Some(entry) = self.macs.get_mut(id) else { return };
        let known = entry.local.map_or(0, |local| local.seq);
        let mut seq = known.max(floor);
        if let Winner::Remote(origin, traits) = entry.winner {
            match cx.origins.vtep(origin).filter(|_| traits.is_pinned()) {
                Some(vtep) => cx.out.notice(Notice::StickyMac { vni: self.vni, mac, vtep }),
                None => seq = seq.max(above(traits.seq)),
            }
        }
        entry.local = Some(LocalMac { seq, sticky });
        self.settle_mac(cx, id);
    }

    /// A host's MAC is no longer there.
    pub(crate) fn local_mac_gone(&mut self, cx: &mut Context<'_>, mac: Mac) {
        let Some(id) = self.macs.find(mac) else { return };
        if let Some(entry) = self.macs.get_mut(id) {
            entry.local = None;
        }
        self.settle_mac(cx, id);
        self.sweep_mac(cx, id);
    }

    /// A host here has an address. It is advertised once its MAC is here too.
    pub(crate) fn local_neighbor(&mut self, cx: &mut Context<'_>, ip: IpAddr, mac: Mac, router: bool) {
        if !mac.is_host() {
            return;
        }
        let (mac, id) = (self.mac_id(mac), self.neighbor_id(ip));
        let seq = self.taken_over(mac, id);
        self.bind_here(cx, mac, id, Traits { seq, router, ..Traits::default() });
    }

    /// A host here has an address as well as one elsewhere. It is not followed for that: the sequences stay as they are.
    pub(crate) fn local_claim(&mut self, cx: &mut Context<'_>, ip: IpAddr, mac: Mac, router: bool) {
        if !mac.is_host() {
            return;
        }
        let (mac, id) = (self.mac_id(mac), self.neighbor_id(ip));
        self.bind_here(cx, mac, id, Traits { router, ..Traits::default() });
    }

    fn bind_here(&mut self, cx: &mut Context<'_>, mac: MacId, id: NeighborId, traits: Traits) {
        let Some(entry) = self.neighbors.get_mut(id) else { return };
        entry.verifying = false;
        let old = entry.set_local(mac, traits);
        self.bind(mac, id);
        self.mac_changed(cx, mac);
        self.raise_local(cx, mac, traits.seq);
        self.settle_neighbor(cx, id);
        if let Some(old) = old {
            self.unbind(old.mac, id);
            self.sweep_mac(cx, old.mac);
        }
    }

    /// A host here no longer has an address.
    pub(crate) fn local_neighbor_gone(&mut self, cx: &mut Context<'_>, ip: IpAddr) {
        let Some(id) = self.neighbors.find(ip) else { return };
        let Some(old) = self.neighbors.get_mut(id).and_then(|entry| entry.take_local()) else { return };
        self.unbind(old.mac, id);
        self.settle_neighbor(cx, id);
        self.sweep_mac(cx, old.mac);
    }

    /// The sequence that a MAC must have for an address that was seen with it: above that of the other MAC
    /// which had the address elsewhere, so that everybody follows the address (RFC 9135 section 7).
    fn taken_over(&self, mac: MacId, id: NeighborId) -> u32 {
        let Some(entry) = self.neighbors.get(id) else { return 0 };
        let kept = entry.local().filter(|binding| binding.mac == mac).map_or(0, |binding| binding.traits.seq);
        let Told::Remote { mac: other, .. } = entry.told else { return kept };
        let winner = self.macs.find(other).filter(|other| *other != mac).and_then(|id| self.macs.get(id));
        winner.and_then(|entry| entry.winner.traits()).map_or(kept, |traits| kept.max(above(traits.seq)))
    }

    /// The lowest sequence that a MAC may have for the sake of the addresses it took over.
    fn floor(&self, mac: MacId) -> u32 {
        let neighbors = self.macs.get(mac).into_iter().flat_map(|entry| &entry.neighbors);
        let local = neighbors.filter_map(|id| self.neighbors.get(*id)?.local());
        local.filter(|binding| binding.mac == mac).map(|binding| binding.traits.seq).max().unwrap_or(0)
    }

    /// Advertises a MAC that is here with this sequence, if it has a lower one.
    pub(super) fn raise_local(&mut self, cx: &mut Context<'_>, mac: MacId, seq: u32) {
        let Some(entry) = self.macs.get_mut(mac).filter(|entry| entry.winner.is_local()) else { return };
        if let Some(local) = entry.local.as_mut().filter(|local| local.seq < seq) {
            local.seq = seq;
            self.settle_mac(cx, mac);
        }
    }
}
