//! One peer's session: framing, the finite state machine of RFC 4271 section 8, timers, negotiation, collision.
//!
//! A [`Session`] is one configured peer with up to two connections, one dialled by each side. It is pure: the
//! driver owns sockets and the clock, says what happened ([`Session::handle`]), carries out what is asked for
//! ([`Session::poll_action`]) and comes back at the time that is named ([`Session::poll_timeout`]). Nothing
//! that a peer sends is an error to the driver: a fault becomes actions and a [`Down`] that says who ended the
//! session and why.
//!
//! A driver's loop, for every event: `handle`, then `poll_action` until there is none, then set the one timer
//! to `poll_timeout`. To read, it fills [`Session::buffer`] and says `Received`; while
//! [`Session::has_buffered`] holds it says `Received` again, after others had their turn, and reads no more.
//! That keeps the buffer to one message and one read, and a peer that talks much from starving the others.
//!
//! What is written where:
//! - `fsm`: one connection's states; a table. Two connections, one machine each, as RFC 4271 section 8.2.1 has it.
//! - here: what concerns both connections: start and stop, the pause after an error, collision, time.
//! - `negotiate`: what our OPEN offers, and what it makes together with the peer's.
//!
//! Collision (RFC 4271 section 6.8) is decided when the second OPEN arrives, before it is confirmed. One case
//! the RFC leaves open: a connection that is to lose may be confirmed by the peer while the OPEN of the one
//! that is to win is still under way. If one end called it established then and the other end did not, each
//! would close what the other keeps. So such a connection *yields*: its KEEPALIVE stays in the buffer until the
//! other one has its OPEN or is gone, for a few seconds at most.
//!
//! Not done here: routes (they pass through), UPDATEs to the peer (the driver writes those of `export` and says
//! `Sent`), graceful restart beyond showing what the peer offers, authentication.

mod backoff;
mod collision;
mod config;
mod connection;
mod context;
mod down;
mod established;
mod event;
mod fsm;
mod info;
mod jitter;
mod negotiate;
mod output;
mod timers;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};

pub use config::{RemoteAs, SessionConfig};
pub use down::{Down, Reason, Refusal, TransportFault};
pub use established::Established;
pub use event::{Action, Input, Received, Side, StopReason};
pub use info::{Info, MessageCounts, StateName};
pub use timers::Timer;

use backoff::Backoff;
use connection::Connection;
use context::Context;
use fsm::Event;
use info::History;
use jitter::Jitter;
use negotiate::Offer;
use output::Output;
use timers::Timers;

/// One configured peer.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    offer: Offer,
    stopped: bool,
    outgoing: Connection,
    incoming: Connection,
    /// The session's own: `IdleHold`.
    timers: Timers,
    backoff: Backoff,
    jitter: Jitter,
    history: History,
    out: Output,
}

/// How many messages one `Received` handles, and after how many octets it stops: both are a few hundred
/// microseconds of work.
const MAX_MESSAGES: usize = 256;
const MAX_OCTETS: usize = 64 * 1024;

/// How long a connection yields. Some round trips: the OPEN that is waited for was sent when the connection
/// came up.
const YIELD: Duration = Duration::from_secs(5);

impl Session {
    /// A session that waits for [`Input::Start`]. The seed spreads its timers (RFC 4271 section 10).
    pub fn new(config: SessionConfig, seed: u64) -> Session {
        Session {
            config,
            offer: Offer::default(),
            stopped: true,
            outgoing: Connection::default(),
            incoming: Connection::default(),
            timers: Timers::default(),
            backoff: Backoff::default(),
            jitter: Jitter::new(seed),
            history: History::default(),
            out: Output::default(),
        }
    }

    /// Takes news. What is to be done about it is in [`Session::poll_action`] afterwards.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Start => self.start(now),
            Input::Stop(reason) => self.stop(now, &reason),
            Input::Connected { local, remote } => {
                self.step(now, Side::Outgoing, Event::Connected(local, remote));
            }
            Input::ConnectFailed(kind) => self.step(now, Side::Outgoing, Event::ConnectFailed(kind)),
            Input::Accepted { local, remote } => self.accept(now, local, remote),
            Input::Received(side) => self.receive(now, side),
            Input::Closed(side) => self.closed(now, side),
            Input::Sent { side, messages } => self.step(now, side, Event::Sent(messages)),
            Input::SendBlocked(side) => self.step(now, side, Event::Blocked),
            Input::SendProgress(side) => self.step(now, side, Event::Progress),
            Input::Timeout => self.timeout(now),
        }
        self.settle(now);
    }

    /// The next thing to do; to be asked until there is none after every `handle`.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.out.actions.pop_front()
    }

    /// When to call `handle` with [`Input::Timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        let tables = [&self.timers, &self.outgoing.timers, &self.incoming.timers];
        tables.into_iter().filter_map(Timers::earliest).min()
    }

    /// Where to read a connection's octets into; `None` if there is no such connection.
    pub fn buffer(&mut self, side: Side) -> Option<&mut BytesMut> {
        let connection = self.connection_mut(side);
        connection.is_connected().then_some(&mut connection.buffer)
    }

    /// Whether the buffer holds something that `Received` would handle now.
    pub fn has_buffered(&self, side: Side) -> bool {
        !self.yields(side) && self.connection(side).has_message()
    }

    /// The state: that of the connection that is further.
    pub fn state(&self) -> StateName {
        self.outgoing.name().max(self.incoming.name())
    }

    /// What was agreed, while established.
    pub fn established(&self) -> Option<&Established> {
        let established = |c: &&Connection| c.name() == StateName::Established;
        [&self.outgoing, &self.incoming].into_iter().find(established)?.state.agreed()
    }

    /// A picture for an operator.
    pub fn info(&self) -> Info {
        Info {
            state: self.state(),
            since: self.history.since,
            stopped: self.stopped,
            established: self.established().cloned().map(Box::new),
            times_established: self.history.times_established,
            last_down: self.history.last_down.clone(),
            last_failure: self.history.last_failure.clone(),
            sent: self.out.sent,
            received: self.out.received,
            fault_count: self.out.faults.count,
            faults: self.out.faults.last.iter().cloned().collect(),
            timers: self.running_timers().collect(),
        }
    }

    fn running_timers(&self) -> impl Iterator<Item = (Option<Side>, Timer, Instant)> + '_ {
        let own = self.timers.running().map(|(timer, due)| (None, timer, due));
        let both = Side::ALL.into_iter().flat_map(|side| {
            self.connection(side).timers.running().map(move |(timer, due)| (Some(side), timer, due))
        });
        own.chain(both)
    }
}

// What the driver says.
impl Session {
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
        self.offer = Offer::default();
    }

    /// A peer dials again only once it has given its former connection up, so the new one replaces it, unless
    /// the session is established: then it is kept (RFC 4271 section 6.8) until its hold timer says otherwise.
    fn accept(&mut self, now: Instant, local: SocketAddr, remote: SocketAddr) {
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

    /// Handles what is in the buffer, up to the bounds of one turn.
    fn receive(&mut self, now: Instant, side: Side) {
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
        let max = self.connection(side).max_message();
        let (event, length) = match connection::message(octets, max) {
            Ok(framed) => {
                let (kind, body, length) = framed?;
                *self.out.received.of(kind) += 1;
                (Event::Message(kind, body), length)
            }
            Err(error) => (Event::Malformed(error), 0),
        };
        self.step(now, side, event);
        self.connection(side).is_connected().then_some(length)
    }

    /// What came before the end still counts: often it says why.
    fn closed(&mut self, now: Instant, side: Side) {
        while self.has_buffered(side) {
            self.receive(now, side);
        }
        self.step(now, side, Event::Closed);
    }

    fn timeout(&mut self, now: Instant) {
        if self.timers.take_due(Timer::IdleHold, now) {
            self.begin(now);
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

// What concerns both connections.
impl Session {
    /// Lets `event` happen to one connection, and to the other what follows from it.
    fn step(&mut self, now: Instant, side: Side, event: Event<'_>) {
        let (connection, rival) = match side {
            Side::Outgoing => (&mut self.outgoing, self.incoming.name()),
            Side::Incoming => (&mut self.incoming, self.outgoing.name()),
        };
        let mut cx = Context {
            side,
            now,
            config: &self.config,
            offer: self.offer,
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
        if let Down::Remote(notification) = &down {
            self.offer = self.offer.after(notification, &self.config);
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
    fn settle(&mut self, now: Instant) {
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
    fn yields(&self, side: Side) -> bool {
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

    fn connection(&self, side: Side) -> &Connection {
        match side {
            Side::Outgoing => &self.outgoing,
            Side::Incoming => &self.incoming,
        }
    }

    fn connection_mut(&mut self, side: Side) -> &mut Connection {
        match side {
            Side::Outgoing => &mut self.outgoing,
            Side::Incoming => &mut self.incoming,
        }
    }
}
