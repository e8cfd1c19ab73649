//! How things stand, for those who look from outside.

use evpn::Feed;
use ipnet::IpNet;

use super::Routes;
use super::entry::Entry;
use super::event::Hops;
use super::judge::Step;
use super::status::{RoutePlace, RouteRow, RouteStatus};
use super::ways::Ways;
use crate::reconcile::Counters;
use crate::row::IfIndex;
use crate::tally::{Counted, Counts, Standing};

impl Routes {
    /// How a prefix stands; `None` if it is neither wanted nor ours in the kernel.
    pub fn status(&self, prefix: &IpNet) -> Option<RouteStatus> {
        self.status_of(self.entry(prefix)?)
    }

    /// A prefix with both its sides; `None` as for its status.
    pub fn find_row(&self, prefix: &IpNet) -> Option<RouteRow> {
        self.row_of(self.entry(prefix)?)
    }

    /// Rows from a place on, looking at no more than `limit` places. A place that shows nothing is `None`.
    pub fn rows_from(
        &self,
        from: RoutePlace,
        limit: usize,
    ) -> impl Iterator<Item = (RoutePlace, Option<RouteRow>)> + '_ {
        let places = from.0..self.entries.end();
        let row = |place| self.entries.get(place).and_then(|entry| self.row_of(entry));
        places.take(limit).map(move |place| (RoutePlace(place), row(place)))
    }

    /// Everything wanted, and what is ours in the kernel and not wanted. In no order.
    pub fn rows(&self) -> impl Iterator<Item = RouteRow> + '_ {
        self.entries.iter_from(0).filter_map(|(_, entry)| self.row_of(entry))
    }

    /// Where wanted and seen differ.
    pub fn diff(&self) -> impl Iterator<Item = RouteRow> + '_ {
        let differs = |entry: &Entry| self.status_of(entry).is_some_and(|s| s != RouteStatus::Programmed);
        let entries = self.entries.iter_from(0).filter(move |(_, entry)| differs(entry));
        entries.filter_map(|(_, entry)| self.row_of(entry))
    }

    /// How many prefixes stand how.
    pub fn counts(&mut self) -> Counts {
        self.count_again();
        self.counts
    }

    /// Counts the prefixes again that may stand otherwise.
    pub(super) fn count_again(&mut self) {
        for prefix in self.stirred.take_uncounted() {
            let Some(place) = self.entries.find(prefix) else { continue };
            let status = self.entries.get(place).and_then(|entry| self.status_of(entry));
            let Some(entry) = self.entries.get_mut(place) else { continue };
            let counted = status.map(|status| counted(&status, entry.wanted.is_some())).unwrap_or_default();
            self.counts.replace(std::mem::replace(&mut entry.counted, counted), counted);
        }
    }

    /// How many prefixes are wanted or ours.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the kernel had routes to forward by when it was first looked at: a former run's, or those of a daemon that
    /// ours takes over from.
    pub fn has_found_routes(&self) -> bool {
        self.has_found_routes
    }

    /// Counts since the start.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The prefixes of which something may have changed, for whoever watches.
    pub fn feed(&mut self) -> &mut Feed<IpNet> {
        &mut self.stirred.feed
    }

    /// This node's addresses, each with the prefix of its link.
    pub fn addresses(&self) -> impl Iterator<Item = (IfIndex, IpNet)> + '_ {
        self.devices.addresses.iter()
    }

    /// The name of a device; `None` where there is none with this index.
    pub fn device_name(&self, index: IfIndex) -> Option<&str> {
        self.devices.name(index)
    }

    fn entry(&self, prefix: &IpNet) -> Option<&Entry> {
        self.entries.get(self.entries.find(*prefix)?)
    }

    fn row_of(&self, entry: &Entry) -> Option<RouteRow> {
        let wanted = entry.wanted.and_then(|set| self.wants.wanted(set)).map(|wanted| (**wanted).clone());
        let hops = match entry.seen.and_then(|id| self.wants.ways(id)).map(|ways| &**ways) {
            Some(Ways::Via(hops)) => hops.clone(),
            _ => Hops::new(),
        };
        Some(RouteRow { prefix: entry.prefix, wanted, hops, status: self.status_of(entry)? })
    }

    fn status_of(&self, entry: &Entry) -> Option<RouteStatus> {
        let is_wanted = entry.wanted.is_some();
        let failure = || self.retries.reason(&self.key(entry.prefix)).map(RouteStatus::Failed);
        let unreachable = || self.why_unreachable(entry);
        let kept_out = || self.conflict(&entry.prefix).map(RouteStatus::Conflict);
        match self.step(entry) {
            _ if is_wanted && !self.synced => Some(RouteStatus::Pending),
            Step::Rest if is_wanted => Some(kept_out().unwrap_or(RouteStatus::Programmed)),
            Step::Rest => None,
            Step::Held => Some(RouteStatus::Stale),
            Step::Put { .. } | Step::TakeOver { .. } => Some(failure().unwrap_or(RouteStatus::Pending)),
            Step::Waits => Some(kept_out().filter(is_outside).unwrap_or_else(unreachable)),
            Step::Delete => Some(match failure() {
                Some(failure) => failure,
                None if is_wanted => kept_out().filter(is_outside).unwrap_or_else(unreachable),
                None => RouteStatus::Stale,
            }),
        }
    }
}

fn counted(status: &RouteStatus, is_wanted: bool) -> Counted {
    let standing = match status {
        RouteStatus::Programmed => Standing::Programmed,
        RouteStatus::Pending | RouteStatus::Stale => Standing::Pending,
        RouteStatus::Failed(_) => Standing::Failed,
        RouteStatus::Conflict(_) => Standing::Conflict,
        RouteStatus::Unreachable | RouteStatus::NoTunnel | RouteStatus::Swallowed => Standing::Unreachable,
    };
    Counted::as_one(standing, is_wanted)
}

/// Ours waits outside the kernel because of it.
fn is_outside(status: &RouteStatus) -> bool {
    matches!(status, RouteStatus::Conflict(conflict) if !conflict.beside)
}
