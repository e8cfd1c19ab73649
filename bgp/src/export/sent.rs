//! Adj-RIB-Out of a group: for each destination, whose path its members were sent.
//!
//! That is all there is to remember. What was sent follows from the path and the group's policy; who was sent
//! it from the path's source, as that is the one member who was not.

use std::sync::Arc;

use crate::rib::{DestinationId, PeerMap};
use crate::types::PeerId;

/// The source of the path sent for each destination, in chunks that copies share until one of them writes: to
/// copy it for a detached member costs little, however large the table.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    chunks: Vec<Option<Arc<Chunk>>>,
    total: usize,
    by_source: PeerMap<usize>,
}

const CHUNK: usize = 1024;

/// 0 where nothing was sent, otherwise see [`encode`].
type Chunk = [u32; CHUNK];

impl Sent {
    pub(super) fn get(&self, id: DestinationId) -> Option<PeerId> {
        let chunk = self.chunks.get(id.index() / CHUNK)?.as_ref()?;
        chunk.get(id.index() % CHUNK).copied().and_then(decode)
    }

    /// Remembers that the path of `source`, or none, was sent; says what was before.
    pub(super) fn set(&mut self, id: DestinationId, source: Option<PeerId>) -> Option<PeerId> {
        let before = self.get(id);
        if before != source {
            self.count(before, |n| *n -= 1);
            self.count(source, |n| *n += 1);
            self.write(id, source.map_or(0, encode));
        }
        before
    }

    /// How many routes `peer`, as a member, was sent and has not been told to forget.
    pub(super) fn advertised_to(&self, peer: PeerId) -> usize {
        self.total - self.by_source.get(peer).copied().unwrap_or(0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.total == 0
    }

    fn count(&mut self, source: Option<PeerId>, change: impl Fn(&mut usize)) {
        if let Some(source) = source {
            change(&mut self.total);
            change(self.by_source.slot(source));
        }
    }

    fn write(&mut self, id: DestinationId, value: u32) {
        let index = id.index() / CHUNK;
        if index >= self.chunks.len() {
            self.chunks.resize(index + 1, None);
        }
        let Some(chunk) = self.chunks.get_mut(index) else { return };
        let chunk = Arc::make_mut(chunk.get_or_insert_with(|| Arc::new([0; CHUNK])));
        if let Some(slot) = chunk.get_mut(id.index() % CHUNK) {
            *slot = value;
        }
    }
}

/// `LOCAL` wraps round to 1, the first peer is 2: 0 is left for "nothing".
fn encode(source: PeerId) -> u32 {
    source.0.wrapping_add(2)
}

fn decode(value: u32) -> Option<PeerId> {
    (value != 0).then(|| PeerId(value.wrapping_sub(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_lead_back() {
        let mut sent = Sent::default();
        for (i, source) in [PeerId::LOCAL, PeerId(0), PeerId(9)].into_iter().enumerate() {
            let id = DestinationId(i as u32 * 3000);
            assert_eq!(sent.set(id, Some(source)), None);
            assert_eq!(sent.get(id), Some(source));
        }
        assert_eq!(sent.get(DestinationId(1)), None);
        assert_eq!((sent.advertised_to(PeerId(9)), sent.advertised_to(PeerId(1))), (2, 3));
        assert_eq!(sent.set(DestinationId(0), None), Some(PeerId::LOCAL));
        assert_eq!(sent.advertised_to(PeerId(1)), 2);
    }

    #[test]
    fn a_copy_is_a_copy() {
        let mut sent = Sent::default();
        sent.set(DestinationId(5), Some(PeerId(1)));
        let copy = sent.clone();
        sent.set(DestinationId(5), None);
        assert_eq!(copy.get(DestinationId(5)), Some(PeerId(1)));
        assert!(sent.is_empty() && !copy.is_empty());
    }
}
