//! Another configuration while we run.
//!
//! Where our routes go to another place (another table, metric or protocol id), those that are there become strays: the
//! routes are put in anew first, as everything is that is wanted and not seen, and the strays are taken out behind
//! them. So there is a moment in which both are there, and none in which neither is; only what the kernel takes for the
//! same place, because nothing but the protocol differs, is replaced in one step.

use std::collections::{BTreeSet, btree_map};

use ipnet::IpNet;

use super::entry::{Entry, Mark};
use super::event::RouteKey;
use super::table::Table;
use super::{MAIN, Routes, RoutesConfig, looks};

impl Routes {
    /// Another configuration is in force from now on. Where nothing is to be put in any more, ours are taken out. The
    /// fallback tunnel stays what it was at the start: whether the kernel is asked about its rows was decided then.
    pub fn configure(&mut self, config: RoutesConfig) {
        let config = RoutesConfig { tunnel: self.config.tunnel.clone(), ..config };
        if self.config == config {
            return;
        }
        let place = |config: &RoutesConfig| (config.install, config.table, config.metric, config.protocol);
        let moves = place(&self.config) != place(&config);
        if moves && self.config.install {
            self.uproot(!config.install);
        }
        self.tunnel.installs(config.install);
        self.config = config;
        self.follow_tables();
        if moves {
            self.settle_in();
        }
        self.next_hops.all_changed();
        for place in 0..self.entries.end() {
            self.entries.get(place).into_iter().for_each(|entry| self.stirred.note(entry.prefix));
            self.mark_dirty(place);
        }
    }

    /// Every route of ours that may be in the kernel is a stray from now on. `forgets`: and none is wanted any more.
    fn uproot(&mut self, forgets: bool) {
        for place in 0..self.entries.end() {
            let Some(entry) = self.entries.get(place).copied() else { continue };
            let key = self.key(entry.prefix);
            if entry.seen.is_some() || entry.is(Mark::Doubt) || entry.is(Mark::InFlight) {
                self.strays.insert(key, true);
                if !entry.is(Mark::Found) || self.released {
                    self.stray_queue.push_back(key);
                }
            }
            self.retries.clear(&key);
            self.stirred.note(entry.prefix);
            let Some(entry) = self.entries.get_mut(place) else { continue };
            entry.seen = None;
            entry.wanted = entry.wanted.filter(|_| !forgets);
            entry.set(Mark::Doubt, false);
            entry.set(Mark::Found, false);
            // What is under way is about the former place.
            entry.set(Mark::Touched, true);
            self.tidy(place);
        }
        self.doubtful |= !self.flights.is_empty();
    }

    /// What is in the new place: our own table is looked at, and a stray that is where its route belongs now is none.
    fn settle_in(&mut self) {
        if self.synced && self.config.install {
            self.dumps.look_at(looks::of_table(self.config.table));
        }
        let home: Vec<RouteKey> = self
            .strays
            .keys()
            .filter(|key| self.config.install && self.key(key.prefix) == **key)
            .copied()
            .collect();
        for key in home {
            self.strays.remove(&key);
            let place = self.entries.find_or_insert(key.prefix, || Entry::new(key.prefix));
            self.entries.get_mut(place).into_iter().for_each(|entry| entry.set(Mark::Doubt, true));
        }
    }

    /// Follows the tables that matter, and no others.
    pub(super) fn follow_tables(&mut self) {
        let own = self.config.install.then_some(self.config.table);
        let followed: BTreeSet<u32> = own.into_iter().chain([MAIN]).chain(self.found.tables()).collect();
        self.tables.retain(|table, _| followed.contains(table));
        for table in followed {
            let btree_map::Entry::Vacant(place) = self.tables.entry(table) else { continue };
            place.insert(Table::default());
            if self.synced {
                self.dumps.look_at(looks::of_table(table));
            }
        }
        self.dumps.set_everything(looks::everything(self.tables.keys()).chain(self.tunnel.dumps()));
        if !self.synced {
            self.dumps.retain(|_| false);
            self.dumps.look_at(looks::everything(self.tables.keys()));
        }
    }

    /// Whether a stray is in the very place of our route to a prefix: one with another protocol.
    pub(super) fn is_stray_in_place(&self, prefix: &IpNet) -> bool {
        let first = RouteKey { protocol: 0, ..self.key(*prefix) };
        let last = RouteKey { protocol: u8::MAX, ..first };
        !self.strays.is_empty() && self.strays.range(first..=last).next().is_some()
    }
}
