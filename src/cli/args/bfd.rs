//! `bfd`.

use clap::Args;

use crate::config::NeighborAddress;

/// Arguments of `bfd`.
#[derive(Debug, Args)]
pub struct BfdArgs {
    /// Only this neighbor's, in detail
    #[arg(value_name = "ADDR")]
    pub neighbor: Option<NeighborAddress>,
}
