//! Native mode: received unicast routes become the kernel's own, with no encapsulation. What of them goes into which
//! table, and as whose.

mod fallback;
mod kubernetes;
mod sources;

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use fib::TunnelDevice;
use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::checker::Checker;
use super::fault::Path;
use super::file;
use super::value::RangeValue;
use super::vnis::audit_interval;

use fallback::FallbackValue;
use kubernetes::KubernetesSection;
pub use kubernetes::KubernetesSource;
#[cfg(feature = "kubernetes")]
pub(crate) use kubernetes::is_node_name;
pub(crate) use sources::is_for_no_host;
pub use sources::{Announcement, FileSource, KernelSource, OwnAttrs, OwnPrefixes, PrefixKind};
use sources::{FileSection, KernelSection, PrefixValue};

/// `RT_TABLE_MAIN` of linux/rtnetlink.h: the table that packets are looked up in unless a rule says otherwise.
const MAIN: u32 = 254;

/// `RT_TABLE_LOCAL`: the node's own addresses. The kernel fills it.
const LOCAL: u32 = 255;

/// `RTPROT_STATIC`: up to here protocol ids are the kernel's and the administrator's.
const STATIC: u8 = 4;

/// Native routing: the unicast routes of others become routes of this node's kernel, with no encapsulation. Without
/// this section unicast routes are kept and passed on, and the kernel's routes are left alone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NativeSection {
    /// Put received routes into the kernel. With several paths that are equally good (`bgp.multipath`) the kernel's
    /// route has a next hop for each. `bgp.next_hop_tracking` is on unless that says otherwise.
    pub install: bool,
    /// The kernel's table that they go into: `main`, or a number.
    pub table: TableValue,
    /// Their metric there, from 1: among routes to the same prefix the kernel uses the one of the lowest.
    pub metric: u32,
    /// The protocol id that they are ours by, 5 to 255. No other program of the node may use it. 108 unless given,
    /// which the installed file rt_protos.d/linnet.conf has `ip route` show as `linnet`.
    pub protocol: u8,
    /// Prefixes that are taken though they cover an address of this node or of a neighbour, or are a default route:
    /// each exactly as it is announced, such as 0.0.0.0/0. Others like that are refused.
    pub accept: Vec<RangeValue>,
    /// Prefixes that this node announces: those of its pods. One within another is announced beside it.
    pub advertise: Vec<PrefixValue>,
    /// Blocks of addresses that are this node's. Each is announced as one, and nothing longer within it, wherever that
    /// is found; the kernel has a blackhole route for it, unless it is a single address or `install` is false.
    pub blocks: Vec<PrefixValue>,
    /// Addresses of services, announced like the others. Received routes within them do not go into the kernel.
    pub services: Vec<PrefixValue>,
    /// Files in which a program says what this node announces.
    pub files: Vec<FileSection>,
    /// Routes of the kernel whose prefixes this node announces.
    pub kernel: Vec<KernelSection>,
    /// What Kubernetes says that this node announces.
    pub kubernetes: Option<KubernetesSection>,
    /// Received routes within these prefixes do not go into the kernel.
    pub no_install: Vec<RangeValue>,
    /// Protocol ids of programs whose routes linnet's may take the place of, where both are to the same prefix: such as
    /// 12, BIRD's, which leaves its routes to the program that comes after it. None unless given: what others put into
    /// the kernel is left alone.
    pub take_over: Vec<u8>,
    /// Seconds after which the kernel's routes are compared with what is wanted of them though nothing was heard of a
    /// change; later where that takes more than half a percent of the time. 0: never.
    pub audit_interval: u16,
    /// Where a node is on no link of this one, and no router between knows its pods: `vxlan` sends what is for that
    /// node's prefixes there in VXLAN packets, if it has a fallback, too. What is on a link goes plain, as without. Off
    /// unless given.
    pub fallback: Option<FallbackValue>,
}

impl Default for NativeSection {
    fn default() -> Self {
        NativeSection {
            install: true,
            table: TableValue(MAIN),
            metric: 50,
            protocol: fib::config::PROTOCOL,
            accept: Vec::new(),
            advertise: Vec::new(),
            blocks: Vec::new(),
            services: Vec::new(),
            files: Vec::new(),
            kernel: Vec::new(),
            kubernetes: None,
            no_install: Vec::new(),
            take_over: Vec::new(),
            audit_interval: 300,
            fallback: None,
        }
    }
}

/// A routing table of the kernel's: its number, or `main`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableValue(pub u32);

/// What the section means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeConfig {
    /// Where routes go, for as long as linnetd runs.
    pub kernel: NativeKernel,
    /// Prefixes that are taken whatever they cover.
    pub accept: BTreeSet<IpNet>,
    /// What this node announces.
    pub own: OwnPrefixes,
    /// How often the kernel's routes are looked at without a cause; `None`: never.
    pub audit_interval: Option<Duration>,
}

/// Which routes of the kernel are linnet's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeKernel {
    /// Received routes go into the kernel.
    pub install: bool,
    /// The kernel's table that ours are in.
    pub table: u32,
    /// Their metric.
    pub metric: u32,
    /// The protocol id that they are ours by.
    pub protocol: u8,
    /// A default route is a way to their next hops, too.
    pub via_default: bool,
    /// Protocol ids of programs whose routes ours may take the place of.
    pub take_over: BTreeSet<u8>,
    /// By which next hops are reached that are on no link.
    pub fallback: Option<TunnelDevice>,
}

impl Checker {
    /// What the section means, and what is wrong with it.
    pub(super) fn native(
        &mut self,
        section: &NativeSection,
        bgp: &file::Bgp,
        evpn: Option<&file::Evpn>,
    ) -> NativeConfig {
        let path = Path::from("native");
        let TableValue(table) = section.table;
        if table == 0 || table == LOCAL {
            let message = format!("table {table} is the kernel's; `main`, or another number from 1 on");
            self.find(path.key("table"), message);
        }
        if section.metric == 0 {
            self.find(path.key("metric"), "at least 1: the kernel has its own meaning for 0 with IPv6");
        }
        if section.protocol <= STATIC {
            let message = "0 to 4 are the kernel's and the administrator's (`kernel`, `boot`, `static`); 108 is linnet's";
            self.find(path.key("protocol"), message);
        }
        if section.fallback.is_some() && !section.install {
            self.find(
                path.key("fallback"),
                "says nothing with `install: false`: no route leads into the tunnel",
            );
        }
        let fallback = section.fallback.as_ref();
        let fallback = fallback.map(|value| self.fallback(&path, value, bgp.router_id, evpn));
        let kernel = NativeKernel {
            install: section.install,
            table,
            metric: section.metric,
            protocol: section.protocol,
            via_default: bgp.next_hop_via_default.unwrap_or(true),
            take_over: self.take_over(&path.key("take_over"), section),
            fallback,
        };
        NativeConfig {
            kernel,
            accept: self.prefixes(&path.key("accept"), &section.accept),
            own: self.own_prefixes(&path, section),
            audit_interval: audit_interval(section.audit_interval),
        }
    }

    /// The kernel's own routes and an administrator's are nobody's to take.
    fn take_over(&mut self, at: &Path, section: &NativeSection) -> BTreeSet<u8> {
        let mut seen = HashSet::new();
        for (i, id) in section.take_over.iter().enumerate() {
            if *id <= STATIC {
                self.find(at.index(i), "0 to 4 are the kernel's and the administrator's: their routes stay");
            } else if *id == section.protocol {
                self.find(at.index(i), format!("{id} is linnet's own protocol id"));
            } else if !seen.insert(*id) {
                self.find(at.index(i), format!("{id} is in the list already"));
            }
        }
        section.take_over.iter().copied().collect()
    }

    /// A list of prefixes, each once and as it is announced.
    fn prefixes(&mut self, at: &Path, list: &[RangeValue]) -> BTreeSet<IpNet> {
        let mut prefixes = BTreeSet::new();
        for (i, RangeValue(written)) in list.iter().enumerate() {
            let prefix = written.trunc();
            if prefix != *written {
                self.find(at.index(i), format!("bits of a host are set; {prefix} is the prefix"));
            }
            if !prefixes.insert(prefix) {
                self.find(at.index(i), format!("{prefix} is in the list already"));
            }
        }
        prefixes
    }
}

impl<'de> Deserialize<'de> for TableValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TableVisitor)
    }
}

struct TableVisitor;

impl Visitor<'_> for TableVisitor {
    type Value = TableValue;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("main, or the number of a routing table, 1 to 4294967295")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<TableValue, E> {
        let table = u32::try_from(number).map(TableValue);
        table.map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<TableValue, E> {
        if text == "main" {
            return Ok(TableValue(MAIN));
        }
        Err(E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

impl JsonSchema for TableValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RoutingTable".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"const": "main"}, {"type": "integer", "minimum": 1, "maximum": u32::MAX}]})
    }
}

#[cfg(test)]
mod tests {
    use super::NativeKernel;
    use crate::config::{Config, Faults, NextHopTracking};

    fn parse(rest: &str) -> Result<Config, Faults> {
        Config::parse("t.yaml", &format!("bgp:\n  asn: 65000\n  router_id: 10.0.0.1\n{rest}"))
    }

    #[test]
    fn a_section_alone_installs_with_tracking() {
        let config = parse("native: {}\n").unwrap();
        let NativeKernel { install, table, metric, protocol, .. } = config.native.unwrap().kernel;
        assert_eq!((install, table, metric, protocol), (true, 254, 50, 108));
        let tracking = |rest| parse(rest).unwrap().bgp.next_hop_tracking;
        let via_default = Some(NextHopTracking { via_default: true });
        for (rest, expected) in [
            ("native: {}\n", via_default),
            ("native: { install: false }\n", None),
            ("  next_hop_tracking: false\nnative: {}\n", None),
            ("  next_hop_via_default: false\nnative: {}\n", Some(NextHopTracking { via_default: false })),
            ("", None),
        ] {
            assert_eq!(tracking(rest), expected, "{rest}");
        }
    }

    #[test]
    fn tables_have_numbers_and_one_a_name() {
        let table = |text: &str| {
            parse(&format!("native: {{ table: {text} }}\n")).map(|c| c.native.unwrap().kernel.table)
        };
        assert_eq!((table("main").unwrap(), table("1000").unwrap()), (254, 1000));
        for wrong in ["mian", "255", "0", "-1", "4294967296"] {
            assert!(table(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_where_it_stands() {
        let text = "native:\n  metric: 0\n  protocol: 4\n  accept: [0.0.0.0/0, 10.0.0.1/8, 10.0.0.0/8]\n";
        let faults = parse(text).unwrap_err();
        let said: Vec<String> =
            faults.list.iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect();
        let expected = [
            "native.metric: at least 1: the kernel has its own meaning for 0 with IPv6",
            "native.protocol: 0 to 4 are the kernel's and the administrator's (`kernel`, `boot`, `static`); 108 is linnet's",
            "native.accept[1]: bits of a host are set; 10.0.0.0/8 is the prefix",
            "native.accept[2]: 10.0.0.0/8 is in the list already",
        ];
        assert_eq!(said, expected);
    }
}
