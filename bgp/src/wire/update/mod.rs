//! UPDATE (RFC 4271 section 4.3, RFC 4760, RFC 7606).
//!
//! Reading and writing are not mirror images, since their users are not: `parse` takes a message apart into
//! routes with attributes, routes withdrawn and faults; `emit` packs routes that share attributes into as few
//! messages as they fit, encoding the attributes once.

use crate::types::{Family, FamilySet};

use super::header::MAX_MESSAGE;
use super::{Attrs, Fault, Nlris};

mod emit;
mod parse;

pub use emit::{EncodedAttrs, announce, end_of_rib, withdraw};

/// What an UPDATE says, once RFC 7606 has been applied to it.
///
/// A route that is both withdrawn and announced is announced (RFC 4271 section 4.3): take `unreach` first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// Routes announced; up to two families, each with the attributes as they hold for it.
    pub reach: Vec<Reach>,
    /// Routes withdrawn, those that RFC 7606 treats as withdrawn included.
    pub unreach: Vec<Nlris>,
    /// The sender has sent all it had in this family (RFC 4724 section 2).
    pub end_of_rib: Option<Family>,
    /// What was wrong and did not end the session.
    pub faults: Vec<Fault>,
}

/// Routes that share attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The attributes, next hop included.
    pub attrs: Attrs,
    /// The routes.
    pub nlri: Nlris,
}

/// What decoding and encoding depend on, agreed by the OPENs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Encoding {
    /// AS numbers take four octets (RFC 6793).
    pub as4: bool,
    /// Routes carry a path identifier in these families, in this direction (RFC 7911).
    pub add_path: FamilySet,
    /// The longest message: 4096, or 65535 (RFC 8654).
    pub max_message: u16,
    /// IPv4 unicast routes may have an IPv6 next hop (RFC 8950).
    pub extended_next_hop: bool,
}

/// What every current speaker agrees to: four-octet AS numbers, one path, 4096 octets, next hops of the family.
impl Default for Encoding {
    fn default() -> Self {
        Encoding { as4: true, add_path: FamilySet::EMPTY, max_message: MAX_MESSAGE, extended_next_hop: false }
    }
}

/// What reading an UPDATE depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateContext {
    /// How the peer encodes.
    pub encoding: Encoding,
    /// Who the peer is.
    pub kind: PeerKind,
    /// What was negotiated: routes of other families are ignored.
    pub families: FamilySet,
}

/// How the peer stands to this speaker: decides which attributes may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerKind {
    /// In this AS.
    Ibgp,
    /// In another AS.
    Ebgp,
}
