//! `native`.

use clap::{Args, ValueEnum};
use clap_complete::ArgValueCompleter;

use crate::cli::complete;

/// Arguments of `native`.
#[derive(Debug, Args)]
pub struct NativeArgs {
    /// Something else than the prefixes
    pub what: Option<NativeWhat>,
    /// Only what this source gives
    #[arg(long, value_name = "NAME", conflicts_with = "what", add = ArgValueCompleter::new(complete::sources))]
    pub source: Option<String>,
    /// Only in this state
    #[arg(long, value_delimiter = ',', conflicts_with = "what")]
    pub state: Vec<AdvertisedFilter>,
}

/// What is listed instead of the announced prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NativeWhat {
    /// The sources that prefixes come from
    Sources,
    /// The fallback tunnel: its device, and the nodes that are reached through it
    Tunnel,
}

/// Whether a prefix is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AdvertisedFilter {
    /// It is
    Advertised,
    /// A block is, in its place
    Withheld,
}
