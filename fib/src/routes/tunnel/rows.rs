//! The rows of the tunnel's device, wanted against seen.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use bgp::types::Mac;

use super::row::{RowFlight, RowKey, State, Step, Value, read};
use super::{Vtep, Vteps};
use crate::op::{Action, Fault, Table};
use crate::retry::Retries;
use crate::row::{IfIndex, Row};

/// How the rows of a next hop stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TunnelRowStatus {
    /// The kernel has both.
    Programmed,
    /// Not yet.
    Pending,
    /// The kernel refused one, in these words; it is tried again.
    Failed(String),
    /// Somebody else has set a row of the device otherwise, which is respected.
    Conflict(String),
}

/// A next hop that is reached through the tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelRow {
    /// Its address, which is the VTEP.
    pub vtep: IpAddr,
    /// Its MAC.
    pub mac: Mac,
    /// It is announced with another MAC as well; this one came last.
    pub disputed: bool,
    /// How its rows stand.
    pub status: TunnelRowStatus,
}

/// All rows.
#[derive(Debug, Default)]
pub(in crate::routes) struct Rows {
    vteps: Vteps,
    /// To each MAC its VTEP.
    places: BTreeMap<Mac, IpAddr>,
    states: BTreeMap<RowKey, State>,
    /// To be looked at.
    dirty: BTreeSet<RowKey>,
    /// To be taken away: neighbours before the FDB rows that they need.
    doomed: BTreeSet<RowKey>,
    retries: Retries<RowKey>,
}

impl Rows {
    /// These next hops are reached through the tunnel from now on, and no others. Returns the addresses of those that
    /// have come or gone.
    pub(in crate::routes) fn want(&mut self, vteps: Vteps) -> BTreeSet<IpAddr> {
        let mut places: BTreeMap<Mac, IpAddr> = BTreeMap::new();
        for vtep in vteps.values() {
            places
                .entry(vtep.mac)
                .and_modify(|place| *place = vtep.address.min(*place))
                .or_insert(vtep.address);
        }
        let keys = |vteps: &Vteps| -> BTreeSet<RowKey> {
            vteps.iter().flat_map(|(router, v)| [RowKey::Neighbor(*router), RowKey::Fdb(v.mac)]).collect()
        };
        let concerned = &keys(&vteps) | &keys(&self.vteps);
        let addresses = |vteps: &Vteps| vteps.values().map(|vtep| vtep.address).collect::<BTreeSet<_>>();
        let moved = &addresses(&vteps) ^ &addresses(&self.vteps);
        (self.vteps, self.places) = (vteps, places);
        for key in concerned {
            if self.goal(key).is_some() {
                self.doomed.remove(&key);
            }
            self.look_at(key);
        }
        moved
    }

    fn goal(&self, key: RowKey) -> Option<Value> {
        match key {
            RowKey::Fdb(mac) => self.places.get(&mac).copied().map(Value::At),
            RowKey::Neighbor(router) => self.vteps.get(&router).map(|vtep| Value::Is(vtep.mac)),
        }
    }

    fn step(&self, key: RowKey) -> Step {
        self.states.get(&key).copied().unwrap_or_default().step(self.goal(key))
    }

    fn look_at(&mut self, key: RowKey) {
        if self.step(key) != Step::Rest {
            self.dirty.insert(key);
        }
    }

    /// The next row to set.
    pub(in crate::routes) fn next_set(
        &mut self,
        now: Instant,
        device: IfIndex,
    ) -> Option<(RowFlight, Action)> {
        while let Some(key) = self.retries.pop_due(now) {
            self.look_at(key);
        }
        while let Some(key) = self.dirty.pop_first() {
            if let Step::Set(value) = self.step(key)
                && !self.retries.holds(now, &key)
                && let Some(launched) = self.launch(key, Some(value), device)
            {
                return Some(launched);
            }
        }
        None
    }

    /// The next row to take away.
    pub(in crate::routes) fn next_delete(&mut self, device: IfIndex) -> Option<(RowFlight, Action)> {
        while let Some(key) = self.doomed.pop_last() {
            if self.goal(key).is_none()
                && self.is_ours(key)
                && let Some(launched) = self.launch(key, None, device)
            {
                return Some(launched);
            }
        }
        None
    }

    /// `None` where an op is under way already; what comes of that is looked at then.
    fn launch(&mut self, key: RowKey, value: Option<Value>, device: IfIndex) -> Option<(RowFlight, Action)> {
        let state = self.states.entry(key).or_default();
        if state.in_flight {
            return None;
        }
        (state.in_flight, state.touched) = (true, false);
        let flight = RowFlight { key, value, replace: state.seen.is_some() };
        Some((flight, flight.action(device)))
    }

    /// An op is over. Says whether the rows are to be dumped, as what the kernel has now cannot be told.
    pub(in crate::routes) fn over(
        &mut self,
        now: Instant,
        flight: RowFlight,
        fault: Option<Fault>,
        is_lossy: bool,
    ) -> bool {
        let RowFlight { key, value, .. } = flight;
        let state = self.states.entry(key).or_default();
        state.in_flight = false;
        let is_gone = |fault: &Fault| value.is_none() && [libc::ESRCH, libc::ENOENT].contains(&fault.errno);
        let fault = fault.filter(|fault| !is_gone(fault));
        let is_unseen = fault.as_ref().is_some_and(|fault| fault.errno == libc::EEXIST);
        let is_certain = fault.is_none() && !state.touched && !is_lossy;
        if is_certain {
            state.seen = value.map(|value| super::row::Seen { value, ours: true, firm: true });
        }
        match fault {
            Some(fault) => self.retries.refused(now, key, fault),
            None if is_certain => self.retries.clear(&key),
            None => self.retries.spoilt(now, key),
        }
        self.look_at(key);
        self.tidy(key);
        is_unseen || !is_certain && !is_lossy
    }

    fn is_ours(&self, key: RowKey) -> bool {
        self.states.get(&key).and_then(|state| state.seen).is_some_and(|seen| seen.ours)
    }

    fn tidy(&mut self, key: RowKey) {
        if self.states.get(&key).is_some_and(|state| state.seen.is_none() && !state.in_flight) {
            self.states.remove(&key);
        }
    }

    /// The kernel reports a row of this device. Says whether it is one of ours that nobody wants.
    pub(in crate::routes) fn see(&mut self, now: Instant, device: IfIndex, row: &Row, present: bool) -> bool {
        let Some((_, key, seen)) = read(row).filter(|(of, ..)| *of == device) else {
            return false;
        };
        let was_right = self.goal(key).is_some() && self.step(key) == Step::Rest;
        let state = self.states.entry(key).or_default();
        state.seen = present.then_some(seen);
        (state.fresh, state.touched) = (true, true);
        let is_idle = !state.in_flight;
        if was_right && is_idle && self.step(key) != Step::Rest {
            self.retries.spoilt(now, key);
        }
        self.look_at(key);
        self.tidy(key);
        present && seen.ours && self.goal(key).is_none()
    }

    /// Takes away what is ours and not wanted, but for the way to these routers.
    pub(in crate::routes) fn retire(&mut self, in_use: &BTreeSet<IpAddr>) {
        let ours = self.states.iter().filter(|(_, state)| state.seen.is_some_and(|seen| seen.ours));
        let kept: BTreeSet<Mac> = in_use.iter().filter_map(|router| self.mac_of(*router)).collect();
        let is_needed = |key: RowKey| match key {
            RowKey::Neighbor(router) => in_use.contains(&router),
            RowKey::Fdb(mac) => kept.contains(&mac),
        };
        let unwanted = ours.map(|(key, _)| *key).filter(|key| self.goal(*key).is_none() && !is_needed(*key));
        self.doomed = unwanted.collect();
    }

    fn mac_of(&self, router: IpAddr) -> Option<Mac> {
        match self.states.get(&RowKey::Neighbor(router))?.seen?.value {
            Value::Is(mac) => Some(mac),
            Value::At(_) => None,
        }
    }

    /// The device is another one, or gone: it has no rows that are known.
    pub(in crate::routes) fn forget(&mut self) {
        self.states.retain(|_, state| {
            (state.seen, state.touched) = (None, true);
            state.in_flight
        });
        self.doomed.clear();
        self.retries = Retries::default();
        let routers = self.vteps.keys().map(|router| RowKey::Neighbor(*router));
        self.dirty = routers.chain(self.places.keys().map(|mac| RowKey::Fdb(*mac))).collect();
    }

    /// A dump of one kind of rows begins.
    pub(in crate::routes) fn begin_dump(&mut self, table: Table) {
        self.states
            .iter_mut()
            .filter(|(key, _)| is_in(**key, table))
            .for_each(|(_, state)| state.fresh = false);
    }

    /// What it did not show is gone.
    pub(in crate::routes) fn end_dump(&mut self, table: Table) {
        let missed = |(key, state): &(&RowKey, &State)| is_in(**key, table) && !state.fresh;
        let missed: Vec<RowKey> = self.states.iter().filter(missed).map(|(key, _)| *key).collect();
        for key in missed {
            self.states.get_mut(&key).into_iter().for_each(|state| state.seen = None);
            self.look_at(key);
            self.tidy(key);
        }
    }

    pub(in crate::routes) fn next_due(&self) -> Option<Instant> {
        self.retries.next_due()
    }

    /// Nothing is left to do, given whether there is a device to do it to.
    pub(super) fn is_settled(&self, has_device: bool) -> bool {
        !has_device || self.dirty.is_empty() && self.doomed.is_empty()
    }

    /// The next hops that are reached through the tunnel.
    pub(in crate::routes) fn list(&self) -> impl Iterator<Item = TunnelRow> {
        self.vteps.iter().map(|(router, vtep)| {
            let Vtep { address, mac, disputed } = *vtep;
            TunnelRow { vtep: address, mac, disputed, status: self.status(*router, mac) }
        })
    }

    fn status(&self, router: IpAddr, mac: Mac) -> TunnelRowStatus {
        let keys = [RowKey::Fdb(mac), RowKey::Neighbor(router)];
        let blocked = keys.into_iter().find(|key| self.step(*key) == Step::Blocked);
        let failure = || keys.into_iter().find_map(|key| self.retries.reason(&key));
        match blocked {
            Some(RowKey::Fdb(mac)) => {
                TunnelRowStatus::Conflict(format!("somebody else's FDB row sends {mac} elsewhere"))
            }
            Some(RowKey::Neighbor(router)) => {
                TunnelRowStatus::Conflict(format!("somebody else's neighbor {router} has another MAC"))
            }
            None if keys.into_iter().all(|key| self.step(key) == Step::Rest) => TunnelRowStatus::Programmed,
            None => failure().map_or(TunnelRowStatus::Pending, TunnelRowStatus::Failed),
        }
    }
}

fn is_in(key: RowKey, table: Table) -> bool {
    matches!((key, table), (RowKey::Fdb(_), Table::Fdb))
        || matches!((key, table), (RowKey::Neighbor(_), Table::Neighbors4 | Table::Neighbors6))
}
