//! Who speaks, and whom it hears.

use crate::rib::{Decision, LocalIdentity, Rib};

/// This speaker and those it hears: what policy depends on besides the group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speaker<'a> {
    pub(super) us: &'a LocalIdentity,
    pub(super) decision: &'a Decision,
}

impl<'a> Speaker<'a> {
    pub(super) fn of(rib: &'a Rib) -> Speaker<'a> {
        Speaker { us: rib.identity(), decision: &rib.decision }
    }
}
