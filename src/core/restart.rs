//! The helper's part of graceful restart (RFC 4724 section 4.2, RFC 8538, RFC 9494): whose routes outlive their
//! session, in which families, and until when.
//!
//! The table marks and sweeps; this says when. Of each family of such a neighbour there is one row here, which
//! goes through at most three phases:
//!
//! - *away*: the session is lost, and the neighbour has its restart time to be back;
//! - *long-lived*: it was not, and its routes are kept as a last resort, if both sides have agreed on that;
//! - *returned*: it is back, and has the stale time to announce its routes again and say End-of-RIB.
//!
//! A neighbour that is lost again before it has said End-of-RIB is away once more, and nothing that it gave is
//! dropped for that: neither what it had announced by then nor the rest. (RFC 4724 would have the rest deleted,
//! and a fabric lose the hosts behind a node that was restarted twice in a row.) That it cannot go on so forever
//! is seen to by a bound that runs from the first loss.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bgp::session::{Down, Established};
use bgp::types::{Family, FamilySet, PeerId};

use crate::config::RestartSettings;

/// The families whose routes have outlived a session.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    kept: BTreeMap<(PeerId, Family), Kept>,
}

/// One family of one neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) phase: Phase,
    /// When the phase ends.
    pub(super) until: Instant,
    /// When it was to have ended for good, however often the neighbour is lost meanwhile.
    bound: Instant,
    /// How long the routes are kept beyond the restart time, if at all.
    long_lived: Option<Duration>,
}

/// Where the neighbour is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Away,
    LongLived,
    Returned,
}

/// What becomes of stale routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// They go.
    Discarded,
    /// They are kept for long.
    Aged,
}

impl Restarts {
    /// A session was lost. Says in which families the routes outlive it.
    pub(super) fn lost(
        &mut self,
        now: Instant,
        peer: PeerId,
        agreed: &Established,
        down: &Down,
        settings: Option<&RestartSettings>,
    ) -> FamilySet {
        let kept = agreed.restart.as_ref().map(|restart| restart.kept_after(down)).unwrap_or_default();
        self.kept.retain(|(of, family), _| *of != peer || kept.contains(*family));
        let (Some(settings), Some(restart)) = (settings, &agreed.restart) else { return FamilySet::EMPTY };
        for family in kept.iter() {
            let long_lived = restart.long_lived(family).zip(settings.long_lived);
            let long_lived = long_lived.map(|(offer, most)| offer.stale_time.min(most));
            let away = if restart.families.contains(family) { restart.restart_time } else { Duration::ZERO };
            let before = self.kept.get(&(peer, family)).map(|kept| kept.bound);
            let bound = before.unwrap_or(now + away + settings.stale_time);
            let until = (now + away).min(bound);
            self.kept.insert((peer, family), Kept { phase: Phase::Away, until, bound, long_lived });
        }
        kept
    }

    /// The neighbour is back. Says in which families its old routes are of no use: those that it does not speak
    /// any more, and those that it has not kept forwarding for.
    pub(super) fn returned(
        &mut self,
        now: Instant,
        peer: PeerId,
        agreed: &Established,
        settings: Option<&RestartSettings>,
    ) -> FamilySet {
        let stale_time = settings.map_or(Duration::ZERO, |settings| settings.stale_time);
        let mut useless = FamilySet::EMPTY;
        for family in self.families_of(peer).iter() {
            let Some(kept) = self.kept.get_mut(&(peer, family)) else { continue };
            if !is_preserved(agreed, family, kept.phase) {
                self.kept.remove(&(peer, family));
                useless.insert(family);
            } else if kept.phase == Phase::Away {
                kept.until = (now + stale_time).min(kept.bound);
                kept.phase = Phase::Returned;
            } else {
                // The time to keep routes for long runs on (RFC 9494 section 4.2).
                kept.phase = Phase::Returned;
            }
        }
        useless
    }

    /// The neighbour has said all that it has in a family; says whether that makes stale routes useless.
    pub(super) fn end_of_rib(&mut self, peer: PeerId, family: Family) -> bool {
        self.kept.remove(&(peer, family)).is_some()
    }

    /// Nothing of the neighbour's is to be kept any more. Says in which families something was.
    pub(super) fn forget(&mut self, peer: PeerId) -> FamilySet {
        let families = self.families_of(peer);
        families.iter().for_each(|family| _ = self.kept.remove(&(peer, family)));
        families
    }

    /// Somebody's time is up: whose, and what becomes of the routes. To be asked until there is none.
    pub(super) fn poll_due(&mut self, now: Instant) -> Option<(PeerId, Family, Fate)> {
        let (&(peer, family), kept) = self.kept.iter_mut().find(|(_, kept)| kept.until <= now)?;
        if kept.phase == Phase::Away
            && let Some(long_lived) = kept.long_lived
        {
            kept.phase = Phase::LongLived;
            kept.until = now + long_lived;
            kept.bound = kept.until;
            return Some((peer, family, Fate::Aged));
        }
        self.kept.remove(&(peer, family));
        Some((peer, family, Fate::Discarded))
    }

    /// When somebody's time is up next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.kept.values().map(|kept| kept.until).min()
    }

    /// How a family stands; `None` where nothing has outlived a session.
    pub(super) fn get(&self, peer: PeerId, family: Family) -> Option<&Kept> {
        self.kept.get(&(peer, family))
    }

    fn families_of(&self, peer: PeerId) -> FamilySet {
        Family::ALL.into_iter().filter(|family| self.kept.contains_key(&(peer, *family))).collect()
    }
}

/// Whether the neighbour speaks the family still, and has forwarded for it all the while.
fn is_preserved(agreed: &Established, family: Family, phase: Phase) -> bool {
    let Some(restart) = agreed.restart.as_ref().filter(|_| agreed.families.contains(family)) else {
        return false;
    };
    let in_long_lived = restart.long_lived(family).is_some_and(|offer| offer.preserved);
    match phase {
        Phase::LongLived => in_long_lived,
        Phase::Away | Phase::Returned => restart.preserved.contains(family) || in_long_lived,
    }
}
