//! What a transition may look at, and what it may do.

use std::time::{Duration, Instant};

use super::config::SessionConfig;
use super::down::Down;
use super::established::Established;
use super::event::Action;
use super::jitter::Jitter;
use super::offer::Offer;
use super::output::Output;
use super::restart::OwnRestart;
use super::timers::{Timer, Timers};
use super::words::{Side, StateName};

/// One connection's view of its session, for the length of one transition.
pub(super) struct Context<'a> {
    pub(super) side: Side,
    pub(super) now: Instant,
    pub(super) config: &'a SessionConfig,
    pub(super) offer: &'a Offer,
    pub(super) own_restart: OwnRestart,
    /// How far the other connection is.
    pub(super) rival: StateName,
    pub(super) timers: &'a mut Timers,
    pub(super) jitter: &'a mut Jitter,
    pub(super) out: &'a mut Output,
    /// How the connection ended, if it did.
    pub(super) ended: Option<Down>,
}

impl Context<'_> {
    /// Starts or restarts a timer.
    pub(super) fn set(&mut self, timer: Timer, after: Duration) {
        match self.now.checked_add(after) {
            Some(due) => self.timers.set(timer, due),
            None => self.timers.clear(timer),
        }
    }

    /// Starts or restarts a timer, a little early, as RFC 4271 section 10 asks for.
    pub(super) fn set_jittered(&mut self, timer: Timer, after: Duration) {
        let after = self.jitter.spread(after);
        self.set(timer, after);
    }

    /// The next KEEPALIVE is due an interval from now.
    pub(super) fn restart_keepalive(&mut self, agreed: &Established) {
        if !agreed.keepalive.is_zero() {
            self.set_jittered(Timer::Keepalive, agreed.keepalive);
        }
    }

    /// The peer gave a sign of life.
    pub(super) fn restart_hold(&mut self, agreed: &Established) {
        if !agreed.hold_time.is_zero() {
            self.set(Timer::Hold, agreed.hold_time);
        }
    }

    pub(super) fn act(&mut self, action: Action) {
        self.out.push(action);
    }
}
