//! `monitor`.

use clap::{Args, ValueEnum};

/// Arguments of `monitor`.
#[derive(Debug, Args)]
pub struct MonitorArgs {
    /// What to watch; everything if not given
    #[arg(value_delimiter = ',')]
    pub topics: Vec<Topic>,
    /// Leave the present state out
    #[arg(long)]
    pub changes_only: bool,
}

/// What can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Topic {
    /// Best paths
    Rib,
    /// Networks, MACs, ARP and ND bindings, VTEPs
    Evpn,
    /// Kernel state
    Fib,
    /// Sessions
    Neighbor,
}
