//! How many routes a neighbour may send: what may be written, and what it means.

use std::time::Duration;

use bgp::types::Family;
use schemars::JsonSchema;
use serde::Deserialize;

use super::fault::Path;

/// How many routes a neighbour may send.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MaxPrefix {
    /// So many in each family.
    pub limit: Option<u32>,
    /// Families with a limit of their own.
    #[serde(default)]
    pub families: FamilyLimits,
    /// Warn at this share of the limit, in percent. 75 unless given.
    pub warn_percent: Option<u8>,
    /// What is done when there are more. `teardown` unless given.
    #[serde(default)]
    pub action: MaxPrefixAction,
    /// With `action: restart`: seconds until the session may come back. 60 unless given.
    pub restart_after: Option<u32>,
}

/// Limits by family.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FamilyLimits {
    /// IPv4 unicast.
    pub ipv4_unicast: Option<u32>,
    /// IPv6 unicast.
    pub ipv6_unicast: Option<u32>,
    /// EVPN.
    pub l2vpn_evpn: Option<u32>,
}

/// What is done when a neighbour sends more routes than it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MaxPrefixAction {
    /// The session ends, and stays down until an operator resets it.
    #[default]
    Teardown,
    /// The session ends, and may come back after `restart_after`.
    Restart,
    /// Nothing but a warning.
    Warn,
}

/// How many routes a neighbour may send, and what is done when there are more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixLimits {
    limits: [Option<u32>; Family::ALL.len()],
    warn_percent: u8,
    /// What is done.
    pub action: LimitAction,
}

/// What is done about too many routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitAction {
    /// A warning is given.
    Warn,
    /// The session ends, and may come back after a while, if one is given.
    Teardown(Option<Duration>),
}

const WARN_PERCENT: u8 = 75;
const RESTART_AFTER: u32 = 60;

impl PrefixLimits {
    /// The limit of a family, if it has one.
    pub fn limit(&self, family: Family) -> Option<u32> {
        self.limits.get(family as usize).copied().flatten()
    }

    /// With how many routes a warning is due.
    pub fn warning(&self, limit: u32) -> usize {
        (u64::from(limit) * u64::from(self.warn_percent)).div_ceil(100) as usize
    }
}

impl MaxPrefix {
    pub(super) fn resolve(&self) -> PrefixLimits {
        let own = [self.families.ipv4_unicast, self.families.ipv6_unicast, self.families.l2vpn_evpn];
        let restart_after = Duration::from_secs(self.restart_after.unwrap_or(RESTART_AFTER).into());
        PrefixLimits {
            limits: own.map(|own| own.or(self.limit)),
            warn_percent: self.warn_percent.unwrap_or(WARN_PERCENT),
            action: match self.action {
                MaxPrefixAction::Teardown => LimitAction::Teardown(None),
                MaxPrefixAction::Restart => LimitAction::Teardown(Some(restart_after)),
                MaxPrefixAction::Warn => LimitAction::Warn,
            },
        }
    }

    /// Everything that is wrong with it, each with its place.
    pub(super) fn check(&self, at: &Path, mut find: impl FnMut(Path, &str)) {
        let FamilyLimits { ipv4_unicast, ipv6_unicast, l2vpn_evpn } = self.families;
        let families = at.key("families");
        let limits = [
            (at.key("limit"), self.limit),
            (families.key("ipv4-unicast"), ipv4_unicast),
            (families.key("ipv6-unicast"), ipv6_unicast),
            (families.key("l2vpn-evpn"), l2vpn_evpn),
        ];
        if limits.iter().all(|(_, limit)| limit.is_none()) {
            find(at.clone(), "limits nothing: set `limit`, or limits in `families`");
        }
        for (at, limit) in limits {
            if limit == Some(0) {
                find(at, "at least 1; a neighbour that may send nothing needs a policy, not a limit");
            }
        }
        if self.warn_percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
            find(at.key("warn_percent"), "1 to 100, in percent of the limit");
        }
        match (self.restart_after, self.action) {
            (Some(0), _) => find(at.key("restart_after"), "at least 1 second"),
            (Some(_), MaxPrefixAction::Teardown | MaxPrefixAction::Warn) => {
                find(at.key("restart_after"), "goes with `action: restart` only");
            }
            _ => {}
        }
    }
}
