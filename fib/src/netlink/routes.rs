//! The dialect of [`Routes`](crate::Routes): routes, devices and addresses, and the kernel that speaks it.
//!
//! It has a socket of its own, for nothing here has to keep its order with the rows that [`super::Kernel`] writes, and a
//! thread of its own, so that neither waits for the other's work.

use std::io;

use netlink_sys::Socket;
use tokio::sync::mpsc;

use super::device::Devices;
use super::dialect::{Dialect, Sort};
use super::reader::Answer;
use super::wire::{self, Message};
use super::{filter, ip_address, link, neigh, on_a_thread, route, serve, socket};
use crate::op::{Action, Fault, OpId};
use crate::routes::{RouteAction, RouteDump, RouteEvent, RouteOp};

// Multicast groups, `RTNLGRP_*`.
const GROUP_IPV4_ROUTE: u32 = 7;
const GROUP_IPV6_ROUTE: u32 = 11;
const GROUPS: [u32; 5] = [
    socket::GROUP_LINK,
    socket::GROUP_IPV4_ADDRESS,
    socket::GROUP_IPV6_ADDRESS,
    GROUP_IPV4_ROUTE,
    GROUP_IPV6_ROUTE,
];

/// The routes of the network namespace in which it was opened.
#[derive(Debug)]
pub struct RouteKernel {
    socket: Socket,
}

impl RouteKernel {
    /// Opens the socket in the calling thread's network namespace. Rows of devices are heard of only where routes lead
    /// into a tunnel: `with_rows`.
    ///
    /// # Errors
    /// The kernel's. Without `CAP_NET_ADMIN` it opens, and every change is refused.
    pub fn open(with_rows: bool) -> io::Result<RouteKernel> {
        let socket = match with_rows {
            true => {
                let groups: Vec<u32> = GROUPS.into_iter().chain([socket::GROUP_NEIGH]).collect();
                socket::open(&groups, filter::own_routes_and_rows)?
            }
            false => socket::open(&GROUPS, filter::own_routes)?,
        };
        Ok(RouteKernel { socket })
    }

    /// Serves until `ops` is closed, or nobody takes events any more. It waits where `events` is full; then
    /// the socket fills up, and an overrun is noticed and healed.
    ///
    /// # Errors
    /// A socket that fails for good; one that overflowed is an event, not an error.
    pub async fn run(
        self,
        ops: mpsc::Receiver<Vec<RouteOp>>,
        events: mpsc::Sender<Vec<RouteEvent>>,
    ) -> io::Result<()> {
        on_a_thread("routes", move || serve(&self.socket, RouteDialect::default(), ops, events)).await
    }
}

/// It, with the connection by which the tunnel's device is changed, once that was needed.
#[derive(Debug, Default)]
struct RouteDialect {
    devices: Option<Devices>,
}

impl Dialect for RouteDialect {
    type Op = RouteOp;
    type Event = RouteEvent;

    fn id(op: &RouteOp) -> OpId {
        op.id
    }

    fn sort(op: &RouteOp) -> Sort {
        match &op.action {
            RouteAction::Dump(_) => Sort::Dump,
            RouteAction::Tunnel(action) if is_apart(action) => Sort::Apart,
            RouteAction::Put { .. } | RouteAction::Delete(_) | RouteAction::Tunnel(_) => Sort::Plain,
        }
    }

    fn put(op: &RouteOp, out: &mut Vec<u8>) {
        match &op.action {
            RouteAction::Dump(RouteDump::Devices) => link::put_dump(out, op.id.0),
            RouteAction::Dump(RouteDump::Addresses) => ip_address::put_dump(out, op.id.0),
            RouteAction::Dump(RouteDump::Rows(table, device)) => {
                neigh::put_dump_of(out, op.id.0, *table, *device);
            }
            RouteAction::Tunnel(action) => neigh::put_action(out, op.id.0, action),
            action => route::put(out, op.id, action),
        }
    }

    fn event(message: Message<'_>) -> Option<RouteEvent> {
        let payload = message.payload;
        match message.kind {
            route::NEW => route::parse(payload).map(|route| RouteEvent::Seen {
                route,
                replaces: message.flags & wire::REPLACE != 0,
                // What was asked for comes as parts of one answer, what happens comes alone.
                listed: message.flags & wire::MULTI != 0,
            }),
            route::DELETE => route::parse(payload).map(RouteEvent::Gone),
            ip_address::NEW => {
                ip_address::parse(payload).map(|(index, address)| RouteEvent::AddressSeen(index, address))
            }
            ip_address::DELETE => {
                ip_address::parse(payload).map(|(index, address)| RouteEvent::AddressGone(index, address))
            }
            link::NEW => link::parse(payload).map(|link| RouteEvent::DeviceSeen {
                index: link.index,
                name: link.name.into(),
                up: link.up,
                carrier: link.carrier,
                mtu: link::mtu(payload).unwrap_or_default(),
                tunnel: link::is_tunnel(payload).then_some(link.mac),
            }),
            neigh::NEW => neigh::parse(payload).map(RouteEvent::RowSeen),
            neigh::DELETE => neigh::parse(payload).map(RouteEvent::RowGone),
            link::DELETE => link::parse_gone(payload).map(RouteEvent::DeviceGone),
            _ => None,
        }
    }

    fn overrun() -> RouteEvent {
        RouteEvent::Overrun
    }

    async fn do_apart(&mut self, op: &RouteOp) -> Option<RouteEvent> {
        let RouteAction::Tunnel(action) = &op.action else { return None };
        let fault = self.change(action).await.err()?;
        Some(RouteEvent::Failed { id: op.id, fault })
    }
}

impl RouteDialect {
    async fn change(&mut self, action: &Action) -> Result<(), Fault> {
        let devices = match self.devices.take() {
            Some(devices) => devices,
            None => {
                Devices::open().map_err(|error| Fault { errno: 0, text: Some(error.to_string().into()) })?
            }
        };
        self.devices.insert(devices).change(action).await
    }
}

/// Whether it is about a device, and no message of ours.
fn is_apart(action: &Action) -> bool {
    matches!(action, Action::CreateTunnel(_) | Action::Remove { .. })
}

impl From<Answer> for RouteEvent {
    fn from(answer: Answer) -> RouteEvent {
        match answer {
            Answer::Done(id) => RouteEvent::Done(id),
            Answer::Failed { id, fault } => RouteEvent::Failed { id, fault },
            Answer::DumpEnd { id, intact } => RouteEvent::DumpEnd { id, intact },
        }
    }
}
