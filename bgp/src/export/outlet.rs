//! The way out: who may be sent how much, and the batches that wait to be handed over.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::rib::PeerMap;
use crate::types::PeerId;

use super::batch::Batch;

/// Credits, and the batches for which they have been taken. A peer's credit is one for all families.
#[derive(Debug, Default)]
pub(super) struct Outlet {
    credits: PeerMap<Credit>,
    sent: PeerMap<Sent>,
    queue: VecDeque<(PeerId, Arc<Batch>)>,
}

#[derive(Debug, Default)]
struct Credit {
    left: u32,
    /// Batches handed out and not yet reported as sent.
    in_flight: u32,
}

/// What a peer was sent, in routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// Announced or withdrawn.
    pub(super) routes: u64,
    /// Withdrawn because their attributes fit into no message.
    pub(super) oversized: u64,
}

/// Whether a group can go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// All members have credit.
    Go,
    /// These have none, and of the others one has sent all it was given: going on must not wait for them.
    Without(Vec<PeerId>),
    /// Some have none, and the others still have something to send.
    Wait,
}

impl Outlet {
    pub(super) fn grant(&mut self, peer: PeerId, batches: u32) {
        let credit = self.credits.slot(peer);
        credit.left = credit.left.saturating_add(batches);
        credit.in_flight = credit.in_flight.saturating_sub(batches);
    }

    pub(super) fn forget(&mut self, peer: PeerId) {
        *self.credits.slot(peer) = Credit::default();
        self.queue.retain(|(to, _)| *to != peer);
    }

    pub(super) fn readiness(&self, members: &[PeerId]) -> Readiness {
        let credits = || members.iter().map(|&peer| (peer, self.credits.get(peer)));
        let broke = |credit: Option<&Credit>| credit.is_none_or(|c| c.left == 0);
        let idle = |credit: Option<&Credit>| credit.is_some_and(|c| c.left > 0 && c.in_flight == 0);

        if !credits().any(|(_, credit)| broke(credit)) {
            Readiness::Go
        } else if credits().any(|(_, credit)| idle(credit)) {
            Readiness::Without(credits().filter(|(_, c)| broke(*c)).map(|(peer, _)| peer).collect())
        } else {
            Readiness::Wait
        }
    }

    /// Queues a batch for those members whom some of it concerns.
    pub(super) fn send(&mut self, members: &[PeerId], batch: Batch) {
        let batch = Arc::new(batch);
        for &peer in members.iter().filter(|&&peer| batch.segments_for(peer).next().is_some()) {
            let credit = self.credits.slot(peer);
            credit.left = credit.left.saturating_sub(1);
            credit.in_flight += 1;
            let sent = self.sent.slot(peer);
            for segment in batch.segments_for(peer) {
                sent.routes += u64::from(segment.routes);
                sent.oversized += u64::from(segment.oversized);
            }
            self.queue.push_back((peer, batch.clone()));
        }
    }

    /// Forgets even what has been counted: the peer's id may become another's.
    pub(super) fn reset(&mut self, peer: PeerId) {
        self.forget(peer);
        *self.sent.slot(peer) = Sent::default();
    }

    pub(super) fn sent(&self, peer: PeerId) -> Sent {
        self.sent.get(peer).copied().unwrap_or_default()
    }

    pub(super) fn poll(&mut self) -> Option<(PeerId, Arc<Batch>)> {
        self.queue.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::batch::{Audience, Segment};
    use super::*;
    use crate::types::Family;

    const A: PeerId = PeerId(0);
    const B: PeerId = PeerId(1);

    fn batch(audience: Audience) -> Batch {
        let segment = Segment {
            audience,
            bytes: Bytes::from_static(b"x"),
            updates: 1,
            refreshes: 0,
            routes: 1,
            oversized: 0,
        };
        Batch { family: Family::L2vpnEvpn, segments: vec![segment] }
    }

    #[test]
    fn a_group_waits_for_the_slow_only_while_the_fast_are_busy() {
        let mut outlet = Outlet::default();
        assert_eq!(outlet.readiness(&[A, B]), Readiness::Wait);
        outlet.grant(A, 2);
        outlet.grant(B, 1);
        assert_eq!(outlet.readiness(&[A, B]), Readiness::Go);
        outlet.send(&[A, B], batch(Audience::All));
        assert_eq!(outlet.readiness(&[A, B]), Readiness::Wait, "A still has a batch to send");
        outlet.grant(A, 1);
        assert_eq!(outlet.readiness(&[A, B]), Readiness::Without(vec![B]));
        outlet.grant(B, 1);
        assert_eq!(outlet.readiness(&[A, B]), Readiness::Go);
    }

    #[test]
    fn credit_is_taken_from_those_who_get_something() {
        let mut outlet = Outlet::default();
        outlet.grant(A, 1);
        outlet.grant(B, 1);
        outlet.send(&[A, B], batch(Audience::Except(A)));
        assert_eq!(outlet.readiness(&[A]), Readiness::Go);
        assert_eq!(outlet.readiness(&[B]), Readiness::Wait);
        assert_eq!(outlet.poll().map(|(peer, _)| peer), Some(B));
        outlet.send(&[A], batch(Audience::Only(A)));
        outlet.forget(A);
        assert!(outlet.poll().is_none());
    }
}
