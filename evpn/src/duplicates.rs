//! Hosts that move too often: two hosts with one MAC, or one address that two MACs have.
//!
//! RFC 7432 section 15.1 counts the moves of a MAC to and from this node, RFC 9161 section 3.7 those of an address from
//! one MAC to another: so many within so long are no host that travels. What follows is the operator's choice. A MAC
//! may be frozen where it is, an address never: whose it is stands in the dataplane's own neighbour table, too, which
//! nobody can keep from learning.
//!
//! What was found stays known until it has recovered or is cleared; from then on moves are counted anew. Addresses that two
//! MACs claim without moving are another matter (`contest`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::ops::Bound;
use std::str::FromStr;
use std::time::{Duration, Instant};

use bgp::types::{Mac, ParseError, Vni};
use hashbrown::HashMap;

use crate::rows::Place;

/// When a host counts as two, and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuplicateRules {
    /// So many moves make a duplicate (RFC 7432 section 15.1, N).
    pub moves: u32,
    /// If they are within this time of the first of them (RFC 7432 section 15.1, M). Besides: for so long two MACs must
    /// claim one address until it is a duplicate though it does not move.
    pub window: Duration,
    /// What is done then.
    pub action: DuplicateAction,
    /// After this time it counts as one host again; `None`: not before it is cleared.
    pub recovery: Option<Duration>,
}

/// What is done about a duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuplicateAction {
    /// Nothing: moves are not even counted.
    Ignore,
    /// It is named, and followed all the same.
    Warn,
    /// A MAC stays where it was: neither is a route of ours announced anew nor one of others' followed.
    Freeze,
}

/// Whatever can be a duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suspect {
    /// A MAC that several hosts have.
    Mac(Mac),
    /// An address that several MACs have.
    Ip(IpAddr),
}

/// The other one of the two hosts, as far as the last move tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rival {
    /// Of a MAC: where it came from; where it is frozen, where it would have gone.
    Place(Place),
    /// Of an address: the MAC that had it.
    Mac(Mac),
}

/// When which duplicates of which VNI recover. One that is gone by then is passed over.
pub(crate) type Recoveries = BTreeSet<(Instant, Vni, Suspect)>;

/// What has moved lately, and what was found to be a duplicate. Hosts that stay where they are take no memory.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    recent: HashMap<Suspect, Recent>,
    found: BTreeMap<Suspect, Duplicate>,
    prune_at: usize,
}

#[derive(Debug)]
struct Recent {
    since: Instant,
    count: u32,
}

/// What is known of a duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Duplicate {
    pub(crate) found: Instant,
    pub(crate) recovers: Option<Instant>,
    /// So far, those that followed its being found included.
    pub(crate) moves: u32,
    pub(crate) rival: Rival,
}

impl Default for DuplicateRules {
    fn default() -> Self {
        DuplicateRules {
            moves: 5,
            window: Duration::from_secs(180),
            action: DuplicateAction::Warn,
            recovery: Some(Duration::from_secs(180)),
        }
    }
}

impl fmt::Display for Suspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Suspect::Mac(mac) => mac.fmt(f),
            Suspect::Ip(ip) => ip.fmt(f),
        }
    }
}

/// Reads a MAC or an address.
impl FromStr for Suspect {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let mac = s.parse().map(Suspect::Mac).ok();
        let either = mac.or_else(|| s.parse().map(Suspect::Ip).ok());
        either.ok_or(ParseError { expected: "a MAC such as 02:00:00:00:00:50, or an IP address" })
    }
}

impl Moves {
    /// Counts a move; the duplicate that this one makes of the suspect, if it does.
    pub(crate) fn count(
        &mut self,
        now: Instant,
        rules: DuplicateRules,
        suspect: Suspect,
        rival: Rival,
    ) -> Option<Duplicate> {
        if rules.action == DuplicateAction::Ignore {
            return None;
        }
        if let Some(known) = self.found.get_mut(&suspect) {
            (known.moves, known.rival) = (known.moves.saturating_add(1), rival);
            return None;
        }
        self.prune(now, rules.window);
        let recent = self.recent.entry(suspect).or_insert(Recent { since: now, count: 0 });
        if is_over(now, recent.since, rules.window) {
            *recent = Recent { since: now, count: 0 };
        }
        recent.count = recent.count.saturating_add(1);
        let moves = recent.count;
        if moves < rules.moves {
            return None;
        }
        self.recent.remove(&suspect);
        let duplicate = Duplicate { found: now, recovers: recovery(now, rules), moves, rival };
        self.found.insert(suspect, duplicate);
        Some(duplicate)
    }

    pub(crate) fn is_duplicate(&self, suspect: Suspect) -> bool {
        self.found.contains_key(&suspect)
    }

    /// Forgets all moves of a suspect; whether it was a duplicate.
    pub(crate) fn forget(&mut self, suspect: Suspect) -> bool {
        self.recent.remove(&suspect);
        self.found.remove(&suspect).is_some()
    }

    /// The duplicates behind one, in order.
    pub(crate) fn duplicates(
        &self,
        after: Option<Suspect>,
    ) -> impl Iterator<Item = (Suspect, Duplicate)> + '_ {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.found.range((from, Bound::Unbounded)).map(|(suspect, duplicate)| (*suspect, *duplicate))
    }

    /// What is known of a suspect, if it is a duplicate.
    pub(crate) fn duplicate(&self, suspect: Suspect) -> Option<Duplicate> {
        self.found.get(&suspect).copied()
    }

    /// Whether a duplicate was to recover at this moment.
    pub(crate) fn recovers_at(&self, suspect: Suspect, at: Instant) -> bool {
        self.found.get(&suspect).is_some_and(|duplicate| duplicate.recovers == Some(at))
    }

    /// Lets duplicates recover when these rules say so; when that is.
    pub(crate) fn reschedule(&mut self, rules: DuplicateRules) -> Vec<(Instant, Suspect)> {
        let due = self.found.iter_mut().filter_map(|(suspect, duplicate)| {
            duplicate.recovers = recovery(duplicate.found, rules);
            Some((duplicate.recovers?, *suspect))
        });
        due.collect()
    }

    /// Drops what is over, each time the table has doubled: amortised over the moves that filled it.
    fn prune(&mut self, now: Instant, window: Duration) {
        if self.recent.len() >= self.prune_at {
            self.recent.retain(|_, recent| !is_over(now, recent.since, window));
            self.prune_at = 64.max(2 * self.recent.len());
        }
    }
}

fn recovery(found: Instant, rules: DuplicateRules) -> Option<Instant> {
    found.checked_add(rules.recovery?)
}

fn is_over(now: Instant, since: Instant, window: Duration) -> bool {
    now.saturating_duration_since(since) >= window
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: DuplicateRules = DuplicateRules {
        moves: 5,
        window: Duration::from_secs(180),
        action: DuplicateAction::Warn,
        recovery: Some(Duration::from_secs(60)),
    };
    const HERE: Rival = Rival::Place(Place::Local);

    fn host(n: u32) -> Suspect {
        let [_, _, c, d] = n.to_be_bytes();
        Suspect::Mac(Mac([2, 0, 0, 0, c, d]))
    }

    /// RFC 7432 section 15.1: N moves within M seconds.
    #[test]
    fn five_moves_in_three_minutes() {
        let (start, mut moves) = (Instant::now(), Moves::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        let found: Vec<_> = (0..6).map(|i| moves.count(at(i), RULES, host(1), HERE).is_some()).collect();
        assert_eq!(found, [false, false, false, false, true, false]);
        let (_, duplicate) = moves.duplicates(None).next().unwrap();
        assert_eq!((duplicate.moves, duplicate.recovers), (6, Some(at(4 + 60))));
        assert!(moves.recovers_at(host(1), at(64)) && moves.forget(host(1)) && !moves.forget(host(1)));
        assert_eq!(moves.count(at(7), RULES, host(1), HERE), None, "it is counted anew");
    }

    #[test]
    fn four_moves_and_a_fifth_after_the_window() {
        let (start, mut moves) = (Instant::now(), Moves::default());
        (0..4).for_each(|_| assert_eq!(moves.count(start, RULES, host(1), HERE), None));
        assert_eq!(moves.count(start + RULES.window, RULES, host(1), HERE), None);
        assert!(!moves.is_duplicate(host(1)));
    }

    #[test]
    fn nobody_is_a_duplicate_where_nobody_is_to_be() {
        let rules = DuplicateRules { action: DuplicateAction::Ignore, ..RULES };
        let mut moves = Moves::default();
        (0..9).for_each(|_| assert_eq!(moves.count(Instant::now(), rules, host(1), HERE), None));
    }

    #[test]
    fn slow_moves_are_forgotten() {
        let start = Instant::now();
        let mut moves = Moves::default();
        for i in 0..10_000 {
            moves.count(start + Duration::from_secs(i.into()), RULES, host(i), HERE);
        }
        assert!(moves.recent.len() < 600, "{}", moves.recent.len());
    }
}
