//! The routes of a node's kernel: fib's own fake of the tables, behind a socket as narrow as the other.

use std::collections::VecDeque;
use std::net::IpAddr;

use fib::routes::fake::FakeRoutes;
use fib::routes::{Hop, Hops, MAIN, Route, RouteAction, RouteEvent, RouteKind, RouteOp};
use fib::{CREDIT, IfIndex};
use ipnet::{IpNet, Ipv4Net};

use super::socket::{NARROW, Socket, WIDE};
use crate::clock::Task;
use crate::net::Shared;
use crate::peer::ip;

/// The link that all nodes are on.
const LINK: IfIndex = IfIndex(1);
const LINK_NAME: &str = "eth0";
/// The metric and the protocol id of linnet's routes, as the configuration has them unless told otherwise.
const METRIC: u32 = 50;
const OURS: u8 = 108;
/// A stranger's: `RTPROT_STATIC`.
const STRANGERS: u8 = 4;

const ENOMEM: i32 = 12;

/// The routes of a node's kernel.
#[derive(Debug)]
pub(crate) struct RouteTables {
    node: usize,
    net: Shared,
    pub(crate) fake: FakeRoutes,
    socket: Option<Socket<RouteEvent>>,
    ops: VecDeque<Vec<RouteOp>>,
    /// One op in so many is refused.
    pub(crate) refuses: Option<usize>,
    /// How many ops it was asked for, to look at something aside.
    pub(crate) asked: u64,
}

impl RouteTables {
    pub(crate) fn new(node: usize, net: &Shared) -> RouteTables {
        let mut fake = FakeRoutes::default();
        fake.add_device(LINK, LINK_NAME, &[address(node)]);
        let net = Shared::clone(net);
        RouteTables { node, net, fake, socket: None, ops: VecDeque::new(), refuses: None, asked: 0 }
    }

    /// A daemon opens its socket.
    pub(crate) fn open(&mut self) {
        while self.fake.poll_event().is_some() {}
        self.socket = Some(Socket::new(RouteEvent::Overrun));
    }

    /// The daemon is gone; the routes stay.
    pub(crate) fn close(&mut self) {
        self.socket = None;
        self.ops.clear();
    }

    /// The daemon dies while it writes: of the batch that it was at, some got through.
    pub(crate) fn cut_off(&mut self) {
        let Some(ops) = self.ops.pop_front() else { return };
        let count = self.net.borrow_mut().clock.rng.between(0, ops.len());
        let ops = ops.iter().take(count).filter(|op| !matches!(op.action, RouteAction::Dump(_)));
        ops.for_each(|op| self.fake.apply(op));
    }

    /// Makes the socket hold little, or much again.
    pub(crate) fn narrow(&mut self, narrow: bool) {
        if let Some(socket) = &mut self.socket {
            socket.limit = if narrow { NARROW } else { WIDE };
        }
    }

    /// Takes a batch of ops. Their credit must have left room.
    pub(crate) fn give(&mut self, ops: Vec<RouteOp>) {
        let waiting: usize = self.ops.iter().map(Vec::len).sum();
        assert!(waiting + ops.len() <= CREDIT, "more ops on routes than credit");
        self.asked += ops.iter().filter(|op| !matches!(op.action, RouteAction::Dump(_))).count() as u64;
        self.ops.push_back(ops);
        self.net.borrow_mut().clock.wake(Task::Routes(self.node));
    }

    /// Whether nothing is to be done, told or heard. To be asked after a turn.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.ops.is_empty() && self.socket.as_ref().is_none_or(Socket::is_empty)
    }

    /// Works for a while, and gives what there is to read, if the reader has room.
    pub(crate) fn turn(&mut self, has_room: bool) -> Option<Vec<RouteEvent>> {
        self.publish(false);
        for op in self.ops.pop_front().into_iter().flatten() {
            let is_dump = matches!(op.action, RouteAction::Dump(_));
            if !is_dump && self.is_refused() {
                self.fake.refusals.push_back(ENOMEM);
            }
            self.fake.apply(&op);
            self.publish(is_dump);
        }
        let most = self.net.borrow_mut().clock.rng.between(1, 20);
        let events = self.socket.as_mut().filter(|_| has_room).map(|socket| socket.take(most));
        let reads = has_room && self.socket.as_ref().is_some_and(|socket| !socket.is_empty());
        if reads || !self.ops.is_empty() {
            self.net.borrow_mut().clock.wake(Task::Routes(self.node));
        }
        events.filter(|events| !events.is_empty())
    }

    fn is_refused(&mut self) -> bool {
        let Some(n) = self.refuses else { return false };
        let net = &mut *self.net.borrow_mut();
        let refuses = net.clock.rng.one_in(n);
        if refuses {
            net.seen.count("the kernel refuses a route");
        }
        refuses
    }

    fn publish(&mut self, is_dump: bool) {
        while let Some(event) = self.fake.poll_event() {
            let Some(socket) = &mut self.socket else { continue };
            let before = socket.overruns;
            if is_dump {
                socket.push_dumped(event);
            } else {
                socket.push(event);
            }
            if socket.overruns > before {
                self.net.borrow_mut().seen.count("news of routes overruns the socket");
            }
        }
    }

    /// The link goes down or comes up, with the kernel's own route to it.
    pub(crate) fn set_up(&mut self, up: bool) {
        if self.fake.is_up(LINK) == up {
            return;
        }
        self.fake.set_up(LINK, up);
        match (up, self.fake.is_up(LINK)) {
            (true, true) => self.fake.add_link_route(LINK, address(self.node)),
            // It had been removed.
            (true, false) => self.fake.add_device(LINK, LINK_NAME, &[address(self.node)]),
            (false, _) => {}
        }
    }

    /// The link's device is removed. To be made anew by [`RouteTables::set_up`].
    pub(crate) fn remove_link(&mut self) {
        self.fake.remove_device(LINK);
    }

    /// A stranger deletes a route of linnet's, the `n`th. Says whether there was any.
    pub(crate) fn delete_ours(&mut self, n: usize) -> bool {
        let ours: Vec<IpNet> = self.fake.routes().filter(is_ours).map(|route| route.prefix).collect();
        let Some(n) = n.checked_rem(ours.len()) else { return false };
        self.fake.take(ours[n], METRIC, OURS);
        true
    }

    /// A stranger puts a route of his own into the place of one that linnet may want.
    pub(crate) fn take_place(&mut self, prefix: IpNet) -> bool {
        let is_free = !self.fake.routes().any(|route| route.prefix == prefix && route.metric == METRIC);
        let free = is_free && self.is_at_rest() && self.fake.is_up(LINK);
        if free {
            let hops = Hops::from_iter([Hop::via(LINK, IpAddr::from([10, 0, 0, 254]))]);
            let (table, metric, protocol, kind) = (MAIN, METRIC, STRANGERS, RouteKind::Unicast);
            self.fake.put(Route { table, prefix, metric, protocol, kind, hops });
        }
        free
    }

    /// He takes it away again.
    pub(crate) fn leave_place(&mut self, prefix: IpNet) {
        self.fake.take(prefix, METRIC, STRANGERS);
    }

    /// What is linnet's, a line each.
    pub(crate) fn lines(&self) -> std::collections::BTreeSet<String> {
        let hop = |hop: &Hop| hop.gateway.map(|to| to.to_string()).unwrap_or_default();
        let line = |route: &Route| {
            let hops: Vec<String> = route.hops.iter().map(hop).collect();
            format!("{} by {}", route.prefix, hops.join(" and "))
        };
        self.fake.routes().filter(is_ours).map(line).collect()
    }
}

fn is_ours(route: &&Route) -> bool {
    route.protocol == OURS
}

/// A node's address on the link.
fn address(node: usize) -> IpNet {
    let IpAddr::V4(address) = ip(node) else { unreachable!("nodes have IPv4 addresses") };
    Ipv4Net::new(address, 16).expect("a length").into()
}
