//! What an operator decides about a session.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::types::{Asn, BgpRole, FamilySet, RouterId};
use crate::wire::AddPathMode;

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
    /// The least hold time that the peer may offer, in seconds (RFC 4271 section 6.2). 0, no hold timer at all, is
    /// not less.
    pub min_hold_time: u16,
    /// Whether IPv4 routes may have an IPv6 next hop (RFC 8950); `None`: where the connection is over IPv6.
    pub extended_next_hop: Option<bool>,
    /// What this speaker is to a peer in another AS (RFC 9234).
    pub role: Option<RoleConfig>,
    /// Whether the peer may send several paths of a destination, and whether we may (RFC 7911).
    pub add_path: AddPathOffer,
    /// The host name and the domain to tell the peer; the domain may be empty.
    pub fqdn: Option<(String, String)>,
    /// The name and version of the software to tell the peer.
    pub software_version: Option<String>,
}

/// What an operator decides about graceful restart with one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartConfig {
    /// Seconds that the peer is asked to wait for this speaker: 0 to 4095.
    pub restart_time: u16,
    /// Offer that a session may end with a NOTIFICATION, or by its hold timer, and its routes are kept (RFC 8538).
    pub notification: bool,
    /// Offer to keep routes for so many seconds more, to be preferred least (RFC 9494); `None` is not to.
    pub long_lived: Option<u32>,
}

/// Several paths of a destination, in all families of the session (RFC 7911).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddPathOffer {
    /// The peer may send them.
    pub receive: bool,
    /// We may send them.
    pub send: bool,
}

impl AddPathOffer {
    /// The direction that the capability names; `None` if there is nothing to offer.
    pub(super) fn mode(self) -> Option<AddPathMode> {
        match (self.receive, self.send) {
            (false, false) => None,
            (true, false) => Some(AddPathMode::Receive),
            (false, true) => Some(AddPathMode::Send),
            (true, true) => Some(AddPathMode::Both),
        }
    }
}

/// What this speaker is to a peer in another AS (RFC 9234 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleConfig {
    /// This speaker's role.
    pub ours: BgpRole,
    /// The peer has to name its own, too.
    pub strict: bool,
}

/// Which AS a peer may be in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteAs {
    /// Exactly this one.
    Number(Asn),
    /// One of these.
    OneOf(Arc<[Asn]>),
    /// Ours, whatever it is.
    Internal,
    /// Any but ours.
    External,
    /// Any.
    Any,
}

impl SessionConfig {
    /// A session with the defaults: hold time 90 s, keepalive a third of it, connect retry 10 s, active, no role.
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
            min_hold_time: 0,
            extended_next_hop: None,
            role: None,
            add_path: AddPathOffer::default(),
            fqdn: None,
            software_version: None,
        }
    }

    /// Whether IPv4 routes may have an IPv6 next hop on a connection whose ends have addresses like this one.
    pub(super) fn offers_extended_next_hop(&self, transport: IpAddr) -> bool {
        self.extended_next_hop.unwrap_or(transport.to_canonical().is_ipv6())
    }
}

impl RemoteAs {
    /// Whether a peer in AS `remote` may come to a speaker in AS `local`.
    pub fn accepts(&self, remote: Asn, local: Asn) -> bool {
        match self {
            RemoteAs::Number(asn) => remote == *asn,
            RemoteAs::OneOf(list) => list.contains(&remote),
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
            RemoteAs::OneOf(list) => {
                let texts: Vec<String> = list.iter().map(Asn::to_string).collect();
                f.write_str(&texts.join(" or "))
            }
            RemoteAs::Internal => f.write_str("internal"),
            RemoteAs::External => f.write_str("external"),
            RemoteAs::Any => f.write_str("any"),
        }
    }
}
