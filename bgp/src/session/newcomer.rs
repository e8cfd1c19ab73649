//! What becomes of a connection that the peer makes.
//!
//! A peer dials again only once it has given its former connection up, so a new one replaces one that is not
//! established yet. An established session is kept (RFC 4271 section 6.8). But its connection may be dead without
//! our knowing it, when the peer was cut off and started anew: it would be kept out until our hold timer says so.
//! So the newcomer waits for a moment while a KEEPALIVE goes over the established connection. A peer that knows
//! nothing of that connection resets it, which is the answer, and the newcomer takes its place at once. If no answer
//! comes, the newcomer is refused. Nobody can bring a session down by connecting, but for one with a peer that
//! restarts gracefully: there the newcomer takes the place at once (RFC 4724 section 4.2), and no route is lost.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Session;
use super::down::{self, Reason};
use super::event::Action;
use super::fsm::Event;
use super::timers::Timer;
use super::words::{Side, StateName};

/// How long a newcomer waits: some round trips, since an answer comes from the peer's kernel.
const WAIT: Duration = Duration::from_secs(1);

/// How long after a session came up another connection of the peer's may still be one that collided with it.
const COLLISION: Duration = Duration::from_secs(5);

impl Session {
    /// The peer has made a connection with these ends: ours, its own.
    pub(super) fn accept(&mut self, now: Instant, local: SocketAddr, remote: SocketAddr) {
        if let Some(side) = self.lost_by_restart(now) {
            self.step(now, side, Event::Stop(Reason::Restarted));
            self.step(now, Side::Incoming, Event::Start);
        }
        if let Some(side) = self.established().map(|agreed| agreed.side) {
            return self.let_wait(now, side, (local, remote));
        }
        if matches!(self.incoming.name(), StateName::OpenSent | StateName::OpenConfirm) {
            self.step(now, Side::Incoming, Event::Stop(Reason::Replaced));
            self.step(now, Side::Incoming, Event::Start);
        }
        if self.incoming.name() == StateName::Active {
            self.out.push(Action::Accept);
            self.step(now, Side::Incoming, Event::Connected(local, remote));
        } else {
            let notification = down::turned_away(self.state());
            self.out.refuse(&notification);
        }
    }

    /// The side of the established session that must be gone, as a peer that restarts gracefully makes a new
    /// connection. One that was on its way when the session came up says nothing: it is the other one of a
    /// collision.
    fn lost_by_restart(&self, now: Instant) -> Option<Side> {
        let agreed = self.established()?;
        let restarts = agreed.restart.as_ref().is_some_and(|restart| !restart.keepable().is_empty());
        let is_late = self.history.since.is_some_and(|since| now >= since + COLLISION);
        (restarts && is_late).then_some(agreed.side)
    }

    /// Lets the newcomer wait, in place of one that does so already, and probes the established connection.
    fn let_wait(&mut self, now: Instant, established: Side, ends: (SocketAddr, SocketAddr)) {
        self.newcomer = Some(ends);
        if self.timers.get(Timer::Newcomer).is_none() {
            self.timers.set(Timer::Newcomer, now + WAIT);
            self.out.send_keepalive(established);
        }
    }

    /// The established connection has not turned out dead.
    pub(super) fn refuse_newcomer(&mut self) {
        if self.newcomer.take().is_some() {
            let notification = down::turned_away(self.state());
            self.out.refuse(&notification);
        }
    }

    /// Once the session that it had to wait for has ended, the newcomer has its turn.
    pub(super) fn settle_newcomer(&mut self, now: Instant) {
        if self.state() == StateName::Established {
            return;
        }
        if let Some((local, remote)) = self.newcomer.take() {
            self.timers.clear(Timer::Newcomer);
            if !self.stopped {
                self.step(now, Side::Incoming, Event::Start);
            }
            self.accept(now, local, remote);
        }
    }
}
