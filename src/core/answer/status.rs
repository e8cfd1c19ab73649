//! The daemon at a glance.

use std::time::Instant;

use api::server::Readiness;
use api::v1;
use bgp::rib::Table;
use bgp::types::Vni;
use bgp::wire::Nlri;

use crate::config::RangeConfig;
use crate::core::Core;
use crate::core::forward::Forwarding;
use crate::core::native::Native;

use super::row::{rejected, seconds_since};

impl Core {
    /// What the services have to rest on. Core has a configuration from its beginning.
    pub fn readiness(&self) -> Readiness {
        Readiness {
            configured: true,
            evpn: self.forwarding.as_ref().is_none_or(Forwarding::is_synced),
            routes: self.native.as_ref().is_none_or(|native| native.routes.is_synced()),
        }
    }

    /// Memory and process are left to whoever can see them.
    pub(super) fn status(&mut self, now: Instant) -> v1::Status {
        let rib = &self.rib;
        let mut status = v1::Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            router_id: self.config.bgp.router_id.to_string(),
            asn: self.config.bgp.asn.0,
            cluster_id: self.config.bgp.cluster_id.to_string(),
            uptime_seconds: seconds_since(now, self.started),
            neighbors: self.peers.iter().count() as u64,
            neighbors_established: self.peers.iter().filter(|peer| peer.session.is_some()).count() as u64,
            dynamic_ranges: self.config.bgp.ranges.iter().map(|range| self.range_row(range)).collect(),
            tables: vec![table(&rib.ipv4), table(&rib.ipv6), table(&rib.evpn)],
            host_warnings: self.host_warnings.clone(),
            configuration: Some(self.configuration_status(now)),
            ..v1::Status::default()
        };
        let serves = self.config.evpn.is_some();
        if let Some(forwarding) = &mut self.forwarding {
            fill_in_forwarding(now, forwarding, &mut status);
            status.hosts = serves.then(|| host_status(now, forwarding));
        }
        if let Some(native) = self.native.as_mut().filter(|_| self.config.native.is_some()) {
            status.routes = Some(route_status(now, native));
        }
        status
    }

    fn range_row(&self, range: &RangeConfig) -> v1::DynamicRange {
        let count = self.visitors.count(range.range);
        v1::DynamicRange {
            range: range.range.to_string(),
            limit: range.limit,
            neighbors: count.here,
            refused: count.refused,
        }
    }
}

fn fill_in_forwarding(now: Instant, forwarding: &mut Forwarding, status: &mut v1::Status) {
    for row in forwarding.evpn.vnis() {
        status.vnis += 1;
        status.macs += (row.local_macs + row.remote_macs) as u64;
        status.arps += (row.local_neighbors + row.remote_neighbors) as u64;
        status.vteps += row.vteps as u64;
    }
    let (counters, counts, looks) =
        (forwarding.fib.counters(), forwarding.fib.counts(), forwarding.fib.looks());
    status.fib = Some(v1::FibStatus {
        synced: forwarding.is_synced(),
        wanted: counts.wanted as u64,
        programmed: counts.programmed as u64,
        pending: counts.pending as u64,
        failed: counts.failed as u64,
        conflicts: counts.conflicts as u64,
        operations: counters.ops,
        errors: counters.failures,
        overruns: counters.overruns,
        repairs: counters.repairs,
        drifts: counters.drifts,
        resyncs: counters.resyncs,
        resync_age_seconds: looks.resynced.map(|then| seconds_since(now, then)),
        audits: counters.audits,
        audit_age_seconds: looks.audited.map(|then| seconds_since(now, then)),
    });
}

fn host_status(now: Instant, forwarding: &Forwarding) -> v1::HostStatus {
    let hosts = &forwarding.hosts;
    let (devices, deaf) = hosts.ears();
    let mut status = v1::HostStatus {
        questions_per_second: hosts.asked_lately(now),
        devices: devices as u64,
        deaf_devices: deaf as u64,
        ..v1::HostStatus::default()
    };
    for vni in forwarding.evpn.served(Vni::default()) {
        let (tally, counts) = (hosts.tally(vni), hosts.counts(vni));
        status.known += tally.present + tally.asked;
        status.asked += tally.asked;
        status.missed += tally.missed;
        status.probed += counts.probed;
        status.answered += counts.answered;
        status.given_up += counts.given_up;
    }
    status
}

fn route_status(now: Instant, native: &mut Native) -> v1::RouteStatus {
    let (counters, counts, looks) = (native.routes.counters(), native.routes.counts(), native.routes.looks());
    v1::RouteStatus {
        synced: native.routes.is_synced(),
        wanted: counts.wanted as u64,
        programmed: counts.programmed as u64,
        pending: counts.pending as u64,
        failed: counts.failed as u64,
        conflicts: counts.conflicts as u64,
        unreachable: counts.unreachable as u64,
        refused: native.refused() as u64,
        operations: counters.ops,
        errors: counters.failures,
        overruns: counters.overruns,
        repairs: counters.repairs,
        drifts: counters.drifts,
        resyncs: counters.resyncs,
        resync_age_seconds: looks.resynced.map(|then| seconds_since(now, then)),
        audits: counters.audits,
        audit_age_seconds: looks.audited.map(|then| seconds_since(now, then)),
        refusals: rejected(native.refusals()),
    }
}

fn table<N: Nlri>(table: &Table<N>) -> v1::TableStatus {
    v1::TableStatus {
        family: N::FAMILY.name().to_owned(),
        version: table.head().0,
        destinations: table.destinations() as u64,
        paths: table.paths() as u64,
    }
}
