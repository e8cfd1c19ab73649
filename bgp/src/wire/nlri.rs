//! What UPDATE carries routes of: one trait for the three kinds of key, and lists of them.

use std::fmt::{Debug, Display};
use std::hash::Hash;

use ipnet::{Ipv4Net, Ipv6Net};

use crate::types::{Family, PathId};

use super::{EvpnBody, EvpnKey};

/// A route's identity within its family; tables are indexed by it.
pub trait Nlri: Copy + Eq + Ord + Hash + Debug + Display + Send + Sync + 'static {
    /// What a route carries besides its identity and its attributes.
    type Body: Copy + Eq + Debug + Default + Send + Sync + 'static;
    /// The family it belongs to.
    const FAMILY: Family;
}

/// One route of an UPDATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<N: Nlri> {
    /// Its identity.
    pub nlri: N,
    /// Tells paths of one peer apart; 0 without ADD-PATH.
    pub path_id: PathId,
    /// The rest. Meaningless in a withdrawal.
    pub body: N::Body,
}

/// Routes of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nlris {
    /// IPv4 unicast.
    Ipv4(Vec<Route<Ipv4Net>>),
    /// IPv6 unicast.
    Ipv6(Vec<Route<Ipv6Net>>),
    /// EVPN.
    Evpn(Vec<Route<EvpnKey>>),
}

impl Nlri for Ipv4Net {
    type Body = ();
    const FAMILY: Family = Family::Ipv4Unicast;
}

impl Nlri for Ipv6Net {
    type Body = ();
    const FAMILY: Family = Family::Ipv6Unicast;
}

impl Nlri for EvpnKey {
    type Body = EvpnBody;
    const FAMILY: Family = Family::L2vpnEvpn;
}
