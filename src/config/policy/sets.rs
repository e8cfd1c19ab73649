//! Sets by name, and values that may be a set's name or stand for themselves.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::sync::Arc;

use bgp::policy::{AsPathSet, CommunityPattern, CommunitySet, PrefixRange, PrefixSet};

use super::super::value::Texts;
use super::file::PolicySection;
use crate::config::fault::{Finding, Path};

/// The sets of the section.
#[derive(Debug, Default)]
pub(super) struct Sets {
    prefixes: HashMap<String, Arc<PrefixSet>>,
    communities: HashMap<String, Arc<CommunitySet>>,
    as_paths: HashMap<String, Arc<AsPathSet>>,
}

/// What is found wrong on the way.
pub(super) type Findings = Vec<Finding>;

impl Sets {
    /// Reads the section's sets.
    pub(super) fn read(section: &PolicySection, findings: &mut Findings) -> Sets {
        let at = Path::from("policy");
        let mut sets = Sets::default();
        each(&at.key("prefix_sets"), &section.prefix_sets, findings, |at, name, entries, findings| {
            let ranges: Vec<PrefixRange> = parse_all(at, entries, findings);
            sets.prefixes.insert(name.to_owned(), Arc::new(PrefixSet::new(name, ranges)));
        });
        each(&at.key("community_sets"), &section.community_sets, findings, |at, name, entries, findings| {
            let patterns: Vec<CommunityPattern> = parse_all(at, entries, findings);
            sets.communities.insert(name.to_owned(), Arc::new(CommunitySet::new(name, patterns)));
        });
        each(&at.key("as_path_sets"), &section.as_path_sets, findings, |at, name, entries, findings| {
            match AsPathSet::new(name, entries) {
                Ok(set) => drop(sets.as_paths.insert(name.to_owned(), Arc::new(set))),
                Err((index, message)) => {
                    find(findings, at.index(index), message);
                    // Known all the same: one fault is enough.
                    sets.as_paths
                        .extend(AsPathSet::new(name, &[]).ok().map(|set| (name.to_owned(), Arc::new(set))));
                }
            }
        });
        sets
    }

    /// Prefix sets by name, and ranges that stand for themselves.
    pub(super) fn prefixes(&self, at: &Path, texts: &Texts, findings: &mut Findings) -> Vec<Arc<PrefixSet>> {
        values(at, texts, findings, |text| match self.prefixes.get(text) {
            Some(set) => Ok(set.clone()),
            None if !text.contains('/') => Err(format!("there is no set `{text}` in policy.prefix_sets")),
            None => text.parse().map(|range| Arc::new(PrefixSet::new(text, [range]))),
        })
    }

    /// Community sets by name, and communities that stand for themselves.
    pub(super) fn communities(
        &self,
        at: &Path,
        texts: &Texts,
        findings: &mut Findings,
    ) -> Vec<Arc<CommunitySet>> {
        values(at, texts, findings, |text| match (self.communities.get(text), text.parse()) {
            (Some(set), _) => Ok(set.clone()),
            (None, Ok(pattern)) => Ok(Arc::new(CommunitySet::new(text, [pattern]))),
            (None, Err(_)) if !text.contains(':') => Err(format!(
                "there is no set `{text}` in policy.community_sets, nor a community of that name"
            )),
            (None, Err(fault)) => Err(fault),
        })
    }

    /// AS path sets by name, and expressions that stand for themselves.
    pub(super) fn as_paths(&self, at: &Path, texts: &Texts, findings: &mut Findings) -> Vec<Arc<AsPathSet>> {
        values(at, texts, findings, |text| {
            if let Some(set) = self.as_paths.get(text) {
                return Ok(set.clone());
            }
            if text.bytes().all(|b| b.is_ascii_digit()) {
                let message = format!(
                    "`{text}` alone would match parts of other numbers too: `_{text}_` is a path through that AS, `origin:{text}` one that begins there"
                );
                return Err(message);
            }
            if is_name(text) {
                return Err(format!("there is no set `{text}` in policy.as_path_sets"));
            }
            AsPathSet::new(text, &[text.to_owned()]).map(Arc::new).map_err(|(_, message)| message)
        })
    }
}

/// Whether a text could only be a name. An expression has something else in it, be it an `_` at its end.
fn is_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    text.bytes().all(inner) && !text.starts_with('_') && !text.ends_with('_')
}

/// Reads each set of one kind; its name and whether it has anything in it are checked here.
fn each(
    at: &Path,
    sets: &BTreeMap<String, Vec<String>>,
    findings: &mut Findings,
    mut read: impl FnMut(&Path, &str, &[String], &mut Findings),
) {
    for (name, entries) in sets {
        let at = at.key(name);
        if !is_name(name) || name.is_empty() {
            let message = format!("`{name}` is no name for a set: letters, digits, - and _ within it");
            find(findings, at.clone(), message);
        }
        if entries.is_empty() {
            find(findings, at.clone(), "an empty set: nothing would ever be in it");
        }
        read(&at, name, entries, findings);
    }
}

/// Reads each entry of a list; those that cannot be read are found and left out.
fn parse_all<T: FromStr<Err = String>>(at: &Path, entries: &[String], findings: &mut Findings) -> Vec<T> {
    let parse = |(index, entry): (usize, &String)| match entry.parse() {
        Ok(value) => Some(value),
        Err(message) => {
            find(findings, at.index(index), message);
            None
        }
    };
    entries.iter().enumerate().filter_map(parse).collect()
}

/// Reads one value or each of several; those that cannot be read are found and left out.
pub(super) fn values<T>(
    at: &Path,
    texts: &Texts,
    findings: &mut Findings,
    read: impl Fn(&str) -> Result<T, String>,
) -> Vec<T> {
    if texts.list.is_empty() {
        find(findings, at.clone(), "an empty list: no route would match; leave the key out to match all");
    }
    let mut values = Vec::new();
    for (index, text) in texts.list.iter().enumerate() {
        match read(text) {
            Ok(value) => values.push(value),
            Err(message) => find(findings, texts.place(at, index), message),
        }
    }
    values
}

/// Notes a fault.
pub(super) fn find(findings: &mut Findings, path: Path, message: impl Into<String>) {
    findings.push(Finding { path, message: message.into() });
}
