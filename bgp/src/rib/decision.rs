//! The decision process (RFC 4271 section 9.1.2, RFC 4456 section 9): which path of one destination is used.
//!
//! [`STEPS`] is the whole of it. Each step keeps the candidates with the lowest rank and sends the others
//! home; a step within a neighbour AS compares only paths that came through the same one, as MED demands.
//! Because a step looks at the set of candidates and not at pairs in order of arrival, the outcome does not
//! depend on that order. Choosing and explaining walk the same list.
//!
//! The steps before the router id say which path is better, those from there on only which of equals it is:
//! what the former leave over may be used side by side (RFC 4271 says nothing of it; the rules are FRR's).

use std::net::IpAddr;

use smallvec::SmallVec;

use crate::types::{Asn, PeerId};
use crate::wire::{Attrs, Community, Nlri};

use super::destination::{Destination, Path};
use super::next_hops::Reachability;
use super::rules::{Decision, DecisionRules};
use super::source::{Source, SourceKind};

/// The step at which a path lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Its next hop cannot be reached; it may not be used even if there is no other.
    NextHopUnreachable,
    /// Its source is away for long, and another's is not (RFC 9494).
    LongLivedStale,
    /// Another is this daemon's own.
    LocalOrigin,
    /// Another has the higher weight: of a policy, or else its source's.
    Weight,
    /// Another has the higher LOCAL_PREF.
    LocalPref,
    /// Another has the shorter AS_PATH.
    AsPathLength,
    /// Another has the lower ORIGIN.
    Origin,
    /// Another has the lower MULTI_EXIT_DISC, and came through the same neighbour AS or any is compared.
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
            Reason::NextHopUnreachable => "next-hop-unreachable",
            Reason::LongLivedStale => "llgr-stale",
            Reason::LocalOrigin => "local-origin",
            Reason::Weight => "weight",
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

/// A path, and why it is not the best one.
#[derive(Clone, Debug)]
pub struct Explained<'a, N: Nlri> {
    /// The path.
    pub path: &'a Path<N>,
    /// `None` for the best. Of paths that may be used beside it, what tells them from it.
    pub lost: Option<Reason>,
}

struct Step {
    reason: Reason,
    scope: Scope,
    /// Lower is better.
    rank: fn(&Candidate<'_>, &DecisionRules) -> u128,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// A condition: every rank but 0 loses, even if there is nothing else.
    Each,
    /// All candidates are compared.
    All,
    /// Those through the same neighbour AS are compared.
    NeighborAs,
}

/// What the steps look at.
#[derive(Clone)]
struct Candidate<'a> {
    position: usize,
    attrs: &'a Attrs,
    source: &'a Source,
    peer: PeerId,
    path_id: u32,
    next_hop: Reachability,
}

type Candidates<'a> = SmallVec<[Candidate<'a>; 4]>;

/// Positions among [`Destination::paths`].
pub(super) type Positions = SmallVec<[usize; 4]>;

const STEPS: [Step; 14] = [
    Step {
        reason: Reason::NextHopUnreachable,
        scope: Scope::Each,
        rank: |c, _| (c.next_hop == Reachability::Unreachable).into(),
    },
    all(Reason::LongLivedStale, |c, _| c.attrs.communities.contains(&Community::LLGR_STALE).into()),
    all(Reason::LocalOrigin, |c, _| (c.source.kind != SourceKind::Local).into()),
    all(Reason::Weight, |c, _| (u32::MAX - c.attrs.weight.unwrap_or(c.source.weight)).into()),
    all(Reason::LocalPref, |c, _| (u32::MAX - c.attrs.local_pref.unwrap_or(c.source.local_pref)).into()),
    all(Reason::AsPathLength, |c, rules| match rules.ignore_as_path_length {
        true => 0,
        false => c.attrs.as_path.hops() as u128,
    }),
    all(Reason::Origin, |c, _| c.attrs.origin as u128),
    Step {
        reason: Reason::Med,
        scope: Scope::NeighborAs,
        rank: |c, rules| c.attrs.med.unwrap_or(missing_med(rules)).into(),
    },
    all(Reason::EbgpOverIbgp, |c, _| (c.source.kind != SourceKind::Ebgp).into()),
    all(Reason::IgpMetric, |c, _| match c.next_hop {
        Reachability::Reachable { metric } => metric.into(),
        Reachability::Unreachable => u128::MAX,
    }),
    all(Reason::RouterId, |c, _| u32::from(c.attrs.originator_id.unwrap_or(c.source.router_id).0).into()),
    all(Reason::ClusterListLength, |c, _| c.attrs.cluster_list.len() as u128),
    all(Reason::PeerAddress, |c, _| address_rank(c.source.address)),
    // The peer goes before the path identifier: two neighbours may share an address on different ports.
    all(Reason::PathId, |c, _| u128::from(c.peer.0) << 32 | u128::from(c.path_id)),
];

impl<N: Nlri> Destination<N> {
    /// Puts the best path first and marks those that may be used beside it. Says whether the best path is another
    /// than before, or there is none any more, or there was none.
    pub(super) fn choose(&mut self, decision: &Decision) -> bool {
        let winner = match (self.has_others(), decision.rules.multipath.is_off()) {
            (false, _) => self.sole(decision),
            (true, true) => best(self, decision),
            (true, false) => self.mark_multipaths(decision),
        };
        let had_best = self.best().is_some();
        self.promote(winner.unwrap_or(0));
        if let Some(first) = self.path_mut(0) {
            first.marks.set_multipath(false);
            first.marks.set_barred(winner.is_none());
        }
        match winner {
            None => had_best,
            Some(0) => !had_best,
            Some(_) => true,
        }
    }

    /// The `limit` best of those paths that `may` lets through, the best first: each is the one that would be used
    /// if those before it were not there.
    pub(crate) fn ranked(
        &self,
        decision: &Decision,
        limit: usize,
        may: impl FnMut(&Path<N>) -> bool,
    ) -> SmallVec<[&Path<N>; 4]> {
        let may: SmallVec<[bool; 8]> = self.paths().map(may).collect();
        let mut left = candidates(self, decision);
        left.retain(|c| may.get(c.position) == Some(&true));
        let mut ranked = SmallVec::new();
        while ranked.len() < limit {
            let mut round = left.clone();
            walk(&mut round, &decision.rules, |_| true, |_, _| ());
            let Some(best) = round.first().map(|c| c.position) else { break };
            ranked.extend(self.paths().nth(best));
            left.retain(|c| c.position != best);
        }
        ranked
    }

    /// The position of the only path, if it may be used.
    fn sole(&self, decision: &Decision) -> Option<usize> {
        self.paths().position(|path| decision.is_eligible(path.source, &path.attrs))
    }

    /// Marks the paths that may be used beside the best one, and says where that is.
    fn mark_multipaths(&mut self, decision: &Decision) -> Option<usize> {
        let chosen = multipaths(self, decision);
        for (position, path) in self.paths_mut().enumerate() {
            path.marks.set_multipath(chosen.contains(&position));
        }
        chosen.first().copied()
    }
}

/// The position of the best path; `None` if no path may be used.
pub(super) fn best<N: Nlri>(destination: &Destination<N>, decision: &Decision) -> Option<usize> {
    let mut candidates = candidates(destination, decision);
    walk(&mut candidates, &decision.rules, |_| true, |_, _| ());
    candidates.first().map(|c| c.position)
}

/// The positions of the paths that may be used side by side, the best first.
pub(super) fn multipaths<N: Nlri>(destination: &Destination<N>, decision: &Decision) -> Positions {
    let Decision { rules, .. } = decision;
    let mut candidates = candidates(destination, decision);
    walk(&mut candidates, rules, Step::prefers, |_, _| ());
    let ranks = |c: &Candidate<'_>| -> SmallVec<[u128; 4]> {
        STEPS.iter().filter(|step| !step.prefers()).map(|step| (step.rank)(c, rules)).collect()
    };
    candidates.sort_by_cached_key(ranks);
    let limit = candidates.first().map_or(0, |best| rules.multipath.limit(best.source.kind).max(1));
    let fits = |c: &&Candidate<'_>| candidates.first().is_some_and(|best| best.is_like(c, rules));
    candidates.iter().filter(fits).take(limit).map(|c| c.position).collect()
}

/// Every path with the step at which it lost, the best first.
pub(super) fn explain<'a, N: Nlri>(
    destination: &'a Destination<N>,
    decision: &Decision,
) -> Vec<Explained<'a, N>> {
    let mut explained: Vec<_> = destination.paths().map(|path| Explained { path, lost: None }).collect();
    walk(
        &mut candidates(destination, decision),
        &decision.rules,
        |_| true,
        |loser, reason| {
            if let Some(entry) = explained.get_mut(loser.position) {
                entry.lost = Some(reason);
            }
        },
    );
    explained.sort_by_key(|e| std::cmp::Reverse(e.lost.map_or(usize::MAX, |r| r as usize)));
    explained
}

const fn all(reason: Reason, rank: fn(&Candidate<'_>, &DecisionRules) -> u128) -> Step {
    Step { reason, scope: Scope::All, rank }
}

impl Step {
    /// Whether it says which path is better, and not only which of equals it is.
    fn prefers(&self) -> bool {
        self.reason < Reason::RouterId
    }

    fn scope(&self, rules: &DecisionRules) -> Scope {
        match self.scope {
            Scope::NeighborAs if rules.always_compare_med => Scope::All,
            scope => scope,
        }
    }
}

impl Candidate<'_> {
    /// Whether `other`, as good as this one, leads the same way: then both may be used.
    fn is_like(&self, other: &Candidate<'_>, rules: &DecisionRules) -> bool {
        rules.multipath.as_path_relax
            || match self.source.kind {
                SourceKind::Ebgp => self.attrs.as_path.neighbor() == other.attrs.as_path.neighbor(),
                _ => self.attrs.as_path == other.attrs.as_path,
            }
    }
}

/// The best value, unless it is to be the worst (RFC 4271 section 9.1.2.2 c).
fn missing_med(rules: &DecisionRules) -> u32 {
    if rules.med_missing_as_worst { u32::MAX } else { 0 }
}

fn candidates<'a, N: Nlri>(destination: &'a Destination<N>, decision: &'a Decision) -> Candidates<'a> {
    let candidate = |(position, path): (usize, &'a Path<N>)| Candidate {
        position,
        attrs: &path.attrs,
        source: decision.sources.get(path.source),
        peer: path.source,
        path_id: path.path_id.0,
        next_hop: decision.reachability(path.source, &path.attrs),
    };
    destination.paths().enumerate().map(candidate).collect()
}

/// Takes those steps that `counts` lets through until one candidate is left, and tells of every one that a step
/// sends home.
fn walk(
    candidates: &mut Candidates<'_>,
    rules: &DecisionRules,
    counts: impl Fn(&Step) -> bool,
    mut lost: impl FnMut(&Candidate<'_>, Reason),
) {
    for step in STEPS.iter().filter(|step| counts(step)) {
        if candidates.len() < 2 && step.scope != Scope::Each {
            return;
        }
        let lowest = Lowest::of(candidates, step, rules);
        candidates.retain(|c| {
            let stays = lowest.is((step.rank)(c, rules), c);
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
    fn of(candidates: &Candidates<'_>, step: &Step, rules: &DecisionRules) -> Lowest {
        let ranks = candidates.iter().map(|c| (step.rank)(c, rules));
        match step.scope(rules) {
            Scope::Each => Lowest::Of(0),
            Scope::All => Lowest::Of(ranks.min().unwrap_or(0)),
            Scope::NeighborAs => {
                let neighbors = candidates.iter().map(|c| c.attrs.as_path.neighbor());
                let mut ranks: SmallVec<_> = neighbors.zip(ranks).collect();
                ranks.sort_unstable();
                ranks.dedup_by_key(|(neighbor, _)| *neighbor);
                Lowest::ByNeighbor(ranks)
            }
        }
    }

    fn is(&self, rank: u128, candidate: &Candidate<'_>) -> bool {
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
    use super::super::testing::{attrs, decision, key, route};
    use super::*;
    use crate::types::{PathId, RouterId};
    use crate::wire::{Origin, Route};

    /// The outcome between paths of these peers: the best one's peer, then the others' with their reasons.
    fn outcome(paths: &[(u32, Attrs)]) -> Vec<(u32, Option<Reason>)> {
        let (mut table, decision) = (Table::<Ipv4Net>::new(1), decision(8));
        for (peer, attrs) in paths {
            table.announce(&decision, PeerId(*peer), 0, &Arc::new(attrs.clone()), &[route(0)]);
        }
        let explained = table.explain(&decision, key(0));
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
        let (mut table, decision) = (Table::<Ipv4Net>::new(1), decision(8));
        for path_id in [7, 5, 6].map(PathId) {
            table.announce(&decision, PeerId(0), 0, &Arc::new(attrs(&[])), &[Route { path_id, ..route(0) }]);
        }
        let ids: Vec<_> =
            table.explain(&decision, key(0)).iter().map(|e| (e.path.path_id.0, e.lost)).collect();
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
        let (mut table, decision) = (Table::<Ipv4Net>::new(1), decision(8));
        let paths = [(3, 20, [1, 9]), (4, 0, [2, 9]), (5, 10, [1, 9])];
        for (peer, med, path) in paths {
            let attrs = Attrs { med: Some(med), ..attrs(&path) };
            table.announce(&decision, PeerId(peer), 0, &Arc::new(attrs), &[route(0)]);
        }
        let before = table.head();
        table.withdraw(&decision, PeerId(5), &[route(0)]);
        let changes: Vec<_> = table.changes(before, 10).map(|c| c.best.map(|p| p.source)).collect();
        assert_eq!(changes, [Some(PeerId(3))]);
    }

    /// Which of these peers' paths may be used side by side under these rules.
    fn side_by_side(rules: &DecisionRules, paths: &[(u32, Attrs)]) -> Vec<u32> {
        let mut decision = decision(8);
        decision.rules = rules.clone();
        let mut table = Table::<Ipv4Net>::new(1);
        for (peer, attrs) in paths {
            table.announce(&decision, PeerId(*peer), 0, &Arc::new(attrs.clone()), &[route(0)]);
        }
        let (_, destination) = table.get(key(0)).unwrap();
        let mut peers: Vec<_> = destination.multipaths().map(|path| path.source.0).collect();
        peers.sort_unstable();
        peers
    }

    #[test]
    fn equals_are_used_side_by_side() {
        let multipath = |ebgp, ibgp, as_path_relax| DecisionRules {
            multipath: super::super::Multipath { ebgp, ibgp, as_path_relax },
            ..DecisionRules::default()
        };
        let path = |peer, path: &[u32]| (peer, attrs(path));
        let ebgp = [path(3, &[1, 9]), path(4, &[1, 8]), path(5, &[2, 9]), path(6, &[1, 9, 9])];
        assert_eq!(side_by_side(&multipath(1, 8, false), &ebgp), [3]);
        assert_eq!(side_by_side(&multipath(8, 1, false), &ebgp), [3, 4], "through the same neighbor AS");
        assert_eq!(side_by_side(&multipath(8, 1, true), &ebgp), [3, 4, 5]);
        assert_eq!(side_by_side(&multipath(2, 1, true), &ebgp), [3, 4], "the limit");
        let ibgp = [path(0, &[1, 9]), path(1, &[1, 8]), path(2, &[1, 9])];
        assert_eq!(side_by_side(&multipath(8, 8, false), &ibgp), [0, 2], "of the same AS path");
        assert_eq!(side_by_side(&multipath(8, 8, true), &ibgp), [0, 1, 2]);
        let mixed = [path(0, &[1, 9]), path(3, &[1, 9])];
        assert_eq!(side_by_side(&multipath(8, 8, true), &mixed), [3], "eBGP is better than iBGP, not equal");
    }

    #[test]
    fn rules_of_the_operator() {
        let winner = |rules: DecisionRules, paths: [(u32, Attrs); 2]| {
            let of = |paths: &[(u32, Attrs)]| side_by_side(&rules, paths)[0];
            let [a, b] = &paths;
            let first = of(&paths);
            assert_eq!(first, of(&[b.clone(), a.clone()]));
            first
        };
        let default = DecisionRules::default;
        let med = |path: &[u32], med| Attrs { med, ..attrs(path) };
        let two_ases = || [(3, med(&[1], Some(20))), (4, med(&[2], Some(10)))];
        assert_eq!(winner(default(), two_ases()), 3);
        assert_eq!(winner(DecisionRules { always_compare_med: true, ..default() }, two_ases()), 4);
        let missing = || [(3, med(&[1], Some(20))), (4, med(&[1], None))];
        assert_eq!(winner(default(), missing()), 4);
        assert_eq!(winner(DecisionRules { med_missing_as_worst: true, ..default() }, missing()), 3);
        let lengths = || [(3, attrs(&[1, 2])), (4, attrs(&[1]))];
        assert_eq!(winner(default(), lengths()), 4);
        assert_eq!(winner(DecisionRules { ignore_as_path_length: true, ..default() }, lengths()), 3);
    }

    #[test]
    fn what_is_preferred_by_its_source() {
        let mut decision = decision(8);
        let of = |peer| *decision.sources.get(PeerId(peer));
        let (heavy, preferred) = (Source { weight: 1, ..of(5) }, Source { local_pref: 150, ..of(4) });
        decision.sources.set(PeerId(4), preferred);
        let mut table = Table::<Ipv4Net>::new(1);
        for (peer, local_pref) in [(3, None), (4, None), (5, None), (0, Some(150))] {
            let attrs = Attrs { local_pref, ..attrs(&[1, 2]) };
            table.announce(&decision, PeerId(peer), 0, &Arc::new(attrs), &[route(0)]);
        }
        let reasons = |table: &Table<Ipv4Net>, decision: &Decision| -> Vec<_> {
            table.explain(decision, key(0)).iter().map(|e| (e.path.source.0, e.lost)).collect()
        };
        let lost = |reason| Some(reason);
        let expected = [
            (4, None),
            (0, lost(Reason::EbgpOverIbgp)),
            (3, lost(Reason::LocalPref)),
            (5, lost(Reason::LocalPref)),
        ];
        assert_eq!(reasons(&table, &decision), expected);
        decision.sources.set(PeerId(5), heavy);
        assert_eq!(reasons(&table, &decision)[0], (5, None), "before any preference that a path has itself");
    }
}
