//! What EVPN shows: plain rows for the API, the command line and tests.

use std::fmt;
use std::net::IpAddr;
use std::time::Instant;

use bgp::types::{Mac, Rd, Vni};
use bgp::wire::RouteTarget;
use smallvec::SmallVec;

use crate::action::Unusable;
use crate::config::ImportTarget;
use crate::duplicates::{Rival, Suspect};

/// A position in a VNI's table. A walk that stops at one row goes on behind it later; what appears or goes
/// meanwhile may or may not be met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub u32);

impl RowId {
    /// The next position.
    #[must_use]
    pub fn next(self) -> RowId {
        RowId(self.0.saturating_add(1))
    }
}

/// A VNI that is configured or served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VniRow {
    /// The network.
    pub vni: Vni,
    /// Whether it is served, and if not why.
    pub state: VniState,
    /// Ours for this VNI.
    pub rd: Option<Rd>,
    /// Our tunnel address in it.
    pub vtep: Option<IpAddr>,
    /// The bridge's own MAC.
    pub bridge_mac: Option<Mac>,
    /// Which routes are taken.
    pub import_rt: Vec<ImportTarget>,
    /// What ours carry.
    pub export_rt: Vec<RouteTarget>,
    /// MACs that are here.
    pub local_macs: usize,
    /// MACs that are behind other VTEPs.
    pub remote_macs: usize,
    /// Addresses that are here.
    pub local_neighbors: usize,
    /// Addresses that are behind other VTEPs.
    pub remote_neighbors: usize,
    /// Length of the flood list.
    pub vteps: usize,
    /// How many routes were let in and cannot be used, by reason.
    pub refused: Vec<(Unusable, u64)>,
    /// Frames are flooded at all.
    pub flooding: bool,
}

/// Whether a VNI is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VniState {
    /// It is: routes go out and come in.
    Active,
    /// The dataplane does not have it.
    NoDevice,
    /// No tunnel address is known.
    NoVtep,
    /// No route distinguisher is left for it.
    NoRd,
}

/// Where a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Attached to this node.
    Local,
    /// Behind this VTEP.
    Remote(IpAddr),
    /// Nobody's claim is good: a neighbour waits for its MAC to be seen, or the MAC is the bridge's own.
    Nowhere,
}

/// A MAC that somebody claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MacRow {
    /// Its position.
    pub id: RowId,
    /// The network.
    pub vni: Vni,
    /// The host's.
    pub mac: Mac,
    /// Who won.
    pub place: Place,
    /// The sequence of the local claim, whether it won or not.
    pub local_seq: Option<u32>,
    /// The sequence of the best remote claim, whether it won or not.
    pub remote_seq: Option<u32>,
    /// The winner says that it must not move.
    pub sticky: bool,
    /// The winner says that it is a default gateway's.
    pub gateway: bool,
    /// It moves so often that two hosts probably have it.
    pub duplicate: bool,
    /// It is one, and stays where it is, whoever would win.
    pub frozen: bool,
    /// How many IP addresses hang on it.
    pub neighbors: usize,
}

/// An IP address that somebody claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighborRow {
    /// Its position.
    pub id: RowId,
    /// The network.
    pub vni: Vni,
    /// The host's address.
    pub ip: IpAddr,
    /// The host's MAC.
    pub mac: Mac,
    /// Who won.
    pub place: Place,
    /// What of it is in use.
    pub state: NeighborState,
    /// The sequence of its MAC's claim, where there is a winner.
    pub seq: Option<u32>,
    /// It is an IPv6 router.
    pub router: bool,
    /// Two MACs have it at the same time, or it goes from MAC to MAC too often.
    pub duplicate: bool,
}

/// A MAC or an address that moves so often that two hosts probably have it, or that two have for all to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateRow {
    /// The network.
    pub vni: Vni,
    /// Which.
    pub suspect: Suspect,
    /// How often it has moved, since the first of the moves that it was found by; 0 where it was found by its claims.
    pub moves: u32,
    /// The other one of the two, where it is known.
    pub rival: Option<Rival>,
    /// When it was found.
    pub found: Instant,
    /// When it counts as one host again; `None`: when it is cleared, or has one claim left.
    pub recovers: Option<Instant>,
    /// It stays where it is.
    pub frozen: bool,
    /// Of an address: several MACs claim it at the same time, and have done so for long.
    pub contested: bool,
    /// Of an address: the MACs that claim it, the one that has it first.
    pub claims: SmallVec<[AddressClaim; 2]>,
}

/// Somebody says that a MAC has an address, and the MAC is where he says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressClaim {
    /// The host's.
    pub mac: Mac,
    /// Where the host is.
    pub place: Place,
    /// The sequence of its MAC: the highest wins, then the lowest VTEP, then the lowest MAC.
    pub seq: u32,
}

impl fmt::Display for AddressClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Remote(vtep) => write!(f, "{} behind {vtep}", self.mac),
            Place::Local | Place::Nowhere => write!(f, "{} here", self.mac),
        }
    }
}

/// What of a neighbour is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighborState {
    /// Advertised if local, answered for if remote.
    Active,
    /// Has just moved here with its MAC: advertised, and being verified by the dataplane.
    Verifying,
    /// Waits for its MAC to be where it is said to be.
    Pending,
}

/// A VTEP on a VNI's flood list, or one that would be on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VtepRow {
    /// The network.
    pub vni: Vni,
    /// Its address.
    pub vtep: IpAddr,
    /// Whether frames are flooded to it.
    pub flood: Flooding,
    /// It stands in the configuration.
    pub configured: bool,
    /// It has sent a Type 3.
    pub announced: bool,
}

/// Whether frames are flooded to a VTEP, and if not why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flooding {
    /// They are.
    Yes,
    /// Nothing is flooded in this network.
    Off,
    /// Its Type 3 asks for what we cannot do, or for nothing.
    Unusable,
}
