//! From what is written to what is meant, with every fault.

use std::collections::HashSet;

use bgp::policy::{Policy, Statement, Verdict};
use bgp::types::Asn;

use super::Policies;
use super::changes::{changes, check_next_hop};
use super::conditions::conditions;
use super::file::{ActionWord, DefaultWord, PolicyEntry, PolicySection, StatementEntry};
use super::sets::{Findings, Sets, find};
use crate::config::fault::{Finding, Path};

/// Statements of one policy. More is no policy to read any more, and places in a chain are counted in 16 bits.
const MAX_STATEMENTS: usize = 1000;

/// Reads the section; `asn` is this speaker's.
pub(in crate::config) fn check(section: &PolicySection, asn: Asn, findings: &mut Vec<Finding>) -> Policies {
    let sets = Sets::read(section, findings);
    let mut policies = Policies::default();
    let mut names = HashSet::new();
    for (index, entry) in section.policies.iter().enumerate() {
        let at = Path::from("policy").key("policies").index(index);
        name(&at, &entry.name, "policy", &mut names, findings);
        policies.add(policy(&at, entry, asn, &sets, findings));
    }
    policies
}

fn policy(at: &Path, entry: &PolicyEntry, asn: Asn, sets: &Sets, findings: &mut Findings) -> Policy {
    let at = at.key("statements");
    let (mut names, mut statements) = (HashSet::new(), Vec::new());
    if entry.statements.len() > MAX_STATEMENTS {
        find(
            findings,
            at.clone(),
            format!("at most {MAX_STATEMENTS} statements; prefixes belong into a set"),
        );
    }
    let mut closed: Option<&str> = None;
    for (index, entry) in entry.statements.iter().enumerate() {
        let at = at.index(index);
        name(&at, &entry.name, "statement", &mut names, findings);
        if let Some(before) = closed {
            find(findings, at.clone(), format!("is never asked: `{before}` before it decides every route"));
        }
        let statement = statement(&at, entry, asn, sets, findings);
        let always = statement.of_attrs.is_empty() && statement.of_route.is_empty();
        closed = closed.or((always && statement.verdict != Verdict::Next).then_some(&entry.name));
        statements.push(statement);
    }
    Policy { name: entry.name.as_str().into(), statements, default: default(entry.default) }
}

fn statement(at: &Path, entry: &StatementEntry, asn: Asn, sets: &Sets, findings: &mut Findings) -> Statement {
    let conditions = conditions(&at.key("match"), &entry.matches, sets, findings);
    let changes = changes(&at.key("set"), &entry.set, asn, sets, findings);
    check_next_hop(&at.key("set"), &entry.matches, &changes, findings);
    let verdict = verdict(entry.action);
    if verdict == Verdict::Reject && !changes.is_empty() {
        find(findings, at.key("set"), "changes nothing: the route is rejected");
    }
    Statement {
        name: entry.name.as_str().into(),
        of_attrs: conditions.of_attrs,
        of_route: conditions.of_route,
        changes,
        verdict,
    }
}

/// Checks a name: what it is shown by must say which is meant.
fn name<'n>(at: &Path, name: &'n str, what: &str, taken: &mut HashSet<&'n str>, findings: &mut Findings) {
    let right = !name.is_empty() && !name.contains(['/', ',']) && !name.contains(char::is_whitespace);
    if !right {
        find(
            findings,
            at.key("name"),
            format!("`{name}` is no name for a {what}: no spaces, commas or slashes"),
        );
    }
    if name == "default" {
        find(findings, at.key("name"), "`default` is what stands behind the statements");
    }
    if !taken.insert(name) {
        find(findings, at.key("name"), format!("there is a {what} `{name}` already"));
    }
}

fn verdict(word: ActionWord) -> Verdict {
    match word {
        ActionWord::Accept => Verdict::Accept,
        ActionWord::Reject => Verdict::Reject,
        ActionWord::Next => Verdict::Next,
    }
}

fn default(word: DefaultWord) -> Verdict {
    match word {
        DefaultWord::Accept => Verdict::Accept,
        DefaultWord::Reject => Verdict::Reject,
        DefaultWord::Next => Verdict::Next,
    }
}
