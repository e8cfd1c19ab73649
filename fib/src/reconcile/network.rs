//! One VNI: its devices and its three tables.

use std::cmp::Ordering;
use std::net::IpAddr;

use bgp::types::{Mac, Vni};
use evpn::dataplane::{Observation, WantedKey, WantedValue};

use super::entry::{Entry, Marks, Table, Touch};
use super::flood::FloodEntry;
use super::mac::{MacEntry, RemoteMac};
use super::neighbor::{NeighborEntry, WantedNeighbor};
use super::place::{Place, Segment, Step};
use super::show::RowPlace;
use crate::op::{self, Action};
use crate::row::{IfIndex, Row};
use crate::tally::{Counted, Counts};

/// What is wanted in a VNI and what the kernel has.
#[derive(Debug, Default)]
pub(super) struct Network {
    /// The devices, while there are any.
    pub(super) segment: Option<Segment>,
    /// All their rows have been seen once.
    pub(super) known: bool,
    /// It is to be served no more, or by other devices.
    pub(super) leaves: bool,
    pub(super) floods: Table<FloodEntry>,
    pub(super) macs: Table<MacEntry>,
    pub(super) neighbors: Table<NeighborEntry>,
}

/// What a row from the kernel meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) key: WantedKey,
    /// To be queued.
    pub(super) queue: bool,
    /// Somebody wants it.
    pub(super) wanted: bool,
    /// A row of `Fib::rows`, before or now.
    pub(super) listed: bool,
    /// Something else spoilt what was right.
    pub(super) spoilt: bool,
    /// For evpn.
    pub(super) news: Option<Observation>,
}

/// The VNI that a key belongs to.
pub(super) fn vni_of(key: &WantedKey) -> Vni {
    match *key {
        WantedKey::Flood { vni, .. } | WantedKey::Mac { vni, .. } | WantedKey::Neighbor { vni, .. } => vni,
    }
}

impl Network {
    /// Nothing is known or wanted any more.
    pub(super) fn is_vacant(&self) -> bool {
        let empty = self.floods.is_empty() && self.macs.is_empty() && self.neighbors.is_empty();
        self.segment.is_none() && empty
    }

    /// Wants something else; `false` if it is what was wanted already, or not a value for such a key.
    pub(super) fn want(&mut self, key: &WantedKey, value: Option<WantedValue>) -> bool {
        match (*key, value) {
            (WantedKey::Flood { vtep, .. }, None | Some(WantedValue::Flood)) => {
                self.floods.with(vtep, |entry| {
                    let old = std::mem::replace(&mut entry.wanted, value.is_some());
                    claimed(entry, old != value.is_some())
                })
            }
            (WantedKey::Mac { mac, .. }, None) => {
                self.macs.with(mac, |entry| change(entry, |entry| &mut entry.wanted, None))
            }
            (WantedKey::Mac { mac, .. }, Some(WantedValue::Mac { vtep, sticky })) => {
                let wanted = Some(RemoteMac { vtep, sticky });
                self.macs.with(mac, |entry| change(entry, |entry| &mut entry.wanted, wanted))
            }
            (WantedKey::Neighbor { ip, .. }, value) => {
                let wanted = value.and_then(NeighborEntry::wanted_from);
                self.neighbors.with(ip, |entry| change(entry, |entry| &mut entry.wanted, wanted))
            }
            _ => false,
        }
    }

    /// Takes a row in, or out.
    pub(super) fn see(&mut self, vni: Vni, row: &Row, present: bool, place: &Place) -> Seen {
        match row {
            Row::Tunnel(row) if row.mac == Mac::ZERO => {
                let touch = self.floods.see(row.vtep, place, |entry| entry.see(row, present, place));
                seen(WantedKey::Flood { vni, vtep: row.vtep }, touch, None)
            }
            Row::Tunnel(row) => {
                let touch = self.macs.see(row.mac, place, |entry| entry.see_tunnel(row, present, place));
                mac_seen(vni, row.mac, touch)
            }
            Row::Bridge(row) => {
                let touch = self.macs.see(row.mac, place, |entry| entry.see_bridge(row, present, place));
                mac_seen(vni, row.mac, touch)
            }
            Row::Neighbor(row) => {
                let was_stale = self.is_stale(row.ip);
                let touch = self.neighbors.see(row.ip, place, |entry| entry.see(row, present, place));
                let after = touch.after.filter(|_| was_stale && !self.is_stale(row.ip));
                let mut seen = self.neighbor_seen(vni, row.ip, touch);
                // The kernel has made sure of it, which is news though nothing else has changed.
                seen.news = seen.news.or(after.map(|local| neighbor_news(vni, row.ip, Some(local))));
                seen
            }
        }
    }

    /// Takes in the rows that an accepted op made. Returns what evpn is to hear of it. To be called while the
    /// key's op still counts as under way: of two rows, the first is not a reason to act.
    pub(super) fn assume(&mut self, key: &WantedKey, action: &Action, place: &Place) -> Option<Observation> {
        let rows = action.rows(place.segment.bridge);
        let news = rows.map(|row| self.see(vni_of(key), &row, true, place).news);
        news.fold(None, |last, news| news.or(last)).filter(|_| place.segment.up)
    }

    /// Whether the kernel was seen to have the rows that an op makes: then it does not matter which came first, the op
    /// or the news.
    pub(super) fn shows(&self, action: &Action, bridge: IfIndex) -> bool {
        action.rows(bridge).all(|row| match row {
            Row::Tunnel(row) => self
                .macs
                .get(row.mac)
                .and_then(|entry| entry.tunnel)
                .is_some_and(|seen| (seen.vtep, seen.ours, seen.firm) == (row.vtep, row.ours, row.firm)),
            Row::Bridge(row) => self.macs.get(row.mac).and_then(|entry| entry.bridge).is_some_and(|seen| {
                (seen.port, seen.external, seen.sticky) == (row.port, row.external, row.sticky)
            }),
            Row::Neighbor(row) => {
                self.neighbors.get(row.ip).and_then(|entry| entry.seen).is_some_and(|seen| {
                    let same_state =
                        seen.state == row.state || seen.state.is_learnt() && row.state.is_learnt();
                    same_state
                        && (seen.mac, seen.external, seen.router, seen.protocol)
                            == (row.mac, row.external, row.router, row.protocol)
                })
            }
        })
    }

    /// What comes next for a key; `None` if there is nothing under it.
    pub(super) fn step(&self, key: &WantedKey, place: &Place) -> Option<Step> {
        match *key {
            WantedKey::Flood { vtep, .. } => self.floods.get(vtep).map(|entry| entry.step(vtep, place)),
            WantedKey::Mac { mac, .. } => self.macs.get(mac).map(|entry| entry.step(mac, place)),
            WantedKey::Neighbor { ip, .. } => self.neighbors.get(ip).map(|entry| entry.step(ip, place)),
        }
    }

    /// A key's marks.
    pub(super) fn marks(&mut self, key: &WantedKey) -> Option<&mut Marks> {
        match *key {
            WantedKey::Flood { vtep, .. } => self.floods.get_mut(vtep).map(Entry::marks),
            WantedKey::Mac { mac, .. } => self.macs.get_mut(mac).map(Entry::marks),
            WantedKey::Neighbor { ip, .. } => self.neighbors.get_mut(ip).map(Entry::marks),
        }
    }

    /// How many rows stand how.
    pub(super) fn counts(&self) -> Counts {
        self.floods.counts().plus(self.macs.counts()).plus(self.neighbors.counts())
    }

    /// Counts the row with this key so.
    pub(super) fn count(&mut self, key: &WantedKey, counted: Counted) {
        match *key {
            WantedKey::Flood { vtep, .. } => self.floods.count(vtep, counted),
            WantedKey::Mac { mac, .. } => self.macs.count(mac, counted),
            WantedKey::Neighbor { ip, .. } => self.neighbors.count(ip, counted),
        }
    }

    /// What is wanted under a key.
    pub(super) fn wanted(&self, key: &WantedKey) -> Option<WantedValue> {
        match *key {
            WantedKey::Flood { vtep, .. } => {
                self.floods.get(vtep).filter(|entry| entry.wanted).map(|_| WantedValue::Flood)
            }
            WantedKey::Mac { mac, .. } => self.macs.get(mac)?.wanted.map(mac_value),
            WantedKey::Neighbor { ip, .. } => self.neighbors.get(ip)?.wanted.map(neighbor_value),
        }
    }

    /// Whether the kernel is still to be brought to something under a key: what nobody wants, or what has been handed
    /// over to the kernel, is its own affair.
    pub(super) fn is_pursued(&self, key: &WantedKey) -> bool {
        let WantedKey::Neighbor { ip, .. } = *key else { return self.wanted(key).is_some() };
        let wanted = self.neighbors.get(ip).and_then(|entry| entry.wanted);
        wanted.is_some_and(|wanted| !matches!(wanted, WantedNeighbor::Local { settled: true, .. }))
    }

    /// Drops what says nothing any more under a key.
    pub(super) fn tidy(&mut self, key: &WantedKey) {
        match *key {
            WantedKey::Flood { vtep, .. } => self.floods.tidy(vtep),
            WantedKey::Mac { mac, .. } => self.macs.tidy(mac),
            WantedKey::Neighbor { ip, .. } => self.neighbors.tidy(ip),
        }
    }

    /// The devices are other ones.
    pub(super) fn forget_rows(&mut self) {
        self.known = false;
        self.floods.forget_rows();
        self.macs.forget_rows();
        self.neighbors.forget_rows();
    }

    /// Every key that is wanted or ours.
    pub(super) fn keys(&self, vni: Vni) -> impl Iterator<Item = WantedKey> + '_ {
        self.keys_from(RowPlace { vni, ..RowPlace::default() }).filter_map(|(_, key)| key)
    }

    /// What is ours in the kernel and not wanted.
    pub(super) fn unwanted(&self, vni: Vni) -> impl Iterator<Item = WantedKey> + '_ {
        self.keys(vni).filter(|key| self.wanted(key).is_none())
    }

    /// Every entry from a place on: flood destinations, MACs, neighbours. Without a key if it is neither wanted
    /// nor ours.
    pub(super) fn keys_from(
        &self,
        from: RowPlace,
    ) -> impl Iterator<Item = (RowPlace, Option<WantedKey>)> + '_ {
        let vni = from.vni;
        let start = move |table| match from.table.cmp(&table) {
            Ordering::Less => 0,
            Ordering::Equal => from.row,
            // Nothing of a table that has been passed.
            Ordering::Greater => u32::MAX,
        };
        let at = move |table, row| RowPlace { vni, table, row };
        let floods = self.floods.iter_from(start(0)).map(move |(row, vtep, entry)| {
            let listed = entry.wanted || entry.marks.ours;
            (at(0, row), listed.then_some(WantedKey::Flood { vni, vtep }))
        });
        let macs = self.macs.iter_from(start(1)).map(move |(row, mac, entry)| {
            let listed = entry.wanted.is_some() || entry.marks.ours;
            (at(1, row), listed.then_some(WantedKey::Mac { vni, mac }))
        });
        let neighbors = self.neighbors.iter_from(start(2)).map(move |(row, ip, entry)| {
            let listed = entry.wanted.is_some() || entry.marks.ours;
            (at(2, row), listed.then_some(WantedKey::Neighbor { vni, ip }))
        });
        floods.chain(macs).chain(neighbors)
    }

    /// Every host that is here.
    pub(super) fn locals<'a>(&'a self, vni: Vni, place: &'a Place) -> impl Iterator<Item = Observation> + 'a {
        let macs = self.macs.iter().filter_map(move |(mac, entry)| {
            Some(Observation::LocalMac { vni, mac, sticky: entry.local(mac, place)? })
        });
        let neighbors = self.neighbors.iter().filter_map(move |(ip, entry)| {
            let (mac, router) = entry.local(ip, place)?;
            Some(Observation::LocalNeighbor { vni, ip, mac, router })
        });
        macs.chain(neighbors)
    }

    /// The MAC that a wanted neighbour leads to, if its rows are still to be looked at.
    pub(super) fn unsettled_mac(&self, vni: Vni, ip: IpAddr) -> Option<WantedKey> {
        let WantedNeighbor::Remote { mac, .. } = self.neighbors.get(ip)?.wanted? else { return None };
        let dirty = self.macs.get(mac)?.marks.dirty;
        dirty.then_some(WantedKey::Mac { vni, mac })
    }

    /// How the handing over of a neighbour to the kernel ended: what evpn is to be told, once. `failed`: the
    /// kernel would not have it.
    pub(super) fn conclude(&mut self, key: &WantedKey, place: &Place, failed: bool) -> Option<Observation> {
        let WantedKey::Neighbor { vni, ip } = *key else { return None };
        let entry = self.neighbors.get_mut(ip).filter(|entry| entry.awaited() && !entry.marks.in_flight)?;
        if !failed && entry.step(ip, place) != Step::Rest {
            return None;
        }
        let local = entry.local(ip, place);
        entry.settle();
        Some(neighbor_news(vni, ip, local))
    }

    /// A dump begins: its rows count as not seen. Returns those that may stand otherwise by that alone.
    pub(super) fn begin_dump(&mut self, vni: Vni, table: op::Table) -> Vec<WantedKey> {
        let mut doubtful = Vec::new();
        if table == op::Table::Fdb {
            let floods = self.floods.begin_dump(|_| true).into_iter();
            doubtful.extend(floods.map(|vtep| WantedKey::Flood { vni, vtep }));
            doubtful
                .extend(self.macs.begin_dump(|_| true).into_iter().map(|mac| WantedKey::Mac { vni, mac }));
        }
        let neighbors = self.neighbors.begin_dump(|ip| is_in(table, ip)).into_iter();
        doubtful.extend(neighbors.map(|ip| WantedKey::Neighbor { vni, ip }));
        doubtful
    }

    /// A dump is complete: what it did not show is gone.
    pub(super) fn end_dump(&mut self, vni: Vni, table: op::Table, place: &Place) -> Vec<Seen> {
        let mut all = Vec::new();
        if table == op::Table::Fdb {
            for vtep in self.floods.missed(|_| true) {
                let touch = self.floods.see(vtep, place, Entry::drop_unfresh);
                all.push(seen(WantedKey::Flood { vni, vtep }, touch, None));
            }
            for mac in self.macs.missed(|_| true) {
                let touch = self.macs.see(mac, place, Entry::drop_unfresh);
                all.push(mac_seen(vni, mac, touch));
            }
        }
        for ip in self.neighbors.missed(|ip| is_in(table, ip)) {
            let touch = self.neighbors.see(ip, place, Entry::drop_unfresh);
            all.push(self.neighbor_seen(vni, ip, touch));
        }
        all
    }

    fn is_stale(&self, ip: IpAddr) -> bool {
        self.neighbors.get(ip).is_some_and(NeighborEntry::is_stale)
    }

    /// Words a neighbour's change for evpn. A handing over that shows in the change is settled by it.
    fn neighbor_seen(&mut self, vni: Vni, ip: IpAddr, touch: Touch<(Mac, bool)>) -> Seen {
        let news = (touch.before != touch.after).then(|| neighbor_news(vni, ip, touch.after));
        if news.is_some() && touch.after.is_some() {
            self.neighbors.get_mut(ip).into_iter().for_each(NeighborEntry::settle);
        }
        seen(WantedKey::Neighbor { vni, ip }, touch, news)
    }
}

/// Sets what an entry wants, and says whether that is new.
fn change<E: Entry, W: PartialEq>(
    entry: &mut E,
    wanted: impl Fn(&mut E) -> &mut Option<W>,
    value: Option<W>,
) -> bool {
    let is_new = *wanted(entry) != value;
    *wanted(entry) = value;
    claimed(entry, is_new)
}

fn claimed<E: Entry>(entry: &mut E, is_new: bool) -> bool {
    if entry.is_wanted() {
        entry.marks().claim();
    }
    is_new
}

fn is_in(table: op::Table, ip: &IpAddr) -> bool {
    match table {
        op::Table::Neighbors4 => ip.is_ipv4(),
        op::Table::Neighbors6 => ip.is_ipv6(),
        op::Table::Links | op::Table::Addresses | op::Table::Fdb => false,
    }
}

fn seen<L: Copy>(key: WantedKey, touch: Touch<L>, news: Option<Observation>) -> Seen {
    let Touch { queue, wanted, listed, spoilt, .. } = touch;
    Seen { key, queue, wanted, listed, spoilt, news }
}

fn mac_seen(vni: Vni, mac: Mac, touch: Touch<bool>) -> Seen {
    let news = (touch.before != touch.after).then_some(match touch.after {
        Some(sticky) => Observation::LocalMac { vni, mac, sticky },
        None => Observation::LocalMacGone { vni, mac },
    });
    seen(WantedKey::Mac { vni, mac }, touch, news)
}

fn neighbor_news(vni: Vni, ip: IpAddr, local: Option<(Mac, bool)>) -> Observation {
    match local {
        Some((mac, router)) => Observation::LocalNeighbor { vni, ip, mac, router },
        None => Observation::LocalNeighborGone { vni, ip },
    }
}

fn mac_value(wanted: RemoteMac) -> WantedValue {
    WantedValue::Mac { vtep: wanted.vtep, sticky: wanted.sticky }
}

fn neighbor_value(wanted: WantedNeighbor) -> WantedValue {
    match wanted {
        WantedNeighbor::Remote { mac, router } => WantedValue::Neighbor { mac, router },
        WantedNeighbor::Local { mac, .. } => WantedValue::LocalNeighbor { mac },
    }
}
