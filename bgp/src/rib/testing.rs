//! What the tests of tables and export share: a small world of peers, keys and attributes.

use std::net::Ipv4Addr;
use std::sync::{Arc, LazyLock};

use ipnet::Ipv4Net;

use super::{Admission, DEFAULT_LOCAL_PREF, Decision, LocalIdentity, Rib, Source, SourceKind, Sources};
use crate::types::{Asn, PathId, PeerId, RouterId};
use crate::wire::{AsPath, Attrs, NextHop, Route};

pub(crate) const US: Asn = Asn(65000);

pub(crate) fn identity() -> LocalIdentity {
    let address = Ipv4Addr::new(10, 0, 0, 1);
    LocalIdentity {
        asn: US,
        router_id: RouterId(address),
        cluster_id: address,
        addresses: [address.into()].into(),
    }
}

/// Peers 0 and 1 are clients, 2 is iBGP, all others are eBGP peers of AS 64500 + n; router ids rise with n.
pub(crate) fn source(PeerId(n): PeerId) -> Source {
    let ibgp = n <= 2;
    let address = Ipv4Addr::from(0x0a00_0100 + n);
    Source {
        kind: if ibgp { SourceKind::Ibgp } else { SourceKind::Ebgp },
        asn: if ibgp { US } else { Asn(64500 + n) },
        router_id: RouterId(address),
        address: address.into(),
        client: n <= 1,
        weight: 0,
        local_pref: DEFAULT_LOCAL_PREF,
        admission: Admission::DEFAULT,
        local_as: None,
    }
}

pub(crate) fn decision(peers: u32) -> Decision {
    let mut sources = Sources::new(US, identity().router_id);
    for peer in (0..peers).map(PeerId) {
        sources.set(peer, source(peer));
    }
    Decision::new(sources)
}

pub(crate) fn rib(peers: u32) -> Rib {
    let mut rib = Rib::new(identity(), 7);
    (0..peers).map(PeerId).for_each(|peer| rib.peer_up(peer, source(peer)));
    rib
}

pub(crate) fn key(n: u32) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::from(0x0b00_0000 + (n << 8)), 24)
}

pub(crate) fn route(n: u32) -> Route<Ipv4Net> {
    Route { nlri: key(n), path_id: PathId(0), body: () }
}

/// Attributes with `path` as AS_PATH, nearest first.
pub(crate) fn attrs(path: &[u32]) -> Attrs {
    let as_path = path.iter().rev().fold(AsPath::default(), |rest, &asn| rest.prepend(Asn(asn), 1));
    Attrs { as_path, ..Attrs::new(NextHop::Ipv4(Ipv4Addr::new(10, 0, 9, 9))) }
}

/// How many sets [`variant`] knows.
pub(crate) const VARIANTS: u32 = 70;

/// One of few attribute sets, made so that every early step of the decision, MED among them, has its turn.
/// Some are equal.
pub(crate) fn variant(n: u32) -> Arc<Attrs> {
    static ALL: LazyLock<Vec<Arc<Attrs>>> = LazyLock::new(|| (0..VARIANTS).map(make_variant).collect());
    ALL[n as usize].clone()
}

/// How many next hops the variants have between them.
pub(crate) const NEXT_HOPS: u32 = 4;

pub(crate) fn next_hop(n: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0900 + n % NEXT_HOPS)
}

fn make_variant(n: u32) -> Arc<Attrs> {
    let path = [64600 + n % 3, 64700];
    let hops = if n.is_multiple_of(2) { 1 } else { 2 };
    Arc::new(Attrs {
        next_hop: NextHop::Ipv4(next_hop(n)),
        med: (!n.is_multiple_of(5)).then_some(n % 5),
        local_pref: (n % 7 > 1).then_some(90 + n % 7),
        ..attrs(&path[..hops])
    })
}
