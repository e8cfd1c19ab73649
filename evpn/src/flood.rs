//! Who gets a VNI's broadcast, unknown unicast and multicast frames: the originators of its Type 3 routes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Bound;

use bgp::types::Rd;

use crate::origin::OriginId;

/// The Type 3 routes of a VNI and the flood list that follows from them. One VTEP may have several routes
/// (under several route distinguishers); frames go to it once, as long as one of them can be used.
#[derive(Debug, Default)]
pub(crate) struct FloodList {
    routes: BTreeMap<(IpAddr, Rd), FloodRoute>,
    vteps: BTreeMap<IpAddr, Count>,
    flooded: usize,
}

#[derive(Clone, Copy, Debug)]
struct FloodRoute {
    origin: OriginId,
    usable: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    routes: u32,
    usable: u32,
}

/// What became of a VTEP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloodChange {
    Start,
    Stop,
}

impl FloodList {
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
        let count = self.vteps.entry(originator).or_default();
        count.routes += u32::from(old.is_none());
        count.usable += u32::from(usable);
        count.usable -= u32::from(old.is_some_and(|route| route.usable));
        (self.change(originator, before), old.map(|route| route.origin))
    }

    /// Takes a route out. Returns as [`announce`](Self::announce) does.
    pub(crate) fn withdraw(&mut self, originator: IpAddr, rd: Rd) -> (Option<FloodChange>, Option<OriginId>) {
        let before = self.is_flooded(originator);
        let Some(old) = self.routes.remove(&(originator, rd)) else { return (None, None) };
        if let Some(count) = self.vteps.get_mut(&originator) {
            count.routes -= 1;
            count.usable -= u32::from(old.usable);
            if count.routes == 0 {
                self.vteps.remove(&originator);
            }
        }
        (self.change(originator, before), Some(old.origin))
    }

    /// The VTEPs that asked for the frames, in order, each with whether it gets them.
    pub(crate) fn vteps(&self) -> impl Iterator<Item = (IpAddr, bool)> + '_ {
        self.vteps_after(None)
    }

    /// The VTEPs behind `after`, as [`vteps`](Self::vteps) gives all of them.
    pub(crate) fn vteps_after(&self, after: Option<IpAddr>) -> impl Iterator<Item = (IpAddr, bool)> + '_ {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.vteps.range((from, Bound::Unbounded)).map(|(&vtep, count)| (vtep, count.usable > 0))
    }

    /// Whether a VTEP gets the frames; `None` if it did not ask for them.
    pub(crate) fn find(&self, vtep: IpAddr) -> Option<bool> {
        self.vteps.get(&vtep).map(|count| count.usable > 0)
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
        self.vteps.get(&vtep).is_some_and(|count| count.usable > 0)
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
