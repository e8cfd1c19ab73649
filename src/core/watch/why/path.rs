//! Best paths: what led to a change, and by what the best path is the best.

use bgp::rib::{Cause, Change, Path, Table};
use bgp::types::PeerId;

use crate::core::Core;
use crate::core::answer::{Describe, won_by};

impl Core {
    /// Why a destination has the best path that it has, or none.
    pub(in crate::core::watch) fn reason_of_path<N: Describe>(
        &self,
        table: &Table<N>,
        told: &Change<'_, N>,
    ) -> String {
        let cause = table.cause(told.version).and_then(|cause| self.cause_text(cause, told.best));
        let outcome = match told.best {
            Some(_) => Some(self.won_text(table, told)),
            None => told.destination.paths().next().map(|left| {
                format!("no path may be used: next hop {} is unreachable", left.attrs.next_hop.address())
            }),
        };
        cause.into_iter().chain(outcome).collect::<Vec<_>>().join("; ")
    }

    /// By what the best path is better than the one that comes closest.
    fn won_text<N: Describe>(&self, table: &Table<N>, told: &Change<'_, N>) -> String {
        if told.destination.paths().nth(1).is_none() {
            return "only path".to_owned();
        }
        let explained = table.explain(&self.rib.decision, told.nlri);
        let closest =
            explained.iter().filter_map(|entry| Some((entry.lost?, entry.path))).max_by_key(|(r, _)| *r);
        match closest {
            Some((reason, path)) => {
                format!("{}, next best is from {}", won_by(reason), self.name_of_source(path.source))
            }
            None => "only path".to_owned(),
        }
    }

    fn cause_text<N: Describe>(&self, cause: Cause, best: Option<&Path<N>>) -> Option<String> {
        let is_best = |peer: PeerId| best.is_some_and(|best| best.source == peer);
        Some(match cause {
            // The row says from whom it is.
            Cause::Announced(peer) if is_best(peer) => return None,
            Cause::Announced(peer) => format!("{} announced another path", self.name_of_source(peer)),
            Cause::Withdrawn(PeerId::LOCAL) => "this node originates it no longer".to_owned(),
            Cause::Withdrawn(peer) => format!("withdrawn by {}", self.name_of_source(peer)),
            Cause::Refused(peer) => {
                format!("what {} announced must not be used", self.name_of_source(peer))
            }
            Cause::Rejected(peer) => {
                format!("the import policy rejects what {} announced", self.name_of_source(peer))
            }
            Cause::Discarded(peer) if self.has_session(peer) => {
                format!("{} did not announce it again", self.name_of_source(peer))
            }
            Cause::Discarded(peer) => format!("the session with {} ended", self.name_of_source(peer)),
            Cause::Aged(peer) => format!("{} has been away for long", self.name_of_source(peer)),
            Cause::Reconsidered => "next hops or rules have changed".to_owned(),
        })
    }

    fn has_session(&self, peer: PeerId) -> bool {
        self.peers.get(peer).is_some_and(|peer| peer.session.is_some())
    }

    /// As rows name it, but for a neighbour that has gone meanwhile.
    fn name_of_source(&self, source: PeerId) -> String {
        let is_known = source == PeerId::LOCAL
            || self.peers.address(source).is_some()
            || self.peers.lent_to(source).is_some();
        if is_known { self.source_name(source) } else { "a neighbor that has gone".to_owned() }
    }
}
