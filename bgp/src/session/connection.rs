//! One of a session's two connections: its state, its timers, and the octets not yet understood.

use std::time::Instant;

use bytes::BytesMut;

use super::StateName;
use super::fsm::State;
use super::timers::{Timer, Timers};
use crate::wire::WireError;
use crate::wire::message::{self, HEADER_LEN, MAX_MESSAGE, MessageType};

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

/// The first message of `octets`: its type, its body, its length with the header.
pub(super) fn message(octets: &[u8], max: u16) -> Result<Option<(MessageType, &[u8], usize)>, WireError> {
    let framed = message::frame(octets, max)?;
    Ok(framed.and_then(|(kind, length)| Some((kind, octets.get(HEADER_LEN..length)?, length))))
}
