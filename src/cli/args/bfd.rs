//! `bfd`.

use clap::Args;
use clap_complete::ArgValueCompleter;

use crate::cli::complete;
use crate::config::NeighborAddress;

/// Arguments of `bfd`.
#[derive(Debug, Args)]
pub struct BfdArgs {
    /// Only this neighbor's, in detail
    #[arg(value_name = "ADDR", add = ArgValueCompleter::new(complete::neighbors))]
    pub neighbor: Option<NeighborAddress>,
}
