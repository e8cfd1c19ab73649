//! Policies made of few words, for tests.

use std::sync::Arc;

use crate::types::Asn;
use crate::wire::{Attrs, Community, NextHop};

use super::*;

/// A statement without conditions or changes.
pub(crate) fn statement(name: &str, verdict: Verdict) -> Statement {
    let changes = Changes::default();
    Statement { name: name.into(), of_attrs: Vec::new(), of_route: Vec::new(), changes, verdict }
}

/// A chain of one policy.
pub(crate) fn chain(statements: Vec<Statement>, default: Verdict) -> Chain {
    Chain::new([Arc::new(Policy { name: "p".into(), statements, default })])
}

/// The route's prefix is within one of these.
pub(crate) fn prefixes(ranges: &[&str]) -> RouteCondition {
    let ranges = ranges.iter().map(|text| text.parse().unwrap());
    RouteCondition::Prefixes([Arc::new(PrefixSet::new("set", ranges))].into())
}

/// It has such a community.
pub(crate) fn communities(pattern: &str) -> AttrsCondition {
    let set = CommunitySet::new(pattern, [pattern.parse().unwrap()]);
    AttrsCondition::Communities([Arc::new(set)].into())
}

/// It gets this community.
pub(crate) fn adds(community: &str) -> Changes {
    let add = [community.parse().unwrap()].into();
    Changes { communities: CommunityChanges { add, ..CommunityChanges::default() }, ..Changes::default() }
}

/// Puts an AS in front.
pub(crate) fn prepends(asn: u32, count: u8) -> Changes {
    Changes { prepend: Some(Prepend { asn: Asn(asn), count }), ..Changes::default() }
}

/// Attributes with these communities.
pub(crate) fn with_communities(list: &[u32]) -> Arc<Attrs> {
    let communities = list.iter().map(|number| Community(*number)).collect();
    Arc::new(Attrs { communities, ..Attrs::new(NextHop::Ipv4([10, 0, 0, 9].into())) })
}
