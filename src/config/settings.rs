//! What may be set for a neighbour or for a group of them, once: a new key is one line in the list below.
//!
//! (serde can flatten a struct into another, but not together with refusing unknown keys, which is worth more
//! here. So the structs are written out by a macro.)

use std::net::IpAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::add_path::AddPath;
use super::address::{AddressValue, InterfaceName};
use super::bfd::BfdValue;
use super::file::{AsSetWord, GracefulRestart, RemoteAs, TcpAo};
use super::max_prefix::MaxPrefix;
use super::mesh::NodesValue;
use super::secret::Secret;
use super::value::{FamilyValue, LocalAsValue, NextHopSelf, RangeValue, RoleValue, ShutdownValue, Texts};

macro_rules! peer_settings {
    ($($(#[doc = $doc:literal])* $key:ident: $type:ty,)*) => {
        /// What a neighbour and its group have in common.
        #[derive(Clone, Debug, Default)]
        pub struct PeerSettings {
            $($(#[doc = $doc])* pub $key: Option<$type>,)*
        }

        /// Settings that several neighbours share.
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct PeerGroup {
            /// What neighbours call it.
            pub name: String,
            /// The group whose settings it takes where it has none of its own.
            pub peer_group: Option<String>,
            $($(#[doc = $doc])* pub $key: Option<$type>,)*
        }

        /// A neighbour. What is not given here is its group's.
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct Neighbor {
            /// Its address; a link-local one with its link, as in `fe80::1%eth0`.
            pub address: Option<AddressValue>,
            /// In place of an address: the interface whose link leads to it, and to nobody else. The neighbour is
            /// found by router advertisements, and reached at its link-local address.
            pub interface: Option<InterfaceName>,
            /// The group whose settings it takes.
            pub peer_group: Option<String>,
            /// A word for the operator.
            pub description: Option<String>,
            $($(#[doc = $doc])* pub $key: Option<$type>,)*
        }

        /// Addresses from which neighbours may come that are not named: they connect, and are gone when their
        /// session is.
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct DynamicNeighbors {
            /// The addresses. Of several ranges that hold an address the longest prefix counts.
            pub range: RangeValue,
            /// How many neighbours may be there at a time. 100 unless given.
            pub limit: Option<u32>,
            /// The group whose settings they take.
            pub peer_group: Option<String>,
            /// A word for the operator.
            pub description: Option<String>,
            $($(#[doc = $doc])* pub $key: Option<$type>,)*
        }

        /// Nodes of which every two have a session. The list may be the same on all of them: each leaves itself out.
        /// Of every two the one with the lower address connects.
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct Mesh {
            /// The nodes' addresses, one by one or as ranges such as `10.0.0.1-10.0.0.9`. This node is the one of the
            /// mesh's local_address, of bgp.router_id, of an address in bgp.listen, or of its interfaces.
            pub nodes: Vec<NodesValue>,
            /// The group whose settings they take.
            pub peer_group: Option<String>,
            $($(#[doc = $doc])* pub $key: Option<$type>,)*
        }

        impl Mesh {
            /// What is set for each of them.
            pub fn settings(&self) -> PeerSettings {
                PeerSettings { $($key: self.$key.clone(),)* }
            }
        }

        impl DynamicNeighbors {
            /// What is set for each of them.
            pub fn settings(&self) -> PeerSettings {
                PeerSettings { $($key: self.$key.clone(),)* }
            }
        }

        impl PeerGroup {
            /// What it sets.
            pub fn settings(&self) -> PeerSettings {
                PeerSettings { $($key: self.$key.clone(),)* }
            }
        }

        impl Neighbor {
            /// What it sets itself.
            pub fn settings(&self) -> PeerSettings {
                PeerSettings { $($key: self.$key.clone(),)* }
            }
        }

        impl PeerSettings {
            /// Each of these, and where it is not given that of the group.
            fn each_or(self, group: PeerSettings) -> PeerSettings {
                PeerSettings { $($key: self.$key.or(group.$key),)* }
            }
        }
    };
}

peer_settings! {
    /// The AS: a number, a list of numbers, `internal`, `external` or `any`.
    remote_as: RemoteAs,
    /// The neighbour's TCP port; 179 unless given.
    port: u16,
    /// The local address to connect from.
    local_address: IpAddr,
    /// Families to negotiate; ipv4-unicast unless given.
    families: Vec<FamilyValue>,
    /// Wait to be connected to.
    passive: bool,
    /// The AS that this speaker is of towards the neighbour, where it is not its own.
    local_as: LocalAsValue,
    /// Reflect routes to and from the neighbour (RFC 4456).
    route_reflector_client: bool,
    /// Proposed hold time, seconds: 0, or 3 and more. 90 unless given.
    hold_time: u16,
    /// Seconds between keepalives; a third of the hold time unless given.
    keepalive: u16,
    /// Seconds between attempts to connect. 10 unless given.
    connect_retry: u16,
    /// The least hold time that the neighbour may offer, seconds (0, no hold timer, is always taken). 0 unless given.
    min_hold_time: u16,
    /// IPv4 routes may have an IPv6 next hop (RFC 8950). On over IPv6, off over IPv4 unless given.
    extended_next_hop: bool,
    /// What this speaker is to an eBGP neighbour (RFC 9234): it must be the counterpart, and routes do not leak.
    role: RoleValue,
    /// The neighbour has to name its role, too.
    role_strict: bool,
    /// Take routes of an eBGP neighbour only if its AS comes first in their path. On unless given; off for route
    /// servers, which leave theirs out.
    enforce_first_as: bool,
    /// How often the path of a route that is taken may name this AS; 0 unless given.
    allow_as_in: u8,
    /// Routes with a set in their AS path, which RFC 9774 forbids: `reject` unless given, or `accept`.
    as_set: AsSetWord,
    /// Several paths of a destination from and to the neighbour (RFC 7911). One each way unless given.
    add_path: AddPath,
    /// Preference for the neighbour's paths before anything that they say themselves; the highest wins. 0 unless given.
    weight: u32,
    /// LOCAL_PREF of the neighbour's paths that have none, as those by eBGP; `bgp.default_local_pref` unless given.
    local_pref: u32,
    /// Tell the neighbour this node's host name. On unless given.
    fqdn: bool,
    /// Tell the neighbour the name and version of this software. Off unless given.
    software_version: bool,
    /// Hops that an eBGP neighbour may be away; 1, on the link, unless given.
    multihop: u8,
    /// What becomes of routes while linnetd or the neighbour restarts.
    graceful_restart: GracefulRestart,
    /// Tell the neighbour this speaker's address as the next hop of IP routes that came by eBGP; `force`: of all, so
    /// that the traffic of reflected routes goes through here as well.
    next_hop_self: NextHopSelf,
    /// Tell an eBGP neighbour the next hops that IP routes have.
    next_hop_unchanged: bool,
    /// How many routes the neighbour may send; any number unless given.
    max_prefix: MaxPrefix,
    /// Seconds for which the neighbour may leave unread what is sent to it, before the session ends (RFC 9687).
    /// 480, or twice the hold time if that is longer, unless given.
    send_hold_time: u32,
    /// Keep the session down: true, or a text that the neighbour's operator is told (RFC 9003).
    shutdown: ShutdownValue,
    /// Watch the neighbour with BFD (RFC 5880): true, or how; what is not given is taken from bgp.bfd. False unless given.
    bfd: BfdValue,
    /// Policies that decide what is taken from the neighbour: one name, or several that are asked in turn.
    import_policy: Texts,
    /// Policies that decide what the neighbour is sent: one name, or several that are asked in turn.
    export_policy: Texts,
    /// Keep what the neighbour sent as it came, beside the routing table: it can be shown, and a new import policy is
    /// applied to it without asking the neighbour. Kept in any case where the neighbour cannot be asked (RFC 2918).
    keep_adj_in: bool,
    /// Hops that the neighbour may be away at most, as its packets prove it (GTSM, RFC 5082): 1 is on the link.
    ttl_security: u8,
    /// The key of TCP-MD5 (RFC 2385), 1 to 80 octets. It is better kept in a file.
    password: Secret,
    /// A file that holds the key of TCP-MD5; a newline at its end is none of the key.
    password_file: PathBuf,
    /// The keys of TCP-AO (RFC 5925).
    tcp_ao: TcpAo,
}

impl PeerSettings {
    /// These, and where they say nothing those of the group. Who says how segments are signed, or how far away
    /// the neighbour may be, leaves nothing of what the group says about that.
    pub fn or(self, mut group: PeerSettings) -> PeerSettings {
        if self.password.is_some() || self.password_file.is_some() || self.tcp_ao.is_some() {
            (group.password, group.password_file, group.tcp_ao) = (None, None, None);
        }
        if self.multihop.is_some() || self.ttl_security.is_some() {
            (group.multihop, group.ttl_security) = (None, None);
        }
        self.each_or(group)
    }
}
