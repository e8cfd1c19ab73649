//! What is wanted, by the set of next hops, and the ways that each set comes to.

use std::collections::BTreeSet;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::event::{Hop, Hops};
use super::next_hops::{NextHops, Terrain};
use super::wanted::{WantedHop, WantedRoute};
use super::ways::{Id, Pool, Used, Ways};

/// The sets of next hops that routes share, and the ways that they resolve to.
#[derive(Debug)]
pub(super) struct Wants {
    wanted: Pool<WantedRoute>,
    ways: Pool<Ways>,
    /// To each set its ways; `None` while no next hop of it resolves.
    resolved: HashMap<Id, Option<Id>, FixedState>,
    /// The sets whose routes are to be looked at.
    moved: Used,
}

impl Wants {
    pub(super) fn new(seed: u64) -> Wants {
        Wants {
            wanted: Pool::new(seed),
            ways: Pool::new(seed),
            resolved: HashMap::with_hasher(FixedState::with_seed(seed)),
            moved: Used::default(),
        }
    }

    /// Takes note of a set.
    pub(super) fn add(&mut self, wanted: WantedRoute, next_hops: &mut NextHops, terrain: Terrain<'_>) -> Id {
        let id = self.wanted.intern(wanted);
        if !self.resolved.contains_key(&id) {
            let hops = self.wanted.get(id).map(|wanted| wanted.hops().to_vec()).unwrap_or_default();
            hops.into_iter().for_each(|hop| next_hops.use_target(hop, terrain));
            let ways = self.resolve(id, next_hops);
            self.resolved.insert(id, ways);
        }
        id
    }

    pub(super) fn wanted(&self, id: Id) -> Option<&Arc<WantedRoute>> {
        self.wanted.get(id)
    }

    pub(super) fn ways(&self, id: Id) -> Option<&Arc<Ways>> {
        self.ways.get(id)
    }

    pub(super) fn add_ways(&mut self, ways: Ways) -> Id {
        self.ways.intern(ways)
    }

    /// The ways that a set comes to.
    pub(super) fn resolved(&self, set: Id) -> Option<Id> {
        self.resolved.get(&set).copied().flatten()
    }

    /// Looks at the next hops again that may lead elsewhere. Says whether some set is concerned: even where it comes to the
    /// same ways, the route that they are known by may be another.
    pub(super) fn look_again(&mut self, next_hops: &mut NextHops, terrain: Terrain<'_>) -> bool {
        let changed = next_hops.look_again(terrain);
        if changed.is_empty() {
            return false;
        }
        let is_concerned = |wanted: &WantedRoute| wanted.hops().iter().any(|hop| changed.contains(hop));
        let concerned = self.wanted.iter().filter(|(_, wanted)| is_concerned(wanted));
        let concerned: Vec<Id> = concerned.map(|(id, _)| id).collect();
        for set in &concerned {
            let ways = self.resolve(*set, next_hops);
            self.resolved.insert(*set, ways);
            self.moved.mark(*set);
        }
        !concerned.is_empty()
    }

    /// Whether the routes with this set are to be looked at, until all have been.
    pub(super) fn has_moved(&self, set: Id) -> bool {
        self.moved.has(set)
    }

    /// All have been looked at.
    pub(super) fn settle(&mut self) {
        self.moved = Used::default();
    }

    fn resolve(&mut self, set: Id, next_hops: &NextHops) -> Option<Id> {
        let wanted = self.wanted.get(set)?;
        let ways = match &**wanted {
            WantedRoute::Blackhole => Ways::Blackhole,
            WantedRoute::Via(hops) => {
                let targets = hops.iter().filter_map(|hop| next_hops.target(hop));
                let ways: Hops = targets.flat_map(|target| target.ways.iter().copied()).collect();
                Some(ways).filter(|ways| !ways.is_empty()).map(Ways::via)?
            }
        };
        Some(self.ways.intern(ways))
    }

    /// Whether it is time to clear away what nobody uses.
    pub(super) fn is_full(&self) -> bool {
        self.wanted.is_full() || self.ways.is_full()
    }

    /// Clears away the sets and ways that no route uses. Says which next hops are still in use.
    pub(super) fn keep(&mut self, sets: &Used, ways: &mut Used) -> BTreeSet<WantedHop> {
        self.wanted.keep(sets);
        self.resolved.retain(|set, _| sets.has(*set));
        self.resolved.values().flatten().for_each(|id| ways.mark(*id));
        self.ways.keep(ways);
        self.wanted.iter().flat_map(|(_, wanted)| wanted.hops()).copied().collect()
    }

    /// Every way that is known of: those of routes in the kernel among them.
    pub(super) fn hops(&self) -> impl Iterator<Item = &Hop> {
        let hops = self.ways.iter().filter_map(|(_, ways)| match ways {
            Ways::Via(hops) => Some(hops),
            _ => None,
        });
        hops.flatten()
    }

    /// The ways such as these.
    pub(super) fn ways_where(&self, condition: impl Fn(&Ways) -> bool) -> Used {
        let mut found = Used::default();
        self.ways.iter().filter(|(_, ways)| condition(ways)).for_each(|(id, _)| found.mark(id));
        found
    }
}
