//! The dirty keys, in the order in which they are looked at.
//!
//! Neighbours go before the MACs that they lead to, and come after them: a neighbour whose MAC has no row yet
//! would be answered for, and its frames flooded.

use std::collections::VecDeque;

use evpn::dataplane::WantedKey;

/// After so many MACs in a row the neighbours get their turn: long enough that the writer sends full messages
/// of one kind, short enough that a storm of MACs does not keep neighbours waiting.
const BURST: u32 = 1024;

/// Three lanes. A key may stand in one twice, or stand there though it is no longer dirty: whoever takes it
/// out looks at its mark.
#[derive(Debug, Default)]
pub(super) struct Queue {
    neighbor_removals: VecDeque<WantedKey>,
    forwarding: VecDeque<WantedKey>,
    neighbors: VecDeque<WantedKey>,
    run: u32,
}

impl Queue {
    /// Puts a key at the end of its lane.
    pub(super) fn push(&mut self, key: WantedKey, wanted: bool) {
        match key {
            WantedKey::Neighbor { .. } if wanted => self.neighbors.push_back(key),
            WantedKey::Neighbor { .. } => self.neighbor_removals.push_back(key),
            WantedKey::Mac { .. } | WantedKey::Flood { .. } => self.forwarding.push_back(key),
        }
    }

    /// Puts a key back that has to wait for another one.
    pub(super) fn put_back(&mut self, key: WantedKey) {
        self.neighbors.push_front(key);
    }

    /// The next key.
    pub(super) fn pop(&mut self) -> Option<WantedKey> {
        if let Some(key) = self.neighbor_removals.pop_front() {
            return Some(key);
        }
        self.run = (self.run + 1) % (2 * BURST);
        match self.run < BURST {
            true => self.forwarding.pop_front().or_else(|| self.neighbors.pop_front()),
            false => self.neighbors.pop_front().or_else(|| self.forwarding.pop_front()),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.neighbor_removals.is_empty() && self.forwarding.is_empty() && self.neighbors.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bgp::types::{Mac, Vni};
    use std::net::{IpAddr, Ipv4Addr};

    fn mac() -> WantedKey {
        WantedKey::Mac { vni: Vni::default(), mac: Mac([2; 6]) }
    }

    fn neighbor() -> WantedKey {
        WantedKey::Neighbor { vni: Vni::default(), ip: IpAddr::V4(Ipv4Addr::LOCALHOST) }
    }

    #[test]
    fn neighbors_leave_first_and_come_last() {
        let mut queue = Queue::default();
        queue.push(neighbor(), true);
        queue.push(mac(), true);
        queue.push(neighbor(), false);
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [neighbor(), mac(), neighbor()]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_storm_of_macs_does_not_starve_neighbors() {
        let mut queue = Queue::default();
        queue.push(neighbor(), true);
        for _ in 0..2 * BURST {
            queue.push(mac(), true);
        }
        let turn = (0..).find(|_| queue.pop() == Some(neighbor()));
        assert_eq!(turn, Some(BURST as i32 - 1));
    }
}
