//! Why a session ended: who did it, and for what reason.

use std::{fmt, io};

use super::{RemoteAs, StateName, StopReason};
use crate::types::{Asn, FamilySet, RouterId};
use crate::wire::{Notification, WireError};

/// How a session or an attempt ended; the variant says who ended it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Down {
    /// We did.
    Local(Reason),
    /// The peer did, with this NOTIFICATION.
    Remote(Notification),
    /// Neither did with a word: the connection ended or never came to be.
    Transport(TransportFault),
}

/// Why we ended it. Each reason has its NOTIFICATION, see [`Down::notification`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A message was malformed.
    Malformed(WireError),
    /// The peer's OPEN was well-formed and not acceptable.
    Refused(Refusal),
    /// A message came that has no place in this state (RFC 6608).
    Unexpected(StateName),
    /// The peer was silent for the hold time.
    HoldTimer,
    /// The peer sent no OPEN.
    OpenTimer,
    /// The peer left our bytes unread for too long (RFC 9687).
    SendHoldTimer,
    /// An operator, or the daemon.
    Stopped(StopReason),
    /// The other connection won (RFC 4271 section 6.8).
    Collision,
    /// The peer dialled again, so it has given this connection up.
    Replaced,
}

/// Why an OPEN is not acceptable (RFC 4271 section 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The peer is in an AS that it may not be in.
    PeerAs {
        /// What it says.
        says: Asn,
        /// What it may be.
        wanted: RemoteAs,
    },
    /// Its identifier is zero, or ours though it is in our AS (RFC 6286 section 2.2).
    RouterId(RouterId),
    /// Its hold time is 1 or 2 seconds.
    HoldTime(u16),
    /// It offers none of these families.
    NoFamily(FamilySet),
}

/// What happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportFault {
    /// It was closed or reset by the other end or the network.
    Closed,
    /// It could not be made.
    Connect(io::ErrorKind),
    /// It could not be made in time.
    ConnectTimeout,
}
