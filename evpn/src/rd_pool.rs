//! The small numbers in automatic route distinguishers.

use std::collections::{BTreeMap, BTreeSet};

use bgp::types::{Rd, RouterId, Vni};

/// One number for each VNI. A VNI keeps its number when its device goes and comes back, so that its routes
/// keep their identity; numbers of VNIs that are gone are given away only when no other is left.
#[derive(Debug, Default)]
pub(crate) struct RdPool {
    numbers: BTreeMap<Vni, u16>,
    free: BTreeSet<u16>,
    last: u16,
}

impl RdPool {
    /// The automatic route distinguisher of a VNI (RFC 7432 section 7.9): the router id and its number, never
    /// the VNI, which may need more than two octets. `None` if all numbers belong to VNIs that `in_use` holds
    /// on to.
    pub(crate) fn rd(&mut self, router_id: RouterId, vni: Vni, in_use: impl Fn(Vni) -> bool) -> Option<Rd> {
        let number = match self.numbers.get(&vni) {
            Some(number) => *number,
            None => self.assign(vni, in_use)?,
        };
        Some(Rd::from_ipv4(router_id.0, number))
    }

    /// The automatic route distinguisher of a VNI that has had one.
    pub(crate) fn known(&self, router_id: RouterId, vni: Vni) -> Option<Rd> {
        self.numbers.get(&vni).map(|number| Rd::from_ipv4(router_id.0, *number))
    }

    fn assign(&mut self, vni: Vni, in_use: impl Fn(Vni) -> bool) -> Option<u16> {
        let number = match self.last.checked_add(1) {
            Some(next) => {
                self.last = next;
                next
            }
            None => self.reclaim(in_use)?,
        };
        self.numbers.insert(vni, number);
        Some(number)
    }

    fn reclaim(&mut self, in_use: impl Fn(Vni) -> bool) -> Option<u16> {
        if self.free.is_empty() {
            let free = &mut self.free;
            self.numbers.retain(|vni, number| in_use(*vni) || !free.insert(*number));
        }
        self.free.pop_first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn numbers_are_small_stable_and_used_again_at_last() {
        let us = RouterId(Ipv4Addr::new(10, 0, 0, 1));
        let vni = |n: u32| Vni::new(n).unwrap();
        let mut pool = RdPool::default();
        let rd = pool.rd(us, vni(70_000), |_| true);
        assert_eq!(rd.map(|rd| rd.to_string()).as_deref(), Some("10.0.0.1:1"));
        for n in 1..=65534 {
            assert!(pool.rd(us, vni(n), |_| true).is_some());
        }
        assert_eq!(pool.rd(us, vni(99_999), |_| true), None);
        assert_eq!(pool.rd(us, vni(70_000), |_| true), rd);
        let reused = pool.rd(us, vni(99_999), |held| held != vni(5));
        assert_eq!(reused.map(|rd| rd.to_string()).as_deref(), Some("10.0.0.1:6"));
        assert_eq!((pool.known(us, vni(5)), pool.known(us, vni(99_999))), (None, reused));
    }
}
