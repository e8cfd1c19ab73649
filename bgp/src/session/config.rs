//! What an operator decides about a session.

use std::fmt;
use std::time::Duration;

use super::restart::RestartConfig;
use crate::types::{Asn, FamilySet, RouterId};

/// How one session is to be held. Addresses, passwords and hop limits are the driver's: it owns the sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// This speaker's AS.
    pub local_asn: Asn,
    /// This speaker's BGP identifier.
    pub router_id: RouterId,
    /// Which AS the peer may be in.
    pub remote_as: RemoteAs,
    /// The families offered. What both sides offer is spoken.
    pub families: FamilySet,
    /// The hold time offered, in seconds: 0 for no keepalives, else 3 and more. The lower offer holds.
    pub hold_time: u16,
    /// Seconds between keepalives; `None` for a third of the negotiated hold time, which is also the most
    /// that is ever used (RFC 4271 section 4.4).
    pub keepalive: Option<u16>,
    /// How long a dial may take, and the pause after one that failed (RFC 4271 section 8.2.2). Not zero.
    pub connect_retry: Duration,
    /// Never dial; wait for the peer to do it.
    pub passive: bool,
    /// How long the peer may leave our bytes unread; `None` for what RFC 9687 recommends: eight
    /// minutes or twice the hold time, whichever is longer.
    pub send_hold: Option<Duration>,
    /// Graceful restart (RFC 4724); `None`: neither offered nor done for the peer.
    pub restart: Option<RestartConfig>,
}

/// Which AS a peer may be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoteAs {
    /// Exactly this one.
    Number(Asn),
    /// Ours, whatever it is.
    Internal,
    /// Any but ours.
    External,
    /// Any.
    Any,
}

impl SessionConfig {
    /// A session with the defaults: hold time 90 s, keepalive a third of it, connect retry 10 s, active.
    pub fn new(local_asn: Asn, router_id: RouterId, remote_as: RemoteAs, families: FamilySet) -> Self {
        SessionConfig {
            local_asn,
            router_id,
            remote_as,
            families,
            hold_time: 90,
            keepalive: None,
            connect_retry: Duration::from_secs(10),
            passive: false,
            send_hold: None,
            restart: None,
        }
    }
}

impl RemoteAs {
    /// Whether a peer in AS `remote` may come to a speaker in AS `local`.
    pub fn accepts(self, remote: Asn, local: Asn) -> bool {
        match self {
            RemoteAs::Number(asn) => remote == asn,
            RemoteAs::Internal => remote == local,
            RemoteAs::External => remote != local,
            RemoteAs::Any => true,
        }
    }
}

impl fmt::Display for RemoteAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RemoteAs::Number(asn) => asn.fmt(f),
            RemoteAs::Internal => f.write_str("internal"),
            RemoteAs::External => f.write_str("external"),
            RemoteAs::Any => f.write_str("any"),
        }
    }
}
