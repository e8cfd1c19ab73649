//! The decision process (RFC 4271 section 9.1.2, RFC 4456 section 9): which path of one destination is used.
//!
//! [`STEPS`] is the whole of it. Each step keeps the candidates with the lowest rank and sends the others
//! home; a step within a neighbour AS compares only paths that came through the same one, as MED demands.
//! Because a step looks at the set of candidates and not at pairs in order of arrival, the outcome does not
//! depend on that order. Choosing and explaining walk the same list.
//!
//! The steps before the router id say which path is better, those from there on only which of equals it is:
//! what the former leave over may be used side by side (RFC 4271 says nothing of it; the rules are FRR's).

mod steps;
#[cfg(test)]
mod tests;

use smallvec::SmallVec;

use crate::wire::Nlri;

use super::destination::{Destination, Path};
use super::rules::Decision;

use steps::{Candidate, Candidates, STEPS, Step, walk};

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

/// Positions among [`Destination::paths`].
pub(super) type Positions = SmallVec<[usize; 4]>;

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
