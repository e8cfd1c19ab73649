//! A VTEP of a network's flood list.

use std::net::IpAddr;

use super::entry::{Entry, Marks};
use super::place::{Place, Step};
use crate::op::Action;
use crate::row::TunnelRow;

/// The flood row, as seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SeenFlood {
    /// Seen since the running dump began.
    fresh: bool,
}

/// Both sides of a flood destination.
#[derive(Clone, Debug, Default)]
pub(super) struct FloodEntry {
    pub(super) wanted: bool,
    pub(super) seen: Option<SeenFlood>,
    /// Somebody else put it there before we would have: it is as good as ours while wanted, and not ours to
    /// delete. Only how it was seen first tells, as the kernel has one mark for the whole list.
    theirs: bool,
    pub(super) marks: Marks,
}

impl FloodEntry {
    /// What comes next. A destination that is there already is as good as one of ours: it gets its copies.
    fn next(&self, vtep: IpAddr, place: &Place) -> Step {
        let vxlan = place.segment.vxlan;
        match (self.wanted, self.seen) {
            (true, None) if !place.segment.up => Step::Absent,
            (true, None) => Step::Act(Action::AddFlood { vxlan, vtep }),
            (false, Some(_)) if self.marks.ours && !self.theirs && place.segment.remote != Some(vtep) => {
                match self.marks.found && !place.released {
                    true => Step::Held,
                    false => Step::Act(Action::DeleteFlood { vxlan, vtep }),
                }
            }
            _ => Step::Rest,
        }
    }

    /// Takes the kernel's word.
    pub(super) fn see(&mut self, row: &TunnelRow, present: bool, place: &Place) {
        let appears = present && self.seen.is_none();
        self.theirs &= present;
        self.theirs |= appears && !row.ours && !self.marks.in_flight;
        self.seen = present.then_some(SeenFlood { fresh: true });
        if present && row.ours && !place.known {
            self.marks.find();
        }
    }
}

impl Entry for FloodEntry {
    type Key = IpAddr;
    /// Local hosts have no part in it.
    type Local = ();

    fn step(&self, vtep: IpAddr, place: &Place) -> Step {
        self.next(vtep, place)
    }

    fn local(&self, _: IpAddr, _: &Place) -> Option<()> {
        None
    }

    fn is_wanted(&self) -> bool {
        self.wanted
    }

    fn is_seen(&self) -> bool {
        self.seen.is_some()
    }

    fn marks(&mut self) -> &mut Marks {
        &mut self.marks
    }

    fn set_unfresh(&mut self) {
        self.seen.iter_mut().for_each(|seen| seen.fresh = false);
    }

    fn is_unfresh(&self) -> bool {
        self.seen.is_some_and(|seen| !seen.fresh)
    }

    fn drop_unfresh(&mut self) {
        self.seen = self.seen.filter(|seen| seen.fresh);
        self.theirs &= self.seen.is_some();
    }
}
