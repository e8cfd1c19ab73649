//! What a session is told and what it asks for: its border to the driver.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::config::SessionConfig;
use super::down::{Down, TransportFault};
use super::established::Established;
use super::words::{Side, StopReason};
use crate::types::Family;
use crate::wire::{Attrs, Nlris};

/// News for a session.
///
/// The driver owns the sockets. It reports each connection with `Connected` or `Accepted`, and after that only
/// while the session wants it: an [`Action::Close`] is the last word about a side until the next connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Begin, at once. Nothing if it already runs; ends the pause after an error.
    Start,
    /// End, and stay down unless the reason [restarts](StopReason::restarts).
    Stop(StopReason),
    /// Be held like this from now on: what was agreed stays, and the next attempt goes by it.
    Configure(Box<SessionConfig>),
    /// The dial that [`Action::Connect`] asked for succeeded.
    Connected {
        /// Our end.
        local: SocketAddr,
        /// The peer's end.
        remote: SocketAddr,
    },
    /// The dial failed.
    ConnectFailed(io::ErrorKind),
    /// The peer dialled. The answer is [`Action::Accept`] or [`Action::Refuse`], always one of them, and may be a
    /// second in coming. A connection that still waits for its answer when the peer dials again is to be closed.
    Accepted {
        /// Our end.
        local: SocketAddr,
        /// The peer's end.
        remote: SocketAddr,
    },
    /// Bytes were put into [`Session::buffer`](super::Session::buffer), or were left there.
    Received(Side),
    /// The connection ended by itself: end of file or an error.
    Closed(Side),
    /// The same, where the driver knows more about it.
    Lost(Side, TransportFault),
    /// The driver wrote messages of its own: no keepalive is due for a while.
    Sent {
        /// Where.
        side: Side,
        /// How many UPDATEs.
        updates: u32,
        /// How many ROUTE-REFRESHs: the marks round what is sent again.
        refreshes: u32,
    },
    /// There are bytes to write and the socket takes none.
    SendBlocked(Side),
    /// The socket took bytes again. If some are still left, `SendBlocked` is to follow.
    SendProgress(Side),
    /// Ask the peer for all its routes of a family again (RFC 2918). Nothing where the session is not
    /// established, the family is not spoken, or the peer does not know how.
    RequestRefresh(Family),
    /// The time that [`Session::poll_timeout`](super::Session::poll_timeout) named has come. A driver that
    /// shares its thread reads the socket once more first: a message that waits there is a sign of life that
    /// must count before the hold timer does.
    Timeout,
}

/// What a session wants done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Dial the peer. The answer is `Connected` or `ConnectFailed`, unless `Close(Outgoing)` comes first.
    Connect,
    /// Write these octets. They come ahead of UPDATEs not yet handed to the socket, never inside one.
    Send(Side, Bytes),
    /// Write what is left of `Send` if the socket takes it at once, then close, or stop dialling. Follows
    /// `Closed` too: it is the one place where a driver lets go of a connection.
    Close(Side),
    /// The connection just accepted is the incoming one from here on. A former one has been closed by then.
    Accept,
    /// Write these octets to the connection just accepted, then close it: it never was a side.
    Refuse(Bytes),
    /// The session is established: routes may flow.
    Up(Box<Established>),
    /// Routes from the peer.
    Update(Received),
    /// The peer has sent all it had in this family (RFC 4724 section 2).
    EndOfRib(Family),
    /// The peer asks for all routes of a family again (RFC 2918).
    Refresh(Family),
    /// The peer sends all its routes of a family again from here on (RFC 7313).
    RefreshBegins(Family),
    /// It has sent them all.
    RefreshEnds(Family),
    /// An established session ended; always the counterpart of one `Up`.
    Down(Down),
    /// An attempt ended before it was established; for the log.
    Failed(Side, Down),
}

/// The routes of one UPDATE, ready for a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Announced; equal attributes are the same allocation.
    pub reach: Vec<(Arc<Attrs>, Nlris)>,
    /// Withdrawn.
    pub unreach: Vec<Nlris>,
}
