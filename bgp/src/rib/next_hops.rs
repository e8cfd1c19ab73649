//! What is known of the paths' next hops: whether they can be reached, and how far away they are.
//!
//! The tables count which next hops their paths have, and the owner of the Rib is told of those that come and
//! go ([`Rib::poll_next_hop`]); it finds out about them and says so ([`Rib::set_next_hop`]). A path by an
//! unreachable next hop is never the best (RFC 4271 section 9.1.2); of others the nearest next hop counts.
//! Until something else is said every next hop is reachable at metric 0, so that a speaker that forwards
//! nothing itself need not track any. Without [`Rib::track_next_hops`] nothing is counted.
//!
//! [`Rib::poll_next_hop`]: super::Rib::poll_next_hop
//! [`Rib::set_next_hop`]: super::Rib::set_next_hop
//! [`Rib::track_next_hops`]: super::Rib::track_next_hops

use std::net::IpAddr;

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};

use crate::types::PeerId;
use crate::wire::Nlri;

use super::destination::Path;

/// How a next hop is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reachability {
    /// It can be reached.
    Reachable {
        /// The cost of the way to it; lower is nearer. 0 where there is no such notion.
        metric: u32,
    },
    /// There is no way to it.
    Unreachable,
}

/// What changed in the set of next hops in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextHopNews {
    /// A first path has it: whoever tracks next hops is to find out about it.
    Used(IpAddr),
    /// No path has it any more, and what was known of it is forgotten.
    Unused(IpAddr),
}

/// The next hops in use, with what is known of each.
#[derive(Debug, Default)]
pub struct NextHops {
    tracked: HashMap<IpAddr, Reachability, RandomState>,
    /// How many of them are not as every next hop is by default.
    remarkable: usize,
}

/// How many paths of one table have which next hop, and which of them came or went.
#[derive(Debug, Default)]
pub(super) struct NextHopUses {
    counts: Option<HashMap<IpAddr, usize, RandomState>>,
    /// Those that a first path got, or a last one lost. A set, so that one that flaps stays one entry.
    news: HashSet<IpAddr, RandomState>,
}

impl Default for Reachability {
    fn default() -> Self {
        Reachability::Reachable { metric: 0 }
    }
}

impl NextHops {
    /// What is known of a next hop.
    pub fn get(&self, address: IpAddr) -> Reachability {
        self.tracked.get(&address).copied().unwrap_or_default()
    }

    /// Whether every next hop is as by default, so that none need be looked at.
    pub(super) fn is_ordinary(&self) -> bool {
        self.remarkable == 0
    }

    /// The next hops in use, with what is known of each, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (IpAddr, Reachability)> {
        self.tracked.iter().map(|(address, reachability)| (*address, *reachability))
    }

    /// Remembers what a next hop is like. Says whether that is new; nothing is kept of one that is not in use.
    pub(super) fn set(&mut self, address: IpAddr, reachability: Reachability) -> bool {
        let Some(known) = self.tracked.get_mut(&address).filter(|known| **known != reachability) else {
            return false;
        };
        self.remarkable -= usize::from(*known != Reachability::default());
        self.remarkable += usize::from(reachability != Reachability::default());
        *known = reachability;
        true
    }

    /// Begins or ends to track a next hop, as it is in use or not; says so if that is a change.
    pub(super) fn track(&mut self, address: IpAddr, used: bool) -> Option<NextHopNews> {
        match (used, self.tracked.contains_key(&address)) {
            (true, false) => {
                self.tracked.insert(address, Reachability::default());
                Some(NextHopNews::Used(address))
            }
            (false, true) => {
                self.set(address, Reachability::default());
                self.tracked.remove(&address);
                Some(NextHopNews::Unused(address))
            }
            _ => None,
        }
    }
}

impl NextHopUses {
    /// Counts from now on.
    pub(super) fn begin(&mut self) {
        self.counts.get_or_insert_default();
    }

    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.counts.as_ref().is_some_and(|counts| counts.contains_key(&address))
    }

    pub(super) fn added<N: Nlri>(&mut self, path: &Path<N>) {
        let Some(counts) = self.counts.as_mut().filter(|_| path.source != PeerId::LOCAL) else { return };
        let address = path.attrs.next_hop.address();
        let count = counts.entry(address).or_insert(0);
        *count += 1;
        if *count == 1 {
            self.news.insert(address);
        }
    }

    pub(super) fn removed<N: Nlri>(&mut self, path: &Path<N>) {
        let Some(counts) = self.counts.as_mut().filter(|_| path.source != PeerId::LOCAL) else { return };
        let address = path.attrs.next_hop.address();
        if let Some(count) = counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&address);
                self.news.insert(address);
            }
        }
    }

    /// One that a first path got or a last one lost since it was last asked for here.
    pub(super) fn poll(&mut self) -> Option<IpAddr> {
        let address = self.news.iter().next().copied()?;
        self.news.remove(&address);
        Some(address)
    }
}
