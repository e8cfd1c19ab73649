//! Policies and their statements.

use std::fmt;

use super::{AttrsCondition, Changes, RouteCondition};

/// A named list of statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What neighbours call it.
    pub name: Box<str>,
    /// In the order in which they are walked.
    pub statements: Vec<Statement>,
    /// Where no statement decides. [`Verdict::Next`] is the next policy of the chain.
    pub default: Verdict,
}

/// Conditions that must all hold, and what then happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What it is shown and counted by.
    pub name: Box<str>,
    /// What it asks of the attributes.
    pub of_attrs: Vec<AttrsCondition>,
    /// What it asks of each route.
    pub of_route: Vec<RouteCondition>,
    /// What it changes.
    pub changes: Changes,
    /// Whether that is all.
    pub verdict: Verdict,
}

/// What a statement leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The route is taken, or sent.
    Accept,
    /// It is not.
    Reject,
    /// The next statement is asked.
    Next,
}

impl Verdict {
    /// The word in configuration and API.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Accept => "accept",
            Verdict::Reject => "reject",
            Verdict::Next => "next",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Statement {
    /// Its conditions in words, `prefixes pods; origin igp`; nothing where it has none and so always applies.
    pub fn conditions(&self) -> String {
        let of_route = self.of_route.iter().map(ToString::to_string);
        of_route.chain(self.of_attrs.iter().map(ToString::to_string)).collect::<Vec<_>>().join("; ")
    }
}
