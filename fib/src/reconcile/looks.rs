//! Which of the kernel's tables are looked at, and in which order: devices first, for rows mean nothing without.

use std::time::Instant;

use bgp::types::Vni;
use evpn::dataplane::Observation;

use super::{Fib, Target};
use crate::dumps::{Dumps, Ended};
use crate::op::{Action, Dump, Op, OpId, Table};
use crate::row::IfIndex;

/// With more bridges to look at, one look at everything is cheaper.
const MANY: usize = 24;

const ROWS: [Table; 3] = [Table::Fdb, Table::Neighbors4, Table::Neighbors6];

/// All that the kernel has.
pub(super) fn everything() -> impl Iterator<Item = Dump> {
    [Table::Links, Table::Addresses].into_iter().chain(ROWS).map(|table| Dump { table, bridge: None })
}

/// Looks at one bridge, its ports and its neighbours.
pub(super) fn look_at(dumps: &mut Dumps<Dump>, bridge: IfIndex) {
    if will_look_at(dumps, bridge) {
        return;
    }
    let is_cheaper = dumps.waiting().len() >= MANY;
    if is_cheaper {
        dumps.retain(|dump| dump.bridge.is_none());
    }
    let bridge = Some(bridge).filter(|_| !is_cheaper);
    dumps.look_at(ROWS.map(|table| Dump { table, bridge }));
}

/// Whether a look at this bridge is still to begin.
pub(super) fn will_look_at(dumps: &Dumps<Dump>, bridge: IfIndex) -> bool {
    let covers = |dump: &Dump| dump.table == Table::Fdb && dump.bridge.is_none_or(|only| only == bridge);
    dumps.waiting().any(covers)
}

impl Fib {
    /// Looks at everything the kernel has once more, as after an overrun. While that lasts no row is written.
    pub fn resync(&mut self, now: Instant) {
        self.dumps.look_at_everything(now);
    }

    pub(super) fn next_dump(&mut self, now: Instant) -> Option<Op> {
        let dump = self.dumps.next(now, self.flights.is_empty())?;
        self.counters.dumps += 1;
        let op = self.launch(Target::Dump, Action::Dump(dump));
        self.dumps.started(now, op.id);
        match dump.table {
            Table::Links => self.links.begin_dump(),
            Table::Addresses => self.addresses.begin_dump(),
            table => self.networks_in(dump).into_iter().for_each(|vni| {
                self.networks.get_mut(&vni).into_iter().for_each(|network| network.begin_dump(table));
            }),
        }
        Some(op)
    }

    pub(super) fn dump_ended(&mut self, now: Instant, id: OpId, intact: bool) {
        let ended = self.dumps.ended(now, id, intact);
        self.land(now, id);
        if let Ended::Complete(dump) = ended {
            self.sweep(now, dump);
        }
        let audited = self.audit.is_running() && self.dumps.is_idle();
        let read_in_full = self.dumps.take_synced();
        if audited || read_in_full {
            self.schedule_audit(now);
        }
        if read_in_full {
            self.synced = true;
            self.counters.resyncs += 1;
            self.resynced = Some(now);
            self.create_missing();
            self.news.push_back(Observation::Synced);
        }
    }

    /// What a dump did not show is gone.
    fn sweep(&mut self, now: Instant, dump: Dump) {
        if dump.table == Table::Links {
            for index in self.links.missed() {
                self.link_gone(index);
            }
        }
        if dump.table == Table::Addresses {
            let missed = self.addresses.missed();
            missed.into_iter().for_each(|(index, address)| _ = self.addresses.remove(index, address));
        }
        for vni in self.networks_in(dump) {
            let Some(place) = self.place(vni) else { continue };
            let Some(network) = self.networks.get_mut(&vni) else { continue };
            let all = network.end_dump(vni, dump.table, &place);
            network.known |=
                dump.table == Table::Neighbors6 && !will_look_at(&self.dumps, place.segment.bridge);
            all.into_iter().for_each(|seen| self.seen(now, seen, &place));
        }
    }

    fn networks_in(&self, dump: Dump) -> Vec<Vni> {
        match dump.bridge {
            Some(bridge) => self.links.vni(bridge).into_iter().collect(),
            None => self.networks.keys().copied().collect(),
        }
    }

    /// A bridge that is there no longer need not be looked at, and cannot be.
    pub(super) fn forget_looks_at_gone(&mut self) {
        let links = &self.links;
        self.dumps.retain(|dump| dump.bridge.is_none_or(|bridge| links.name(bridge).is_some()));
    }

    pub(super) fn overrun(&mut self, now: Instant) {
        self.counters.overruns += 1;
        self.resync(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_bridges_are_looked_at_in_one_go() {
        let mut dumps = Dumps::new([]);
        (0..100).for_each(|bridge| look_at(&mut dumps, IfIndex(bridge)));
        assert!(dumps.waiting().len() <= MANY + ROWS.len());
        assert!((0..100).all(|bridge| will_look_at(&dumps, IfIndex(bridge))));
    }
}
