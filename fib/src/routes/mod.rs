//! The kernel's way to the next hops of BGP paths.
//!
//! [`Routes`] holds the routes of the main table as the kernel tells of them ([`RouteEvent`]), and the next hops
//! that somebody wants to know about. [`Routes::poll`] says of each how it resolves, once at first and then
//! whenever that has changed. A route that comes or goes has only the next hops within its prefix looked at again.
//!
//! It is pure; [`RouteWatch`](crate::netlink::RouteWatch) brings the events. Not here: routes that linnet itself
//! would put into the kernel, other tables than main, and the rules that choose between tables.

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use smallvec::SmallVec;

use crate::row::IfIndex;

use table::Table;

/// A route of the main table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where it leads; no bit of a host's set.
    pub prefix: IpNet,
    /// Among routes to the same prefix the lowest is used. `ip route` calls it the metric.
    pub priority: u32,
    /// The ways that it has, side by side; never none.
    pub hops: SmallVec<[Hop; 1]>,
}

/// One of a route's ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// What happens to packets that take it.
    pub kind: HopKind,
    /// The device that they leave by. `None` where the kernel names none.
    pub device: Option<IfIndex>,
    /// The router that they go to. `None` on a link.
    pub gateway: Option<IpAddr>,
}

/// What happens to packets that take a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HopKind {
    /// They are sent on, while the device is up.
    Forwards,
    /// They are dropped: a blackhole, unreachable, prohibit or throw route.
    Refuses,
    /// linnet made the route from what BGP says, so it proves nothing to BGP.
    Ours,
}

/// News of the kernel's routes and of the devices that they lead over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteEvent {
    /// Every device and route is told of afresh from here on.
    Begin,
    /// All have been told of.
    Complete,
    /// A route is there.
    Seen {
        /// It.
        route: Route,
        /// It took the place of what had its prefix and priority; otherwise its ways are further ones.
        replaces: bool,
    },
    /// A route, or some of its ways, is no longer there.
    Gone(Route),
    /// A device is such.
    Device {
        /// Which.
        index: IfIndex,
        /// It is there, is up and has a carrier.
        up: bool,
    },
}

/// How a next hop resolves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It is on a link of this node, or behind a gateway.
    Resolved {
        /// The priority of the route that says so.
        metric: u32,
    },
    /// The kernel has no way to it.
    Unresolved,
}

/// The kernel's routes, and the next hops that are tracked.
#[derive(Debug)]
pub struct Routes {
    via_default: bool,
    /// What holds; `None` until the kernel's tables have been seen whole for the first time.
    current: Option<Table>,
    /// What has been told of since [`RouteEvent::Begin`].
    fresh: Option<Table>,
    /// Each with what was last said of it.
    tracked: BTreeMap<IpAddr, Option<Resolution>>,
    /// Those to be looked at.
    dirty: BTreeSet<IpAddr>,
}

impl Routes {
    /// Nothing is known yet. `via_default`: a default route is a way to a next hop, too.
    pub fn new(via_default: bool) -> Routes {
        Routes { via_default, current: None, fresh: None, tracked: BTreeMap::new(), dirty: BTreeSet::new() }
    }

    /// Takes news from the kernel.
    pub fn handle(&mut self, event: RouteEvent) {
        match event {
            RouteEvent::Begin => self.fresh = Some(Table::default()),
            RouteEvent::Complete => {
                self.current = self.fresh.take().or(self.current.take());
                self.dirty.extend(self.tracked.keys());
            }
            RouteEvent::Seen { route, replaces } => {
                self.route_changes(route.prefix, |table| table.put(route, replaces));
            }
            RouteEvent::Gone(route) => self.route_changes(route.prefix, |table| table.take(&route)),
            RouteEvent::Device { index, up } => {
                // At once in what holds, too: that a device is down is not to wait for a long table.
                for table in self.current.iter_mut().chain(&mut self.fresh) {
                    if table.set_device(index, up) {
                        self.dirty.extend(self.tracked.keys());
                    }
                }
            }
        }
    }

    /// Says from now on how this next hop resolves.
    pub fn track(&mut self, address: IpAddr) {
        self.tracked.insert(address, None);
        self.dirty.insert(address);
    }

    /// No longer does.
    pub fn forget(&mut self, address: IpAddr) {
        self.tracked.remove(&address);
        self.dirty.remove(&address);
    }

    /// The next one of which there is something new to be said. Nothing is said before the kernel's tables have been
    /// seen whole.
    pub fn poll(&mut self) -> Option<(IpAddr, Resolution)> {
        let table = self.current.as_ref()?;
        while let Some(address) = self.dirty.pop_first() {
            let now = table.resolve(address, self.via_default);
            let said = self.tracked.get_mut(&address).filter(|said| **said != Some(now));
            if let Some(said) = said {
                *said = Some(now);
                return Some((address, now));
            }
        }
        None
    }

    /// While everything is told of afresh, what held before holds until that is complete.
    fn route_changes(&mut self, prefix: IpNet, change: impl FnOnce(&mut Table)) {
        if let Some(fresh) = &mut self.fresh {
            change(fresh);
        } else if let Some(current) = &mut self.current {
            change(current);
            let within = self.tracked.range(prefix.network()..=prefix.broadcast());
            self.dirty.extend(within.map(|(address, _)| *address));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::table::testing::{device_up, route};
    use super::*;

    fn said(routes: &mut Routes) -> Vec<String> {
        std::iter::from_fn(|| routes.poll())
            .map(|(address, resolution)| match resolution {
                Resolution::Resolved { metric } => format!("{address} {metric}"),
                Resolution::Unresolved => format!("{address} -"),
            })
            .collect()
    }

    fn seen(text: &str) -> RouteEvent {
        RouteEvent::Seen { route: route(text), replaces: false }
    }

    fn gone(text: &str) -> RouteEvent {
        RouteEvent::Gone(route(text))
    }

    /// With two next hops, and a look at the kernel that found these routes over device 1.
    fn routes(found: &[&str]) -> Routes {
        let mut routes = Routes::new(true);
        ["10.0.0.1", "10.0.0.2"].iter().for_each(|address| routes.track(address.parse().unwrap()));
        let found = found.iter().map(|text| seen(text));
        let events = [RouteEvent::Begin, device_up(1)].into_iter().chain(found);
        events.for_each(|event| routes.handle(event));
        assert_eq!(said(&mut routes), [] as [&str; 0], "before all was seen");
        routes.handle(RouteEvent::Complete);
        routes
    }

    #[test]
    fn what_changes_is_said_and_nothing_else() {
        let mut routes = routes(&["10.0.0.0/24 1 20"]);
        assert_eq!(said(&mut routes), ["10.0.0.1 20", "10.0.0.2 20"]);
        routes.handle(seen("10.0.0.1/32 1 5"));
        assert_eq!(said(&mut routes), ["10.0.0.1 5"]);
        routes.handle(seen("10.9.0.0/16 1 5"));
        assert_eq!(said(&mut routes), [] as [&str; 0]);
        routes.handle(gone("10.0.0.0/24 1 20"));
        assert_eq!(said(&mut routes), ["10.0.0.2 -"]);
        routes.handle(RouteEvent::Device { index: IfIndex(1), up: false });
        assert_eq!(said(&mut routes), ["10.0.0.1 -"]);
    }

    #[test]
    fn a_look_afresh_replaces_all_at_once() {
        let mut routes = routes(&["10.0.0.0/24 1 20"]);
        said(&mut routes);
        for event in [RouteEvent::Begin, device_up(1), seen("10.0.0.2/32 1 0")] {
            routes.handle(event);
            assert_eq!(said(&mut routes), [] as [&str; 0]);
        }
        routes.handle(RouteEvent::Complete);
        assert_eq!(said(&mut routes), ["10.0.0.1 -", "10.0.0.2 0"]);
    }

    #[test]
    fn one_that_comes_back_is_told_of_again() {
        let mut routes = routes(&["10.0.0.0/24 1 20"]);
        said(&mut routes);
        let address = "10.0.0.1".parse().unwrap();
        routes.forget(address);
        routes.handle(seen("10.0.0.1/32 1 5"));
        assert_eq!(said(&mut routes), [] as [&str; 0]);
        routes.track(address);
        assert_eq!(said(&mut routes), ["10.0.0.1 5"]);
    }
}
