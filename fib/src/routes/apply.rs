//! What the kernel says, and what follows from it.

use std::time::Instant;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::devices::Devices;
use super::entry::{Entry, Mark};
use super::event::{Hop, Hops, Route, RouteEvent, RouteKey};
use super::judge::Step;
use super::ways::Ways;
use super::{MAIN, Routes};
use crate::row::IfIndex;

impl Routes {
    /// Takes news from the kernel.
    pub fn handle(&mut self, now: Instant, event: RouteEvent) {
        match event {
            RouteEvent::Seen { route, replaces, listed } => self.route_seen(now, route, replaces, listed),
            RouteEvent::Gone(route) => self.route_gone(now, &route),
            RouteEvent::DeviceSeen { index, name, up, carrier, mtu, tunnel } => {
                self.tunnel_seen(now, index, &name, up, tunnel);
                self.device_seen(index, name, up, carrier);
                if self.devices.see_mtu(index, mtu) {
                    self.tunnel.doubt_mtu();
                }
            }
            RouteEvent::DeviceGone(index) => self.device_gone(now, index),
            RouteEvent::RowSeen(row) => self.row_seen(now, &row, true),
            RouteEvent::RowGone(row) => self.row_seen(now, &row, false),
            RouteEvent::AddressSeen(index, address) => {
                if self.devices.addresses.see(index, address) {
                    self.tunnel.doubt_mtu();
                }
            }
            RouteEvent::AddressGone(index, address) => self.address_gone(index, address),
            RouteEvent::Failed { id, fault } => self.refused(now, id, fault),
            RouteEvent::Done(id) => self.land(now, id),
            RouteEvent::DumpEnd { id, intact } => self.dump_ended(now, id, intact),
            RouteEvent::Overrun => self.overrun(now),
        }
    }

    fn route_seen(&mut self, now: Instant, route: Route, replaces: bool, listed: bool) {
        let key = RouteKey::of(&route);
        if let Some(fresh) = self.strays.get_mut(&key) {
            *fresh = true;
            return;
        }
        if route.protocol == self.config.protocol {
            return self.own_seen(now, &route, replaces, listed);
        }
        let (table, prefix, metric) = (route.table, route.prefix, route.metric);
        let Some(others) = self.tables.get_mut(&table) else { return };
        others.put(route, replaces);
        if replaces && self.key(prefix).metric == metric && self.is_own_table(table) {
            self.own_changes(now, prefix, |_, _| None);
        }
        self.route_changed(table, prefix);
    }

    fn route_gone(&mut self, now: Instant, route: &Route) {
        self.dumps.disturb();
        let key = RouteKey::of(route);
        if self.strays.contains_key(&key) {
            // IPv6 loses its ways one by one.
            if matches!(route.prefix, IpNet::V4(_)) {
                self.strays.remove(&key);
            }
            return;
        }
        if route.protocol == self.config.protocol {
            return self.own_gone(now, route);
        }
        if let Some(others) = self.tables.get_mut(&route.table) {
            others.take(route);
            self.route_changed(route.table, route.prefix);
        }
    }

    /// Others' routes to a prefix are other ones.
    pub(super) fn route_changed(&mut self, table: u32, prefix: IpNet) {
        if table == MAIN {
            self.next_hops.route_changed(prefix);
        }
        self.found.route_changed(table, prefix);
        if !self.is_own_table(table) {
            return;
        }
        if let Some(place) = self.entries.find(prefix) {
            self.stirred.note(prefix);
            self.mark_dirty(place);
        }
    }

    fn is_own_table(&self, table: u32) -> bool {
        self.config.install && table == self.config.table
    }

    /// A route with our protocol is there.
    fn own_seen(&mut self, now: Instant, route: &Route, replaces: bool, listed: bool) {
        if replaces
            && let Some(others) = self.tables.get_mut(&route.table)
            && others.supersede(&route.prefix, route.metric)
        {
            self.route_changed(route.table, route.prefix);
        }
        if !self.is_own_table(route.table) {
            return;
        }
        let key = self.key(route.prefix);
        if key.metric != route.metric {
            return self.stray_seen(RouteKey { metric: route.metric, ..key });
        }
        let ways = Ways::of(route);
        self.own_changes(now, route.prefix, |entry, before| {
            // A dump shows every way of a route that it shows.
            let adds = !replaces && (!listed || entry.is(Mark::Fresh));
            match (before, ways) {
                (Some(Ways::Via(before)), Ways::Via(ways)) if adds => {
                    Some(Ways::via(before.iter().chain(&ways).copied().collect()))
                }
                (_, ways) => Some(ways),
            }
        });
    }

    /// A route with our protocol is there no more, or some of its ways.
    fn own_gone(&mut self, now: Instant, route: &Route) {
        if !self.is_own_table(route.table) {
            return;
        }
        let key = self.key(route.prefix);
        if key.metric != route.metric {
            self.strays.remove(&RouteKey { metric: route.metric, ..key });
            return;
        }
        self.own_changes(now, route.prefix, |_, before| {
            let Some(Ways::Via(before)) = before.filter(|_| matches!(route.prefix, IpNet::V6(_))) else {
                return None;
            };
            let left: Hops = before.iter().filter(|hop| !route.hops.contains(hop)).copied().collect();
            Some(Ways::Via(left)).filter(|_| !before.is_empty()).filter(is_any)
        });
    }

    /// The kernel says of our route to a prefix what `change` makes of what it was.
    fn own_changes(
        &mut self,
        now: Instant,
        prefix: IpNet,
        change: impl FnOnce(&Entry, Option<&Ways>) -> Option<Ways>,
    ) {
        let place = self.entries.find_or_insert(prefix, || Entry::new(prefix));
        let Some(entry) = self.entries.get(place).copied() else { return };
        let was_right = entry.wanted.is_some() && self.step(&entry) == Step::Rest;
        let before = entry.seen.and_then(|id| self.wants.ways(id)).map(|ways| &**ways);
        let after = change(&entry, before);
        let seen = after.map(|ways| self.wants.add_ways(ways));
        let Some(entry) = self.entries.get_mut(place) else { return };
        let was_absent = entry.seen.is_none() && !entry.is(Mark::InFlight);
        if was_absent && entry.wanted.is_none() && seen.is_some() {
            entry.set(Mark::Found, true);
        }
        entry.seen = seen;
        entry.set(Mark::Fresh, true);
        entry.set(Mark::Touched, true);
        let entry = *entry;
        let is_idle = !entry.is(Mark::InFlight);
        if was_right && is_idle && matches!(self.step(&entry), Step::Put { .. }) {
            self.counters.repairs += 1;
            self.counters.drifts += u64::from(self.audit.is_running());
            self.retries.spoilt(now, self.key(prefix));
        }
        self.stirred.note(prefix);
        self.mark_dirty(place);
        self.tidy(place);
    }

    fn stray_seen(&mut self, key: RouteKey) {
        let is_new = self.strays.insert(key, true).is_none();
        if is_new && self.released {
            self.stray_queue.push_back(key);
        }
    }

    fn device_seen(&mut self, index: IfIndex, name: Box<str>, up: bool, carrier: bool) {
        let news = self.devices.see(index, name, up, carrier);
        if news.name {
            self.found.names_changed();
        }
        if news.usable {
            self.next_hops.all_changed();
        }
        if news.down {
            self.flush(|devices, _, hops| {
                let is_down = |hop: &Hop| hop.device.is_some_and(|device| !devices.is_up(device));
                hops.iter().any(|hop| hop.device == Some(index)) && hops.iter().all(is_down)
            });
        }
    }

    pub(super) fn device_gone(&mut self, now: Instant, index: IfIndex) {
        self.tunnel_gone(now, index);
        if self.devices.remove(index) {
            self.tunnel.doubt_mtu();
            self.next_hops.all_changed();
            self.found.names_changed();
            // Of IPv6 routes with several ways only those over the device go, and the kernel says so.
            self.flush(|_, prefix, hops| {
                let mut on_device = hops.iter().map(|hop| hop.device == Some(index));
                match prefix {
                    IpNet::V4(_) => on_device.any(|is_on| is_on),
                    IpNet::V6(_) => on_device.all(|is_on| is_on),
                }
            });
        }
    }

    /// With a device's last IPv4 address go its IPv4 routes.
    pub(super) fn address_gone(&mut self, index: IfIndex, address: IpNet) {
        let was_there = self.devices.addresses.remove(index, address);
        if was_there {
            self.tunnel.doubt_mtu();
        }
        if !was_there || matches!(address, IpNet::V6(_)) {
            return;
        }
        let is_on = |hop: &Hop| hop.device == Some(index);
        let ours = self.wants.ways_where(|ways| matches!(ways, Ways::Via(hops) if hops.iter().any(is_on)));
        let is_used = self.tables.values().any(|table| table.uses(is_on));
        self.doubtful |= is_used || !ours.is_empty();
    }

    /// The kernel has dropped the routes with such ways, though it may not say so.
    fn flush(&mut self, dead: impl Fn(&Devices, &IpNet, &Hops) -> bool) {
        let tables: Vec<u32> = self.tables.keys().copied().collect();
        for number in tables {
            let devices = &self.devices;
            let Some(table) = self.tables.get_mut(&number) else { continue };
            let poorer = table.flush(|prefix, hops| dead(devices, prefix, hops));
            poorer.into_iter().for_each(|prefix| self.route_changed(number, prefix));
        }
        // The prefix matters by its family alone.
        let of_family = |prefix: IpNet| {
            let is_dead = |ways: &Ways| matches!(ways, Ways::Via(hops) if dead(&self.devices, &prefix, hops));
            self.wants.ways_where(is_dead)
        };
        let (ipv4, ipv6) =
            (of_family(IpNet::V4(Ipv4Net::default())), of_family(IpNet::V6(Ipv6Net::default())));
        if ipv4.is_empty() && ipv6.is_empty() {
            return;
        }
        self.doubtful = true;
        for place in 0..self.entries.end() {
            let Some(entry) = self.entries.get_mut(place) else { continue };
            let gone = if matches!(entry.prefix, IpNet::V4(_)) { &ipv4 } else { &ipv6 };
            if entry.seen.is_some_and(|seen| gone.has(seen)) {
                entry.seen = None;
                entry.set(Mark::Touched, true);
                let prefix = entry.prefix;
                self.stirred.note(prefix);
                self.mark_dirty(place);
                self.tidy(place);
            }
        }
    }
}

fn is_any(ways: &Ways) -> bool {
    !matches!(ways, Ways::Via(hops) if hops.is_empty())
}
