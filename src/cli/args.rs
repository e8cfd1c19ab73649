//! What can be typed.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use api::client::Endpoint;
use api::v1;
use bgp::types::{Family, Mac};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use ipnet::IpNet;

use crate::config::NeighborAddress;

/// Where linnetd listens unless its configuration says otherwise.
pub const DEFAULT_SOCKET: &str = "/run/linnet/linnet.sock";

const EXAMPLES: &str = "\
Examples:
  linnet neighbor                        sessions, one line for each family
  linnet neighbor 10.0.1.1 softreset     ask for its routes again, and send ours again
  linnet rib -a evpn macip --vni 100     MAC/IP routes of one network
  linnet rib 10.244.1.0/24 --detail      every attribute of every path
  linnet evpn mac --vni 100              where each MAC is, and whether the kernel knows
  linnet fib diff                        where the kernel is not as it should be
  linnet route 10.244.1.0/24             native routing: next hops, and what the kernel has
  linnet monitor neighbor rib            what changes, as it changes
  linnet -o json evpn vni | jq           for scripts";

/// Shows and steers linnetd.
#[derive(Debug, Parser)]
#[command(name = "linnet", version, after_help = EXAMPLES, max_term_width = 100)]
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
    /// Unix socket of linnetd [env: LINNET_SOCKET] [default: /run/linnet/linnet.sock]
    #[arg(long, global = true, value_name = "PATH", conflicts_with = "address")]
    pub socket: Option<PathBuf>,
    /// TCP address of linnetd [env: LINNET_ADDRESS]
    #[arg(long, global = true, value_name = "HOST:PORT")]
    pub address: Option<String>,
    /// No colors; there are none in a pipe or with NO_COLOR set either
    #[arg(long, global = true)]
    pub no_color: bool,
}

impl Global {
    /// Where linnetd is: an option beats the environment, `env`, which beats the default.
    pub fn endpoint(&self, env: impl Fn(&str) -> Option<String>) -> Endpoint {
        let unix = |path: &PathBuf| Endpoint::Unix(path.clone());
        let set = |name| env(name).filter(|value| !value.is_empty());
        self.socket
            .as_ref()
            .map(unix)
            .or_else(|| self.address.clone().map(Endpoint::Tcp))
            .or_else(|| set("LINNET_SOCKET").map(|path| Endpoint::Unix(path.into())))
            .or_else(|| set("LINNET_ADDRESS").map(Endpoint::Tcp))
            .unwrap_or_else(|| Endpoint::Unix(DEFAULT_SOCKET.into()))
    }
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
    Neighbor(NeighborArgs),
    /// BFD sessions, which watch neighbors
    Bfd(BfdArgs),
    /// The routing table: paths, one a line
    Rib(RibArgs),
    /// Policies: what each statement asks and does, and how many routes it applied to
    #[command(visible_alias = "policies")]
    Policy {
        /// Only this policy
        name: Option<String>,
    },
    /// Why a path won and the others lost, and what the kernel made of it
    Explain {
        /// A prefix, an EVPN route, a MAC, or a host's address
        key: String,
    },
    /// EVPN: networks, MACs, ARP and ND bindings, tunnel endpoints
    #[command(subcommand)]
    Evpn(EvpnCommand),
    /// The kernel's state: what is wanted beside what is there
    Fib(FibArgs),
    /// Native routing: where prefixes lead, and what the kernel has of it
    #[command(visible_alias = "routes")]
    Route(RouteArgs),
    /// Native mode: the prefixes that this node announces, and their sources
    #[command(visible_alias = "advertised")]
    Native(NativeArgs),
    /// Put a route into the table for as long as this command runs
    Inject(InjectArgs),
    /// Changes as they happen, after the present state
    Monitor(MonitorArgs),
    /// The daemon at a glance
    Status,
    /// The configuration: show what runs, check and compare files, have one taken, take it back
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Versions of this program and of linnetd
    Version,
    /// Prints a completion script for a shell
    Completion {
        /// The shell
        shell: Shell,
    },
}

/// Arguments of `neighbor`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct NeighborArgs {
    /// A new one.
    #[command(subcommand)]
    pub command: Option<NeighborCommand>,
    /// Only this neighbor, in detail
    #[arg(value_name = "ADDR")]
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
    #[arg(short = 'a', long = "family", value_name = "FAMILY", value_delimiter = ',', value_parser = family)]
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

/// Arguments of `bfd`.
#[derive(Debug, Args)]
pub struct BfdArgs {
    /// Only this neighbor's, in detail
    #[arg(value_name = "ADDR")]
    pub neighbor: Option<NeighborAddress>,
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

/// Commands of `config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Every fault of a file, with its place; needs no linnetd
    Check {
        /// The file
        #[arg(default_value = crate::config::DEFAULT_FILE)]
        file: PathBuf,
    },
    /// The running configuration, secrets covered
    Show,
    /// What linnetd would change if it took a file, and which sessions would end
    Diff {
        /// The file; linnetd's own unless given
        file: Option<PathBuf>,
    },
    /// Have linnetd take a file in place of what runs; with a fault in it nothing changes
    Apply {
        /// The file; `-` reads standard input
        file: PathBuf,
        /// Take it back after this time unless it is confirmed: `60`, `60s`, `5m`, `1h`
        #[arg(long, value_name = "TIME", value_parser = seconds)]
        confirm_within: Option<u32>,
    },
    /// Keep the change that waits to be confirmed
    Confirm,
    /// Take back the change that waits to be confirmed
    Rollback,
    /// Have linnetd read its own file again; what was changed since is lost
    Reload,
    /// A configuration made from BIRD's; needs no linnetd. What has no counterpart is named, and the exit code is 1
    FromBird {
        /// BIRD's file; those that it includes are read, too
        file: PathBuf,
    },
}

/// Arguments of `rib`.
#[derive(Debug, Args)]
pub struct RibArgs {
    /// `summary`; EVPN route types: macip, multicast, ead, es, prefix, or 1 to 5; or one destination
    #[arg(value_name = "WHAT", value_delimiter = ',')]
    pub what: Vec<RibWhat>,
    /// Only these families: evpn, ipv4, ipv6
    #[arg(short = 'a', long = "family", value_name = "FAMILY", value_delimiter = ',', value_parser = family)]
    pub families: Vec<Family>,
    /// Only this route distinguisher
    #[arg(long)]
    pub rd: Option<String>,
    /// Only this VNI
    #[arg(long, value_parser = vni())]
    pub vni: Option<u32>,
    /// Only this MAC
    #[arg(long)]
    pub mac: Option<Mac>,
    /// Only this host address, or the originator of a multicast route
    #[arg(long)]
    pub ip: Option<IpAddr>,
    /// Only paths from this neighbor; with `--adj out`, to it
    #[arg(long, value_name = "ADDR")]
    pub neighbor: Option<NeighborAddress>,
    /// What a neighbor sent, what it is sent, or the best paths
    #[arg(long, value_name = "TABLE", requires_ifs([("in", "neighbor"), ("out", "neighbor"), ("received", "neighbor")]))]
    pub adj: Option<Adj>,
    /// Every attribute of each path
    #[arg(long)]
    pub detail: bool,
}

/// A table of RFC 4271 section 3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Adj {
    /// What a neighbor sent
    In,
    /// What a neighbor is sent
    Out,
    /// What a neighbor sent, as it came; only where that is kept
    Received,
    /// The best paths
    Local,
}

/// What to show of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RibWhat {
    /// Counts only.
    Summary,
    /// One EVPN route type.
    Type(v1::RouteType),
    /// One destination.
    Destination(String),
}

impl FromStr for RibWhat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use v1::RouteType::{Ead, Es, Macip, Multicast, Prefix};
        Ok(match text {
            "summary" => RibWhat::Summary,
            "ead" | "1" => RibWhat::Type(Ead),
            "macip" | "macadv" | "2" => RibWhat::Type(Macip),
            "multicast" | "imet" | "3" => RibWhat::Type(Multicast),
            "es" | "4" => RibWhat::Type(Es),
            "prefix" | "5" => RibWhat::Type(Prefix),
            key if key.starts_with('[') => RibWhat::Destination(key.to_owned()),
            prefix => RibWhat::Destination(
                prefix
                    .parse::<IpNet>()
                    .map_err(
                        |_| "expected summary, a route type (macip, multicast, ead, es, prefix), or a prefix",
                    )?
                    .trunc()
                    .to_string(),
            ),
        })
    }
}

/// Commands of `evpn`.
#[derive(Debug, Subcommand)]
pub enum EvpnCommand {
    /// Networks
    Vni(EvpnArgs),
    /// MACs, local and remote
    #[command(visible_alias = "macs")]
    Mac(HostArgs),
    /// ARP and ND bindings, local and remote
    #[command(visible_aliases = ["arp-cache", "neigh"])]
    Arp {
        /// Which.
        #[command(flatten)]
        hosts: HostArgs,
        /// Only this address
        #[arg(long)]
        ip: Option<IpAddr>,
    },
    /// Remote tunnel endpoints
    #[command(visible_alias = "vteps")]
    Vtep(EvpnArgs),
}

/// Arguments of `evpn vni` and `evpn vtep`.
#[derive(Debug, Args)]
pub struct EvpnArgs {
    /// Only this network
    #[arg(long, value_parser = vni())]
    pub vni: Option<u32>,
}

/// Arguments that `evpn mac` and `evpn arp` have in common.
#[derive(Debug, Args)]
pub struct HostArgs {
    /// Only this network
    #[arg(long, value_parser = vni())]
    pub vni: Option<u32>,
    /// Only this MAC
    #[arg(long)]
    pub mac: Option<Mac>,
    /// Only hosts behind this VTEP
    #[arg(long, value_name = "ADDR")]
    pub vtep: Option<IpAddr>,
    /// Only hosts attached to this node
    #[arg(long, conflicts_with = "remote")]
    pub local: bool,
    /// Only hosts elsewhere
    #[arg(long)]
    pub remote: bool,
}

/// Arguments of `fib`.
#[derive(Debug, Args)]
pub struct FibArgs {
    /// Only where wanted and seen differ
    pub diff: Option<Diff>,
    /// Only this kind
    #[arg(long, value_delimiter = ',')]
    pub kind: Vec<FibKind>,
    /// Only this network
    #[arg(long, value_parser = vni())]
    pub vni: Option<u32>,
}

/// Arguments of `route`.
#[derive(Debug, Args)]
pub struct RouteArgs {
    /// `diff`: only routes that the kernel does not have, for whatever reason; or one prefix
    #[arg(value_name = "WHAT")]
    pub what: Option<RouteWhat>,
    /// Only these families: ipv4, ipv6
    #[arg(short = 'a', long = "family", value_name = "FAMILY", value_delimiter = ',', value_parser = family)]
    pub families: Vec<Family>,
}

/// Which routes to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteWhat {
    /// Those that the kernel does not have.
    Diff,
    /// The one to this prefix.
    Prefix(IpNet),
}

impl FromStr for RouteWhat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "diff" => Ok(RouteWhat::Diff),
            prefix => prefix
                .parse()
                .map(|prefix: IpNet| RouteWhat::Prefix(prefix.trunc()))
                .map_err(|_| "expected diff, or a prefix such as 10.244.1.0/24"),
        }
    }
}

/// Arguments of `native`.
#[derive(Debug, Args)]
pub struct NativeArgs {
    /// Something else than the prefixes
    pub what: Option<NativeWhat>,
    /// Only what this source gives
    #[arg(long, value_name = "NAME", conflicts_with = "what")]
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

/// Arguments of `inject`.
#[derive(Debug, Args)]
pub struct InjectArgs {
    /// A prefix; `evpn macip`; `evpn multicast`; or an EVPN key, such as `[5]:[10.0.0.1:1]:[0]:[24]:[10.1.0.0]`
    #[arg(value_name = "WHAT", required = true)]
    pub what: Vec<String>,
    /// Next hop; for EVPN the VTEP
    #[arg(long, value_name = "ADDR")]
    pub next_hop: IpAddr,
    /// Route distinguisher
    #[arg(long)]
    pub rd: Option<String>,
    /// Network
    #[arg(long, value_parser = vni())]
    pub vni: Option<u32>,
    /// With `evpn macip`: the host's MAC
    #[arg(long)]
    pub mac: Option<Mac>,
    /// With `evpn macip`: the host's address; with `evpn multicast`: the originator, the next hop unless given
    #[arg(long)]
    pub ip: Option<IpAddr>,
    /// Route targets; the speaker's AS and the VNI unless given
    #[arg(long = "route-target", value_name = "RT", value_delimiter = ',')]
    pub route_targets: Vec<String>,
    /// LOCAL_PREF
    #[arg(long)]
    pub local_pref: Option<u32>,
    /// MULTI_EXIT_DISC
    #[arg(long)]
    pub med: Option<u32>,
    /// AS numbers with blanks between them
    #[arg(long, default_value = "", hide_default_value = true)]
    pub as_path: String,
    /// Communities
    #[arg(long = "community", value_name = "COMMUNITY", value_delimiter = ',')]
    pub communities: Vec<String>,
    /// What the source is called where the route is shown
    #[arg(long, default_value = "linnet")]
    pub name: String,
    /// End after this time, not only at Ctrl-C: `60`, `60s`, `5m`, `1h`
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub lease: Option<u32>,
}

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

fn vni() -> impl clap::builder::TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(0..=0xff_ffff)
}

/// A time in seconds, or with its unit.
fn seconds(text: &str) -> Result<u32, &'static str> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.strip_prefix(digits) {
        Some("" | "s") => Some(1),
        Some("m") => Some(60),
        Some("h") => Some(3600),
        _ => None,
    };
    let time = digits.parse::<u32>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    time.filter(|time| *time > 0).ok_or("expected a time such as 60s, 5m or 1h")
}

/// The short names that every tool has, and the names of the configuration.
fn family(text: &str) -> Result<Family, String> {
    match text {
        "evpn" => Ok(Family::L2vpnEvpn),
        "ipv4" => Ok(Family::Ipv4Unicast),
        "ipv6" => Ok(Family::Ipv6Unicast),
        name => name.parse().map_err(|_| "expected evpn, ipv4 or ipv6".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(arguments: &[&str], env: &[(&str, &str)]) -> String {
        let cli = Cli::try_parse_from(["linnet", "status"].iter().chain(arguments)).unwrap();
        let get = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        cli.global.endpoint(get).to_string()
    }

    #[test]
    fn the_definitions_agree() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn an_option_beats_the_environment_which_beats_the_default() {
        let env = [("LINNET_SOCKET", "/env"), ("LINNET_ADDRESS", "env:1")];
        assert_eq!(endpoint(&[], &[]), DEFAULT_SOCKET);
        assert_eq!(endpoint(&[], &[("LINNET_SOCKET", "")]), DEFAULT_SOCKET);
        assert_eq!(endpoint(&[], &env), "/env");
        assert_eq!(endpoint(&[], &env[1..]), "env:1");
        assert_eq!(endpoint(&["--address", "opt:1"], &env), "opt:1");
        assert_eq!(endpoint(&["--socket", "/opt"], &env), "/opt");
    }

    #[test]
    fn times() {
        for (text, expected) in [("60", Some(60)), ("60s", Some(60)), ("5m", Some(300)), ("1h", Some(3600))] {
            assert_eq!(seconds(text).ok(), expected, "{text}");
        }
        ["", "s", "0", "5d", "-1", "99999999h"]
            .into_iter()
            .for_each(|text| assert!(seconds(text).is_err(), "{text}"));
    }

    #[test]
    fn what_of_the_table() {
        let what = |text: &str| text.parse::<RibWhat>();
        assert_eq!(what("2"), Ok(RibWhat::Type(v1::RouteType::Macip)));
        assert_eq!(what("10.1.2.3/16"), Ok(RibWhat::Destination("10.1.0.0/16".into())));
        assert_eq!(what("[3]:[x]"), Ok(RibWhat::Destination("[3]:[x]".into())));
        assert!(what("mcaip").is_err() && what("10.0.0.1").is_err());
    }
}
