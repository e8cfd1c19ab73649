//! Routes: the kernel's way to the next hops of BGP paths, and the routes that BGP wants in the kernel.
//!
//! [`Routes`] holds what the kernel has (others' routes by prefix, ours beside what is wanted) and what somebody wants
//! to know or to have:
//! - of each tracked next hop [`Routes::poll`] says how it resolves, once at first and then whenever that has changed;
//! - [`Routes::poll_op`] says what is to be done so that the kernel has what is wanted;
//! - [`Routes::poll_found`] says which routes of others are there that somebody looks for.
//!
//! It is pure; [`RouteKernel`](crate::netlink::RouteKernel) carries its ops and brings the events, in the order in
//! which things happened. As in [`Fib`](crate::Fib), a key is dirty, its two sides are compared, and the difference
//! becomes an op; an accepted write counts as done unless news of the same prefix crossed it.
//!
//! **Next hops.** One on a link of this node is gone to directly, one behind a gateway through that gateway; all ways
//! of a route with several are taken. Routes of ours never resolve a next hop, so none can resolve through itself; one
//! that would come before the very route that leads to its next hop's gateway counts as unreachable
//! (RFC 4271 section 9.1.2.1). Where some of several next hops resolve the route has those; where none does it is taken
//! out of the kernel at once. When resolution changes, a hand goes round all routes and the sets that come to
//! other ways are written anew: no index leads from a next hop to its routes, which keeps a route small.
//!
//! **Others' routes** to a prefix that is wanted are never replaced or deleted, and the conflict shows:
//! - with our metric, theirs keeps ours out, which is put in when theirs goes;
//! - with a lower metric, theirs is used and ours stands behind it, harmless and ready. Ours is not taken out for its
//!   sake: a better route that comes and goes must not cost ours;
//! - with a higher metric, ours comes before theirs. That is what the operator's choice of metrics means, and no
//!   conflict. Only a link's own routes (`proto kernel`) are never hidden: IPv6 gives them a high metric.
//!
//! Only routes of protocols that are to be taken over ([`RoutesConfig::take_over`]) give way: ours is put in first, in
//! their very place if need be, and what is left of theirs to that prefix is deleted then.
//!
//! **Ours** are those with our protocol in our table. A former run's are adopted, and what is not wanted of
//! them is kept until [`Routes::release_stale`]; so are those with another metric, from an older configuration.
//!
//! **The fallback tunnel.** A next hop behind a gateway that decapsulates may be reached through a VXLAN device instead
//! ([`RoutesConfig::tunnel`]), whose rows are written in order with the routes: see the module `tunnel`.
//!
//! **What the kernel does not see.** IPv6 looks for a router by all routes, ours among them, and refuses a route by one
//! that ours lead to through another router, though it is on the link. It is then told that it is (`onlink`).
//!
//! **What the kernel does not say.** It drops routes with their device without a word for IPv4, so what goes with a
//! device is worked out here and looked at afterwards. Linux 6.18 was tried.
//!
//! Not here: routes by type of service or source, the rules that choose between tables.

mod apply;
mod config;
mod devices;
mod entry;
mod event;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod fallback;
mod found;
mod judge;
mod looks;
mod next_hops;
mod reconfigure;
mod settle;
mod show;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod tunnel;
mod wanted;
mod wants;
mod ways;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Instant;

use ipnet::IpNet;

pub use self::config::{MAIN, RoutesConfig};
pub use self::event::{Hop, Hops, Route, RouteAction, RouteDump, RouteEvent, RouteKey, RouteKind, RouteOp};
pub use self::fallback::prefixes_over;
pub use self::found::{FoundRoute, RouteFilter};
pub use self::next_hops::Resolution;
pub use self::status::{Conflict, RoutePlace, RouteRow, RouteStatus, TunnelStatus};
pub use self::tunnel::{TunnelRow, TunnelRowStatus};
pub use self::wanted::{WantedHop, WantedRoute};
pub use self::ways::Ways;

use self::devices::Devices;
use self::entry::{Entry, Mark};
use self::found::Found;
use self::next_hops::{NextHops, Terrain};
use self::settle::{Flight, Hand};
use self::table::Table;
use self::tunnel::Tunnel;
use self::wants::Wants;
use self::ways::Used;
use crate::audit::Audit;
use crate::dumps::Dumps;
use crate::flight::Flights;
use crate::reconcile::{CREDIT, Counters};
use crate::retry::Retries;
use crate::tally::{Counts, Stirred};

/// The kernel's routes, what is wanted of them, and the next hops that are tracked.
#[derive(Debug)]
pub struct Routes {
    config: RoutesConfig,
    devices: Devices,
    /// Others' routes, in the tables that matter.
    tables: BTreeMap<u32, Table>,
    next_hops: NextHops,
    /// Routers on a link that the kernel does not find there, because a route of ours comes before the link's. It is told
    /// that they are on the link.
    hidden: BTreeSet<IpAddr>,
    tunnel: Tunnel,
    entries: evpn::table::Table<Entry>,
    wants: Wants,
    /// Ours that are not where ours are to be: with another metric, or from a configuration before. `true`: seen since
    /// the running dump began.
    strays: BTreeMap<RouteKey, bool>,
    queue: VecDeque<u32>,
    stray_queue: VecDeque<RouteKey>,
    hand: Hand,
    flights: Flights<Flight>,
    retries: Retries<RouteKey>,
    dumps: Dumps<RouteDump>,
    /// What the kernel dropped in silence was worked out: it is to be looked at.
    doubtful: bool,
    /// Not before then.
    look_due: Option<Instant>,
    found: Found,
    /// Everything was looked at once.
    synced: bool,
    /// Everything was looked at last then.
    resynced: Option<Instant>,
    /// A piece is one of all dumps.
    audit: Audit<usize>,
    /// There were routes to forward by at that first look.
    has_found_routes: bool,
    /// A former run's routes may be deleted.
    released: bool,
    counters: Counters,
    stirred: Stirred<IpNet, IpNet>,
    counts: Counts,
}

impl Routes {
    /// Nothing is known of the kernel yet: the first ops are dumps. The seed is for hash functions.
    pub fn new(config: RoutesConfig, seed: u64) -> Routes {
        let own = config.install.then_some(config.table);
        let tables: BTreeMap<u32, Table> =
            own.into_iter().chain([MAIN]).map(|table| (table, Table::default())).collect();
        Routes {
            dumps: Dumps::new(looks::everything(tables.keys())),
            tunnel: Tunnel::new(config.tunnel.clone(), config.install),
            config,
            devices: Devices::default(),
            tables,
            next_hops: NextHops::default(),
            hidden: BTreeSet::new(),
            entries: evpn::table::Table::default(),
            wants: Wants::new(seed),
            strays: BTreeMap::new(),
            queue: VecDeque::new(),
            stray_queue: VecDeque::new(),
            hand: Hand::default(),
            flights: Flights::default(),
            retries: Retries::default(),
            doubtful: false,
            look_due: None,
            found: Found::default(),
            synced: false,
            resynced: None,
            audit: Audit::default(),
            has_found_routes: false,
            released: false,
            counters: Counters::default(),
            stirred: Stirred::default(),
            counts: Counts::default(),
        }
    }

    /// Wants a route to a prefix, or none any more. Where nothing is to be installed it is ignored.
    pub fn want(&mut self, prefix: IpNet, wanted: Option<WantedRoute>) {
        if !self.config.install {
            return;
        }
        let prefix = prefix.trunc();
        match wanted {
            Some(wanted) => self.want_route(prefix, wanted),
            None => self.want_none(prefix),
        }
    }

    fn want_route(&mut self, prefix: IpNet, wanted: WantedRoute) {
        let is_inward = wanted.hops().iter().any(|hop| prefix.contains(&hop.address));
        let terrain = terrain(&self.config, &self.tables, &self.devices, &self.hidden, &self.tunnel);
        let set = self.wants.add(wanted.normal(), &mut self.next_hops, terrain);
        let place = self.entries.find_or_insert(prefix, || Entry::new(prefix));
        let Some(entry) = self.entries.get_mut(place).filter(|entry| entry.wanted != Some(set)) else {
            return;
        };
        entry.wanted = Some(set);
        entry.set(Mark::Found, false);
        entry.set(Mark::Inward, is_inward);
        self.changed(place, prefix);
        if self.wants.is_full() {
            self.clear_away();
        }
    }

    fn want_none(&mut self, prefix: IpNet) {
        let Some(place) = self.entries.find(prefix) else { return };
        let Some(entry) = self.entries.get_mut(place).filter(|entry| entry.wanted.is_some()) else { return };
        entry.wanted = None;
        self.changed(place, prefix);
        self.tidy(place);
    }

    /// What is wanted under a prefix is something else.
    fn changed(&mut self, place: u32, prefix: IpNet) {
        self.stirred.note(prefix);
        self.tunnel.note_loss();
        self.retries.clear(&self.key(prefix));
        self.mark_dirty(place);
    }

    /// Wants nothing any more, and keeps nothing of a former run: what is ours in the kernel is to go.
    pub fn want_nothing(&mut self) {
        for place in 0..self.entries.end() {
            let wanted = self.entries.get(place).filter(|entry| entry.wanted.is_some());
            if let Some(prefix) = wanted.map(|entry| entry.prefix) {
                self.want_none(prefix);
            }
        }
        self.tunnel.end();
        self.release_stale();
    }

    /// A former run's routes that are not wanted may be deleted: routing has converged.
    pub fn release_stale(&mut self) {
        self.released = true;
        self.tunnel.note_loss();
        for place in 0..self.entries.end() {
            if self.entries.get(place).is_some_and(|entry| entry.wanted.is_none()) {
                self.mark_dirty(place);
            }
        }
        self.stray_queue = self.strays.keys().copied().collect();
    }

    /// The next op, while there is one and credit for it. Nothing is written before the kernel's tables have been
    /// seen whole.
    pub fn poll_op(&mut self, now: Instant) -> Option<RouteOp> {
        self.count_again();
        if self.flights.len() >= CREDIT {
            return None;
        }
        while let Some(key) = self.retries.pop_due(now) {
            self.try_again(key);
        }
        if self.synced && self.dumps.is_idle() {
            self.look_at_next_hops();
            let before = self.next_of_tunnel(now);
            let route = before.or_else(|| self.next_route(now)).or_else(|| self.next_stray(now));
            if let Some(op) = route.or_else(|| self.next_of_empty_tunnel(now)) {
                return Some(op);
            }
            self.look_at_doubtful(now);
        }
        self.next_dump(now).or_else(|| {
            self.audit(now);
            self.next_dump(now)
        })
    }

    /// When `poll_op` should be called again though nothing happened.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let look = self.look_due.filter(|_| self.doubtful && self.dumps.is_idle());
        // One that has to wait for something wakes nobody: what it waits for does.
        let audit = self.audit.next_due().filter(|_| self.is_settled());
        let dumps = self.dumps.next_due(self.flights.is_empty());
        let timers = [self.retries.next_due(), dumps, look, self.hand.rests, audit, self.tunnel_due()];
        timers.into_iter().flatten().min()
    }

    /// Says from now on how this next hop resolves.
    pub fn track(&mut self, address: IpAddr) {
        self.next_hops.track(address);
    }

    /// No longer does.
    pub fn forget(&mut self, address: IpAddr) {
        self.next_hops.forget(address);
    }

    /// The next tracked next hop of which there is something new to be said. Nothing is said before the kernel's
    /// tables have been seen whole, or while they are looked at again.
    pub fn poll(&mut self) -> Option<(IpAddr, Resolution)> {
        if !self.has_looked() {
            return None;
        }
        self.next_hops.poll(terrain(&self.config, &self.tables, &self.devices, &self.hidden, &self.tunnel))
    }

    /// Looks for routes of others from now on, instead of those that were looked for.
    pub fn look_for(&mut self, filters: Vec<RouteFilter>) {
        self.found.look_for(filters);
        self.follow_tables();
    }

    /// The next prefix that was found, or is found no longer. Nothing is said before the kernel's tables have been seen
    /// whole, or while they are looked at again.
    pub fn poll_found(&mut self) -> Option<FoundRoute> {
        if !self.has_looked() {
            return None;
        }
        self.found.poll(&self.tables, &self.devices)
    }

    /// Nothing is left to do or to wait for, retries aside.
    pub fn is_settled(&self) -> bool {
        self.flights.is_empty()
            && self.dumps.is_idle()
            && self.queue.is_empty()
            && self.stray_queue.is_empty()
            && self.hand.is_done()
            && self.next_hops.is_settled()
            && !self.doubtful
            && self.is_tunnel_settled()
    }

    /// The kernel's tables have been seen whole.
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// The kernel's tables have been seen whole, and are not being looked at again: what is not known is not there.
    pub fn has_looked(&self) -> bool {
        self.synced && self.dumps.is_idle()
    }

    /// What tells our route to a prefix from another.
    fn key(&self, prefix: IpNet) -> RouteKey {
        let RoutesConfig { table, protocol, .. } = self.config;
        let metric = self.config.metric_of(matches!(prefix, IpNet::V4(_)));
        RouteKey { prefix, table, metric, protocol }
    }

    /// Sets of next hops that no route uses any more go.
    fn clear_away(&mut self) {
        let (mut sets, mut ways) = (Used::default(), Used::default());
        for (_, entry) in self.entries.iter_from(0) {
            entry.wanted.into_iter().for_each(|id| sets.mark(id));
            entry.seen.into_iter().for_each(|id| ways.mark(id));
        }
        self.flights.iter().filter_map(Flight::ways).for_each(|id| ways.mark(id));
        let used = self.wants.keep(&sets, &mut ways);
        self.next_hops.keep_targets(&used);
    }
}

fn terrain<'a>(
    config: &RoutesConfig,
    tables: &'a BTreeMap<u32, Table>,
    devices: &'a Devices,
    hidden: &'a BTreeSet<IpAddr>,
    tunnel: &'a Tunnel,
) -> Terrain<'a> {
    let tunnel = tunnel.mouth();
    Terrain { main: tables.get(&MAIN), devices, via_default: config.via_default, hidden, tunnel }
}
