//! Adj-RIB-Out of a group, of either kind.

use smallvec::SmallVec;

use crate::rib::{Destination, DestinationId, Path};
use crate::types::{PathId, PeerId};
use crate::wire::{Attrs, Nlri};

use super::sent::Sent;
use super::sent_paths::{SentPath, SentPaths};

/// What the members were sent.
#[derive(Clone, Debug)]
pub(super) enum AdjRibOut<N: Nlri> {
    /// Of each destination one path, the best.
    Best(Sent),
    /// Of each destination several.
    Several(SentPaths<N>),
}

/// A route that was sent, as it was received.
#[derive(Clone, Copy, Debug)]
pub(super) struct RouteSent<'a, N: Nlri> {
    /// 0 without ADD-PATH.
    pub(super) path_id: PathId,
    pub(super) source: PeerId,
    pub(super) attrs: &'a Attrs,
    pub(super) body: N::Body,
}

impl<N: Nlri> Default for AdjRibOut<N> {
    fn default() -> Self {
        AdjRibOut::Best(Sent::default())
    }
}

impl<N: Nlri> AdjRibOut<N> {
    /// How many routes `peer`, as a member, was sent and has not been told to forget.
    pub(super) fn advertised_to(&self, peer: PeerId) -> usize {
        match self {
            AdjRibOut::Best(sent) => sent.advertised_to(peer),
            AdjRibOut::Several(sent) => sent.advertised_to(peer),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            AdjRibOut::Best(sent) => sent.is_empty(),
            AdjRibOut::Several(sent) => sent.is_empty(),
        }
    }

    /// The route of a destination that `peer`, as a member, was sent, or the routes. One that has changed since is
    /// left out until the change has been sent.
    pub(super) fn routes<'a>(
        &'a self,
        id: DestinationId,
        destination: &'a Destination<N>,
        peer: PeerId,
    ) -> SmallVec<[RouteSent<'a, N>; 1]> {
        match self {
            AdjRibOut::Best(sent) => {
                let source = sent.get(id).filter(|source| *source != peer);
                let path = destination.best().filter(|path| Some(path.source) == source);
                let of = |path: &'a Path<N>| RouteSent {
                    path_id: PathId(0),
                    source: path.source,
                    attrs: &path.attrs,
                    body: path.body,
                };
                path.map(of).into_iter().collect()
            }
            AdjRibOut::Several(sent) => {
                let paths = sent.get(id).iter().filter(|path| path.source != peer);
                let of = |path: &'a SentPath<N>| RouteSent {
                    path_id: path.path_id,
                    source: path.source,
                    attrs: &path.attrs,
                    body: path.body,
                };
                paths.map(of).collect()
            }
        }
    }
}
