//! Networks are looked at one after the other though the kernel told nothing of them.

use std::time::Instant;

use bgp::types::Vni;

use super::{Fib, looks};
use crate::row::IfIndex;

impl Fib {
    /// Looks at the next network, if it is its time and nothing else is to be done.
    pub(super) fn audit(&mut self, now: Instant) {
        if !self.synced || !self.audit.is_due(now) || !self.is_settled() {
            return;
        }
        match self.next_to_audit() {
            Some((vni, bridge)) => {
                self.audit.begin(vni);
                looks::look_at(&mut self.dumps, bridge);
            }
            None => self.schedule_audit(now),
        }
    }

    /// Nothing is being looked at any more.
    pub(super) fn schedule_audit(&mut self, now: Instant) {
        let served = self.networks.values().filter(|network| network.segment.is_some()).count();
        let read = self.dumps.take_worked();
        self.audit.schedule(now, self.config.audit_interval, served, read);
        if self.audit.last().is_some() && self.next_to_audit().is_none() {
            self.counters.audits += u64::from(self.audit.end_round(now));
        }
    }

    /// The network that comes next in the round, with its bridge.
    fn next_to_audit(&self) -> Option<(Vni, IfIndex)> {
        let served = self.networks.iter().filter_map(|(vni, network)| Some((*vni, network.segment?.bridge)));
        served.filter(|(vni, _)| self.audit.last().is_none_or(|last| *vni > last)).min()
    }
}
