//! From what may have changed to the record: which rows are concerned, whether they look otherwise, and why.

use std::time::Instant;

use evpn::Changed;
use evpn::dataplane::WantedKey;

use super::place::Topic;
use super::record::RowKey;
use super::row::row_showing;
use super::why::{Why, what_changed};
use crate::config::NeighborAddress;
use crate::core::Core;

/// Changes noted in one turn: as much as is told in one.
const NOTED: usize = super::TOLD;

impl Core {
    /// Notes what has changed, a bounded number of changes. Says whether there is more to do.
    pub(super) fn note_changes(&mut self, now: Instant) -> bool {
        self.note_neighbors(now);
        let mut noted = 0;
        while let Some(keys) = self.next_changed() {
            noted += 1;
            keys.into_iter().flatten().for_each(|(key, why)| self.note(now, key, why));
            if noted == NOTED {
                return true;
            }
        }
        self.own_up_to_losses();
        false
    }

    fn note_neighbors(&mut self, now: Instant) {
        while let Some(peer) = self.watches.neighbors.pop_first() {
            if let Some(address) = self.peers.address(peer) {
                let why = self.look_at_neighbor(now, address);
                self.note(now, RowKey::Neighbor(address), why);
            }
        }
    }

    /// What of a neighbour is otherwise than when it was looked at last.
    fn look_at_neighbor(&mut self, now: Instant, address: NeighborAddress) -> Why {
        let row = self.peers.by_address(address).map(|peer| self.neighbor_row(now, peer));
        let before = match &row {
            Some(row) => self.watches.looked.insert(address, row.clone()),
            None => self.watches.looked.remove(&address),
        };
        let text = before.zip(row).map(|(before, after)| what_changed(&before, &after));
        text.filter(|text| !text.is_empty()).map_or(Why::Unknown, |text| Why::Said(text.into()))
    }

    fn note(&mut self, now: Instant, key: RowKey, why: Why) {
        if self.watches.record.is_on(key.topic()) {
            let digest = self.digest_of(now, key);
            self.watches.record.note(now, key, digest, why);
        }
    }

    /// The rows that the next change concerns.
    fn next_changed(&mut self) -> Option<[Option<(RowKey, Why)>; 2]> {
        if !self.watches.is_fed {
            return None;
        }
        if let Some(prefix) = self.native.as_mut().and_then(|native| native.routes.feed().poll()) {
            return Some([Some((RowKey::Route(prefix), Why::Unknown)), None]);
        }
        let forwarding = self.forwarding.as_mut()?;
        if let Some(changed) = forwarding.evpn.feed().poll() {
            return Some([Some(key_of(changed)), None]);
        }
        let changed = forwarding.fib.feed().poll()?;
        let why = match changed {
            fib::Changed::Spoilt(_) => Why::Spoilt,
            fib::Changed::Row(_) | fib::Changed::Port(..) | fib::Changed::Devices(_) => Why::Unknown,
        };
        let plain = |key| (key, Why::Unknown);
        Some(match changed {
            fib::Changed::Row(key) | fib::Changed::Spoilt(key) => {
                [Some((RowKey::Fib(key), why)), row_showing(forwarding, key).map(plain)]
            }
            fib::Changed::Port(vni, mac) => {
                let key = WantedKey::Mac { vni, mac };
                [row_showing(forwarding, key).map(plain), None]
            }
            fib::Changed::Devices(vni) => [forwarding.evpn.vni(vni).map(|_| plain(RowKey::Vni(vni))), None],
        })
    }

    /// What was lost on the way here is as good as forgotten.
    fn own_up_to_losses(&mut self) {
        if !self.watches.is_fed {
            return;
        }
        let native = self.native.as_mut().is_some_and(|native| native.routes.feed().take_overrun());
        let evpn = self.forwarding.as_mut().is_some_and(|forwarding| {
            forwarding.evpn.feed().take_overrun() | forwarding.fib.feed().take_overrun()
        });
        if evpn {
            self.watches.record.forget(Topic::Evpn);
        }
        if evpn || native {
            self.watches.record.forget(Topic::Fib);
        }
    }
}

fn key_of(changed: Changed) -> (RowKey, Why) {
    match changed {
        Changed::Vni(vni) => (RowKey::Vni(vni), Why::Unknown),
        Changed::Mac(vni, mac) => (RowKey::Mac(vni, mac), Why::Unknown),
        Changed::MacMoved(vni, mac, from) => (RowKey::Mac(vni, mac), Why::Moved(from)),
        Changed::Neighbor(vni, ip) => (RowKey::Arp(vni, ip), Why::Unknown),
        Changed::Vtep(vni, vtep) => (RowKey::Vtep(vni, vtep), Why::Unknown),
    }
}
