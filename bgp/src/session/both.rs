//! What the two connections of a session mean for each other: collision, yielding, and the pause when neither
//! goes on.

use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::connection::Connection;
use super::context::Context;
use super::down::{Down, Reason, TransportFault};
use super::fsm::Event;
use super::restart::OwnRestart;
use super::timers::Timer;
use super::words::{Side, StateName};
use super::{Session, collision};

/// How long a connection yields. Some round trips: the OPEN that is waited for was sent when the connection
/// came up.
const YIELD: Duration = Duration::from_secs(5);

impl Session {
    /// Lets `event` happen to one connection, and to the other what follows from it.
    pub(super) fn step(&mut self, now: Instant, side: Side, event: Event<'_>) {
        let (connection, rival) = match side {
            Side::Outgoing => (&mut self.outgoing, self.incoming.name()),
            Side::Incoming => (&mut self.incoming, self.outgoing.name()),
        };
        let mut cx = Context {
            side,
            now,
            config: &self.config,
            offer: &self.offer,
            own_restart: OwnRestart::of(
                &self.config,
                self.restarted,
                now,
                self.history.times_established > 0,
            ),
            rival,
            timers: &mut connection.timers,
            jitter: &mut self.jitter,
            out: &mut self.out,
            ended: None,
        };
        let before = connection.state.name();
        connection.state = std::mem::take(&mut connection.state).next(event, &mut cx);
        let (after, ended) = (connection.state.name(), cx.ended);
        if let Some(down) = ended {
            self.ended(now, side, before, down);
        }
        if before != after {
            self.changed(now, side, after);
        }
    }

    fn ended(&mut self, now: Instant, side: Side, before: StateName, down: Down) {
        self.connection_mut(side).buffer = BytesMut::new();
        match &down {
            Down::Remote(notification) => {
                self.offer = std::mem::take(&mut self.offer).after(notification, &self.config);
            }
            Down::Transport(TransportFault::Closed) if before == StateName::Established => {
                self.backoff.lost();
            }
            _ => {}
        }
        self.history.ended(now, before, down);
    }

    /// Of two connections only one can come this far.
    fn changed(&mut self, now: Instant, side: Side, state: StateName) {
        let rival = self.connection(side.other()).name();
        match state {
            StateName::Established => {
                self.history.times_established += 1;
                self.backoff.established(now);
                self.step(now, side.other(), Event::Stop(Reason::Collision));
            }
            StateName::OpenConfirm if rival == StateName::OpenConfirm => {
                self.step(now, side.other(), Event::Stop(Reason::Collision));
            }
            _ => {}
        }
    }

    /// After every input: what the two connections mean for each other, and the pause if neither goes on.
    pub(super) fn settle(&mut self, now: Instant) {
        self.settle_newcomer(now);
        for side in Side::ALL {
            self.watch_yield(now, side);
            if self.connection(side).name() == StateName::OpenConfirm && self.has_buffered(side) {
                self.receive(now, side);
            }
        }
        if self.is_stranded() {
            self.pause(now);
        }
        let state = self.state();
        self.history.reached(now, state);
    }

    /// Whether the connection waits with being established because it is to lose against the other one.
    pub(super) fn yields(&self, side: Side) -> bool {
        let (connection, other) = (self.connection(side), self.connection(side.other()));
        connection.name() == StateName::OpenConfirm
            && other.name() == StateName::OpenSent
            && connection.state.agreed().is_some_and(|a| collision::winner(&self.config, a) != side)
    }

    fn watch_yield(&mut self, now: Instant, side: Side) {
        let yields = self.yields(side);
        let timers = &mut self.connection_mut(side).timers;
        match (yields, timers.get(Timer::Yield)) {
            (true, None) => timers.set(Timer::Yield, now + YIELD),
            (false, Some(_)) => timers.clear(Timer::Yield),
            _ => {}
        }
    }

    /// Whether nothing would ever happen again: no connection, no pause, and a side that should try does not.
    fn is_stranded(&self) -> bool {
        let idle = |c: &Connection| c.name() == StateName::Idle;
        !self.stopped
            && self.timers.get(Timer::IdleHold).is_none()
            && !self.outgoing.is_connected()
            && !self.incoming.is_connected()
            && (idle(&self.incoming) || idle(&self.outgoing) && !self.config.passive)
    }

    fn pause(&mut self, now: Instant) {
        Side::ALL.into_iter().for_each(|side| self.step(now, side, Event::Pause));
        let pause = self.backoff.failed(now);
        self.timers.set(Timer::IdleHold, now + self.jitter.spread(pause));
    }
}
