//! The small words of a session.

use std::time::Duration;

use crate::types::Family;

/// One of the two connections that a session may have at a time, by who dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// This speaker dialled.
    Outgoing,
    /// The peer dialled.
    Incoming,
}

/// The state of a session, of six (RFC 4271 section 8.2.2). Where its two connections differ, the further one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateName {
    /// Stopped, or pausing after an error.
    #[default]
    Idle,
    /// Waiting: for the peer to dial, or for the time to dial again.
    Active,
    /// Dialling.
    Connect,
    /// An OPEN was sent.
    OpenSent,
    /// OPENs were exchanged.
    OpenConfirm,
    /// Routes flow.
    Established,
}

/// Why a session is ended from this side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// An operator shut it down, perhaps with a word to the peer's operator (RFC 9003).
    Shutdown(Option<String>),
    /// An operator wants it anew, perhaps with a word: it comes back by itself.
    Reset(Option<String>),
    /// The peer is no longer configured.
    Deconfigured,
    /// The peer has sent more routes than it may (RFC 4271 section 6.7).
    TooManyPrefixes(PrefixLimit),
    /// What the session rests on is configured otherwise from now on: a new one follows.
    Reconfigured,
    /// BFD has found that the peer cannot be reached (RFC 5882).
    BfdDown {
        /// It stays down until it is started; else it comes back by itself.
        hold: bool,
    },
    /// The daemon leaves and means to be back: where graceful restart was agreed upon the connection is closed
    /// without a Cease, so that the peer keeps the routes (RFC 4724 section 4).
    GoingDown,
}

/// How many routes a peer may send, and what follows if they are more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixLimit {
    /// Of this family.
    pub family: Family,
    /// So many.
    pub limit: u32,
    /// The session comes back by itself after this; `None`: when an operator says so.
    pub restart_after: Option<Duration>,
}

impl Side {
    /// Both, in the order in which they are looked at.
    pub const ALL: [Side; 2] = [Side::Outgoing, Side::Incoming];

    /// The other one.
    #[must_use]
    pub fn other(self) -> Side {
        match self {
            Side::Outgoing => Side::Incoming,
            Side::Incoming => Side::Outgoing,
        }
    }

    /// Its name, as shown.
    pub fn name(self) -> &'static str {
        match self {
            Side::Outgoing => "outgoing",
            Side::Incoming => "incoming",
        }
    }
}

impl StopReason {
    /// Whether the session comes back by itself.
    pub fn restarts(&self) -> bool {
        let at_once = matches!(self, StopReason::Reset(_) | StopReason::BfdDown { hold: false });
        at_once || self.pause().is_some()
    }

    /// How long it stays down before that, where it is not to be tried again at once.
    pub(super) fn pause(&self) -> Option<Duration> {
        match self {
            StopReason::TooManyPrefixes(limit) => limit.restart_after,
            _ => None,
        }
    }
}

impl StateName {
    /// The name, as RFC 4271 writes it.
    pub fn name(self) -> &'static str {
        match self {
            StateName::Idle => "Idle",
            StateName::Active => "Active",
            StateName::Connect => "Connect",
            StateName::OpenSent => "OpenSent",
            StateName::OpenConfirm => "OpenConfirm",
            StateName::Established => "Established",
        }
    }
}
