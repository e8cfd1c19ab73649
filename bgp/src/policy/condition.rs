//! What a statement asks: of the attributes and their source, or of each route.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::types::{Family, FamilySet};
use crate::wire::nlri::Parts;
use crate::wire::{Attrs, Origin};

use super::{AsPathSet, CommunitySet, MacPattern, PrefixSet, VniRange};

/// A condition that routes with the same attributes, of one source and family, meet or fail together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttrsCondition {
    /// The route is of one of these families.
    Families(FamilySet),
    /// It came from one of these.
    Neighbors(Box<[NeighborMatch]>),
    /// Its next hop is in one of these.
    NextHops(Arc<PrefixSet>),
    /// It has a community in one of these.
    Communities(Box<[Arc<CommunitySet>]>),
    /// Its AS path is in one of these.
    AsPaths(Box<[Arc<AsPathSet>]>),
    /// Its origin is this.
    Origin(Origin),
}

/// A condition that is asked of each route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteCondition {
    /// Its prefix is in one of these; see [`Parts::prefix`].
    Prefixes(Box<[Arc<PrefixSet>]>),
    /// It is of one of these EVPN route types.
    RouteTypes(Box<[u8]>),
    /// Its VNI is one of these.
    Vnis(Box<[VniRange]>),
    /// Its MAC is one of these.
    Macs(Box<[MacPattern]>),
}

/// Whose routes are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Context {
    /// Their family.
    pub family: Family,
    /// The neighbour that gave them; `None` if this speaker did.
    pub neighbor: Option<IpAddr>,
    /// What counts as their LOCAL_PREF where they have none.
    pub local_pref: u32,
}

/// Whom a route may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighborMatch {
    /// This speaker itself: `local`.
    Local,
    /// The neighbour with this address.
    Address(IpAddr),
}

impl AttrsCondition {
    /// Whether it holds.
    pub fn holds(&self, context: &Context, attrs: &Attrs) -> bool {
        match self {
            AttrsCondition::Families(families) => families.contains(context.family),
            AttrsCondition::Neighbors(neighbors) => neighbors.iter().any(|neighbor| match neighbor {
                NeighborMatch::Local => context.neighbor.is_none(),
                NeighborMatch::Address(address) => context.neighbor == Some(*address),
            }),
            AttrsCondition::NextHops(set) => set.contains(IpNet::from(attrs.next_hop.address())),
            AttrsCondition::Communities(sets) => sets.iter().any(|set| set.matches(attrs)),
            AttrsCondition::AsPaths(sets) => sets.iter().any(|set| set.contains(&attrs.as_path)),
            AttrsCondition::Origin(origin) => attrs.origin == *origin,
        }
    }
}

impl RouteCondition {
    /// Whether it holds. A route that has no such part does not meet it.
    pub fn holds(&self, parts: &Parts, attrs: &Attrs) -> bool {
        match self {
            RouteCondition::Prefixes(sets) => {
                parts.prefix.is_some_and(|prefix| sets.iter().any(|set| set.contains(prefix)))
            }
            RouteCondition::RouteTypes(types) => parts.route_type.is_some_and(|kind| types.contains(&kind)),
            RouteCondition::Vnis(ranges) => {
                // A Type 3 has its VNI in the tunnel's label.
                let vni = attrs.pmsi.as_ref().map(|pmsi| pmsi.vni).or(parts.vni);
                vni.is_some_and(|vni| ranges.iter().any(|range| range.contains(vni)))
            }
            RouteCondition::Macs(patterns) => {
                parts.mac.is_some_and(|mac| patterns.iter().any(|pattern| pattern.matches(mac)))
            }
        }
    }
}

impl FromStr for NeighborMatch {
    type Err = String;

    fn from_str(text: &str) -> Result<NeighborMatch, String> {
        match text {
            "local" => Ok(NeighborMatch::Local),
            _ => text.parse().map(NeighborMatch::Address).map_err(|_| {
                format!("`{text}` is neither a neighbour's address nor `local`, this speaker itself")
            }),
        }
    }
}

impl fmt::Display for NeighborMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NeighborMatch::Local => f.write_str("local"),
            NeighborMatch::Address(address) => address.fmt(f),
        }
    }
}

/// `communities blackhole`: the key and its values.
impl fmt::Display for AttrsCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AttrsCondition::Families(families) => list(f, "families", families.iter()),
            AttrsCondition::Neighbors(neighbors) => list(f, "neighbors", neighbors.iter()),
            AttrsCondition::NextHops(set) => write!(f, "next_hops {set}"),
            AttrsCondition::Communities(sets) => list(f, "communities", sets.iter()),
            AttrsCondition::AsPaths(sets) => list(f, "as_path", sets.iter()),
            AttrsCondition::Origin(origin) => write!(f, "origin {}", origin.name()),
        }
    }
}

/// `prefixes pods`: the key and its values.
impl fmt::Display for RouteCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RouteCondition::Prefixes(sets) => list(f, "prefixes", sets.iter()),
            RouteCondition::RouteTypes(types) => list(f, "route_types", types.iter()),
            RouteCondition::Vnis(ranges) => list(f, "vni", ranges.iter()),
            RouteCondition::Macs(patterns) => list(f, "mac", patterns.iter()),
        }
    }
}

/// A key, and its values with commas between them.
pub(super) fn list<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    key: &str,
    values: impl Iterator<Item = T>,
) -> fmt::Result {
    f.write_str(key)?;
    values.enumerate().try_for_each(|(i, value)| write!(f, "{}{value}", if i == 0 { " " } else { ", " }))
}
