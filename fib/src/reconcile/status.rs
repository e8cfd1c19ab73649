//! How things stand, for those who look from outside.

use std::time::Instant;

use evpn::dataplane::{WantedKey, WantedValue};

/// How a key stands with the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// The kernel has what is wanted.
    Programmed,
    /// Not yet: in flight, or its devices are not there.
    Pending,
    /// The kernel refused, in these words; it is tried again.
    Failed(String),
    /// Somebody else owns the place; it is tried again when that goes away.
    Conflict(&'static str),
    /// In the kernel, ours, and no longer wanted: to be deleted, or left by a former run and kept until
    /// [`Fib::release_stale`](super::Fib::release_stale).
    Stale,
}

/// A row of `linnet fib`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FibRow {
    /// What it is about.
    pub key: WantedKey,
    /// What is wanted; `None` for a stale row.
    pub wanted: Option<WantedValue>,
    /// How it stands.
    pub status: Status,
}

/// What happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Ops given out.
    pub ops: u64,
    /// Ops that the kernel refused.
    pub failures: u64,
    /// Times that news from the kernel was lost.
    pub overruns: u64,
    /// Dumps asked for.
    pub dumps: u64,
    /// Times that something else had changed or removed a row that was right.
    pub repairs: u64,
    /// Those of them that no news had told of: they were found by looking.
    pub drifts: u64,
    /// Times that everything was read.
    pub resyncs: u64,
    /// Times that everything was looked at, piece by piece, though there was no news of it.
    pub audits: u64,
}

/// When the kernel was looked at last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    /// All of it at once: after the start, and after news was lost.
    pub resynced: Option<Instant>,
    /// All of it piece by piece, without a cause.
    pub audited: Option<Instant>,
}
