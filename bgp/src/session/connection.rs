//! One of a session's two connections: its state, its timers, and the octets not yet understood.

use std::time::Instant;

use bytes::BytesMut;

use super::fsm::{Event, State};
use super::timers::{Timer, Timers};
use super::words::StateName;
use crate::wire::message::{self, HEADER_LEN, MAX_MESSAGE};

/// A connection, made or wanted.
#[derive(Debug, Default)]
pub(super) struct Connection {
    pub(super) state: State,
    pub(super) timers: Timers,
    pub(super) buffer: BytesMut,
}

impl Connection {
    pub(super) fn name(&self) -> StateName {
        self.state.name()
    }

    pub(super) fn is_connected(&self) -> bool {
        self.state.is_connected()
    }

    /// Whether something waits in the buffer that can be handled: a whole message, or what is none.
    pub(super) fn has_message(&self) -> bool {
        self.is_connected() && !matches!(message::frame(&self.buffer, self.max_message()), Ok(None))
    }

    /// The silence was in this speaker, which has not yet handled what it received: the peer gets its hold
    /// time again.
    pub(super) fn forgive_silence(&mut self, now: Instant) {
        if let Some(agreed) = self.state.agreed() {
            self.timers.set(Timer::Hold, now + agreed.hold_time);
        }
    }

    /// The longest message that may come.
    pub(super) fn max_message(&self) -> u16 {
        self.state.agreed().map_or(MAX_MESSAGE, |agreed| agreed.receive.max_message)
    }
}

/// The first thing that `octets` say, and how many of them say it; `None` where more are needed.
pub(super) fn first_event(octets: &[u8], max_message: u16) -> Option<(Event<'_>, usize)> {
    match message::frame(octets, max_message) {
        Ok(None) => None,
        Ok(Some((kind, length))) => Some((Event::Message(kind, octets.get(HEADER_LEN..length)?), length)),
        Err(error) => Some((Event::Malformed(error), 0)),
    }
}
