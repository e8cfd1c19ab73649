//! The `policy` section as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::value::{AsnValue, FamilyValue, Texts};

/// Policies: what neighbours may tell and be told, and with which attributes. Neighbours name them in import_policy
/// and export_policy.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicySection {
    /// Prefixes by name, such as { pods: ["10.244.0.0/16 le 28"] }: exact, or with `ge`, `le` or both.
    #[serde(default)]
    pub prefix_sets: BTreeMap<String, Vec<String>>,
    /// Communities by name, such as { rts: ["rt:65000:*"] }: 65000:1, large 65000:1:2, extended rt:65000:1 and
    /// soo:65000:1; `*` is any number.
    #[serde(default)]
    pub community_sets: BTreeMap<String, Vec<String>>,
    /// AS paths by name, such as { customers: ["^65010_", "origin:65020"] }: regular expressions on the path's text,
    /// or the AS that originated the route.
    #[serde(default)]
    pub as_path_sets: BTreeMap<String, Vec<String>>,
    /// The policies.
    #[serde(default)]
    pub policies: Vec<PolicyEntry>,
}

/// A policy: statements, walked in order until one decides.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyEntry {
    /// What neighbours call it.
    pub name: String,
    /// The statements.
    #[serde(default)]
    pub statements: Vec<StatementEntry>,
    /// What happens where no statement decides; `next` asks the next policy of the neighbour's list.
    #[serde(default)]
    pub default: DefaultWord,
}

/// A statement: where all of `match` holds, `set` is done and `action` follows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatementEntry {
    /// What it is shown and counted by.
    pub name: String,
    /// Conditions that must all hold; of several values of one key any is enough. Without it the statement always
    /// applies.
    #[serde(default, rename = "match")]
    pub matches: MatchEntry,
    /// What follows.
    pub action: ActionWord,
    /// What is changed.
    #[serde(default)]
    pub set: SetEntry,
}

/// What follows where a statement applies.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionWord {
    /// The route is taken, or sent.
    Accept,
    /// It is not.
    Reject,
    /// The next statement is asked.
    Next,
}

/// What follows where no statement decides.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DefaultWord {
    /// The route is taken, or sent.
    Accept,
    /// It is not.
    #[default]
    Reject,
    /// The next policy of the list is asked; behind the last one the route is rejected.
    Next,
}

/// Conditions.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchEntry {
    /// The prefix is in one of these prefix sets, or is one of these ranges: of a unicast route, of a Type 5, or the
    /// address of a Type 2 in full length.
    pub prefixes: Option<Texts>,
    /// The family is one of these.
    pub families: Option<Vec<FamilyValue>>,
    /// The EVPN route type is one of these: ead, macip, multicast, es, prefix, or 1 to 5.
    pub route_types: Option<Texts>,
    /// The VNI is one of these, or in one of these ranges: [100, "200-299"].
    pub vni: Option<Texts>,
    /// The MAC of a Type 2 is this, or begins so: "02:00:*".
    pub mac: Option<Texts>,
    /// The route came from one of these neighbours, or from this speaker: `local`.
    pub neighbors: Option<Texts>,
    /// The next hop is one of these addresses, or in one of these prefixes.
    pub next_hops: Option<Texts>,
    /// One of its communities is in one of these community sets, or is one of these.
    pub communities: Option<Texts>,
    /// The AS path is in one of these AS path sets, or matches one of these expressions.
    pub as_path: Option<Texts>,
    /// The origin.
    pub origin: Option<OriginWord>,
}

/// ORIGIN (RFC 4271 section 5.1.1).
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OriginWord {
    /// Interior to the originating AS.
    Igp,
    /// Learnt by EGP.
    Egp,
    /// Learnt by some other means.
    Incomplete,
}

/// Changes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetEntry {
    /// LOCAL_PREF: a number, or a step in quotes: "+10", "-10".
    pub local_pref: Option<Texts>,
    /// MULTI_EXIT_DISC: a number, or a step in quotes: "+10", "-10".
    pub med: Option<Texts>,
    /// A preference of this speaker's own, before all others; only on import.
    pub weight: Option<u32>,
    /// Communities.
    pub communities: Option<CommunitiesEntry>,
    /// AS numbers put in front of the AS path.
    pub prepend: Option<PrependEntry>,
    /// `self` (this speaker), `unchanged`, or an address.
    pub next_hop: Option<String>,
    /// ORIGIN.
    pub origin: Option<OriginWord>,
}

/// Changes to communities, in this order: replace, remove, add.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommunitiesEntry {
    /// These come in place of all of their kinds (communities, extended, large).
    pub replace: Option<Texts>,
    /// These go: community sets, or communities with or without `*`.
    pub remove: Option<Texts>,
    /// These come.
    pub add: Option<Texts>,
}

/// AS numbers put in front.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrependEntry {
    /// Which; this speaker's AS unless given.
    pub asn: Option<AsnValue>,
    /// How often, 1 to 255.
    #[serde(default = "once")]
    pub count: u8,
}

fn once() -> u8 {
    1
}
