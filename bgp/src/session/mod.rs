//! One peer's session: framing, the finite state machine of RFC 4271 section 8, timers, negotiation, collision.
//!
//! A [`Session`] is one configured peer with up to two connections, one dialled by each side. It is pure: the
//! driver owns sockets and the clock, says what happened ([`Session::handle`]), carries out what is asked for
//! ([`Session::poll_action`]) and comes back at the time that is named ([`Session::poll_timeout`]). Nothing
//! that a peer sends is an error to the driver: a fault becomes actions and a [`Down`] that says who ended the
//! session and why.
//!
//! A driver's loop, for every event: `handle`, then `poll_action` until there is none, then set the one timer
//! to `poll_timeout`. To read, it fills [`Session::buffer`], if there is one, and says `Received`; while
//! [`Session::has_buffered`] holds it says `Received` again, after others had their turn, and reads no more.
//! That keeps the buffer to one message and one read, and a peer that talks much from starving the others.
//!
//! What is written where:
//! - `fsm`: one connection's states; a table. Two connections, one machine each, as RFC 4271 section 8.2.1 has it.
//! - `handle`: what each input means. `both`: what the two connections mean for each other, and the pause after
//!   an error.
//! - `newcomer`: what becomes of a connection that the peer makes.
//! - `offer`: what our OPEN offers. `negotiate`: what it makes together with the peer's. `restart`: so far as
//!   graceful restart is concerned.
//!
//! Collision (RFC 4271 section 6.8) is decided when the second OPEN arrives, before it is confirmed. One case
//! the RFC leaves open: a connection that is to lose may be confirmed by the peer while the OPEN of the one
//! that is to win is still under way. If one end called it established then and the other end did not, each
//! would close what the other keeps. So such a connection *yields*: its KEEPALIVE stays in the buffer until the
//! other one has its OPEN or is gone, for a few seconds at most.
//!
//! Not done here: routes (they pass through), UPDATEs to the peer (the driver writes those of `export` and says
//! `Sent`), what becomes of a restarting peer's routes, authentication.

mod backoff;
mod both;
mod collision;
mod config;
mod connection;
mod context;
mod down;
mod established;
mod event;
mod farewell;
mod fsm;
mod handle;
mod info;
mod jitter;
mod negotiate;
mod newcomer;
mod offer;
mod output;
mod restart;
mod timers;
mod words;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Instant;

use bytes::BytesMut;

pub use config::{AddPathOffer, RemoteAs, RestartConfig, RoleConfig, SessionConfig};
pub use down::{Down, Reason, Refusal, TransportFault};
pub use established::Established;
pub use event::{Action, Input, Received};
pub use info::{FaultCounts, Info, MessageCounts};
pub use restart::{LongLived, PeerRestart, Restarted};
pub use timers::Timer;
pub use words::{PrefixLimit, Side, StateName, StopReason};

use backoff::Backoff;
use connection::Connection;
use info::History;
use jitter::Jitter;
use offer::Offer;
use output::Output;
use timers::Timers;

/// One configured peer.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    offer: Offer,
    restarted: Option<Restarted>,
    stopped: bool,
    outgoing: Connection,
    incoming: Connection,
    /// A connection of the peer's that waits to be accepted or refused: its two ends.
    newcomer: Option<(SocketAddr, SocketAddr)>,
    /// The session's own: `IdleHold`, `Newcomer`.
    timers: Timers,
    backoff: Backoff,
    jitter: Jitter,
    history: History,
    out: Output,
}

impl Session {
    /// A session that waits for [`Input::Start`]. The seed spreads its timers (RFC 4271 section 10).
    pub fn new(config: SessionConfig, seed: u64) -> Session {
        Session {
            config,
            offer: Offer::default(),
            restarted: None,
            stopped: true,
            outgoing: Connection::default(),
            incoming: Connection::default(),
            newcomer: None,
            timers: Timers::default(),
            backoff: Backoff::default(),
            jitter: Jitter::new(seed),
            history: History::default(),
            out: Output::default(),
        }
    }

    /// This speaker has restarted, and its OPENs are to say so (RFC 4724 section 4.1). To be said before the session
    /// starts; without it this speaker has always been there.
    pub fn set_restarted(&mut self, restarted: Restarted) {
        self.restarted = Some(restarted);
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

    /// Where to read a connection's octets into; `None` if there is no such connection or it is not to be read
    /// now, because it yields.
    pub fn buffer(&mut self, side: Side) -> Option<&mut BytesMut> {
        self.may_read(side).then_some(&mut self.connection_mut(side).buffer)
    }

    /// Whether [`Session::buffer`] gives one: a driver that waits for a socket to be readable although it is
    /// not to be read would be woken again and again.
    pub fn may_read(&self, side: Side) -> bool {
        let connection = self.connection(side);
        connection.is_connected() && !(self.yields(side) && connection.has_message())
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
            fault_counts: self.out.faults.counts,
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
