//! BGP EVPN as pure state: which MACs, neighbours and flood lists each VNI has, what to tell BGP of the local
//! ones, and what the dataplane should do about the remote ones.
//!
//! [`Evpn`] is driven from two sides: the dataplane says what it saw ([`dataplane::Observation`]), BGP says
//! what the best path of an EVPN route is ([`Remote`]). From both follow [`Action`]s: routes to originate and
//! to retract, and forwarding state that is wanted or no longer wanted. It knows no socket, no kernel and no
//! clock, and nothing of how BGP chooses between the paths of one route: it chooses between routes, which is
//! another election.
//!
//! What it follows: RFC 7432 (EVPN: routes in sections 7 to 11, MAC mobility in 15), RFC 8365 (VXLAN, the
//! VLAN-based service, ingress replication), RFC 9135 section 7 (addresses move with their MACs), RFC 9047
//! (router flag), RFC 9161 section 3.7 (addresses that two MACs have).
//!
//! What it does not do: multihoming (Ethernet segments are passed on by BGP, not used), IP prefixes and
//! routing between VNIs, VLAN-aware bundles, VNIs assigned by the receiver.
//!
//! From the ground up: `table`, `mobility`, `duplicates`, `contest`, `origin` hold things; `mac_table` and `neigh` are one host each;
//! `import`, `originate` and `flood` are routes in, routes out and Type 3; `instance` is one VNI, where all
//! meets; `evpn` is all VNIs.

pub mod action;
pub mod config;
mod contest;
pub mod dataplane;
pub mod duplicates;
mod evpn;
pub mod feed;
mod flood;
mod import;
mod instance;
mod mac_table;
pub mod mobility;
mod neigh;
mod origin;
mod originate;
mod outbox;
mod rd_pool;
mod refused;
pub mod rows;
pub mod table;
mod teardown;

pub use action::{Action, Notice, Unusable};
pub use config::{Config, ImportTarget, VniConfig};
pub use duplicates::{DuplicateAction, DuplicateRules, Rival, Suspect};
pub use evpn::Evpn;
pub use feed::{Changed, Feed};
pub use import::Remote;
pub use rows::{
    AddressClaim, DuplicateRow, Flooding, MacRow, NeighborRow, NeighborState, Place, RowId, VniRow, VniState,
    VtepRow,
};
