//! What a destination notes on each of its paths.

use crate::types::PathId;

/// Notes on a path, in the two octets that it has to spare: a million paths must not grow for them.
///
/// The lower bits are the path's slot: a small number that no other path of the destination has, and that is
/// the path's for as long as it is there. A slot is what the path is known by to receivers of several paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(u16);

/// It is used beside the best path.
const MULTIPATH: u16 = 1 << 15;
/// It stands first only because something must: it may not be used.
const BARRED: u16 = 1 << 14;
const SLOT: u16 = BARRED - 1;

impl Marks {
    /// No notes but a slot. The last slot is shared by all paths for which there is no other.
    pub(super) fn of_slot(slot: usize) -> Marks {
        Marks(slot.min(SLOT.into()) as u16)
    }

    pub(super) fn slot(self) -> usize {
        (self.0 & SLOT).into()
    }

    /// The path identifier for receivers of several paths: the slot, and one more, as some implementations
    /// take 0 for none. `None` if the destination has more paths than there are slots.
    pub(super) fn path_id(self) -> Option<PathId> {
        let slot = self.0 & SLOT;
        (slot != SLOT).then_some(PathId(u32::from(slot) + 1))
    }

    pub(super) fn is_multipath(self) -> bool {
        self.0 & MULTIPATH != 0
    }

    pub(super) fn is_barred(self) -> bool {
        self.0 & BARRED != 0
    }

    pub(super) fn set_multipath(&mut self, set: bool) {
        self.set(MULTIPATH, set);
    }

    pub(super) fn set_barred(&mut self, set: bool) {
        self.set(BARRED, set);
    }

    fn set(&mut self, bit: u16, set: bool) {
        self.0 = if set { self.0 | bit } else { self.0 & !bit };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_apart() {
        let mut marks = Marks::of_slot(4711);
        marks.set_multipath(true);
        marks.set_barred(true);
        assert_eq!((marks.slot(), marks.path_id()), (4711, Some(PathId(4712))));
        assert!(marks.is_multipath() && marks.is_barred());
        marks.set_barred(false);
        assert!(marks.is_multipath() && !marks.is_barred());
        assert_eq!(Marks::of_slot(1 << 20).path_id(), None);
    }
}
