//! What is left behind in the kernel and is under no key any more.
//!
//! Neighbours of ours on a bridge that no longer serves their network: its VXLAN device was moved to another bridge, or
//! is gone. The bridge's rows for the device go with it and the device keeps or takes along its own, but nobody else lets
//! the neighbours go, and the bridge would go on resolving hosts that it does not reach.
//!
//! Where the bridge serves a network again before their turn has come, what is there is looked at with the rest of it.
//!
//! A former run may have left such ones, too, if the device was moved while nobody ran. The mark and the protocol id on
//! them say whose they are; they go when that run's other rows do.
//!
//! Copies of a bridge's row: a kernel that can keep VLANs apart makes one for each VLAN of the port (VLAN 1 at least, whether
//! or not the bridge keeps them apart), and deletes them with it. But a frame of a host that has come here takes over the
//! row and not its copies; they would send the host's frames into the tunnel as soon as the bridge did keep VLANs apart.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Instant;

use bgp::types::{Mac, Vni};

use super::{Fib, Target};
use crate::op::{Action, Fault, Half, Op};
use crate::retry::Retries;
use crate::row::{IfIndex, NeighborRow, Row};

/// One that is left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Stray {
    /// A neighbour: its bridge, and its address.
    Neighbor(IfIndex, IpAddr),
    /// Copies of the row that a bridge had of a MAC at this VXLAN device, if there are any.
    Copies(IfIndex, Mac),
}

/// Those that are to go.
#[derive(Debug, Default)]
pub(super) struct Strays {
    waiting: VecDeque<Stray>,
    /// A former run's, which are kept yet.
    found: BTreeSet<Stray>,
    retries: Retries<Stray>,
}

impl Strays {
    /// None is to go now.
    pub(super) fn are_none(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.retries.next_due()
    }
}

impl Fib {
    /// A network's devices are not these any more.
    pub(super) fn leave_behind(&mut self, vni: Vni, bridge: IfIndex) {
        let Some(network) = self.networks.get(&vni) else { return };
        let protocol = self.config.protocol;
        let ours = network.neighbors.iter().filter(|(_, entry)| entry.has_ours(protocol));
        self.strays.waiting.extend(ours.map(|(ip, _)| Stray::Neighbor(bridge, ip)));
    }

    /// An op is over that may have set a neighbour on such a bridge, having been given out before; or that has deleted the
    /// tunnel's row of a host whose other one had been taken over.
    pub(super) fn look_behind(&mut self, action: &Action) {
        match *action {
            Action::SetNeighbor { bridge, ip, .. } if self.links.vni(bridge).is_none() => {
                self.strays.waiting.push_back(Stray::Neighbor(bridge, ip));
            }
            Action::DeleteMac { vxlan, mac, half: Half::Tunnel, .. } => {
                self.strays.waiting.push_back(Stray::Copies(vxlan, mac));
            }
            _ => {}
        }
    }

    /// News of a row on a device that serves no network.
    pub(super) fn see_elsewhere(&mut self, row: &Row, present: bool) {
        let Row::Neighbor(NeighborRow { device, ip, external, protocol, .. }) = *row else { return };
        if !(present && external && protocol == self.config.protocol) {
            self.strays.found.remove(&Stray::Neighbor(device, ip));
        } else if self.released {
            self.strays.waiting.push_back(Stray::Neighbor(device, ip));
        } else {
            self.strays.found.insert(Stray::Neighbor(device, ip));
        }
    }

    /// What a former run has left so may go.
    pub(super) fn release_strays(&mut self) {
        self.strays.waiting.extend(std::mem::take(&mut self.strays.found));
    }

    /// As with rows, none is written while anything is to be looked at.
    pub(super) fn next_stray(&mut self, now: Instant) -> Option<Op> {
        while let Some(stray) = self.strays.retries.pop_due(now) {
            self.strays.waiting.push_back(stray);
        }
        while self.dumps.is_idle()
            && let Some(stray) = self.strays.waiting.pop_front()
        {
            if let Some(action) = self.removal(stray) {
                return Some(self.launch(Target::Stray(stray), action));
            }
            self.strays.retries.clear(&stray);
        }
        None
    }

    /// How it is removed, if it is left behind still.
    fn removal(&self, stray: Stray) -> Option<Action> {
        match stray {
            Stray::Neighbor(bridge, ip) => {
                self.links.vni(bridge).is_none().then_some(Action::DeleteNeighbor { bridge, ip })
            }
            Stray::Copies(vxlan, mac) => {
                let network = self.networks.get(&self.links.vni(vxlan)?)?;
                let is_here = network.macs.get(mac).is_some_and(|entry| entry.is_taken_over(vxlan));
                is_here.then_some(Action::DeleteMac { vxlan, mac, vtep: None, half: Half::Bridge })
            }
        }
    }

    /// One that is gone already, with its bridge or without, is what was wanted.
    pub(super) fn stray_over(&mut self, now: Instant, stray: Stray, fault: Option<Fault>) {
        match fault.filter(|fault| !is_absence(fault)) {
            Some(fault) => self.strays.retries.refused(now, stray, fault),
            None => self.strays.retries.clear(&stray),
        }
    }
}

/// The kernel does not have what it was to delete.
pub(super) fn is_absence(fault: &Fault) -> bool {
    [libc::ENOENT, libc::ENODEV].contains(&fault.errno)
}
