//! The message header and the messages that follow it (RFC 4271 section 4.1).

use super::{Notification, Open, RouteRefresh, Update};

/// Length of the header: marker, length, type.
pub const HEADER_LEN: usize = 19;

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
