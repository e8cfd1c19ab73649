//! What a daemon shows of a route, read from its own command line into words that all have in common.

mod bird;
mod frr;
mod gobgp;
mod openbgpd;

use anyhow::{Result, bail};

use crate::kind::Daemon;
use crate::node::Node;

/// A path to a destination, as a daemon other than linnetd shows it. What it does not show is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenPath {
    /// AS_PATH, its numbers with spaces between them.
    pub as_path: String,
    /// The next hop that was received.
    pub next_hop: String,
    /// ORIGINATOR_ID.
    pub originator: String,
    /// CLUSTER_LIST.
    pub cluster_list: Vec<String>,
    /// COMMUNITIES, as `65000:1` or by their names.
    pub communities: Vec<String>,
    /// It was learnt from a neighbour, and not originated here.
    pub learnt: bool,
    /// It is kept for a neighbour that restarts. BIRD does not show it.
    pub stale: bool,
}

impl Node {
    /// The paths that its daemon has to an IPv4 or IPv6 prefix; none where it has no such destination.
    pub fn paths(&self, prefix: &str) -> Result<Vec<SeenPath>> {
        match self.daemon() {
            Some(Daemon::Frr) => frr::paths(self, prefix),
            Some(Daemon::Bird) => bird::paths(self, prefix),
            Some(Daemon::Gobgp) => gobgp::paths(self, prefix),
            Some(Daemon::Openbgpd) => openbgpd::paths(self, prefix),
            Some(Daemon::Linnet) | None => bail!("{} is not asked this way", self.name()),
        }
    }
}

/// Whether a prefix is one of IPv6.
fn is_ipv6(prefix: &str) -> bool {
    prefix.contains(':')
}
