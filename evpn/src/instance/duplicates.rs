//! What becomes of a MAC or an address that moves too often.

use std::time::Instant;

use bgp::types::Mac;
use smallvec::SmallVec;

use super::claims::is_shared;
use super::rows::place;
use super::{Context, Instance};
use crate::action::Notice;
use crate::duplicates::{Duplicate, DuplicateAction, Rival, Suspect};
use crate::feed::Changed;
use crate::mac_table::{MacEntry, MacId, Winner};
use crate::mobility::Traits;
use crate::neigh::{NeighborId, Told};
use crate::origin::Origins;
use crate::rows::DuplicateRow;

impl Instance {
    /// Who has a MAC once its moves have been counted, and whether it is frozen there: the winner of the election, but
    /// for a duplicate that is to stay where it is.
    pub(super) fn judge_move(&mut self, cx: &mut Context<'_>, id: MacId, elected: Winner) -> (Winner, bool) {
        let Some(entry) = self.macs.get(id) else { return (elected, false) };
        let (mac, before, was_frozen) = (entry.mac, entry.winner, entry.frozen);
        let freezes = can_freeze(cx, entry, elected);
        if was_frozen && self.moves.is_duplicate(Suspect::Mac(mac)) {
            if freezes {
                return (before, true);
            }
            if cx.rules.action == DuplicateAction::Freeze {
                // Nothing is left to be frozen, or an operator has spoken: there is one host, which may move.
                self.forget(cx, Suspect::Mac(mac));
            }
            return (elected, false);
        }
        let found = !was_frozen && self.count_move(cx, mac, before, elected, freezes);
        if found && freezes { (before, true) } else { (elected, false) }
    }

    /// Counts a move to or from this node (RFC 7432 section 15.1); those between others are theirs to count. Says
    /// whether this one makes the MAC a duplicate.
    fn count_move(
        &mut self,
        cx: &mut Context<'_>,
        mac: Mac,
        before: Winner,
        after: Winner,
        freezes: bool,
    ) -> bool {
        let moved = matches!(
            (before, after),
            (Winner::Local(_), Winner::Remote(..)) | (Winner::Remote(..), Winner::Local(_))
        );
        let (from, to) = (place(cx.origins, before), place(cx.origins, after));
        let rival = Rival::Place(if freezes { to } else { from });
        let Some(found) = moved.then(|| self.find(cx, Suspect::Mac(mac), rival)).flatten() else {
            return false;
        };
        let (moves, window, frozen) = (found.moves, cx.rules.window, freezes.then_some(from));
        cx.out.notice(Notice::DuplicateMac { vni: self.vni, mac, moves, window, frozen });
        self.judge_claims_of(cx, mac);
        true
    }

    /// Counts it when an address goes from one MAC to another and one of them is here (RFC 9161 section 3.7).
    pub(super) fn count_address_move(
        &mut self,
        cx: &mut Context<'_>,
        id: NeighborId,
        before: Told,
        after: Told,
    ) {
        let (Some(rival), Some(mac)) = (before.mac(), after.mac()) else { return };
        let is_here = |told| matches!(told, Told::Local { .. });
        let Some(entry) = self.neighbors.get(id).filter(|_| rival != mac) else { return };
        let (ip, counts) = (entry.ip, is_here(before) || is_here(after));
        if !counts || is_shared(ip) || self.has_gateway(entry) {
            return;
        }
        if let Some(found) = self.find(cx, Suspect::Ip(ip), Rival::Mac(rival)) {
            let (moves, window) = (found.moves, cx.rules.window);
            cx.out.notice(Notice::DuplicateAddress { vni: self.vni, ip, macs: [rival, mac], moves, window });
        }
    }

    fn find(&mut self, cx: &mut Context<'_>, suspect: Suspect, rival: Rival) -> Option<Duplicate> {
        let found = self.moves.count(cx.now, cx.rules, suspect, rival)?;
        if let Some(at) = found.recovers {
            cx.recoveries.insert((at, self.vni, suspect));
        }
        Some(found)
    }

    /// Lets a duplicate recover whose time has come.
    pub(crate) fn recover(&mut self, cx: &mut Context<'_>, suspect: Suspect, at: Instant) {
        if let Suspect::Ip(ip) = suspect {
            self.look_at_contest(cx, ip);
        }
        if self.moves.recovers_at(suspect, at) {
            self.recovered(cx, suspect);
        }
    }

    /// From now on a suspect counts as one host; whether it had not. An address that two MACs claim still is looked at
    /// anew: it is found again when that has lasted once more.
    pub(crate) fn clear(&mut self, cx: &mut Context<'_>, suspect: Suspect) -> bool {
        let was = self.is_duplicate(suspect);
        if let Suspect::Ip(ip) = suspect {
            self.contests.forget(ip);
            self.neighbors.find(ip).into_iter().for_each(|id| self.judge_claims(cx, id));
        }
        if was {
            self.recovered(cx, suspect);
        }
        was
    }

    fn recovered(&mut self, cx: &mut Context<'_>, suspect: Suspect) {
        self.forget(cx, suspect);
        match suspect {
            Suspect::Mac(mac) => {
                self.macs.find(mac).into_iter().for_each(|id| self.settle_mac(cx, id));
                self.judge_claims_of(cx, mac);
            }
            Suspect::Ip(ip) => cx.out.feed.push(Changed::Neighbor(self.vni, ip)),
        }
    }

    /// Forgets the moves of a suspect.
    fn forget(&mut self, cx: &mut Context<'_>, suspect: Suspect) {
        self.moves.forget(suspect);
        if !self.is_duplicate(suspect) {
            cx.out.notice(Notice::DuplicateOver { vni: self.vni, suspect });
        }
    }

    /// Whether something moves too often, or is claimed by too many.
    pub(super) fn is_duplicate(&self, suspect: Suspect) -> bool {
        let contested = matches!(suspect, Suspect::Ip(ip) if self.contests.found(ip).is_some());
        contested || self.moves.is_duplicate(suspect)
    }

    /// Other rules are in force.
    pub(crate) fn take_rules(&mut self, cx: &mut Context<'_>) {
        if cx.rules.action == DuplicateAction::Ignore {
            self.suspects().into_iter().for_each(|suspect| _ = self.clear(cx, suspect));
        }
        let due = self.moves.reschedule(cx.rules);
        cx.recoveries.extend(due.into_iter().map(|(at, suspect)| (at, self.vni, suspect)));
        let due = self.contests.reschedule(cx.now, cx.rules.window);
        cx.recoveries.extend(due.into_iter().map(|(at, ip)| (at, self.vni, Suspect::Ip(ip))));
        // What was not to be looked for before may have been there.
        (0..self.neighbors.end()).for_each(|id| self.judge_claims(cx, id));
        for suspect in self.suspects() {
            // What is frozen may be let go of.
            if let Suspect::Mac(mac) = suspect {
                self.macs.find(mac).into_iter().for_each(|id| self.settle_mac(cx, id));
            }
        }
    }

    /// Every duplicate.
    pub(crate) fn suspects(&self) -> Vec<Suspect> {
        let mut next = self.next_duplicate(None);
        let all = std::iter::from_fn(|| {
            let suspect = next?;
            next = self.next_duplicate(Some(suspect));
            Some(suspect)
        });
        all.collect()
    }

    /// The duplicates behind one, in order.
    pub(crate) fn duplicate_rows<'a>(
        &'a self,
        origins: &'a Origins,
        mut after: Option<Suspect>,
    ) -> impl Iterator<Item = DuplicateRow> + 'a {
        std::iter::from_fn(move || {
            after = Some(self.next_duplicate(after)?);
            self.duplicate_row(origins, after?)
        })
    }

    fn next_duplicate(&self, after: Option<Suspect>) -> Option<Suspect> {
        let moving = self.moves.duplicates(after).next().map(|(suspect, _)| suspect);
        let behind = match after {
            Some(Suspect::Ip(ip)) => Some(ip),
            _ => None,
        };
        let claimed = self.contests.duplicates(behind).next().map(Suspect::Ip);
        moving.into_iter().chain(claimed).min()
    }

    fn duplicate_row(&self, origins: &Origins, suspect: Suspect) -> Option<DuplicateRow> {
        let claims = match suspect {
            Suspect::Ip(ip) => self.claims(origins, ip),
            Suspect::Mac(_) => SmallVec::new(),
        };
        let contested = match suspect {
            Suspect::Ip(ip) => self.contests.found(ip),
            Suspect::Mac(_) => None,
        };
        let moved = self.moves.duplicate(suspect);
        let other = claims.get(1).map(|claim| Rival::Mac(claim.mac));
        Some(DuplicateRow {
            vni: self.vni,
            suspect,
            moves: moved.map_or(0, |moved| moved.moves),
            rival: other.or(moved.map(|moved| moved.rival)),
            found: moved.map(|moved| moved.found).into_iter().chain(contested).min()?,
            recovers: moved.and_then(|moved| moved.recovers).filter(|_| contested.is_none()),
            frozen: self.is_frozen(suspect),
            contested: contested.is_some(),
            claims,
        })
    }

    fn is_frozen(&self, suspect: Suspect) -> bool {
        let Suspect::Mac(mac) = suspect else { return false };
        self.macs.find(mac).and_then(|id| self.macs.get(id)).is_some_and(|entry| entry.frozen)
    }
}

/// Whether a MAC can stay where it is: that claim stands, and the other one is not pinned, which is an operator's word.
fn can_freeze(cx: &Context<'_>, entry: &MacEntry, elected: Winner) -> bool {
    cx.rules.action == DuplicateAction::Freeze
        && entry.still_claimed()
        && elected != Winner::Nobody
        && !elected.traits().is_some_and(Traits::is_pinned)
}
