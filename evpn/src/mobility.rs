//! Who has a MAC: the order among claims, and the detection of MACs that two hosts have.

use std::time::Duration;

/// How long moves are counted (RFC 7432 section 15.1, M).
pub const DUPLICATE_WINDOW: Duration = Duration::from_secs(180);

/// How many moves within [`DUPLICATE_WINDOW`] make a duplicate (RFC 7432 section 15.1, N).
pub const DUPLICATE_MOVES: u32 = 5;
