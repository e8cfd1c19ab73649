//! Unicast routes and the kernel's routes: native mode, and next-hop tracking, for which one value of [`Routes`] serves.
//!
//! What others announce goes into the kernel's table (`import`), but for what the node must not be told by others
//! (`admission`). What this node announces itself ([`Advertiser`]) has a say in it: its blocks are blackholes here, and
//! routes within its services stay out. Without a `native` section nothing of this is done, and only next hops are
//! looked after.

mod admission;
mod import;
mod refusals;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Instant;

use bgp::rib::{Budget, Rib};
use bgp::types::Family;
use fib::routes::{RouteEvent, Routes, RoutesConfig};

use super::OPS;
use super::advertise::{Advertiser, Decapsulation, Effects};
use super::event::Action;
use super::next_hops;
use super::peer::Peers;
use crate::config::{BgpConfig, Config, NativeConfig, NativeKernel};

use import::Import;
pub(super) use import::{Verdict, hop};

/// What is given, and has a say in what becomes of a destination.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) peers: &'a Peers,
    /// What this node announces.
    pub(super) advertiser: Option<&'a Advertiser>,
    /// There is a tunnel to next hops that are on no link.
    pub(super) fallback: bool,
}

/// Between the unicast tables and the kernel's routes.
#[derive(Debug)]
pub(super) struct Native {
    pub(super) routes: Routes,
    /// The decision is told how next hops are reached.
    tracks: bool,
    /// Received routes go into the kernel.
    pub(super) import: Option<Import>,
    keeps_stale: bool,
    ending: bool,
    /// This node's addresses.
    own: Vec<IpAddr>,
}

impl Native {
    /// For a Rib without a route; `None` where the kernel's routes are nobody's business.
    pub(super) fn new(config: &Config, rib: &mut Rib, seed: u64) -> Option<Native> {
        let (bgp, native) = (&config.bgp, config.native.as_ref());
        if bgp.next_hop_tracking.is_none() && native.is_none() {
            return None;
        }
        if bgp.next_hop_tracking.is_some() {
            rib.track_next_hops();
        }
        let installing = native.filter(|native| native.kernel.install);
        Some(Native {
            routes: Routes::new(routes_config(bgp, native), seed),
            tracks: bgp.next_hop_tracking.is_some(),
            import: installing.map(|native| Import::new(native.accept.clone(), is_multipath(bgp), rib)),
            keeps_stale: installing.is_some(),
            ending: false,
            own: Vec::new(),
        })
    }

    /// News from the kernel.
    pub(super) fn kernel(&mut self, now: Instant, events: Vec<RouteEvent>) {
        events.into_iter().for_each(|event| self.routes.handle(now, event));
    }

    /// Whether this node has other addresses than when it was last asked for.
    pub(super) fn hears_of_addresses(&mut self) -> bool {
        let now = || self.routes.addresses().map(|(_, address)| address.addr());
        let is_new = !now().eq(self.own.iter().copied());
        if is_new {
            self.own = now().collect();
        }
        is_new
    }

    /// The node's addresses, as of then.
    pub(super) fn own_addresses(&self) -> &[IpAddr] {
        &self.own
    }

    /// Tells the decision how next hops are reached, before anything is decided.
    pub(super) fn resolve(&mut self, rib: &mut Rib) {
        if self.tracks {
            next_hops::settle(&mut self.routes, rib);
        }
    }

    /// Carries what changed in the tables to the kernel. Says whether there is more to do.
    pub(super) fn settle(
        &mut self,
        now: Instant,
        rib: &mut Rib,
        given: Given<'_>,
        budget: &mut Budget,
        actions: &mut VecDeque<Action>,
    ) -> bool {
        let mut more = false;
        if let Some(import) = self.import.as_mut().filter(|_| !self.ending) {
            more = import.settle(rib, given, &mut self.routes, budget);
        }
        let ops: Vec<_> = std::iter::from_fn(|| self.routes.poll_op(now)).take(OPS).collect();
        more |= ops.len() == OPS || self.routes.is_behind();
        if !ops.is_empty() {
            actions.push_back(Action::Routes(ops));
        }
        more
    }

    /// Neighbours have come, gone or changed their addresses.
    pub(super) fn neighbors_changed(&mut self) {
        self.import.iter_mut().for_each(Import::neighbors_changed);
    }

    /// What this node announces has changed.
    pub(super) fn announces_otherwise(&mut self, effects: Effects, rib: &mut Rib) {
        let Some(import) = &mut self.import else { return };
        import.look_again(effects.prefixes);
        if effects.all {
            import.look_at_everything(rib);
        }
    }

    /// Looks at every destination again.
    pub(super) fn look_at_everything(&mut self, rib: &mut Rib) {
        self.import.iter_mut().for_each(|import| import.look_at_everything(rib));
    }

    /// Takes what a new configuration says.
    pub(super) fn configure(&mut self, config: &Config, rib: &mut Rib) {
        let (bgp, native) = (&config.bgp, config.native.as_ref());
        self.routes.configure(routes_config(bgp, native));
        match (self.import.take(), native.filter(|native| native.kernel.install)) {
            (Some(mut import), Some(native)) => {
                import.configure(native.accept.clone(), is_multipath(bgp), rib);
                self.import = Some(import);
            }
            (None, Some(native)) => {
                self.import = Some(Import::new(native.accept.clone(), is_multipath(bgp), rib));
                self.keeps_stale = true;
            }
            (Some(import), None) => {
                import.close(rib);
                self.keeps_stale = false;
            }
            (None, None) => {}
        }
    }

    /// Ends: nothing new is wanted of the kernel, and what is ours in it stays for the next run or goes.
    pub(super) fn end(&mut self, keeps: bool) {
        self.ending = true;
        self.keeps_stale = false;
        if !keeps {
            self.routes.want_nothing();
        }
    }

    /// Whether the kernel is as it is to be left.
    pub(super) fn has_ended(&self) -> bool {
        self.ending && self.routes.is_settled()
    }

    /// How many received routes are refused, without those within services.
    pub(super) fn refused(&self) -> usize {
        self.import.as_ref().map_or(0, Import::refused)
    }

    /// How many are, by reason, services included.
    pub(super) fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.import.iter().flat_map(Import::refusals)
    }

    /// When the kernel is to be tried again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.routes.poll_timeout()
    }

    /// Whether the kernel has been read, and the tunnel made if there is to be one, as far as routes go into it.
    pub(super) fn is_synced(&self) -> bool {
        self.import.is_none() || self.routes.is_synced() && self.routes.has_tried_tunnel()
    }

    /// Says how others wrap what they send here through the tunnel, or that nothing such is taken. At the end nothing
    /// more is said: who keeps our routes is to keep them as they are.
    pub(super) fn tell_of_tunnel(&self, advertiser: &mut Advertiser) {
        if !self.ending {
            let tunnel = self.routes.tunnel().filter(|_| self.routes.decapsulates());
            advertiser.decapsulate(
                tunnel.map(|(tunnel, _)| Decapsulation { mac: tunnel.mac, over_ipv4: tunnel.is_ipv4() }),
            );
        }
    }

    /// Whether everything in a family's table has been looked at.
    pub(super) fn is_current(&self, family: Family, rib: &Rib) -> bool {
        self.import.as_ref().is_none_or(|import| self.routes.is_synced() && import.is_current(family, rib))
    }

    /// Whether the kernel has been forwarding by what was in it at the start; so it has where no route is ours.
    pub(super) fn has_forwarded(&self) -> bool {
        self.import.is_none() || self.routes.has_found_routes()
    }

    /// Whether routes of a former run are still kept though nobody wants them.
    pub(super) fn keeps_stale(&self) -> bool {
        self.keeps_stale
    }

    /// Lets go what a former run left in the kernel and nobody wants.
    pub(super) fn release_stale(&mut self) {
        self.keeps_stale = false;
        self.routes.release_stale();
    }
}

fn is_multipath(bgp: &BgpConfig) -> bool {
    bgp.decision.multipath.ebgp > 1 || bgp.decision.multipath.ibgp > 1
}

fn routes_config(bgp: &BgpConfig, native: Option<&NativeConfig>) -> RoutesConfig {
    let Some(NativeConfig { kernel, audit_interval, .. }) = native else {
        let via_default = bgp.next_hop_tracking.is_none_or(|tracking| tracking.via_default);
        return RoutesConfig { via_default, install: false, ..RoutesConfig::default() };
    };
    let NativeKernel { table, metric, protocol, via_default, install, take_over, fallback: tunnel } =
        kernel.clone();
    let audit_interval = *audit_interval;
    RoutesConfig { table, protocol, metric, via_default, install, take_over, tunnel, audit_interval }
}
