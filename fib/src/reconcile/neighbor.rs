//! A neighbour on a network's bridge: a remote host's binding that is to be answered from here, or one of a
//! host that has just moved here and is to become the kernel's own to verify.

use std::net::IpAddr;

use bgp::types::Mac;
use evpn::dataplane::WantedValue;

use super::entry::{Entry, Marks};
use super::place::{Place, Step};
use crate::op::Action;
use crate::row::{NeighborRow, NeighborState};

/// What is wanted of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WantedNeighbor {
    /// Answer for it.
    Remote {
        /// The host.
        mac: Mac,
        /// An IPv6 router.
        router: bool,
    },
    /// Hand it over to the kernel.
    Local {
        /// The host.
        mac: Mac,
        /// That is done, or could not be done: evpn has been told how it ended.
        settled: bool,
    },
}

/// The kernel's entry, as seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SeenNeighbor {
    pub(super) mac: Option<Mac>,
    pub(super) state: NeighborState,
    pub(super) external: bool,
    pub(super) router: bool,
    pub(super) protocol: u8,
    /// Seen since the running dump began.
    fresh: bool,
}

impl SeenNeighbor {
    fn is_ours(&self, protocol: u8) -> bool {
        self.external && self.protocol == protocol
    }
}

/// Both sides of a neighbour.
#[derive(Clone, Debug, Default)]
pub(super) struct NeighborEntry {
    pub(super) wanted: Option<WantedNeighbor>,
    pub(super) seen: Option<SeenNeighbor>,
    pub(super) marks: Marks,
}

impl NeighborEntry {
    /// Takes the kernel's word.
    pub(super) fn see(&mut self, row: &NeighborRow, present: bool, place: &Place) {
        let NeighborRow { mac, state, external, router, protocol, .. } = *row;
        let seen = SeenNeighbor { mac, state, external, router, protocol, fresh: true };
        self.seen = present.then_some(seen);
        if present && seen.is_ours(place.protocol) && !place.known {
            self.marks.find();
        }
    }

    /// Whether the kernel's entry is ours.
    pub(super) fn has_ours(&self, protocol: u8) -> bool {
        self.seen.is_some_and(|seen| seen.is_ours(protocol))
    }

    /// What evpn wants, in this file's terms.
    pub(super) fn wanted_from(value: WantedValue) -> Option<WantedNeighbor> {
        match value {
            WantedValue::Neighbor { mac, router } => Some(WantedNeighbor::Remote { mac, router }),
            WantedValue::LocalNeighbor { mac } => Some(WantedNeighbor::Local { mac, settled: false }),
            WantedValue::Flood | WantedValue::Mac { .. } => None,
        }
    }

    /// Whether evpn still waits to hear how a handing over ended.
    pub(super) fn awaited(&self) -> bool {
        matches!(self.wanted, Some(WantedNeighbor::Local { settled: false, .. }))
    }

    /// Evpn has heard it.
    pub(super) fn settle(&mut self) {
        if let Some(WantedNeighbor::Local { settled, .. }) = &mut self.wanted {
            *settled = true;
        }
    }

    /// The kernel has it, and has not made sure of it lately.
    pub(super) fn is_stale(&self) -> bool {
        self.seen.is_some_and(|seen| seen.state == NeighborState::Stale)
    }

    fn install(&self, ip: IpAddr, mac: Mac, router: bool, place: &Place) -> Step {
        let router = router && ip.is_ipv6();
        let agrees = |seen: &SeenNeighbor| {
            // Else the kernel may have what an op said that is wanted no more, whatever was seen.
            !self.marks.crossed
                && seen.is_ours(place.protocol)
                && seen.mac == Some(mac)
                && seen.state == NeighborState::NoArp
                && seen.router == router
        };
        match (self.seen, self.conflict(place)) {
            (_, Some(reason)) => Step::Blocked(reason),
            (Some(seen), None) if agrees(&seen) => Step::Rest,
            (seen, None) => Step::Act(Action::SetNeighbor {
                bridge: place.segment.bridge,
                ip,
                mac,
                router,
                replace: seen.is_some() || self.marks.crossed,
                protocol: place.protocol,
            }),
        }
    }

    /// Who else has the place. The kernel would overwrite even an operator's permanent entry.
    fn conflict(&self, place: &Place) -> Option<&'static str> {
        let seen = self.seen.filter(|seen| !seen.is_ours(place.protocol))?;
        match seen.state {
            NeighborState::Permanent => Some("the bridge has a permanent neighbour for it"),
            _ if seen.external => Some("another control plane has set a neighbour for it"),
            NeighborState::NoArp => Some("the bridge has a neighbour for it that somebody else set"),
            NeighborState::Usable | NeighborState::Stale | NeighborState::Unusable => None,
        }
    }

    /// `Rest` here means that there is nothing to hand over (any more), not that the host is there.
    fn hand_over(&self, ip: IpAddr, mac: Mac, place: &Place) -> Step {
        let local = self.local(ip, place);
        if self.conflict(place).is_some() || local.is_some_and(|(there, _)| there == mac) {
            return Step::Rest;
        }
        let bridge = place.segment.bridge;
        Step::Act(Action::ProbeNeighbor {
            bridge,
            ip,
            mac,
            replace: self.seen.is_some() || self.marks.crossed,
        })
    }

    fn remove(&self, ip: IpAddr, place: &Place) -> Step {
        let ours = self.marks.ours && self.seen.is_some_and(|seen| seen.is_ours(place.protocol));
        match ours {
            false => Step::Rest,
            true if self.marks.found && !place.released => Step::Held,
            true => Step::Act(Action::DeleteNeighbor { bridge: place.segment.bridge, ip }),
        }
    }
}

impl Entry for NeighborEntry {
    type Key = IpAddr;
    /// The MAC, and whether it is a router.
    type Local = (Mac, bool);

    fn step(&self, ip: IpAddr, place: &Place) -> Step {
        match self.wanted {
            Some(_) if !place.segment.up => Step::Absent,
            Some(WantedNeighbor::Remote { mac, router }) => self.install(ip, mac, router, place),
            Some(WantedNeighbor::Local { mac, settled: false }) => self.hand_over(ip, mac, place),
            Some(WantedNeighbor::Local { settled: true, .. }) | None => self.remove(ip, place),
        }
    }

    /// The host is here, or at least the kernel says so.
    fn local(&self, ip: IpAddr, place: &Place) -> Option<(Mac, bool)> {
        let seen = self.seen.filter(|seen| !seen.is_ours(place.protocol))?;
        let mac = seen.mac.filter(|mac| mac.is_host())?;
        let usable = seen.state != NeighborState::Unusable && !ip.is_multicast() && !ip.is_unspecified();
        usable.then_some((mac, seen.router))
    }

    fn is_wanted(&self) -> bool {
        self.wanted.is_some()
    }

    fn is_seen(&self) -> bool {
        self.seen.is_some()
    }

    fn marks(&mut self) -> &mut Marks {
        &mut self.marks
    }

    fn set_unfresh(&mut self) {
        self.seen.iter_mut().for_each(|seen| seen.fresh = false);
    }

    fn is_unfresh(&self) -> bool {
        self.seen.is_some_and(|seen| !seen.fresh)
    }

    fn drop_unfresh(&mut self) {
        self.seen = self.seen.filter(|seen| seen.fresh);
    }
}
