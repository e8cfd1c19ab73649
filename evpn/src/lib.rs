//! BGP EVPN as pure state (RFC 7432, RFC 8365, RFC 9135): which MACs, neighbours and flood lists each VNI
//! has, what to tell BGP of the local ones, and what the dataplane should do about the remote ones.

pub mod action;
pub mod config;
pub mod dataplane;
mod evpn;
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
pub mod rows;
mod table;
mod teardown;

pub use action::{Action, Notice, Unusable};
pub use config::{Config, ImportTarget, VniConfig};
pub use evpn::Evpn;
pub use import::Remote;
pub use rows::{MacRow, NeighborRow, NeighborState, Place, RowId, VniRow, VniState, VtepRow};
