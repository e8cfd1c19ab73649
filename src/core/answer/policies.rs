//! Policies: what they ask and do, who has them, and what they decided.

use api::v1;
use bgp::policy::{Chain, Decider, Hits, Verdict};

use crate::core::Core;
use crate::core::peer::Peer;

/// What stands in a statement's place where no statement decided. No statement can have the name.
const DEFAULT: &str = "default";

impl Core {
    /// What a neighbour's policies are, and what they decided.
    pub(super) fn fill_in_policies(&self, peer: &Peer, row: &mut v1::Neighbor) {
        row.import_policies = names(peer.config.import_policy.as_ref());
        row.export_policies = names(peer.config.export_policy.as_ref());
        if let Some((chain, hits)) = self.rib.import_policy(peer.id) {
            row.import_hits = hit_rows(chain, hits);
        }
    }
}

fn names(chain: Option<&Chain>) -> Vec<String> {
    let policies = chain.map(Chain::policies).unwrap_or_default();
    policies.iter().map(|policy| policy.name.to_string()).collect()
}

fn hit_rows(chain: &Chain, hits: &Hits) -> Vec<v1::PolicyHits> {
    let row = |(decider, routes): (Decider<'_>, u64)| v1::PolicyHits {
        policy: decider.policy.name.to_string(),
        statement: decider.statement.map_or(DEFAULT, |statement| &statement.name).to_owned(),
        action: verdict(decider).name().to_owned(),
        routes,
    };
    chain.deciders(hits).map(row).collect()
}

fn verdict(decider: Decider<'_>) -> Verdict {
    decider.statement.map_or(decider.policy.default, |statement| statement.verdict)
}
