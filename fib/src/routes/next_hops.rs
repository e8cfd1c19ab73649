//! Next hops, and how the kernel's routes lead to them: for BGP's decision (`tracked`) and for the routes that are
//! wanted (`targets`).

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::RangeInclusive;

use bgp::types::Mac;
use ipnet::IpNet;

use super::devices::Devices;
use super::event::{Hop, Hops};
use super::table::{Covering, Table, is_usable};
use super::tunnel::{self, Mouth, Vtep, Vteps};
use super::wanted::WantedHop;
use crate::row::IfIndex;

/// How a next hop resolves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It is on a link of this node, or behind a gateway.
    Resolved {
        /// The metric of the route that says so.
        metric: u32,
    },
    /// The kernel has no way to it.
    Unresolved,
}

/// The kernel's ways to a next hop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    /// None where it does not resolve.
    pub(super) ways: Hops,
    /// The prefix length of the route to it, where that leads through a gateway.
    pub(super) behind: Option<u8>,
    /// Packets to it go into the tunnel, while that is there.
    pub(super) tunnelled: bool,
}

/// A next hop that some wanted route has.
#[derive(Debug)]
struct Used {
    target: Target,
    /// Of two with one address the later one has the higher number.
    age: u64,
}

/// What resolution takes into account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terrain<'a> {
    pub(super) main: Option<&'a Table>,
    pub(super) devices: &'a Devices,
    pub(super) via_default: bool,
    /// Routers on a link that the kernel does not find there: see [`Routes::hidden`](super::Routes).
    pub(super) hidden: &'a BTreeSet<IpAddr>,
    /// Where next hops are reached that are on no link.
    pub(super) tunnel: Option<Mouth<'a>>,
}

impl<'a> Terrain<'a> {
    fn covering(&self, address: IpAddr) -> Option<Covering<'a>> {
        self.main?.resolve(address, self.via_default, self.devices)
    }

    fn resolution(&self, address: IpAddr) -> Resolution {
        match self.covering(address) {
            Some(covering) => Resolution::Resolved { metric: covering.route.metric },
            None => Resolution::Unresolved,
        }
    }

    fn target(&self, hop: WantedHop) -> Target {
        let WantedHop { address, device, onlink, mac } = hop;
        if let Some(device) = device {
            let way = Hop { onlink, ..Hop::via(device, address) };
            let ways = Some(way).filter(|way| is_usable(way, self.devices));
            return Target { ways: ways.into_iter().collect(), ..Target::default() };
        }
        let Some(Covering { prefix, route }) = self.covering(address) else { return Target::default() };
        let usable = route.hops.iter().filter(|hop| is_usable(hop, self.devices));
        if onlink {
            let device = usable.filter_map(|way| way.device).min();
            let way = device.map(|device| Hop { onlink, ..Hop::via(device, address) });
            return Target { ways: way.into_iter().collect(), ..Target::default() };
        }
        let through = |way: &Hop| {
            let gateway = way.gateway.unwrap_or(address);
            let onlink = way.onlink || self.hidden.contains(&gateway);
            Hop { gateway: Some(gateway), onlink, weight: 0, ..*way }
        };
        let is_behind = route.hops.iter().any(|way| way.gateway.is_some());
        let behind = is_behind.then_some(prefix.prefix_len());
        let tunnel = self.tunnel.filter(|_| is_behind).zip(mac);
        if let Some((tunnel, mac)) = tunnel.filter(|(tunnel, mac)| tunnel.takes(address, *mac)) {
            let way = tunnel.way(address, mac, self.devices);
            return Target { ways: way.into_iter().collect(), behind, tunnelled: true };
        }
        Target { ways: usable.map(through).collect(), behind, tunnelled: false }
    }
}

/// The next hops, and those that are to be looked at.
#[derive(Debug, Default)]
pub(super) struct NextHops {
    /// Each with what was last said of it.
    tracked: BTreeMap<IpAddr, Option<Resolution>>,
    targets: BTreeMap<WantedHop, Used>,
    dirty: BTreeSet<IpAddr>,
    dirty_targets: BTreeSet<WantedHop>,
    /// Others may be reached through the tunnel than was said.
    vteps_changed: bool,
    ages: u64,
}

impl NextHops {
    /// Says from now on how this next hop resolves.
    pub(super) fn track(&mut self, address: IpAddr) {
        self.tracked.insert(address, None);
        self.dirty.insert(address);
    }

    /// No longer does.
    pub(super) fn forget(&mut self, address: IpAddr) {
        self.tracked.remove(&address);
        self.dirty.remove(&address);
    }

    /// A wanted route goes to this next hop.
    pub(super) fn use_target(&mut self, hop: WantedHop, terrain: Terrain<'_>) {
        if let Entry::Vacant(vacant) = self.targets.entry(hop) {
            let target = terrain.target(hop);
            self.vteps_changed |= target.tunnelled;
            self.ages += 1;
            vacant.insert(Used { target, age: self.ages });
        }
    }

    /// No wanted route goes to any other.
    pub(super) fn keep_targets(&mut self, used: &BTreeSet<WantedHop>) {
        let vteps_changed = &mut self.vteps_changed;
        self.targets.retain(|hop, known| {
            let stays = used.contains(hop);
            *vteps_changed |= !stays && known.target.tunnelled;
            stays
        });
        self.dirty_targets.retain(|hop| used.contains(hop));
    }

    /// A next hop of a wanted route.
    pub(super) fn target(&self, hop: &WantedHop) -> Option<&Target> {
        self.targets.get(hop).map(|known| &known.target)
    }

    /// The routes to a prefix are other ones.
    pub(super) fn route_changed(&mut self, prefix: IpNet) {
        if !self.tracked.is_empty() {
            let within = self.tracked.range(addresses(prefix));
            self.dirty.extend(within.map(|(address, _)| *address));
        }
        let within = self.targets.range(hops(prefix));
        self.dirty_targets.extend(within.map(|(hop, _)| *hop));
    }

    /// Anything may be otherwise.
    pub(super) fn all_changed(&mut self) {
        self.dirty.extend(self.tracked.keys());
        self.dirty_targets.extend(self.targets.keys());
    }

    /// The next tracked one of which there is something new to be said.
    pub(super) fn poll(&mut self, terrain: Terrain<'_>) -> Option<(IpAddr, Resolution)> {
        while let Some(address) = self.dirty.pop_first() {
            let now = terrain.resolution(address);
            let said = self.tracked.get_mut(&address).filter(|said| **said != Some(now));
            if let Some(said) = said {
                *said = Some(now);
                return Some((address, now));
            }
        }
        None
    }

    /// Looks at the next hops of wanted routes again. Says which lead elsewhere than before.
    pub(super) fn look_again(&mut self, terrain: Terrain<'_>) -> BTreeSet<WantedHop> {
        let mut changed = BTreeSet::new();
        for hop in std::mem::take(&mut self.dirty_targets) {
            let now = terrain.target(hop);
            if let Some(Used { target, .. }) = self.targets.get_mut(&hop).filter(|known| known.target != now)
            {
                self.vteps_changed |= target.tunnelled || now.tunnelled;
                *target = now;
                changed.insert(hop);
            }
        }
        changed
    }

    /// The next hops that are reached through the tunnel, if they may be others than the last time.
    pub(super) fn take_vteps(&mut self) -> Option<Vteps> {
        if !std::mem::take(&mut self.vteps_changed) {
            return None;
        }
        let mut last: BTreeMap<IpAddr, (u64, Vtep)> = BTreeMap::new();
        let tunnelled = self.targets.iter().filter(|(_, known)| known.target.tunnelled);
        for (hop, age, mac) in tunnelled.filter_map(|(hop, known)| Some((hop, known.age, hop.mac?))) {
            let vtep = Vtep { address: hop.address, mac, disputed: false };
            let (known, there) = last.entry(tunnel::router(hop.address, mac)).or_insert((age, vtep));
            there.disputed |= there.mac != mac;
            if *known < age {
                (*known, there.mac) = (age, mac);
            }
        }
        Some(last.into_iter().map(|(router, (_, vtep))| (router, vtep)).collect())
    }

    /// Whether a route to this prefix would come before the way to a next hop that is reached through the tunnel.
    pub(super) fn leads_over(&self, prefix: &IpNet) -> bool {
        let mut within = self.targets.range(hops(*prefix)).map(|(_, known)| &known.target);
        let is_before = |length: u8| length <= prefix.prefix_len();
        within.any(|target| target.tunnelled && target.behind.is_none_or(is_before))
    }

    pub(super) fn is_settled(&self) -> bool {
        self.dirty_targets.is_empty()
    }
}

fn addresses(prefix: IpNet) -> RangeInclusive<IpAddr> {
    prefix.network()..=prefix.broadcast()
}

fn hops(prefix: IpNet) -> RangeInclusive<WantedHop> {
    let first = WantedHop::at(prefix.network());
    let (device, mac) = (Some(IfIndex(u32::MAX)), Some(Mac([u8::MAX; 6])));
    let last = WantedHop { address: prefix.broadcast(), device, onlink: true, mac };
    first..=last
}
