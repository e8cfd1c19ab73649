//! The routes' reconciler against the fake kernel, case by case.

use super::*;
use crate::row::IfIndex;
use smallvec::SmallVec;

/// `PREFIX [via ADDRESS] [dev DEVICE] [metric M] [proto P] [table T] [onlink] [blackhole]`; several ways are joined
/// with `+`.
pub(super) fn route(text: &str) -> Route {
    let mut words = text.split(' ');
    let prefix = words.next().unwrap().parse().unwrap();
    let (mut metric, mut protocol, mut table, mut kind) = (0, 4, MAIN, RouteKind::Unicast);
    let blank = Hop { device: None, gateway: None, onlink: false, weight: 0 };
    let mut hops: Hops = SmallVec::from_iter([blank]);
    while let Some(word) = words.next() {
        let hop = hops.last_mut().unwrap();
        let mut number = || words.next().unwrap().parse().unwrap();
        match word {
            "via" => hop.gateway = words.next().unwrap().parse().ok(),
            "dev" => hop.device = Some(IfIndex(number())),
            "metric" => metric = number(),
            "proto" => protocol = number() as u8,
            "table" => table = number(),
            "onlink" => hop.onlink = true,
            "blackhole" => kind = RouteKind::Blackhole,
            "+" => hops.push(blank),
            other => panic!("{other}"),
        }
    }
    Route { table, prefix, metric, protocol, kind, hops }
}

mod audit;
mod cases;
mod fallback;
mod model;
mod reconfigure;

use super::fake::{FakeRoutes, installing};
use bgp::types::Mac;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Its routes are taken over.
const BIRD: u8 = 12;
const D1: IfIndex = IfIndex(1);
const D2: IfIndex = IfIndex(2);
/// The links of the two devices.
const LINKS: [[&str; 2]; 2] = [["10.1.0.1/24", "fd01::1/64"], ["10.2.0.1/24", "fd02::1/64"]];

/// A reconciler, a kernel with two devices, and what is on its way between them.
pub(super) struct World {
    pub(super) routes: Routes,
    pub(super) kernel: FakeRoutes,
    pub(super) now: Instant,
    under_way: VecDeque<RouteOp>,
    /// Each prefix as it was shown to somebody who follows the changes.
    pub(super) shown: BTreeMap<IpNet, RouteStatus>,
    pub(super) ops: usize,
}

impl World {
    pub(super) fn new() -> World {
        World::with(FakeRoutes::default())
    }

    pub(super) fn with(kernel: FakeRoutes) -> World {
        World::configured(kernel, installing())
    }

    pub(super) fn configured(mut kernel: FakeRoutes, config: RoutesConfig) -> World {
        for (device, links) in [D1, D2].into_iter().zip(LINKS) {
            kernel.add_device(device, &format!("d{}", device.0), &links.map(|link| link.parse().unwrap()));
        }
        while kernel.poll_event().is_some() {}
        kernel.yields = Some(BIRD);
        let config = RoutesConfig { take_over: [BIRD].into(), ..config };
        let (mut routes, now) = (Routes::new(config, 1), Instant::now());
        routes.feed().set(true);
        World { routes, kernel, now, under_way: VecDeque::new(), shown: BTreeMap::new(), ops: 0 }
    }

    /// With this in the kernel, which was there before.
    pub(super) fn found(found: &[&str]) -> World {
        let mut kernel = FakeRoutes::default();
        found.iter().for_each(|text| kernel.put(route(text)));
        World::with(kernel)
    }

    pub(super) fn want(&mut self, prefix: &str, hops: &[&str]) {
        self.routes.want(prefix.parse().unwrap(), Some(wanted(hops)));
    }

    pub(super) fn unwant(&mut self, prefix: &str) {
        self.routes.want(prefix.parse().unwrap(), None);
    }

    pub(super) fn status(&self, prefix: &str) -> Option<RouteStatus> {
        self.routes.status(&prefix.parse().unwrap())
    }

    /// The reconciler hears some of the news. Says whether there was any.
    pub(super) fn hear(&mut self, most: usize) -> bool {
        let news: Vec<RouteEvent> = std::iter::from_fn(|| self.kernel.poll_event()).take(most).collect();
        let any = !news.is_empty();
        news.into_iter().for_each(|event| self.routes.handle(self.now, event));
        any
    }

    /// It gives out what ops it has, and the kernel does some of those under way.
    pub(super) fn act(&mut self, most: usize) -> bool {
        self.under_way.extend(std::iter::from_fn(|| self.routes.poll_op(self.now)));
        let count = most.min(self.under_way.len());
        self.ops += count;
        self.under_way.drain(..count).for_each(|op| self.kernel.apply(&op));
        count > 0
    }

    /// Somebody looks at what is said to have changed.
    pub(super) fn look(&mut self) {
        while let Some(prefix) = self.routes.feed().poll() {
            match self.routes.status(&prefix) {
                Some(status) => self.shown.insert(prefix, status),
                None => self.shown.remove(&prefix),
            };
        }
    }

    /// Until nothing happens any more, whatever timers there are.
    pub(super) fn rest(&mut self) {
        for _ in 0..10_000 {
            if self.act(usize::MAX) | self.hear(usize::MAX) {
                continue;
            }
            match self.routes.poll_timeout() {
                Some(due) => self.now = self.now.max(due),
                None => {
                    assert!(self.routes.is_settled());
                    return self.check_counts();
                }
            }
        }
        panic!("it does not come to rest: {:?} {:?}", self.routes.flights, self.routes.dumps);
    }

    /// Our routes in the kernel.
    pub(super) fn ours(&self) -> Vec<&Route> {
        self.kernel.routes().filter(|route| route.protocol == 108).collect()
    }
}

/// Next hops: `ADDRESS`, `ADDRESS%DEVICE`, `ADDRESS onlink`, or `ADDRESS#N` for one that decapsulates with the MAC of
/// this number; none is a blackhole.
pub(super) fn wanted(hops: &[&str]) -> WantedRoute {
    let hop = |text: &&str| {
        let (text, onlink) = text.strip_suffix(" onlink").map_or((*text, false), |text| (text, true));
        let (text, mac) = text.split_once('#').map_or((text, None), |(t, n)| (t, n.parse().ok().map(mac)));
        let (address, device) = text.split_once('%').map_or((text, None), |(a, d)| (a, d.parse().ok()));
        WantedHop { address: address.parse().unwrap(), device: device.map(IfIndex), onlink, mac }
    };
    match hops {
        [] => WantedRoute::Blackhole,
        hops => WantedRoute::Via(hops.iter().map(hop).collect()),
    }
}

fn mac(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, number])
}

/// Longer than any wait here.
const LONG: Duration = Duration::from_secs(60);
