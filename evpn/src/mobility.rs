//! Who has a MAC: the order among claims.
//!
//! RFC 7432 section 15 lets every node decide alone and all decide alike, because the order is total: a MAC
//! that must not move, then the higher sequence, then the lower VTEP address. A local claim stands in that
//! order with this node's own VTEP address, so two nodes that claim a MAC with the same sequence agree too.

use std::cmp::Reverse;
use std::net::IpAddr;

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
}
