//! Which MACs claim an address, and what becomes of it when there are several.

use std::cmp::Reverse;
use std::net::IpAddr;

use bgp::types::Mac;
use smallvec::SmallVec;

use super::settle::Weight;
use super::{Context, Instance};
use crate::action::{Action, Notice};
use crate::contest::Turn;
use crate::duplicates::{DuplicateAction, Suspect};
use crate::feed::Changed;
use crate::mac_table::Winner;
use crate::mobility::above;
use crate::neigh::{NeighborEntry, NeighborId, Told};
use crate::origin::Origins;
use crate::rows::{AddressClaim, Place};

/// A claim, and how much it weighs.
type Weighed = (Weight, AddressClaim);

impl Instance {
    /// Whether several MACs claim an address is decided anew, and time is counted from there.
    pub(super) fn judge_claims(&mut self, cx: &mut Context<'_>, id: NeighborId) {
        let Some(entry) = self.neighbors.get(id) else { return };
        let (ip, several) = (entry.ip, self.is_contested(cx.origins, entry));
        let due = match several && cx.rules.action != DuplicateAction::Ignore {
            true => {
                if self.contests.is_new(ip) && entry.local().is_some() {
                    cx.out.push(Action::Ask { vni: self.vni, ip });
                }
                self.contests.stands(cx.now, cx.rules.window, ip)
            }
            false => self.contests.rests(cx.now, ip),
        };
        cx.recoveries.extend(due.map(|at| (at, self.vni, Suspect::Ip(ip))));
        if several {
            self.break_tie(cx, id);
        }
    }

    /// Has the host here that has an address by its lower VTEP have it by its sequence, too: there are nodes that compare
    /// no more than that, and follow whoever was announced last among equals (FRR does).
    fn break_tie(&mut self, cx: &mut Context<'_>, id: NeighborId) {
        let Some(entry) = self.neighbors.get(id) else { return };
        let Told::Local { mac, verifying: false, .. } = entry.told else { return };
        if let [(_, first), (_, second), ..] = self.weigh_claims(cx.origins, entry)[..]
            && (first.mac, first.seq) == (mac, second.seq)
            && let Some(winner) = self.macs.find(mac)
        {
            self.raise_local(cx, winner, above(first.seq));
        }
    }

    /// A MAC counts as one host from now on, or does not any more: so do its claims.
    pub(super) fn judge_claims_of(&mut self, cx: &mut Context<'_>, mac: Mac) {
        let entry = self.macs.find(mac).and_then(|id| self.macs.get(id));
        let neighbors = entry.map(|entry| entry.neighbors.clone()).unwrap_or_default();
        neighbors.into_iter().for_each(|id| self.judge_claims(cx, id));
    }

    /// Has an address count as a duplicate whose contest has lasted, or as one that is none any more.
    pub(super) fn look_at_contest(&mut self, cx: &mut Context<'_>, ip: IpAddr) {
        match self.contests.look_at(cx.now, cx.rules.window, ip) {
            Turn::Waits | Turn::Over(false) => return,
            Turn::Found => {
                if let [first, second, ..] = self.claims(cx.origins, ip)[..] {
                    let (vni, time) = (self.vni, cx.rules.window);
                    cx.out.notice(Notice::TwoMacs { vni, ip, claims: [first, second], time });
                }
            }
            Turn::Over(true) if self.moves.is_duplicate(Suspect::Ip(ip)) => {}
            Turn::Over(true) => {
                cx.out.notice(Notice::DuplicateOver { vni: self.vni, suspect: Suspect::Ip(ip) });
            }
        }
        cx.out.feed.push(Changed::Neighbor(self.vni, ip));
    }

    /// The MACs that claim an address, the one that has it first, each with its best claim.
    pub(crate) fn claims(&self, origins: &Origins, ip: IpAddr) -> SmallVec<[AddressClaim; 2]> {
        let entry = self.neighbors.find(ip).and_then(|id| self.neighbors.get(id));
        let weighed = entry.map(|entry| self.weigh_claims(origins, entry)).unwrap_or_default();
        weighed.into_iter().map(|(_, claim)| claim).collect()
    }

    fn weigh_claims(&self, origins: &Origins, entry: &NeighborEntry) -> SmallVec<[Weighed; 2]> {
        let mut claims = SmallVec::<[Weighed; 2]>::new();
        for binding in &entry.bindings {
            // What a MAC brought along is nobody's word.
            if binding.origin.is_none() && entry.verifying {
                continue;
            }
            let Some((weight, told)) = self.weigh(origins, entry, binding) else { continue };
            let Some(mac) = told.mac() else { continue };
            let place = binding.origin.and_then(|origin| origins.vtep(origin));
            let claim = AddressClaim { mac, place: place.map_or(Place::Local, Place::Remote), seq: weight.0 };
            match claims.iter_mut().find(|(_, known)| known.mac == mac) {
                Some(known) if known.0 >= weight => {}
                Some(known) => *known = (weight, claim),
                None => claims.push((weight, claim)),
            }
        }
        claims.sort_unstable_by_key(|(weight, _)| Reverse(*weight));
        claims
    }

    /// Whether hosts quarrel about an address. Gateways do not, which have one address everywhere, nor does a MAC that
    /// is a duplicate itself, and is named as that.
    fn is_contested(&self, origins: &Origins, entry: &NeighborEntry) -> bool {
        if entry.bindings.len() < 2 || is_shared(entry.ip) || self.has_gateway(entry) {
            return false;
        }
        let claims = self.weigh_claims(origins, entry);
        claims.iter().filter(|(_, claim)| !self.moves.is_duplicate(Suspect::Mac(claim.mac))).count() > 1
    }

    /// Whether somebody announces an address as a default gateway's (RFC 7432 section 10.1).
    pub(super) fn has_gateway(&self, entry: &NeighborEntry) -> bool {
        entry.bindings.iter().any(|binding| {
            let holder = self.macs.get(binding.mac).map(|entry| entry.winner);
            binding.traits.gateway || holder.and_then(Winner::traits).is_some_and(|traits| traits.gateway)
        })
    }

    /// What of a host here that has an address as well as one elsewhere is announced.
    pub(super) fn runner_up(&self, origins: &Origins, entry: &NeighborEntry, best: Told) -> Told {
        let Told::Remote { mac, router, .. } = best else { return best };
        let local = entry.local().filter(|_| !entry.verifying);
        let also = local.and_then(|binding| self.weigh(origins, entry, binding)?.1.advertised());
        Told::Remote { mac, router, also }
    }
}

/// Whether many hosts may well have an address: of one link, a gateway's often is the same everywhere (`fe80::1`), and no
/// route to it matters to anybody else.
pub(super) fn is_shared(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}
