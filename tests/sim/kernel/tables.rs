//! The tables of a fake kernel: forwarding rows and neighbours. Every change is news, but for what the driver's
//! filter keeps from the daemon.
//!
//! What it does and does not do was seen on Linux 6.18: a VXLAN device's row and a bridge's row of one MAC are
//! apart; local traffic takes a bridge's row over and leaves the other; a row that an operator made never
//! becomes a control plane's; a device that goes down takes some rows with it and not others (`devices`).
//! `traps` holds it to all that.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bgp::types::{Mac, Vni};
use fib::row::{BridgeRow, BridgeRowKind, NeighborRow, NeighborState, TunnelRow};
use fib::{IfIndex, KernelEvent, Link, Row};

use super::devices::Segment;

/// How long a kernel believes what it has heard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ages {
    /// A bridge forgets a MAC that has been silent for so long.
    pub(crate) forgets: Duration,
    /// A neighbour is asked whether it is still there every so often.
    pub(crate) checks: Duration,
}

impl Ages {
    /// Linux's own.
    pub(crate) const USUAL: Ages =
        Ages { forgets: Duration::from_secs(300), checks: Duration::from_secs(45) };
    /// For short runs.
    pub(crate) const SHORT: Ages = Ages { forgets: Duration::from_secs(40), checks: Duration::from_secs(15) };
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Learnt {
    pub(super) row: BridgeRow,
    pub(super) used: Instant,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) row: NeighborRow,
    pub(super) checked: Instant,
}

#[derive(Debug)]
pub(crate) struct Tables {
    pub(super) ages: Ages,
    pub(crate) segments: Vec<Segment>,
    pub(super) links: BTreeMap<IfIndex, Link>,
    /// By device, MAC and VTEP: only the zero MAC has many.
    pub(super) tunnels: BTreeMap<(IfIndex, Mac, IpAddr), TunnelRow>,
    /// By bridge and MAC.
    pub(super) bridges: BTreeMap<(IfIndex, Mac), Learnt>,
    /// By bridge and address.
    pub(super) neighbors: BTreeMap<(IfIndex, IpAddr), Known>,
    /// What operators have pinned, by bridge and MAC, and what of it the daemon has just put its own in the place of.
    pub(super) pinned: BTreeMap<(IfIndex, Mac), BridgeRow>,
    pub(super) taken: Vec<BridgeRow>,
    /// How often a device has moved to another bridge.
    pub(super) moves: u64,
    /// Who answers, should the kernel ask: what hosts are attached.
    pub(crate) attached: BTreeMap<(IfIndex, IpAddr), Mac>,
    pub(super) news: Vec<KernelEvent>,
    /// The daemon hears of its own writing, too: the filter on its socket is not there.
    pub(super) echoes: bool,
    /// What changes now is the daemon's own doing.
    pub(super) writing: bool,
    /// Nothing is forgotten or asked before.
    pub(super) ages_at: Option<Instant>,
    pub(super) last_index: u32,
}

impl Tables {
    /// The devices of a network.
    pub(crate) fn segment(&self, vni: Vni) -> &Segment {
        self.segments.iter().find(|segment| segment.vni == vni).expect("a network")
    }

    pub(super) fn set_tunnel(&mut self, row: TunnelRow) {
        let key = (row.vxlan, row.mac, row.vtep);
        let is_told = self.echoes || !row.ours;
        if self.tunnels.insert(key, row) != Some(row) && is_told {
            self.news.push(KernelEvent::RowSeen(Row::Tunnel(row)));
        }
    }

    pub(super) fn remove_tunnel(&mut self, key: (IfIndex, Mac, IpAddr)) {
        if let Some(row) = self.tunnels.remove(&key) {
            self.news.push(KernelEvent::RowGone(Row::Tunnel(row)));
        }
    }

    pub(super) fn set_bridge(&mut self, row: BridgeRow, used: Instant) {
        if may_age(&row) {
            self.ages_by(used + self.ages.forgets);
        }
        let old = self.bridges.insert((row.bridge, row.mac), Learnt { row, used });
        if old.map(|old| old.row) != Some(row) && (self.echoes || !row.external) {
            self.news.push(KernelEvent::RowSeen(Row::Bridge(row)));
        }
    }

    pub(super) fn remove_bridge(&mut self, key: (IfIndex, Mac)) {
        if let Some(Learnt { row, .. }) = self.bridges.remove(&key) {
            self.news.push(KernelEvent::RowGone(Row::Bridge(row)));
        }
    }

    pub(super) fn set_neighbor(&mut self, row: NeighborRow, checked: Instant) {
        if is_checked(&row) {
            self.ages_by(checked + self.ages.checks);
        }
        let old = self.neighbors.insert((row.device, row.ip), Known { row, checked });
        if old.map(|old| old.row) != Some(row) && (self.echoes || !self.writing) {
            self.news.push(KernelEvent::RowSeen(Row::Neighbor(row)));
        }
    }

    /// A neighbour goes as the kernel lets it go: it fails first.
    pub(super) fn remove_neighbor(&mut self, key: (IfIndex, IpAddr)) {
        if let Some(Known { row, .. }) = self.neighbors.remove(&key) {
            let failed = NeighborRow { state: NeighborState::Unusable, mac: None, external: false, ..row };
            if self.echoes || !self.writing {
                self.news.push(KernelEvent::RowSeen(Row::Neighbor(failed)));
            }
            self.news.push(KernelEvent::RowGone(Row::Neighbor(failed)));
        }
    }

    fn ages_by(&mut self, at: Instant) {
        self.ages_at = Some(self.ages_at.map_or(at, |due| due.min(at)));
    }

    /// Forgets what has been silent, and asks neighbours whether they are there.
    pub(super) fn age(&mut self, now: Instant) {
        if self.ages_at.is_none_or(|due| now < due) {
            return;
        }
        let Ages { forgets, checks } = self.ages;
        let silent =
            self.bridges.values().filter(|learnt| may_age(&learnt.row) && now >= learnt.used + forgets);
        let silent: Vec<_> = silent.map(|learnt| (learnt.row.bridge, learnt.row.mac)).collect();
        silent.into_iter().for_each(|key| self.remove_bridge(key));
        let due =
            self.neighbors.values().filter(|known| is_checked(&known.row) && now >= known.checked + checks);
        for row in due.map(|known| known.row).collect::<Vec<_>>() {
            let key = (row.device, row.ip);
            match row.mac.is_some() && self.attached.get(&key).copied() == row.mac {
                true => self.set_neighbor(row, now),
                false => self.remove_neighbor(key),
            }
        }
        self.ages_at = self.next_due();
    }

    /// When [`Tables::age`] has something to do.
    fn next_due(&self) -> Option<Instant> {
        let Ages { forgets, checks } = self.ages;
        let rows =
            self.bridges.values().filter(|learnt| may_age(&learnt.row)).map(|learnt| learnt.used + forgets);
        let neighbors = self.neighbors.values().filter(|known| is_checked(&known.row));
        rows.chain(neighbors.map(|known| known.checked + checks)).min()
    }
}

/// A bridge's row goes with silence, or with its port, unless somebody set it.
pub(super) fn may_age(row: &BridgeRow) -> bool {
    row.kind == BridgeRowKind::Dynamic && !row.external
}

fn is_checked(row: &NeighborRow) -> bool {
    matches!(row.state, NeighborState::Usable | NeighborState::Unusable)
}
