//! Core: all routing state of the daemon, owned by one value and touched by one task.
//!
//! It is pure: no socket, no clock, no task. [`Core::handle`] takes news, [`Core::settle`] does what follows
//! from them within a budget, [`Core::poll_action`] says what is to be done outside, [`Core::poll_timeout`] when
//! it wants to be woken. What is not done yet stays state (a cursor behind the head, a dirty key), never a
//! queue of messages, so it can only shrink to what still matters.
//!
//! The way of a route: a peer's news put it into the [`Rib`], which decides and writes its change log. Cursors
//! read the log: the update groups of [`Export`], and `forward`, which feeds EVPN and through it the
//! kernel. What EVPN originates goes into the Rib as a route of this speaker's own, and so out to the peers.
//!
//! Nothing here waits. What leaves is limited by credits that come back: a peer has so many batches, the kernel
//! so many operations under way.

mod advertise;
mod answer;
mod bfd;
mod dynamic;
mod event;
mod fault_log;
mod forward;
mod handover;
mod hosts;
mod injection;
mod limits;
mod native;
mod neighbors;
mod next_hops;
mod peer;
mod policies;
mod reconfigure;
mod refresh;
mod renew;
mod restart;
mod sessions;
mod startup;
#[cfg(test)]
mod testing;
mod transaction;
mod watch;

use std::collections::VecDeque;
use std::time::Instant;

use bgp::export::Export;
use bgp::rib::{Budget, Rib};
use bgp::session::Received;
use bgp::types::{Family, PeerId};

use crate::config::Config;

pub use self::advertise::PrefixNews;
pub use self::bfd::{BfdCommand, BfdLine, BfdNews, BfdPicture, BfdTarget};
use advertise::Advertiser;
use dynamic::Visitors;
pub use event::{
    Action, Event, HostCommand, HostNews, Leftover, LogLine, PeerNews, PeerStart, ReleaseReason,
    SessionCommand,
};
use forward::Forwarding;
use handover::Handover;
use injection::Injector;
use native::{Given, Native};
use peer::Peers;
use refresh::Refreshes;
use restart::Restarts;
use startup::Startup;
use transaction::Running;
use watch::Watches;

/// Batches that a peer may have under way. Two keep the socket busy while the next is made; more only hold
/// memory for a slow peer.
pub const BATCH_CREDIT: u32 = 4;

/// All routing state.
#[derive(Debug)]
pub struct Core {
    started: Instant,
    /// For hash functions.
    seed: u64,
    config: Config,
    peers: Peers,
    startup: Startup,
    restarts: Restarts,
    rib: Rib,
    export: Export,
    /// EVPN and the kernel, where the configuration asks for them.
    forwarding: Option<Forwarding>,
    /// The kernel's routes, where the configuration asks for them.
    native: Option<Native>,
    /// What this node announces of its own.
    advertiser: Option<Advertiser>,
    watches: Watches,
    visitors: Visitors,
    refreshes: Refreshes,
    host_warnings: Vec<String>,
    handover: Handover,
    running: Running,
    injectors: Vec<Injector>,
    actions: VecDeque<Action>,
}

impl Core {
    /// Nothing is known yet; the first actions begin the tasks of the neighbours. `seed` is for hash functions.
    pub fn new(now: Instant, config: Config, seed: u64) -> Core {
        let bgp = &config.bgp;
        let mut rib = Rib::new(renew::identity(&config, std::iter::empty()), seed);
        rib.set_rules(bgp.decision.clone());
        rib.set_default_local_pref(bgp.default_local_pref);
        let forwarding = config.evpn.as_ref().map(|evpn| Forwarding::new(bgp, evpn, &mut rib, seed));
        let native = Native::new(&config, &mut rib, seed);
        let mut export = Export::default();
        Family::ALL.into_iter().for_each(|family| export.hold_end_of_rib(family, true));
        let advertiser = config.native.as_ref().map(|native| Advertiser::new(&native.own));
        let neighbors = bgp.neighbors.clone();
        let mut core = Core {
            started: now,
            seed,
            peers: Peers::default(),
            startup: Startup::new(now),
            restarts: Restarts::default(),
            config,
            rib,
            export,
            forwarding,
            native,
            advertiser,
            watches: Watches::new(seed),
            visitors: Visitors::default(),
            refreshes: Refreshes::default(),
            host_warnings: Vec::new(),
            handover: Handover::default(),
            running: Running::default(),
            injectors: Vec::new(),
            actions: VecDeque::new(),
        };
        for neighbor in neighbors {
            core.add_neighbor(neighbor);
        }
        if !core.config.bgp.ranges.is_empty() {
            core.announce_ranges();
        }
        core.watch_sources();
        core.begin_sessions(now, false);
        core
    }

    /// Takes news.
    pub fn handle(&mut self, now: Instant, event: Event) {
        match event {
            Event::Peer { peer, news } => news.into_iter().for_each(|news| self.peer_news(now, peer, news)),
            Event::PeerDied { peer } => self.peer_died(now, peer),
            Event::PeerEnded { peer } => self.peer_ended(peer),
            Event::Knock { from } => self.knock(now, from),
            Event::Kernel(events) => {
                if let Some(forwarding) = &mut self.forwarding {
                    forwarding.kernel(now, events);
                }
            }
            Event::Hosts(news) => {
                if let Some(forwarding) = &mut self.forwarding {
                    forwarding.hosts_news(now, news);
                }
            }
            Event::Routes(events) => {
                if let Some(native) = &mut self.native {
                    native.kernel(now, events);
                }
            }
            Event::Prefixes(news) => {
                if let Some(advertiser) = &mut self.advertiser {
                    advertiser.news(news);
                }
            }
            Event::Bfd(news) => self.bfd_news(news),
            Event::HostChecked(warnings) => self.host_warnings = warnings,
            Event::Reconfigure { config, request } => {
                self.begin_sessions(now, true);
                self.reconfigure(now, *config, request);
            }
            Event::Edited { config, base, request } => {
                self.begin_sessions(now, true);
                self.reconfigure_from(now, base, *config, request);
            }
            Event::Request(request) => self.request(now, request),
        }
    }

    /// Does what follows from the news, as much as the budget allows. Says whether there is more to do that
    /// waits for nothing from outside.
    pub fn settle(&mut self, now: Instant, budget: &mut Budget) -> bool {
        self.roll_back_overdue(now);
        self.end_overdue_injectors(now);
        self.expire_kept(now);
        self.end_overdue_refreshes(now);
        let of_routes = self.native.as_mut().is_some_and(Native::hears_of_addresses);
        let of_rows = self.forwarding.as_mut().is_some_and(|forwarding| forwarding.fib.take_new_addresses());
        if of_routes || of_rows {
            self.renew_identity(now);
        }
        if let Some(native) = &mut self.native {
            native.resolve(&mut self.rib);
        }
        let learned = self.clock(now);
        if let Some(advertiser) = &mut self.advertiser {
            if let Some(native) = &mut self.native {
                advertiser.hear_of_kernel(&mut native.routes);
                native.tell_of_tunnel(advertiser);
            }
            advertiser.settle(learned, &mut self.rib);
            let effects = advertiser.take_effects();
            if let Some(native) = &mut self.native {
                native.announces_otherwise(effects, &mut self.rib);
            }
        }
        let mut more = self.rib.sweep(budget);
        self.reclaim_ids();
        self.lose_patience(now);
        more |= self.go_on_handing_over(now, budget);
        if let Some(forwarding) = &mut self.forwarding {
            more |= forwarding.settle(now, self.started, &mut self.rib, budget, &mut self.actions);
        }
        if let Some(native) = &mut self.native {
            let fallback = native.routes.tunnel().is_some();
            let given = Given { peers: &self.peers, advertiser: self.advertiser.as_ref(), fallback };
            more |= native.settle(now, &mut self.rib, given, budget, &mut self.actions);
        }
        more |= self.start_up(now);
        more |= self.export.pump(&mut self.rib, budget);
        while let Some((peer, batch)) = self.export.poll_batch() {
            if let Some(session) = self.peers.get(peer).and_then(|p| p.session.as_ref()) {
                self.actions.push_back(Action::Batch { peer, session: session.number, batch });
            }
        }
        more | self.serve_watches(now)
    }

    /// Ends. The kernel keeps forwarding by what is ours where neighbours keep our routes until we are back, and is
    /// left without it where nobody does. The sessions are the caller's to close.
    pub fn end(&mut self) {
        let keeps = |family| self.config.bgp.restarts_gracefully(family);
        if let Some(forwarding) = &mut self.forwarding {
            forwarding.end(keeps(Family::L2vpnEvpn));
        }
        if let Some(native) = &mut self.native {
            native.end(keeps(Family::Ipv4Unicast) || keeps(Family::Ipv6Unicast));
        }
    }

    /// Whether there is nothing left to be done after [`Core::end`].
    pub fn has_ended(&self) -> bool {
        self.forwarding.as_ref().is_none_or(Forwarding::has_ended)
            && self.native.as_ref().is_none_or(Native::has_ended)
    }

    /// The next thing to do outside.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Core::settle`] is to be called though nothing happened.
    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let (forwarding, native) = (self.forwarding.as_ref(), self.native.as_ref());
        let keeps_stale =
            forwarding.is_some_and(Forwarding::keeps_stale) || native.is_some_and(Native::keeps_stale);
        let timers = [
            forwarding.and_then(Forwarding::poll_timeout),
            native.and_then(Native::poll_timeout),
            self.startup.poll_timeout(now, &self.peers, keeps_stale),
            self.restarts.next_due(),
            self.refreshes.poll_timeout(),
            self.patience_ends(),
            self.handover.poll_timeout(),
            self.confirmation_ends(),
            self.leases_end(),
        ];
        timers.into_iter().flatten().min()
    }

    fn peer_news(&mut self, now: Instant, id: PeerId, news: PeerNews) {
        if self.peers.get(id).is_none() {
            // It is leaving; what it still says concerns nobody.
            return;
        }
        match news {
            PeerNews::Up { number, agreed } => self.peer_up(now, id, number, agreed),
            PeerNews::Down(down) => self.peer_down(now, id, down),
            PeerNews::Routes(routes) => self.routes(now, id, &routes),
            PeerNews::EndOfRib(family) => self.end_of_rib(id, family),
            PeerNews::Refresh(family) => self.send_again(id, family),
            PeerNews::RefreshBegins(family) => self.refresh_begins(now, id, family),
            PeerNews::RefreshEnds(family) => self.refresh_ends(id, family),
            PeerNews::Credit(batches) => self.export.credit(id, batches),
            PeerNews::Failed(down) => {
                if let Some(peer) = self.peers.get_mut(id) {
                    peer.last_down = Some(down.clone());
                    self.watches.neighbor_changed(id);
                }
                self.log(LogLine::Failed(id, down));
            }
            PeerNews::Info(info) => {
                self.log_faults(now, id, &info);
                if let Some(peer) = self.peers.get_mut(id) {
                    peer.info = Some(info);
                    self.watches.neighbor_changed(id);
                }
                self.let_go_if_over(id);
            }
        }
    }

    fn routes(&mut self, now: Instant, id: PeerId, routes: &Received) {
        let learned = self.clock(now);
        let Some(peer) = self.peers.get_mut(id).filter(|peer| !peer.limits.is_stopped()) else { return };
        let announced = routes.reach.iter().map(|(_, routes)| routes.len() as u64).sum::<u64>();
        let withdrawn = routes.unreach.iter().map(|routes| routes.len() as u64).sum::<u64>();
        peer.routes_received += announced + withdrawn;
        if !peer.imports() {
            peer.refused_for_policy += announced;
            return;
        }
        routes.unreach.iter().for_each(|routes| self.rib.withdraw(id, routes));
        for (attrs, routes) in &routes.reach {
            // A refusal is counted by the Rib and shown with the neighbour.
            let _ = self.rib.announce(id, learned, attrs, routes);
        }
        self.check_limits(id);
    }

    fn log(&mut self, line: LogLine) {
        self.actions.push_back(Action::Log(line));
    }

    /// The clock that paths are dated by: seconds since start.
    fn clock(&self, now: Instant) -> u32 {
        now.saturating_duration_since(self.started).as_secs() as u32
    }
}
