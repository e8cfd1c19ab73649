//! What a reader at some place is told next: a walk through the tables that have no change log, then the logs.

use std::net::IpAddr;
use std::time::Instant;

use api::v1;
use bgp::rib::{Table, Version};
use bgp::types::{Family, Vni};
use evpn::{Evpn, RowId};
use fib::RowPlace;
use fib::routes::RoutePlace;

use super::place::{Place, Position, Scope, Topic, Walk};
use super::record::RowKey;
use super::why::Why;
use crate::core::Core;
use crate::core::answer::Describe;
use crate::core::forward::Forwarding;
use crate::core::native::Native;

/// Places looked at for one page: some of the kernel's side show nothing, and not every change is followed.
const SCANNED: usize = 8192;

/// What is collected for one answer.
pub(super) struct Page {
    pub(super) now: Instant,
    pub(super) changes: Vec<v1::Change>,
    max: usize,
    /// Places that may still be looked at.
    looks: usize,
}

impl Page {
    pub(super) fn new(now: Instant, max: usize) -> Page {
        Page { now, changes: Vec::new(), max, looks: SCANNED }
    }

    fn room(&self) -> usize {
        self.max.saturating_sub(self.changes.len())
    }
}

impl Core {
    /// Where everything stands.
    pub(super) fn heads(&self) -> Position {
        let Core { rib, watches, .. } = self;
        let versions = [rib.ipv4.head(), rib.ipv6.head(), rib.evpn.head()];
        Position { record: watches.record.head(), versions: versions.map(|version| version.0) }
    }

    /// Whether everything after a place is still known. What had gone before the watch began, the reader was
    /// never told to be there.
    pub(super) fn remembers(&self, place: &Place) -> bool {
        let begun = place.goal.unwrap_or_default();
        let [ipv4, ipv6, evpn] = place.read.later(&begun).versions.map(Version);
        let follows = |family| place.scope.has(Topic::Rib(family));
        self.watches.record.remembers(place.scope, place.read.record)
            && (!follows(Family::Ipv4Unicast) || self.rib.ipv4.remembers(ipv4))
            && (!follows(Family::Ipv6Unicast) || self.rib.ipv6.remembers(ipv6))
            && (!follows(Family::L2vpnEvpn) || self.rib.evpn.remembers(evpn))
    }

    /// Moves the place on and collects what is met. Nothing may be met though there is more.
    pub(super) fn read(&self, place: &mut Place, page: &mut Page) {
        while let Some(walk) = place.walk.filter(|_| page.room() > 0 && page.looks > 0) {
            place.walk = self.walk(place.scope, walk, page);
            if place.walk.is_none() {
                place.goal.iter_mut().for_each(|goal| goal.record = self.watches.record.head());
            }
        }
        if place.walk.is_none() {
            self.read_changes(place, page);
        }
        if place.walk.is_none() && place.goal.is_some_and(|goal| place.read.has_reached(&goal, place.scope)) {
            place.goal = None;
        }
    }

    /// Every log that has something new gets the same share of the page.
    fn read_changes(&self, place: &mut Place, page: &mut Page) {
        let scope = place.scope;
        let behind = self.logs_with_news(place);
        let share = (page.room() / behind.max(1)).max(1);
        let goal = place.goal.map(|goal| goal.versions).unwrap_or_default();
        let [ipv4, ipv6, evpn] = &mut place.read.versions;
        let [goal_ipv4, goal_ipv6, goal_evpn] = goal;
        if scope.has(Topic::Rib(Family::Ipv4Unicast)) {
            *ipv4 = self.read_table(&self.rib.ipv4, *ipv4, goal_ipv4, share, page);
        }
        if scope.has(Topic::Rib(Family::Ipv6Unicast)) {
            *ipv6 = self.read_table(&self.rib.ipv6, *ipv6, goal_ipv6, share, page);
        }
        if scope.has(Topic::Rib(Family::L2vpnEvpn)) {
            *evpn = self.read_table(&self.rib.evpn, *evpn, goal_evpn, share, page);
        }
        if scope.is_recorded() {
            place.read.record = self.read_record(scope, place.read.record, page);
        }
    }

    fn logs_with_news(&self, place: &Place) -> usize {
        let heads = self.heads();
        let tables = Family::ALL.map(Topic::Rib).into_iter().filter(|topic| place.scope.has(*topic));
        let news = tables.filter(|topic| !place.read.has_reached(&heads, Scope::of(*topic))).count();
        news + usize::from(place.scope.is_recorded() && place.read.record < heads.record)
    }

    /// Reads a table's log after `seen`; says how far. What had gone by `goal` was never told to be there.
    fn read_table<N: Describe>(
        &self,
        table: &Table<N>,
        seen: u64,
        goal: u64,
        share: usize,
        page: &mut Page,
    ) -> u64 {
        let mut changes = table.changes(Version(seen), share.min(page.room()));
        for change in changes.by_ref() {
            if change.best.is_some() || change.version.0 > goal {
                page.changes.push(self.change_of_path(page.now, table, &change));
            }
        }
        changes.reached().0
    }

    fn read_record(&self, scope: Scope, seen: u64, page: &mut Page) -> u64 {
        let record = &self.watches.record;
        let mut reached = seen;
        for (number, key, why) in record.after(seen).take(page.looks) {
            if page.room() == 0 {
                return reached;
            }
            reached = number;
            if scope.has(key.topic()) {
                page.changes.push(self.change_of(page.now, key, why));
            }
        }
        if record.after(reached).next().is_none() { record.head() } else { reached }
    }

    /// Adds the rows of one table from where the walk stands; says where it stopped, or with which table to go
    /// on, `None` after the last.
    fn walk(&self, scope: Scope, walk: Walk, page: &mut Page) -> Option<Walk> {
        let stopped = match (walk, &self.forwarding, &self.native) {
            _ if !scope.has(walk.topic()) => None,
            (Walk::Neighbors(next), _, _) => self.walk_neighbors(next, page),
            (Walk::Routes(from), _, native) => {
                native.as_ref().and_then(|native| self.walk_routes(native, from, page))
            }
            (walk, Some(forwarding), _) => self.walk_forwarding(forwarding, walk, page),
            (_, None, _) => None,
        };
        stopped.or_else(|| walk.next_table())
    }

    fn walk_neighbors(&self, next: u32, page: &mut Page) -> Option<Walk> {
        for peer in self.peers.iter().filter(|peer| peer.id.0 >= next) {
            if page.room() == 0 {
                return Some(Walk::Neighbors(peer.id.0));
            }
            page.changes.push(self.change_of(page.now, RowKey::Neighbor(peer.config.address), &Why::Unknown));
        }
        None
    }

    fn walk_forwarding(&self, forwarding: &Forwarding, walk: Walk, page: &mut Page) -> Option<Walk> {
        let evpn = &forwarding.evpn;
        match walk {
            Walk::Neighbors(_) | Walk::Routes(_) => None,
            Walk::Vnis(from) => {
                let vnis = evpn.vnis().map(|row| row.vni).filter(|vni| *vni >= from);
                self.put(vnis.map(|vni| (Walk::Vnis(vni), RowKey::Vni(vni))), page)
            }
            Walk::Macs(from, row) => {
                let rows = evpn.served(from).flat_map(|vni| evpn.macs(vni, start(vni, from, row)));
                self.put(rows.map(|row| (Walk::Macs(row.vni, row.id), RowKey::Mac(row.vni, row.mac))), page)
            }
            Walk::Arps(from, row) => {
                let rows = evpn.served(from).flat_map(|vni| evpn.neighbors(vni, start(vni, from, row)));
                self.put(rows.map(|row| (Walk::Arps(row.vni, row.id), RowKey::Arp(row.vni, row.ip))), page)
            }
            Walk::Vteps(from, after) => self.walk_vteps(evpn, from, after, page),
            Walk::Fib(from) => self.walk_fib(forwarding, from, page),
        }
    }

    /// Adds rows while there is room; says which was the first for which there was none.
    fn put(&self, rows: impl Iterator<Item = (Walk, RowKey)>, page: &mut Page) -> Option<Walk> {
        for (place, key) in rows {
            if page.room() == 0 {
                return Some(place);
            }
            page.changes.push(self.change_of(page.now, key, &Why::Unknown));
        }
        None
    }

    fn walk_vteps(&self, evpn: &Evpn, from: Vni, after: Option<IpAddr>, page: &mut Page) -> Option<Walk> {
        let mut last = Walk::Vteps(from, after);
        for vni in evpn.served(from) {
            for row in evpn.vteps(vni, after.filter(|_| vni == from)) {
                if page.room() == 0 {
                    return Some(last);
                }
                page.changes.push(self.change_of(page.now, RowKey::Vtep(row.vni, row.vtep), &Why::Unknown));
                last = Walk::Vteps(row.vni, Some(row.vtep));
            }
        }
        None
    }

    fn walk_fib(&self, forwarding: &Forwarding, from: RowPlace, page: &mut Page) -> Option<Walk> {
        let mut next = from;
        for (place, row) in forwarding.fib.rows_from(from, page.looks) {
            if page.room() == 0 {
                return Some(Walk::Fib(place));
            }
            (page.looks, next) = (page.looks - 1, place.next());
            if let Some(row) = row {
                page.changes.push(self.change_of(page.now, RowKey::Fib(row.key), &Why::Unknown));
            }
        }
        (page.looks == 0).then_some(Walk::Fib(next))
    }

    fn walk_routes(&self, native: &Native, from: RoutePlace, page: &mut Page) -> Option<Walk> {
        let mut next = from;
        for (place, row) in native.routes.rows_from(from, page.looks) {
            if page.room() == 0 {
                return Some(Walk::Routes(place));
            }
            (page.looks, next) = (page.looks - 1, place.next());
            if let Some(row) = row {
                page.changes.push(self.change_of(page.now, RowKey::Route(row.prefix), &Why::Unknown));
            }
        }
        (page.looks == 0).then_some(Walk::Routes(next))
    }
}

/// Where to begin in a VNI's table, if the walk stands at `row` of `from`'s.
fn start(vni: Vni, from: Vni, row: RowId) -> RowId {
    if vni == from { row } else { RowId::default() }
}
