//! What is chosen depends on what is there, and not on the order in which it came, what was there before, or
//! when the operator and the kernel spoke.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;
use proptest::collection::vec;
use proptest::prelude::*;

use super::testing::{NEXT_HOPS, VARIANTS, key, next_hop, rib, route, source, variant};
use super::{Budget, DecisionRules, Multipath, Path, Reachability, Reason, Rib, Source};
use crate::types::{PathId, PeerId};
use crate::wire::{Nlris, Route};

const PEERS: u32 = 6;

/// What is there in the end.
#[derive(Clone, Debug)]
struct Facts {
    rules: DecisionRules,
    weights: Vec<u32>,
    /// Of each next hop; `None` is unreachable.
    metrics: Vec<Option<u32>>,
    paths: BTreeMap<Identity, u32>,
}

type Identity = (u32, u32);

/// Something that happens on the way there.
#[derive(Clone, Debug)]
enum Step {
    Path(Identity, u32),
    Withdraw(Identity),
    NextHop(u32, Option<u32>),
    Rules(DecisionRules),
    Weight(u32, u32),
    Sweep(usize),
}

fn rules() -> impl Strategy<Value = DecisionRules> {
    (any::<[bool; 4]>(), 1..4u16, 1..4u16).prop_map(|(flags, ebgp, ibgp)| {
        let [always_compare_med, med_missing_as_worst, ignore_as_path_length, as_path_relax] = flags;
        let multipath = Multipath { ebgp, ibgp, as_path_relax };
        DecisionRules { always_compare_med, med_missing_as_worst, ignore_as_path_length, multipath }
    })
}

fn metric() -> impl Strategy<Value = Option<u32>> {
    prop_oneof![3 => (0..2u32).prop_map(Some), 1 => Just(None)]
}

fn identity() -> impl Strategy<Value = Identity> {
    (0..PEERS, 0..2u32)
}

fn facts() -> impl Strategy<Value = Facts> {
    let paths = proptest::collection::btree_map(identity(), 0..VARIANTS, 1..9);
    (rules(), vec(0..2u32, PEERS as usize), vec(metric(), NEXT_HOPS as usize), paths)
        .prop_map(|(rules, weights, metrics, paths)| Facts { rules, weights, metrics, paths })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (identity(), 0..VARIANTS).prop_map(|(identity, variant)| Step::Path(identity, variant)),
        3 => identity().prop_map(Step::Withdraw),
        2 => (0..NEXT_HOPS, metric()).prop_map(|(n, metric)| Step::NextHop(n, metric)),
        1 => rules().prop_map(Step::Rules),
        1 => (0..PEERS, 0..2u32).prop_map(|(peer, weight)| Step::Weight(peer, weight)),
        2 => (0..4usize).prop_map(Step::Sweep),
    ]
}

impl Facts {
    /// The shortest way to what is there, in the order that `keys` gives.
    fn steps(&self, keys: &[u32]) -> Vec<Step> {
        let weights = (0..).zip(&self.weights).map(|(peer, &weight)| Step::Weight(peer, weight));
        let metrics = (0..).zip(&self.metrics).map(|(n, &metric)| Step::NextHop(n, metric));
        let paths = self.paths.iter().map(|(&identity, &variant)| Step::Path(identity, variant));
        let rules = [Step::Rules(self.rules.clone())];
        let mut steps: Vec<_> = paths.chain(weights).chain(metrics).chain(rules).zip(keys).collect();
        steps.sort_by_key(|(_, key)| **key);
        steps.into_iter().map(|(step, _)| step).collect()
    }

    /// What must go because the facts do not know it.
    fn cleared(&self) -> impl Iterator<Item = Step> {
        let all = (0..PEERS).flat_map(|peer| [(peer, 0), (peer, 1)]);
        all.filter(|identity| !self.paths.contains_key(identity)).map(Step::Withdraw)
    }
}

fn new_rib() -> Rib {
    let mut rib = rib(PEERS);
    rib.track_next_hops();
    // A route that is always there lets every next hop be in use, so that what is said of it is kept.
    for n in 0..NEXT_HOPS {
        announce(&mut rib, 9 + n, (0, 0), n);
    }
    while rib.poll_next_hop().is_some() {}
    rib
}

fn announce(rib: &mut Rib, n: u32, (peer, path_id): Identity, v: u32) {
    let route = Route { path_id: PathId(path_id), ..route(n) };
    rib.ipv4.announce(&rib.decision, PeerId(peer), 0, &variant(v), &[route]);
}

fn apply(rib: &mut Rib, step: &Step) {
    match step {
        Step::Path(identity, v) => announce(rib, 0, *identity, *v),
        Step::Withdraw((peer, path_id)) => {
            let route = Route { path_id: PathId(*path_id), ..route(0) };
            rib.withdraw(PeerId(*peer), &Nlris::Ipv4(vec![route]));
        }
        Step::NextHop(n, metric) => {
            let reachability =
                metric.map_or(Reachability::Unreachable, |metric| Reachability::Reachable { metric });
            rib.set_next_hop(next_hop(*n).into(), reachability);
        }
        Step::Rules(rules) => rib.set_rules(rules.clone()),
        Step::Weight(peer, weight) => {
            rib.peer_up(PeerId(*peer), Source { weight: *weight, ..source(PeerId(*peer)) });
        }
        Step::Sweep(budget) => drop(rib.sweep(&mut Budget::new(*budget))),
    }
}

/// What came of it: the best path, those beside it, and why each other is neither.
#[derive(Debug, PartialEq)]
struct Outcome {
    best: Option<Identity>,
    multipaths: BTreeSet<Identity>,
    lost: BTreeMap<Identity, Option<Reason>>,
}

fn outcome(rib: &Rib) -> Outcome {
    let identity = |path: &Path<Ipv4Net>| (path.source.0, path.path_id.0);
    let (_, destination) = rib.ipv4.get(key(0)).expect("there is a path");
    let explained = rib.ipv4.explain(&rib.decision, key(0));
    let best = destination.best().map(identity);
    let won = explained.iter().find(|e| e.lost.is_none()).map(|e| identity(e.path));
    assert_eq!(won, best, "what is explained is what was done");
    Outcome {
        best,
        multipaths: destination.multipaths().map(identity).collect(),
        lost: explained.iter().map(|e| (identity(e.path), e.lost)).collect(),
    }
}

fn after<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Outcome {
    let mut rib = new_rib();
    steps.into_iter().for_each(|step| apply(&mut rib, step));
    while rib.sweep(&mut Budget::new(2)) {}
    let outcome = outcome(&rib);
    for reason in outcome.multipaths.iter().filter_map(|identity| outcome.lost[identity]) {
        assert!(reason >= Reason::RouterId, "{reason:?} tells no equals apart");
    }
    outcome
}

proptest! {
    #[test]
    fn neither_order_nor_history_matters(
        facts in facts(),
        keys in vec(any::<[u32; 2]>(), 64),
        history in vec(step(), 0..40),
    ) {
        let [first, second] = [0, 1].map(|i| keys.iter().map(|key| key[i]).collect::<Vec<_>>());
        let direct = facts.steps(&first);
        let roundabout: Vec<_> =
            history.into_iter().chain(facts.cleared()).chain(facts.steps(&second)).collect();
        prop_assert_eq!(after(&direct), after(&roundabout));
    }
}
