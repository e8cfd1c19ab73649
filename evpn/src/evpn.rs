//! All VNIs together: news is given to the VNI that it concerns, and actions are gathered.

mod duplicates;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use bgp::types::{Mac, Vni};
use bgp::wire::{EvpnKey, RouteTarget};

use crate::action::{Action, Unusable};
use crate::config::{Config, ImportTarget, VniConfig};
use crate::dataplane::Observation;
use crate::duplicates::Recoveries;
use crate::feed::{Changed, Feed};
use crate::import::{self, ImportIndex, Remote};
use crate::instance::{Context, Device, Instance, Plan};
use crate::origin::Origins;
use crate::originate::Identity;
use crate::outbox::Outbox;
use crate::rd_pool::RdPool;
use crate::refused::Refused;
use crate::rows::{MacRow, NeighborRow, RowId, VniRow, VniState, VtepRow};

/// EVPN's state.
///
/// Driven as everything is: news goes in by [`observe`](Self::observe), [`route`](Self::route) and
/// [`reconfigure`](Self::reconfigure), and after each the actions come out of
/// [`poll_action`](Self::poll_action). What it wants to be woken for is [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Evpn {
    config: Config,
    /// The VNIs of the configuration.
    listed: BTreeMap<Vni, VniConfig>,
    /// What the dataplane has, served or not.
    devices: BTreeMap<Vni, Device>,
    /// What is served.
    instances: BTreeMap<Vni, Instance>,
    imports: ImportIndex,
    origins: Origins,
    /// This node's addresses, in order.
    addresses: Box<[IpAddr]>,
    refused: Refused,
    rds: RdPool,
    recoveries: Recoveries,
    out: Outbox,
}

impl Evpn {
    /// With nothing observed and no route known yet.
    pub fn new(config: Config) -> Evpn {
        let mut evpn = Evpn {
            listed: listed(&config),
            config,
            devices: BTreeMap::new(),
            instances: BTreeMap::new(),
            imports: ImportIndex::default(),
            origins: Origins::default(),
            addresses: Box::default(),
            refused: Refused::default(),
            rds: RdPool::default(),
            recoveries: Recoveries::default(),
            out: Outbox::default(),
        };
        evpn.number_listed();
        evpn
    }

    /// Takes a new configuration. Only what it changes is touched: a VNI whose settings come out the same
    /// does not notice. Of VNIs that were not served before, the dataplane is to report what is local.
    pub fn reconfigure(&mut self, now: Instant, config: Config) {
        let before = std::mem::replace(&mut self.listed, listed(&config));
        let rules = std::mem::replace(&mut self.config, config).duplicates;
        if rules != self.config.duplicates {
            self.renew_duplicate_rules(now);
        }
        self.number_listed();
        before.keys().chain(self.listed.keys()).for_each(|vni| self.out.feed.push(Changed::Vni(*vni)));
        let vnis: Vec<_> = self.devices.keys().copied().collect();
        vnis.into_iter().for_each(|vni| self.refresh(now, vni));
    }

    /// These, in order, are this node's addresses from now on: no VTEP and no host elsewhere has one of them.
    pub fn set_addresses(&mut self, now: Instant, addresses: &[IpAddr]) {
        if *self.addresses == *addresses {
            return;
        }
        let former = std::mem::replace(&mut self.addresses, addresses.into());
        let mut come = addresses.iter().filter(|address| former.binary_search(address).is_err());
        let has_lost = former.iter().any(|address| addresses.binary_search(address).is_err());
        let is_used = |address| self.origins.name(address) || self.routes_of_ip(address).next().is_some();
        let is_refused =
            || [Unusable::OwnVtep, Unusable::OwnAddress].iter().any(|own| self.refused.any(*own));
        if come.any(|address| is_used(*address)) || has_lost && is_refused() {
            self.out.replay();
        }
        let named = self.listed.values().filter(|listed| !listed.static_vteps.is_empty());
        let vnis: Vec<Vni> = named.map(|listed| listed.vni).collect();
        vnis.into_iter().for_each(|vni| self.refresh(now, vni));
    }

    /// Takes news from the dataplane.
    pub fn observe(&mut self, now: Instant, observation: Observation) {
        match observation {
            Observation::Vni { vni, local, bridge_mac } => {
                self.devices.insert(vni, Device { local, bridge_mac });
                self.refresh(now, vni);
            }
            Observation::VniGone { vni } => {
                self.devices.remove(&vni);
                self.refresh(now, vni);
            }
            Observation::LocalMac { vni, mac, sticky } => {
                self.tell(now, vni, |instance, cx| instance.local_mac(cx, mac, sticky));
            }
            Observation::LocalMacGone { vni, mac } => {
                self.tell(now, vni, |instance, cx| instance.local_mac_gone(cx, mac));
            }
            Observation::LocalNeighbor { vni, ip, mac, router } => {
                self.tell(now, vni, |instance, cx| instance.local_neighbor(cx, ip, mac, router));
            }
            Observation::LocalClaim { vni, ip, mac, router } => {
                self.tell(now, vni, |instance, cx| instance.local_claim(cx, ip, mac, router));
            }
            Observation::LocalNeighborGone { vni, ip } => {
                self.tell(now, vni, |instance, cx| instance.local_neighbor_gone(cx, ip));
            }
            Observation::Synced => {}
        }
    }

    /// Takes the new best path of a route, or that it has none any more. One that has not changed does
    /// nothing.
    pub fn route(&mut self, now: Instant, key: &EvpnKey, route: Option<Remote<'_>>) {
        let (EvpnKey::MacIp { rd, .. } | EvpnKey::Imet { rd, .. }) = *key else { return };
        let route = route.filter(|route| !route.local);
        self.refused.forget(key);
        let takers = route.map(|route| self.imports.matching(route.attrs)).unwrap_or_default();
        let losers = self.origins.holders(rd).filter(|vni| !takers.contains(vni));
        for vni in losers.collect::<import::Vnis>() {
            self.tell(now, vni, |instance, cx| instance.withdraw(cx, key));
        }
        let Some(route) = route else { return };
        for vni in takers {
            let reason = self.tell(now, vni, |instance, cx| instance.import(cx, key, &route)).flatten();
            reason.into_iter().for_each(|reason| self.refused.note(*key, vni, reason));
        }
    }

    /// The next thing to do. To be called until `None` after each of the above; it may be spread over turns.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.out.take(&mut self.origins)
    }

    /// The rows that may have changed, for whoever watches.
    pub fn feed(&mut self) -> &mut Feed<Changed> {
        &mut self.out.feed
    }

    /// Which VNIs' route targets take a route, and what keeps each from using it: for explaining, changes
    /// nothing.
    pub fn explain(&self, key: &EvpnKey, route: Remote<'_>) -> Vec<(Vni, Option<Unusable>)> {
        let takers = self.imports.matching(route.attrs);
        let instances = takers.into_iter().filter_map(|vni| self.instances.get(&vni));
        instances.filter_map(|instance| instance.explain(&self.addresses, key, &route)).collect()
    }

    /// Every VNI configured or served, in order.
    pub fn vnis(&self) -> impl Iterator<Item = VniRow> + '_ {
        let all: BTreeSet<Vni> = self.instances.keys().chain(self.listed.keys()).copied().collect();
        all.into_iter().filter_map(|vni| self.vni(vni))
    }

    /// The VNIs that are served, from one on, in order.
    pub fn served(&self, from: Vni) -> impl Iterator<Item = Vni> + '_ {
        self.instances.range(from..).map(|(vni, _)| *vni)
    }

    /// One VNI, configured or served.
    pub fn vni(&self, vni: Vni) -> Option<VniRow> {
        let refused = || self.refused.of(vni).collect();
        let served = self.instances.get(&vni).map(|served| VniRow { refused: refused(), ..served.row() });
        served.or_else(|| self.listed.get(&vni).map(|listed| self.absent_row(listed)))
    }

    /// The MACs of a VNI, from a position on.
    pub fn macs(&self, vni: Vni, from: RowId) -> impl Iterator<Item = MacRow> + '_ {
        self.instances.get(&vni).into_iter().flat_map(move |instance| instance.mac_rows(&self.origins, from))
    }

    /// One MAC.
    pub fn mac(&self, vni: Vni, mac: Mac) -> Option<MacRow> {
        self.instances.get(&vni)?.find_mac(&self.origins, mac)
    }

    /// The neighbours of a VNI, from a position on.
    pub fn neighbors(&self, vni: Vni, from: RowId) -> impl Iterator<Item = NeighborRow> + '_ {
        let instance = self.instances.get(&vni);
        instance.into_iter().flat_map(move |instance| instance.neighbor_rows(&self.origins, from))
    }

    /// One neighbour.
    pub fn neighbor(&self, vni: Vni, ip: IpAddr) -> Option<NeighborRow> {
        self.instances.get(&vni)?.find_neighbor(&self.origins, ip)
    }

    /// The VTEPs that ask for a VNI's flooded frames, in order: those behind `after`, or all.
    pub fn vteps(&self, vni: Vni, after: Option<IpAddr>) -> impl Iterator<Item = VtepRow> + '_ {
        self.instances.get(&vni).into_iter().flat_map(move |instance| instance.vtep_rows(after))
    }

    /// One VTEP.
    pub fn vtep(&self, vni: Vni, vtep: IpAddr) -> Option<VtepRow> {
        self.instances.get(&vni)?.find_vtep(vtep)
    }

    /// The keys of the routes that say where a MAC is, ours and those that were taken. Each may come twice.
    pub fn routes_of_mac(&self, mac: Mac) -> impl Iterator<Item = EvpnKey> + '_ {
        self.instances.values().flat_map(move |instance| instance.routes_of_mac(&self.origins, mac))
    }

    /// The keys of the routes that say which MAC has an address, ours and those that were taken.
    pub fn routes_of_ip(&self, ip: IpAddr) -> impl Iterator<Item = EvpnKey> + '_ {
        self.instances.values().flat_map(move |instance| instance.routes_of_ip(&self.origins, ip))
    }

    fn tell<T>(
        &mut self,
        now: Instant,
        vni: Vni,
        news: impl FnOnce(&mut Instance, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let Evpn { instances, origins, addresses, recoveries, out, config, .. } = self;
        let instance = instances.get_mut(&vni)?;
        let rules = config.duplicates;
        Some(news(instance, &mut Context { now, rules, recoveries, origins, addresses, out }))
    }

    /// Makes a VNI what its device and the configuration say.
    fn refresh(&mut self, now: Instant, vni: Vni) {
        self.out.feed.push(Changed::Vni(vni));
        match self.devices.get(&vni).copied().filter(|_| self.is_wanted(vni)) {
            Some(device) => self.serve(now, vni, device),
            None => self.stop(vni),
        }
    }

    fn serve(&mut self, now: Instant, vni: Vni, device: Device) {
        let plan = self.plan(vni, device);
        let Evpn { instances, origins, addresses, refused, recoveries, out, config, imports, .. } = self;
        let instance = instances.entry(vni).or_insert_with(|| Instance::new(vni, device));
        imports.remove(vni, instance.import_targets());
        let rules = config.duplicates;
        if instance.apply(&mut Context { now, rules, recoveries, origins, addresses, out }, plan) {
            out.replay();
        }
        let targets = instance.import_targets();
        imports.add(vni, targets);
        if targets.is_empty() {
            refused.forget_vni(vni);
        }
    }

    fn stop(&mut self, vni: Vni) {
        let Some(instance) = self.instances.remove(&vni) else { return };
        self.imports.remove(vni, instance.import_targets());
        self.refused.forget_vni(vni);
        instance.vtep_rows(None).for_each(|row| self.out.feed.push(Changed::Vtep(vni, row.vtep)));
        self.out.teardown(instance.into_teardown());
    }

    fn plan(&mut self, vni: Vni, device: Device) -> Plan {
        let listed = self.listed.get(&vni).cloned().unwrap_or_else(|| VniConfig::auto(vni));
        let rd = listed.rd.or_else(|| {
            let (devices, listed) = (&self.devices, &self.listed);
            let in_use = |held| devices.contains_key(&held) || listed.contains_key(&held);
            self.rds.rd(self.config.router_id, vni, in_use)
        });
        let identity = match (rd, self.config.vtep.or(device.local)) {
            (None, _) => Err(VniState::NoRd),
            (_, None) => Err(VniState::NoVtep),
            (Some(rd), Some(vtep)) => Ok(Identity { rd, vtep, export: self.export(&listed) }),
        };
        let flooding = self.floods(&listed);
        Plan { device, identity, import: imports(&listed), flooding, static_vteps: listed.static_vteps }
    }

    fn export(&self, listed: &VniConfig) -> Vec<RouteTarget> {
        let auto = || vec![RouteTarget::As2(self.config.asn.low16(), listed.vni.get())];
        listed.export_rt.clone().unwrap_or_else(auto)
    }

    fn floods(&self, listed: &VniConfig) -> bool {
        listed.flooding.unwrap_or(self.config.flooding)
    }

    /// Gives listed VNIs their numbers in the order of the list, so that they are the same after a restart in
    /// whatever order the devices appear.
    fn number_listed(&mut self) {
        for listed in self.config.vnis.iter().filter(|listed| listed.rd.is_none()) {
            self.rds.rd(self.config.router_id, listed.vni, |_| true);
        }
    }

    fn is_wanted(&self, vni: Vni) -> bool {
        self.config.advertise_all_vni || self.listed.contains_key(&vni)
    }

    fn absent_row(&self, listed: &VniConfig) -> VniRow {
        VniRow {
            vni: listed.vni,
            state: VniState::NoDevice,
            rd: listed.rd.or_else(|| self.rds.known(self.config.router_id, listed.vni)),
            vtep: self.config.vtep,
            bridge_mac: None,
            import_rt: imports(listed),
            export_rt: self.export(listed),
            local_macs: 0,
            remote_macs: 0,
            local_neighbors: 0,
            remote_neighbors: 0,
            vteps: 0,
            refused: Vec::new(),
            flooding: self.floods(listed),
        }
    }
}

fn listed(config: &Config) -> BTreeMap<Vni, VniConfig> {
    // In reverse, so that the first of two stands.
    config.vnis.iter().rev().map(|listed| (listed.vni, listed.clone())).collect()
}

fn imports(listed: &VniConfig) -> Vec<ImportTarget> {
    listed.import_rt.clone().unwrap_or_else(|| vec![ImportTarget::AnyAs(listed.vni)])
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use bgp::types::{Asn, EthernetTag, Rd, RouterId};
    use bgp::wire::{Attrs, EvpnBody, NextHop};

    use super::*;
    use crate::duplicates::DuplicateRules;

    fn key(n: u8, ip: bool) -> EvpnKey {
        let ip = ip.then(|| Ipv4Addr::new(10, 1, 0, n).into());
        EvpnKey::MacIp { rd: Rd([n % 3; 8]), tag: EthernetTag(0), mac: Mac([2, 0, 0, 0, 0, n]), ip }
    }

    fn evpn() -> Evpn {
        let us = Ipv4Addr::new(10, 0, 0, 1);
        let (asn, router_id) = (Asn(1), RouterId(us));
        let (vtep, vnis) = (Some(us.into()), vec![VniConfig::auto(Vni::default())]);
        let (advertise_all_vni, flooding, duplicates) = (false, true, DuplicateRules::default());
        let mut evpn =
            Evpn::new(Config { asn, router_id, vtep, advertise_all_vni, flooding, duplicates, vnis });
        let (vni, bridge_mac) = (Vni::default(), Mac([2; 6]));
        evpn.observe(Instant::now(), Observation::Vni { vni, local: None, bridge_mac });
        for n in 0..100 {
            hear(&mut evpn, &key(n, false), true);
            hear(&mut evpn, &key(n, true), true);
            hear(&mut evpn, &imet(n), true);
        }
        assert_eq!(evpn.origins.len(), 3 + 100);
        evpn
    }

    fn imet(n: u8) -> EvpnKey {
        let originator = Ipv4Addr::new(10, 9, 0, n).into();
        EvpnKey::Imet { rd: Rd([n % 3; 8]), tag: EthernetTag(0), originator }
    }

    fn hear(evpn: &mut Evpn, key: &EvpnKey, there: bool) {
        let mut attrs = Attrs::new(NextHop::Ipv4(Ipv4Addr::new(10, 0, 0, 2)));
        attrs.ext_communities = [RouteTarget::As2(1, 0).into()].into();
        let (attrs, body) = (Arc::new(attrs), EvpnBody::default());
        let route = there.then_some(Remote { attrs: &attrs, body, local: false });
        evpn.route(Instant::now(), key, route);
        while evpn.poll_action().is_some() {}
    }

    #[test]
    fn withdrawn_routes_leave_no_origins() {
        let mut evpn = evpn();
        for n in 0..100 {
            [key(n, true), imet(n), key(n, false)].iter().for_each(|key| hear(&mut evpn, key, false));
        }
        assert_eq!(evpn.origins.len(), 0);
    }

    #[test]
    fn a_vni_that_goes_leaves_no_origins() {
        let mut evpn = evpn();
        evpn.observe(Instant::now(), Observation::VniGone { vni: Vni::default() });
        assert_eq!(evpn.origins.len(), 3 + 100, "it goes bit by bit");
        while evpn.poll_action().is_some() {}
        assert_eq!(evpn.origins.len(), 0);
    }

    #[test]
    fn routes_may_come_after_the_vni_went() {
        let mut evpn = evpn();
        evpn.observe(Instant::now(), Observation::VniGone { vni: Vni::default() });
        hear(&mut evpn, &key(7, true), true);
        assert_eq!(evpn.origins.len(), 0);
    }
}
