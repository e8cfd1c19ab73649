//! A chain worked out for one attribute set, as far as that goes without a route.

use std::sync::Arc;

use crate::wire::Attrs;
use crate::wire::nlri::Parts;

use super::chain::Step;
use super::outcome::{Outcome, Trail};
use super::{Chain, Context, Fixed, Verdict};

/// A tree of the questions that are left for each route, grown where routes go: its inner nodes are the statements
/// whose conditions on the attributes hold and which ask more of the route, its leaves the outcomes.
///
/// Where no such statement is met it is one leaf, and routes cost nothing. Its owner keeps it together with the
/// chain, the context and the attributes that it was made for.
#[derive(Debug)]
pub struct Plan {
    start: Place,
    branches: Vec<Branch>,
    outcomes: Vec<Outcome>,
}

/// A node of the tree.
#[derive(Clone, Copy, Debug)]
enum Place {
    Branch(usize),
    End(usize),
}

#[derive(Debug)]
struct Branch {
    /// As it is before the statement in question.
    state: State,
    /// Where routes go that meet it.
    met: Option<Place>,
    /// Where the others go.
    missed: Option<Place>,
}

/// How far the chain has been walked.
#[derive(Clone, Debug)]
struct State {
    step: usize,
    attrs: Arc<Attrs>,
    fixed: Fixed,
    trail: Trail,
}

impl Plan {
    /// The plan for routes with these attributes.
    pub fn new(chain: &Chain, context: &Context, attrs: &Arc<Attrs>) -> Plan {
        let mut plan = Plan { start: Place::End(0), branches: Vec::new(), outcomes: Vec::new() };
        let state = State { step: 0, attrs: attrs.clone(), fixed: Fixed::default(), trail: Trail::new() };
        plan.start = plan.walk(chain, context, state);
        plan
    }

    /// The outcome that all routes have in common, if it depends on none of them.
    pub fn common(&self) -> Option<usize> {
        match self.start {
            Place::End(outcome) => Some(outcome),
            Place::Branch(_) => None,
        }
    }

    /// The outcome of the route with these parts: an index for [`Plan::outcome`], the same for routes that are
    /// treated alike.
    pub fn decide(&mut self, chain: &Chain, context: &Context, parts: &Parts) -> usize {
        let mut place = self.start;
        loop {
            match place {
                Place::End(outcome) => return outcome,
                Place::Branch(branch) => place = self.follow(chain, context, branch, parts),
            }
        }
    }

    /// What happens to routes that were decided so.
    pub fn outcome(&self, index: usize) -> Option<&Outcome> {
        self.outcomes.get(index)
    }

    /// The outcomes found so far, for their owner to let them share their attributes with others.
    pub fn outcomes_mut(&mut self) -> &mut [Outcome] {
        &mut self.outcomes
    }

    fn follow(&mut self, chain: &Chain, context: &Context, index: usize, parts: &Parts) -> Place {
        // There is a branch wherever a place leads.
        let Some(branch) = self.branches.get(index) else { return Place::End(0) };
        let state = &branch.state;
        let Some((_, Step::Statement(statement))) = chain.step(state.step) else { return Place::End(0) };
        let met = statement.of_route.iter().all(|condition| condition.holds(parts, &state.attrs));
        if let Some(known) = if met { branch.met } else { branch.missed } {
            return known;
        }
        let mut state = state.clone();
        let found = match met {
            true => self.apply(chain, context, state, Step::Statement(statement)),
            false => {
                state.step += 1;
                self.walk(chain, context, state)
            }
        };
        if let Some(branch) = self.branches.get_mut(index) {
            *(if met { &mut branch.met } else { &mut branch.missed }) = Some(found);
        }
        found
    }

    /// Goes on to the next statement that asks something of the route, or to the end.
    fn walk(&mut self, chain: &Chain, context: &Context, mut state: State) -> Place {
        while let Some((_, step)) = chain.step(state.step) {
            if let Step::Statement(statement) = step {
                if !statement.of_attrs.iter().all(|condition| condition.holds(context, &state.attrs)) {
                    state.step += 1;
                    continue;
                }
                if !statement.of_route.is_empty() {
                    self.branches.push(Branch { state, met: None, missed: None });
                    return Place::Branch(self.branches.len() - 1);
                }
            }
            if let Some(end) = state.apply(context, step) {
                return self.end(end);
            }
        }
        // Nothing decided: what nobody lets through does not go through.
        self.end(Outcome { attrs: None, fixed: state.fixed, trail: state.trail })
    }

    /// Takes a step whose conditions hold, and goes on.
    fn apply(&mut self, chain: &Chain, context: &Context, mut state: State, step: Step<'_>) -> Place {
        match state.apply(context, step) {
            Some(end) => self.end(end),
            None => self.walk(chain, context, state),
        }
    }

    fn end(&mut self, outcome: Outcome) -> Place {
        let known = self.outcomes.iter().position(|other| *other == outcome);
        Place::End(known.unwrap_or_else(|| {
            self.outcomes.push(outcome);
            self.outcomes.len() - 1
        }))
    }
}

impl State {
    /// Makes the changes of a step, and goes behind it unless it decides.
    fn apply(&mut self, context: &Context, step: Step<'_>) -> Option<Outcome> {
        if let Step::Statement(statement) = step
            && !statement.changes.is_empty()
        {
            let mut changed = Attrs::clone(&self.attrs);
            statement.changes.apply(context, &mut changed, &mut self.fixed);
            if changed != *self.attrs {
                self.attrs = Arc::new(changed);
            }
        }
        // The configuration allows fewer steps than this can count.
        self.trail.push(u16::try_from(self.step).unwrap_or(u16::MAX));
        self.step += 1;
        let attrs = match step.verdict() {
            Verdict::Next => return None,
            Verdict::Accept => Some(self.attrs.clone()),
            Verdict::Reject => None,
        };
        Some(Outcome { attrs, fixed: self.fixed, trail: std::mem::take(&mut self.trail) })
    }
}
