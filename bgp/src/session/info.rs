//! What a session tells an operator who looks at it.

use std::time::Instant;

use super::down::{Down, Reason};
use super::established::Established;
use super::timers::Timer;
use super::words::{Side, StateName};
use crate::wire::message::MessageType;
use crate::wire::{Fault, Verdict};

/// A picture of a session.
#[derive(Clone, Debug)]
pub struct Info {
    /// The state.
    pub state: StateName,
    /// When this state was reached; `None` before the first input.
    pub since: Option<Instant>,
    /// Stopped by an operator or never started, as opposed to pausing.
    pub stopped: bool,
    /// What was agreed, while established.
    pub established: Option<Box<Established>>,
    /// How often it was established.
    pub times_established: u64,
    /// How and when an established session last ended.
    pub last_down: Option<(Instant, Down)>,
    /// How and when an attempt last failed before it was established.
    pub last_failure: Option<(Instant, Down)>,
    /// Messages to the peer.
    pub sent: MessageCounts,
    /// Messages from the peer.
    pub received: MessageCounts,
    /// Faults survived (RFC 7606), since the beginning.
    pub fault_counts: FaultCounts,
    /// The last of them, oldest first; at most sixteen.
    pub faults: Vec<(Instant, Fault)>,
    /// The timers that run: of one connection, or of the session.
    pub timers: Vec<(Option<Side>, Timer, Instant)>,
}

/// Faults by what was done about them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts {
    /// Something was left out.
    pub discarded: u64,
    /// Routes counted as withdrawn.
    pub withdrawn: u64,
}

impl FaultCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.discarded + self.withdrawn
    }

    pub(super) fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Discard => self.discarded += 1,
            Verdict::TreatAsWithdraw => self.withdrawn += 1,
        }
    }
}

/// What a session remembers of itself for [`Info`].
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub(super) state: StateName,
    pub(super) since: Option<Instant>,
    pub(super) times_established: u64,
    pub(super) last_down: Option<(Instant, Down)>,
    pub(super) last_failure: Option<(Instant, Down)>,
}

impl History {
    /// The session is in `state`, perhaps as before.
    pub(super) fn reached(&mut self, now: Instant, state: StateName) {
        if self.state != state || self.since.is_none() {
            (self.state, self.since) = (state, Some(now));
        }
    }

    /// A connection ended in `state`. That one of two gives way is no news.
    pub(super) fn ended(&mut self, now: Instant, state: StateName, down: Down) {
        match (state, down) {
            (_, Down::Local(Reason::Collision | Reason::Replaced)) => {}
            (StateName::Established, down) => self.last_down = Some((now, down)),
            (_, down) => self.last_failure = Some((now, down)),
        }
    }
}

/// Messages by type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageCounts {
    /// OPEN.
    pub open: u64,
    /// UPDATE.
    pub update: u64,
    /// NOTIFICATION.
    pub notification: u64,
    /// KEEPALIVE.
    pub keepalive: u64,
    /// ROUTE-REFRESH.
    pub refresh: u64,
}

impl MessageCounts {
    /// The counter of one type.
    pub(super) fn of(&mut self, kind: MessageType) -> &mut u64 {
        match kind {
            MessageType::Open => &mut self.open,
            MessageType::Update => &mut self.update,
            MessageType::Notification => &mut self.notification,
            MessageType::Keepalive => &mut self.keepalive,
            MessageType::RouteRefresh => &mut self.refresh,
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.open + self.update + self.notification + self.keepalive + self.refresh
    }
}
