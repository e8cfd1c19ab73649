//! What a peer sent, as it came: its Adj-RIB-In before policy, beside the table.
//!
//! Kept only for peers for whom somebody wants it, or who cannot be asked for their routes again (RFC 2918): it
//! costs about as much memory as the table. A new import policy is then applied to what is kept, a slice at a time,
//! and what the policy refuses can still be shown.
//!
//! Routes have a place for as long as they are kept, so that a slice or a listing goes on where the last one ended.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use ipnet::{Ipv4Net, Ipv6Net};

use crate::types::{Family, PathId};
use crate::wire::{Attrs, EvpnKey, Nlri, Nlris, Route};

/// What one peer sent, in all families.
#[derive(Debug, Default)]
pub(super) struct AdjIn {
    pub(super) ipv4: Kept<Ipv4Net>,
    pub(super) ipv6: Kept<Ipv6Net>,
    pub(super) evpn: Kept<EvpnKey>,
}

/// What it sent in one family.
#[derive(Debug)]
pub(super) struct Kept<N: Nlri> {
    places: Vec<Option<Held<N>>>,
    index: HashMap<(N, PathId), u32, RandomState>,
    free: Vec<u32>,
    generation: u16,
    /// From which place on routes have to be asked about again.
    next: Option<usize>,
}

/// A route as it came.
#[derive(Clone, Debug)]
pub struct Held<N: Nlri> {
    /// The route.
    pub route: Route<N>,
    /// Its attributes.
    pub attrs: Arc<Attrs>,
    /// When it came, in seconds of the caller's clock.
    pub learned: u32,
    generation: u16,
}

impl<N: Nlri> Default for Kept<N> {
    fn default() -> Self {
        let index = HashMap::default();
        Kept { places: Vec::new(), index, free: Vec::new(), generation: 0, next: None }
    }
}

impl AdjIn {
    pub(super) fn announce(&mut self, learned: u32, attrs: &Arc<Attrs>, routes: &Nlris) {
        match routes {
            Nlris::Ipv4(routes) => routes.iter().for_each(|route| self.ipv4.put(learned, attrs, route)),
            Nlris::Ipv6(routes) => routes.iter().for_each(|route| self.ipv6.put(learned, attrs, route)),
            Nlris::Evpn(routes) => routes.iter().for_each(|route| self.evpn.put(learned, attrs, route)),
        }
    }

    pub(super) fn withdraw(&mut self, routes: &Nlris) {
        match routes {
            Nlris::Ipv4(routes) => routes.iter().for_each(|route| self.ipv4.take(route)),
            Nlris::Ipv6(routes) => routes.iter().for_each(|route| self.ipv6.take(route)),
            Nlris::Evpn(routes) => routes.iter().for_each(|route| self.evpn.take(route)),
        }
    }

    /// As the table marks what a peer is to send again ...
    pub(super) fn mark_stale(&mut self, family: Family) {
        match family {
            Family::Ipv4Unicast => self.ipv4.mark(),
            Family::Ipv6Unicast => self.ipv6.mark(),
            Family::L2vpnEvpn => self.evpn.mark(),
        }
    }

    /// ... and discards what it has not.
    pub(super) fn discard_stale(&mut self, family: Family) {
        match family {
            Family::Ipv4Unicast => self.ipv4.discard(),
            Family::Ipv6Unicast => self.ipv6.discard(),
            Family::L2vpnEvpn => self.evpn.discard(),
        }
    }

    /// Has everything asked about again.
    pub(super) fn review(&mut self) {
        (self.ipv4.next, self.ipv6.next, self.evpn.next) = (Some(0), Some(0), Some(0));
    }
}

impl<N: Nlri> Kept<N> {
    /// The routes from a place on, each with its place; looks at no more than `limit` places.
    pub(super) fn page(&self, from: u32, limit: usize) -> impl Iterator<Item = (u32, &Held<N>)> {
        let places = self.places.iter().enumerate().skip(from as usize).take(limit);
        places.filter_map(|(place, held)| Some((place as u32, held.as_ref()?)))
    }

    /// One of them.
    pub(super) fn find(&self, nlri: N, path_id: PathId) -> Option<&Held<N>> {
        self.places.get(*self.index.get(&(nlri, path_id))? as usize)?.as_ref()
    }

    /// All places are below this one.
    pub(super) fn limit(&self) -> u32 {
        self.places.len() as u32
    }

    /// The next routes to ask about again, from no more than `limit` places; `None` if there are no more.
    pub(super) fn next_slice(&mut self, limit: usize) -> Option<Vec<Held<N>>> {
        let from = self.next?;
        if from >= self.places.len() {
            self.next = None;
            return None;
        }
        let slice = self.page(from as u32, limit).map(|(_, held)| held.clone()).collect();
        self.next = Some(from + limit);
        Some(slice)
    }

    fn put(&mut self, learned: u32, attrs: &Arc<Attrs>, route: &Route<N>) {
        let held = Some(Held { route: *route, attrs: attrs.clone(), learned, generation: self.generation });
        let Kept { places, free, index, .. } = self;
        let place = *index.entry((route.nlri, route.path_id)).or_insert_with(|| {
            free.pop().unwrap_or_else(|| {
                places.push(None);
                places.len() as u32 - 1
            })
        });
        if let Some(slot) = places.get_mut(place as usize) {
            *slot = held;
        }
    }

    fn take(&mut self, route: &Route<N>) {
        if let Some(place) = self.index.remove(&(route.nlri, route.path_id))
            && let Some(slot) = self.places.get_mut(place as usize)
        {
            *slot = None;
            self.free.push(place);
        }
    }

    fn mark(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }

    fn discard(&mut self) {
        let stale = |held: &&Held<N>| held.generation != self.generation;
        let routes: Vec<Route<N>> =
            self.places.iter().flatten().filter(stale).map(|held| held.route).collect();
        routes.iter().for_each(|route| self.take(route));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{attrs, route};
    use super::*;

    fn with(routes: std::ops::Range<u32>) -> Kept<Ipv4Net> {
        let mut kept = Kept::default();
        let attrs = Arc::new(attrs(&[1]));
        routes.for_each(|n| kept.put(0, &attrs, &route(n)));
        kept
    }

    #[test]
    fn places_are_used_again() {
        let mut kept = with(0..10);
        (0..5).for_each(|n| kept.take(&route(n)));
        kept.take(&route(77));
        (20..25).for_each(|n| kept.put(0, &Arc::new(attrs(&[2])), &route(n)));
        assert_eq!((kept.index.len(), kept.limit()), (10, 10));
        kept.put(9, &Arc::new(attrs(&[3])), &route(20));
        assert_eq!(
            (kept.index.len(), kept.page(0, 100).filter(|(_, held)| held.learned == 9).count()),
            (10, 1)
        );
    }

    #[test]
    fn what_is_not_sent_again_goes() {
        let mut kept = with(0..10);
        kept.mark();
        (0..3).for_each(|n| kept.put(0, &Arc::new(attrs(&[1])), &route(n)));
        assert_eq!(kept.index.len(), 10);
        kept.discard();
        assert_eq!(kept.index.len(), 3);
    }

    #[test]
    fn a_review_sees_everything_once() {
        let mut kept = with(0..10);
        assert!(kept.next_slice(4).is_none());
        kept.next = Some(0);
        let sizes: Vec<_> = std::iter::from_fn(|| kept.next_slice(4)).map(|slice| slice.len()).collect();
        assert_eq!(sizes, [4, 4, 2]);
        assert!(kept.next_slice(4).is_none());
    }
}
