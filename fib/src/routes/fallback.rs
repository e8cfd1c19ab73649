//! Routes into the fallback tunnel: what its device, its rows and the routes have to do with each other.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

use bgp::types::Mac;
use ipnet::IpNet;

use super::Routes;
use super::entry::Entry;
use super::event::{RouteAction, RouteOp};
use super::looks;
use super::settle::Flight;
use super::status::{RouteStatus, TunnelStatus};
use super::tunnel::TunnelRow;
use super::wanted::WantedHop;
use super::ways::{Id, Ways};
use crate::op::{Action, Fault, TunnelDevice};
use crate::row::{IfIndex, Row};

impl Routes {
    /// What comes before the next route: the device, and the rows of next hops that routes are to lead to.
    pub(super) fn next_of_tunnel(&mut self, now: Instant) -> Option<RouteOp> {
        if self.tunnel.is_idle() {
            return None;
        }
        self.renew_vteps();
        self.tunnel.follow_mtu(now, &self.devices);
        let wanted = self.tunnel.config().cloned();
        if let Some(action) = self.tunnel.link.next(now, wanted.as_ref()) {
            return Some(self.launch(Flight::TunnelDevice, RouteAction::Tunnel(Box::new(action))));
        }
        let device = self.usable_tunnel()?;
        let launched = self.tunnel.rows.next_set(now, device);
        launched.map(|(flight, action)| self.launch_row(Flight::TunnelRow(flight), action))
    }

    /// What comes after the last route: rows, and devices, that nothing leads into any more.
    pub(super) fn next_of_empty_tunnel(&mut self, now: Instant) -> Option<RouteOp> {
        if self.is_at_rest() && self.released && self.tunnel.take_sweep(now) {
            self.sweep_tunnel();
            if let Some(op) = self.next_of_tunnel(now) {
                return Some(op);
            }
        }
        let device = self.usable_tunnel()?;
        let launched = self.tunnel.rows.next_delete(device);
        launched.map(|(flight, action)| self.launch_row(Flight::TunnelRow(flight), action))
    }

    fn launch_row(&mut self, flight: Flight, action: Action) -> RouteOp {
        self.launch(flight, RouteAction::Tunnel(Box::new(action)))
    }

    pub(super) fn tunnel_over(&mut self, now: Instant, fault: Option<Fault>) {
        let wanted = self.tunnel.config().cloned();
        self.tunnel.link.over(now, fault, wanted.as_ref());
    }

    /// The device, where rows can be set.
    fn usable_tunnel(&self) -> Option<IfIndex> {
        self.tunnel.device().filter(|device| self.devices.is_usable(*device))
    }

    /// All routes are as they are to be, as far as that goes.
    fn is_at_rest(&self) -> bool {
        self.flights.is_empty()
            && self.dumps.is_idle()
            && self.queue.is_empty()
            && self.stray_queue.is_empty()
            && self.hand.is_done()
    }

    /// Tells the rows which next hops are reached through the tunnel now. Routes to prefixes that one of those is in
    /// are looked at again: they must not come before the way to it.
    fn renew_vteps(&mut self) {
        let Some(vteps) = self.next_hops.take_vteps() else { return };
        let moved = self.tunnel.rows.want(vteps);
        self.tunnel.note_loss();
        for prefix in moved.into_iter().flat_map(prefixes_over) {
            if let Some(place) = self.entries.find(prefix) {
                self.stirred.note(prefix);
                self.mark_dirty(place);
            }
        }
    }

    /// Goes round all routes for what leads into the tunnel still.
    fn sweep_tunnel(&mut self) {
        self.clear_away();
        self.renew_vteps();
        let (wanted, mut in_use, mut devices) = (self.tunnel.device(), BTreeSet::new(), BTreeSet::new());
        for hop in self.wants.hops() {
            devices.extend(hop.device);
            in_use.extend(hop.gateway.filter(|_| hop.device == wanted));
        }
        self.tunnel.rows.retire(&in_use);
        let is_empty =
            self.tunnel.link.unwanted(self.tunnel.config()).all(|device| !devices.contains(&device));
        self.tunnel.link.allow_removal(is_empty);
    }

    /// Whether packets that a route sends into the tunnel would come back to it: the route would come before the way
    /// to where they are wrapped to go.
    pub(super) fn is_swallowed(&self, ways: Id, prefix: &IpNet) -> bool {
        let Some(device) = self.tunnel.device() else { return false };
        let leads_in = |ways: &Ways| matches!(ways, Ways::Via(hops) if hops.iter().any(|hop| hop.device == Some(device)));
        self.wants.ways(ways).is_some_and(|ways| leads_in(ways)) && self.next_hops.leads_over(prefix)
    }

    /// A device that bears the tunnel's mark is there, or one that bears it no longer.
    pub(super) fn tunnel_seen(
        &mut self,
        now: Instant,
        index: IfIndex,
        name: &str,
        is_up: bool,
        mac: Option<Mac>,
    ) {
        let former = self.tunnel.device();
        let wanted = self.tunnel.config().cloned();
        let news = match mac {
            Some(mac) => self.tunnel.link.see(now, index, (name, mac, is_up), wanted.as_ref()),
            None => self.tunnel.link.lose(now, index, wanted.as_ref()),
        };
        if news {
            self.tunnel_changed(former);
        }
    }

    pub(super) fn tunnel_gone(&mut self, now: Instant, index: IfIndex) {
        let former = self.tunnel.device();
        let wanted = self.tunnel.config().cloned();
        if self.tunnel.link.lose(now, index, wanted.as_ref()) {
            self.tunnel_changed(former);
        }
    }

    fn tunnel_changed(&mut self, former: Option<IfIndex>) {
        self.tunnel.note_loss();
        if self.tunnel.device() == former {
            return;
        }
        self.tunnel.rows.forget();
        self.next_hops.all_changed();
        self.dumps.retain(|dump| !looks::is_of_rows(dump));
        self.dumps.look_at(self.tunnel.dumps());
        self.dumps.set_everything(looks::everything(self.tables.keys()).chain(self.tunnel.dumps()));
    }

    pub(super) fn row_seen(&mut self, now: Instant, row: &Row, present: bool) {
        let Some(device) = self.tunnel.device() else { return };
        if !present {
            self.dumps.disturb();
        }
        if self.tunnel.rows.see(now, device, row, present) {
            self.tunnel.note_loss();
        }
    }

    /// When the tunnel is to be looked at though nothing has happened.
    pub(super) fn tunnel_due(&self) -> Option<Instant> {
        if self.tunnel.is_idle() || !self.has_looked() {
            return None;
        }
        let sweep = self.tunnel.next_sweep().filter(|_| self.released && self.is_at_rest());
        let device = self.tunnel.link.next_due(self.tunnel.config());
        let rows = self.usable_tunnel().and_then(|_| self.tunnel.rows.next_due());
        [sweep, device, rows].into_iter().flatten().min()
    }

    pub(super) fn is_tunnel_settled(&self) -> bool {
        self.tunnel.is_idle() || self.tunnel.is_settled(self.usable_tunnel().is_some(), self.released)
    }

    /// Why a wanted route leads nowhere.
    pub(super) fn why_unreachable(&self, entry: &Entry) -> RouteStatus {
        let set = entry.wanted.filter(|_| self.tunnel.config().is_some());
        let hops = set.and_then(|set| self.wants.wanted(set)).map(|wanted| wanted.hops().to_vec());
        let is_through = |hop: &WantedHop| self.next_hops.target(hop).is_some_and(|target| target.tunnelled);
        match set.and_then(|set| self.wants.resolved(set)) {
            Some(ways) if self.is_swallowed(ways, &entry.prefix) => RouteStatus::Swallowed,
            None if hops.is_some_and(|hops| hops.iter().any(is_through)) => RouteStatus::NoTunnel,
            _ => RouteStatus::Unreachable,
        }
    }

    /// The tunnel as it is wanted, and how it stands; `None` where none is.
    pub fn tunnel(&self) -> Option<(&TunnelDevice, TunnelStatus)> {
        let config = self.tunnel.config()?;
        let status = match self.tunnel.link.fault() {
            Some(fault) => TunnelStatus::Failed(fault.to_string()),
            None if self.tunnel.link.is_right(self.tunnel.config()) => TunnelStatus::Programmed,
            None => TunnelStatus::Pending,
        };
        Some((config, status))
    }

    /// Whether packets from others that come through the tunnel are taken.
    pub fn decapsulates(&self) -> bool {
        self.usable_tunnel().is_some() && self.tunnel.link.is_right(self.tunnel.config())
    }

    /// Whether it is known how the tunnel's device stands: there is nothing to be waited for.
    pub fn has_tried_tunnel(&self) -> bool {
        self.tunnel.config().is_none() || self.tunnel.link.has_been_tried()
    }

    /// The next hops that are reached through the tunnel, by address.
    pub fn tunnel_rows(&self) -> impl Iterator<Item = TunnelRow> {
        self.tunnel.rows.list()
    }

    /// Whether packets to a wanted next hop go through the tunnel.
    pub fn is_tunnelled(&self, hop: &WantedHop) -> bool {
        self.next_hops.target(hop).is_some_and(|target| target.tunnelled)
    }
}

/// Every prefix that an address is in.
pub fn prefixes_over(address: IpAddr) -> impl Iterator<Item = IpNet> {
    let longest = IpNet::from(address).max_prefix_len();
    (0..=longest).filter_map(move |length| IpNet::new(address, length).ok().map(|prefix| prefix.trunc()))
}
