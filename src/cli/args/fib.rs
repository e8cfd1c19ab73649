//! `fib`.

use clap::{Args, ValueEnum};
use clap_complete::ArgValueCompleter;

use super::value::vni;
use crate::cli::complete;

/// Arguments of `fib`.
#[derive(Debug, Args)]
pub struct FibArgs {
    /// Only where wanted and seen differ
    pub diff: Option<Diff>,
    /// Only this kind
    #[arg(long, value_delimiter = ',')]
    pub kind: Vec<FibKind>,
    /// Only this network
    #[arg(long, value_parser = vni(), add = ArgValueCompleter::new(complete::vnis))]
    pub vni: Option<u32>,
}

/// The word `diff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Diff {
    /// Only where wanted and seen differ
    Diff,
}

/// A kind of kernel state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FibKind {
    /// Devices
    Link,
    /// Flood destinations
    Flood,
    /// Remote MACs
    Mac,
    /// ARP and ND suppression
    Neighbor,
    /// IP routes
    Route,
}
