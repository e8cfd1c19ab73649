//! OPEN (RFC 4271 section 4.2).

use crate::types::{Asn, RouterId};

use super::Capability;

/// The first message of a session: who speaks and what he can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The sender's AS: from the four-octet capability where it is there (RFC 6793).
    pub asn: Asn,
    /// The proposed hold time in seconds: 0, or 3 and more.
    pub hold_time: u16,
    /// The sender's BGP identifier.
    pub router_id: RouterId,
    /// Capabilities (RFC 5492), in the order in which they came, duplicates included.
    pub capabilities: Vec<Capability>,
}
