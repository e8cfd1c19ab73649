//! Who gives routes: what admission, decision and reflection need to know of a peer.

use std::net::{IpAddr, Ipv4Addr};

use crate::policy::Context;
use crate::types::{Asn, BgpRole, Family, LocalAs, PeerId, RouterId};

/// LOCAL_PREF of a path that has none, unless an operator says otherwise; what every implementation takes.
pub const DEFAULT_LOCAL_PREF: u32 = 100;

/// How a source stands to this speaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// This daemon itself.
    Local,
    /// A peer in this AS.
    Ibgp,
    /// A peer in another AS.
    Ebgp,
}

/// What is known of a source once its session is up.
///
/// `kind` must not change while paths of the source are in a table: a neighbour that is configured anew in it gets a
/// new [`PeerId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// How it stands to this speaker.
    pub kind: SourceKind,
    /// Its AS.
    pub asn: Asn,
    /// Its BGP identifier, from its OPEN.
    pub router_id: RouterId,
    /// Its address, the last but one step of the decision.
    pub address: IpAddr,
    /// It is a route reflection client of this speaker (RFC 4456 section 6).
    pub client: bool,
    /// How much its paths are preferred, before anything that they say themselves; higher is better.
    pub weight: u32,
    /// LOCAL_PREF of its paths that have none.
    pub local_pref: u32,
    /// What is taken from it.
    pub admission: Admission,
    /// This speaker's AS towards it, where that is not its own.
    pub local_as: Option<LocalAs>,
}

/// What is taken from a source, as its operator decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// An external source's AS has to come first in AS_PATH. Route servers do not put theirs there.
    pub enforce_first_as: bool,
    /// How often AS_PATH may name this AS.
    pub allow_as_in: u8,
    /// AS_PATH may have sets in it, against RFC 9774.
    pub as_sets: bool,
    /// What this speaker is to it (RFC 9234); external sources only.
    pub role: Option<BgpRole>,
}

impl Admission {
    /// What RFCs ask for.
    pub const DEFAULT: Admission =
        Admission { enforce_first_as: true, allow_as_in: 0, as_sets: false, role: None };
}

impl Default for Admission {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// All sources, by [`PeerId`].
#[derive(Debug)]
pub struct Sources {
    peers: PeerMap<Option<Source>>,
}

impl Source {
    /// What policies ask of its routes.
    pub fn context(&self, family: Family) -> Context {
        let neighbor = (self.kind != SourceKind::Local).then_some(self.address);
        Context { family, neighbor, local_pref: self.local_pref }
    }

    /// Stands in for a peer that was never announced: loses every comparison that it can lose.
    const UNKNOWN: Source = Source {
        kind: SourceKind::Ebgp,
        asn: Asn(0),
        router_id: RouterId(Ipv4Addr::BROADCAST),
        address: IpAddr::V4(Ipv4Addr::BROADCAST),
        client: false,
        weight: 0,
        local_pref: 0,
        admission: Admission::DEFAULT,
        local_as: None,
    };
}

impl Sources {
    /// Only this daemon itself.
    pub(super) fn new(asn: Asn, router_id: RouterId) -> Sources {
        let local = Source {
            kind: SourceKind::Local,
            asn,
            router_id,
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            client: false,
            weight: 0,
            local_pref: DEFAULT_LOCAL_PREF,
            admission: Admission::DEFAULT,
            local_as: None,
        };
        let mut sources = Sources { peers: PeerMap::default() };
        sources.set(PeerId::LOCAL, local);
        sources
    }

    /// What is known of `peer`.
    pub fn get(&self, peer: PeerId) -> &Source {
        self.peers.get(peer).and_then(Option::as_ref).unwrap_or(&Source::UNKNOWN)
    }

    /// Remembers `source` for `peer`, in place of what was known; says whether that differs.
    pub(super) fn set(&mut self, peer: PeerId, source: Source) -> bool {
        self.peers.slot(peer).replace(source) != Some(source)
    }

    /// Forgets what was known of `peer`.
    pub(super) fn forget(&mut self, peer: PeerId) {
        *self.peers.slot(peer) = None;
    }
}

/// A small map from peers, [`PeerId::LOCAL`] included, to values. Peer ids are small and dense, so it is a
/// vector.
#[derive(Clone, Debug)]
pub(crate) struct PeerMap<T> {
    values: Vec<T>,
}

impl<T> Default for PeerMap<T> {
    fn default() -> Self {
        PeerMap { values: Vec::new() }
    }
}

impl<T: Default> PeerMap<T> {
    pub(crate) fn get(&self, peer: PeerId) -> Option<&T> {
        self.values.get(Self::index(peer))
    }

    pub(crate) fn get_mut(&mut self, peer: PeerId) -> Option<&mut T> {
        self.values.get_mut(Self::index(peer))
    }

    /// The value for `peer`, made if there was none.
    #[expect(clippy::indexing_slicing, reason = "the line before makes room")]
    pub(crate) fn slot(&mut self, peer: PeerId) -> &mut T {
        let index = Self::index(peer);
        if index >= self.values.len() {
            self.values.resize_with(index + 1, T::default);
        }
        &mut self.values[index]
    }

    /// `LOCAL`, the largest number, wraps round to the first place.
    fn index(peer: PeerId) -> usize {
        peer.0.wrapping_add(1) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_and_peers_are_told_apart() {
        let mut map = PeerMap::<u8>::default();
        *map.slot(PeerId::LOCAL) = 1;
        *map.slot(PeerId(0)) = 2;
        *map.slot(PeerId(7)) = 3;
        assert_eq!(map.get(PeerId::LOCAL), Some(&1));
        assert_eq!(map.get(PeerId(0)), Some(&2));
        assert_eq!(map.get(PeerId(6)), Some(&0));
        assert_eq!(map.get(PeerId(8)), None);
    }
}
