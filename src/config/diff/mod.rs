//! What a new configuration changes in one that is in force.
//!
//! Neighbours (`neighbors`) and VNIs are compared one by one: those that come, those that go, and in the others the
//! keys that differ. What else the file says of this speaker (`speaker`) is in force at once as well, but for a few
//! keys that are read at the start only; these are named.

mod neighbors;
mod speaker;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use neighbors::compare;
pub use speaker::START_ONLY;

use super::{Config, NeighborAddress, NeighborConfig, RangeConfig};

/// What is to be done.
#[derive(Debug, Default)]
pub struct Diff {
    /// Neighbours, by address.
    pub neighbors: Vec<(NeighborAddress, NeighborStep)>,
    /// What concerns this speaker and is in force at once: lines to tell.
    pub speaker: Vec<Change>,
    /// Ranges that come, go, or are others: lines to tell.
    pub ranges: Vec<Change>,
    /// Keys that are in force only after the next start.
    pub restart: Vec<&'static str>,
    /// What is to be known of neighbours that go, by address.
    notes: BTreeMap<NeighborAddress, &'static str>,
}

/// What is to be done about one neighbour.
#[derive(Debug)]
pub enum NeighborStep {
    /// It is new.
    Add(Box<NeighborConfig>),
    /// It is no longer there.
    Remove,
    /// It is to be another.
    Change {
        /// All that is configured for it now.
        config: Box<NeighborConfig>,
        /// The keys that differ.
        keys: Vec<&'static str>,
        /// Its session cannot go on.
        resets: bool,
    },
}

/// One line of what a configuration changes, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it concerns, such as `neighbor 10.0.0.1` or `evpn`.
    pub subject: String,
    /// What happens to it.
    pub effect: Effect,
    /// The keys that differ, where something was there before.
    pub keys: Vec<&'static str>,
    /// What an operator should know before, in words; empty where the rest says it all.
    pub note: &'static str,
}

/// What happens to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It comes.
    Added,
    /// It goes.
    Removed,
    /// It changes where it stands.
    Changed,
    /// Its session ends and comes up anew.
    Reset,
    /// It stays as it is until the daemon is started anew.
    NeedsRestart,
}

impl Diff {
    /// What `wanted` changes in `running`.
    pub fn between(running: &Config, wanted: &Config) -> Diff {
        Diff {
            neighbors: neighbors::steps(&running.bgp.neighbors, &wanted.bgp.neighbors),
            speaker: speaker::changes(running, wanted),
            ranges: range_changes(&running.bgp.ranges, &wanted.bgp.ranges),
            restart: speaker::after_restart(running, wanted),
            notes: BTreeMap::new(),
        }
    }

    /// Has something said of those of these neighbours that go.
    pub fn note_removed(&mut self, of: &BTreeSet<NeighborAddress>, note: &'static str) {
        let removed = self.neighbors.iter().filter(|(_, step)| matches!(step, NeighborStep::Remove));
        let noted = removed.map(|(address, _)| *address).filter(|address| of.contains(address));
        self.notes = noted.map(|address| (address, note)).collect();
    }

    /// These neighbours with those that come, and without those that go.
    pub fn added_to(&self, before: &BTreeSet<NeighborAddress>) -> BTreeSet<NeighborAddress> {
        let mut all = before.clone();
        for (address, step) in &self.neighbors {
            match step {
                NeighborStep::Add(_) => drop(all.insert(*address)),
                NeighborStep::Remove => drop(all.remove(address)),
                NeighborStep::Change { .. } => {}
            }
        }
        all
    }

    /// Line by line.
    pub fn changes(&self) -> Vec<Change> {
        let note = |address| self.notes.get(address).copied().unwrap_or_default();
        let neighbors =
            self.neighbors.iter().map(|(address, step)| step.change(*address).costing(note(address)));
        let restart = self.restart.iter().map(|key| Change::new(*key, Effect::NeedsRestart));
        let ours = self.ranges.iter().chain(&self.speaker).cloned();
        neighbors.chain(ours).chain(restart).collect()
    }
}

impl Change {
    fn new(subject: impl Into<String>, effect: Effect) -> Change {
        Change { subject: subject.into(), effect, keys: Vec::new(), note: "" }
    }

    fn costing(self, note: &'static str) -> Change {
        Change { note, ..self }
    }
}

impl NeighborStep {
    fn change(&self, address: NeighborAddress) -> Change {
        let (effect, keys) = match self {
            NeighborStep::Add(_) => (Effect::Added, Vec::new()),
            NeighborStep::Remove => (Effect::Removed, Vec::new()),
            NeighborStep::Change { keys, resets: true, .. } => (Effect::Reset, keys.clone()),
            NeighborStep::Change { keys, .. } => (Effect::Changed, keys.clone()),
        };
        Change { keys, ..Change::new(format!("neighbor {address}"), effect) }
    }
}

fn range_changes(running: &[RangeConfig], wanted: &[RangeConfig]) -> Vec<Change> {
    let find = |list: &'_ [RangeConfig], range| list.iter().position(|other| other.range == range);
    let line = |range: &RangeConfig, effect, keys| Change {
        keys,
        ..Change::new(format!("dynamic range {}", range.range), effect)
    };
    let gone = running.iter().filter(|range| find(wanted, range.range).is_none());
    let come = wanted.iter().filter_map(|new| {
        let Some(old) = find(running, new.range).and_then(|place| running.get(place)) else {
            return Some(line(new, Effect::Added, Vec::new()));
        };
        let (mut keys, _) = compare(&old.neighbor, &new.neighbor);
        keys.extend((old.limit != new.limit).then_some("limit"));
        (!keys.is_empty()).then(|| line(new, Effect::Changed, keys))
    });
    come.chain(gone.map(|old| line(old, Effect::Removed, Vec::new()))).collect()
}

/// `neighbor 10.0.0.1 is reset: families, passive`; what it costs stands in brackets behind.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = match self.effect {
            Effect::Added => "is added",
            Effect::Removed => "is removed",
            Effect::Changed => "is changed",
            Effect::Reset => "is reset",
            Effect::NeedsRestart => "is in force after the next start of linnetd only",
        };
        write!(f, "{} {effect}", self.subject)?;
        if !self.keys.is_empty() {
            write!(f, ": {}", self.keys.join(", "))?;
        }
        if self.note.is_empty() { Ok(()) } else { write!(f, " ({})", self.note) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(neighbors: &str, rest: &str) -> Config {
        let text = format!("bgp:\n  asn: 65000\n  router_id: 10.0.0.1\n{rest}  neighbors: [{neighbors}]\n");
        Config::parse("t.yaml", &text).unwrap_or_else(|faults| panic!("{faults}"))
    }

    fn changes(old: &Config, new: &Config) -> Vec<String> {
        Diff::between(old, new).changes().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_what_differs_is_named() {
        let a = "{ address: 10.0.1.1, remote_as: 65000, description: a }";
        let b = "{ address: 10.0.1.2, remote_as: 65000 }";
        let running = config(&format!("{a}, {b}"), "");
        assert_eq!(changes(&running, &running), [] as [&str; 0]);
        let wanted = config(
            &format!(
                "{}, {}, {b}",
                "{ address: 10.0.1.3, remote_as: 65000 }",
                "{ address: 10.0.1.1, remote_as: 65000, description: b, hold_time: 9 }"
            ),
            "",
        );
        let expected = ["neighbor 10.0.1.1 is changed: description, hold_time", "neighbor 10.0.1.3 is added"];
        assert_eq!(changes(&running, &wanted), expected);
    }

    #[test]
    fn what_a_session_rests_on_resets_it() {
        let running =
            config("{ address: 10.0.1.1, remote_as: 65000 }, { address: 10.0.1.2, remote_as: 65000 }", "");
        let wanted =
            config("{ address: 10.0.1.1, remote_as: 65001, hold_time: 9, families: [l2vpn-evpn] }", "");
        assert_eq!(
            changes(&running, &wanted),
            ["neighbor 10.0.1.1 is reset: hold_time, remote_as, families", "neighbor 10.0.1.2 is removed",]
        );
    }

    #[test]
    fn a_session_goes_on_with_another_key() {
        let with = |key: &str| config(&format!("{{ address: 10.0.1.1, remote_as: 65000{key} }}"), "");
        let (none, old, new) = (with(""), with(", password: old"), with(", password: new"));
        for (from, to) in [(&none, &old), (&old, &new), (&new, &none)] {
            assert_eq!(changes(from, to), ["neighbor 10.0.1.1 is changed: password, tcp_ao"]);
        }
    }

    #[test]
    fn what_needs_a_restart_is_said() {
        let running = config("", "");
        let wanted = config("", "  next_hop_tracking: true\n");
        assert_eq!(
            changes(&running, &wanted),
            ["bgp.next_hop_tracking is in force after the next start of linnetd only"]
        );
    }
}
