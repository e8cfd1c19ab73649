//! Import policies: what becomes of admitted routes before they reach a table.
//!
//! A peer without a policy has nothing here, and its routes pass by. For one with a policy the plans of its latest
//! attribute sets are kept, since a full table comes in many messages with few sets; changed sets are interned, so
//! that what was one allocation on the wire is one in the table.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::intern::Interner;
use crate::policy::{Chain, Context, Hits, Outcome, Plan};
use crate::wire::{Attrs, Nlri, Route};

/// One peer's import policy at work.
#[derive(Debug)]
pub(super) struct Import {
    chain: Chain,
    hits: Hits,
    /// By the address of the attributes, which the entry keeps in use, and the family.
    plans: HashMap<(usize, Context), Planned, FixedState>,
    interner: Interner,
}

#[derive(Debug)]
struct Planned {
    _attrs: Arc<Attrs>,
    plan: Plan,
    /// Outcomes before this one have their attributes interned.
    interned: usize,
}

/// What becomes of the routes of one announcement.
#[derive(Debug)]
pub(super) struct Sorted<N: Nlri> {
    /// To be put into the table, those with the same attributes together.
    pub(super) accepted: Grouped<Arc<Attrs>, N>,
    /// To be treated as withdrawn.
    pub(super) rejected: Vec<Route<N>>,
}

/// Routes under what they have in common: most often all under one, or under two.
type Grouped<K, N> = SmallVec<[(K, Vec<Route<N>>); 2]>;

/// Plans that are kept. A message's attributes are most often those of one of the last few.
const PLANS: usize = 256;

impl Import {
    pub(super) fn new(chain: Chain) -> Import {
        let (plans, interner) = (HashMap::default(), Interner::new());
        Import { chain, hits: Hits::default(), plans, interner }
    }

    /// The policy.
    pub(super) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// What it has decided so far.
    pub(super) fn hits(&self) -> &Hits {
        &self.hits
    }

    /// Asks the policy about routes that share `attrs`, and counts.
    pub(super) fn sort<N: Nlri>(
        &mut self,
        context: Context,
        attrs: &Arc<Attrs>,
        routes: &[Route<N>],
    ) -> Sorted<N> {
        let Import { chain, hits, plans, interner } = self;
        if plans.len() >= PLANS {
            plans.clear();
        }
        let planned = plans.entry((Arc::as_ptr(attrs) as usize, context)).or_insert_with(|| Planned {
            _attrs: attrs.clone(),
            plan: Plan::new(chain, &context, attrs),
            interned: 0,
        });
        let mut sorted = Sorted { accepted: SmallVec::new(), rejected: Vec::new() };
        for (index, routes) in planned.alike(chain, &context, routes) {
            planned.intern(interner, attrs);
            let Some(outcome) = planned.plan.outcome(index) else { continue };
            hits.add(outcome, routes.len() as u64);
            match &outcome.attrs {
                Some(attrs) => sorted.accepted.push((attrs.clone(), routes)),
                None => sorted.rejected.extend(routes),
            }
        }
        sorted
    }
}

impl Import {
    /// What the policy would make of a route, uncounted.
    pub(super) fn decide<N: Nlri>(
        &self,
        context: &Context,
        attrs: &Arc<Attrs>,
        route: &Route<N>,
    ) -> Option<Outcome> {
        let mut plan = Plan::new(&self.chain, context, attrs);
        let index = plan.decide(&self.chain, context, &route.nlri.parts(&route.body));
        plan.outcome(index).cloned()
    }
}

impl Planned {
    /// The routes by outcome.
    fn alike<N: Nlri>(&mut self, chain: &Chain, context: &Context, routes: &[Route<N>]) -> Grouped<usize, N> {
        if let Some(common) = self.plan.common() {
            return [(common, routes.to_vec())].into_iter().collect();
        }
        let mut alike: Grouped<usize, N> = SmallVec::new();
        for route in routes {
            let index = self.plan.decide(chain, context, &route.nlri.parts(&route.body));
            match alike.iter_mut().find(|(other, _)| *other == index) {
                Some((_, routes)) => routes.push(*route),
                None => alike.push((index, vec![*route])),
            }
        }
        alike
    }

    /// Lets new outcomes share their attributes with equal sets. A set that was not changed is shared already.
    fn intern(&mut self, interner: &mut Interner, original: &Arc<Attrs>) {
        let outcomes = self.plan.outcomes_mut();
        for outcome in outcomes.iter_mut().skip(self.interned) {
            if let Some(attrs) = outcome.attrs.take_if(|attrs| !Arc::ptr_eq(attrs, original)) {
                outcome.attrs = Some(interner.intern(Arc::unwrap_or_clone(attrs)));
            }
        }
        self.interned = outcomes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{attrs, route, source};
    use super::*;
    use crate::policy::testing::{adds, chain, prefixes, statement};
    use crate::policy::{Statement, Verdict};
    use crate::types::{Family, PeerId};

    fn import() -> Import {
        let first = Statement {
            of_route: vec![prefixes(&["11.0.0.0/16 le 24"])],
            changes: adds("1:1"),
            ..statement("first", Verdict::Accept)
        };
        Import::new(chain(vec![first], Verdict::Reject))
    }

    #[test]
    fn equal_attributes_are_one_allocation_behind_the_policy_too() {
        let (mut import, context) = (import(), source(PeerId(0)).context(Family::Ipv4Unicast));
        // Two allocations of the same: two messages, between which the session's interner forgot the set.
        let messages = [0, 1].map(|n| {
            let attrs = Arc::new(attrs(&[1]));
            import.sort(context, &attrs, &[route(n), route(0x1_0000 + n)])
        });
        let [first, second] = &messages;
        assert!(Arc::ptr_eq(&first.accepted[0].0, &second.accepted[0].0));
        assert_eq!((first.accepted[0].1.len(), first.rejected.len()), (1, 1));
        let counts: Vec<_> = import.chain.deciders(&import.hits).map(|(_, count)| count).collect();
        assert_eq!(counts, [2, 2]);
    }

    #[test]
    fn plans_are_bounded() {
        let (mut import, context) = (import(), source(PeerId(0)).context(Family::Ipv4Unicast));
        for n in 0..2 * PLANS as u32 {
            import.sort(context, &Arc::new(attrs(&[n])), &[route(n)]);
        }
        assert!(import.plans.len() <= PLANS);
    }
}
