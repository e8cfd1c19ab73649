//! The `policy` section: how policies and their sets are written ([`mod@file`]), and what they mean: the policies of
//! [`bgp::policy`], with every name resolved. Sets are read in `sets`, what statements ask in `conditions`, what
//! they do in `changes`.

mod changes;
mod check;
mod conditions;
pub mod file;
mod sets;

use std::collections::HashMap;
use std::sync::Arc;

use bgp::policy::{Chain, NextHopChange, Policy, Statement, Verdict};

use super::fault::{Finding, Path};
use super::value::Texts;

pub(super) use check::check;

/// The policies by name, for neighbours to name them.
#[derive(Debug, Default)]
pub(super) struct Policies {
    /// In the order in which they are written.
    pub(super) list: Vec<Arc<Policy>>,
    by_name: HashMap<String, Arc<Policy>>,
}

/// Which way a chain of policies is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Import,
    Export,
}

impl Policies {
    fn add(&mut self, policy: Policy) {
        let policy = Arc::new(policy);
        self.by_name.insert(policy.name.to_string(), policy.clone());
        self.list.push(policy);
    }

    /// The chain that a neighbour's names make; a name that nobody has is left out.
    pub(super) fn chain(&self, names: Option<&Texts>) -> Option<Chain> {
        let names = &names?.list;
        Some(Chain::new(names.iter().filter_map(|name| self.by_name.get(name)).cloned()))
    }

    /// What is wrong with a neighbour's names.
    pub(super) fn check_names(
        &self,
        at: &Path,
        names: Option<&Texts>,
        way: Direction,
        findings: &mut Vec<Finding>,
    ) {
        let Some(names) = names else { return };
        let mut find = |at: Path, message: String| findings.push(Finding { path: at, message });
        if names.list.is_empty() {
            find(at.clone(), "an empty list: name at least one policy, or leave the key out".to_owned());
        }
        let mut closed: Option<&str> = None;
        for (index, name) in names.list.iter().enumerate() {
            let at = names.place(at, index);
            let Some(policy) = self.by_name.get(name) else {
                find(at, format!("there is no policy `{name}` in policy.policies"));
                continue;
            };
            if let Some(before) = closed {
                find(
                    at.clone(),
                    format!("is never asked: `{before}` decides every route; give that `default: next`"),
                );
            }
            if let Some((statement, why)) =
                policy.statements.iter().find_map(|s| Some((s, misplaced(s, way)?)))
            {
                find(at, format!("`{name}` cannot stand here: its statement `{}` {why}", statement.name));
            }
            closed = closed.or((policy.default != Verdict::Next).then_some(name));
        }
    }
}

/// Why a statement makes no sense that way, if it does not.
fn misplaced(statement: &Statement, way: Direction) -> Option<&'static str> {
    let changes = &statement.changes;
    let for_export = matches!(changes.next_hop, Some(NextHopChange::Own | NextHopChange::Unchanged));
    match way {
        Direction::Import if for_export => Some("sets next_hop to self or unchanged, which is for export"),
        Direction::Export if changes.weight.is_some() => {
            Some("sets a weight, which is for import: it is never sent")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
