//! `native`.

use clap::{Args, ValueEnum};
use clap_complete::ArgValueCompleter;

use crate::cli::complete;

/// Arguments of `native`.
#[derive(Debug, Args)]
pub struct NativeArgs {
    /// The sources that prefixes come from, not the prefixes
    pub sources: Option<Sources>,
    /// Only what this source gives
    #[arg(long, value_name = "NAME", conflicts_with = "sources", add = ArgValueCompleter::new(complete::sources))]
    pub source: Option<String>,
    /// Only in this state
    #[arg(long, value_delimiter = ',', conflicts_with = "sources")]
    pub state: Vec<AdvertisedFilter>,
}

/// The word `sources`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sources {
    /// Sources
    Sources,
}

/// Whether a prefix is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AdvertisedFilter {
    /// It is
    Advertised,
    /// A block is, in its place
    Withheld,
}
