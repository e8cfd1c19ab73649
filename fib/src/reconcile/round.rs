//! What is put off until there is time for it: rows to be counted again, and rounds through all rows of a network when
//! something has changed that each of them depends on. A hundred thousand rows are looked at in pieces, so that nobody
//! waits for all of them.

use std::collections::BTreeMap;

use bgp::types::Vni;
use evpn::dataplane::WantedKey;

use super::network::vni_of;
use super::{CREDIT, Fib, RowPlace, Status};
use crate::tally::{Counted, PIECE, Standing};

/// How far the rounds have come that are under way.
#[derive(Debug, Default)]
pub(super) struct Rounds(BTreeMap<Vni, RowPlace>);

impl Rounds {
    pub(super) fn are_over(&self) -> bool {
        self.0.is_empty()
    }
}

impl Fib {
    /// Whether something is put off: `poll_op` should be called again though nothing happens.
    pub fn is_behind(&self) -> bool {
        let may_write = self.dumps.is_idle() && self.flights.len() < CREDIT;
        self.stirred.uncounted() > 0 || !self.rounds.are_over() || may_write && !self.queue.is_empty()
    }

    /// Each row of a network may stand otherwise, and may have something to be done about it.
    pub(super) fn go_round(&mut self, vni: Vni) {
        self.rounds.0.insert(vni, RowPlace { vni, ..RowPlace::default() });
    }

    /// Goes on with what was put off.
    pub(super) fn go_on(&mut self) {
        let mut left = PIECE - self.count_again(PIECE);
        while left > 0
            && let Some((vni, place)) = self.rounds.0.pop_first()
        {
            let rows = self.networks.get(&vni).into_iter().flat_map(|network| network.keys_from(place));
            let piece: Vec<(RowPlace, Option<WantedKey>)> = rows.take(left).collect();
            left -= piece.len();
            if let Some((last, _)) = piece.last().filter(|_| left == 0) {
                self.rounds.0.insert(vni, last.next());
            }
            piece.into_iter().filter_map(|(_, key)| key).for_each(|key| self.look_again(key));
        }
    }

    fn look_again(&mut self, key: WantedKey) {
        self.stirred.feed.push(key.into());
        self.count(key);
        if matches!(self.status(&key), Some(Status::Pending | Status::Stale | Status::Failed(_))) {
            self.mark_dirty(key);
        }
    }

    /// Counts rows again that may stand otherwise, so many at most; says how many it were.
    pub(super) fn count_again(&mut self, limit: usize) -> usize {
        let keys = self.stirred.take_uncounted(limit);
        keys.iter().for_each(|key| self.count(*key));
        keys.len()
    }

    fn count(&mut self, key: WantedKey) {
        let status = self.status(&key);
        let Some(network) = self.networks.get_mut(&vni_of(&key)) else { return };
        let is_wanted = network.wanted(&key).is_some();
        network.count(&key, status.map(|status| counted(&status, is_wanted)).unwrap_or_default());
    }
}

fn counted(status: &Status, is_wanted: bool) -> Counted {
    let standing = match status {
        Status::Programmed => Standing::Programmed,
        Status::Pending | Status::Stale => Standing::Pending,
        Status::Failed(_) => Standing::Failed,
        Status::Conflict(_) => Standing::Conflict,
    };
    Counted::as_one(standing, is_wanted)
}
