//! Next-hop tracking: what the kernel's routes say of the paths' next hops, for the decision.
//!
//! The Rib says which next hops are in use, [`Routes`] how each resolves, and this carries the one to the other
//! before anything is decided or sent. Until the kernel's table has been seen whole, every next hop counts as
//! reachable.

use bgp::rib::{NextHopNews, Reachability, Rib};
use fib::routes::{Resolution, Routes};

/// Tells the Rib what has changed. The destinations concerned are decided again when it sweeps.
pub(super) fn settle(routes: &mut Routes, rib: &mut Rib) {
    while let Some(news) = rib.poll_next_hop() {
        match news {
            NextHopNews::Used(address) => routes.track(address),
            NextHopNews::Unused(address) => routes.forget(address),
        }
    }
    while let Some((address, resolution)) = routes.poll() {
        let reachability = match resolution {
            Resolution::Resolved { metric } => Reachability::Reachable { metric },
            Resolution::Unresolved => Reachability::Unreachable,
        };
        rib.set_next_hop(address, reachability);
    }
}
