//! Who has a MAC: the order among claims, and the detection of MACs that two hosts have.
//!
//! RFC 7432 section 15 lets every node decide alone and all decide alike, because the order is total: a MAC
//! that must not move, then the higher sequence, then the lower VTEP address. A local claim stands in that
//! order with this node's own VTEP address, so two nodes that claim a MAC with the same sequence agree too.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bgp::types::Mac;
use hashbrown::HashMap;

/// How long moves are counted (RFC 7432 section 15.1, M).
pub const DUPLICATE_WINDOW: Duration = Duration::from_secs(180);

/// How many moves within [`DUPLICATE_WINDOW`] make a duplicate (RFC 7432 section 15.1, N).
pub const DUPLICATE_MOVES: u32 = 5;

/// What the communities of a Type 2 say about the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Traits {
    /// MAC mobility sequence; none is 0 (RFC 7432 section 7.7).
    pub(crate) seq: u32,
    /// It must not move (RFC 7432 section 15.2).
    pub(crate) sticky: bool,
    /// It is a default gateway's MAC (RFC 7432 section 10.1), which does not move either.
    pub(crate) gateway: bool,
    /// The neighbour is an IPv6 router (RFC 9047).
    pub(crate) router: bool,
}

/// How good a claim is; greater wins.
pub(crate) type Rank = (bool, u32);

impl Traits {
    pub(crate) fn is_pinned(self) -> bool {
        self.sticky || self.gateway
    }

    pub(crate) fn rank(self) -> Rank {
        (self.is_pinned(), self.seq)
    }

    /// Without what concerns an address only: what it says about the MAC.
    pub(crate) fn of_mac(self) -> Traits {
        Traits { router: false, ..self }
    }

    /// The order among what is said of one place: by rank, and so that no two that differ are equal.
    pub(crate) fn weight(self) -> (Rank, bool, bool) {
        (self.rank(), self.gateway, self.sticky)
    }

    /// The better of two of one place.
    pub(crate) fn max(self, other: Traits) -> Traits {
        if other.weight() > self.weight() { other } else { self }
    }
}

/// The whole order: by rank, and the lower address between equals (RFC 7432 section 15.1).
pub(crate) fn order(rank: Rank, vtep: IpAddr) -> (Rank, Reverse<IpAddr>) {
    (rank, Reverse(vtep))
}

/// The sequence that wins against `seq`. At the end of the range it stays, and the VTEP addresses decide.
pub(crate) fn above(seq: u32) -> u32 {
    seq.saturating_add(1)
}

/// The MACs that have moved lately. Those that have not take no memory.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    recent: HashMap<Mac, Recent>,
    prune_at: usize,
}

#[derive(Debug)]
struct Recent {
    since: Instant,
    count: u32,
}

impl Moves {
    /// Counts a move; says how many there were if this one makes the MAC a duplicate.
    pub(crate) fn count(&mut self, now: Instant, mac: Mac) -> Option<u32> {
        self.prune(now);
        let recent = self.recent.entry(mac).or_insert(Recent { since: now, count: 0 });
        if is_over(now, recent.since) {
            *recent = Recent { since: now, count: 0 };
        }
        recent.count = recent.count.saturating_add(1);
        (recent.count == DUPLICATE_MOVES).then_some(recent.count)
    }

    /// Whether the MAC was found to be a duplicate and has not been quiet for a window since.
    pub(crate) fn is_duplicate(&self, mac: Mac) -> bool {
        self.recent.get(&mac).is_some_and(|recent| recent.count >= DUPLICATE_MOVES)
    }

    /// Drops what is over, each time the table has doubled: amortised over the moves that filled it.
    fn prune(&mut self, now: Instant) {
        if self.recent.len() >= self.prune_at {
            self.recent.retain(|_, recent| !is_over(now, recent.since));
            self.prune_at = 64.max(2 * self.recent.len());
        }
    }
}

fn is_over(now: Instant, since: Instant) -> bool {
    now.saturating_duration_since(since) >= DUPLICATE_WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traits(seq: u32) -> Traits {
        Traits { seq, ..Traits::default() }
    }

    #[test]
    fn sticky_then_sequence_then_lower_vtep() {
        let [low, high]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let sticky = Traits { sticky: true, ..traits(0) };
        let gateway = Traits { gateway: true, ..traits(1) };
        assert!(order(sticky.rank(), high) > order(traits(9).rank(), low));
        assert!(order(gateway.rank(), high) > order(sticky.rank(), low));
        assert!(order(traits(2).rank(), high) > order(traits(1).rank(), low));
        assert!(order(traits(1).rank(), low) > order(traits(1).rank(), high));
    }

    /// RFC 7432 section 15.1: N moves within M seconds.
    #[test]
    fn five_moves_in_three_minutes() {
        let (start, mac) = (Instant::now(), Mac([2, 0, 0, 0, 0, 1]));
        let mut moves = Moves::default();
        let found: Vec<_> = (0..6).map(|i| moves.count(start + Duration::from_secs(i), mac)).collect();
        assert_eq!(found, [None, None, None, None, Some(5), None]);
        assert!(moves.is_duplicate(mac));
        assert_eq!(moves.count(start + DUPLICATE_WINDOW, mac), None);
        assert!(!moves.is_duplicate(mac));
    }

    #[test]
    fn slow_moves_are_forgotten() {
        let start = Instant::now();
        let mut moves = Moves::default();
        for i in 0..10_000_u32 {
            let [_, _, c, d] = i.to_be_bytes();
            moves.count(start + Duration::from_secs(i.into()), Mac([2, 0, 0, 0, c, d]));
        }
        assert!(moves.recent.len() < 600, "{}", moves.recent.len());
    }
}
