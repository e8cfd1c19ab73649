//! What is to be done to devices, as opposed to rows: few, rare, and each with its own patience.

use std::collections::BTreeMap;
use std::time::Instant;

use bgp::types::Vni;

use crate::retry::backoff;

/// What was done and does not show is done again so often.
const DOUBTS: u8 = 6;

/// Something to do to the devices of a VNI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Chore {
    /// Make them.
    Create(Vni),
    /// Set the VXLAN device's bridge port up for suppression.
    SetPort(Vni),
    /// Remove what we made.
    Remove(Vni),
}

impl Chore {
    pub(super) fn vni(self) -> Vni {
        match self {
            Chore::Create(vni) | Chore::SetPort(vni) | Chore::Remove(vni) => vni,
        }
    }
}

/// The chores that are not over.
#[derive(Debug, Default)]
pub(super) struct Chores {
    open: BTreeMap<Chore, Turn>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    attempts: u8,
    doubts: u8,
    in_flight: bool,
    due: Option<Instant>,
}

impl Chores {
    pub(super) fn add(&mut self, chore: Chore) {
        self.open.entry(chore).or_default();
    }

    pub(super) fn finish(&mut self, chore: Chore) {
        self.open.remove(&chore);
    }

    /// The kernel has done it, and it does not show. Once or twice that is because something else has happened in
    /// between; who goes on for longer fights somebody.
    pub(super) fn look_again(&mut self, now: Instant, chore: Chore) {
        match self.open.get_mut(&chore).filter(|turn| turn.doubts < DOUBTS) {
            Some(turn) => {
                turn.doubts += 1;
                turn.in_flight = false;
                turn.due = Some(now + backoff(turn.doubts));
            }
            None => self.finish(chore),
        }
    }

    /// Tries again later.
    pub(super) fn postpone(&mut self, now: Instant, chore: Chore) {
        if let Some(turn) = self.open.get_mut(&chore) {
            turn.attempts = turn.attempts.saturating_add(1);
            turn.in_flight = false;
            turn.due = Some(now + backoff(turn.attempts));
        }
    }

    /// A chore whose time has come, which is in flight from now on.
    pub(super) fn start(&mut self, now: Instant) -> Option<Chore> {
        let (chore, turn) = self
            .open
            .iter_mut()
            .find(|(_, turn)| !turn.in_flight && turn.due.is_none_or(|due| due <= now))?;
        turn.in_flight = true;
        Some(*chore)
    }

    /// Nothing is in flight or about to be.
    pub(super) fn are_waiting(&self) -> bool {
        self.open.values().all(|turn| !turn.in_flight && turn.due.is_some())
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.open.values().filter(|turn| !turn.in_flight).filter_map(|turn| turn.due).min()
    }
}
