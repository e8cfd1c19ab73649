//! The daemon at a glance.

use std::time::Instant;

use ::fib::Status;
use ::fib::routes::RouteStatus;
use api::server::Readiness;
use api::v1;
use bgp::rib::Table;
use bgp::wire::Nlri;

use crate::config::RangeConfig;
use crate::core::Core;
use crate::core::forward::Forwarding;
use crate::core::native::Native;

use super::row::seconds_since;

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
    pub(super) fn status(&self, now: Instant) -> v1::Status {
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
        if let Some(forwarding) = &self.forwarding {
            fill_in_forwarding(forwarding, &mut status);
        }
        if let Some(native) = self.native.as_ref().filter(|_| self.config.native.is_some()) {
            status.routes = Some(route_status(native));
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

fn fill_in_forwarding(forwarding: &Forwarding, status: &mut v1::Status) {
    for row in forwarding.evpn.vnis() {
        status.vnis += 1;
        status.macs += (row.local_macs + row.remote_macs) as u64;
        status.arps += (row.local_neighbors + row.remote_neighbors) as u64;
        status.vteps += row.vteps as u64;
    }
    let counters = forwarding.fib.counters();
    let mut fib = v1::FibStatus {
        synced: forwarding.is_synced(),
        operations: counters.ops,
        errors: counters.failures,
        overruns: counters.overruns,
        ..v1::FibStatus::default()
    };
    for row in forwarding.fib.rows() {
        fib.wanted += u64::from(row.wanted.is_some());
        match row.status {
            Status::Programmed => fib.programmed += 1,
            Status::Pending | Status::Stale => fib.pending += 1,
            Status::Failed(_) => fib.failed += 1,
            Status::Conflict(_) => fib.conflicts += 1,
        }
    }
    status.fib = Some(fib);
}

fn route_status(native: &Native) -> v1::RouteStatus {
    let (routes, counters) = (&native.routes, native.routes.counters());
    let mut status = v1::RouteStatus {
        synced: routes.is_synced(),
        refused: native.refused() as u64,
        operations: counters.ops,
        errors: counters.failures,
        overruns: counters.overruns,
        repairs: counters.repairs,
        ..v1::RouteStatus::default()
    };
    for state in routes.rows().map(|row| row.status) {
        status.wanted += u64::from(state != RouteStatus::Stale);
        match state {
            RouteStatus::Programmed => status.programmed += 1,
            RouteStatus::Pending | RouteStatus::Stale => status.pending += 1,
            RouteStatus::Failed(_) => status.failed += 1,
            RouteStatus::Conflict(_) => status.conflicts += 1,
            RouteStatus::Unreachable | RouteStatus::NoTunnel | RouteStatus::Swallowed => {
                status.unreachable += 1;
            }
        }
    }
    status
}

fn table<N: Nlri>(table: &Table<N>) -> v1::TableStatus {
    v1::TableStatus {
        family: N::FAMILY.name().to_owned(),
        version: table.head().0,
        destinations: table.destinations() as u64,
        paths: table.paths() as u64,
    }
}
