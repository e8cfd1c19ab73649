//! Adj-RIB-Out of a group whose members are sent several paths of a destination (RFC 7911).
//!
//! For each destination the paths that its members were sent, as they were received; what was made of them follows
//! from the group's spec. A path shares its attributes with the table, so that it costs little to keep, and a change
//! of one path is told from those that stayed as they were.

use std::sync::Arc;

use crate::rib::{DestinationId, Path, PeerMap};
use crate::types::PeerId;
use crate::wire::Nlri;

/// The paths sent, in chunks that copies share until one of them writes.
#[derive(Clone, Debug)]
pub(super) struct SentPaths<N: Nlri> {
    chunks: Vec<Option<Arc<Chunk<N>>>>,
    total: usize,
    by_source: PeerMap<usize>,
}

const CHUNK: usize = 1024;

/// Each destination's paths in order of the identifiers that they were sent with.
type Chunk<N> = Vec<Box<[Path<N>]>>;

impl<N: Nlri> Default for SentPaths<N> {
    fn default() -> Self {
        SentPaths { chunks: Vec::new(), total: 0, by_source: PeerMap::default() }
    }
}

impl<N: Nlri> SentPaths<N> {
    pub(super) fn get(&self, id: DestinationId) -> &[Path<N>] {
        let chunk = self.chunks.get(id.index() / CHUNK).and_then(Option::as_ref);
        chunk.and_then(|chunk| chunk.get(id.index() % CHUNK)).map(|paths| &**paths).unwrap_or_default()
    }

    /// Remembers that these paths were sent, in order of their identifiers; says what was before.
    pub(super) fn replace(&mut self, id: DestinationId, paths: Box<[Path<N>]>) -> Box<[Path<N>]> {
        if paths.is_empty() && self.get(id).is_empty() {
            return paths;
        }
        self.count(&paths, |n| *n += 1);
        let index = id.index() / CHUNK;
        if index >= self.chunks.len() {
            self.chunks.resize(index + 1, None);
        }
        let chunk = self
            .chunks
            .get_mut(index)
            .map(|chunk| Arc::make_mut(chunk.get_or_insert_with(|| Arc::new(vec![Box::default(); CHUNK]))));
        let slot = chunk.and_then(|chunk| chunk.get_mut(id.index() % CHUNK));
        let before = slot.map(|slot| std::mem::replace(slot, paths)).unwrap_or_default();
        self.count(&before, |n| *n -= 1);
        before
    }

    /// How many routes `peer`, as a member, was sent and has not been told to forget.
    pub(super) fn advertised_to(&self, peer: PeerId) -> usize {
        self.total - self.by_source.get(peer).copied().unwrap_or(0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.total == 0
    }

    fn count(&mut self, paths: &[Path<N>], change: impl Fn(&mut usize)) {
        for path in paths {
            change(&mut self.total);
            change(self.by_source.slot(path.source));
        }
    }
}
