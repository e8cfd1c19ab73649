//! Next-hop tracking: what the kernel's routes say of the paths' next hops, for the decision.
//!
//! The Rib says which next hops are in use, [`Routes`] how each resolves, and this carries the one to the other
//! before anything is decided or sent. Until the kernel's table has been seen whole, every next hop counts as
//! reachable.

use bgp::rib::{NextHopNews, Reachability, Rib};
use fib::{Resolution, RouteEvent, Routes};

use crate::config::NextHopTracking;

/// Between the Rib and the kernel's routes.
#[derive(Debug)]
pub(super) struct NextHopTracker {
    routes: Routes,
}

impl NextHopTracker {
    /// For a Rib without a route.
    pub(super) fn new(config: NextHopTracking, rib: &mut Rib) -> NextHopTracker {
        rib.track_next_hops();
        NextHopTracker { routes: Routes::new(config.via_default) }
    }

    /// Takes the kernel's news.
    pub(super) fn kernel(&mut self, events: Vec<RouteEvent>) {
        events.into_iter().for_each(|event| self.routes.handle(event));
    }

    /// Tells the Rib what has changed. The destinations concerned are decided again when it sweeps.
    pub(super) fn settle(&mut self, rib: &mut Rib) {
        while let Some(news) = rib.poll_next_hop() {
            match news {
                NextHopNews::Used(address) => self.routes.track(address),
                NextHopNews::Unused(address) => self.routes.forget(address),
            }
        }
        while let Some((address, resolution)) = self.routes.poll() {
            let reachability = match resolution {
                Resolution::Resolved { metric } => Reachability::Reachable { metric },
                Resolution::Unresolved => Reachability::Unreachable,
            };
            rib.set_next_hop(address, reachability);
        }
    }
}
