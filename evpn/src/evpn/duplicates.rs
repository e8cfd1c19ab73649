//! Duplicates of all VNIs: shown, cleared, and let go of in time.

use std::net::IpAddr;
use std::time::Instant;

use bgp::types::Vni;
use smallvec::SmallVec;

use super::Evpn;
use crate::duplicates::Suspect;
use crate::rows::{AddressClaim, DuplicateRow};

impl Evpn {
    /// Lets duplicates recover whose time has come. To be called when [`poll_timeout`](Self::poll_timeout) says so.
    pub fn recover(&mut self, now: Instant) {
        while let Some((at, vni, suspect)) = self.recoveries.first().copied().filter(|(at, ..)| *at <= now) {
            self.recoveries.pop_first();
            self.tell(now, vni, |instance, cx| instance.recover(cx, suspect, at));
        }
    }

    /// When [`recover`](Self::recover) has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.recoveries.first().map(|(at, ..)| *at)
    }

    /// The duplicates of a VNI, in order: those behind `after`, or all.
    pub fn duplicates(&self, vni: Vni, after: Option<Suspect>) -> impl Iterator<Item = DuplicateRow> + '_ {
        self.instances
            .get(&vni)
            .into_iter()
            .flat_map(move |instance| instance.duplicate_rows(&self.origins, after))
    }

    /// The MACs that claim an address in a VNI, the one that has it first.
    pub fn claims(&self, vni: Vni, ip: IpAddr) -> SmallVec<[AddressClaim; 2]> {
        self.instances.get(&vni).map(|instance| instance.claims(&self.origins, ip)).unwrap_or_default()
    }

    /// Has duplicates count as one host again, all or those that are named; how many there were.
    pub fn clear_duplicates(&mut self, now: Instant, vni: Option<Vni>, suspect: Option<Suspect>) -> usize {
        let vnis: Vec<Vni> =
            self.instances.keys().copied().filter(|of| vni.is_none_or(|vni| vni == *of)).collect();
        let mut cleared = 0;
        for vni in vnis {
            self.tell(now, vni, |instance, cx| {
                let all = suspect.map_or_else(|| instance.suspects(), |suspect| vec![suspect]);
                cleared += all.into_iter().filter(|suspect| instance.clear(cx, *suspect)).count();
            });
        }
        cleared
    }

    /// Has every VNI go by the rules of the configuration.
    pub(super) fn renew_duplicate_rules(&mut self, now: Instant) {
        self.recoveries.clear();
        let vnis: Vec<Vni> = self.instances.keys().copied().collect();
        for vni in vnis {
            self.tell(now, vni, |instance, cx| instance.take_rules(cx));
        }
    }
}
