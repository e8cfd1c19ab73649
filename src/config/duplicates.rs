//! Hosts that move too often: when they count as two, and what is done then.

use std::time::Duration;

use evpn::{DuplicateAction, DuplicateRules};
use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;
use super::fault::Path;

/// A day: longer times are none that anybody counts moves by or waits for.
const LONGEST: u32 = 86_400;

/// FRR takes as many.
const MOST_MOVES: u32 = 1000;

/// What becomes of a MAC or an address that moves too often (RFC 7432 section 15.1, RFC 9161 section 3.7).
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DuplicatesSection {
    /// So many moves to or from this node make a duplicate, 2 to 1000; 5 unless given.
    moves: Option<u32>,
    /// If they are within so many seconds of the first, 1 to 86400; 180 unless given. An address that two MACs claim without
    /// moving it is a duplicate after as many seconds.
    window: Option<u32>,
    /// What is done then.
    #[serde(default)]
    action: ActionWord,
    /// After so many seconds it counts as one host again, up to 86400; 0: not before it is cleared (`linnet evpn
    /// duplicates clear`). 180 unless given.
    recovery: Option<u32>,
}

/// What is done about a duplicate.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ActionWord {
    /// Moves are not counted.
    Ignore,
    /// It is logged and listed, and followed all the same.
    #[default]
    Warn,
    /// A MAC stays where it was before the last move: it is neither announced anew nor followed elsewhere.
    Freeze,
}

impl Checker {
    /// The rules that a section means.
    pub(super) fn duplicates(&mut self, at: &Path, section: DuplicatesSection) -> DuplicateRules {
        let usual = DuplicateRules::default();
        let mut seconds = |key: &str, value: Option<u32>, least: u32| {
            if value.is_some_and(|value| !(least..=LONGEST).contains(&value)) {
                self.find(at.key(key), format!("{least} to {LONGEST} seconds"));
            }
            value.map(|value| Duration::from_secs(value.into()))
        };
        let window = seconds("window", section.window, 1).unwrap_or(usual.window);
        let recovery = seconds("recovery", section.recovery, 0).or(usual.recovery);
        let moves = section.moves.unwrap_or(usual.moves);
        if !(2..=MOST_MOVES).contains(&moves) {
            self.find(at.key("moves"), format!("2 to {MOST_MOVES}: a host that moves once is none"));
        }
        let action = match section.action {
            ActionWord::Ignore => DuplicateAction::Ignore,
            ActionWord::Warn => DuplicateAction::Warn,
            ActionWord::Freeze => DuplicateAction::Freeze,
        };
        DuplicateRules { moves, window, action, recovery: recovery.filter(|time| !time.is_zero()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn read(duplicates: &str) -> Result<DuplicateRules, String> {
        let text = format!(
            "bgp: {{ asn: 65000, router_id: 10.0.0.1 }}\nevpn: {{ vtep: 10.0.0.1, advertise_all_vni: true{duplicates} }}\n"
        );
        let config = Config::parse("t", &text).map_err(|faults| faults.to_string())?;
        Ok(config.evpn.unwrap().duplicates)
    }

    #[test]
    fn usual_and_unusual_rules() {
        assert_eq!(read(""), Ok(DuplicateRules::default()));
        let rules = read(", duplicates: { moves: 3, window: 60, action: freeze, recovery: 0 }").unwrap();
        let (action, recovery) = (DuplicateAction::Freeze, None);
        assert_eq!(rules, DuplicateRules { moves: 3, window: Duration::from_secs(60), action, recovery });
        assert_eq!(read(", duplicates: { action: ignore }").unwrap().action, DuplicateAction::Ignore);
    }

    #[test]
    fn senseless_rules_are_refused() {
        for (keys, complaint) in [
            ("moves: 1", "evpn.duplicates.moves: 2 to 1000"),
            ("window: 0", "evpn.duplicates.window: 1 to 86400 seconds"),
            ("recovery: 100000", "evpn.duplicates.recovery: 0 to 86400 seconds"),
            ("action: drop", "expected one of `ignore`, `warn`, `freeze`"),
        ] {
            let faults = read(&format!(", duplicates: {{ {keys} }}")).unwrap_err();
            assert!(faults.contains(complaint), "{faults}");
        }
    }
}
