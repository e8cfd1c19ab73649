//! The configuration file as it is written: one struct a section, one field a key.
//!
//! These types say what may be written and what each key means (`linnetd --schema` prints that). What the
//! keys mean together, with groups and defaults applied, is [`super::Config`].

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::api::ApiSection;
use super::authentication::AoAlgorithm;
use super::bfd::BfdSection;
use super::decision::{DecisionSection, MultipathSection};
use super::duplicates::DuplicatesSection;
use super::native::NativeSection;
use super::value::{AsnValue, MtuValue, RdValue, RtValue};

pub use super::graceful_restart::{GracefulRestart, LongLived};
pub use super::policy::file::PolicySection;
pub use super::settings::{DynamicNeighbors, Mesh, Neighbor, PeerGroup, PeerSettings};

/// The whole file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// BGP: this speaker and its neighbours.
    pub bgp: Bgp,
    /// EVPN over VXLAN. Without this section EVPN routes are kept and reflected, and the kernel is left alone.
    pub evpn: Option<Evpn>,
    /// Native routing: unicast routes without encapsulation.
    pub native: Option<NativeSection>,
    /// Policies, and the sets of prefixes, communities and AS paths that they use.
    #[serde(default)]
    pub policy: PolicySection,
    /// Where the gRPC API is served, and to whom.
    #[serde(default)]
    pub api: ApiSection,
}

/// This speaker and its neighbours.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bgp {
    /// The local AS.
    pub asn: AsnValue,
    /// The BGP identifier, four octets written like an IPv4 address.
    pub router_id: Ipv4Addr,
    /// Where connections are accepted. Without it linnetd only connects.
    pub listen: Option<Listen>,
    /// The cluster of a route reflector (RFC 4456); the router_id unless given.
    pub cluster_id: Option<Ipv4Addr>,
    /// Reflect routes of clients to other clients (RFC 4456); true unless given. Not needed where all clients have
    /// sessions with each other.
    #[serde(default = "yes")]
    pub client_to_client_reflection: bool,
    /// LOCAL_PREF of own routes, and of received ones that have none. 100 unless given.
    pub default_local_pref: Option<u32>,
    /// A path counts only while the kernel's main table has a route to its next hop, and of paths that are equal
    /// otherwise the one whose next hop has the route of the lowest metric is best. Not for a reflector whose node has
    /// no routes to the next hops of others. Without it every next hop counts as reachable. Unless given it is true
    /// where received routes go into the kernel (`native.install`), and else false.
    pub next_hop_tracking: Option<bool>,
    /// With `next_hop_tracking`: a default route is a route to a next hop, too. True unless given, as in FRR's
    /// traditional profile.
    pub next_hop_via_default: Option<bool>,
    /// How paths are chosen.
    #[serde(default)]
    pub decision: DecisionSection,
    /// How many paths that are equally good may be used side by side.
    #[serde(default)]
    pub multipath: MultipathSection,
    /// What an eBGP neighbour without a policy may do (RFC 8212).
    #[serde(default)]
    pub ebgp_default: EbgpDefault,
    /// What becomes of routes while linnetd or a neighbour restarts.
    #[serde(default)]
    pub graceful_restart: GracefulRestart,
    /// How long neighbours that a reload removes may keep their sessions until those that it adds have been heard,
    /// seconds: no destination is lost on the way from a mesh to a reflector, or back. 30 unless given; 0: they go at
    /// once.
    pub handover_time: Option<u16>,
    /// How BFD sessions are held, where a neighbour's `bfd` does not say otherwise. Starts none by itself.
    #[serde(default)]
    pub bfd: BfdSection,
    /// Settings that several neighbours share.
    #[serde(default)]
    pub peer_groups: Vec<PeerGroup>,
    /// The neighbours.
    #[serde(default)]
    pub neighbors: Vec<Neighbor>,
    /// Nodes that each have a session with every other.
    pub mesh: Option<Mesh>,
    /// Ranges of addresses from which neighbours may come that are not named.
    #[serde(default)]
    pub dynamic_neighbors: Vec<DynamicNeighbors>,
}

/// Where connections are accepted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Local addresses; `0.0.0.0` and `::` take all.
    #[serde(default = "all_addresses")]
    pub addresses: Vec<IpAddr>,
    /// TCP port; null: never accept.
    #[serde(default = "bgp_port")]
    pub port: Option<u16>,
}

/// What an eBGP neighbour without a policy may do (RFC 8212).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EbgpDefault {
    /// Nothing is taken and nothing is sent.
    #[default]
    Reject,
    /// Everything is taken and sent.
    Accept,
}

/// The AS that a neighbour must be in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected an AS number, a list of them, or internal, external or any")]
pub enum RemoteAs {
    /// One of the words.
    Word(RemoteAsWord),
    /// That number.
    Number(AsnValue),
    /// One of those.
    List(Vec<AsnValue>),
}

/// The AS that a neighbour must be in, without a number.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RemoteAsWord {
    /// This speaker's.
    Internal,
    /// Any but this speaker's.
    External,
    /// Any.
    Any,
}

/// TCP-AO (RFC 5925).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpAo {
    /// The keys; connections that linnetd makes begin with the first.
    pub keys: Vec<TcpAoKey>,
}

/// A key of TCP-AO.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpAoKey {
    /// Both ids, where they are the same.
    pub id: Option<u8>,
    /// The id that our segments carry.
    pub send_id: Option<u8>,
    /// The id that the neighbour's segments carry.
    pub recv_id: Option<u8>,
    /// What makes the signature.
    pub algorithm: AoAlgorithm,
    /// The file that holds the master key, 1 to 80 octets; a newline at its end is none of the key.
    pub secret_file: PathBuf,
}

/// What becomes of routes with a set in their AS path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AsSetWord {
    /// They are not used (RFC 9774).
    Reject,
    /// They are used.
    Accept,
}

/// EVPN over VXLAN.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evpn {
    /// The local tunnel address, IPv4 or IPv6.
    pub vtep: IpAddr,
    /// Take every VXLAN device that is on a bridge.
    #[serde(default)]
    pub advertise_all_vni: bool,
    /// Learn the addresses of hosts from the ARP and ND that they send: for bridges without an address of their own.
    /// Every frame of the bridges' ports passes a filter for that. Off unless given.
    #[serde(default)]
    pub snooping: bool,
    /// Seconds for which a host may say nothing before it is asked whether it is still there, 1 to 86400; 0: nobody is
    /// asked, and what the kernel forgets is withdrawn. 120 unless given; less than what bridges forget MACs after,
    /// which is 300 as a rule.
    #[serde(default = "probe_interval")]
    pub probe_interval: u32,
    /// How many hosts may be asked a second, 1 to 10000. 500 unless given.
    #[serde(default = "probe_rate")]
    pub probe_rate: u32,
    /// Where linnetd writes down which hosts are attached here, so that it can ask them when it has been started anew;
    /// null: nowhere. `/run/linnet/hosts` unless given.
    #[serde(default = "state_file")]
    pub state_file: Option<PathBuf>,
    /// Send broadcasts and frames for unknown hosts to all VTEPs of a network. With false nothing is flooded, and no
    /// Type 3 route asks others to flood to this node. True unless given.
    #[serde(default = "yes")]
    pub flooding: bool,
    /// What becomes of a MAC or an address that moves too often, as when two hosts have it.
    #[serde(default)]
    pub duplicates: DuplicatesSection,
    /// The networks that are taken, or given settings of their own.
    #[serde(default)]
    pub vnis: Vec<VniSection>,
    /// Seconds in which the kernel's tables of all networks are compared with what is wanted of them though nothing was
    /// heard of a change: one network at a time, one a second at most, and for half a percent of the time at most, so
    /// that it takes longer with many of them. 0: never.
    #[serde(default = "audit_interval")]
    pub audit_interval: u16,
}

fn audit_interval() -> u16 {
    60
}

/// One network.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VniSection {
    /// Its number, 1 to 16777215.
    pub vni: u32,
    /// The VXLAN device; any of this VNI unless given. With `create`, `vxlanVNI` unless given.
    pub vxlan: Option<String>,
    /// The bridge; the one that the VXLAN device is on unless given. With `create`, `brVNI` unless given.
    pub bridge: Option<String>,
    /// Make the bridge and the VXLAN device where they are missing.
    #[serde(default)]
    pub create: bool,
    /// UDP port of a device to be made.
    #[serde(default = "vxlan_port")]
    pub port: u16,
    /// MTU of a device to be made: `auto` is the underlay's less the encapsulation. Where the VTEP's address is on no
    /// link, but on the loopback, that is the smallest of the devices by which routes lead to other nodes.
    #[serde(default)]
    pub mtu: MtuValue,
    /// Route distinguisher: `auto` (router_id:index), or one such as "10.0.0.1:100".
    #[serde(default)]
    pub rd: RdValue,
    /// Route targets imported: `auto` (any AS with this VNI), or a list such as ["65000:100", "*:100"].
    #[serde(default)]
    pub import_rt: RtValue,
    /// Route targets exported: `auto` (AS:VNI), or a list.
    #[serde(default)]
    pub export_rt: RtValue,
    /// Learn the addresses of its hosts from the ARP and ND that they send; as `evpn.snooping` says unless given.
    pub snooping: Option<bool>,
    /// Whether frames are flooded in this network; as `evpn.flooding` says unless given.
    pub flooding: Option<bool>,
    /// VTEPs that frames are flooded to whether they announce themselves or not; where nothing is flooded, neither
    /// to them.
    #[serde(default)]
    pub static_vteps: Vec<IpAddr>,
}

fn all_addresses() -> Vec<IpAddr> {
    vec![Ipv4Addr::UNSPECIFIED.into(), std::net::Ipv6Addr::UNSPECIFIED.into()]
}

fn yes() -> bool {
    true
}

fn bgp_port() -> Option<u16> {
    Some(179)
}

fn probe_interval() -> u32 {
    120
}

fn state_file() -> Option<PathBuf> {
    Some("/run/linnet/hosts".into())
}

fn probe_rate() -> u32 {
    500
}

/// IANA's port for VXLAN (RFC 7348 section 5).
fn vxlan_port() -> u16 {
    4789
}
