//! Who gets a VNI's broadcast, unknown unicast and multicast frames: the originators of its Type 3 routes, and those
//! whom the operator has named.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Bound;

use bgp::types::Rd;

use crate::origin::OriginId;

/// The Type 3 routes of a VNI and the flood list that follows from them. One VTEP may have several routes
/// (under several route distinguishers), and be named besides; frames go to it once, as long as one of them can be
/// used.
#[derive(Debug, Default)]
pub(crate) struct FloodList {
    on: bool,
    routes: BTreeMap<(IpAddr, Rd), FloodRoute>,
    vteps: BTreeMap<IpAddr, Member>,
    flooded: usize,
}

#[derive(Clone, Copy, Debug)]
struct FloodRoute {
    origin: OriginId,
    usable: bool,
}

/// What speaks for a VTEP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Member {
    /// The operator has named it.
    pub(crate) configured: bool,
    routes: u32,
    usable: u32,
}

/// What became of a VTEP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloodChange {
    Start,
    Stop,
}

impl Member {
    /// Frames can be flooded to it.
    pub(crate) fn is_usable(self) -> bool {
        self.configured || self.usable > 0
    }

    /// It has a Type 3.
    pub(crate) fn is_announced(self) -> bool {
        self.routes > 0
    }

    fn is_member(self) -> bool {
        self.configured || self.routes > 0
    }
}

impl FloodList {
    /// Whether anything is flooded.
    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// Floods from now on, or no more, to these VTEPs too. Returns those that this concerns, with what changes.
    pub(crate) fn set(
        &mut self,
        on: bool,
        configured: impl Iterator<Item = IpAddr>,
    ) -> Vec<(IpAddr, Option<FloodChange>)> {
        let (was_on, before) = (self.on, self.vteps.clone());
        self.on = on;
        self.vteps.values_mut().for_each(|member| member.configured = false);
        configured.for_each(|vtep| self.vteps.entry(vtep).or_default().configured = true);
        self.vteps.retain(|_, member| member.is_member());
        let all = before.keys().chain(self.vteps.keys().filter(|vtep| !before.contains_key(vtep)));
        let concerned = all.filter(|vtep| was_on != on || before.get(vtep) != self.vteps.get(vtep));
        let flooded = |vtep| was_on && before.get(vtep).is_some_and(|member| member.is_usable());
        let list: Vec<_> = concerned.map(|vtep| (*vtep, flooded(vtep))).collect();
        list.into_iter().map(|(vtep, flooded)| (vtep, self.change(vtep, flooded))).collect()
    }

    /// Sets a route. Returns what changes for its originator, and the origin that it held before.
    pub(crate) fn announce(
        &mut self,
        originator: IpAddr,
        rd: Rd,
        origin: OriginId,
        usable: bool,
    ) -> (Option<FloodChange>, Option<OriginId>) {
        let before = self.is_flooded(originator);
        let old = self.routes.insert((originator, rd), FloodRoute { origin, usable });
        let member = self.vteps.entry(originator).or_default();
        member.routes += u32::from(old.is_none());
        member.usable += u32::from(usable);
        member.usable -= u32::from(old.is_some_and(|route| route.usable));
        (self.change(originator, before), old.map(|route| route.origin))
    }

    /// Takes a route out. Returns as [`announce`](Self::announce) does.
    pub(crate) fn withdraw(&mut self, originator: IpAddr, rd: Rd) -> (Option<FloodChange>, Option<OriginId>) {
        let before = self.is_flooded(originator);
        let Some(old) = self.routes.remove(&(originator, rd)) else { return (None, None) };
        if let Some(member) = self.vteps.get_mut(&originator) {
            member.routes -= 1;
            member.usable -= u32::from(old.usable);
            if !member.is_member() {
                self.vteps.remove(&originator);
            }
        }
        (self.change(originator, before), Some(old.origin))
    }

    /// Those that get the frames.
    pub(crate) fn flooded(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.vteps.iter().filter(|(_, member)| self.on && member.is_usable()).map(|(vtep, _)| *vtep)
    }

    /// Those that anything speaks for behind `after`, or all, in order.
    pub(crate) fn vteps_after(&self, after: Option<IpAddr>) -> impl Iterator<Item = (IpAddr, Member)> + '_ {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.vteps.range((from, Bound::Unbounded)).map(|(vtep, member)| (*vtep, *member))
    }

    /// What speaks for a VTEP, if anything does.
    pub(crate) fn find(&self, vtep: IpAddr) -> Option<Member> {
        self.vteps.get(&vtep).copied()
    }

    /// How many get them.
    pub(crate) fn len(&self) -> usize {
        self.flooded
    }

    /// The origins held, one for each route.
    pub(crate) fn origins(&self) -> impl Iterator<Item = OriginId> + '_ {
        self.routes.values().map(|route| route.origin)
    }

    fn is_flooded(&self, vtep: IpAddr) -> bool {
        self.on && self.vteps.get(&vtep).is_some_and(|member| member.is_usable())
    }

    fn change(&mut self, vtep: IpAddr, before: bool) -> Option<FloodChange> {
        match (before, self.is_flooded(vtep)) {
            (false, true) => {
                self.flooded += 1;
                Some(FloodChange::Start)
            }
            (true, false) => {
                self.flooded -= 1;
                Some(FloodChange::Stop)
            }
            _ => None,
        }
    }
}
