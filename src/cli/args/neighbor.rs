//! `neighbor`.

use std::str::FromStr;

use bgp::types::Family;
use clap::{Args, Subcommand, ValueEnum};
use clap_complete::{ArgValueCandidates, ArgValueCompleter};

use super::examples;
use super::value::{families, family};
use crate::cli::complete;
use crate::config::NeighborAddress;

/// Arguments of `neighbor`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct NeighborArgs {
    /// A new one.
    #[command(subcommand)]
    pub command: Option<NeighborCommand>,
    /// Only this neighbor, in detail
    #[arg(value_name = "ADDR", add = ArgValueCompleter::new(complete::neighbors))]
    pub neighbor: Option<NeighborAddress>,
    /// What to do with it
    #[arg(requires = "neighbor")]
    pub action: Option<NeighborAction>,
    /// With reset or shutdown: tell the neighbor why (RFC 9003)
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, requires = "action")]
    pub message: String,
}

/// Commands of `neighbor`.
#[derive(Debug, Subcommand)]
pub enum NeighborCommand {
    /// Add a neighbor to the running configuration, until the file is read again
    #[command(after_help = examples::NEIGHBOR_ADD)]
    Add(AddNeighborArgs),
}

/// Arguments of `neighbor add`.
#[derive(Debug, Args)]
pub struct AddNeighborArgs {
    /// Its address, or the interface that leads to it
    #[arg(value_name = "ADDR")]
    pub neighbor: NeighborAddress,
    /// Its AS: a number, internal, external or any
    #[arg(long, value_name = "AS")]
    pub remote_as: Option<String>,
    /// The group whose settings it takes
    #[arg(long, value_name = "NAME")]
    pub peer_group: Option<String>,
    /// Families: evpn, ipv4, ipv6
    #[arg(short = 'a', long = "family", value_name = "FAMILY", value_delimiter = ',', value_parser = family, add = ArgValueCandidates::new(families))]
    pub families: Vec<Family>,
    /// A word for the operator
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Never connect, only be connected to
    #[arg(long)]
    pub passive: bool,
    /// Any other key of a neighbor in the file, with its value in YAML
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<Setting>,
    /// Take the place of the neighbor of this address
    #[arg(long)]
    pub replace: bool,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key.
    pub key: String,
    /// The value, in YAML.
    pub value: String,
}

impl FromStr for Setting {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE, such as hold_time=9")?;
        Ok(Setting { key: key.trim().to_owned(), value: value.trim().to_owned() })
    }
}

/// What can be done with a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NeighborAction {
    /// End the session; it comes up anew
    Reset,
    /// Ask for its routes again, and send ours again
    Softreset,
    /// Ask for its routes again
    Softresetin,
    /// Send ours again
    Softresetout,
    /// End the session and keep it down
    #[value(alias = "disable")]
    Shutdown,
    /// Let the session come up again
    Enable,
    /// Take the neighbor out of the running configuration, until the file is read again
    Remove,
}
