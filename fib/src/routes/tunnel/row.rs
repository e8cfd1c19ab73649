//! A row of the tunnel's device: what is wanted of it, and what the kernel was seen to have.

use std::net::IpAddr;

use bgp::types::Mac;

use crate::config::PROTOCOL;
use crate::op::{Action, Half};
use crate::row::{IfIndex, NeighborState, Row};

/// Which row. FDB rows come first, in this order as in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::routes) enum RowKey {
    Fdb(Mac),
    Neighbor(IpAddr),
}

/// What a row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::routes) enum Value {
    /// Of a MAC: the VTEP that it is at.
    At(IpAddr),
    /// Of a router: its MAC.
    Is(Mac),
}

/// An op on a row that is under way: it sets this, or takes the row away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::routes) struct RowFlight {
    pub(super) key: RowKey,
    pub(super) value: Option<Value>,
    /// There was one that was seen.
    pub(super) replace: bool,
}

/// A row as the kernel has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) value: Value,
    /// It bears our mark.
    pub(super) ours: bool,
    /// Somebody has set it: the kernel neither learns nor forgets it by itself.
    pub(super) firm: bool,
}

/// What is known of a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    pub(super) seen: Option<Seen>,
    pub(super) in_flight: bool,
    /// The kernel reported it since that op was given out.
    pub(super) touched: bool,
    /// Seen since the running dump began.
    pub(super) fresh: bool,
}

/// What comes next for a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Rest,
    Set(Value),
    /// Somebody else has set another one.
    Blocked,
}

impl State {
    pub(super) fn step(&self, goal: Option<Value>) -> Step {
        match (goal, self.seen) {
            (Some(value), Some(seen)) if seen.value == value && seen.firm => Step::Rest,
            (Some(_), Some(Seen { ours: false, firm: true, .. })) => Step::Blocked,
            (Some(value), _) => Step::Set(value),
            (None, _) => Step::Rest,
        }
    }
}

impl RowFlight {
    /// What does it.
    pub(super) fn action(&self, vxlan: IfIndex) -> Action {
        let half = Half::Tunnel;
        match (self.key, self.value) {
            (RowKey::Fdb(mac), Some(Value::At(vtep))) => Action::SetMac { vxlan, mac, vtep, half },
            (RowKey::Fdb(mac), _) => Action::DeleteMac { vxlan, mac, vtep: None, half },
            (RowKey::Neighbor(ip), Some(Value::Is(mac))) => {
                let replace = self.replace;
                Action::SetNeighbor { bridge: vxlan, ip, mac, router: false, replace, protocol: PROTOCOL }
            }
            (RowKey::Neighbor(ip), _) => Action::DeleteNeighbor { bridge: vxlan, ip },
        }
    }
}

/// The device, key and content of a row that the kernel reports; `None` for what never leads to a VTEP.
pub(super) fn read(row: &Row) -> Option<(IfIndex, RowKey, Seen)> {
    match row {
        Row::Tunnel(row) if row.mac.is_host() => {
            let seen = Seen { value: Value::At(row.vtep), ours: row.ours, firm: row.firm || row.external };
            Some((row.vxlan, RowKey::Fdb(row.mac), seen))
        }
        Row::Neighbor(row) => {
            let firm = matches!(row.state, NeighborState::NoArp | NeighborState::Permanent);
            let ours = row.external && row.protocol == PROTOCOL;
            let seen = Seen { value: Value::Is(row.mac.unwrap_or_default()), ours, firm };
            Some((row.device, RowKey::Neighbor(row.ip), seen))
        }
        Row::Tunnel(_) | Row::Bridge(_) => None,
    }
}
