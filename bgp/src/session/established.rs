//! What two OPENs agreed upon.

use std::net::SocketAddr;
use std::time::Duration;

use super::restart::PeerRestart;
use super::words::Side;
use crate::types::{Asn, FamilySet, RouterId};
use crate::wire::Capability;
use crate::wire::update::{Encoding, PeerKind};

/// What holds for the life of an established session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Established {
    /// The connection that carries it.
    pub side: Side,
    /// Our end.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
    /// Internal or external.
    pub kind: PeerKind,
    /// The peer's AS.
    pub remote_asn: Asn,
    /// The peer's BGP identifier.
    pub remote_router_id: RouterId,
    /// The lower of the two offers; zero: no keepalives and no hold timer (RFC 4271 section 4.2).
    pub hold_time: Duration,
    /// How often we send a KEEPALIVE; zero with a hold time of zero.
    pub keepalive: Duration,
    /// The families that both offered.
    pub families: FamilySet,
    /// How the peer encodes for us.
    pub receive: Encoding,
    /// How we encode for the peer.
    pub send: Encoding,
    /// What the peer does about graceful restart; `None` unless both offer it.
    pub restart: Option<PeerRestart>,
    /// What we offered.
    pub capabilities_sent: Vec<Capability>,
    /// What the peer offered.
    pub capabilities_received: Vec<Capability>,
}
