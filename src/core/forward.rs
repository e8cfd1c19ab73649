//! From the EVPN table to the kernel and back: feeds [`Evpn`] with best paths and with what the kernel has, puts
//! what it originates into the table, and hands what it wants to the [`Fib`].

use std::collections::VecDeque;
use std::time::Instant;

use bgp::rib::{Budget, CursorId, Rib, Version};
use bgp::types::{PathId, PeerId};
use bgp::wire::{Nlris, Route};
use evpn::{Evpn, Remote};
use fib::{Fib, FibConfig, KernelEvent, ManagedVni};

use crate::config::{BgpConfig, EvpnConfig, VniConfig};

use super::event::{Action, HostNews, LogLine};
use super::hosts::{Around, Hosts};

/// Changes read from the table in one piece.
const PIECE: usize = 256;

/// EVPN and the kernel's side of it.
#[derive(Debug)]
pub(super) struct Forwarding {
    pub(super) evpn: Evpn,
    pub(super) fib: Fib,
    pub(super) hosts: Hosts,
    cursor: CursorId,
    keeps_stale: bool,
    ending: bool,
    /// The kernel has been read once: what is local is known.
    synced: bool,
}

impl Forwarding {
    pub(super) fn new(bgp: &BgpConfig, config: &EvpnConfig, rib: &mut Rib, seed: u64) -> Forwarding {
        Forwarding {
            evpn: Evpn::new(evpn_config(bgp, Some(config))),
            fib: Fib::new(fib_config(Some(config)), seed),
            hosts: Hosts::new(Some(config)),
            cursor: rib.evpn.open_cursor(Version::default()),
            keeps_stale: true,
            ending: false,
            synced: false,
        }
    }

    /// Serves what a new configuration says. What it does not change goes on as it is; what the table has already is
    /// looked at again for those VNIs that take other routes now. Without a section nothing is served any more.
    pub(super) fn configure(
        &mut self,
        now: Instant,
        learned: u32,
        bgp: &BgpConfig,
        config: Option<&EvpnConfig>,
        rib: &mut Rib,
        actions: &mut VecDeque<Action>,
    ) {
        self.evpn.reconfigure(now, evpn_config(bgp, config));
        // Before the devices are let go: nothing is wanted any more of what is served no more.
        self.perform(now, learned, rib, actions);
        self.fib.configure(fib_config(config));
        self.hosts.configure(config);
    }

    /// News from the kernel.
    pub(super) fn kernel(&mut self, now: Instant, events: Vec<KernelEvent>) {
        for event in events {
            self.fib.handle(now, event);
        }
    }

    /// What is heard of the hosts that are attached here.
    pub(super) fn hosts_news(&mut self, now: Instant, news: Vec<HostNews>) {
        let Forwarding { evpn, fib, hosts, .. } = self;
        news.into_iter().for_each(|news| hosts.news(now, Around { evpn, fib }, news));
    }

    /// Carries what changed from one side to the other.
    pub(super) fn settle(
        &mut self,
        now: Instant,
        started: Instant,
        rib: &mut Rib,
        budget: &mut Budget,
        actions: &mut VecDeque<Action>,
    ) -> bool {
        if self.ending {
            // Nobody is told any more, but what the kernel says must not pile up.
            while self.fib.poll_observation().is_some() {}
            self.emit_ops(now, actions);
            return false;
        }
        let learned = now.saturating_duration_since(started).as_secs() as u32;
        self.evpn.recover(now);
        self.perform(now, learned, rib, actions);
        self.observe(now, learned, rib, actions);
        let more = self.import(now, learned, rib, budget, actions);
        self.emit_ops(now, actions);
        more
    }

    /// What the kernel has, to EVPN.
    fn observe(&mut self, now: Instant, learned: u32, rib: &mut Rib, actions: &mut VecDeque<Action>) {
        while let Some(observation) = self.fib.poll_observation() {
            self.synced |= observation == evpn::dataplane::Observation::Synced;
            let Forwarding { evpn, fib, hosts, .. } = self;
            hosts.observe(now, Around { evpn, fib }, observation);
            self.pass_on(now, learned, rib, actions);
        }
        let Forwarding { evpn, fib, hosts, .. } = self;
        hosts.settle(now, Around { evpn, fib }, actions);
        self.pass_on(now, learned, rib, actions);
    }

    /// What of it EVPN is to hear.
    fn pass_on(&mut self, now: Instant, learned: u32, rib: &mut Rib, actions: &mut VecDeque<Action>) {
        while let Some(observation) = self.hosts.poll_observation() {
            self.evpn.observe(now, observation);
            self.perform(now, learned, rib, actions);
        }
    }

    /// What changed in the table, to EVPN.
    fn import(
        &mut self,
        now: Instant,
        learned: u32,
        rib: &mut Rib,
        budget: &mut Budget,
        actions: &mut VecDeque<Action>,
    ) -> bool {
        while rib.evpn.position(&self.cursor) < rib.evpn.head() {
            if budget.is_spent() {
                return true;
            }
            let before = budget.left();
            let mut changes = rib.evpn.changes(rib.evpn.position(&self.cursor), PIECE.min(before));
            for change in changes.by_ref() {
                let remote = change.best.map(|path| Remote {
                    attrs: &path.attrs,
                    body: path.body,
                    local: path.source == PeerId::LOCAL,
                });
                self.evpn.route(now, &change.nlri, remote);
            }
            let reached = changes.reached();
            rib.evpn.advance(&self.cursor, reached);
            budget.spend(PIECE);
            self.perform(now, learned, rib, actions);
        }
        false
    }

    /// Does what EVPN asks for.
    fn perform(&mut self, now: Instant, learned: u32, rib: &mut Rib, actions: &mut VecDeque<Action>) {
        while let Some(action) = self.evpn.poll_action() {
            match action {
                evpn::Action::Originate { key, body, attrs } => {
                    let route = Nlris::Evpn(vec![Route { nlri: key, path_id: PathId(0), body }]);
                    // Only a peer's route can be refused.
                    let _ = rib.announce(PeerId::LOCAL, learned, &attrs, &route);
                }
                evpn::Action::Retract { key } => {
                    let route = Route { nlri: key, path_id: PathId(0), body: Default::default() };
                    rib.withdraw(PeerId::LOCAL, &Nlris::Evpn(vec![route]));
                }
                evpn::Action::Want { key, value } => self.fib.want(key, Some(value)),
                evpn::Action::Unwant { key } => self.fib.want(key, None),
                evpn::Action::Replay => rib.evpn.advance(&self.cursor, Version::default()),
                evpn::Action::Ask { vni, ip } => self.hosts.ask(now, vni, ip),
                evpn::Action::Notice(notice) => actions.push_back(Action::Log(LogLine::Evpn(notice))),
            }
        }
    }

    /// Ends: nothing new is wanted of the kernel, and what is ours in it stays for the next run or goes.
    pub(super) fn end(&mut self, keeps: bool) {
        self.ending = true;
        self.keeps_stale = false;
        if !keeps {
            self.fib.want_nothing();
        }
    }

    /// Whether the kernel is as it is to be left.
    pub(super) fn has_ended(&self) -> bool {
        self.ending && self.fib.is_settled()
    }

    /// What is to be done in the kernel, as much as its credit allows.
    fn emit_ops(&mut self, now: Instant, actions: &mut VecDeque<Action>) {
        let ops: Vec<_> = std::iter::from_fn(|| self.fib.poll_op(now)).collect();
        if !ops.is_empty() {
            actions.push_back(Action::Kernel(ops));
        }
    }

    /// When the kernel is to be tried again, a duplicate recovers, or hosts are to be asked.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let timers = [self.evpn.poll_timeout(), self.hosts.poll_timeout()];
        let timers = timers.into_iter().flatten().filter(|_| !self.ending);
        self.fib.poll_timeout().into_iter().chain(timers).min()
    }

    /// Whether rows of a former run are still kept though nobody wants them.
    pub(super) fn keeps_stale(&self) -> bool {
        self.keeps_stale
    }

    /// Whether everything in the table has been looked at, and everything in the kernel.
    pub(super) fn is_current(&self, rib: &Rib) -> bool {
        self.synced && rib.evpn.position(&self.cursor) == rib.evpn.head()
    }

    /// Whether the kernel has been read in full.
    pub(super) fn is_synced(&self) -> bool {
        self.synced
    }

    /// Whether a former run has left rows in the kernel that nobody has wanted yet.
    pub(super) fn has_found_rows(&self) -> bool {
        self.fib.rows().any(|row| row.wanted.is_none())
    }

    /// Lets go what a former run left in the kernel and nobody wants.
    pub(super) fn release_stale(&mut self) {
        self.keeps_stale = false;
        self.fib.release_stale();
    }
}

/// Without a section nothing is served.
fn evpn_config(bgp: &BgpConfig, config: Option<&EvpnConfig>) -> evpn::Config {
    let vni = |vni: &VniConfig| evpn::VniConfig {
        vni: vni.vni,
        rd: vni.rd,
        import_rt: vni.import_rt.clone(),
        export_rt: vni.export_rt.clone(),
        flooding: vni.flooding,
        static_vteps: vni.static_vteps.clone(),
    };
    evpn::Config {
        asn: bgp.asn,
        router_id: bgp.router_id,
        vtep: config.map(|config| config.vtep),
        advertise_all_vni: config.is_some_and(|config| config.advertise_all_vni),
        flooding: config.is_some_and(|config| config.flooding),
        duplicates: config.map(|config| config.duplicates).unwrap_or_default(),
        vnis: config.iter().flat_map(|config| &config.vnis).map(vni).collect(),
    }
}

fn fib_config(config: Option<&EvpnConfig>) -> FibConfig {
    let vni = |vni: &VniConfig| ManagedVni {
        vni: vni.vni,
        vxlan: vni.vxlan.clone(),
        bridge: vni.bridge.clone(),
        create: vni.create,
        mtu: vni.mtu.map(u32::from),
        port: vni.port,
    };
    FibConfig {
        all_vnis: config.is_some_and(|config| config.advertise_all_vni),
        vnis: config.iter().flat_map(|config| &config.vnis).map(vni).collect(),
        vtep: config.map(|config| config.vtep),
        audit_interval: config.and_then(|config| config.audit_interval),
        ..FibConfig::default()
    }
}
