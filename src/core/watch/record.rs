//! What changed lately in the rows that have no change log of their own: neighbours, EVPN's tables, the kernel.
//!
//! A row stands here once, at the place of its newest change, so that a slow reader skips what was overwritten.
//! Its contents are not kept, only whether they would look the same: a reader is told what the row is like when
//! it reads. The oldest changes give way to the newest ones; who had not read them has to begin anew.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bgp::types::{Mac, Vni};
use evpn::dataplane::WantedKey;
use hashbrown::HashMap;
use ipnet::IpNet;

use super::place::{Scope, Topic};
use super::why::Why;
use crate::config::NeighborAddress;

/// Rows that the record holds. A reader may lag by so many, and it takes some 40 MB while somebody watches.
const ROWS: usize = 1 << 18;

/// For so long a change that says nothing of why belongs to the one before it: what moves is told of again when the
/// kernel has it, and a reader that was a moment late is told once.
const BELONGS: Duration = Duration::from_secs(2);

/// What identifies a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::core) enum RowKey {
    Neighbor(NeighborAddress),
    Vni(Vni),
    Mac(Vni, Mac),
    Arp(Vni, IpAddr),
    Vtep(Vni, IpAddr),
    Fib(WantedKey),
    Route(IpNet),
}

impl RowKey {
    pub(super) fn topic(self) -> Topic {
        match self {
            RowKey::Neighbor(_) => Topic::Neighbor,
            RowKey::Vni(_) | RowKey::Mac(..) | RowKey::Arp(..) | RowKey::Vtep(..) => Topic::Evpn,
            RowKey::Fib(_) | RowKey::Route(_) => Topic::Fib,
        }
    }
}

/// The changes, numbered.
#[derive(Debug)]
pub(super) struct Record {
    /// The number of the newest change.
    head: u64,
    newest: HashMap<RowKey, Noted>,
    order: BTreeMap<u64, RowKey>,
    /// The topics that are recorded.
    topics: Scope,
    /// By topic: every change after this one is known.
    floors: [u64; Topic::RECORDED.len()],
    rows: usize,
}

#[derive(Clone, Debug)]
struct Noted {
    number: u64,
    digest: Option<u64>,
    why: Why,
    at: Instant,
}

impl Default for Record {
    fn default() -> Self {
        Record::with_room_for(ROWS)
    }
}

impl Record {
    fn with_room_for(rows: usize) -> Record {
        Record {
            head: 0,
            newest: HashMap::new(),
            order: BTreeMap::new(),
            topics: Scope::default(),
            floors: Default::default(),
            rows,
        }
    }

    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// Whether changes of this topic are recorded.
    pub(super) fn is_on(&self, topic: Topic) -> bool {
        self.topics.has(topic)
    }

    /// Records the topics of `scope` from now on, and no others.
    pub(super) fn set_topics(&mut self, scope: Scope) {
        for topic in Topic::RECORDED {
            if scope.has(topic) && !self.is_on(topic) {
                self.forget(topic);
            }
        }
        self.topics = scope;
        if !Topic::RECORDED.into_iter().any(|topic| scope.has(topic)) {
            (self.newest, self.order) = (HashMap::new(), BTreeMap::new());
        }
    }

    /// Changes of a topic were lost: all who follow it begin anew.
    pub(super) fn forget(&mut self, topic: Topic) {
        self.head += 1;
        self.raise_floor(topic, self.head);
    }

    /// A row looks like this now: `digest` tells contents apart, `None` is a row that is gone.
    ///
    /// What led to it may be told in a second breath: then it is added.
    pub(super) fn note(&mut self, now: Instant, key: RowKey, digest: Option<u64>, why: Why) {
        if !self.is_on(key.topic()) {
            return;
        }
        let floor = self.floor(key.topic());
        let known = self.newest.get_mut(&key).filter(|known| known.number > floor);
        if let Some(known) = known.filter(|known| known.digest == digest) {
            known.why = why.or(std::mem::take(&mut known.why));
            return;
        }
        let known = self.newest.get(&key).filter(|known| now.saturating_duration_since(known.at) < BELONGS);
        let why = why.or(known.map(|known| known.why.clone()).unwrap_or_default());
        self.head += 1;
        self.order.insert(self.head, key);
        if let Some(old) = self.newest.insert(key, Noted { number: self.head, digest, why, at: now }) {
            self.order.remove(&old.number);
        }
        if self.order.len() > self.rows {
            self.drop_oldest();
        }
    }

    /// Whether every change of these topics after `number` is known.
    pub(super) fn remembers(&self, scope: Scope, number: u64) -> bool {
        let mut topics = Topic::RECORDED.into_iter().filter(|topic| scope.has(*topic));
        topics.all(|topic| self.is_on(topic) && self.floor(topic) <= number)
    }

    /// The changes after `number`, in order.
    pub(super) fn after(&self, number: u64) -> impl Iterator<Item = (u64, RowKey, &Why)> + '_ {
        let changes = self.order.range(number.saturating_add(1)..);
        changes.filter_map(|(number, key)| Some((*number, *key, &self.newest.get(key)?.why)))
    }

    fn drop_oldest(&mut self) {
        if let Some((number, key)) = self.order.pop_first() {
            self.newest.remove(&key);
            self.raise_floor(key.topic(), number);
        }
    }

    fn floor(&self, topic: Topic) -> u64 {
        topic.place().and_then(|place| self.floors.get(place)).copied().unwrap_or(u64::MAX)
    }

    fn raise_floor(&mut self, topic: Topic, number: u64) {
        if let Some(floor) = topic.place().and_then(|place| self.floors.get_mut(place)) {
            *floor = number.max(*floor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEIGHBOR: Scope = Scope::of(Topic::Neighbor);

    fn row(n: u32) -> RowKey {
        RowKey::Neighbor(IpAddr::V4(n.into()).into())
    }

    fn recording(rows: usize) -> Record {
        let mut record = Record::with_room_for(rows);
        record.set_topics(NEIGHBOR);
        record
    }

    #[test]
    fn a_row_stands_at_its_newest_change() {
        let mut record = recording(10);
        let start = record.head();
        for (n, digest) in [(1, 5), (2, 5), (1, 6), (2, 5)] {
            record.note(Instant::now(), row(n), Some(digest), Why::Unknown);
        }
        let keys: Vec<_> = record.after(start).map(|(_, key, _)| key).collect();
        assert_eq!(keys, [row(2), row(1)], "what looks the same is no change");
        assert!(record.remembers(NEIGHBOR, start));
    }

    #[test]
    fn who_lags_too_far_is_told() {
        let mut record = recording(3);
        let start = record.head();
        (0..3).for_each(|n| record.note(Instant::now(), row(n), None, Why::Unknown));
        assert!(record.remembers(NEIGHBOR, start));
        record.note(Instant::now(), row(3), None, Why::Unknown);
        assert!(!record.remembers(NEIGHBOR, start));
        assert!(record.remembers(NEIGHBOR, start + 1));
        assert_eq!(record.after(start + 1).count(), 3);
    }

    #[test]
    fn what_was_not_recorded_was_lost() {
        let mut record = recording(3);
        let start = record.head();
        record.note(Instant::now(), RowKey::Vni(Vni::default()), Some(1), Why::Unknown);
        assert_eq!(record.after(0).count(), 0, "nobody follows that topic");
        record.set_topics(Scope::default());
        assert!(!record.remembers(NEIGHBOR, start));
        record.set_topics(NEIGHBOR);
        assert!(!record.remembers(NEIGHBOR, start) && record.remembers(NEIGHBOR, record.head()));
    }

    #[test]
    fn what_looks_the_same_as_before_a_loss_is_told_again() {
        let mut record = recording(3);
        record.note(Instant::now(), row(1), Some(1), Why::Unknown);
        record.forget(Topic::Neighbor);
        let after = record.head();
        record.note(Instant::now(), row(1), Some(1), Why::Unknown);
        assert_eq!(record.after(after).count(), 1);
    }
}
