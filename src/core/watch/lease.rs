//! What is held for readers: tombstones in the tables, and the recording of changes.
//!
//! A reader that stays away, or that lets too many destinations go by unread, loses its lease: nothing is held
//! for it any more, and it may find when it comes back that it has to begin anew.

use std::time::{Duration, Instant};

use bgp::rib::{CursorId, Rib, Table, Version};
use bgp::types::Family;
use bgp::wire::Nlri;

use super::place::{Place, Scope, Topic};

/// How long a reader may stay away: a terminal that was stopped for a moment, a client that connects anew.
const ABSENCE: Duration = Duration::from_secs(60);

/// How many destinations of a table that have gone are held for a reader: a third of a table of a million, and
/// some 30 MB.
const GONE: usize = 1 << 18;

/// How many leases there are at most; more than streams, as one that ended keeps its lease for a while.
const LEASES: usize = 2 * api::query::MAX_WATCHES;

/// What is held for one reader.
#[derive(Debug)]
struct Lease {
    stream: u64,
    scope: Scope,
    cursors: Cursors,
    /// When it ends. `None` while a request of the reader waits.
    ends: Option<Instant>,
}

/// Its place in each table that it reads.
#[derive(Debug)]
struct Cursors {
    ipv4: Option<CursorId>,
    ipv6: Option<CursorId>,
    evpn: Option<CursorId>,
}

/// All leases.
#[derive(Debug, Default)]
pub(super) struct Leases {
    list: Vec<Lease>,
}

impl Leases {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Holds everything behind `place` while the reader waits for an answer.
    pub(super) fn hold(&mut self, rib: &mut Rib, place: &Place) {
        match self.list.iter_mut().find(|lease| lease.stream == place.stream) {
            Some(lease) => {
                lease.cursors.advance(rib, place);
                lease.ends = None;
            }
            None => {
                self.make_room(rib);
                let cursors = Cursors::open(rib, place);
                self.list.push(Lease { stream: place.stream, scope: place.scope, cursors, ends: None });
            }
        }
    }

    /// The reader has its answer, or has gone: it may stay away for a while.
    pub(super) fn rest(&mut self, now: Instant, stream: u64) {
        if let Some(lease) = self.list.iter_mut().find(|lease| lease.stream == stream) {
            lease.ends = Some(now + ABSENCE);
        }
    }

    /// Ends what has lasted too long or holds too much.
    pub(super) fn tend(&mut self, now: Instant, rib: &mut Rib) {
        let is_over = |lease: &mut Lease| {
            lease.ends.is_some_and(|ends| ends <= now) || lease.cursors.hold_more_than(rib, GONE)
        };
        let over: Vec<Lease> = self.list.extract_if(.., is_over).collect();
        over.into_iter().for_each(|lease| lease.cursors.close(rib));
    }

    /// Everything that somebody follows.
    pub(super) fn scope(&self) -> Scope {
        self.list.iter().fold(Scope::default(), |all, lease| all.and(lease.scope))
    }

    /// Lets go of the one that has rested for the longest time.
    fn make_room(&mut self, rib: &mut Rib) {
        if self.list.len() < LEASES {
            return;
        }
        let resting = self.list.iter().enumerate().filter_map(|(index, lease)| Some((lease.ends?, index)));
        if let Some((_, index)) = resting.min() {
            self.list.swap_remove(index).cursors.close(rib);
        }
    }
}

impl Cursors {
    fn open(rib: &mut Rib, place: &Place) -> Cursors {
        let [ipv4, ipv6, evpn] = place.read.versions.map(Version);
        let wants = |family| place.scope.has(Topic::Rib(family));
        Cursors {
            ipv4: wants(Family::Ipv4Unicast).then(|| rib.ipv4.open_cursor(ipv4)),
            ipv6: wants(Family::Ipv6Unicast).then(|| rib.ipv6.open_cursor(ipv6)),
            evpn: wants(Family::L2vpnEvpn).then(|| rib.evpn.open_cursor(evpn)),
        }
    }

    fn advance(&self, rib: &mut Rib, place: &Place) {
        let [ipv4, ipv6, evpn] = place.read.versions.map(Version);
        self.ipv4.iter().for_each(|cursor| rib.ipv4.advance(cursor, ipv4));
        self.ipv6.iter().for_each(|cursor| rib.ipv6.advance(cursor, ipv6));
        self.evpn.iter().for_each(|cursor| rib.evpn.advance(cursor, evpn));
    }

    fn hold_more_than(&self, rib: &Rib, limit: usize) -> bool {
        holds_more_than(&rib.ipv4, self.ipv4.as_ref(), limit)
            || holds_more_than(&rib.ipv6, self.ipv6.as_ref(), limit)
            || holds_more_than(&rib.evpn, self.evpn.as_ref(), limit)
    }

    fn close(self, rib: &mut Rib) {
        self.ipv4.into_iter().for_each(|cursor| rib.ipv4.close_cursor(cursor));
        self.ipv6.into_iter().for_each(|cursor| rib.ipv6.close_cursor(cursor));
        self.evpn.into_iter().for_each(|cursor| rib.evpn.close_cursor(cursor));
    }
}

fn holds_more_than<N: Nlri>(table: &Table<N>, cursor: Option<&CursorId>, limit: usize) -> bool {
    cursor.is_some_and(|cursor| table.gone_after(table.position(cursor)) > limit)
}
