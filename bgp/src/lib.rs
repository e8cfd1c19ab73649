//! BGP-4 as pure state: no socket, no clock, no task. Time is an argument and bytes are handed in.
//!
//! - [`shard`]: how large indices are split.
//! - [`types`]: the small words (AS numbers, families, MACs, route distinguishers).
//! - [`otc`]: the rules of roles, which prevent route leaks.
//! - [`wire`]: messages, attributes and NLRI; each thing's type, parser, emitter and tests in one file.
//! - [`intern`]: equal attribute sets share one allocation.
//! - [`session`]: one peer: framing, the finite state machine, timers, negotiation, collision.
//! - [`policy`]: what an operator lets in and out, and with which attributes.
//! - [`rib`]: tables, their change log, the decision process.
//! - [`export`]: update groups, which turn the change log into bytes for peers.
//!
//! Each module uses only those listed above it.

pub mod export;
pub mod intern;
pub mod otc;
pub mod policy;
pub mod rib;
pub mod session;
pub mod shard;
pub mod types;
pub mod wire;
