//! Policies in a row: what a neighbour's import or export is.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::outcome::Outcome;
use super::{NextHopChange, Policy, Statement, Verdict};

/// Policies that are walked one after the other. Two are equal if they do the same under the same names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    policies: Arc<[Arc<Policy>]>,
}

/// A place in a chain: its statements and defaults, counted through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    Statement(&'a Statement),
    Default(&'a Policy),
}

/// Which statement, or which default, an outcome is due to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decider<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The statement; `None` for the policy's default.
    pub statement: Option<&'a Statement>,
}

/// How many routes met each statement, and how many each default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits(Vec<u64>);

impl Chain {
    /// Of these, in this order.
    pub fn new(policies: impl IntoIterator<Item = Arc<Policy>>) -> Chain {
        Chain { policies: policies.into_iter().collect() }
    }

    /// Its policies.
    pub fn policies(&self) -> &[Arc<Policy>] {
        &self.policies
    }

    /// Whether some statement makes this speaker the next hop.
    pub fn sets_own_next_hop(&self) -> bool {
        let mut statements = self.policies.iter().flat_map(|policy| &policy.statements);
        statements.any(|statement| statement.changes.next_hop == Some(NextHopChange::Own))
    }

    /// Every place where a decision can fall, in order, each with how often `hits` says it did.
    pub fn deciders<'a, 'h>(
        &'a self,
        hits: &'h Hits,
    ) -> impl Iterator<Item = (Decider<'a>, u64)> + use<'a, 'h> {
        let of_policy = |policy: &'a Arc<Policy>| {
            let statements = policy.statements.iter().map(Some);
            statements.chain([None]).map(move |statement| Decider { policy, statement })
        };
        let counts = hits.0.iter().copied().chain(std::iter::repeat(0));
        self.policies.iter().flat_map(of_policy).zip(counts)
    }

    /// Who decided an outcome of this chain.
    pub fn decider(&self, outcome: &Outcome) -> Option<Decider<'_>> {
        let step = outcome.trail.last().copied()?;
        Some(match self.step(step.into())? {
            (policy, Step::Statement(statement)) => Decider { policy, statement: Some(statement) },
            (policy, Step::Default(_)) => Decider { policy, statement: None },
        })
    }

    /// The step with this number, and whose it is; `None` behind the last.
    pub(super) fn step(&self, mut number: usize) -> Option<(&Policy, Step<'_>)> {
        for policy in self.policies.iter() {
            let statements = policy.statements.len();
            if let Some(statement) = policy.statements.get(number) {
                return Some((policy, Step::Statement(statement)));
            }
            if number == statements {
                return Some((policy, Step::Default(policy)));
            }
            number -= statements + 1;
        }
        None
    }
}

/// Equal chains have equal names.
impl Hash for Chain {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.policies.iter().for_each(|policy| policy.name.hash(state));
    }
}

impl Step<'_> {
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Step::Statement(statement) => statement.verdict,
            Step::Default(policy) => policy.default,
        }
    }
}

impl Hits {
    /// Counts `routes` that ended in `outcome`.
    pub fn add(&mut self, outcome: &Outcome, routes: u64) {
        for &step in &outcome.trail {
            let step = usize::from(step);
            if self.0.len() <= step {
                self.0.resize(step + 1, 0);
            }
            if let Some(count) = self.0.get_mut(step) {
                *count += routes;
            }
        }
    }

    /// Adds what another place of the same chain counted.
    pub fn join(&mut self, other: &Hits) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        self.0.iter_mut().zip(&other.0).for_each(|(count, more)| *count += more);
    }
}

/// `from-spines, and-more`.
impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.policies.iter().map(|policy| &*policy.name).collect();
        f.write_str(&names.join(", "))
    }
}

/// `from-spines/no-defaults`, or `from-spines/default`.
impl fmt::Display for Decider<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.policy.name, self.statement.map_or("default", |statement| &statement.name))
    }
}
