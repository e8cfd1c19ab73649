//! How things stand, for those who look from outside.

use std::fmt;

use ipnet::IpNet;

use super::event::Hops;
use super::wanted::WantedRoute;

/// How a prefix stands with the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteStatus {
    /// The kernel has what is wanted.
    Programmed,
    /// Not yet: in flight, or the kernel's routes have not been read yet.
    Pending,
    /// No next hop resolves: it is not in the kernel, and is put in as soon as one does.
    Unreachable,
    /// The fallback tunnel leads to its next hop, and is not there.
    NoTunnel,
    /// It would come before the way to the other end of the fallback tunnel that it leads into, and what is wrapped
    /// would be wrapped again.
    Swallowed,
    /// The kernel refused, in these words; it is tried again.
    Failed(String),
    /// Somebody else has a route to this prefix, which is respected.
    Conflict(Conflict),
    /// In the kernel, ours, and no longer wanted: to be deleted, or left by a former run and kept until
    /// [`Routes::release_stale`](super::Routes::release_stale).
    Stale,
}

/// How the fallback tunnel's device stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TunnelStatus {
    /// It is there as it is wanted.
    Programmed,
    /// Not yet.
    Pending,
    /// It could not be made, for this reason; it is tried again.
    Failed(String),
}

/// Somebody else's route to a prefix that is wanted, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Who made it (`RTPROT_*`).
    pub protocol: u8,
    /// Its metric.
    pub metric: u32,
    /// Ours is in the kernel beside it, and is used once theirs has gone. Otherwise ours waits outside.
    pub beside: bool,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Conflict { protocol, metric, beside } = self;
        let what = if *beside { "comes before ours" } else { "keeps ours out" };
        write!(f, "a route of protocol {protocol} with metric {metric} {what}")
    }
}

/// One prefix, with both its sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRow {
    /// Where it leads.
    pub prefix: IpNet,
    /// What is wanted; `None` for a stale route.
    pub wanted: Option<WantedRoute>,
    /// The ways that the kernel's route has; none where there is no route of ours, or one that sends nothing on.
    pub hops: Hops,
    /// How it stands.
    pub status: RouteStatus,
}

/// A place in the list of rows. A walk that stops at one row goes on behind it later; what appears or goes
/// meanwhile may or may not be met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoutePlace(pub u32);

impl RoutePlace {
    /// The next place.
    #[must_use]
    pub fn next(self) -> RoutePlace {
        RoutePlace(self.0.saturating_add(1))
    }
}
