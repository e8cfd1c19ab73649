//! What BGP says: routes that this VNI's route targets let in.

use std::net::IpAddr;

use bgp::types::{EthernetTag, Mac, Rd, Vni};
use bgp::wire::EvpnKey;

use super::{Context, Device, Instance, NOTICED_MAX};
use crate::action::{Notice, Unusable};
use crate::import::{self, Here, Remote};
use crate::mac_table::{MacEntry, MacId};
use crate::mobility::Traits;
use crate::neigh::{Binding, NeighborId};
use crate::origin::{OriginId, Origins};

/// A route that is no longer as it was: who said what.
type Old = (OriginId, Traits);

impl Instance {
    /// Takes a route, or its new contents. Returns why it cannot be used, if it cannot.
    pub(crate) fn import(
        &mut self,
        cx: &mut Context<'_>,
        key: &EvpnKey,
        route: &Remote<'_>,
    ) -> Option<Unusable> {
        let checked = self.check(cx.addresses, key, route)?;
        match (*key, checked) {
            (EvpnKey::MacIp { rd, mac, ip, .. }, Ok(vtep)) => {
                self.take_mac_ip(cx, rd, mac, ip, vtep, import::traits(route.attrs));
            }
            (EvpnKey::Imet { rd, originator, .. }, Ok(endpoint)) => {
                self.take_imet(cx, rd, originator, endpoint);
            }
            (EvpnKey::Imet { rd, originator, .. }, Err(reason)) if is_flood_fault(reason) => {
                self.keep_unflooded(cx, rd, originator);
                self.notice_unusable(cx, key, rd, reason);
            }
            (EvpnKey::MacIp { rd, .. } | EvpnKey::Imet { rd, .. }, Err(reason)) => {
                self.withdraw(cx, key);
                // That gateways have one MAC everywhere is how they are meant to be.
                if reason != Unusable::BridgeMac || !import::traits(route.attrs).gateway {
                    self.notice_unusable(cx, key, rd, reason);
                }
            }
            _ => {}
        }
        checked.err()
    }

    /// What keeps a route from being used, if anything does.
    pub(crate) fn explain(
        &self,
        addresses: &[IpAddr],
        key: &EvpnKey,
        route: &Remote<'_>,
    ) -> Option<(Vni, Option<Unusable>)> {
        Some((self.vni, self.check(addresses, key, route)?.err()))
    }

    /// Lets go of a route, if it had it.
    pub(crate) fn withdraw(&mut self, cx: &mut Context<'_>, key: &EvpnKey) {
        match *key {
            // Another tag is another route, and never taken.
            EvpnKey::MacIp { tag, .. } | EvpnKey::Imet { tag, .. } if tag != EthernetTag::default() => {}
            EvpnKey::MacIp { rd, mac, ip: None, .. } => self.drop_mac_only(cx, rd, mac),
            EvpnKey::MacIp { rd, mac, ip: Some(ip), .. } => self.drop_binding(cx, rd, mac, ip),
            EvpnKey::Imet { rd, originator, .. } => self.drop_imet(cx, rd, originator),
            _ => {}
        }
    }

    /// The VTEP of a Type 2 or the tunnel endpoint of a Type 3, if it can be used. `None` for other types,
    /// and while this node has no address in the VNI.
    fn check(
        &self,
        addresses: &[IpAddr],
        key: &EvpnKey,
        route: &Remote<'_>,
    ) -> Option<Result<IpAddr, Unusable>> {
        let Instance { vni, device: Device { bridge_mac, .. }, .. } = *self;
        let here = Here { vni, vtep: self.active_vtep()?, addresses, bridge_mac };
        match *key {
            EvpnKey::MacIp { tag, mac, ip, .. } => Some(import::check_mac_ip(here, tag, mac, ip, route)),
            EvpnKey::Imet { tag, originator, .. } => {
                Some(import::check_imet(here, tag, originator, route.attrs))
            }
            _ => None,
        }
    }

    fn take_mac_ip(
        &mut self,
        cx: &mut Context<'_>,
        rd: Rd,
        mac: Mac,
        ip: Option<IpAddr>,
        vtep: IpAddr,
        traits: Traits,
    ) {
        let origin = cx.origins.hold(rd, vtep, self.vni);
        let id = self.mac_id(mac);
        let neighbor = ip.map(|ip| self.neighbor_id(ip));
        let traits = if ip.is_some() { traits } else { traits.of_mac() };
        let old = match neighbor {
            None => self.set_mac_only(cx.origins, id, rd, origin, traits),
            Some(neighbor) => self.set_binding(cx.origins, id, neighbor, rd, origin, traits),
        };
        if old == Some((origin, traits)) {
            return cx.origins.release(origin);
        }
        self.raise_claim(id, origin, traits.of_mac());
        if let Some((origin, traits)) = old {
            self.lower_claim(id, origin, traits);
        }
        self.settle_mac(cx, id);
        if let Some(neighbor) = neighbor {
            self.settle_neighbor(cx, neighbor);
        }
        if let Some((origin, _)) = old {
            cx.origins.release(origin);
        }
    }

    fn drop_mac_only(&mut self, cx: &mut Context<'_>, rd: Rd, mac: Mac) {
        let Some(id) = self.macs.find(mac) else { return };
        let entry = self.macs.get_mut(id);
        let Some((origin, traits)) = entry.and_then(|entry| take_mac_only(cx.origins, entry, rd)) else {
            return;
        };
        self.lower_claim(id, origin, traits);
        self.settle_mac(cx, id);
        self.sweep_mac(cx, id);
        cx.origins.release(origin);
    }

    fn drop_binding(&mut self, cx: &mut Context<'_>, rd: Rd, mac: Mac, ip: IpAddr) {
        let (Some(id), Some(neighbor)) = (self.macs.find(mac), self.neighbors.find(ip)) else { return };
        let Some((origin, traits)) = self.take_binding(cx.origins, id, neighbor, rd) else { return };
        self.unbind(id, neighbor);
        self.lower_claim(id, origin, traits);
        self.settle_neighbor(cx, neighbor);
        self.settle_mac(cx, id);
        self.sweep_mac(cx, id);
        cx.origins.release(origin);
    }

    fn set_mac_only(
        &mut self,
        origins: &Origins,
        id: MacId,
        rd: Rd,
        origin: OriginId,
        traits: Traits,
    ) -> Option<Old> {
        let entry = self.macs.get_mut(id)?;
        let old = take_mac_only(origins, entry, rd);
        if let Some(claim) = entry.claim_mut(origin) {
            claim.mac_only = Some(traits);
        }
        old
    }

    fn set_binding(
        &mut self,
        origins: &Origins,
        mac: MacId,
        neighbor: NeighborId,
        rd: Rd,
        origin: OriginId,
        traits: Traits,
    ) -> Option<Old> {
        let entry = self.neighbors.get_mut(neighbor)?;
        let binding = Binding { mac, origin: Some(origin), traits };
        let old = match entry.bindings.iter_mut().find(|held| is_from(held, origins, mac, rd)) {
            // In its place: which of the bindings is shown while none is good must not depend on refreshes.
            Some(held) => Some(std::mem::replace(held, binding)),
            None => {
                entry.bindings.push(binding);
                None
            }
        };
        self.bind(mac, neighbor);
        old.and_then(|old| Some((old.origin?, old.traits)))
    }

    fn take_binding(&mut self, origins: &Origins, mac: MacId, neighbor: NeighborId, rd: Rd) -> Option<Old> {
        let entry = self.neighbors.get_mut(neighbor)?;
        let at = entry.bindings.iter().position(|held| is_from(held, origins, mac, rd))?;
        let binding = entry.bindings.swap_remove(at);
        Some((binding.origin?, binding.traits))
    }

    /// A route of the claim says this now.
    fn raise_claim(&mut self, id: MacId, origin: OriginId, traits: Traits) {
        if let Some(claim) = self.macs.get_mut(id).and_then(|entry| entry.claim_mut(origin)) {
            claim.best = claim.best.max(traits);
        }
    }

    /// A route of the claim no longer says this. If it was the best one, another is, or the claim is over.
    fn lower_claim(&mut self, id: MacId, origin: OriginId, traits: Traits) {
        let Some(entry) = self.macs.get(id) else { return };
        let Some(claim) = entry.claim(origin).filter(|claim| claim.best.weight() <= traits.weight()) else {
            return;
        };
        let best = self.best_route(entry, id, origin, claim.mac_only, claim.best);
        let Some(entry) = self.macs.get_mut(id) else { return };
        match best {
            Some(best) => entry.claims.iter_mut().filter(|c| c.origin == origin).for_each(|c| c.best = best),
            None => entry.claims.retain(|claim| claim.origin != origin),
        }
    }

    /// The best of what a source says of a MAC. None is better than `bound`, so one as good ends the search:
    /// in all but odd cases the first one does, however many addresses the MAC has.
    fn best_route(
        &self,
        entry: &MacEntry,
        id: MacId,
        origin: OriginId,
        mac_only: Option<Traits>,
        bound: Traits,
    ) -> Option<Traits> {
        let neighbors = entry.neighbors.iter().filter_map(|n| self.neighbors.get(*n)?.said_by(origin, id));
        let mut best: Option<Traits> = None;
        for traits in mac_only.into_iter().chain(neighbors.map(Traits::of_mac)) {
            best = Some(best.map_or(traits, |best| best.max(traits)));
            if traits.weight() >= bound.weight() {
                break;
            }
        }
        best
    }

    fn notice_unusable(&mut self, cx: &mut Context<'_>, key: &EvpnKey, rd: Rd, reason: Unusable) {
        if self.noticed.len() >= NOTICED_MAX {
            self.noticed.clear();
        }
        if self.noticed.insert((rd, reason)) {
            cx.out.notice(Notice::Unusable { vni: self.vni, key: *key, reason });
        }
    }
}

/// Whether it is the flooding that does not work, and not that the route means nothing here.
fn is_flood_fault(reason: Unusable) -> bool {
    !matches!(reason, Unusable::OwnVtep | Unusable::Tag)
}

/// Whether a binding to a MAC was said under a route distinguisher.
fn is_from(binding: &Binding, origins: &Origins, mac: MacId, rd: Rd) -> bool {
    binding.mac == mac && binding.origin.is_some_and(|origin| origins.has_rd(origin, rd))
}

fn take_mac_only(origins: &Origins, entry: &mut MacEntry, rd: Rd) -> Option<Old> {
    let mut claims = entry.claims.iter_mut().filter(|claim| claim.mac_only.is_some());
    let claim = claims.find(|claim| origins.has_rd(claim.origin, rd))?;
    Some((claim.origin, claim.mac_only.take()?))
}
