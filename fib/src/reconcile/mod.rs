//! Wanted against seen.

use std::time::Instant;

use evpn::dataplane::{Observation, WantedKey, WantedValue};

use crate::config::FibConfig;
use crate::event::KernelEvent;
use crate::op::Op;

/// How many ops may be in flight. A channel with room for as many batches never makes its sender wait.
pub const CREDIT: usize = 4096;

/// The reconciler: see the crate's essay.
#[derive(Debug)]
pub struct Fib {
    config: FibConfig,
}

/// How a key stands with the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// The kernel has what is wanted.
    Programmed,
    /// Not yet: in flight, or its device is not there.
    Pending,
    /// The kernel refused, in these words; it is tried again.
    Failed(String),
    /// Somebody else owns the place; it is tried again when that goes away.
    Conflict(&'static str),
    /// In the kernel, ours, and no longer wanted: to be deleted, or left from a former run until
    /// [`Fib::release_stale`].
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
    /// Rows put back after something else had changed or removed them.
    pub repairs: u64,
}

impl Fib {
    /// A reconciler that knows nothing of the kernel yet: its first ops are dumps.
    pub fn new(config: FibConfig) -> Fib {
        Fib { config }
    }

    /// Wants `value` under `key`, or nothing any more.
    pub fn want(&mut self, key: WantedKey, value: Option<WantedValue>) {
        let _ = (key, value);
    }

    /// Takes news from the kernel.
    pub fn handle(&mut self, now: Instant, event: KernelEvent) {
        let _ = (now, event);
    }

    /// The next op, while there is one and credit for it.
    pub fn poll_op(&mut self, now: Instant) -> Option<Op> {
        let _ = now;
        None
    }

    /// The next news for evpn. To be drained after every call of `handle` and `want`.
    pub fn poll_observation(&mut self) -> Option<Observation> {
        None
    }

    /// When `poll_op` should be called again though nothing happened.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// What was found at the start and is not wanted may go: routing has converged.
    pub fn release_stale(&mut self) {}

    /// Removes the devices that we created for a VNI, now or in a former run.
    pub fn remove_devices(&mut self, vni: bgp::types::Vni) {
        let _ = vni;
    }

    /// How a wanted key stands; `None` if it is neither wanted nor ours in the kernel.
    pub fn status(&self, key: &WantedKey) -> Option<Status> {
        let _ = (key, &self.config);
        None
    }

    /// Everything wanted, and what is ours and no longer wanted.
    pub fn rows(&self) -> impl Iterator<Item = FibRow> + '_ {
        std::iter::empty()
    }

    /// Where wanted and seen differ.
    pub fn diff(&self) -> impl Iterator<Item = FibRow> + '_ {
        self.rows().filter(|row| row.status != Status::Programmed)
    }

    /// Counts since the start.
    pub fn counters(&self) -> Counters {
        Counters::default()
    }
}
