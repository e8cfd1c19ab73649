//! What each input means to a session.

use std::time::Instant;

use bytes::Buf;

use super::backoff::Backoff;
use super::down::{Reason, TransportFault};
use super::event::Input;
use super::fsm::Event;
use super::offer::Offer;
use super::timers::Timer;
use super::words::{Side, StopReason};
use super::{Session, connection};
use crate::types::Family;
use crate::wire::RouteRefresh;

/// How many messages one `Received` handles, and after how many octets it stops: both are a few hundred
/// microseconds of work.
const MAX_MESSAGES: usize = 256;
const MAX_OCTETS: usize = 64 * 1024;

impl Session {
    /// Takes news. What is to be done about it is in [`Session::poll_action`] afterwards.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Start => self.start(now),
            Input::Stop(reason) => self.stop(now, &reason),
            Input::Configure(config) => self.config = *config,
            Input::Connected { local, remote } => {
                self.step(now, Side::Outgoing, Event::Connected(local, remote));
            }
            Input::ConnectFailed(kind) => self.step(now, Side::Outgoing, Event::ConnectFailed(kind)),
            Input::Accepted { local, remote } => self.accept(now, local, remote),
            Input::Received(side) => self.receive(now, side),
            Input::Closed(side) => self.closed(now, side, TransportFault::Closed),
            Input::Lost(side, fault) => self.closed(now, side, fault),
            Input::Sent { side, updates, refreshes } => {
                self.step(now, side, Event::Sent { updates, refreshes });
            }
            Input::SendBlocked(side) => self.step(now, side, Event::Blocked),
            Input::SendProgress(side) => self.step(now, side, Event::Progress),
            Input::RequestRefresh(family) => self.request_refresh(family),
            Input::Timeout => self.timeout(now),
        }
        self.settle(now);
    }

    fn request_refresh(&mut self, family: Family) {
        let Some(agreed) = self.established() else { return };
        let side = agreed.side;
        if agreed.families.contains(family) && agreed.route_refresh {
            self.out.send_refresh(side, &RouteRefresh::request(family));
        }
    }

    fn start(&mut self, now: Instant) {
        if self.stopped || self.timers.get(Timer::IdleHold).is_some() {
            self.stopped = false;
            self.begin(now);
        }
    }

    fn begin(&mut self, now: Instant) {
        self.timers.clear(Timer::IdleHold);
        Side::ALL.into_iter().for_each(|side| self.step(now, side, Event::Start));
    }

    fn stop(&mut self, now: Instant, reason: &StopReason) {
        if self.stopped {
            return;
        }
        self.stopped = !reason.restarts();
        self.timers.clear(Timer::IdleHold);
        for side in Side::ALL {
            self.step(now, side, Event::Stop(Reason::Stopped(reason.clone())));
        }
        self.backoff = Backoff::default();
        if let Some(pause) = reason.pause().and_then(|pause| now.checked_add(pause)) {
            self.timers.set(Timer::IdleHold, pause);
        }
        self.offer = Offer::default();
    }

    /// Handles what is in the buffer, up to the bounds of one turn.
    pub(super) fn receive(&mut self, now: Instant, side: Side) {
        let mut octets = std::mem::take(&mut self.connection_mut(side).buffer);
        let mut used = 0;
        for _ in 0..MAX_MESSAGES {
            let rest = octets.get(used..).unwrap_or_default();
            if used >= MAX_OCTETS || self.yields(side) {
                break;
            }
            match self.receive_one(now, side, rest) {
                Some(length) => used += length,
                None => break,
            }
        }
        if self.connection(side).is_connected() {
            octets.advance(used);
            self.connection_mut(side).buffer = octets;
        }
    }

    /// Handles the first message of `octets`; returns its length, or nothing if there is none or it was the
    /// last one.
    fn receive_one(&mut self, now: Instant, side: Side, octets: &[u8]) -> Option<usize> {
        let (event, length) = connection::first_event(octets, self.connection(side).max_message())?;
        if let Event::Message(kind, _) = event {
            *self.out.received.of(kind) += 1;
        }
        self.step(now, side, event);
        self.connection(side).is_connected().then_some(length)
    }

    /// What came before the end still counts: often it says why.
    fn closed(&mut self, now: Instant, side: Side, fault: TransportFault) {
        while self.has_buffered(side) {
            self.receive(now, side);
        }
        self.step(now, side, Event::Closed(fault));
    }

    fn timeout(&mut self, now: Instant) {
        if self.timers.take_due(Timer::IdleHold, now) {
            self.begin(now);
        }
        if self.timers.take_due(Timer::Newcomer, now) {
            self.refuse_newcomer();
        }
        for timer in Timer::ALL {
            for side in Side::ALL {
                if self.connection_mut(side).timers.take_due(timer, now) {
                    self.expired(now, side, timer);
                }
            }
        }
    }

    fn expired(&mut self, now: Instant, side: Side, timer: Timer) {
        match timer {
            Timer::Hold if self.connection(side).has_message() => {
                self.connection_mut(side).forgive_silence(now);
            }
            Timer::Yield => self.step(now, side.other(), Event::Stop(Reason::Collision)),
            _ => self.step(now, side, Event::Expired(timer)),
        }
    }
}
