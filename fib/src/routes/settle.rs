//! From what comes next to ops, and what became of them.

use std::collections::VecDeque;
use std::time::Instant;

use super::entry::{Entry, Mark};
use super::event::{RouteAction, RouteKey, RouteOp};
use super::judge::{Step, conclude, is_same};
use super::tunnel::RowFlight;
use super::ways::{Id, Ways};
use super::{Routes, terrain};
use crate::op::{Fault, OpId};
use crate::tally::Counted;

/// After so many routes that are as they should be the hand rests, so that others get their turn.
const STRETCH: u32 = 1 << 15;

/// An op that is under way, by the place of its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flight {
    Put { place: u32, ways: Id, replace: bool },
    Delete { place: u32 },
    TakeOver { place: u32, metric: u32 },
    Stray(RouteKey),
    TunnelDevice,
    TunnelRow(RowFlight),
    Dump,
}

impl Flight {
    /// The ways that it is about.
    pub(super) fn ways(&self) -> Option<Id> {
        match self {
            Flight::Put { ways, .. } => Some(*ways),
            _ => None,
        }
    }
}

/// It goes round all routes when next hops have come to lead elsewhere.
#[derive(Debug, Default)]
pub(super) struct Hand {
    at: u32,
    left: u32,
    /// Since when it rests, though there is more to look at.
    pub(super) rests: Option<Instant>,
}

impl Hand {
    /// Once round from where it stands.
    pub(super) fn go_round(&mut self, end: u32) {
        self.left = end;
    }

    pub(super) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// The next place to look at.
    fn next(&mut self, end: u32) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        self.at = if self.at + 1 < end { self.at + 1 } else { 0 };
        Some(self.at)
    }
}

impl Routes {
    /// Queues a prefix unless it is queued or in flight already.
    pub(super) fn mark_dirty(&mut self, place: u32) {
        let Some(entry) = self.entries.get_mut(place) else { return };
        if !entry.is(Mark::Dirty) && !entry.is(Mark::InFlight) {
            entry.set(Mark::Dirty, true);
            self.queue.push_back(place);
        }
    }

    /// Drops an entry that says nothing any more.
    pub(super) fn tidy(&mut self, place: u32) {
        if self.entries.get(place).is_some_and(Entry::is_vacant)
            && let Some(entry) = self.entries.remove(place)
        {
            self.counts.replace(entry.counted, Counted::default());
            self.stirred.note(entry.prefix);
        }
    }

    /// What was in trouble is looked at again.
    pub(super) fn try_again(&mut self, key: RouteKey) {
        if self.strays.contains_key(&key) {
            self.stray_queue.push_back(key);
        } else if let Some(place) = self.entries.find(key.prefix) {
            self.mark_dirty(place);
        }
    }

    /// Next hops may lead elsewhere: then the hand goes round.
    pub(super) fn look_at_next_hops(&mut self) {
        let terrain = terrain(&self.config, &self.tables, &self.devices, &self.hidden, &self.tunnel);
        if self.wants.look_again(&mut self.next_hops, terrain) {
            self.hand.go_round(self.entries.end());
        }
    }

    pub(super) fn next_route(&mut self, now: Instant) -> Option<RouteOp> {
        while let Some(place) = self.queue.pop_front() {
            self.entries.get_mut(place).into_iter().for_each(|entry| entry.set(Mark::Dirty, false));
            if let Some(op) = self.settle(now, place) {
                return Some(op);
            }
        }
        self.queue = VecDeque::new();
        self.next_by_hand(now)
    }

    fn next_by_hand(&mut self, now: Instant) -> Option<RouteOp> {
        self.hand.rests = None;
        for _ in 0..STRETCH {
            let Some(place) = self.hand.next(self.entries.end()) else {
                self.wants.settle();
                return None;
            };
            let entry =
                self.entries.get(place).filter(|e| e.wanted.is_some_and(|set| self.wants.has_moved(set)));
            let Some(prefix) = entry.map(|entry| entry.prefix) else { continue };
            self.stirred.note(prefix);
            if let Some(op) = self.settle(now, place) {
                return Some(op);
            }
        }
        self.hand.rests = Some(now);
        None
    }

    /// Compares the two sides of a prefix: what is to be done about it now.
    fn settle(&mut self, now: Instant, place: u32) -> Option<RouteOp> {
        let entry = self.entries.get(place).copied().filter(|entry| !entry.is(Mark::InFlight))?;
        let key = self.key(entry.prefix);
        let step = self.step(&entry);
        if step == Step::Rest {
            self.tidy(place);
            return None;
        }
        self.stirred.note(entry.prefix);
        if self.retries.holds(now, &key) {
            return None;
        }
        let (flight, action) = match step {
            Step::Put { ways, replace } => {
                let shared = self.wants.ways(ways)?.clone();
                (Flight::Put { place, ways, replace }, RouteAction::Put { key, ways: shared, replace })
            }
            Step::Delete => (Flight::Delete { place }, RouteAction::Delete(key)),
            Step::TakeOver { metric, protocol } => {
                let theirs = RouteKey { metric, protocol, ..key };
                (Flight::TakeOver { place, metric }, RouteAction::Delete(theirs))
            }
            Step::Rest | Step::Waits | Step::Held => return None,
        };
        let entry = self.entries.get_mut(place)?;
        entry.set(Mark::InFlight, true);
        entry.set(Mark::Touched, false);
        Some(self.launch(flight, action))
    }

    pub(super) fn next_stray(&mut self, now: Instant) -> Option<RouteOp> {
        while let Some(key) = self.stray_queue.pop_front() {
            if self.strays.contains_key(&key) && !self.retries.holds(now, &key) {
                return Some(self.launch(Flight::Stray(key), RouteAction::Delete(key)));
            }
        }
        None
    }

    pub(super) fn launch(&mut self, flight: Flight, action: RouteAction) -> RouteOp {
        self.counters.ops += 1;
        RouteOp { id: self.flights.launch(flight), action }
    }

    pub(super) fn land(&mut self, now: Instant, id: OpId) {
        while let Some(flight) = self.flights.land(id) {
            self.over(now, flight, None);
        }
    }

    pub(super) fn refused(&mut self, now: Instant, id: OpId, fault: Fault) {
        match self.flights.refuse(id) {
            Some(Flight::Dump) if is_empty_table(&fault) => self.dump_ended(now, id, true),
            Some(Flight::Dump) => self.dumps.failed(now),
            Some(flight) => {
                let is_gone = fault.errno == libc::ESRCH && !matches!(flight, Flight::Put { .. });
                self.counters.failures += u64::from(!is_gone);
                self.over(now, flight, Some(fault).filter(|_| !is_gone));
            }
            None => {}
        }
    }

    fn over(&mut self, now: Instant, flight: Flight, fault: Option<Fault>) {
        match flight {
            Flight::Put { place, ways, replace } => {
                // There is one that was not seen.
                self.doubtful |= !replace && fault.as_ref().is_some_and(|fault| fault.errno == libc::EEXIST);
                if fault.as_ref().is_some_and(|fault| fault.errno == libc::EHOSTUNREACH) {
                    self.reveal(ways);
                }
                if replace && fault.is_none() {
                    self.superseded(place, None);
                }
                self.route_over(now, place, Step::Put { ways, replace }, fault);
            }
            Flight::TakeOver { place, metric } => {
                if fault.is_none() {
                    self.superseded(place, Some(metric));
                }
                self.theirs_over(now, place, fault);
            }
            Flight::Delete { place } => self.route_over(now, place, Step::Delete, fault),
            Flight::Stray(key) => match fault {
                Some(fault) => self.retries.refused(now, key, fault),
                None => {
                    self.strays.remove(&key);
                }
            },
            Flight::TunnelDevice => self.tunnel_over(now, fault),
            Flight::TunnelRow(flight) => {
                let is_lossy = self.dumps.is_lossy();
                if self.tunnel.rows.over(now, flight, fault, is_lossy) {
                    self.dumps.look_at(self.tunnel.dumps());
                }
            }
            Flight::Dump => {}
        }
    }

    /// Others' route to the prefix at a place is no longer there; without a metric, the one in the place of ours. The
    /// kernel does not tell us what we did.
    fn superseded(&mut self, place: u32, metric: Option<u32>) {
        let Some(prefix) = self.entries.get(place).map(|entry| entry.prefix) else { return };
        let (own, table) = (self.key(prefix), self.config.table);
        let Some(others) = self.tables.get_mut(&table) else { return };
        if others.supersede(&prefix, metric.unwrap_or(own.metric)) {
            self.route_changed(table, prefix);
        }
    }

    /// The deletion of a route that gives way to ours is over.
    fn theirs_over(&mut self, now: Instant, place: u32, fault: Option<Fault>) {
        let Some(entry) = self.entries.get_mut(place) else { return };
        entry.set(Mark::InFlight, false);
        let prefix = entry.prefix;
        if let Some(fault) = fault {
            self.retries.refused(now, self.key(prefix), fault);
        }
        self.stirred.note(prefix);
        self.mark_dirty(place);
    }

    /// The kernel finds no way to one of these routers: it has to be told that they are on their links.
    fn reveal(&mut self, ways: Id) {
        let Some(Ways::Via(hops)) = self.wants.ways(ways).map(|ways| &**ways) else { return };
        for gateway in hops.iter().filter(|hop| !hop.onlink).filter_map(|hop| hop.gateway) {
            if gateway.is_ipv6() && self.hidden.insert(gateway) {
                self.next_hops.all_changed();
            }
        }
    }

    /// An op on a route is over. If the same would come next, it was refused.
    fn route_over(&mut self, now: Instant, place: u32, done: Step, fault: Option<Fault>) {
        let is_lossy = self.dumps.is_lossy();
        let Some(entry) = self.entries.get_mut(place) else { return };
        let is_certain = fault.is_none() && !is_lossy && !entry.is(Mark::Touched);
        conclude(entry, done, fault.is_none(), is_certain);
        self.tunnel.note_loss();
        let entry = *entry;
        let key = self.key(entry.prefix);
        self.stirred.note(entry.prefix);
        match (self.step(&entry), fault) {
            (next, Some(fault)) if is_same(next, done) => self.retries.refused(now, key, fault),
            (Step::Put { .. } | Step::Delete | Step::TakeOver { .. }, fault) => {
                if fault.is_none() && !is_certain {
                    self.retries.spoilt(now, key);
                }
                self.mark_dirty(place);
            }
            _ => {
                self.retries.clear(&key);
                self.tidy(place);
            }
        }
    }
}

/// A table that is made with its first route, or a family that the kernel was built without.
fn is_empty_table(fault: &Fault) -> bool {
    [libc::ENOENT, libc::EAFNOSUPPORT, libc::EOPNOTSUPP].contains(&fault.errno)
}
