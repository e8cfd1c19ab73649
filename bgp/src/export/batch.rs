//! What is sent: encoded messages, made once and shared by all members of a group.

use bytes::Bytes;

use crate::types::{Family, PeerId};

/// Messages for the members of an update group, in the order in which they must be sent. About 64 KiB.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The family of its routes.
    pub family: Family,
    pub(super) segments: Vec<Segment>,
}

/// Whole messages that go to the same members.
#[derive(Clone, Debug)]
pub struct Segment {
    pub(super) audience: Audience,
    /// The messages.
    pub bytes: Bytes,
    /// How many UPDATEs they are.
    pub updates: u32,
    /// How many ROUTE-REFRESHs: the marks round what is sent again (RFC 7313).
    pub refreshes: u32,
    /// How many routes they announce or withdraw.
    pub(super) routes: u32,
    /// Routes that these messages withdraw because their attributes fit into none.
    pub(super) oversized: u32,
}

/// Which members of the group a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Audience {
    /// Every one.
    All,
    /// All but the source of the routes: split horizon.
    Except(PeerId),
    /// The source of the new best path alone, which must forget the one it had been sent.
    Only(PeerId),
}

impl Batch {
    /// What of it goes to `peer`.
    pub fn segments_for(&self, peer: PeerId) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(move |segment| segment.audience.includes(peer))
    }
}

impl Audience {
    pub(super) fn includes(self, peer: PeerId) -> bool {
        match self {
            Audience::All => true,
            Audience::Except(source) => source != peer,
            Audience::Only(one) => one == peer,
        }
    }
}
