//! One address of a host that is attached here, and all of a VNI's.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::time::Instant;

use bgp::types::Mac;
use fib::IfIndex;
use smallvec::SmallVec;

use super::frame::Said;

/// A host's address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binding {
    pub(super) mac: Mac,
    /// It is an IPv6 router.
    pub(super) router: bool,
    /// The kernel has a usable neighbour for it.
    pub(super) in_kernel: bool,
    /// EVPN has been told of it, and not of its end.
    pub(super) told: bool,
    /// The access port that the MAC was last seen on.
    pub(super) port: Option<IfIndex>,
    pub(super) state: State,
    /// When it was last sure.
    pub(super) sure: Instant,
    /// When it is to be looked at.
    pub(super) due: Instant,
}

/// What is thought of a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The host is there.
    Present,
    /// It has been asked so many times and has not answered yet.
    Asked(u8),
    /// It was there, and is asked whether it is again. EVPN does not count on it.
    Missed {
        /// So many times.
        asked: u8,
        /// Until then; `None`: for as long as the kernel has it.
        until: Option<Instant>,
    },
}

/// A host that was heard before its bridge was seen to have its MAC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Newcomer {
    pub(super) device: IfIndex,
    pub(super) said: Said,
    pub(super) until: Instant,
}

/// What is known of a VNI's hosts here.
#[derive(Debug, Default)]
pub(super) struct Segment {
    /// The dataplane has it.
    pub(super) up: bool,
    pub(super) bridge_mac: Mac,
    bindings: HashMap<IpAddr, Binding>,
    of_mac: HashMap<Mac, SmallVec<[IpAddr; 1]>>,
    /// MACs that the bridge has forgotten and EVPN has not heard of: their hosts are being asked.
    pub(super) held: HashSet<Mac>,
    pub(super) newcomers: VecDeque<Newcomer>,
    pub(super) counts: super::Counts,
    tally: Tally,
}

/// How many bindings are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Hosts that count as there.
    pub present: u64,
    /// Of which no answer has come yet.
    pub asked: u64,
    /// Hosts that were there, and are waited for.
    pub missed: u64,
}

impl Tally {
    fn of(&mut self, state: State) -> &mut u64 {
        match state {
            State::Present => &mut self.present,
            State::Asked(_) => &mut self.asked,
            State::Missed { .. } => &mut self.missed,
        }
    }
}

impl Segment {
    pub(super) fn get(&self, ip: IpAddr) -> Option<&Binding> {
        self.bindings.get(&ip)
    }

    pub(super) fn get_mut(&mut self, ip: IpAddr) -> Option<&mut Binding> {
        self.bindings.get_mut(&ip)
    }

    /// Changes a binding, which may be in another state afterwards.
    pub(super) fn change<T>(&mut self, ip: IpAddr, change: impl FnOnce(&mut Binding) -> T) -> Option<T> {
        let binding = self.bindings.get_mut(&ip)?;
        let before = binding.state;
        let result = change(binding);
        let after = binding.state;
        *self.tally.of(before) -= 1;
        *self.tally.of(after) += 1;
        Some(result)
    }

    /// How many are in which state.
    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    pub(super) fn len(&self) -> usize {
        self.bindings.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (IpAddr, &Binding)> {
        self.bindings.iter().map(|(ip, binding)| (*ip, binding))
    }

    /// The addresses of a MAC.
    pub(super) fn addresses(&self, mac: Mac) -> SmallVec<[IpAddr; 1]> {
        self.of_mac.get(&mac).cloned().unwrap_or_default()
    }

    /// How many there are.
    pub(super) fn count_addresses(&self, mac: Mac) -> usize {
        self.of_mac.get(&mac).map_or(0, SmallVec::len)
    }

    /// Puts a binding in; the one before is given back.
    pub(super) fn put(&mut self, ip: IpAddr, binding: Binding) -> Option<Binding> {
        let old = self.remove(ip);
        self.of_mac.entry(binding.mac).or_default().push(ip);
        *self.tally.of(binding.state) += 1;
        self.bindings.insert(ip, binding);
        old
    }

    pub(super) fn remove(&mut self, ip: IpAddr) -> Option<Binding> {
        let binding = self.bindings.remove(&ip)?;
        *self.tally.of(binding.state) -= 1;
        if let Some(addresses) = self.of_mac.get_mut(&binding.mac) {
            addresses.retain(|address| *address != ip);
            if addresses.is_empty() {
                self.of_mac.remove(&binding.mac);
            }
        }
        Some(binding)
    }

    /// Whether EVPN counts on some address of a MAC.
    pub(super) fn counts_on(&self, mac: Mac) -> bool {
        let addresses = self.of_mac.get(&mac).into_iter().flatten();
        addresses.filter_map(|ip| self.bindings.get(ip)).any(|binding| binding.told)
    }
}
