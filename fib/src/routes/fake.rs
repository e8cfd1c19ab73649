//! A kernel to test routes against: devices and tables as plain maps, with the real one's traps.
//!
//! It stands for the kernel AND the driver: ops go in, events come out in the order in which things happened, and the
//! echo of our own writing is dropped as the driver's filter does. What the real kernel does was tried on Linux 6.18;
//! each oddity says so where it is.

mod tunnel;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use ipnet::IpNet;

use super::event::{Hop, Hops, Route, RouteAction, RouteDump, RouteEvent, RouteKey, RouteKind, RouteOp};
use super::ways::Ways;
use super::{MAIN, RoutesConfig};
use crate::config::PROTOCOL;
use crate::op::Fault;
use crate::row::IfIndex;

use tunnel::FakeTunnels;

const ESRCH: i32 = 3;
const EEXIST: i32 = 17;
const ENETDOWN: i32 = 100;
const ENETUNREACH: i32 = 101;
const EHOSTUNREACH: i32 = 113;

/// A route's place: table, prefix, metric.
type Place = (u32, IpNet, u32);

/// The kernel.
#[derive(Debug, Default)]
pub struct FakeRoutes {
    /// The errors that the next ops on routes are refused with.
    pub refusals: VecDeque<i32>,
    /// How many routes of others an op has deleted or replaced.
    pub harmed: usize,
    /// Routes of this protocol may be deleted and replaced.
    pub yields: Option<u8>,
    /// How often an op has left a route that leads into the tunnel and on to nowhere.
    pub blind: usize,
    tunnels: FakeTunnels,
    devices: BTreeMap<IfIndex, (Box<str>, bool)>,
    /// At each place the routes that stand there, the first of which is used.
    routes: BTreeMap<Place, Vec<Route>>,
    addresses: Vec<(IfIndex, IpNet)>,
    events: VecDeque<RouteEvent>,
}

impl FakeRoutes {
    /// Makes a device, up, with its own routes to these links.
    pub fn add_device(&mut self, index: IfIndex, name: &str, links: &[IpNet]) {
        self.devices.insert(index, (name.into(), true));
        self.tell_device(index);
        for link in links {
            self.addresses.push((index, *link));
            self.events.push_back(RouteEvent::AddressSeen(index, *link));
            self.add_link_route(index, *link);
        }
    }

    /// The route to a link, which the kernel makes itself.
    pub fn add_link_route(&mut self, index: IfIndex, link: IpNet) {
        let (prefix, metric) = (link.trunc(), if link.addr().is_ipv4() { 0 } else { 256 });
        let hop = Hop { device: Some(index), gateway: None, onlink: false, weight: 0 };
        let hops = Hops::from_iter([hop]);
        let kind = RouteKind::Unicast;
        self.put(Route { table: MAIN, prefix, metric, protocol: 2, kind, hops });
    }

    /// Sets a device up or down. With it go the routes that have no other way: those of IPv4 in silence.
    pub fn set_up(&mut self, index: IfIndex, up: bool) {
        let Some((_, is_up)) = self.devices.get_mut(&index) else { return };
        *is_up = up;
        self.tell_device(index);
        if !up {
            self.flush_rows(index, false);
            let devices = self.devices.clone();
            let is_dead =
                |hop: &Hop| hop.device.is_some_and(|device| devices.get(&device).is_none_or(|(_, up)| !up));
            self.flush(|route| {
                route.kind == RouteKind::Unicast
                    && route.hops.iter().any(|hop| hop.device == Some(index))
                    && route.hops.iter().all(is_dead)
            });
        }
    }

    /// Removes a device. IPv4 routes go with any of their ways, those of IPv6 lose the way.
    pub fn remove_device(&mut self, index: IfIndex) {
        self.set_up(index, false);
        let is_on = |hop: &Hop| hop.device == Some(index);
        self.flush(|route| matches!(route.prefix, IpNet::V4(_)) && route.hops.iter().any(is_on));
        for route in self.routes.values_mut().flatten() {
            if route.hops.iter().any(is_on) {
                let (gone, left) = route.hops.iter().copied().partition(is_on);
                route.hops = left;
                self.events.push_back(RouteEvent::Gone(Route { hops: gone, ..route.clone() }));
            }
        }
        self.flush_rows(index, true);
        self.devices.remove(&index);
        self.addresses.retain(|(device, _)| *device != index);
        self.events.push_back(RouteEvent::DeviceGone(index));
    }

    fn tell_device(&mut self, index: IfIndex) {
        if let Some((name, up)) = self.devices.get(&index).cloned() {
            let tunnel = self.tunnels.mac(index);
            self.events.push_back(RouteEvent::DeviceSeen { index, name, up, carrier: up, mtu: 1500, tunnel });
        }
    }

    fn flush(&mut self, goes: impl Fn(&Route) -> bool) {
        for routes in self.routes.values_mut() {
            let gone: Vec<Route> = routes.iter().filter(|route| goes(route)).cloned().collect();
            routes.retain(|route| !goes(route));
            let told = gone.into_iter().filter(|route| matches!(route.prefix, IpNet::V6(_)));
            self.events.extend(told.map(RouteEvent::Gone));
        }
        self.routes.retain(|_, routes| !routes.is_empty());
    }

    /// Anybody but us puts a route in, in the place of what is there (`ip route replace`).
    pub fn put(&mut self, route: Route) {
        let there = self.routes.entry(place_of(&route)).or_default();
        let replaces = !there.is_empty();
        match there.first_mut() {
            Some(first) => *first = route.clone(),
            None => there.push(route.clone()),
        }
        self.events.push_back(RouteEvent::Seen { route, replaces, listed: false });
    }

    /// Anybody takes a route away, if it is there.
    pub fn take(&mut self, prefix: IpNet, metric: u32, protocol: u8) {
        let place = (MAIN, prefix, metric);
        let Some(there) = self.routes.get_mut(&place) else { return };
        if let Some(index) = there.iter().position(|route| route.protocol == protocol) {
            let route = there.remove(index);
            self.events.push_back(RouteEvent::Gone(route));
        }
        self.routes.retain(|_, routes| !routes.is_empty());
    }

    /// The routes, in order.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.values().flatten()
    }

    /// Whether a device is there and up.
    pub fn is_up(&self, index: IfIndex) -> bool {
        self.devices.get(&index).is_some_and(|(_, up)| *up)
    }

    /// Loses all news that was not taken yet.
    pub fn overrun(&mut self) {
        self.events.clear();
        self.events.push_back(RouteEvent::Overrun);
    }

    /// The next news.
    pub fn poll_event(&mut self) -> Option<RouteEvent> {
        self.events.pop_front()
    }

    /// Does what an op says, and answers it.
    pub fn apply(&mut self, op: &RouteOp) {
        if let RouteAction::Dump(dump) = op.action {
            self.dump(dump);
            return self.events.push_back(RouteEvent::DumpEnd { id: op.id, intact: true });
        }
        let result = match self.refusals.pop_front() {
            Some(errno) => self.refuse(&op.action, errno),
            None => self.act(&op.action),
        };
        if let Err(errno) = result {
            self.events.push_back(RouteEvent::Failed { id: op.id, fault: Fault::errno(errno) });
        }
        self.events.push_back(RouteEvent::Done(op.id));
    }

    /// IPv6 has taken the old ways out by the time that it finds fault with one of the new.
    fn refuse(&mut self, action: &RouteAction, errno: i32) -> Result<(), i32> {
        if let RouteAction::Put { key, replace: true, .. } = action
            && matches!(key.prefix, IpNet::V6(_))
        {
            self.harmed += self.others_at(key);
            self.routes.remove(&(key.table, key.prefix, key.metric));
        }
        Err(errno)
    }

    fn act(&mut self, action: &RouteAction) -> Result<(), i32> {
        match action {
            RouteAction::Put { key, ways, replace } => self.put_ours(key, ways, *replace),
            RouteAction::Delete(key) => self.delete(key),
            RouteAction::Tunnel(action) => self.act_on_tunnel(action),
            RouteAction::Dump(_) => Ok(()),
        }
    }

    fn put_ours(&mut self, key: &RouteKey, ways: &Ways, replace: bool) -> Result<(), i32> {
        let hop = Hop { device: None, gateway: None, onlink: false, weight: 0 };
        let (kind, hops) = match ways {
            Ways::Via(hops) => (RouteKind::Unicast, hops.clone()),
            _ => (RouteKind::Blackhole, Hops::from_iter([hop])),
        };
        if kind == RouteKind::Unicast {
            hops.iter().try_for_each(|hop| self.check(hop))?;
            self.blind += hops.iter().filter(|hop| self.is_blind(hop)).count();
        }
        let RouteKey { prefix, table, metric, protocol } = *key;
        if replace {
            self.harmed += self.others_at(key);
        }
        let there = self.routes.entry((table, prefix, metric)).or_default();
        let route = Route { table, prefix, metric, protocol, kind, hops };
        match there.first_mut() {
            Some(_) if !replace => return Err(EEXIST),
            Some(first) => *first = route,
            None => there.push(route),
        }
        Ok(())
    }

    /// The router must be on the link of a device that is up.
    fn check(&self, hop: &Hop) -> Result<(), i32> {
        let device = hop.device.filter(|device| self.is_up(*device)).ok_or(ENETDOWN)?;
        let is_link_local = matches!(hop.gateway, Some(IpAddr::V6(ip)) if ip.is_unicast_link_local());
        let is_on_link = |route: &Route| {
            let on = |way: &Hop| way.device == Some(device) && way.gateway.is_none();
            hop.gateway.is_some_and(|to| route.prefix.contains(&to)) && route.hops.iter().any(on)
        };
        if hop.onlink || is_link_local {
            return Ok(());
        }
        if hop.gateway.is_some_and(|to| self.is_hidden(to)) {
            return Err(EHOSTUNREACH);
        }
        self.routes().any(is_on_link).then_some(()).ok_or(ENETUNREACH)
    }

    /// IPv6 finds a router by whatever route is the best to it, and that must not lead through another one.
    fn is_hidden(&self, router: IpAddr) -> bool {
        let covering = self.routes().filter(|route| route.table == MAIN && route.prefix.contains(&router));
        let best = covering.max_by_key(|route| (route.prefix.prefix_len(), std::cmp::Reverse(route.metric)));
        router.is_ipv6() && best.is_some_and(|route| route.hops.iter().any(|hop| hop.gateway.is_some()))
    }

    fn others_at(&self, key: &RouteKey) -> usize {
        let there = self.routes.get(&(key.table, key.prefix, key.metric));
        let first = there.and_then(|there| there.first());
        let is_harm = |route: &Route| route.protocol != key.protocol && Some(route.protocol) != self.yields;
        usize::from(first.is_some_and(is_harm))
    }

    fn delete(&mut self, key: &RouteKey) -> Result<(), i32> {
        self.harmed += usize::from(key.protocol != PROTOCOL && Some(key.protocol) != self.yields);
        let there = self.routes.get_mut(&(key.table, key.prefix, key.metric)).ok_or(ESRCH)?;
        let index = there.iter().position(|route| route.protocol == key.protocol).ok_or(ESRCH)?;
        there.remove(index);
        self.routes.retain(|_, routes| !routes.is_empty());
        Ok(())
    }

    fn dump(&mut self, dump: RouteDump) {
        match dump {
            RouteDump::Devices => {
                let indices: Vec<IfIndex> = self.devices.keys().copied().collect();
                indices.into_iter().for_each(|index| self.tell_device(index));
            }
            RouteDump::Addresses => {
                let addresses = self.addresses.iter();
                self.events.extend(addresses.map(|(index, net)| RouteEvent::AddressSeen(*index, *net)));
            }
            RouteDump::Routes { ipv4, table } => {
                let listed = self.routes.values().flatten();
                let listed = listed.filter(|r| r.table == table && matches!(r.prefix, IpNet::V4(_)) == ipv4);
                let seen =
                    listed.cloned().map(|route| RouteEvent::Seen { route, replaces: false, listed: true });
                self.events.extend(seen);
            }
            RouteDump::Rows(table, device) => self.dump_rows(table, device),
        }
    }
}

fn place_of(route: &Route) -> Place {
    (route.table, route.prefix, route.metric)
}

/// A configuration that puts routes in.
pub fn installing() -> RoutesConfig {
    RoutesConfig { install: true, ..RoutesConfig::default() }
}
