//! The newest routes that were refused at the door, so that it can be said of a route why it is not there.
//!
//! So many are remembered and no more: whoever sends what must not be used does not take memory by it. That a peer has
//! taken one back since is not seen here.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::types::PeerId;
use crate::wire::{Attrs, Nlris};

use super::admit::Rejected;

/// How many routes are remembered, but for one announcement, which may have more.
const LIMIT: usize = 1024;

/// An announcement that was refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Who sent it.
    pub peer: PeerId,
    /// When, in seconds of the caller's clock.
    pub learned: u32,
    /// Why it must not be used.
    pub reason: Rejected,
    /// What it said.
    pub attrs: Arc<Attrs>,
    /// Of which routes.
    pub routes: Nlris,
}

/// The newest of them.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    all: VecDeque<Refusal>,
    routes: usize,
}

impl Refusals {
    pub(super) fn push(&mut self, refusal: Refusal) {
        self.routes += refusal.routes.len();
        self.all.push_back(refusal);
        while self.routes > LIMIT && self.all.len() > 1 {
            self.routes -= self.all.pop_front().map_or(0, |oldest| oldest.routes.len());
        }
    }

    pub(super) fn forget(&mut self, peer: PeerId) {
        self.all.retain(|refusal| refusal.peer != peer);
        self.routes = self.all.iter().map(|refusal| refusal.routes.len()).sum();
    }

    /// The newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Refusal> {
        self.all.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{NextHop, Route};

    fn refusal(peer: u32, routes: usize) -> Refusal {
        let attrs = Arc::new(Attrs::new(NextHop::Ipv4([10, 0, 0, 1].into())));
        let route = Route::new("10.1.0.0/16".parse().unwrap(), ());
        let routes = Nlris::Ipv4(vec![route; routes]);
        Refusal { peer: PeerId(peer), learned: 0, reason: Rejected::AsLoop, attrs, routes }
    }

    #[test]
    fn the_oldest_make_room() {
        let mut refusals = Refusals::default();
        for peer in 0..3 {
            refusals.push(refusal(peer, LIMIT / 2));
        }
        let peers = |refusals: &Refusals| refusals.iter().map(|one| one.peer.0).collect::<Vec<_>>();
        assert_eq!(peers(&refusals), [2, 1]);
        refusals.forget(PeerId(2));
        assert_eq!((peers(&refusals), refusals.routes), (vec![1], LIMIT / 2));
        refusals.push(refusal(4, 2 * LIMIT));
        assert_eq!(peers(&refusals), [4]);
    }
}
