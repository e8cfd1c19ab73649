//! The configuration: what the file may say ([`mod@file`]), and what it means ([`Config`]).
//!
//! Reading finds every fault at once, each with its line, column and key; a file with a fault gives no
//! configuration. Nothing is touched by reading: the daemon acts on a [`Config`], which is right by type.

mod add_path;
mod address;
mod api;
mod authentication;
mod bfd;
mod check;
mod checker;
mod decision;
pub mod diff;
mod duplicates;
pub mod fault;
pub mod file;
mod graceful_restart;
mod groups;
mod host;
mod identity;
mod locate;
mod mask;
mod max_prefix;
mod mesh;
mod native;
mod neighbor;
pub mod policy;
mod protection;
mod ranges;
mod read;
mod secret;
mod settings;
#[cfg(test)]
mod tests;
mod text;
mod value;
mod vnis;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use ::api::server::ListenConfig;
use bgp::export::NextHopMode;
use bgp::policy::{Chain, Policy};
use bgp::rib::{Admission, DecisionRules};
use bgp::session::{RemoteAs, RoleConfig};
use bgp::types::{Asn, Family, FamilySet, LocalAs, Rd, RouterId, Vni};
use bgp::wire::RouteTarget;
use evpn::{DuplicateRules, ImportTarget};
use ipnet::IpNet;

pub use self::bfd::{BfdConfig, BfdSection, BfdValue, MultihopValue};
pub use add_path::{AddPath, SendPaths};
pub use address::{InterfaceName, NeighborAddress};
pub use authentication::{AoAlgorithm, AoKey, Authentication, Hops};
pub use fault::{Fault, Faults};
pub use graceful_restart::RestartSettings;
pub use max_prefix::{LimitAction, PrefixLimits};
pub use mesh::NodesValue;
pub(crate) use native::is_for_no_host;
#[cfg(feature = "kubernetes")]
pub(crate) use native::is_node_name;
pub use native::{
    Announcement, FileSource, KernelSource, KubernetesSource, NativeConfig, NativeKernel, OwnAttrs,
    OwnPrefixes, PrefixKind,
};
pub use secret::Secret;
pub use text::{EditError, Text};

/// Where the configuration is unless linnetd is told otherwise.
pub const DEFAULT_FILE: &str = "/etc/linnet/linnet.yaml";

/// What a configuration means, with groups and defaults applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// This speaker and its neighbours.
    pub bgp: BgpConfig,
    /// EVPN over VXLAN, where it is asked for.
    pub evpn: Option<EvpnConfig>,
    /// Native routing, where it is asked for.
    pub native: Option<NativeConfig>,
    /// Where the API is served, and to whom.
    pub api: ListenConfig,
    /// What is allowed and yet should not be so: for the log.
    pub warnings: Vec<String>,
    /// What it was read from.
    pub text: Text,
}

/// This speaker and its neighbours.
#[derive(Clone, Debug, PartialEq)]
pub struct BgpConfig {
    /// The local AS.
    pub asn: Asn,
    /// The BGP identifier.
    pub router_id: RouterId,
    /// The reflector's cluster (RFC 4456 section 7).
    pub cluster_id: Ipv4Addr,
    /// How paths are chosen.
    pub decision: DecisionRules,
    /// LOCAL_PREF of own routes, and of received ones that have none.
    pub default_local_pref: u32,
    /// Whether the kernel is asked about next hops.
    pub next_hop_tracking: Option<NextHopTracking>,
    /// Where connections are accepted; empty: nowhere.
    pub listen: Vec<SocketAddr>,
    /// The neighbours, each with its group's settings merged in.
    pub neighbors: Vec<NeighborConfig>,
    /// Where neighbours may come from that are not named.
    pub ranges: Vec<RangeConfig>,
    /// How long neighbours that a reload removes stay at most, until those that it adds have been heard.
    pub handover_time: Duration,
    /// The policies, in the order in which they are written.
    pub policies: Vec<Arc<Policy>>,
}

/// How the kernel is asked about next hops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextHopTracking {
    /// A default route is a way to them, too.
    pub via_default: bool,
}

/// A range of addresses, and what holds for a neighbour that comes from it.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeConfig {
    /// The addresses, no bit of a host's set.
    pub range: IpNet,
    /// How many neighbours may be there at a time.
    pub limit: u32,
    /// Each of them, but for its address.
    pub neighbor: NeighborConfig,
}

impl RangeConfig {
    /// The neighbour of this address.
    pub fn neighbor_at(&self, address: NeighborAddress) -> NeighborConfig {
        NeighborConfig { address, ..self.neighbor.clone() }
    }
}

/// A neighbour.
#[derive(Clone, Debug, PartialEq)]
pub struct NeighborConfig {
    /// Its address or its link: what identifies it.
    pub address: NeighborAddress,
    /// The range that it came from; `None` where it is configured itself.
    pub range: Option<IpNet>,
    /// This speaker's AS.
    pub own_as: Asn,
    /// This speaker's BGP identifier.
    pub own_id: RouterId,
    /// The cluster that this speaker reflects for, where routes of this neighbour may be reflected or reflected to it.
    pub cluster: Option<Ipv4Addr>,
    /// Its TCP port.
    pub port: u16,
    /// The operator's word for it; may be empty.
    pub description: String,
    /// The group whose settings it took; empty: none.
    pub peer_group: String,
    /// It is to be kept down, and told so with this text, which may be empty (RFC 9003).
    pub shutdown: Option<String>,
    /// The address to connect from.
    pub local_address: Option<IpAddr>,
    /// The AS it must be in.
    pub remote_as: RemoteAs,
    /// Families to negotiate.
    pub families: FamilySet,
    /// Never connect, only be connected to.
    pub passive: bool,
    /// This speaker's AS towards it, where that is not its own.
    pub local_as: Option<LocalAs>,
    /// Reflect to and from it.
    pub route_reflector_client: bool,
    /// Send it, if it is a client, what comes from other clients.
    pub between_clients: bool,
    /// Proposed hold time, seconds; 0: never.
    pub hold_time: u16,
    /// Seconds between keepalives; `None`: a third of the negotiated hold time.
    pub keepalive: Option<u16>,
    /// Seconds between attempts to connect.
    pub connect_retry: u16,
    /// The least hold time that it may offer, seconds.
    pub min_hold_time: u16,
    /// IPv4 routes may have an IPv6 next hop; `None`: over IPv6.
    pub extended_next_hop: Option<bool>,
    /// What this speaker is to it (RFC 9234).
    pub role: Option<RoleConfig>,
    /// Which of its routes are taken.
    pub admission: Admission,
    /// Several paths of a destination from and to it (RFC 7911).
    pub add_path: AddPath,
    /// How much its paths are preferred, before anything that they say themselves.
    pub weight: u32,
    /// LOCAL_PREF of its paths that have none.
    pub local_pref: u32,
    /// Tell it this node's host name.
    pub fqdn: bool,
    /// Tell it the name and version of this software.
    pub software_version: bool,
    /// How far away it may be.
    pub hops: Hops,
    /// How its segments are signed.
    pub authentication: Authentication,
    /// Which next hop it is told for IP routes.
    pub next_hop_mode: NextHopMode,
    /// How many routes it may send.
    pub max_prefix: Option<PrefixLimits>,
    /// Seconds for which it may leave unread what is sent to it; `None`: as RFC 9687 recommends.
    pub send_hold_time: Option<u32>,
    /// Whether an eBGP neighbour is served without a policy (RFC 8212).
    pub ebgp_accept: bool,
    /// Graceful restart, of this speaker and the neighbour; `None`: neither.
    pub graceful_restart: Option<RestartSettings>,
    /// How BFD watches it, where it does.
    pub bfd: Option<BfdConfig>,
    /// What decides what is taken from it.
    pub import_policy: Option<Chain>,
    /// What decides what it is sent.
    pub export_policy: Option<Chain>,
    /// Keep what it sent as it came, beside the table.
    pub keep_adj_in: bool,
}

/// EVPN over VXLAN.
#[derive(Clone, Debug, PartialEq)]
pub struct EvpnConfig {
    /// The local tunnel address.
    pub vtep: IpAddr,
    /// Take every VXLAN device that is on a bridge.
    pub advertise_all_vni: bool,
    /// Frames are flooded, where a VNI does not say otherwise.
    pub flooding: bool,
    /// What becomes of hosts that move too often.
    pub duplicates: DuplicateRules,
    /// VNIs with settings of their own.
    pub vnis: Vec<VniConfig>,
    /// How often the kernel's tables are looked at without a cause; `None`: never.
    pub audit_interval: Option<Duration>,
    /// How hosts that are attached here are heard and asked.
    pub hosts: HostsConfig,
}

/// How hosts that are attached here are heard and asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostsConfig {
    /// What they say of themselves in ARP and ND counts.
    pub snooping: bool,
    /// How long one may be silent before it is asked whether it is there; `None`: nobody is asked.
    pub probe_interval: Option<Duration>,
    /// How many may be asked a second.
    pub probe_rate: u32,
    /// Where it is written down which there are, for a later run.
    pub state_file: Option<PathBuf>,
}

/// One VNI's settings; `None` is `auto`.
#[derive(Clone, Debug, PartialEq)]
pub struct VniConfig {
    /// Its number.
    pub vni: Vni,
    /// The VXLAN device's name.
    pub vxlan: Option<String>,
    /// The bridge's name.
    pub bridge: Option<String>,
    /// Make the devices where they are missing.
    pub create: bool,
    /// UDP port of a device to be made.
    pub port: u16,
    /// MTU of devices to be made, octets.
    pub mtu: Option<u16>,
    /// Route distinguisher.
    pub rd: Option<Rd>,
    /// Route targets to import.
    pub import_rt: Option<Vec<ImportTarget>>,
    /// Route targets to export.
    pub export_rt: Option<Vec<RouteTarget>>,
    /// What its hosts say of themselves counts; `None`: as everywhere.
    pub snooping: Option<bool>,
    /// Frames are flooded; as elsewhere unless given.
    pub flooding: Option<bool>,
    /// They are flooded to these in any case.
    pub static_vteps: Vec<IpAddr>,
}

impl BgpConfig {
    /// Whether some neighbour keeps routes of `family` while this speaker restarts.
    pub fn restarts_gracefully(&self, family: Family) -> bool {
        let keeps = |n: &NeighborConfig| n.graceful_restart.is_some() && n.families.contains(family);
        self.neighbors.iter().chain(self.ranges.iter().map(|range| &range.neighbor)).any(keeps)
    }
}

/// Why a file gave no configuration.
#[derive(Debug)]
pub enum LoadError {
    /// It cannot be read.
    Unreadable(PathBuf, io::Error),
    /// It has faults.
    Faults(Faults),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Unreadable(path, error) => f.write_str(&host::unreadable(path, error)),
            LoadError::Faults(faults) => {
                let count = faults.list.len();
                let word = if count == 1 { "fault" } else { "faults" };
                write!(f, "{count} {word} in the configuration\n{faults}")
            }
        }
    }
}

impl std::error::Error for LoadError {}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or has faults, which are told all at once.
    pub fn load(path: &Path) -> Result<Config, LoadError> {
        let unreadable = |error| LoadError::Unreadable(path.to_owned(), error);
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Config::parse_here(&path.display().to_string(), &text).map_err(LoadError::Faults)
    }

    /// As [`Config::parse`], of this machine.
    ///
    /// # Errors
    /// As there.
    pub fn parse_here(name: &str, text: &str) -> Result<Config, Faults> {
        Config::parse_on(name, text, &host::addresses())
    }

    /// Reads a configuration; `name` is what its faults call the file.
    ///
    /// # Errors
    /// Every fault of the text, in the order of their places.
    pub fn parse(name: &str, text: &str) -> Result<Config, Faults> {
        Config::parse_on(name, text, &[])
    }

    /// As [`Config::parse`], of a machine that has these addresses.
    ///
    /// # Errors
    /// As there.
    pub fn parse_on(name: &str, text: &str, host: &[IpAddr]) -> Result<Config, Faults> {
        let mut read = read::read(text);
        let mut list = std::mem::take(&mut read.faults);
        let mut config = None;
        if let Some(file) = read.file.take() {
            let (checked, findings) = check::check(file, Text::new(text), host);
            list.extend(findings.into_iter().filter_map(|finding| placed(&read, text, finding)));
            config = Some(checked);
        }
        match config {
            Some(config) if list.is_empty() => Ok(config),
            _ => {
                list.sort_by_key(|fault| fault.position);
                Err(Faults { file: name.to_owned(), text: mask::masked(text), list })
            }
        }
    }

    /// The JSON Schema of the file.
    pub fn schema() -> schemars::Schema {
        schemars::schema_for!(file::File)
    }
}

/// A finding at its place; `None` where it speaks of a value that only stands in for a faulty one.
fn placed(read: &read::Read, text: &str, finding: fault::Finding) -> Option<Fault> {
    let path = read.original(&finding.path);
    if !read.is_genuine(&path) {
        return None;
    }
    // What is missing is shown where it should be.
    let position = locate::locate(text, &path, locate::Part::Value)
        .or_else(|| locate::locate(text, &path.parent(), locate::Part::Value));
    Some(Fault { path, position, message: finding.message })
}
