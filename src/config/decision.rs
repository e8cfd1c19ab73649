//! What the file says about the choice between paths: `bgp.decision` and `bgp.multipath`.

use bgp::rib::{DecisionRules, Multipath};
use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;
use super::fault::Path;
use super::file::Bgp;

/// How paths are chosen. Whatever is set here, the choice depends on the paths and never on the order in which they
/// came: MEDs are compared deterministically, and no path wins by age.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DecisionSection {
    /// Compare the MEDs of any two paths, and not only of those through the same neighbour AS.
    pub always_compare_med: bool,
    /// A path without MED has the worst one instead of the best.
    pub med_missing_as_worst: bool,
    /// Do not compare the lengths of AS paths.
    pub ignore_as_path_length: bool,
}

/// How many paths that are equally good may be used side by side.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MultipathSection {
    /// At most so many paths by eBGP, the best included; 1 is no multipath.
    pub ebgp: u16,
    /// At most so many paths by iBGP.
    pub ibgp: u16,
    /// Paths by eBGP may be through different neighbour ASes, and those by iBGP may have different AS paths, if these
    /// are of equal length.
    pub as_path_relax: bool,
}

impl Default for MultipathSection {
    fn default() -> Self {
        let Multipath { ebgp, ibgp, as_path_relax } = Multipath::default();
        MultipathSection { ebgp, ibgp, as_path_relax }
    }
}

impl Checker {
    /// The rules that both sections make.
    pub(super) fn decision(&mut self, path: &Path, bgp: &Bgp) -> DecisionRules {
        let DecisionSection { always_compare_med, med_missing_as_worst, ignore_as_path_length } =
            bgp.decision;
        let MultipathSection { ebgp, ibgp, as_path_relax } = bgp.multipath;
        for (key, limit) in [("ebgp", ebgp), ("ibgp", ibgp)] {
            if limit == 0 {
                self.find(path.key("multipath").key(key), "at least 1, which is the best path alone");
            }
        }
        let multipath = Multipath { ebgp, ibgp, as_path_relax };
        DecisionRules { always_compare_med, med_missing_as_worst, ignore_as_path_length, multipath }
    }
}
