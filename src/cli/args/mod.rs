//! What can be typed: the program and the options of every command here, and each command's own beside it.

mod bfd;
mod config;
mod doctor;
mod evpn;
mod examples;
mod fib;
mod inject;
mod monitor;
mod native;
mod neighbor;
mod reach;
mod rib;
mod route;
mod top;
mod topology;
mod value;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::{ArgValueCompleter, Shell};

pub use bfd::BfdArgs;
pub use config::ConfigCommand;
pub use doctor::DoctorArgs;
pub use evpn::{DuplicatesArgs, DuplicatesCommand, EvpnArgs, EvpnCommand, HostArgs};
pub use fib::{Diff, FibArgs, FibKind};
pub use inject::InjectArgs;
pub use monitor::{MonitorArgs, Topic};
pub use native::{AdvertisedFilter, NativeArgs, NativeWhat};
pub use neighbor::{AddNeighborArgs, NeighborAction, NeighborArgs, NeighborCommand, Setting};
pub use reach::{DEFAULT_SOCKET, Reach};
pub use rib::{Adj, RibArgs, RibWhat};
pub use route::{RouteArgs, RouteWhat};
pub use top::TopArgs;
pub use topology::{Drawing, TopologyArgs};

use super::complete;

/// Shows and steers linnetd.
#[derive(Debug, Parser)]
#[command(name = "linnet", version, after_help = examples::LINNET, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// For every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Form of the output
    #[arg(short, long, global = true, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
    /// Where linnetd is.
    #[command(flatten)]
    pub reach: Reach,
    /// No colors; there are none in a pipe or with NO_COLOR set either
    #[arg(long, global = true)]
    pub no_color: bool,
    /// No pager for what is longer than the screen [env: LINNET_PAGER, PAGER]
    #[arg(long, global = true)]
    pub no_pager: bool,
}

/// A form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns
    Table,
    /// More columns
    Wide,
    /// One array, or one object
    Json,
    /// One object a line
    Jsonl,
    /// One sequence, or one mapping
    Yaml,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// BGP neighbors: sessions, details, resets
    #[command(visible_aliases = ["neighbors", "peers", "summary"])]
    #[command(after_help = examples::NEIGHBOR)]
    Neighbor(NeighborArgs),
    /// BFD sessions, which watch neighbors
    #[command(after_help = examples::BFD)]
    Bfd(BfdArgs),
    /// The routing table: paths, one a line
    #[command(after_help = examples::RIB)]
    Rib(RibArgs),
    /// Policies: what each statement asks and does, and how many routes it applied to
    #[command(visible_alias = "policies")]
    #[command(after_help = examples::POLICY)]
    Policy {
        /// Only this policy
        #[arg(add = ArgValueCompleter::new(complete::policies))]
        name: Option<String>,
    },
    /// Why a path won and the others lost, and what the kernel made of it
    #[command(after_help = examples::EXPLAIN)]
    Explain {
        /// A prefix, an EVPN route, a MAC, or a host's address
        #[arg(add = ArgValueCompleter::new(complete::macs))]
        key: String,
    },
    /// EVPN: networks, MACs, ARP and ND bindings, tunnel endpoints
    #[command(subcommand, after_help = examples::EVPN)]
    Evpn(EvpnCommand),
    /// The kernel's state: what is wanted beside what is there
    #[command(after_help = examples::FIB)]
    Fib(FibArgs),
    /// Native routing: where prefixes lead, and what the kernel has of it
    #[command(visible_alias = "routes")]
    #[command(after_help = examples::ROUTE)]
    Route(RouteArgs),
    /// Native mode: the prefixes that this node announces, and their sources
    #[command(visible_alias = "advertised")]
    #[command(after_help = examples::NATIVE)]
    Native(NativeArgs),
    /// The fabric as this node sees it: neighbors, reflectors, VTEPs and their networks
    #[command(after_help = examples::TOPOLOGY)]
    Topology(TopologyArgs),
    /// Put a route into the table for as long as this command runs
    #[command(after_help = examples::INJECT)]
    Inject(InjectArgs),
    /// Changes as they happen, after the present state
    #[command(after_help = examples::MONITOR)]
    Monitor(MonitorArgs),
    /// The daemon live, on the whole terminal: sessions with rates, networks, the kernel, what happens
    #[command(after_help = examples::TOP)]
    Top(TopArgs),
    /// The daemon at a glance
    Status,
    /// Whether each service can answer; fails where one cannot, as a health check does
    Health,
    /// Why packets do not arrive: what an operator would look at, in turn; on the node, with or without linnetd
    #[command(after_help = examples::DOCTOR)]
    Doctor(DoctorArgs),
    /// The configuration: show what runs, check and compare files, have one taken, take it back
    #[command(subcommand, after_help = examples::CONFIG)]
    Config(ConfigCommand),
    /// Versions of this program and of linnetd
    Version,
    /// Prints a completion script for a shell
    #[command(after_help = examples::COMPLETION)]
    Completion {
        /// The shell
        shell: Shell,
    },
    /// Writes manual pages
    #[command(after_help = examples::MAN)]
    Man {
        /// Where to; it is made if it is not there
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        directory: PathBuf,
    },
}

impl Command {
    /// Whether its output ends by itself, and is for reading: then it may go through a pager.
    pub fn is_paged(&self) -> bool {
        !matches!(
            self,
            Command::Inject(_)
                | Command::Monitor(_)
                | Command::Top(_)
                | Command::Version
                | Command::Completion { .. }
                | Command::Man { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_agree() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
