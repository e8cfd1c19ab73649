//! Who has a MAC, who has an address, and what BGP and the dataplane are told of it.
//!
//! What the dataplane is told is in an order that it can follow blindly: a MAC's row before the neighbours
//! that point to it, and the neighbours away before the MAC's row.

use std::cmp::Reverse;
use std::net::IpAddr;

use bgp::types::Mac;

use super::rows::place;
use super::{Context, Instance};
use crate::action::Action;
use crate::dataplane::{WantedKey, WantedValue};
use crate::feed::Changed;
use crate::mac_table::{Claim, MacEntry, MacId, Winner};
use crate::mobility::{Rank, Traits, above, order};
use crate::neigh::{Binding, NeighborEntry, NeighborId, Told};
use crate::origin::Origins;

/// How good a binding is: its MAC's sequence, its VTEP, and what tells two of one place apart. Every node finds the same.
pub(super) type Weight = (u32, Reverse<IpAddr>, Reverse<Mac>, bool);

impl Instance {
    /// Decides anew who has a MAC, and tells what that changes.
    pub(super) fn settle_mac(&mut self, cx: &mut Context<'_>, id: MacId) {
        self.mac_changed(cx, id);
        let Some(entry) = self.macs.get(id) else { return };
        let (mac, before, was_frozen) = (entry.mac, entry.winner, entry.frozen);
        let elected = self.elect_mac(cx.origins, entry);
        let (after, frozen) = self.judge_move(cx, id, elected);
        if (before, was_frozen) == (after, frozen) {
            return;
        }
        self.set_winner(id, before, after, frozen);
        let (was, is) = (place(cx.origins, before), place(cx.origins, after));
        if was != is {
            cx.out.feed.push(Changed::MacMoved(self.vni, mac, was));
        }

        let key = WantedKey::Mac { vni: self.vni, mac };
        let had = wanted_mac(cx.origins, before, was_frozen);
        let wanted = wanted_mac(cx.origins, after, frozen);
        if let Some(value) = wanted.filter(|_| wanted != had) {
            cx.out.want(key, value);
        }
        if before.is_local() && !after.is_local() {
            self.retract(cx, mac, None);
        }
        self.settle_neighbors(cx, id, before, after);
        if had.is_some() && wanted.is_none() {
            cx.out.unwant(key);
        }
        if let Winner::Local(traits) = after
            && after != before
        {
            self.originate(cx, mac, None, traits);
        }
    }

    /// Decides anew what is made of an address, and tells what that changes. Forgets it if nobody binds it.
    pub(super) fn settle_neighbor(&mut self, cx: &mut Context<'_>, id: NeighborId) {
        let Some(entry) = self.neighbors.get(id) else { return };
        let ip = entry.ip;
        cx.out.feed.push(Changed::Neighbor(self.vni, ip));
        let (before, after) = (entry.told, self.decide_neighbor(cx.origins, entry));
        if before != after {
            self.set_told(id, before, after);
            self.count_address_move(cx, id, before, after);
            self.tell_neighbor(cx, ip, before, after);
            self.outbid(cx, before, after);
        }
        self.judge_claims(cx, id);
        self.drop_refuted_guess(cx, id);
        if self.neighbors.get(id).is_some_and(|entry| entry.bindings.is_empty()) {
            self.neighbors.remove(id);
        }
    }

    /// Puts a Type 2 of ours into BGP, or replaces it.
    pub(super) fn originate(&mut self, cx: &mut Context<'_>, mac: Mac, ip: Option<IpAddr>, traits: Traits) {
        if let Some(ours) = &mut self.ours {
            cx.out.push(ours.mac_ip(mac, ip, traits));
        }
    }

    /// Takes a Type 2 of ours out of BGP.
    pub(super) fn retract(&self, cx: &mut Context<'_>, mac: Mac, ip: Option<IpAddr>) {
        if let Some(ours) = &self.ours {
            cx.out.push(Action::Retract { key: ours.mac_ip_key(mac, ip) });
        }
    }

    /// The election among claims (RFC 7432 section 15.1). A local claim that had lost and wins again, because
    /// the other was let go of, keeps its sequence: nobody saw the host come back, so if the other returns it
    /// wins.
    fn elect_mac(&self, origins: &Origins, entry: &MacEntry) -> Winner {
        // The bridge's own MAC is every node's own: no host's, and never to be sent elsewhere.
        let Some(vtep) = self.active_vtep().filter(|_| entry.mac != self.device.bridge_mac) else {
            return Winner::Nobody;
        };
        let remote = best_claim(origins, entry);
        match entry.local {
            Some(local) if remote.is_none_or(|(theirs, _)| order(local.traits().rank(), vtep) > theirs) => {
                Winner::Local(local.traits())
            }
            _ => remote.map_or(Winner::Nobody, |(_, claim)| Winner::Remote(claim.origin, claim.best)),
        }
    }

    fn set_winner(&mut self, id: MacId, before: Winner, after: Winner, frozen: bool) {
        let Some(entry) = self.macs.get_mut(id) else { return };
        (entry.winner, entry.frozen) = (after, frozen);
        let counts = &mut self.counts;
        counts.local_macs += usize::from(after.is_local());
        counts.local_macs -= usize::from(before.is_local());
        counts.remote_macs += usize::from(matches!(after, Winner::Remote(..)));
        counts.remote_macs -= usize::from(matches!(before, Winner::Remote(..)));
    }

    /// Settles the addresses of a MAC after it has changed hands.
    fn settle_neighbors(&mut self, cx: &mut Context<'_>, id: MacId, before: Winner, after: Winner) {
        let Some(neighbors) = self.macs.get(id).map(|entry| entry.neighbors.clone()) else { return };
        for neighbor in neighbors {
            if after.is_local() && !before.is_local() {
                self.bring_along(cx, id, neighbor);
            }
            self.settle_neighbor(cx, neighbor);
        }
    }

    /// A MAC has come here: an address that was answered for with it has come too, which the dataplane is to
    /// verify. Waiting to hear from the host would leave the address behind for as long as it keeps silent.
    fn bring_along(&mut self, cx: &mut Context<'_>, mac: MacId, id: NeighborId) {
        let Some(name) = self.macs.get(mac).map(|entry| entry.mac) else { return };
        let Some(entry) = self.neighbors.get_mut(id) else { return };
        let Told::Remote { mac: told, router, .. } = entry.told else { return };
        if told != name {
            return;
        }
        let old = entry.set_local(mac, Traits { router, ..Traits::default() });
        entry.verifying = true;
        if let Some(old) = old {
            self.unbind(old.mac, id);
            self.sweep_mac(cx, old.mac);
        }
    }

    /// What a MAC brought along was a guess. Once it is not the best any more, because the MAC has gone on or
    /// the address has, nothing speaks for it.
    fn drop_refuted_guess(&mut self, cx: &mut Context<'_>, id: NeighborId) {
        let Some(entry) = self.neighbors.get_mut(id) else { return };
        if entry.verifying
            && !matches!(entry.told, Told::Local { .. })
            && let Some(guess) = entry.take_local()
        {
            self.unbind(guess.mac, id);
            self.sweep_mac(cx, guess.mac);
        }
    }

    /// A host here that had an address beside another one has it alone now. Who followed the other one, and has passed
    /// over our route for it, is to look at it again.
    fn outbid(&mut self, cx: &mut Context<'_>, before: Told, after: Told) {
        if let (Told::Remote { also: Some((mac, _)), .. }, Told::Local { mac: now, traits, .. }) =
            (before, after)
            && mac == now
            && let Some(id) = self.macs.find(mac)
        {
            self.raise_local(cx, id, above(traits.seq));
        }
    }

    /// The best of the bindings that are good: the one whose MAC has the highest sequence, so that an address
    /// that moves to a new MAC is followed (RFC 9135 section 7), then the lower VTEP, as among the claims of a MAC.
    fn decide_neighbor(&self, origins: &Origins, entry: &NeighborEntry) -> Told {
        let good = entry.bindings.iter().filter_map(|binding| self.weigh(origins, entry, binding));
        let best = good.max_by_key(|(weight, _)| *weight).map_or(Told::Nothing, |(_, told)| told);
        self.runner_up(origins, entry, best)
    }

    /// What would be made of a binding, if its MAC is where it says, and how much it weighs.
    pub(super) fn weigh(
        &self,
        origins: &Origins,
        entry: &NeighborEntry,
        binding: &Binding,
    ) -> Option<(Weight, Told)> {
        let MacEntry { mac, winner, .. } = self.macs.get(binding.mac)?;
        let (mac, router) = (*mac, binding.traits.router);
        let (seq, vtep, told) = match (*winner, binding.origin) {
            (Winner::Local(traits), None) => {
                let traits = Traits { router, ..traits };
                (traits.seq, self.active_vtep()?, Told::Local { mac, traits, verifying: entry.verifying })
            }
            (Winner::Remote(holder, traits), Some(origin)) => {
                let vtep = origins.vtep(holder)?;
                (holder == origin || origins.vtep(origin) == Some(vtep)).then_some((
                    traits.seq,
                    vtep,
                    Told::Remote { mac, router, also: None },
                ))?
            }
            _ => return None,
        };
        Some(((seq, Reverse(vtep), Reverse(mac), router), told))
    }

    fn set_told(&mut self, id: NeighborId, before: Told, after: Told) {
        let Some(entry) = self.neighbors.get_mut(id) else { return };
        entry.told = after;
        let counts = &mut self.counts;
        counts.local_neighbors += usize::from(matches!(after, Told::Local { .. }));
        counts.local_neighbors -= usize::from(matches!(before, Told::Local { .. }));
        counts.remote_neighbors += usize::from(matches!(after, Told::Remote { .. }));
        counts.remote_neighbors -= usize::from(matches!(before, Told::Remote { .. }));
    }

    fn tell_neighbor(&mut self, cx: &mut Context<'_>, ip: IpAddr, before: Told, after: Told) {
        let key = WantedKey::Neighbor { vni: self.vni, ip };
        let (said, says) = (before.advertised(), after.advertised());
        if let Some((mac, _)) = said.filter(|said| says.is_none_or(|says| says.0 != said.0)) {
            self.retract(cx, mac, Some(ip));
        }
        match (before.wanted(), after.wanted()) {
            (had, Some(value)) if had != Some(value) => cx.out.want(key, value),
            (Some(_), None) => cx.out.unwant(key),
            _ => {}
        }
        if let Some((mac, traits)) = says.filter(|_| says != said) {
            self.originate(cx, mac, Some(ip), traits);
        }
    }
}

/// The best remote claim and its place in the order.
pub(super) fn best_claim<'a>(
    origins: &Origins,
    entry: &'a MacEntry,
) -> Option<((Rank, Reverse<IpAddr>), &'a Claim)> {
    let ordered = entry.claims.iter().filter_map(|claim| {
        let vtep = origins.vtep(claim.origin)?;
        Some((order(claim.best.rank(), vtep), claim))
    });
    ordered.max_by_key(|(place, claim)| (*place, claim.best.weight()))
}

/// What the dataplane is to have. What is frozen is to be kept from local traffic, too, as what must not move.
fn wanted_mac(origins: &Origins, winner: Winner, frozen: bool) -> Option<WantedValue> {
    let Winner::Remote(origin, traits) = winner else { return None };
    Some(WantedValue::Mac { vtep: origins.vtep(origin)?, sticky: frozen || traits.is_pinned() })
}
