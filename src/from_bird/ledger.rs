//! The account: what became of each statement.
//!
//! Every statement that is read is entered; whoever understands it says what became of it. In the end those of which
//! nobody said anything are named as unknown, so that no statement can be lost in silence.

use super::place::{Names, Place};

/// A statement, by its place in the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(usize);

/// What became of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is in the configuration.
    Carried,
    /// linnet does without it, for this reason.
    Needless(String),
    /// It has no counterpart: what it did, and what to do instead.
    Dropped(String),
    /// It is in a statement that was dropped or is needless, and shares its fate.
    WithParent,
}

/// A statement in the account.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    /// The statement in a line; passwords are covered.
    pub(super) text: String,
    parent: Option<Id>,
    fate: Option<Fate>,
}

/// The account.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: Vec<Entry>,
}

/// A longer statement is cut where it is shown.
const SHOWN: usize = 60;

/// Tokens in a line, spaced as people do it.
pub(super) fn line(tokens: impl Iterator<Item = String>) -> String {
    let mut line = String::new();
    for token in tokens {
        let tight = matches!(token.as_str(), "," | ")" | "]" | "." | ":" | ";")
            || line.is_empty()
            || line.ends_with(['(', '[', '.', ':']);
        if !tight {
            line.push(' ');
        }
        line.extend(token.chars().map(|letter| if letter.is_control() { '?' } else { letter }));
        if line.len() > 4 * SHOWN {
            break;
        }
    }
    if line.chars().count() > SHOWN {
        line = line.chars().take(SHOWN).collect::<String>() + "...";
    }
    line
}

impl Ledger {
    /// Enters a statement, in its parent's block.
    pub(super) fn enter(&mut self, place: Place, parent: Option<Id>) -> Id {
        self.entries.push(Entry { place, text: String::new(), parent, fate: None });
        Id(self.entries.len() - 1)
    }

    /// Says how it is shown.
    pub(super) fn describe(&mut self, id: Id, text: String) {
        if let Some(entry) = self.entries.get_mut(id.0) {
            entry.text = text;
        }
    }

    /// Says what became of it. A statement that is used several times has the worst of its fates.
    pub(super) fn settle(&mut self, id: Id, fate: Fate) {
        let Some(entry) = self.entries.get_mut(id.0) else { return };
        let rank = |fate: &Fate| match fate {
            Fate::WithParent | Fate::Needless(_) => 0,
            Fate::Carried => 1,
            Fate::Dropped(_) => 2,
        };
        if entry.fate.as_ref().is_none_or(|old| rank(old) < rank(&fate)) {
            entry.fate = Some(fate);
        }
    }

    pub(super) fn carried(&mut self, id: Id) {
        self.settle(id, Fate::Carried);
    }

    pub(super) fn needless(&mut self, id: Id, why: impl Into<String>) {
        self.settle(id, Fate::Needless(why.into()));
    }

    pub(super) fn dropped(&mut self, id: Id, instead: impl Into<String>) {
        self.settle(id, Fate::Dropped(instead.into()));
    }

    /// Says that it is needless after all, unless it was dropped.
    pub(super) fn unless_dropped(&mut self, id: Id, why: &str) {
        if let Some(entry) = self.entries.get_mut(id.0).filter(|entry| entry.fate == Some(Fate::Carried)) {
            entry.fate = Some(Fate::Needless(why.to_owned()));
        }
    }

    pub(super) fn get(&self, id: Id) -> Option<&Entry> {
        self.entries.get(id.0)
    }

    /// Whether nothing has been said of it.
    pub(super) fn is_open(&self, id: Id) -> bool {
        self.get(id).is_some_and(|entry| entry.fate.is_none())
    }

    pub(super) fn is_carried(&self, id: Id) -> bool {
        self.get(id).is_some_and(|entry| entry.fate == Some(Fate::Carried))
    }

    /// How a statement is shown beside what came of it.
    pub(super) fn comment(&self, id: Id, names: &Names) -> String {
        self.get(id).map(|entry| format!("{} {}", names.line(entry.place), entry.text)).unwrap_or_default()
    }

    /// Says of each statement of which nothing was said what its parent's fate makes of it.
    pub(super) fn close(&mut self) {
        for index in 0..self.entries.len() {
            let Some(entry) = self.entries.get(index) else { continue };
            if entry.fate.is_some() {
                continue;
            }
            let parent =
                entry.parent.and_then(|parent| self.get(parent)).and_then(|parent| parent.fate.clone());
            let fate = match parent {
                None | Some(Fate::Carried) => Fate::Dropped("is nothing that this conversion knows; see what it did, and docs/migrating-from-bird.md for what linnet has like it".to_string()),
                Some(Fate::Needless(_) | Fate::Dropped(_) | Fate::WithParent) => Fate::WithParent,
            };
            if let Some(entry) = self.entries.get_mut(index) {
                entry.fate = Some(fate);
            }
        }
    }

    /// Every statement and what became of it, in the order of the files.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&Entry, &Fate)> {
        self.entries.iter().filter_map(|entry| Some((entry, entry.fate.as_ref()?)))
    }
}
