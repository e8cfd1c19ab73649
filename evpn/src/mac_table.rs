//! One MAC of a VNI: who claims it and who was found to have it.
//!
//! A claim is what one source says about the MAC. It may say so in several routes, MAC-only and one for each
//! IP address; the claim stands as long as one of them does, and is as good as the best of them. Withdrawing
//! a MAC+IP route so never takes the MAC with it while another route stands.

use bgp::types::Mac;
use smallvec::SmallVec;

use crate::mobility::Traits;
use crate::origin::OriginId;
use crate::table::Keyed;

/// The number of a [`MacEntry`] in its table.
pub(crate) type MacId = u32;

/// A MAC that is claimed or that a neighbour hangs on.
#[derive(Debug)]
pub(crate) struct MacEntry {
    pub(crate) mac: Mac,
    /// Seen on a port of this node.
    pub(crate) local: Option<LocalMac>,
    /// Remote claims, in no order. Most MACs have one.
    pub(crate) claims: SmallVec<[Claim; 1]>,
    /// The neighbours bound to the MAC by anyone, by their numbers, each once.
    pub(crate) neighbors: SmallVec<[u32; 4]>,
    /// Who has it: what BGP and the dataplane were told.
    pub(crate) winner: Winner,
    /// Two hosts have it, and it stays with that winner whoever would win now.
    pub(crate) frozen: bool,
}

/// This node's own claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalMac {
    pub(crate) seq: u32,
    pub(crate) sticky: bool,
}

/// A remote claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) origin: OriginId,
    /// The best of its routes.
    pub(crate) best: Traits,
    /// What the MAC-only route says, where there is one.
    pub(crate) mac_only: Option<Traits>,
}

/// Who has a MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Winner {
    /// No claim, or none that counts.
    Nobody,
    /// This node, which says this of it.
    Local(Traits),
    /// That source, which says this of it.
    Remote(OriginId, Traits),
}

impl MacEntry {
    pub(crate) fn new(mac: Mac) -> MacEntry {
        let (claims, neighbors) = (SmallVec::new(), SmallVec::new());
        MacEntry { mac, local: None, claims, neighbors, winner: Winner::Nobody, frozen: false }
    }

    /// Whether nothing hangs on it any more.
    pub(crate) fn is_unused(&self) -> bool {
        self.local.is_none() && self.claims.is_empty() && self.neighbors.is_empty()
    }

    /// The claim of a source, made if need be.
    pub(crate) fn claim_mut(&mut self, origin: OriginId) -> Option<&mut Claim> {
        if self.claim(origin).is_none() {
            self.claims.push(Claim { origin, best: Traits::default(), mac_only: None });
        }
        self.claims.iter_mut().find(|claim| claim.origin == origin)
    }

    pub(crate) fn claim(&self, origin: OriginId) -> Option<&Claim> {
        self.claims.iter().find(|claim| claim.origin == origin)
    }

    /// Whether the claim that won still stands.
    pub(crate) fn still_claimed(&self) -> bool {
        match self.winner {
            Winner::Nobody => false,
            Winner::Local(_) => self.local.is_some(),
            Winner::Remote(origin, _) => self.claim(origin).is_some(),
        }
    }

    /// Notes that a neighbour is bound to it.
    pub(crate) fn bind(&mut self, neighbor: u32) {
        if !self.neighbors.contains(&neighbor) {
            self.neighbors.push(neighbor);
        }
    }

    /// Notes that a neighbour no longer is.
    pub(crate) fn unbind(&mut self, neighbor: u32) {
        if let Some(at) = self.neighbors.iter().position(|bound| *bound == neighbor) {
            self.neighbors.swap_remove(at);
        }
    }
}

impl LocalMac {
    /// What we say of it.
    pub(crate) fn traits(self) -> Traits {
        Traits { seq: self.seq, sticky: self.sticky, ..Traits::default() }
    }
}

impl Keyed for MacEntry {
    type Key = Mac;

    fn key(&self) -> Mac {
        self.mac
    }
}

impl Winner {
    pub(crate) fn traits(self) -> Option<Traits> {
        match self {
            Winner::Nobody => None,
            Winner::Local(traits) | Winner::Remote(_, traits) => Some(traits),
        }
    }

    pub(crate) fn is_local(self) -> bool {
        matches!(self, Winner::Local(_))
    }
}
