//! A destination and the paths to it.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use crate::types::{PathId, PeerId};
use crate::wire::{Attrs, Nlri};

use super::marks::Marks;
use super::version::Version;

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
    pub(super) marks: Marks,
    /// What the route carries besides its key and attributes.
    pub body: N::Body,
}

/// All paths to one key.
#[derive(Debug)]
pub struct Destination<N: Nlri> {
    nlri: N,
    /// Of the last change of the best path. 0 where the slot is free.
    version: Version,
    /// The best path, or, where none may be used, any.
    first: Option<Path<N>>,
    /// The paths that lost. Boxed, as most destinations have none.
    others: Option<Box<Others<N>>>,
}

#[derive(Debug)]
struct Others<N: Nlri>(Vec<Path<N>>);

impl<N: Nlri> Path<N> {
    /// Whether it may be used beside the best path (see [`Multipath`](super::Multipath)).
    pub fn is_multipath(&self) -> bool {
        self.marks.is_multipath()
    }

    /// The path identifier by which receivers of several paths know it: this speaker's own, as two sources may
    /// use the same. It is no other path's of the destination for as long as this one is there. `None` for paths
    /// beyond the sixteen thousandth.
    pub fn path_id_sent(&self) -> Option<PathId> {
        self.marks.path_id()
    }

    /// Whether a reader of the best path would see no difference.
    pub(crate) fn says_the_same(&self, other: &Path<N>) -> bool {
        self.body == other.body && (Arc::ptr_eq(&self.attrs, &other.attrs) || self.attrs == other.attrs)
    }
}

impl<N: Nlri> Destination<N> {
    pub(super) fn new(nlri: N) -> Self {
        Destination { nlri, version: Version(0), first: None, others: None }
    }

    /// Its key.
    pub fn nlri(&self) -> N {
        self.nlri
    }

    /// The table version of the last change of its best path.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The path in use; `None` where no path may be used, or the last one was withdrawn and not every reader
    /// knows it yet.
    pub fn best(&self) -> Option<&Path<N>> {
        self.first.as_ref().filter(|path| !path.marks.is_barred())
    }

    /// The paths that may be used side by side, the best first; none where there is no best path.
    pub fn multipaths(&self) -> impl Iterator<Item = &Path<N>> {
        let others = self.others.iter().flat_map(|o| &o.0).filter(|path| path.is_multipath());
        self.best().into_iter().chain(others)
    }

    /// All paths, the best first, the others in no particular order. Where there is no best path, all are
    /// others.
    pub fn paths(&self) -> impl Iterator<Item = &Path<N>> {
        self.first.iter().chain(self.others.iter().flat_map(|o| &o.0))
    }

    /// Whether there is no path.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn paths_mut(&mut self) -> impl Iterator<Item = &mut Path<N>> {
        self.first.iter_mut().chain(self.others.iter_mut().flat_map(|o| &mut o.0))
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
            None => self.first.as_mut(),
            Some(index) => self.others.as_mut()?.0.get_mut(index),
        }
    }

    /// Adds a path behind the others, or as the first where there is none, and gives it a slot.
    pub(super) fn push(&mut self, mut path: Path<N>) {
        path.marks = Marks::of_slot(self.free_slot());
        match (&self.first, &mut self.others) {
            (None, _) => self.first = Some(path),
            (Some(_), Some(others)) => others.0.push(path),
            (Some(_), None) => self.others = Some(Box::new(Others(vec![path]))),
        }
    }

    /// Takes a path out. If it was the first, one of the others stands in its place until it is decided anew.
    pub(super) fn remove(&mut self, position: usize) -> Option<Path<N>> {
        match position.checked_sub(1) {
            None => {
                let successor = self.others.as_mut().and_then(|o| o.0.pop());
                let removed = std::mem::replace(&mut self.first, successor);
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

    /// Puts the path at `position` first.
    pub(super) fn promote(&mut self, position: usize) {
        let other = position.checked_sub(1).and_then(|index| self.others.as_mut()?.0.get_mut(index));
        if let (Some(first), Some(other)) = (self.first.as_mut(), other) {
            std::mem::swap(first, other);
        }
    }

    /// The lowest slot that no path has.
    fn free_slot(&self) -> usize {
        if self.is_empty() {
            return 0;
        }
        // Of one slot more than there are paths, one is free.
        let mut taken: SmallVec<[u64; 4]> = smallvec![0; self.paths().count() / 64 + 1];
        for slot in self.paths().map(|path| path.marks.slot()) {
            taken.get_mut(slot / 64).into_iter().for_each(|word| *word |= 1 << (slot % 64));
        }
        let free = |(index, word): (usize, &u64)| {
            (*word != u64::MAX).then_some(index * 64 + word.trailing_ones() as usize)
        };
        taken.iter().enumerate().find_map(free).unwrap_or(usize::MAX)
    }

    fn drop_empty_box(&mut self) {
        if self.others.as_ref().is_some_and(|o| o.0.is_empty()) {
            self.others = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use ipnet::Ipv4Net;

    use super::super::testing::{attrs, key};
    use super::*;

    #[test]
    fn a_path_of_an_ip_route_has_no_octet_to_spare() {
        assert_eq!((size_of::<Path<Ipv4Net>>(), size_of::<Destination<Ipv4Net>>()), (24, 48));
    }

    #[test]
    fn slots_are_used_again_and_never_twice() {
        let mut destination = Destination::<Ipv4Net>::new(key(0));
        let attrs = Arc::new(attrs(&[]));
        let path = |n: u32| Path {
            attrs: attrs.clone(),
            source: PeerId(n),
            path_id: PathId(n),
            learned: 0,
            generation: 0,
            marks: Marks::default(),
            body: (),
        };
        let ids = |destination: &Destination<Ipv4Net>| -> Vec<_> {
            let of = |p: &Path<Ipv4Net>| (p.source.0, p.path_id_sent().map_or(0, |id| id.0));
            let mut ids: Vec<_> = destination.paths().map(of).collect();
            ids.sort_unstable();
            ids
        };
        (0..200).for_each(|n| destination.push(path(n)));
        assert_eq!(ids(&destination), (0..200).map(|n| (n, n + 1)).collect::<Vec<_>>());
        for gone in [70, 3] {
            let position = destination.position(PeerId(gone), PathId(gone)).unwrap();
            destination.remove(position);
        }
        (200..202).for_each(|n| destination.push(path(n)));
        let expected: Vec<_> = (0..200).filter(|n| ![3, 70].contains(n)).map(|n| (n, n + 1)).collect();
        assert_eq!(ids(&destination), [expected, vec![(200, 4), (201, 71)]].concat());
    }
}
