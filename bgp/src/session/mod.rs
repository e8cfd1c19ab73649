//! One peer's session: framing, the finite state machine of RFC 4271 section 8, timers, negotiation, collision.
//!
//! A [`Session`] is one configured peer with up to two connections, one dialled by each side. It is pure: the
//! driver owns sockets and the clock, says what happened ([`Session::handle`]), carries out what is asked
//! ([`Session::poll_action`]) and comes back at the time that is named ([`Session::poll_timeout`]).

mod config;
mod down;
mod established;
mod event;
mod info;
mod timers;

use std::time::Instant;

use bytes::BytesMut;

pub use config::{RemoteAs, SessionConfig};
pub use down::{Down, Reason, Refusal, TransportFault};
pub use established::Established;
pub use event::{Action, Input, Received, Side, StopReason};
pub use info::{Info, MessageCounts, StateName};
pub use timers::Timer;

/// One configured peer.
#[derive(Debug)]
pub struct Session {
    actions: std::collections::VecDeque<Action>,
}

impl Session {
    /// A session that waits for [`Input::Start`]. The seed makes the jitter of its timers (RFC 4271 section 10).
    pub fn new(_config: SessionConfig, _seed: u64) -> Session {
        Session { actions: Default::default() }
    }

    /// Takes news. What is to be done about it is in [`Session::poll_action`] afterwards.
    pub fn handle(&mut self, _now: Instant, _input: Input) {}

    /// The next thing to do; to be asked until there is none after every `handle`.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call `handle` with [`Input::Timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Where to read a connection's octets into; `None` if there is no such connection.
    pub fn buffer(&mut self, _side: Side) -> Option<&mut BytesMut> {
        None
    }

    /// Whether a whole message waits in the buffer of `side`: `Received` is to be called again, after others
    /// have had their turn and before more is read.
    pub fn has_buffered(&self, _side: Side) -> bool {
        false
    }

    /// The state.
    pub fn state(&self) -> StateName {
        StateName::Idle
    }

    /// A picture for an operator.
    pub fn info(&self) -> Info {
        Info {
            state: self.state(),
            since: None,
            stopped: true,
            established: None,
            times_established: 0,
            last_down: None,
            sent: MessageCounts::default(),
            received: MessageCounts::default(),
            fault_count: 0,
            faults: Vec::new(),
            timers: Vec::new(),
        }
    }
}
