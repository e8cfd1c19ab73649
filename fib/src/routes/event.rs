//! The border with the kernel: what it has of routes, devices and addresses, and what is asked of it.

use std::net::IpAddr;
use std::sync::Arc;

use bgp::types::Mac;
use ipnet::IpNet;
use smallvec::SmallVec;

use super::ways::Ways;
use crate::op::{self, Action, Fault, OpId};
use crate::row::{IfIndex, Row};

/// A route of one of the kernel's tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The table, as `ip route` numbers them; 254 is `main`.
    pub table: u32,
    /// Where it leads; no bit of a host's set.
    pub prefix: IpNet,
    /// Among routes to the same prefix the lowest is used.
    pub metric: u32,
    /// Who made it (`RTPROT_*`; /etc/iproute2/rt_protos gives them names).
    pub protocol: u8,
    /// What happens to packets that take it.
    pub kind: RouteKind,
    /// The ways that it has, side by side; never none.
    pub hops: Hops,
}

/// A route's ways, side by side.
pub type Hops = SmallVec<[Hop; 1]>;

/// One of a route's ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    /// The device that packets leave by. `None` where the kernel names none.
    pub device: Option<IfIndex>,
    /// The router that they go to. `None` on a link.
    pub gateway: Option<IpAddr>,
    /// The router is on the link though no route says so.
    pub onlink: bool,
    /// Its share of the traffic among the ways of its route, less one: as the kernel writes it.
    pub weight: u8,
}

impl Hop {
    /// A way over a device to a router.
    pub fn via(device: IfIndex, gateway: IpAddr) -> Hop {
        Hop { device: Some(device), gateway: Some(gateway), onlink: false, weight: 0 }
    }
}

/// What happens to packets that take a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// They are sent on, while the device is up.
    Unicast,
    /// They are dropped in silence.
    Blackhole,
    /// They are refused in another way: an unreachable, prohibit or throw route.
    Refuses,
}

/// News of the kernel's routes, of the devices that they lead over, and of this node's addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteEvent {
    /// A route is there.
    Seen {
        /// It.
        route: Route,
        /// It took the place of what had its prefix and metric; otherwise its ways are further ones.
        replaces: bool,
        /// It is part of the answer to a dump.
        listed: bool,
    },
    /// A route, or some of its ways, is no longer there.
    Gone(Route),
    /// A device is there, or changed.
    DeviceSeen {
        /// Which.
        index: IfIndex,
        /// Its name.
        name: Box<str>,
        /// Administratively up.
        up: bool,
        /// Has a carrier.
        carrier: bool,
        /// Octets in the largest packet that it carries.
        mtu: u32,
        /// It is the fallback tunnel's, made by this run or another, and has this MAC.
        tunnel: Option<Mac>,
    },
    /// A device is no longer there.
    DeviceGone(IfIndex),
    /// The node has an address, on a link with this prefix.
    AddressSeen(IfIndex, IpNet),
    /// It has it no longer.
    AddressGone(IfIndex, IpNet),
    /// A row of some device is there, or changed.
    RowSeen(Row),
    /// A row of some device is no longer there.
    RowGone(Row),
    /// The kernel refused an op.
    Failed {
        /// Which.
        id: OpId,
        /// Why.
        fault: Fault,
    },
    /// Every op up to and including this one is over; those that did not fail were accepted.
    Done(OpId),
    /// A dump is complete.
    DumpEnd {
        /// The op that asked for it.
        id: OpId,
        /// `false`: the kernel says that its table changed meanwhile and rows may be missing.
        intact: bool,
    },
    /// The kernel had more to say than the socket could hold: news is lost.
    Overrun,
}

/// One change to make, or one question to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteOp {
    /// By which the answer names it.
    pub id: OpId,
    /// What to do.
    pub action: RouteAction,
}

/// What an op does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteAction {
    /// Puts a route in.
    Put {
        /// Which.
        key: RouteKey,
        /// Its ways.
        ways: Arc<Ways>,
        /// In the place of ours with the same key; otherwise it must fail if there is any.
        replace: bool,
    },
    /// Takes a route with our protocol away.
    Delete(RouteKey),
    /// Changes the fallback tunnel: its device, or a row of it.
    Tunnel(Box<Action>),
    /// Asks for all that the kernel has of something. Answered by that and [`RouteEvent::DumpEnd`].
    Dump(RouteDump),
}

/// What tells one of our routes from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteKey {
    /// Where it leads.
    pub prefix: IpNet,
    /// Its table.
    pub table: u32,
    /// Its metric, as the kernel reports it.
    pub metric: u32,
    /// Ours.
    pub protocol: u8,
}

impl RouteKey {
    /// What tells this route from others.
    pub(super) fn of(route: &Route) -> RouteKey {
        let Route { prefix, table, metric, protocol, .. } = *route;
        RouteKey { prefix, table, metric, protocol }
    }
}

/// What to dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RouteDump {
    /// Devices.
    Devices,
    /// This node's addresses, of both families.
    Addresses,
    /// One table's routes of one family.
    Routes {
        /// IPv4, otherwise IPv6.
        ipv4: bool,
        /// The table.
        table: u32,
    },
    /// The rows that a device has in a table.
    Rows(op::Table, IfIndex),
}
