//! What becomes of a MAC or an address that moves too often.

use std::net::IpAddr;
use std::time::Instant;

use bgp::types::Mac;

use super::rows::place;
use super::{Context, Instance};
use crate::action::Notice;
use crate::duplicates::{Duplicate, DuplicateAction, Rival, Suspect};
use crate::feed::Changed;
use crate::mac_table::{MacEntry, MacId, Winner};
use crate::mobility::Traits;
use crate::neigh::Told;
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
        true
    }

    /// Counts it when an address goes from one MAC to another and one of them is here (RFC 9161 section 3.7).
    pub(super) fn count_address_move(&mut self, cx: &mut Context<'_>, ip: IpAddr, before: Told, after: Told) {
        let (Some(rival), Some(mac)) = (before.mac(), after.mac()) else { return };
        let is_here = |told| matches!(told, Told::Local { .. });
        if rival == mac || !(is_here(before) || is_here(after)) {
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
        if self.moves.recovers_at(suspect, at) {
            self.clear(cx, suspect);
        }
    }

    /// From now on a suspect counts as one host; whether it had not.
    pub(crate) fn clear(&mut self, cx: &mut Context<'_>, suspect: Suspect) -> bool {
        let was = self.forget(cx, suspect);
        match suspect {
            _ if !was => {}
            Suspect::Mac(mac) => self.macs.find(mac).into_iter().for_each(|id| self.settle_mac(cx, id)),
            Suspect::Ip(ip) => cx.out.feed.push(Changed::Neighbor(self.vni, ip)),
        }
        was
    }

    fn forget(&mut self, cx: &mut Context<'_>, suspect: Suspect) -> bool {
        let was = self.moves.forget(suspect);
        if was {
            cx.out.notice(Notice::DuplicateOver { vni: self.vni, suspect });
        }
        was
    }

    /// Other rules are in force.
    pub(crate) fn take_rules(&mut self, cx: &mut Context<'_>) {
        if cx.rules.action == DuplicateAction::Ignore {
            self.suspects().into_iter().for_each(|suspect| _ = self.clear(cx, suspect));
        }
        let due = self.moves.reschedule(cx.rules);
        cx.recoveries.extend(due.into_iter().map(|(at, suspect)| (at, self.vni, suspect)));
        for suspect in self.suspects() {
            // What is frozen may be let go of.
            if let Suspect::Mac(mac) = suspect {
                self.macs.find(mac).into_iter().for_each(|id| self.settle_mac(cx, id));
            }
        }
    }

    /// Every duplicate.
    pub(crate) fn suspects(&self) -> Vec<Suspect> {
        self.moves.duplicates(None).map(|(suspect, _)| suspect).collect()
    }

    /// The duplicates behind one, in order.
    pub(crate) fn duplicate_rows(&self, after: Option<Suspect>) -> impl Iterator<Item = DuplicateRow> + '_ {
        self.moves.duplicates(after).map(|(suspect, duplicate)| DuplicateRow {
            vni: self.vni,
            suspect,
            moves: duplicate.moves,
            rival: duplicate.rival,
            found: duplicate.found,
            recovers: duplicate.recovers,
            frozen: self.is_frozen(suspect),
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
