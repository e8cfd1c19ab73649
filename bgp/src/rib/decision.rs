//! The decision process (RFC 4271 section 9.1.2, RFC 4456 section 9): which path of one destination is used.
//!
//! [`STEPS`] is the whole of it. Each step keeps the candidates with the lowest rank and sends the others
//! home; a step within a neighbour AS compares only paths that came through the same one, as MED demands.
//! Because a step looks at the set of candidates and not at pairs in order of arrival, the outcome does not
//! depend on that order. Choosing and explaining walk the same list.

use std::net::IpAddr;

use smallvec::SmallVec;

use crate::types::{Asn, PeerId};
use crate::wire::{Attrs, Community, Nlri};

use super::destination::{Destination, Path};
use super::source::{Source, SourceKind, Sources};

/// The step at which a path lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Its source is away for long, and another's is not (RFC 9494 section 4.3).
    LongLivedStale,
    /// Another is this daemon's own.
    LocalOrigin,
    /// Another has the higher LOCAL_PREF.
    LocalPref,
    /// Another has the shorter AS_PATH.
    AsPathLength,
    /// Another has the lower ORIGIN.
    Origin,
    /// Another through the same neighbour AS has the lower MULTI_EXIT_DISC.
    Med,
    /// Another came by eBGP.
    EbgpOverIbgp,
    /// Another's next hop is nearer.
    IgpMetric,
    /// Another's originator, or source, has the lower router id.
    RouterId,
    /// Another has the shorter CLUSTER_LIST.
    ClusterListLength,
    /// Another's source has the lower address.
    PeerAddress,
    /// Another has the lower path identifier.
    PathId,
}

impl Reason {
    /// The name in API and command line.
    pub fn name(self) -> &'static str {
        match self {
            Reason::LongLivedStale => "llgr-stale",
            Reason::LocalOrigin => "local-origin",
            Reason::LocalPref => "local-pref",
            Reason::AsPathLength => "as-path-length",
            Reason::Origin => "origin",
            Reason::Med => "med",
            Reason::EbgpOverIbgp => "ebgp-over-ibgp",
            Reason::IgpMetric => "igp-metric",
            Reason::RouterId => "router-id",
            Reason::ClusterListLength => "cluster-list-length",
            Reason::PeerAddress => "peer-address",
            Reason::PathId => "path-id",
        }
    }
}

/// LOCAL_PREF of a path that has none; what every implementation takes.
pub const DEFAULT_LOCAL_PREF: u32 = 100;

/// A path, and why it is not the best one.
#[derive(Clone, Debug)]
pub struct Explained<'a, N: Nlri> {
    /// The path.
    pub path: &'a Path<N>,
    /// `None` for the best.
    pub lost: Option<Reason>,
}

struct Step {
    reason: Reason,
    scope: Scope,
    /// Lower is better.
    rank: fn(&Candidate<'_>) -> u128,
}

enum Scope {
    All,
    NeighborAs,
}

/// What the steps look at.
struct Candidate<'a> {
    position: usize,
    attrs: &'a Attrs,
    source: &'a Source,
    peer: PeerId,
    path_id: u32,
}

type Candidates<'a> = SmallVec<[Candidate<'a>; 4]>;

const STEPS: [Step; 12] = [
    all(Reason::LongLivedStale, |c| c.attrs.communities.contains(&Community::LLGR_STALE).into()),
    all(Reason::LocalOrigin, |c| (c.source.kind != SourceKind::Local).into()),
    all(Reason::LocalPref, |c| (u32::MAX - c.attrs.local_pref.unwrap_or(DEFAULT_LOCAL_PREF)).into()),
    all(Reason::AsPathLength, |c| c.attrs.as_path.hops() as u128),
    all(Reason::Origin, |c| c.attrs.origin as u128),
    Step {
        reason: Reason::Med,
        scope: Scope::NeighborAs,
        // Missing is the best value (RFC 4271 section 9.1.2.2 c).
        rank: |c| c.attrs.med.unwrap_or(0).into(),
    },
    all(Reason::EbgpOverIbgp, |c| (c.source.kind != SourceKind::Ebgp).into()),
    // There is no IGP below linnet: the fabric's underlay makes all next hops alike.
    all(Reason::IgpMetric, |_| 0),
    all(Reason::RouterId, |c| u32::from(c.attrs.originator_id.unwrap_or(c.source.router_id).0).into()),
    all(Reason::ClusterListLength, |c| c.attrs.cluster_list.len() as u128),
    all(Reason::PeerAddress, |c| address_rank(c.source.address)),
    // The peer goes before the path identifier: two neighbours may share an address on different ports.
    all(Reason::PathId, |c| u128::from(c.peer.0) << 32 | u128::from(c.path_id)),
];

/// The position of the best path among [`Destination::paths`]; `None` if there is no path.
pub(super) fn best<N: Nlri>(destination: &Destination<N>, sources: &Sources) -> Option<usize> {
    let mut candidates = candidates(destination, sources);
    walk(&mut candidates, |_, _| ());
    candidates.first().map(|c| c.position)
}

/// Every path with the step at which it lost, the best first.
pub(super) fn explain<'a, N: Nlri>(
    destination: &'a Destination<N>,
    sources: &Sources,
) -> Vec<Explained<'a, N>> {
    let mut explained: Vec<_> = destination.paths().map(|path| Explained { path, lost: None }).collect();
    walk(&mut candidates(destination, sources), |loser, reason| {
        if let Some(entry) = explained.get_mut(loser.position) {
            entry.lost = Some(reason);
        }
    });
    explained.sort_by_key(|e| std::cmp::Reverse(e.lost.map_or(usize::MAX, |r| r as usize)));
    explained
}

const fn all(reason: Reason, rank: fn(&Candidate<'_>) -> u128) -> Step {
    Step { reason, scope: Scope::All, rank }
}

fn candidates<'a, N: Nlri>(destination: &'a Destination<N>, sources: &'a Sources) -> Candidates<'a> {
    let candidate = |(position, path): (usize, &'a Path<N>)| Candidate {
        position,
        attrs: &path.attrs,
        source: sources.get(path.source),
        peer: path.source,
        path_id: path.path_id.0,
    };
    destination.paths().enumerate().map(candidate).collect()
}

/// Takes step after step until one candidate is left, and tells of every one that a step sends home.
fn walk(candidates: &mut Candidates<'_>, mut lost: impl FnMut(&Candidate<'_>, Reason)) {
    for step in &STEPS {
        if candidates.len() < 2 {
            return;
        }
        let lowest = Lowest::of(candidates, step);
        candidates.retain(|c| {
            let stays = lowest.is(step, c);
            if !stays {
                lost(c, step.reason);
            }
            stays
        });
    }
}

/// The lowest rank: of all candidates, or of each neighbour AS, sorted by it.
enum Lowest {
    Of(u128),
    ByNeighbor(SmallVec<[(Option<Asn>, u128); 4]>),
}

impl Lowest {
    fn of(candidates: &Candidates<'_>, step: &Step) -> Lowest {
        match step.scope {
            Scope::All => Lowest::Of(candidates.iter().map(step.rank).min().unwrap_or(0)),
            Scope::NeighborAs => {
                let mut ranks: SmallVec<_> =
                    candidates.iter().map(|c| (c.attrs.as_path.neighbor(), (step.rank)(c))).collect();
                ranks.sort_unstable();
                ranks.dedup_by_key(|(neighbor, _)| *neighbor);
                Lowest::ByNeighbor(ranks)
            }
        }
    }

    fn is(&self, step: &Step, candidate: &Candidate<'_>) -> bool {
        let rank = (step.rank)(candidate);
        match self {
            Lowest::Of(lowest) => rank == *lowest,
            Lowest::ByNeighbor(ranks) => {
                ranks.binary_search(&(candidate.attrs.as_path.neighbor(), rank)).is_ok()
            }
        }
    }
}

/// IPv4 before IPv6, each by value.
fn address_rank(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => u32::from(a).into(),
        IpAddr::V6(a) => u128::from(a),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ipnet::Ipv4Net;

    use super::super::table::Table;
    use super::super::testing::{attrs, key, route, sources};
    use super::*;
    use crate::types::{PathId, RouterId};
    use crate::wire::{Origin, Route};

    /// The outcome between paths of these peers: the best one's peer, then the others' with their reasons.
    fn outcome(paths: &[(u32, Attrs)]) -> Vec<(u32, Option<Reason>)> {
        let (mut table, sources) = (Table::<Ipv4Net>::new(1), sources(8));
        for (peer, attrs) in paths {
            table.announce(&sources, PeerId(*peer), 0, &Arc::new(attrs.clone()), &[route(0)]);
        }
        let explained = table.explain(&sources, key(0));
        let best = table.get(key(0)).and_then(|(_, d)| d.best()).map(|path| path.source);
        assert_eq!(explained.first().map(|e| e.path.source), best, "what is explained is what was done");
        explained.iter().map(|e| (e.path.source.0, e.lost)).collect()
    }

    /// The second of two paths wins, and the first is told this reason.
    #[track_caller]
    fn decided(by: Reason, loser: (u32, Attrs), winner: (u32, Attrs)) {
        let expected = vec![(winner.0, None), (loser.0, Some(by))];
        assert_eq!(outcome(&[loser.clone(), winner.clone()]), expected);
        assert_eq!(outcome(&[winner, loser]), expected);
    }

    #[test]
    fn each_step_in_turn() {
        let plain = || attrs(&[1, 2]);
        let id = |n: u8| Some(RouterId([10, 0, 0, n].into()));
        let local = PeerId::LOCAL.0;
        let away = Attrs { communities: [Community::LLGR_STALE].into(), ..attrs(&[]) };
        decided(Reason::LongLivedStale, (0, Attrs { local_pref: Some(500), ..away }), (3, plain()));
        decided(Reason::LocalOrigin, (0, Attrs { local_pref: Some(500), ..attrs(&[]) }), (local, plain()));
        decided(Reason::LocalPref, (3, plain()), (4, Attrs { local_pref: Some(101), ..attrs(&[1, 2, 3]) }));
        decided(Reason::AsPathLength, (3, plain()), (4, Attrs { origin: Origin::Egp, ..attrs(&[1]) }));
        decided(Reason::Origin, (3, Attrs { origin: Origin::Egp, ..plain() }), (4, plain()));
        decided(Reason::Med, (3, Attrs { med: Some(1), ..plain() }), (4, plain()));
        decided(Reason::EbgpOverIbgp, (0, plain()), (4, Attrs { med: Some(9), ..attrs(&[3, 4]) }));
        decided(Reason::RouterId, (4, plain()), (3, plain()));
        decided(Reason::RouterId, (3, plain()), (4, Attrs { originator_id: id(1), ..plain() }));
        let reflected = |peer, clusters: &[[u8; 4]]| {
            let cluster_list = clusters.iter().map(|&c| c.into()).collect();
            (peer, Attrs { originator_id: id(1), cluster_list, ..plain() })
        };
        decided(Reason::ClusterListLength, reflected(0, &[[1; 4]; 2]), reflected(1, &[[1; 4]]));
        decided(Reason::PeerAddress, reflected(1, &[[1; 4]]), reflected(0, &[[1; 4]]));
    }

    #[test]
    fn the_last_step_is_the_path_identifier() {
        let (mut table, sources) = (Table::<Ipv4Net>::new(1), sources(8));
        for path_id in [7, 5, 6].map(PathId) {
            table.announce(&sources, PeerId(0), 0, &Arc::new(attrs(&[])), &[Route { path_id, ..route(0) }]);
        }
        let ids: Vec<_> =
            table.explain(&sources, key(0)).iter().map(|e| (e.path.path_id.0, e.lost)).collect();
        assert_eq!(ids, [(5, None), (7, Some(Reason::PathId)), (6, Some(Reason::PathId))]);
    }

    /// By pairs there is no best here: A beats B and B beats C by router id, and C beats A by MED.
    #[test]
    fn med_makes_no_circle() {
        let a = (3, Attrs { med: Some(20), ..attrs(&[1, 9]) });
        let b = (4, Attrs { med: Some(0), ..attrs(&[2, 9]) });
        let c = (5, Attrs { med: Some(10), ..attrs(&[1, 9]) });
        let expected = [(4, None), (5, Some(Reason::RouterId)), (3, Some(Reason::Med))];
        let all = [&a, &b, &c];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(outcome(&order.map(|i: usize| all[i].clone())), expected);
        }
    }

    /// In the same three, C kept A out. When C goes, A is the best although C was not.
    #[test]
    fn a_path_that_was_never_best_can_matter() {
        let (mut table, sources) = (Table::<Ipv4Net>::new(1), sources(8));
        let paths = [(3, 20, [1, 9]), (4, 0, [2, 9]), (5, 10, [1, 9])];
        for (peer, med, path) in paths {
            let attrs = Attrs { med: Some(med), ..attrs(&path) };
            table.announce(&sources, PeerId(peer), 0, &Arc::new(attrs), &[route(0)]);
        }
        let before = table.head();
        table.withdraw(&sources, PeerId(5), &[route(0)]);
        let changes: Vec<_> = table.changes(before, 10).map(|c| c.best.map(|p| p.source)).collect();
        assert_eq!(changes, [Some(PeerId(3))]);
    }
}
