//! Rows as changes.

use std::hash::{DefaultHasher, Hasher};
use std::time::Instant;

use api::v1;
use api::v1::change::Row;
use bgp::rib::{Change, Table};
use evpn::dataplane::WantedKey;
use prost::Message;

use super::record::RowKey;
use super::why::{self, Why};
use crate::core::Core;
use crate::core::answer::{Describe, arp_row, fib_entry, fib_key, mac_row, route_entry, vni_row, vtep_row};
use crate::core::forward::Forwarding;

impl Core {
    /// What there is to say of a row now: what it is like, or that it is gone.
    pub(super) fn change_of(&self, now: Instant, key: RowKey, why: &Why) -> v1::Change {
        let (kind, row) = match self.row_of(now, key) {
            Some(row) => (v1::ChangeKind::Put, row),
            None => (v1::ChangeKind::Delete, self.name_of(key)),
        };
        let reason = why::reason(&row, kind == v1::ChangeKind::Delete, why);
        let moved_from = match &row {
            Row::Mac(mac) => why::moved_from(mac, why),
            _ => String::new(),
        };
        v1::Change { reason, moved_from, ..change(kind, row) }
    }

    /// What there is to say of a destination.
    pub(super) fn change_of_path<N: Describe>(
        &self,
        now: Instant,
        table: &Table<N>,
        told: &Change<'_, N>,
    ) -> v1::Change {
        let (kind, path) = match told.best {
            Some(path) => {
                let row = self.path_row(&told.nlri, path, self.clock(now), false);
                let stale = table.is_stale(path);
                (v1::ChangeKind::Put, v1::Path { best: true, stale, version: told.version.0, ..row })
            }
            None => {
                let (family, nlri) = (N::FAMILY.name().to_owned(), told.nlri.to_string());
                (v1::ChangeKind::Delete, v1::Path { family, nlri, ..v1::Path::default() })
            }
        };
        let reason = self.reason_of_path(table, told);
        v1::Change { version: told.version.0, reason, ..change(kind, Row::Path(path)) }
    }

    /// Tells the contents of a row apart from others that it had; `None` if it is gone.
    pub(super) fn digest_of(&self, now: Instant, key: RowKey) -> Option<u64> {
        let row = self.row_of(now, key).map(without_counters)?;
        let mut hasher = DefaultHasher::new();
        hasher.write(&change(v1::ChangeKind::Put, row).encode_to_vec());
        Some(hasher.finish())
    }

    fn row_of(&self, now: Instant, key: RowKey) -> Option<Row> {
        let forwarding = self.forwarding.as_ref();
        Some(match key {
            RowKey::Neighbor(address) => {
                Row::Neighbor(self.neighbor_row(now, self.peers.by_address(address)?))
            }
            RowKey::Vni(vni) => Row::Vni(vni_row(forwarding?, &forwarding?.evpn.vni(vni)?)),
            RowKey::Mac(vni, mac) => Row::Mac(mac_row(&forwarding?.fib, &forwarding?.evpn.mac(vni, mac)?)),
            RowKey::Arp(vni, ip) => Row::Arp(arp_row(forwarding?, &forwarding?.evpn.neighbor(vni, ip)?)),
            RowKey::Vtep(vni, vtep) => {
                Row::Vtep(vtep_row(&forwarding?.fib, &forwarding?.evpn.vtep(vni, vtep)?))
            }
            RowKey::Fib(key) => Row::FibEntry(fib_entry(&forwarding?.fib, &forwarding?.fib.find_row(key)?)),
            RowKey::Route(prefix) => {
                let routes = &self.native.as_ref()?.routes;
                Row::FibEntry(route_entry(routes, &routes.find_row(&prefix)?))
            }
        })
    }

    /// What identifies a row, and nothing else.
    fn name_of(&self, key: RowKey) -> Row {
        match key {
            RowKey::Neighbor(address) => {
                Row::Neighbor(v1::Neighbor { address: address.to_string(), ..Default::default() })
            }
            RowKey::Vni(vni) => Row::Vni(v1::Vni { vni: vni.get(), ..Default::default() }),
            RowKey::Mac(vni, mac) => {
                Row::Mac(v1::Mac { vni: vni.get(), mac: mac.to_string(), ..Default::default() })
            }
            RowKey::Arp(vni, ip) => {
                Row::Arp(v1::Arp { vni: vni.get(), ip: ip.to_string(), ..Default::default() })
            }
            RowKey::Vtep(vni, vtep) => {
                Row::Vtep(v1::Vtep { vni: vni.get(), vtep: vtep.to_string(), ..Default::default() })
            }
            RowKey::Fib(key) => {
                let (kind, vni, key) = fib_key(&key);
                Row::FibEntry(v1::FibEntry { kind: kind.into(), vni: Some(vni), key, ..Default::default() })
            }
            RowKey::Route(prefix) => {
                let (kind, key) = (v1::FibKind::Route.into(), prefix.to_string());
                Row::FibEntry(v1::FibEntry { kind, key, ..Default::default() })
            }
        }
    }
}

/// The row of EVPN that shows what the kernel makes of a key, if it is there.
pub(super) fn row_showing(forwarding: &Forwarding, key: WantedKey) -> Option<RowKey> {
    let evpn = &forwarding.evpn;
    match key {
        WantedKey::Mac { vni, mac } => evpn.mac(vni, mac).map(|_| RowKey::Mac(vni, mac)),
        WantedKey::Neighbor { vni, ip } => evpn.neighbor(vni, ip).map(|_| RowKey::Arp(vni, ip)),
        WantedKey::Flood { vni, vtep } => evpn.vtep(vni, vtep).map(|_| RowKey::Vtep(vni, vtep)),
    }
}

fn change(kind: v1::ChangeKind, row: Row) -> v1::Change {
    v1::Change { kind: kind.into(), row: Some(row), ..v1::Change::default() }
}

/// Without what counts or grows: nobody is told of that alone.
pub(super) fn without_counters(mut row: Row) -> Row {
    match &mut row {
        Row::Neighbor(neighbor) => {
            neighbor.since_seconds = None;
            (neighbor.messages_received, neighbor.messages_sent) = (None, None);
            (neighbor.routes_received, neighbor.routes_sent) = (0, 0);
            neighbor.rejected.clear();
            neighbor.faults.clear();
            neighbor.bfd.iter_mut().for_each(without_packets);
            for family in &mut neighbor.families {
                *family = v1::NeighborFamily {
                    family: std::mem::take(&mut family.family),
                    negotiated: family.negotiated,
                    end_of_rib_received: family.end_of_rib_received,
                    stale_phase: family.stale_phase,
                    ..v1::NeighborFamily::default()
                };
            }
        }
        Row::Vni(vni) => {
            (vni.local_macs, vni.remote_macs, vni.remote_vteps) = (0, 0, 0);
            (vni.local_neighbors, vni.remote_neighbors) = (0, 0);
            vni.hosts = None;
        }
        _ => {}
    }
    row
}

/// A BFD session's state is news, and its packets are not.
fn without_packets(session: &mut v1::BfdSession) {
    session.since_seconds = None;
    (session.packets_sent, session.packets_received, session.packets_discarded) = (0, 0, 0);
}
