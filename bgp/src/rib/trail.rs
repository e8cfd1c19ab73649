//! What led to the newest changes of a table: kept only while somebody asks, and not for long.
//!
//! A destination does not know why it changed: that would cost memory for every route. While somebody watches, the
//! causes of the last changes stand here by version, a few octets each.

use std::collections::VecDeque;

use super::version::Version;
use crate::types::PeerId;

/// How many changes are known: what a watcher that keeps up has not been told of yet is far less.
const KEPT: usize = 1 << 16;

/// What led to a change of a best path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// This source gave a path, or another one than before.
    Announced(PeerId),
    /// This source withdrew its path.
    Withdrawn(PeerId),
    /// What this source gave must not be used, see [`Rejected`](super::Rejected), and counts as withdrawn.
    Refused(PeerId),
    /// An import policy rejects what this source gave.
    Rejected(PeerId),
    /// This source was lost, or had not given its path again in time.
    Discarded(PeerId),
    /// This source has been away for long (RFC 9494).
    Aged(PeerId),
    /// What the decision depends on is otherwise: a next hop, a source, the rules.
    Reconsidered,
}

/// The causes of the last changes, those of neighbouring versions side by side.
#[derive(Debug, Default)]
pub(super) struct Trail {
    causes: VecDeque<Cause>,
    /// The version of the last one.
    last: Version,
}

impl Trail {
    /// The table is at `version`, because of this.
    pub(super) fn add(&mut self, Version(version): Version, cause: Cause) {
        if version != self.last.0 + 1 {
            self.causes.clear();
        }
        if self.causes.len() == KEPT {
            self.causes.pop_front();
        }
        self.causes.push_back(cause);
        self.last = Version(version);
    }

    /// Why there is this version, if that is still known.
    pub(super) fn find(&self, Version(version): Version) -> Option<Cause> {
        let back = usize::try_from(self.last.0.checked_sub(version)?).ok()?;
        let place = self.causes.len().checked_sub(back + 1)?;
        self.causes.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{attrs, decision, key, route};
    use super::super::{Budget, Table};
    use super::*;
    use ipnet::Ipv4Net;
    use std::sync::Arc;

    #[test]
    fn the_last_changes_are_known() {
        let mut trail = Trail::default();
        for version in 1..=KEPT as u64 + 2 {
            trail.add(Version(version), Cause::Announced(PeerId(version as u32)));
        }
        assert_eq!((trail.find(Version(2)), trail.find(Version(KEPT as u64 + 3))), (None, None));
        for version in [3, 1000, KEPT as u64 + 2] {
            assert_eq!(trail.find(Version(version)), Some(Cause::Announced(PeerId(version as u32))));
        }
        trail.add(Version(1 << 40), Cause::Reconsidered);
        assert_eq!(trail.find(Version(1000)), None, "what lies between is not known");
        assert_eq!(trail.find(Version(1 << 40)), Some(Cause::Reconsidered));
    }

    #[test]
    fn a_table_knows_why_while_somebody_asks() {
        let (decision, [one, two]) = (decision(2), [PeerId(0), PeerId(1)]);
        let mut table = Table::<Ipv4Net>::new(1);
        let announce = |table: &mut Table<Ipv4Net>, peer, path: &[u32]| {
            table.announce(&decision, peer, 0, &Arc::new(attrs(path)), &[route(0)]);
            table.cause(table.head())
        };
        assert_eq!(announce(&mut table, one, &[1, 2, 3]), None);
        table.keep_causes(true);
        assert_eq!(table.cause(table.head()), None, "what was before is not known");
        assert_eq!(announce(&mut table, two, &[1, 2]), Some(Cause::Announced(two)));
        table.withdraw(&decision, two, &[route(0)]);
        assert_eq!(table.cause(table.head()), Some(Cause::Withdrawn(two)));
        table.mark_stale(one);
        table.discard_stale(one);
        while table.sweep(&decision, &mut Budget::new(9)) {}
        assert!(table.get(key(0)).is_none_or(|(_, destination)| destination.best().is_none()));
        assert_eq!(table.cause(table.head()), Some(Cause::Discarded(one)));
        table.keep_causes(false);
        assert_eq!(table.cause(table.head()), None);
    }
}
