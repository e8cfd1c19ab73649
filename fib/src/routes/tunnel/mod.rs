//! The fallback tunnel: the VXLAN device by which next hops are reached that are on no link of this node.
//!
//! A next hop that decapsulates ([`WantedHop::mac`](super::WantedHop)) is its own VTEP. What leads to it are three things
//! in the kernel, put in in this order and taken out in the reverse one:
//!
//! ```text
//! FDB row      MAC -> VTEP                   to which node frames for the MAC go
//! neighbour    router -> MAC                 for whom packets to the router are framed
//! route        PREFIX via router dev DEVICE
//! ```
//! The router is the next hop itself for IPv4, which the kernel is told is on the link. IPv6 refuses that where another
//! route leads there, so that the router is the link-local address which the MAC makes (RFC 4291 appendix A): it means
//! nothing but on this device.
//!
//! The rows belong to the next hop, not to the routes: they are wanted from the first route that resolves by it on, and
//! go once none does and none in the kernel is left ([`Routes::sweep_tunnel`](super::Routes)). Nobody counts; who
//! looks goes round all routes, once a second at most, and only after something has changed.
//!
//! Two next hops may have one MAC: a node with several addresses. Frames then go to the lowest of them. One next hop
//! with two MACs is a mistake, or a gateway that passes others' routes on with itself as next hop: the MAC that came
//! last counts, and it shows.
//!
//! The device is known by its alias. A former run's is taken over with the rows in it; what others have put there is
//! left, and shows where it is in the way. With no tunnel configured a former run's device goes, once no route of ours
//! leads into it.

mod link;
mod row;
mod rows;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use bgp::types::Mac;

use super::devices::Devices;
use super::event::{Hop, RouteDump};
use crate::op::{Table, TunnelDevice};
use crate::row::IfIndex;

use link::TunnelLink;
pub(super) use row::RowFlight;
use rows::Rows;
pub use rows::{TunnelRow, TunnelRowStatus};

/// Between two rounds through all routes that look for next hops which are not in use any more.
const PAUSE: Duration = Duration::from_secs(1);

/// The device, what is to be in it, and what is.
#[derive(Debug)]
pub(super) struct Tunnel {
    config: Option<TunnelDevice>,
    /// Routes are put in, or were in this run: devices with our mark are this run's to remove.
    serves: bool,
    pub(super) link: TunnelLink,
    pub(super) rows: Rows,
    /// The smallest MTU that the tunnel's packets may meet here, as it was when the device was last set right.
    underlay_mtu: Option<u32>,
    /// It may be another one.
    doubts_mtu: bool,
    /// There may be rows, or a device, that nothing needs any more.
    sweep: bool,
    /// Not before then.
    sweep_due: Option<Instant>,
}

/// A next hop at the other end of the tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Vtep {
    pub(super) address: IpAddr,
    pub(super) mac: Mac,
    /// Somebody announces it with another MAC.
    pub(super) disputed: bool,
}

/// What the resolution of next hops has to know of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mouth<'a> {
    device: Option<IfIndex>,
    config: &'a TunnelDevice,
}

impl Tunnel {
    /// None is wanted where `installs` is not set: no route is put in.
    pub(super) fn new(config: Option<TunnelDevice>, installs: bool) -> Tunnel {
        let (link, rows) = (TunnelLink::default(), Rows::default());
        Tunnel {
            config: config.filter(|_| installs),
            serves: installs,
            link,
            rows,
            underlay_mtu: None,
            doubts_mtu: false,
            sweep: false,
            sweep_due: None,
        }
    }

    pub(super) fn config(&self) -> Option<&TunnelDevice> {
        self.config.as_ref()
    }

    /// There is nothing to be looked after: none is wanted, and no former run has left one.
    pub(super) fn is_idle(&self) -> bool {
        !self.serves || self.config.is_none() && self.link.is_nothing()
    }

    /// Routes are put in from now on, or no longer are.
    pub(super) fn installs(&mut self, installs: bool) {
        self.serves |= installs;
        if !installs {
            self.end();
        }
    }

    /// None is wanted any more.
    pub(super) fn end(&mut self) {
        self.config = None;
        self.sweep_due = None;
        self.note_loss();
    }

    /// The device that is wanted, if it is there.
    pub(super) fn device(&self) -> Option<IfIndex> {
        self.link.find(&self.config.as_ref()?.name)
    }

    pub(super) fn mouth(&self) -> Option<Mouth<'_>> {
        self.config.as_ref().map(|config| Mouth { device: self.device(), config })
    }

    /// What is to be dumped to know the rows of the device.
    pub(super) fn dumps(&self) -> impl Iterator<Item = RouteDump> + use<> {
        let neighbors = match self.config.as_ref().is_some_and(TunnelDevice::is_ipv4) {
            true => Table::Neighbors4,
            false => Table::Neighbors6,
        };
        let device = self.device();
        device.into_iter().flat_map(move |device| [Table::Fdb, neighbors].map(|t| RouteDump::Rows(t, device)))
    }

    /// Devices, or their addresses, are other ones.
    pub(super) fn doubt_mtu(&mut self) {
        self.doubts_mtu |= self.config.as_ref().is_some_and(|config| config.mtu.is_none());
    }

    /// Has the device's MTU follow that of the devices its packets leave by.
    pub(super) fn follow_mtu(&mut self, now: Instant, devices: &Devices) {
        let Some(is_ipv4) = self.config.as_ref().map(TunnelDevice::is_ipv4) else { return };
        if std::mem::take(&mut self.doubts_mtu) {
            let smallest = devices.smallest_mtu(is_ipv4, self.device());
            let former = std::mem::replace(&mut self.underlay_mtu, smallest);
            if former.is_some() && former != smallest {
                self.link.set_right_again(now);
            }
        }
    }

    /// Something that led into the tunnel may do so no longer.
    pub(super) fn note_loss(&mut self) {
        self.sweep |= !self.is_idle();
    }

    /// Whether to look for what is not needed any more.
    pub(super) fn take_sweep(&mut self, now: Instant) -> bool {
        let is_due = self.sweep && self.sweep_due.is_none_or(|due| due <= now);
        if is_due {
            self.sweep = false;
            self.sweep_due = self.config.as_ref().map(|_| now + PAUSE);
        }
        is_due
    }

    /// When that is due, where it has to be waited for.
    pub(super) fn next_sweep(&self) -> Option<Instant> {
        self.sweep_due.filter(|_| self.sweep)
    }

    /// Nothing is left to do, given whether there is a device to set rows of, and whether what is left over may go.
    pub(super) fn is_settled(&self, is_usable: bool, is_released: bool) -> bool {
        !(self.sweep && is_released) && self.rows.is_settled(is_usable) && self.link.is_settled()
    }
}

impl Mouth<'_> {
    /// Whether packets to a next hop with this MAC go into it where they would leave by a gateway.
    pub(super) fn takes(&self, address: IpAddr, mac: Mac) -> bool {
        address.is_ipv4() == self.config.is_ipv4() && mac != self.config.mac && mac.is_host()
    }

    /// The way to a next hop; `None` while the device is not there.
    pub(super) fn way(&self, address: IpAddr, mac: Mac, devices: &Devices) -> Option<Hop> {
        let device = self.device.filter(|device| devices.is_usable(*device))?;
        Some(Hop { onlink: address.is_ipv4(), ..Hop::via(device, router(address, mac)) })
    }
}

/// The address by which routes and the neighbour name a next hop.
pub(super) fn router(address: IpAddr, Mac([a, b, c, d, e, f]): Mac) -> IpAddr {
    let word = |high, low| u16::from_be_bytes([high, low]);
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(_) => {
            Ipv6Addr::new(0xfe80, 0, 0, 0, word(a ^ 2, b), word(c, 0xff), word(0xfe, d), word(e, f)).into()
        }
    }
}

/// Next hops by the address that routes name them by.
pub(super) type Vteps = BTreeMap<IpAddr, Vtep>;
