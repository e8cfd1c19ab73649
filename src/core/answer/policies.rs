//! Policies: what they ask and do, who has them, and what they decided.

use std::collections::HashMap;

use api::query::page_size;
use api::v1;
use bgp::policy::{Chain, Decider, Hits, Policy, Statement, Verdict};

use crate::core::Core;
use crate::core::peer::Peer;

use super::{Answered, parse_token, token};

/// What stands in a statement's place where no statement decided. No statement can have the name.
const DEFAULT: &str = "default";

/// How many routes came to each place, by policy and statement.
type Counts<'a> = HashMap<(&'a str, &'a str), u64>;

impl Core {
    pub(super) fn list_policies(
        &self,
        query: &v1::ListPoliciesRequest,
    ) -> Answered<v1::ListPoliciesResponse> {
        let [from] = parse_token(&query.page_token)?;
        let size = page_size(query.page_size);
        let all = &self.config.bgp.policies;
        let asked = all.iter().filter(|policy| query.name.is_empty() || *policy.name == *query.name);
        let policies = asked.skip(from as usize).take(size).map(|policy| self.policy_row(policy)).collect();
        let next = from as usize + size;
        let next_page_token = if next < all.len() { token([next as u32]) } else { String::new() };
        Ok(v1::ListPoliciesResponse { policies, next_page_token })
    }

    /// What a neighbour's policies are, and what they decided.
    pub(super) fn fill_in_policies(&self, peer: &Peer, row: &mut v1::Neighbor) {
        let (import, export) = (&peer.config.import_policy, &peer.config.export_policy);
        row.import_policies = names(import.as_ref());
        row.export_policies = names(export.as_ref());
        row.keeps_received = self.rib.keeps_received(peer.id);
        if let Some((chain, hits)) = self.rib.import_policy(peer.id) {
            row.import_hits = hit_rows(chain, hits);
        }
        if let Some(chain) = export {
            row.export_hits = hit_rows(chain, &self.export.policy_hits(peer.id));
        }
    }

    fn policy_row(&self, policy: &Policy) -> v1::Policy {
        let has = |chain: &Option<Chain>| {
            chain.iter().flat_map(Chain::policies).any(|other| other.name == policy.name)
        };
        let with = |way: fn(&Peer) -> &Option<Chain>| -> Vec<&Peer> {
            self.peers.iter().filter(|peer| has(way(peer))).collect()
        };
        let importing = with(|peer| &peer.config.import_policy);
        let exporting = with(|peer| &peer.config.export_policy);
        let imported = self.imported(&importing);
        let exported = self.exported();
        let row = |statement: Option<&Statement>| {
            let name = statement.map_or(DEFAULT, |statement| &statement.name);
            let count = |counts: &Counts<'_>| counts.get(&(&*policy.name, name)).copied().unwrap_or(0);
            v1::PolicyStatement {
                name: name.to_owned(),
                conditions: statement.map(Statement::conditions).unwrap_or_default(),
                changes: statement.map(|statement| statement.changes.to_string()).unwrap_or_default(),
                action: statement.map_or(policy.default, |statement| statement.verdict).name().to_owned(),
                import_routes: count(&imported),
                export_routes: count(&exported),
            }
        };
        v1::Policy {
            name: policy.name.to_string(),
            statements: policy.statements.iter().map(Some).chain([None]).map(row).collect(),
            import_neighbors: addresses(&importing),
            export_neighbors: addresses(&exporting),
        }
    }

    fn imported<'a>(&'a self, peers: &[&Peer]) -> Counts<'a> {
        let mut counts = Counts::new();
        for (chain, hits) in peers.iter().filter_map(|peer| self.rib.import_policy(peer.id)) {
            add(&mut counts, chain, hits);
        }
        counts
    }

    fn exported(&self) -> Counts<'_> {
        let mut counts = Counts::new();
        for (chain, hits) in self.export.all_policy_hits() {
            add(&mut counts, chain, hits);
        }
        counts
    }
}

fn add<'a>(counts: &mut Counts<'a>, chain: &'a Chain, hits: &Hits) {
    for (decider, routes) in chain.deciders(hits) {
        *counts.entry((&*decider.policy.name, statement_name(&decider))).or_default() += routes;
    }
}

fn statement_name<'a>(decider: &Decider<'a>) -> &'a str {
    decider.statement.map_or(DEFAULT, |statement| &statement.name)
}

fn addresses(peers: &[&Peer]) -> Vec<String> {
    peers.iter().map(|peer| peer.config.address.to_string()).collect()
}

fn names(chain: Option<&Chain>) -> Vec<String> {
    let policies = chain.map(Chain::policies).unwrap_or_default();
    policies.iter().map(|policy| policy.name.to_string()).collect()
}

fn hit_rows(chain: &Chain, hits: &Hits) -> Vec<v1::PolicyHits> {
    let row = |(decider, routes): (Decider<'_>, u64)| v1::PolicyHits {
        policy: decider.policy.name.to_string(),
        statement: statement_name(&decider).to_owned(),
        action: verdict(&decider).name().to_owned(),
        routes,
    };
    chain.deciders(hits).map(row).collect()
}

fn verdict(decider: &Decider<'_>) -> Verdict {
    decider.statement.map_or(decider.policy.default, |statement| statement.verdict)
}
