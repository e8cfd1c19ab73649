//! Packing: the routes of one window of the log, sorted by what they have in common, so that as few messages
//! as possible carry them.
//!
//! Attributes are the same if they are the same allocation (`intern` sees to that), and the routes of one
//! source only go into one message: then split horizon is to leave whole messages out. A window may hold
//! the attribute sets in any order; each of them fills its own messages all the same.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::policy::Fixed;
use crate::types::{PathId, PeerId};
use crate::wire::{Attrs, Nlri, Route};

use super::batch::Audience;
use super::plans::{Plans, Released};

/// Gathers the routes of a window. It is kept from window to window for its allocations.
#[derive(Debug)]
pub(super) struct Packer<N: Nlri> {
    /// What the group's policy makes of the window's routes.
    pub(super) plans: Plans,
    bins: Vec<Bin>,
    by_content: HashMap<Content, Option<usize>, FixedState>,
    /// What was looked up last, as most routes are like the one before.
    last: Option<(Content, Option<usize>)>,
    routes: Vec<(usize, Route<N>)>,
    octets: usize,
}

/// Routes that go into the same messages.
#[derive(Debug)]
pub(super) struct Bin {
    pub(super) audience: Audience,
    /// `None` for a withdrawal.
    pub(super) announced: Option<Announced>,
    len: usize,
}

/// What a bin announces.
#[derive(Clone, Debug)]
pub(super) struct Announced {
    pub(super) attrs: Arc<Attrs>,
    pub(super) fixed: Fixed,
    /// Who gave it.
    pub(super) source: PeerId,
}

/// What tells bins apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Content {
    /// The address of the attributes, which the bin keeps alive, what of them is fixed, and the source.
    Announce(usize, Fixed, PeerId),
    Withdraw(Audience),
}

/// What a batch aims at, in octets. Large enough for few system calls, small enough to be soon complete.
const FULL: usize = 64 * 1024;

/// A message's header and attributes, about; counted for each bin.
const BIN_OCTETS: usize = 128;

impl<N: Nlri> Default for Packer<N> {
    fn default() -> Self {
        let plans = Plans::default();
        Packer {
            plans,
            bins: Vec::new(),
            by_content: HashMap::default(),
            last: None,
            routes: Vec::new(),
            octets: 0,
        }
    }
}

impl<N: Nlri> Packer<N> {
    /// Whether the window should end here.
    pub(super) fn is_full(&self) -> bool {
        self.octets >= FULL
    }

    /// About how many octets the messages will take.
    pub(super) fn octets(&self) -> usize {
        self.octets
    }

    /// The bin for announcing what `source` gave; `None` if it is not exported, which `exports` is asked once for
    /// each attribute set and source.
    pub(super) fn bin_for(
        &mut self,
        released: &Released<'_>,
        source: PeerId,
        audience: impl FnOnce() -> Audience,
        exports: impl FnOnce() -> bool,
    ) -> Option<usize> {
        let (attrs, fixed) = (&*released.attrs, released.fixed);
        let content = Content::Announce(Arc::as_ptr(attrs) as usize, fixed, source);
        if let Some((_, bin)) = self.last.filter(|(last, _)| *last == content) {
            return bin;
        }
        let bin = match self.by_content.get(&content) {
            Some(&bin) => bin,
            None => {
                // A bin that is not exported is remembered as well, without routes; it keeps the address in use.
                let attrs = attrs.clone();
                let bin = self.add(audience(), Some(Announced { attrs, fixed, source }));
                let bin = exports().then_some(bin);
                self.by_content.insert(content, bin);
                bin
            }
        };
        self.last = Some((content, bin));
        bin
    }

    /// Puts a route into a bin.
    pub(super) fn announce(&mut self, bin: usize, nlri: N, path_id: PathId, body: N::Body) {
        self.put(bin, Route { nlri, path_id, body });
    }

    /// Adds a withdrawal.
    pub(super) fn withdraw(&mut self, audience: Audience, nlri: N, path_id: PathId) {
        let content = Content::Withdraw(audience);
        let bin = match self.by_content.get(&content) {
            Some(&Some(bin)) => bin,
            _ => {
                let bin = self.add(audience, None);
                self.by_content.insert(content, Some(bin));
                bin
            }
        };
        self.put(bin, Route { nlri, path_id, body: N::Body::default() });
    }

    /// Hands out the bins with their routes, those with the same audience next to each other, and is empty
    /// afterwards.
    pub(super) fn drain(&mut self, mut each: impl FnMut(&Bin, &[Route<N>])) {
        let sorted = self.sort_routes();
        let mut rest = sorted.as_slice();
        let mut filled = Vec::with_capacity(self.bins.len());
        for bin in &self.bins {
            if let Some((routes, others)) = rest.split_at_checked(bin.len) {
                filled.push((bin, routes));
                rest = others;
            }
        }
        filled.retain(|(_, routes)| !routes.is_empty());
        filled.sort_by_key(|(bin, _)| (bin.audience, bin.announced.is_some()));
        filled.into_iter().for_each(|(bin, routes)| each(bin, routes));
        self.clear();
    }

    /// The routes in order of bin, and within a bin as they came: one pass, as the bins are counted.
    fn sort_routes(&mut self) -> Vec<Route<N>> {
        self.routes.sort_by_key(|(bin, _)| *bin);
        self.routes.iter().map(|(_, route)| *route).collect()
    }

    fn add(&mut self, audience: Audience, announced: Option<Announced>) -> usize {
        self.bins.push(Bin { audience, announced, len: 0 });
        self.bins.len() - 1
    }

    fn put(&mut self, index: usize, route: Route<N>) {
        if let Some(bin) = self.bins.get_mut(index) {
            self.octets += size_of::<N>() + if bin.len == 0 { BIN_OCTETS } else { 0 };
            bin.len += 1;
            self.routes.push((index, route));
        }
    }

    fn clear(&mut self) {
        self.plans.clear();
        self.bins.clear();
        self.by_content.clear();
        self.last = None;
        self.routes.clear();
        self.octets = 0;
    }
}
