//! Routes of others that somebody looks for: where a node's own blocks of addresses come from.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::config::MAIN;
use super::devices::Devices;
use super::table::{Alternative, Table};

/// Which routes of others are looked for. Ours are never among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteFilter {
    /// In this table.
    pub table: u32,
    /// Made by this protocol (`RTPROT_*`); `None`: by any.
    pub protocol: Option<u8>,
    /// Over a device of this name, in which `*` stands for any text; `None`: over any, or none.
    pub device: Option<String>,
    /// To a prefix within one of these. None at all: to any.
    pub within: Vec<IpNet>,
}

impl Default for RouteFilter {
    fn default() -> Self {
        RouteFilter { table: MAIN, protocol: None, device: None, within: Vec::new() }
    }
}

impl RouteFilter {
    fn covers(&self, prefix: &IpNet) -> bool {
        self.within.is_empty() || self.within.iter().any(|block| block.contains(prefix))
    }

    fn takes(&self, route: &Alternative, devices: &Devices) -> bool {
        let is_named = |pattern: &String| {
            let names = route.hops.iter().filter_map(|hop| devices.name(hop.device?));
            names.into_iter().any(|name| matches_pattern(pattern, name))
        };
        self.protocol.is_none_or(|protocol| route.protocol == protocol)
            && self.device.as_ref().is_none_or(is_named)
    }
}

/// Whether a name is of such a form: `*` stands for any text.
fn matches_pattern(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(head) else { return false };
    let mut ends = (0..=rest.len()).filter(|end| rest.is_char_boundary(*end));
    ends.any(|end| rest.get(end..).is_some_and(|rest| matches_pattern(tail, rest)))
}

/// A prefix that a filter finds, or finds no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundRoute {
    /// The filter's place among those that were given.
    pub filter: usize,
    /// The prefix.
    pub prefix: IpNet,
    /// It is there.
    pub present: bool,
}

/// What is looked for, and what was said of it.
#[derive(Debug, Default)]
pub(super) struct Found {
    filters: Vec<RouteFilter>,
    told: BTreeSet<(usize, IpNet)>,
    dirty: BTreeSet<(usize, IpNet)>,
    /// All is to be looked at again.
    all: bool,
}

impl Found {
    /// Other filters; what the former ones found is forgotten without a word.
    pub(super) fn look_for(&mut self, filters: Vec<RouteFilter>) {
        *self = Found { filters, all: true, ..Found::default() };
    }

    pub(super) fn tables(&self) -> impl Iterator<Item = u32> {
        self.filters.iter().map(|filter| filter.table)
    }

    /// The routes to a prefix are other ones.
    pub(super) fn route_changed(&mut self, table: u32, prefix: IpNet) {
        for (index, filter) in self.filters.iter().enumerate() {
            if filter.table == table && filter.covers(&prefix) {
                self.dirty.insert((index, prefix));
            }
        }
    }

    /// A device has another name.
    pub(super) fn names_changed(&mut self) {
        self.all |= self.filters.iter().any(|filter| filter.device.is_some());
    }

    /// The next prefix of which there is something new to be said.
    pub(super) fn poll(&mut self, tables: &BTreeMap<u32, Table>, devices: &Devices) -> Option<FoundRoute> {
        if std::mem::take(&mut self.all) {
            self.dirty.extend(&self.told);
            for (index, filter) in self.filters.iter().enumerate() {
                let prefixes = tables.get(&filter.table).into_iter().flat_map(Table::iter);
                let covered = prefixes.map(|(prefix, _)| prefix).filter(|prefix| filter.covers(prefix));
                self.dirty.extend(covered.map(|prefix| (index, prefix)));
            }
        }
        while let Some((index, prefix)) = self.dirty.pop_first() {
            let Some(filter) = self.filters.get(index) else { continue };
            let routes = tables.get(&filter.table).map_or(&[][..], |table| table.at(&prefix));
            let present = routes.iter().any(|route| filter.takes(route, devices));
            let is_new = match present {
                true => self.told.insert((index, prefix)),
                false => self.told.remove(&(index, prefix)),
            };
            if is_new {
                return Some(FoundRoute { filter: index, prefix, present });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("cali*", "cali12345", true),
            ("cali*", "cali", true),
            ("cali*", "tunl0", false),
            ("*", "", true),
            ("veth*-h", "veth12-h", true),
            ("veth*-h", "veth12-hh", false),
            ("*-*-h", "a-b-c-h", true),
            ("eth0", "eth0", true),
            ("eth0", "eth01", false),
        ] {
            assert_eq!(matches_pattern(pattern, name), expected, "{pattern} {name}");
        }
    }
}
