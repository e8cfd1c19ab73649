//! Policies: what an operator lets in and out, and with which attributes.
//!
//! A [`Policy`] is a list of [`Statement`]s with names, walked in order. A statement has conditions, changes and a
//! [`Verdict`]: where all its conditions hold, its changes are made, and the verdict ends the walk or lets it go
//! on; what comes later sees the changes. Where no statement decides, the policy's default does. A neighbour's
//! import or export is a [`Chain`] of policies: `next` as a default hands over to the next of them, and behind the
//! last one stands a refusal (RFC 8212).
//!
//! Most routes share their attributes with others, and most conditions look at nothing else. So a [`Plan`] is made
//! for each attribute set and source: it walks the chain once, asks everything that can be asked without a route,
//! and leaves only the questions that need one (prefix, MAC, VNI, route type). Routes that answer them alike end
//! in one [`Outcome`] and so share the changed attributes too, which is what packing lives on.
//!
//! Regular expressions take linear time, whatever is written (the `regex` crate). Not here: the rules that are not
//! the operator's (`rib::admit`, `export::policy`), where policies are written (the configuration), and whose
//! routes are asked (`rib::import`, `export`).

mod as_path_set;
mod chain;
mod changes;
mod community;
mod condition;
mod mac_pattern;
mod outcome;
mod plan;
mod prefix_set;
mod statement;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod vni_set;

pub use as_path_set::AsPathSet;
pub use chain::{Chain, Decider, Hits};
pub use changes::{Changes, CommunityChanges, Fixed, NextHopChange, NextHopRule, NumberChange, Prepend};
pub use community::{CommunityPattern, CommunitySet};
pub use condition::{AttrsCondition, Context, NeighborMatch, RouteCondition};
pub use mac_pattern::MacPattern;
pub use outcome::Outcome;
pub use plan::Plan;
pub use prefix_set::{PrefixRange, PrefixSet};
pub use statement::{Policy, Statement, Verdict};
pub use vni_set::VniRange;
