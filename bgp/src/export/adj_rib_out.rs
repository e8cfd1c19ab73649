//! Adj-RIB-Out of a group, of either kind.

use smallvec::SmallVec;

use crate::rib::{Destination, DestinationId, Path};
use crate::types::{PathId, PeerId};
use crate::wire::Nlri;

use super::sent::Sent;
use super::sent_paths::SentPaths;

/// What the members were sent.
#[derive(Clone, Debug)]
pub(super) enum AdjRibOut<N: Nlri> {
    /// Of each destination one path, the best.
    Best(Sent),
    /// Of each destination several.
    Several(SentPaths<N>),
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

    /// The route of a destination that `peer`, as a member, was sent, or the routes, each as it was received and with
    /// the path identifier that it was sent with. Of best paths one that has changed since is left out until the
    /// change has been sent.
    pub(super) fn routes<'a>(
        &'a self,
        id: DestinationId,
        destination: &'a Destination<N>,
        peer: PeerId,
    ) -> SmallVec<[(PathId, &'a Path<N>); 1]> {
        match self {
            AdjRibOut::Best(sent) => {
                let source = sent.get(id).filter(|source| *source != peer);
                let path = destination.best().filter(|path| Some(path.source) == source);
                path.map(|path| (PathId(0), path)).into_iter().collect()
            }
            AdjRibOut::Several(sent) => {
                let paths = sent.get(id).iter().filter(|path| path.source != peer);
                paths.filter_map(|path| Some((path.path_id_sent()?, path))).collect()
            }
        }
    }
}
