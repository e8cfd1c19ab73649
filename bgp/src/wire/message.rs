//! Any message, and the way to it: [`frame`] finds one in a stream, [`Message::parse`] reads it.

use super::update::UpdateContext;
use super::{Notification, Open, RouteRefresh, Update, WireError};

pub use super::header::{HEADER_LEN, MAX_EXTENDED_MESSAGE, MAX_MESSAGE, MessageType, frame, keepalive};

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Type 1.
    Open(Open),
    /// Type 2.
    Update(Update),
    /// Type 3.
    Notification(Notification),
    /// Type 4.
    Keepalive,
    /// Type 5 (RFC 2918).
    RouteRefresh(RouteRefresh),
}

impl Message {
    /// Reads the body of a message that [`frame`] has found.
    pub fn parse(kind: MessageType, body: &[u8], ctx: &UpdateContext) -> Result<Message, WireError> {
        Ok(match kind {
            MessageType::Open => Message::Open(Open::parse(body)?),
            MessageType::Update => Message::Update(Update::parse(body, ctx)?),
            MessageType::Notification => Message::Notification(Notification::parse(body)?),
            MessageType::Keepalive => Message::Keepalive,
            MessageType::RouteRefresh => Message::RouteRefresh(RouteRefresh::parse(body)?),
        })
    }
}
