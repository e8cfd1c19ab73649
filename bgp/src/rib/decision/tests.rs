//! Each step of the decision in turn, and what the rules of an operator change.

use std::sync::Arc;

use ipnet::Ipv4Net;

use super::*;
use crate::rib::rules::DecisionRules;
use crate::rib::source::Source;
use crate::rib::table::Table;
use crate::rib::testing::{attrs, decision, key, route};
use crate::types::{PathId, PeerId, RouterId};
use crate::wire::{Attrs, Community, Origin, Route};

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
    let ids: Vec<_> = table.explain(&decision, key(0)).iter().map(|e| (e.path.path_id.0, e.lost)).collect();
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
        multipath: crate::rib::Multipath { ebgp, ibgp, as_path_relax },
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
