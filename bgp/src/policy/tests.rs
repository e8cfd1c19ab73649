//! Chains and plans: what they decide, what they count, and that a plan says of every route what walking the chain
//! for it alone would.

use std::sync::Arc;

use ipnet::Ipv4Net;
use proptest::collection::vec;
use proptest::prelude::*;

use super::testing::*;
use super::*;
use crate::types::Family;
use crate::wire::nlri::{Nlri, Parts};
use crate::wire::{Attrs, Community};

const CONTEXT: Context = Context { family: Family::Ipv4Unicast, neighbor: None, local_pref: 100 };

fn parts(prefix: &str) -> Parts {
    prefix.parse::<Ipv4Net>().unwrap().parts(&())
}

/// What becomes of a route: who decided, and the attributes that it goes on with.
fn decide(chain: &Chain, attrs: &Arc<Attrs>, prefix: &str) -> (String, Option<Attrs>) {
    let mut plan = Plan::new(chain, &CONTEXT, attrs);
    let index = plan.decide(chain, &CONTEXT, &parts(prefix));
    let outcome = plan.outcome(index).unwrap();
    (chain.decider(outcome).unwrap().to_string(), outcome.attrs.as_deref().cloned())
}

#[test]
fn the_first_statement_that_decides_does() {
    let no_defaults =
        Statement { of_route: vec![prefixes(&["0.0.0.0/0"])], ..statement("no-defaults", Verdict::Reject) };
    let marked = Statement {
        of_attrs: vec![communities("1:*")],
        changes: adds("9:9"),
        ..statement("marked", Verdict::Accept)
    };
    let chain = chain(vec![no_defaults, marked], Verdict::Reject);
    let (plain, with) = (with_communities(&[]), with_communities(&[1 << 16]));
    assert_eq!(decide(&chain, &with, "0.0.0.0/0"), ("p/no-defaults".into(), None));
    assert_eq!(decide(&chain, &plain, "10.0.0.0/8"), ("p/default".into(), None));
    let (decider, attrs) = decide(&chain, &with, "10.0.0.0/8");
    assert_eq!(decider, "p/marked");
    assert_eq!(*attrs.unwrap().communities, [Community(1 << 16), Community(9 << 16 | 9)]);
}

#[test]
fn next_goes_on_with_the_changes_made() {
    let first = Statement { changes: adds("1:1"), ..statement("first", Verdict::Next) };
    let second = Statement { of_attrs: vec![communities("1:1")], ..statement("second", Verdict::Accept) };
    let policy = |name: &str, statement, default| {
        Arc::new(Policy { name: name.into(), statements: vec![statement], default })
    };
    let both = Chain::new([policy("a", first, Verdict::Next), policy("b", second, Verdict::Reject)]);
    let (decider, attrs) = decide(&both, &with_communities(&[]), "10.0.0.0/8");
    assert_eq!((decider.as_str(), attrs.unwrap().communities.len()), ("b/second", 1));
    let open = chain(vec![statement("only", Verdict::Next)], Verdict::Next);
    assert_eq!(decide(&open, &with_communities(&[]), "10.0.0.0/8"), ("p/default".into(), None));
}

#[test]
fn routes_that_nothing_asks_for_have_one_outcome() {
    let of_route = vec![prefixes(&["10.0.0.0/8"])];
    let asks = Statement { of_attrs: vec![communities("1:1")], of_route, ..statement("s", Verdict::Accept) };
    let chain = chain(vec![asks], Verdict::Reject);
    assert!(Plan::new(&chain, &CONTEXT, &with_communities(&[])).common().is_some());
    assert!(Plan::new(&chain, &CONTEXT, &with_communities(&[1 << 16 | 1])).common().is_none());
}

#[test]
fn what_is_not_changed_is_not_copied() {
    let chain =
        chain(vec![Statement { changes: adds("1:1"), ..statement("s", Verdict::Accept) }], Verdict::Reject);
    let attrs = with_communities(&[1 << 16 | 1]);
    let plan = Plan::new(&chain, &CONTEXT, &attrs);
    let outcome = plan.outcome(plan.common().unwrap()).unwrap();
    assert!(Arc::ptr_eq(outcome.attrs.as_ref().unwrap(), &attrs), "it has the community already");
}

#[test]
fn every_statement_that_applies_is_counted() {
    let chain = chain(
        vec![
            Statement { of_route: vec![prefixes(&["10.0.0.0/8"])], ..statement("a", Verdict::Next) },
            Statement { of_route: vec![prefixes(&["10.0.0.0/8 le 16"])], ..statement("b", Verdict::Accept) },
        ],
        Verdict::Reject,
    );
    let attrs = with_communities(&[]);
    let (mut plan, mut hits) = (Plan::new(&chain, &CONTEXT, &attrs), Hits::default());
    for prefix in ["10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/24"] {
        let index = plan.decide(&chain, &CONTEXT, &parts(prefix));
        hits.add(plan.outcome(index).unwrap(), 1);
    }
    let counts: Vec<_> = chain.deciders(&hits).map(|(who, count)| format!("{who} {count}")).collect();
    assert_eq!(counts, ["p/a 1", "p/b 2", "p/default 1"]);
}

/// The chain walked for one route, every question asked in its turn.
fn walked(chain: &Chain, attrs: &Arc<Attrs>, parts: &Parts) -> Option<Attrs> {
    let mut attrs = Attrs::clone(attrs);
    let mut fixed = Fixed::default();
    for policy in chain.policies() {
        let mut verdict = policy.default;
        for statement in &policy.statements {
            let of_attrs = statement.of_attrs.iter().all(|c| c.holds(&CONTEXT, &attrs));
            if !of_attrs || !statement.of_route.iter().all(|c| c.holds(parts, &attrs)) {
                continue;
            }
            statement.changes.apply(&CONTEXT, &mut attrs, &mut fixed);
            if statement.verdict != Verdict::Next {
                verdict = statement.verdict;
                break;
            }
        }
        match verdict {
            Verdict::Accept => return Some(attrs),
            Verdict::Reject => return None,
            Verdict::Next => {}
        }
    }
    None
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        2 => Just(Verdict::Accept),
        1 => Just(Verdict::Reject),
        3 => Just(Verdict::Next),
    ]
}

fn any_statement() -> impl Strategy<Value = Statement> {
    let of_attrs = prop_oneof![
        Just(vec![]),
        Just(vec![AttrsCondition::Families([Family::Ipv4Unicast].into_iter().collect())]),
        (0..4_u8).prop_map(|n| vec![communities(&format!("{n}:*"))]),
    ];
    let of_route = prop_oneof![
        Just(vec![]),
        (0..3_u8, 8..28_u8).prop_map(|(n, le)| vec![prefixes(&[&format!("{}.0.0.0/8 le {le}", 10 + n)])]),
    ];
    let changes = prop_oneof![
        Just(Changes::default()),
        (0..4_u8, 0..4_u8).prop_map(|(high, low)| adds(&format!("{high}:{low}"))),
        (1..3_u32).prop_map(|asn| prepends(asn, 1)),
        (0..4_u8).prop_map(|n| {
            let remove = [format!("{n}:*").parse().unwrap()].into();
            let communities = CommunityChanges { remove, ..CommunityChanges::default() };
            Changes { communities, ..Changes::default() }
        }),
    ];
    (of_attrs, of_route, changes, verdict()).prop_map(|(of_attrs, of_route, changes, verdict)| Statement {
        of_attrs,
        of_route,
        changes,
        ..statement("s", verdict)
    })
}

fn any_chain() -> impl Strategy<Value = Chain> {
    let policy = (vec(any_statement(), 0..6), verdict())
        .prop_map(|(statements, default)| Arc::new(Policy { name: "p".into(), statements, default }));
    vec(policy, 1..3).prop_map(Chain::new)
}

fn any_prefix() -> impl Strategy<Value = Ipv4Net> {
    (0..4_u8, any::<u16>(), 8..=32_u8)
        .prop_map(|(n, rest, length)| Ipv4Net::new_assert([10 + n, rest as u8, 0, 0].into(), length).trunc())
}

proptest! {
    #[test]
    fn a_plan_says_of_each_route_what_the_chain_does(
        chain in any_chain(),
        communities in vec((0..4_u32).prop_map(|n| n << 16), 0..3),
        routes in vec(any_prefix(), 1..40),
    ) {
        let attrs = with_communities(&communities);
        let mut plan = Plan::new(&chain, &CONTEXT, &attrs);
        for prefix in routes {
            let parts = prefix.parts(&());
            let index = plan.decide(&chain, &CONTEXT, &parts);
            let outcome = plan.outcome(index).unwrap();
            prop_assert_eq!(outcome.attrs.as_deref().cloned(), walked(&chain, &attrs, &parts), "{}", prefix);
        }
    }
}
