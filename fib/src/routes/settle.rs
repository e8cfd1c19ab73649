//! Wanted against seen: what comes next for a prefix, and what became of it.

use std::collections::VecDeque;
use std::time::Instant;

use ipnet::IpNet;

use super::entry::{Entry, Mark};
use super::event::{RouteAction, RouteKey, RouteOp};
use super::status::Conflict;
use super::table::Alternative;
use super::ways::{Id, Ways};
use super::{Routes, terrain};
use crate::op::{Fault, KERNEL_PROTOCOL, OpId};

/// After so many routes that are as they should be the hand rests, so that others get their turn.
const STRETCH: u32 = 1 << 15;

/// An op that is under way, by the place of its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flight {
    Put { place: u32, ways: Id, replace: bool },
    Delete { place: u32 },
    TakeOver { place: u32, metric: u32 },
    Stray(RouteKey),
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

    fn next(&mut self, end: u32) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        self.at = if self.at + 1 < end { self.at + 1 } else { 0 };
        Some(self.at)
    }
}

/// What comes next for a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing: wanted and seen agree.
    Rest,
    /// Nothing: a route is wanted that cannot be in the kernel, and is not.
    Waits,
    /// Nothing yet: a former run's route, kept until routing has converged.
    Held,
    Put {
        ways: Id,
        replace: bool,
    },
    Delete,
    /// Delete a route of somebody who gives way to us, now that ours is there.
    TakeOver {
        metric: u32,
        protocol: u8,
    },
}

impl Routes {
    pub(super) fn step(&self, entry: &Entry) -> Step {
        let is_there = entry.seen.is_some() || entry.is(Mark::Doubt);
        match (entry.wanted, self.goal(entry)) {
            (_, Some(ways)) if entry.seen == Some(ways) && !entry.is(Mark::Doubt) => {
                self.yielding(&entry.prefix).next().map_or(Step::Rest, |there| Step::TakeOver {
                    metric: there.metric,
                    protocol: there.protocol,
                })
            }
            (_, Some(ways)) => Step::Put { ways, replace: is_there || self.is_yielded(&entry.prefix) },
            (Some(_), None) if !is_there => Step::Waits,
            (None, None) if !is_there => Step::Rest,
            (None, None) if entry.is(Mark::Found) && !self.released => Step::Held,
            (_, None) => Step::Delete,
        }
    }

    /// The ways that the kernel is to have for a prefix.
    fn goal(&self, entry: &Entry) -> Option<Id> {
        let set = entry.wanted?;
        let ways = self.wants.resolved(set)?;
        let is_kept_out = || self.conflict(&entry.prefix).is_some_and(|conflict| !conflict.beside);
        let leads_here = entry.is(Mark::Inward) && self.leads_to_itself(set, &entry.prefix);
        (!leads_here && !is_kept_out()).then_some(ways)
    }

    /// Whether a route would come before the one that leads to its next hop's gateway.
    fn leads_to_itself(&self, set: Id, prefix: &IpNet) -> bool {
        let Some(wanted) = self.wants.wanted(set) else { return false };
        let inward = wanted.hops().iter().filter(|hop| prefix.contains(&hop.address));
        let targets = inward.filter_map(|hop| self.next_hops.target(hop));
        targets.filter_map(|target| target.behind).any(|length| length < prefix.prefix_len())
    }

    /// Others' routes to a prefix that give way to ours.
    fn yielding(&self, prefix: &IpNet) -> impl Iterator<Item = &Alternative> {
        let takes = !self.config.take_over.is_empty();
        let table = self.tables.get(&self.config.table).filter(|_| takes);
        let others = table.map_or(&[][..], |table| table.at(prefix));
        others.iter().filter(|route| self.config.take_over.contains(&route.protocol))
    }

    /// Whether one of them is in the very place of ours, and nobody else.
    fn is_yielded(&self, prefix: &IpNet) -> bool {
        let metric = self.key(*prefix).metric;
        self.yielding(prefix).any(|route| route.metric == metric)
    }

    /// Somebody else's route to the same prefix, if it matters to ours.
    pub(super) fn conflict(&self, prefix: &IpNet) -> Option<Conflict> {
        let others = self.tables.get(&self.config.table).filter(|table| !table.is_empty())?.at(prefix);
        let ours = self.config.metric_of(matches!(prefix, IpNet::V4(_)));
        let conflict = |metric: u32, protocol: u8, beside| Conflict { protocol, metric, beside };
        let others = || others.iter().filter(|route| !self.config.take_over.contains(&route.protocol));
        let keeps_out = others()
            .find(|route| route.metric == ours || route.metric > ours && route.protocol == KERNEL_PROTOCOL);
        let comes_before = || others().next().filter(|route| route.metric < ours);
        keeps_out
            .map(|route| conflict(route.metric, route.protocol, false))
            .or_else(|| comes_before().map(|route| conflict(route.metric, route.protocol, true)))
    }

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
        if self.entries.get(place).is_some_and(Entry::is_vacant) {
            self.entries.remove(place);
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
        let terrain = terrain(&self.config, &self.tables, &self.devices, &self.hidden);
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
            let place = self.hand.next(self.entries.end())?;
            if let Some(op) = self.settle(now, place) {
                return Some(op);
            }
        }
        self.hand.rests = Some(now).filter(|_| !self.hand.is_done());
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
        self.feed.push(entry.prefix);
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

    fn launch(&mut self, flight: Flight, action: RouteAction) -> RouteOp {
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
        self.feed.push(prefix);
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
        let entry = *entry;
        let key = self.key(entry.prefix);
        self.feed.push(entry.prefix);
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

/// What is known of an entry after an op.
fn conclude(entry: &mut Entry, done: Step, accepted: bool, is_certain: bool) {
    entry.set(Mark::InFlight, false);
    match done {
        _ if accepted && !is_certain => entry.set(Mark::Doubt, true),
        // IPv6 takes the ways of a route one by one: an op that is refused half way leaves anything.
        Step::Put { replace, .. } if !accepted && replace => entry.set(Mark::Doubt, true),
        _ if !accepted => {}
        Step::Put { ways, .. } => entry.seen = Some(ways),
        _ => entry.seen = None,
    }
    if is_certain {
        entry.set(Mark::Doubt, false);
    }
}

fn is_same(one: Step, other: Step) -> bool {
    match (one, other) {
        (Step::Put { ways: one, .. }, Step::Put { ways: other, .. }) => one == other,
        (one, other) => one == other,
    }
}

/// A table that is made with its first route, or a family that the kernel was built without.
fn is_empty_table(fault: &Fault) -> bool {
    [libc::ENOENT, libc::EAFNOSUPPORT, libc::EOPNOTSUPP].contains(&fault.errno)
}
