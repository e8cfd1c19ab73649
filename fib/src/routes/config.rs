//! What the routes' reconciler is told at its start, and when that changes.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::config::PROTOCOL;
use crate::op::TunnelDevice;

/// The kernel's table `main` (`RT_TABLE_MAIN`).
pub const MAIN: u32 = libc::RT_TABLE_MAIN as u32;

/// Which routes are ours, and where they go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutesConfig {
    /// The table that ours go into.
    pub table: u32,
    /// Who made them (`RTPROT_*`): by this a later run knows them again. Nobody else may use it.
    pub protocol: u8,
    /// Their metric. 0 stands for the kernel's default, which is 1024 for IPv6.
    pub metric: u32,
    /// A default route is a way to a next hop, too.
    pub via_default: bool,
    /// Routes of these protocols give way to ours to the same prefix: once ours is in, they are deleted. This is how a
    /// daemon takes over from another one that has left its routes in the kernel.
    pub take_over: BTreeSet<u8>,
    /// Routes are to be put in. Otherwise the kernel is only listened to, and what is wanted is ignored.
    pub install: bool,
    /// How often all routes are looked at though the kernel told nothing; `None`: they are not.
    pub audit_interval: Option<Duration>,
    /// Next hops that are on no link, and that decapsulate, are reached through this.
    pub tunnel: Option<TunnelDevice>,
}

impl Default for RoutesConfig {
    fn default() -> Self {
        RoutesConfig {
            table: MAIN,
            protocol: PROTOCOL,
            metric: 50,
            via_default: true,
            take_over: BTreeSet::new(),
            install: false,
            audit_interval: None,
            tunnel: None,
        }
    }
}

/// What the kernel makes of the metric 0 in IPv6 (`IP6_RT_PRIO_USER`).
const IPV6_DEFAULT_METRIC: u32 = 1024;

impl RoutesConfig {
    /// The metric that the kernel reports of our routes of a family.
    pub(super) fn metric_of(&self, is_ipv4: bool) -> u32 {
        match self.metric {
            0 if !is_ipv4 => IPV6_DEFAULT_METRIC,
            metric => metric,
        }
    }
}
