//! The small words everything else is written in: addresses, numbers and identities of BGP and EVPN.
//!
//! All of them are `Copy`, compare by value and print the way operators write them. None knows how it
//! travels: that is `wire`'s. None refers to a peer's state or a table: that is for the floors above.

mod asn;
mod esi;
mod family;
mod ids;
mod local_as;
mod mac;
mod rd;
mod role;
mod vni;

pub use asn::Asn;
pub use esi::Esi;
pub use family::{Afi, Family, FamilySet, Safi};
pub use ids::{PathId, PeerId, RouterId};
pub use local_as::LocalAs;
pub use mac::Mac;
pub use rd::Rd;
pub use role::BgpRole;
pub use vni::{EthernetTag, Vni};

use std::fmt;

/// A text that is not what was asked for: says what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// What a right text would look like, for the person who typed the wrong one.
    pub expected: &'static str,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.expected)
    }
}

impl std::error::Error for ParseError {}
