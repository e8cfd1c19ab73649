//! What choosing between paths depends on besides the paths themselves.

use crate::types::PeerId;
use crate::wire::Attrs;

use super::next_hops::{NextHops, Reachability};
use super::source::{SourceKind, Sources};

/// Who gave the paths, what is known of their next hops, and the operator's rules.
#[derive(Debug)]
pub struct Decision {
    /// The peers, and this daemon itself.
    pub sources: Sources,
    /// The paths' next hops.
    pub next_hops: NextHops,
    pub(super) rules: DecisionRules,
}

/// What an operator decides about the decision process.
///
/// Whatever is chosen here, the outcome depends on the paths and never on the order in which they came: MEDs
/// are compared deterministically, and no path wins by age.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionRules {
    /// MEDs are compared between any two paths, and not only those through the same neighbour AS.
    pub always_compare_med: bool,
    /// A path without MED has the worst one, and not 0 (RFC 4271 section 9.1.2.2 c).
    pub med_missing_as_worst: bool,
    /// The length of AS_PATH is not compared.
    pub ignore_as_path_length: bool,
    /// How many paths may be used side by side.
    pub multipath: Multipath,
}

/// How many paths that are equally good may be used side by side: the best one, and those that only router id
/// and later steps tell from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipath {
    /// Where the best one came by eBGP, this included; 1 is no multipath.
    pub ebgp: u16,
    /// Where it came by iBGP.
    pub ibgp: u16,
    /// Paths by eBGP may be through different neighbour ASes, and those by iBGP may differ in AS_PATH.
    pub as_path_relax: bool,
}

impl Default for Multipath {
    fn default() -> Self {
        Multipath { ebgp: 1, ibgp: 1, as_path_relax: false }
    }
}

impl Multipath {
    pub(super) fn is_off(&self) -> bool {
        self.ebgp <= 1 && self.ibgp <= 1
    }

    /// How many, where the best came from such a source.
    pub(super) fn limit(&self, best: SourceKind) -> usize {
        match best {
            SourceKind::Local => 1,
            SourceKind::Ibgp => self.ibgp.into(),
            SourceKind::Ebgp => self.ebgp.into(),
        }
    }
}

impl Decision {
    pub(super) fn new(sources: Sources) -> Decision {
        Decision { sources, next_hops: NextHops::default(), rules: DecisionRules::default() }
    }

    /// What the operator decided.
    pub fn rules(&self) -> &DecisionRules {
        &self.rules
    }

    /// How the next hop of a path of `source` is reached. This daemon's own need no way.
    pub fn reachability(&self, source: PeerId, attrs: &Attrs) -> Reachability {
        match source == PeerId::LOCAL || self.next_hops.is_ordinary() {
            true => Reachability::default(),
            false => self.next_hops.get(attrs.next_hop.address()),
        }
    }

    /// Whether a path of `source` with these attributes may be chosen at all.
    pub fn is_eligible(&self, source: PeerId, attrs: &Attrs) -> bool {
        self.reachability(source, attrs) != Reachability::Unreachable
    }
}
