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

use super::Core;
use super::event::LogLine;

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

    /// Whether anything of the neighbour's is kept though its session was lost.
    pub(super) fn keeps(&self, peer: PeerId) -> bool {
        !self.families_of(peer).is_empty()
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

impl Core {
    /// The peer has said all that it has in a family: what it has not said is no more.
    pub(super) fn end_of_rib(&mut self, id: PeerId, family: Family) {
        if let Some(session) = self.peers.get_mut(id).and_then(|peer| peer.session.as_mut()) {
            session.end_of_rib.insert(family);
            self.watches.neighbor_changed(id);
        }
        if self.restarts.end_of_rib(id, family) {
            self.rib.discard_stale(id, family);
        }
    }

    /// Marks what a lost peer gave, and lets it be swept in all families but the `kept` ones.
    pub(super) fn let_go(&mut self, id: PeerId, kept: FamilySet) {
        for family in Family::ALL {
            self.rib.mark_stale(id, family);
            if !kept.contains(family) {
                self.rib.discard_stale(id, family);
            }
        }
    }

    /// A neighbour is not to come back, so nothing of it is kept.
    pub(in crate::core) fn forget_kept(&mut self, id: PeerId) {
        let families = self.restarts.forget(id);
        families.iter().for_each(|family| self.rib.discard_stale(id, family));
    }

    /// Ends what has been kept for its time.
    pub(super) fn expire_kept(&mut self, now: Instant) {
        while let Some((id, family, fate)) = self.restarts.poll_due(now) {
            match fate {
                Fate::Discarded => self.rib.discard_stale(id, family),
                Fate::Aged => self.rib.age_stale(id, family),
            }
            self.watches.neighbor_changed(id);
            self.log(LogLine::KeptNoLonger(id, family, fate == Fate::Aged));
            self.let_go_if_over(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use bgp::rib::DEFAULT_LOCAL_PREF;
    use bgp::session::{LongLived, PeerRestart, TransportFault};
    use bgp::wire::{Community, Notification};

    use super::super::testing::*;
    use super::*;
    use crate::core::PeerNews;

    const EVPN: Family = Family::L2vpnEvpn;
    const PEER: PeerId = PeerId(0);

    fn minutes(n: u64) -> Duration {
        Duration::from_secs(60 * n)
    }

    /// Comes back in two minutes, and has lost nothing.
    fn restart() -> PeerRestart {
        let families = FamilySet::from_iter([EVPN]);
        PeerRestart {
            restarting: false,
            restart_time: minutes(2),
            notification: true,
            families,
            preserved: families,
            long_lived: None,
        }
    }

    /// A node whose peer 0 restarts so, with two hosts behind it.
    fn node(restart: &PeerRestart) -> Node {
        let mut node = match restart.long_lived {
            None => Node::new(),
            Some(_) => Node::with_long_lived(),
        };
        node.up_with(0, Some(restart.clone()));
        (1..=2).for_each(|n| announce(&mut node, n));
        node.peer(0, PeerNews::EndOfRib(EVPN));
        node.run();
        node
    }

    fn announce(node: &mut Node, n: u8) {
        node.tell(0, mac_ip(vni(100), 2, mac(n), None), Some(attrs(vni(100), 2, 0)));
        node.run();
    }

    /// Paths of the peer, how many of them are stale, and how long they are kept yet.
    fn standing(node: &Node) -> (usize, usize, Option<(Phase, Duration)>) {
        let counts = node.core.rib.counts(PEER, EVPN);
        let kept = node.core.restarts.get(PEER, EVPN);
        (counts.paths, counts.stale, kept.map(|kept| (kept.phase, kept.until - node.now)))
    }

    #[test]
    fn routes_outlive_the_session_until_the_restart_time_is_over() {
        let mut node = node(&restart());
        node.down(0);
        node.run();
        assert_eq!(standing(&node), (2, 2, Some((Phase::Away, minutes(2)))));
        node.pass(minutes(1));
        assert_eq!(standing(&node).0, 2);
        let wakes = node.core.poll_timeout(node.now);
        assert!(wakes.is_some_and(|at| at <= node.now + minutes(1)), "it wants to be woken");
        node.pass(minutes(1));
        assert_eq!(standing(&node), (0, 0, None));
    }

    #[test]
    fn what_is_not_announced_again_goes_at_end_of_rib() {
        let mut node = node(&restart());
        node.down(0);
        node.pass(minutes(1));
        node.up_with(0, Some(restart()));
        announce(&mut node, 1);
        assert_eq!(standing(&node), (2, 1, Some((Phase::Returned, minutes(6)))));
        node.peer(0, PeerNews::EndOfRib(EVPN));
        node.run();
        assert_eq!(standing(&node), (1, 0, None));
    }

    #[test]
    fn who_never_says_end_of_rib_has_the_stale_time() {
        let mut node = node(&restart());
        node.down(0);
        node.up_with(0, Some(restart()));
        announce(&mut node, 1);
        node.pass(minutes(6));
        assert_eq!(standing(&node), (1, 0, None));
    }

    #[test]
    fn a_family_that_was_not_preserved_goes_at_once() {
        let lost_it = PeerRestart { preserved: FamilySet::EMPTY, ..restart() };
        for back in [Some(lost_it), None] {
            let mut node = node(&restart());
            node.down(0);
            node.up_with(0, back);
            node.run();
            assert_eq!(standing(&node), (0, 0, None));
        }
    }

    #[test]
    fn two_restarts_in_a_row_drop_nothing() {
        let mut node = node(&restart());
        for _ in 0..2 {
            node.down(0);
            node.up_with(0, Some(restart()));
            announce(&mut node, 1);
        }
        assert_eq!(standing(&node).0, 2, "neither what was announced in between nor the rest");
        announce(&mut node, 2);
        node.peer(0, PeerNews::EndOfRib(EVPN));
        node.run();
        assert_eq!(standing(&node), (2, 0, None));
    }

    #[test]
    fn a_neighbour_that_keeps_failing_is_given_up_in_the_end() {
        let mut node = node(&restart());
        for _ in 0..9 {
            node.down(0);
            node.pass(minutes(1));
            node.up_with(0, Some(restart()));
            announce(&mut node, 1);
        }
        assert_eq!(standing(&node).0, 1, "after eight minutes");
    }

    #[test]
    fn what_ends_a_session_for_good_ends_its_routes() {
        let hard = Down::Remote(Notification::ADMINISTRATIVE_SHUTDOWN.hard());
        let soft = Down::Remote(Notification::ADMINISTRATIVE_RESET);
        for (down, left) in [(hard, 0), (soft, 2), (Down::Transport(TransportFault::Closed), 2)] {
            let mut node = node(&restart());
            node.peer(0, PeerNews::Down(down.clone()));
            node.run();
            assert_eq!(standing(&node).0, left, "{down}");
        }
    }

    #[test]
    fn a_neighbour_that_is_shut_down_is_not_waited_for() {
        let mut node = node(&restart());
        node.down(0);
        let shutdown = api::v1::SetNeighborAdminRequest {
            address: "10.0.1.1".into(),
            admin_state: api::v1::AdminState::Shutdown.into(),
            message: String::new(),
        };
        node.ask(api::Query::SetNeighborAdmin(shutdown)).unwrap();
        node.run();
        assert_eq!(standing(&node), (0, 0, None));
    }

    #[test]
    fn a_neighbour_that_is_away_for_long_is_a_last_resort() {
        let offer = LongLived { family: EVPN, stale_time: minutes(90), preserved: true };
        let long = PeerRestart { long_lived: Some(vec![offer]), ..restart() };
        let mut node = node(&long);
        node.down(0);
        node.pass(minutes(2));
        assert_eq!(standing(&node), (2, 2, Some((Phase::LongLived, minutes(60)))), "no longer than we grant");
        let best = |node: &Node, n| {
            let (_, destination) = node.core.rib.evpn.get(mac_ip(vni(100), 2, mac(n), None))?;
            destination.best().map(|path| path.attrs.clone())
        };
        assert_eq!(*best(&node, 1).unwrap().communities, [Community::LLGR_STALE]);
        assert_eq!(best(&node, 1).unwrap().local_pref, Some(DEFAULT_LOCAL_PREF));
        node.up_with(0, Some(long));
        announce(&mut node, 1);
        node.peer(0, PeerNews::EndOfRib(EVPN));
        node.run();
        assert_eq!(standing(&node), (1, 0, None));
        assert!(best(&node, 1).unwrap().communities.is_empty());
    }

    #[test]
    fn a_neighbour_that_restarts_keeps_its_hosts_in_the_kernel() {
        let mut node = node(&restart());
        let wanted = |node: &Node| {
            let forwarding = node.core.forwarding.as_ref().unwrap();
            forwarding.fib.rows().filter(|row| row.wanted.is_some()).count()
        };
        let before = wanted(&node);
        assert!(before >= 2, "{before}");
        node.down(0);
        node.run();
        assert_eq!(wanted(&node), before);
        node.pass(minutes(2));
        assert!(wanted(&node) < before);
    }
}
