//! The steps of the decision, what they look at, and the walk through them.

use std::net::IpAddr;

use smallvec::SmallVec;

use crate::rib::next_hops::Reachability;
use crate::rib::rules::DecisionRules;
use crate::rib::source::{Source, SourceKind};
use crate::types::{Asn, PeerId};
use crate::wire::{Attrs, Community};

use super::Reason;

/// A question that is asked of all candidates.
pub(super) struct Step {
    reason: Reason,
    scope: Scope,
    /// Lower is better.
    pub(super) rank: fn(&Candidate<'_>, &DecisionRules) -> u128,
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
pub(super) struct Candidate<'a> {
    pub(super) position: usize,
    pub(super) attrs: &'a Attrs,
    pub(super) source: &'a Source,
    pub(super) peer: PeerId,
    pub(super) path_id: u32,
    pub(super) next_hop: Reachability,
}

pub(super) type Candidates<'a> = SmallVec<[Candidate<'a>; 4]>;

/// The decision process, from the first step to the last.
pub(super) const STEPS: [Step; 14] = [
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

const fn all(reason: Reason, rank: fn(&Candidate<'_>, &DecisionRules) -> u128) -> Step {
    Step { reason, scope: Scope::All, rank }
}

impl Step {
    /// Whether it says which path is better, and not only which of equals it is.
    pub(super) fn prefers(&self) -> bool {
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
    pub(super) fn is_like(&self, other: &Candidate<'_>, rules: &DecisionRules) -> bool {
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

/// Takes those steps that `counts` lets through until one candidate is left, and tells of every one that a step
/// sends home.
pub(super) fn walk(
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
