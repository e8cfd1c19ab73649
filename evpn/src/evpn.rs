//! All VNIs together.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bgp::types::{Mac, Vni};
use bgp::wire::{Attrs, EvpnBody, EvpnKey};

use crate::action::Action;
use crate::config::Config;
use crate::dataplane::Observation;
use crate::rows::{MacRow, NeighborRow, RowId, VniRow, VtepRow};

/// The best path of an EVPN route.
#[derive(Clone, Copy, Debug)]
pub struct Remote<'a> {
    /// Its attributes.
    pub attrs: &'a Arc<Attrs>,
    /// Its ESI and labels.
    pub body: EvpnBody,
    /// It is this speaker's own: what we originated, nothing to learn from.
    pub local: bool,
}

/// EVPN's state.
#[derive(Debug)]
pub struct Evpn {
    config: Config,
}

impl Evpn {
    /// With nothing observed and no route known yet.
    pub fn new(config: Config) -> Evpn {
        Evpn { config }
    }

    /// Takes a new configuration. Only what it changes is touched.
    pub fn reconfigure(&mut self, now: Instant, config: Config) {
        let _ = now;
        self.config = config;
    }

    /// Takes news from the dataplane.
    pub fn observe(&mut self, now: Instant, observation: Observation) {
        let _ = (now, observation);
    }

    /// Takes the new best path of a route, or that it has none any more. One that has not changed does nothing.
    pub fn route(&mut self, now: Instant, key: &EvpnKey, route: Option<Remote<'_>>) {
        let _ = (now, key, route);
    }

    /// The next thing to do. To be called until `None` after each of the above.
    pub fn poll_action(&mut self) -> Option<Action> {
        None
    }

    /// Every VNI configured or served, in order.
    pub fn vnis(&self) -> impl Iterator<Item = VniRow> + '_ {
        std::iter::empty()
    }

    /// The MACs of a VNI, from a position on.
    pub fn macs(&self, _vni: Vni, _from: RowId) -> impl Iterator<Item = MacRow> + '_ {
        std::iter::empty()
    }

    /// One MAC.
    pub fn mac(&self, _vni: Vni, _mac: Mac) -> Option<MacRow> {
        None
    }

    /// The neighbours of a VNI, from a position on.
    pub fn neighbors(&self, _vni: Vni, _from: RowId) -> impl Iterator<Item = NeighborRow> + '_ {
        std::iter::empty()
    }

    /// One neighbour.
    pub fn neighbor(&self, _vni: Vni, _ip: IpAddr) -> Option<NeighborRow> {
        None
    }

    /// The VTEPs that ask for a VNI's flooded frames, in order.
    pub fn vteps(&self, _vni: Vni) -> impl Iterator<Item = VtepRow> + '_ {
        std::iter::empty()
    }
}
