//! A full mesh (`bgp.mesh`): a list of nodes, the same on each of them, of which every two have one session.
//!
//! Each node leaves itself out. Of every two the lower address connects and the higher one waits, so that one TCP
//! connection forms, and no collision (RFC 4271 section 6.8) can cost a session that a graceful restart holds on to.
//!
//! Which node this one is follows from what is most certainly its own: `local_address`, then `bgp.router_id`, then
//! the addresses in `bgp.listen`, then those of the machine's interfaces. What the mesh comes to are neighbours like
//! all others; where a node is named in `bgp.neighbors`, too, what stands there counts.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer};

use super::checker::Checker;
use super::fault::Path;
use super::file::{Mesh, PeerSettings, RemoteAs, RemoteAsWord};
use super::neighbor::{Context, Who};
use super::{NeighborAddress, NeighborConfig};

/// A mesh of more nodes wants reflectors; a range of more is a slip of the pen.
const MOST: u128 = 1024;

/// Addresses of nodes: one, or all from a first to a last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodesValue {
    first: IpAddr,
    last: IpAddr,
}

/// What is known of this node's own addresses, the surest first.
pub(super) struct OwnAddresses<'a> {
    pub(super) router_id: Ipv4Addr,
    pub(super) listen: &'a [IpAddr],
    pub(super) host: &'a [IpAddr],
}

impl NodesValue {
    fn parse(text: &str) -> Result<NodesValue, String> {
        let address = |text: &str| {
            let usage = "an address such as 10.0.0.1, or a range of them such as 10.0.0.1-10.0.0.9";
            let wrong = |_| format!("`{text}` is no address; expected {usage}");
            text.trim().parse::<IpAddr>().map_err(wrong)
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let nodes = NodesValue { first: address(first)?, last: address(last)? };
        match nodes.count() {
            Some(1..=MOST) => Ok(nodes),
            Some(many) => Err(format!("{many} addresses; a mesh has {MOST} nodes at most")),
            None => Err(format!("`{text}` is no range: the first address is the lower, of the same family")),
        }
    }

    fn count(&self) -> Option<u128> {
        let same_family = self.first.is_ipv4() == self.last.is_ipv4();
        let beyond = number(self.last).checked_sub(number(self.first)).filter(|_| same_family)?;
        beyond.checked_add(1)
    }

    fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let is_ipv4 = self.first.is_ipv4();
        let address = move |number: u128| match u32::try_from(number) {
            Ok(number) if is_ipv4 => Ipv4Addr::from(number).into(),
            _ => Ipv6Addr::from(number).into(),
        };
        (number(self.first)..=number(self.last)).map(address)
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

impl Checker {
    /// The neighbours that the mesh comes to, in the order of their addresses, but for those that are `named`.
    pub(super) fn mesh(
        &mut self,
        at: &Path,
        mesh: &Mesh,
        own: &OwnAddresses<'_>,
        named: &[NeighborConfig],
        context: &Context<'_>,
    ) -> Vec<NeighborConfig> {
        let nodes = self.nodes(at, mesh);
        if mesh.passive.is_some() {
            self.find(at.key("passive"), "who connects is known by the addresses: the lower one does");
        }
        let mut found = Vec::new();
        let mut waits = false;
        for is_ipv4 in [true, false] {
            let of_family: Vec<IpAddr> = nodes.iter().copied().filter(|ip| ip.is_ipv4() == is_ipv4).collect();
            if of_family.is_empty() {
                continue;
            }
            let Some(ours) = own.among(&of_family, mesh.local_address) else {
                self.find(at.key("nodes"), own.nowhere(is_ipv4));
                continue;
            };
            let others = of_family.iter().filter(|ip| **ip != ours && !own.host.contains(ip));
            let others: Vec<IpAddr> =
                others.copied().filter(|ip| !named.iter().any(|n| n.address == (*ip).into())).collect();
            let Some(first) = others.first() else { continue };
            let model = self.mesh_model(at, mesh, (*first).into(), ours, context);
            let neighbor =
                |ip: &IpAddr| NeighborConfig { address: (*ip).into(), passive: *ip < ours, ..model.clone() };
            waits |= *first < ours;
            found.extend(others.iter().map(neighbor));
        }
        if waits && !context.listens {
            self.find(
                at.key("nodes"),
                "nodes of lower addresses connect to this one, but linnetd listens nowhere: set bgp.listen",
            );
        }
        found
    }

    /// All nodes, each once.
    fn nodes(&mut self, at: &Path, mesh: &Mesh) -> BTreeSet<IpAddr> {
        let mut nodes = BTreeSet::new();
        for (i, value) in mesh.nodes.iter().enumerate() {
            let twice: Vec<IpAddr> = value.addresses().filter(|ip| !nodes.insert(*ip)).collect();
            let place = at.key("nodes").index(i);
            if let Some(ip) = twice.first() {
                self.find(place.clone(), format!("{ip} is in the mesh already"));
            }
            let nobody = |ip: &IpAddr| ip.is_unspecified() || ip.is_multicast() || is_link_local(*ip);
            if let Some(ip) = value.addresses().find(nobody) {
                self.find(place, format!("{ip} is no address by which every other node knows that one"));
            }
        }
        nodes
    }

    /// What holds for each neighbour of a family but for its address and who connects. What is wrong with both
    /// families is said once.
    fn mesh_model(
        &mut self,
        at: &Path,
        mesh: &Mesh,
        address: NeighborAddress,
        ours: IpAddr,
        context: &Context<'_>,
    ) -> NeighborConfig {
        let group = mesh.peer_group.as_ref().and_then(|name| context.groups.get(name));
        let in_group = group.is_some_and(|group| group.remote_as.is_some());
        let mut settings = PeerSettings { local_address: Some(ours), passive: None, ..mesh.settings() };
        if !in_group {
            settings.remote_as.get_or_insert(RemoteAs::Word(RemoteAsWord::Internal));
        }
        let who = Who { address, range: None, peer_group: mesh.peer_group.as_ref(), description: None };
        let before = self.findings.len();
        let model = self.any_neighbor(at, who, settings, context);
        let new = self.findings.split_off(before);
        let new = new.into_iter().filter(|finding| !self.findings.contains(finding)).collect::<Vec<_>>();
        self.findings.extend(new);
        model
    }
}

impl OwnAddresses<'_> {
    /// Which of the nodes, all of a family, is this one. What the operator calls his own need not be listed.
    fn among(&self, nodes: &[IpAddr], local: Option<IpAddr>) -> Option<IpAddr> {
        let family = nodes.first()?.is_ipv4();
        if let Some(local) = local.filter(|local| local.is_ipv4() == family) {
            return Some(local);
        }
        let router_id = [IpAddr::from(self.router_id)];
        let surest_first = router_id.iter().chain(self.listen).chain(self.host);
        surest_first.copied().find(|ip| nodes.contains(ip))
    }

    /// What to do where no node is this one.
    fn nowhere(&self, is_ipv4: bool) -> String {
        let family = if is_ipv4 { "IPv4" } else { "IPv6" };
        let known: BTreeSet<IpAddr> = std::iter::once(self.router_id.into())
            .chain(self.listen.iter().chain(self.host).copied())
            .collect();
        let known =
            known.iter().filter(|ip| ip.is_ipv4() == is_ipv4 && !ip.is_unspecified() && !ip.is_loopback());
        let known: Vec<String> = known.map(ToString::to_string).collect();
        let ours = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        format!(
            "no {family} node is this one, whose {family} addresses are: {ours}; \
             list it, or say in local_address which it is"
        )
    }
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

impl<'de> Deserialize<'de> for NodesValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        NodesValue::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for NodesValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Nodes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[0-9a-fA-F:.]+( *- *[0-9a-fA-F:.]+)?$"})
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn parse(mesh: &str, rest: &str, host: &[&str]) -> Result<Config, String> {
        let text = format!("bgp:\n  asn: 65000\n  router_id: 10.0.0.2\n{rest}  mesh: {{ {mesh} }}\n");
        let host: Vec<IpAddr> = host.iter().map(|ip| ip.parse().unwrap()).collect();
        Config::parse_on("t.yaml", &text, &host).map_err(|faults| faults.to_string())
    }

    /// The neighbours, and whether they are waited for.
    fn neighbors(mesh: &str, rest: &str, host: &[&str]) -> Vec<String> {
        let config = parse(mesh, rest, host).unwrap_or_else(|faults| panic!("{faults}"));
        let text = |n: &NeighborConfig| {
            let verb = if n.passive { "waits for" } else { "connects to" };
            format!("{} {verb} {}", n.local_address.map_or_else(String::new, |ip| ip.to_string()), n.address)
        };
        config.bgp.neighbors.iter().map(text).collect()
    }

    const LISTENS: &str = "  listen: {}\n";

    #[test]
    fn the_lower_address_connects() {
        let expected =
            ["10.0.0.2 waits for 10.0.0.1", "10.0.0.2 connects to 10.0.0.3", "10.0.0.2 connects to 10.0.0.9"];
        assert_eq!(neighbors("nodes: [10.0.0.1-10.0.0.3, 10.0.0.9]", LISTENS, &[]), expected);
    }

    #[test]
    fn a_node_knows_itself_by_what_is_surest() {
        let nodes = "nodes: [10.0.0.1, 10.0.0.3, 10.0.0.5]";
        let listen = "  listen: { addresses: [10.0.0.3] }\n";
        let host = ["127.0.0.1", "10.0.0.5"];
        let who =
            |mesh: &str, rest: &str| neighbors(mesh, rest, &host)[0].split(' ').next().map(str::to_owned);
        assert_eq!(who(&format!("{nodes}, local_address: 10.0.0.4"), LISTENS).unwrap(), "10.0.0.4");
        assert_eq!(who(nodes, listen).unwrap(), "10.0.0.3");
        assert_eq!(who(nodes, LISTENS).unwrap(), "10.0.0.5");
        assert_eq!(who("nodes: [10.0.0.1-10.0.0.5]", LISTENS).unwrap(), "10.0.0.2");
    }

    #[test]
    fn both_families_have_sessions() {
        let both = "nodes: [10.0.0.1-10.0.0.2, \"fd00::1-fd00::3\"], families: [ipv4-unicast, ipv6-unicast]";
        let expected =
            ["10.0.0.2 waits for 10.0.0.1", "fd00::2 waits for fd00::1", "fd00::2 connects to fd00::3"];
        assert_eq!(neighbors(both, LISTENS, &["fd00::2"]), expected);
    }

    #[test]
    fn a_node_that_is_named_is_what_is_said_of_it() {
        let named =
            format!("{LISTENS}  neighbors: [{{ address: 10.0.0.3, remote_as: 65001, hold_time: 9 }}]\n");
        let config = parse("nodes: [10.0.0.1-10.0.0.3], hold_time: 30", &named, &[]).unwrap();
        let times: Vec<_> =
            config.bgp.neighbors.iter().map(|n| (n.address.to_string(), n.hold_time)).collect();
        assert_eq!(times, [("10.0.0.3".to_owned(), 9), ("10.0.0.1".to_owned(), 30)]);
    }

    #[test]
    fn groups_and_settings_hold_for_every_node() {
        let group = format!("{LISTENS}  peer_groups: [{{ name: nodes, remote_as: 65000, hold_time: 9 }}]\n");
        let config =
            parse("nodes: [10.0.0.1-10.0.0.3], peer_group: nodes, connect_retry: 1", &group, &[]).unwrap();
        assert!(config.bgp.neighbors.iter().all(|n| (n.hold_time, n.connect_retry) == (9, 1)));
    }

    #[test]
    fn faults_have_their_place() {
        for (mesh, rest, expected) in [
            (
                "nodes: [10.0.0.2, 10.0.0.1-10.0.0.3]",
                LISTENS,
                "t.yaml:5:29: bgp.mesh.nodes[1]: 10.0.0.2 is in",
            ),
            ("nodes: [10.0.0.9-10.0.0.1]", LISTENS, "is no range: the first address is the lower"),
            ("nodes: [10.0.0.1-10.9.0.1]", LISTENS, "589825 addresses; a mesh has 1024 nodes at most"),
            ("nodes: [10.0.0.1-fd00::1]", LISTENS, "is no range"),
            ("nodes: [node1]", LISTENS, "`node1` is no address; expected an address such as 10.0.0.1"),
            (
                "nodes: [10.0.0.7-10.0.0.9]",
                LISTENS,
                "no IPv4 node is this one, whose IPv4 addresses are: 10.0.0.2;",
            ),
            (
                "nodes: [10.0.0.2, fd00::1]",
                LISTENS,
                "no IPv6 node is this one, whose IPv6 addresses are: none;",
            ),
            ("nodes: [10.0.0.1, 10.0.0.2]", "", "but linnetd listens nowhere"),
            (
                "nodes: [10.0.0.2, 10.0.0.3], passive: true",
                LISTENS,
                "bgp.mesh.passive: who connects is known",
            ),
            ("nodes: [10.0.0.2, 10.0.0.3], peer_group: g", LISTENS, "there is no group `g`"),
            ("nodes: [10.0.0.2, 224.0.0.1]", LISTENS, "224.0.0.1 is no address by which"),
            ("hold_time: 9", LISTENS, "the key `nodes` is missing"),
        ] {
            let faults = parse(mesh, rest, &[]).unwrap_err();
            assert!(faults.contains(expected), "{mesh}: {faults}");
            assert_eq!(faults.matches("t.yaml:").count(), 1, "{faults}");
        }
    }
}
