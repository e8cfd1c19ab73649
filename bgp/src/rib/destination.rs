//! A destination and the paths to it.

use std::sync::Arc;

use crate::types::{PathId, PeerId};
use crate::wire::{Attrs, Nlri};

use super::log::Version;

/// The small number of a destination in its table. It is the destination's for as long as the table knows it,
/// that is until every reader of the log has seen it go; then another may get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationId(pub u32);

impl DestinationId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// One way to a destination.
#[derive(Clone, Debug)]
pub struct Path<N: Nlri> {
    /// Its attributes, as received; shared with other paths.
    pub attrs: Arc<Attrs>,
    /// Who gave it.
    pub source: PeerId,
    /// Tells paths of one source apart.
    pub path_id: PathId,
    /// Since when it is as it is, in seconds of the caller's clock.
    pub learned: u32,
    /// Of which of the source's generations it is; not the present one means stale.
    pub(super) generation: u16,
    /// What the route carries besides its key and attributes.
    pub body: N::Body,
}

/// All paths to one key.
#[derive(Debug)]
pub struct Destination<N: Nlri> {
    nlri: N,
    /// Of the last change of the best path. 0 where the slot is free.
    version: Version,
    best: Option<Path<N>>,
    /// The paths that lost. Boxed, as most destinations have none.
    others: Option<Box<Others<N>>>,
}

#[derive(Debug)]
struct Others<N: Nlri>(Vec<Path<N>>);

impl<N: Nlri> Path<N> {
    /// Whether a reader of the best path would see no difference.
    pub(super) fn says_the_same(&self, other: &Path<N>) -> bool {
        self.body == other.body && (Arc::ptr_eq(&self.attrs, &other.attrs) || self.attrs == other.attrs)
    }
}

impl<N: Nlri> Destination<N> {
    pub(super) fn new(nlri: N) -> Self {
        Destination { nlri, version: Version(0), best: None, others: None }
    }

    /// Its key.
    pub fn nlri(&self) -> N {
        self.nlri
    }

    /// The table version of the last change of its best path.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The path in use; `None` where the last one was withdrawn and not every reader knows it yet.
    pub fn best(&self) -> Option<&Path<N>> {
        self.best.as_ref()
    }

    /// All paths, the best first, the others in no particular order.
    pub fn paths(&self) -> impl Iterator<Item = &Path<N>> {
        self.best.iter().chain(self.others.iter().flat_map(|o| &o.0))
    }

    pub(super) fn set_version(&mut self, version: Version) {
        self.version = version;
    }

    pub(super) fn has_others(&self) -> bool {
        self.others.is_some()
    }

    /// Where the path with this identity stands: 0 is the best, the others follow.
    pub(super) fn position(&self, source: PeerId, path_id: PathId) -> Option<usize> {
        self.paths().position(|p| p.source == source && p.path_id == path_id)
    }

    pub(super) fn path_mut(&mut self, position: usize) -> Option<&mut Path<N>> {
        match position.checked_sub(1) {
            None => self.best.as_mut(),
            Some(index) => self.others.as_mut()?.0.get_mut(index),
        }
    }

    /// Adds a path behind the others, or as the best where there is none.
    pub(super) fn push(&mut self, path: Path<N>) {
        match (&self.best, &mut self.others) {
            (None, _) => self.best = Some(path),
            (Some(_), Some(others)) => others.0.push(path),
            (Some(_), None) => self.others = Some(Box::new(Others(vec![path]))),
        }
    }

    /// Takes a path out. If it was the best, one of the others stands in its place until it is decided anew.
    pub(super) fn remove(&mut self, position: usize) -> Option<Path<N>> {
        match position.checked_sub(1) {
            None => {
                let successor = self.others.as_mut().and_then(|o| o.0.pop());
                let removed = std::mem::replace(&mut self.best, successor);
                self.drop_empty_box();
                removed
            }
            Some(index) => {
                let others = self.others.as_mut().filter(|o| index < o.0.len())?;
                let removed = others.0.swap_remove(index);
                self.drop_empty_box();
                Some(removed)
            }
        }
    }

    /// Makes the path at `position` the best.
    pub(super) fn promote(&mut self, position: usize) {
        let other = position.checked_sub(1).and_then(|index| self.others.as_mut()?.0.get_mut(index));
        if let (Some(best), Some(other)) = (self.best.as_mut(), other) {
            std::mem::swap(best, other);
        }
    }

    fn drop_empty_box(&mut self) {
        if self.others.as_ref().is_some_and(|o| o.0.is_empty()) {
            self.others = None;
        }
    }
}
