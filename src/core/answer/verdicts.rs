//! What policies and the rules of export say of a destination: which paths are not let in, and who is told of the best
//! one.

use api::v1;
use bgp::rib::{Path, Table};
use bgp::types::{PathId, PeerId};

use crate::core::Core;

use super::describe::{Describe, path_row};

/// Neighbours that are spoken of in one answer: each has its policy asked, and a turn of core must end.
const TELLINGS: usize = 1024;

/// How many more neighbours may be spoken of.
pub(super) struct Allowance(usize);

impl Default for Allowance {
    fn default() -> Self {
        Allowance(TELLINGS)
    }
}

impl Allowance {
    fn take_one(&mut self) -> bool {
        let may = self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        may
    }
}

impl Core {
    /// The paths that neighbours sent and that are not let in: their import policies reject them, or nothing by such a
    /// path may be used at all.
    pub(super) fn rejected<N: Describe>(&self, now: u32, table: &Table<N>, key: N) -> Vec<v1::Path> {
        let mut rows = self.rejected_by_policy(now, key);
        rows.extend(self.refused(now, table, key));
        rows
    }

    /// What was refused of late, each neighbour's newest word, unless it has sent a good one since.
    fn refused<N: Describe>(&self, now: u32, table: &Table<N>, key: N) -> Vec<v1::Path> {
        let paths = || table.get(key).into_iter().flat_map(|(_, destination)| destination.paths());
        let mut told: Vec<PeerId> = paths().map(|path| path.source).collect();
        let mut rows = Vec::new();
        for refusal in self.rib.refusals() {
            let Some(route) = N::listed(&refusal.routes).iter().find(|route| route.nlri == key) else {
                continue;
            };
            if told.contains(&refusal.peer) {
                continue;
            }
            told.push(refusal.peer);
            rows.push(v1::Path {
                neighbor: self.source_name(refusal.peer),
                reason: format!("refused: {}", refusal.reason),
                age_seconds: now.saturating_sub(refusal.learned).into(),
                ..path_row(&key, &route.body, &refusal.attrs)
            });
        }
        rows
    }

    fn rejected_by_policy<N: Describe>(&self, now: u32, key: N) -> Vec<v1::Path> {
        let held =
            self.peers.iter().filter_map(|peer| Some((peer.id, key.held(&self.rib, peer.id, PathId(0))?)));
        let rows = held.map(|(peer, held)| self.received_row(now, peer, held));
        rows.filter(|row| !row.valid).map(|row| v1::Path { reason: REJECTED.to_owned(), ..row }).collect()
    }

    /// Which statement let a path in, where that can be told.
    pub(super) fn let_in_by<N: Describe>(&self, key: N, path: &Path<N>) -> String {
        let held = key.held(&self.rib, path.source, path.path_id);
        let outcome = held.and_then(|held| self.rib.import_outcome(path.source, held));
        outcome.map(|(_, decider)| decider.to_string()).unwrap_or_default()
    }

    /// Who is told of the best path of a destination.
    pub(super) fn tellings<N: Describe>(
        &self,
        table: &Table<N>,
        key: N,
        allowance: &mut Allowance,
    ) -> Vec<v1::Telling> {
        let Some(best) = table.get(key).and_then(|(_, destination)| destination.best()) else {
            return Vec::new();
        };
        let telling = |peer| {
            let verdict = key.verdict(&self.export, &self.rib, peer, best)?;
            Some(v1::Telling {
                neighbor: self.source_name(peer),
                told: verdict.withheld.is_none(),
                reason: verdict.withheld.map(|withheld| withheld.to_string()).unwrap_or_default(),
                policy_statement: verdict.decider.map(|decider| decider.to_string()).unwrap_or_default(),
            })
        };
        let up = self.peers.iter().filter(|peer| peer.session.is_some());
        up.take_while(|_| allowance.take_one()).filter_map(|peer| telling(peer.id)).collect()
    }
}

const REJECTED: &str = "rejected by the import policy";

#[cfg(test)]
mod tests {
    use api::Query;
    use api::query::Answer;
    use bgp::wire::{Attrs, NextHop, Nlris, Route};

    use super::*;
    use crate::core::testing::Node;

    /// The explanation of a prefix that the first of these neighbours announced.
    fn explained(policies: &str, prefix: &str, neighbors: &[&str]) -> v1::Explanation {
        let neighbors: Vec<String> =
            (1..).zip(neighbors).map(|(n, keys)| format!("{{ address: 10.0.1.{n}, {keys} }}")).collect();
        let text = format!(
            "bgp: {{ asn: 65000, router_id: 10.0.0.1, neighbors: [{}] }}\npolicy: {policies}\n",
            neighbors.join(", ")
        );
        let mut node = Node::configured(&text, false);
        (0..neighbors.len() as u32).for_each(|peer| node.up(peer));
        let route = Route { nlri: prefix.parse().unwrap(), path_id: PathId(0), body: () };
        node.tell_routes(0, Nlris::Ipv4(vec![route]), Some(Attrs::new(NextHop::Ipv4([10, 0, 1, 1].into()))));
        let answer = node.ask(Query::Explain(v1::ExplainRequest { key: prefix.to_owned() }));
        let Ok(Answer::Explain(response)) = answer else { panic!("{answer:?}") };
        response.explanations.into_iter().next().unwrap()
    }

    #[test]
    fn a_path_that_is_not_let_in_names_the_statement() {
        let policies = "{ policies: [{ name: in, statements: [{ name: no-tests, match: { prefixes: 192.0.2.0/24 }, \
                        action: reject }], default: accept }] }";
        let neighbor = "remote_as: 65000, families: [ipv4-unicast], import_policy: in, keep_adj_in: true";
        let refused = explained(policies, "192.0.2.0/24", &[neighbor]);
        assert_eq!(refused.outcome, "not used: no path was let in");
        let [path] = &refused.rejected[..] else { panic!("{refused:?}") };
        assert_eq!((&*path.neighbor, &*path.policy_statement), ("10.0.1.1", "in/no-tests"));
        let taken = explained(policies, "198.51.100.0/24", &[neighbor]);
        assert_eq!((taken.rejected.len(), &*taken.paths[0].policy_statement), (0, "in/default"));
    }

    #[test]
    fn who_is_told_and_why_others_are_not() {
        let policies = "{ policies: [{ name: out, statements: [{ name: pods, match: { prefixes: 10.244.0.0/16 }, \
                        action: accept }], default: reject }, { name: none, default: reject }] }";
        let client = "remote_as: 65000, families: [ipv4-unicast], route_reflector_client: true";
        let explanation = explained(
            policies,
            "10.244.0.0/16",
            &[
                client,
                client,
                "remote_as: 65000, families: [ipv4-unicast], export_policy: out",
                "remote_as: 65000, families: [ipv4-unicast], export_policy: none",
            ],
        );
        let said: Vec<_> = explanation
            .tellings
            .iter()
            .map(|telling| (telling.told, telling.reason.as_str(), telling.policy_statement.as_str()))
            .collect();
        assert_eq!(
            said,
            [
                (false, "it came from this neighbor", ""),
                (true, "", ""),
                (true, "", "out/pods"),
                (false, "the export policy rejects it", "none/default"),
            ]
        );
    }
}
