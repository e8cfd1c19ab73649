//! Looking at the kernel: what is dumped, and what follows from what a dump did not show.

use std::time::{Duration, Instant};

use super::Routes;
use super::entry::Mark;
use super::event::{RouteAction, RouteDump, RouteOp};
use super::settle::Flight;
use super::table::{Alternative, Table, is_of};
use crate::dumps::Ended;
use crate::op::OpId;
use crate::reconcile::Looks;

/// Between two looks at what is in doubt: on a node where devices come and go all the time each would cause one.
const PAUSE: Duration = Duration::from_secs(1);

/// Devices come first, for routes lead nowhere without.
pub(super) fn everything<'a>(tables: impl Iterator<Item = &'a u32>) -> impl Iterator<Item = RouteDump> {
    [RouteDump::Devices, RouteDump::Addresses].into_iter().chain(tables.copied().flat_map(of_table))
}

/// Whether it is of a device's rows.
pub(super) fn is_of_rows(dump: &RouteDump) -> bool {
    matches!(dump, RouteDump::Rows(..))
}

/// A table's routes of both families.
pub(super) fn of_table(table: u32) -> [RouteDump; 2] {
    [true, false].map(|ipv4| RouteDump::Routes { ipv4, table })
}

impl Routes {
    /// Looks at everything the kernel has once more, as after an overrun. While that lasts no route is written.
    pub fn resync(&mut self, now: Instant) {
        self.dumps.look_at_everything(now);
    }

    pub(super) fn overrun(&mut self, now: Instant) {
        self.counters.overruns += 1;
        self.resync(now);
    }

    /// Looks at the routes once there is nothing else to do, if something of them was worked out and not seen.
    pub(super) fn look_at_doubtful(&mut self, now: Instant) {
        let is_due = self.look_due.is_none_or(|due| due <= now);
        if self.doubtful && is_due && self.flights.is_empty() {
            self.doubtful = false;
            self.look_due = Some(now + PAUSE);
            self.dumps.look_at(self.tables.keys().copied().flat_map(of_table));
        }
    }

    /// Looks at the next of all dumps though the kernel told nothing, if it is time and nothing else is to be done.
    pub(super) fn audit(&mut self, now: Instant) {
        if !self.synced || !self.audit.is_due(now) || !self.is_settled() {
            return;
        }
        match self.next_to_audit() {
            Some((piece, dump)) => {
                self.audit.begin(piece);
                self.dumps.look_at([dump]);
            }
            None => self.schedule_audit(now),
        }
    }

    /// Nothing is being looked at any more.
    fn schedule_audit(&mut self, now: Instant) {
        let (pieces, read) = (self.dumps.everything().len(), self.dumps.take_worked());
        self.audit.schedule(now, self.config.audit_interval, pieces, read);
        if self.audit.last().is_some() && self.next_to_audit().is_none() {
            self.counters.audits += u64::from(self.audit.end_round(now));
        }
    }

    /// The dump that comes next in the round, with its place in it.
    fn next_to_audit(&self) -> Option<(usize, RouteDump)> {
        let next = self.audit.last().map_or(0, |last| last + 1);
        self.dumps.everything().get(next).map(|dump| (next, *dump))
    }

    /// When the kernel was looked at last.
    pub fn looks(&self) -> Looks {
        Looks { resynced: self.resynced, audited: self.audit.ended() }
    }

    pub(super) fn next_dump(&mut self, now: Instant) -> Option<RouteOp> {
        let dump = self.dumps.next(now, self.flights.is_empty())?;
        self.counters.dumps += 1;
        let id = self.flights.launch(Flight::Dump);
        self.dumps.started(now, id);
        match dump {
            RouteDump::Devices => self.devices.begin_devices(),
            RouteDump::Addresses => self.devices.addresses.begin_dump(),
            RouteDump::Routes { ipv4, table } => self.begin_routes(ipv4, table),
            RouteDump::Rows(table, _) => self.tunnel.rows.begin_dump(table),
        }
        Some(RouteOp { id, action: RouteAction::Dump(dump) })
    }

    fn begin_routes(&mut self, ipv4: bool, table: u32) {
        self.tables.get_mut(&table).into_iter().for_each(|table| table.begin_dump(ipv4));
        if table != self.config.table {
            return;
        }
        for place in 0..self.entries.end() {
            let entry = self.entries.get_mut(place).filter(|entry| is_of(&entry.prefix, ipv4));
            entry.into_iter().for_each(|entry| entry.set(Mark::Fresh, false));
        }
        let strays = self.strays.iter_mut().filter(|(key, _)| key.table == table && is_of(&key.prefix, ipv4));
        strays.for_each(|(_, fresh)| *fresh = false);
    }

    pub(super) fn dump_ended(&mut self, now: Instant, id: OpId, intact: bool) {
        let ended = self.dumps.ended(now, id, intact);
        self.land(now, id);
        match ended {
            Ended::Nothing => {}
            Ended::Complete(RouteDump::Devices) => {
                self.devices.missed_devices().into_iter().for_each(|index| self.device_gone(now, index));
            }
            Ended::Complete(RouteDump::Addresses) => {
                let missed = self.devices.addresses.missed();
                missed.into_iter().for_each(|(index, address)| self.address_gone(index, address));
            }
            Ended::Complete(RouteDump::Routes { ipv4, table }) => self.end_routes(ipv4, table),
            Ended::Complete(RouteDump::Rows(table, device)) if self.tunnel.device() == Some(device) => {
                self.tunnel.rows.end_dump(table);
            }
            Ended::Complete(RouteDump::Rows(..)) => {}
        }
        let audited = self.audit.is_running() && self.dumps.is_idle();
        let read_in_full = self.dumps.take_synced();
        if audited || read_in_full {
            self.schedule_audit(now);
        }
        if read_in_full {
            if !self.synced {
                self.has_found_routes = self.finds_routes();
            }
            self.synced = true;
            self.counters.resyncs += 1;
            self.resynced = Some(now);
            self.doubtful = false;
            self.next_hops.all_changed();
            self.entries.iter_from(0).for_each(|(_, entry)| self.stirred.note(entry.prefix));
        }
    }

    /// Before anything was written.
    fn finds_routes(&self) -> bool {
        let gives_way = |route: &Alternative| self.config.take_over.contains(&route.protocol);
        let mut others = self.tables.get(&self.config.table).into_iter().flat_map(Table::iter);
        !self.strays.is_empty()
            || self.entries.iter_from(0).any(|(_, entry)| entry.seen.is_some())
            || others.any(|(_, routes)| routes.iter().any(gives_way))
    }

    /// What a dump did not show is gone.
    fn end_routes(&mut self, ipv4: bool, table: u32) {
        let gone = self.tables.get_mut(&table).map(|table| table.end_dump(ipv4)).unwrap_or_default();
        gone.into_iter().for_each(|prefix| self.route_changed(table, prefix));
        if table != self.config.table {
            return;
        }
        for place in 0..self.entries.end() {
            let Some(entry) = self.entries.get_mut(place).filter(|entry| is_of(&entry.prefix, ipv4)) else {
                continue;
            };
            if entry.is(Mark::Doubt) {
                entry.set(Mark::Doubt, false);
                self.stirred.note(entry.prefix);
            }
            if entry.seen.is_some() && !entry.is(Mark::Fresh) {
                let drifts = u64::from(self.audit.is_running() && entry.wanted.is_some());
                self.counters.repairs += drifts;
                self.counters.drifts += drifts;
                entry.seen = None;
                self.stirred.note(entry.prefix);
                self.mark_dirty(place);
                self.tidy(place);
            }
        }
        self.strays.retain(|key, fresh| *fresh || key.table != table || !is_of(&key.prefix, ipv4));
    }
}
