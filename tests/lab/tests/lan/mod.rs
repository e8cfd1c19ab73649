//! Nodes on one network, each with a pod behind it, and nothing around the packets of those.
//!
//! ```text
//!          switch, 172.20.0.0/24
//!         /          |          \
//!   node1 .1      node2 .2      node9 .9
//!     eth2          eth2          eth2
//!      |             |             |
//!   pod1          pod2          pod9
//!   10.244.1.10   10.244.2.10   10.244.9.10
//! ```
//!
//! The block of node N is 10.244.N.0/26. What a node's kernel has for its own pod is the test's, not linnetd's.
//! A file that uses it has [`hub`](crate::hub) as well, which makes the nodes.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::indexing_slicing, reason = "JSON values index to null")]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lab::packet::{Pinger, ping};
use lab::{Daemon, Netns, Node, NodeSpec, Nursery, cable, daemon, wait_until};
use serde_json::Value;

use crate::hub::{self, BOUND};

/// How often a flow sends that nothing is to be lost of.
const PACE: Duration = Duration::from_millis(5);

/// Nodes by their number, each with its pod.
pub(crate) struct Lan {
    pub(crate) switch: Node,
    nodes: BTreeMap<u8, Node>,
    pods: BTreeMap<u8, Netns>,
}

/// Why tests with these daemons cannot run here.
pub(crate) fn missing(daemons: &[Daemon]) -> Option<String> {
    hub::missing(daemons).or_else(|| daemon::missing_program("ip"))
}

/// The address of a node.
pub(crate) fn address(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(172, 20, 0, n)
}

/// The address of a node's pod.
pub(crate) fn pod(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 244, n, 10)
}

/// The block of a node.
pub(crate) fn block(n: u8) -> String {
    format!("10.244.{n}.0/26")
}

/// linnetd of node `n` with these lines of `bgp`, each with its line end, and these of `native`.
pub(crate) fn linnet(n: u8, bgp: &str, native: &str) -> String {
    format!(
        "bgp:\n  asn: 65000\n  router_id: {}\n  listen: {{ addresses: [\"0.0.0.0\", \"::\"] }}\n{bgp}native:\n{native}",
        address(n)
    )
}

/// The lines of `bgp` that name these nodes as neighbours, each with these keys.
pub(crate) fn neighbors(nodes: &[u8], keys: &str) -> String {
    let line = |n: &u8| format!("    - {{ address: {}, remote_as: 65000, {keys} }}\n", address(*n));
    format!("  neighbors:\n{}", nodes.iter().map(line).collect::<String>())
}

/// The keys of a neighbour that is lost soon: the least hold time that there is (RFC 4271 section 4.2).
pub(crate) const TIMES: &str = "hold_time: 3, keepalive: 1, connect_retry: 1";

/// The lines of `native` of a node that announces its block.
pub(crate) fn own_block(n: u8) -> String {
    format!("  blocks: [{}]\n", block(n))
}

/// How `ip route show` has the way to another node's block, without the protocol.
pub(crate) fn way(to: u8) -> String {
    format!("{} via {} dev eth1 metric 50", block(to), address(to))
}

impl Lan {
    /// Brings it up; each node has its number, its daemon and that one's configuration.
    pub(crate) fn up(nodes: &[(u8, Daemon, &str)]) -> Result<Lan> {
        Lan::laid(nodes)?.start()
    }

    /// Lays it without starting a daemon.
    pub(crate) fn laid(nodes: &[(u8, Daemon, &str)]) -> Result<Lan> {
        let nursery = Nursery::new()?;
        let switch = Node::new("switch", &NodeSpec::default(), &nursery)?;
        switch.sh("ip link add br0 type bridge mcast_snooping 0 && ip link set br0 up")?;
        let mut lan = Lan { switch, nodes: BTreeMap::new(), pods: BTreeMap::new() };
        for (n, daemon, configuration) in nodes {
            let node = hub::node(&format!("node{n}"), *daemon, configuration, &nursery)?;
            lan.plug_in(*n, &node, &nursery).with_context(|| format!("cannot plug node {n} in"))?;
            lan.nodes.insert(*n, node);
        }
        Ok(lan)
    }

    fn plug_in(&mut self, n: u8, node: &Node, nursery: &Nursery) -> Result<()> {
        cable((self.switch.netns(), &format!("eth{n}")), (node.netns(), "eth1"))?;
        self.switch.sh(&format!("ip link set eth{n} master br0"))?;
        let pod = Node::new(&format!("pod{n}"), &NodeSpec::default(), nursery)?;
        cable((node.netns(), "eth2"), (pod.netns(), "eth1"))?;
        let (gateway, own) = (format!("10.244.{n}.1"), self::pod(n));
        node.sh(&format!(
            "sysctl -q -w net.ipv4.ip_forward=1
             ip addr add {}/24 dev eth1 && ip addr add {gateway}/32 dev eth2 && ip route add {own} dev eth2",
            address(n)
        ))?;
        pod.sh(&format!(
            "ip addr add {own}/32 dev eth1 && ip route add {gateway} dev eth1 && ip route add default via {gateway}"
        ))?;
        self.pods.insert(n, pod.netns().clone());
        Ok(())
    }

    /// Starts the daemons. Returns when all answer.
    pub(crate) fn start(mut self) -> Result<Lan> {
        self.nodes.values_mut().try_for_each(Node::start_daemon)?;
        self.nodes.values().try_for_each(Node::wait_until_ready)?;
        Ok(self)
    }

    pub(crate) fn node(&self, n: u8) -> Result<&Node> {
        self.nodes.get(&n).with_context(|| format!("no node {n}"))
    }

    pub(crate) fn node_mut(&mut self, n: u8) -> Result<&mut Node> {
        self.nodes.get_mut(&n).with_context(|| format!("no node {n}"))
    }

    /// The namespace of a node's pod.
    pub(crate) fn pod(&self, n: u8) -> Result<&Netns> {
        self.pods.get(&n).with_context(|| format!("no pod {n}"))
    }

    /// Cuts a node off, or joins it again, as nobody but itself notices.
    pub(crate) fn set_cable(&self, n: u8, whole: bool) -> Result<()> {
        let state = if whole { "up" } else { "down" };
        self.switch.sh(&format!("ip link set eth{n} {state}")).map(drop)
    }

    /// Gives a node's linnetd another configuration while it runs.
    pub(crate) fn reload(&self, n: u8, configuration: &str) -> Result<()> {
        hub::write_configuration(self.node(n)?, configuration)?;
        self.node(n)?.linnet("config reload").map(drop)
    }

    /// Waits until the kernel of node `n` has the ways to the blocks of `others` from linnetd, and no other.
    pub(crate) fn wait_for_ways(&self, n: u8, others: &[u8]) -> Result<()> {
        self.wait_for_routes(n, &others.iter().map(|other| way(*other)).collect::<Vec<_>>())
    }

    /// Waits until the kernel of node `n` has these routes from linnetd, and no other.
    pub(crate) fn wait_for_routes(&self, n: u8, expected: &[String]) -> Result<()> {
        let node = self.node(n)?;
        let mut expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        expected.sort_unstable();
        wait_until(BOUND, &format!("routes of node {n}"), || {
            let shown = node.sh("ip -N route show proto 108 type unicast")?;
            let mut routes: Vec<&str> = shown.lines().map(str::trim).collect();
            routes.sort_unstable();
            ensure!(routes == expected, "{routes:#?} instead of {expected:#?}");
            Ok(())
        })
        .with_context(|| node.log())
    }

    /// Waits for [`Lan::wait_for_ways`] of these nodes, each to all others of them; how long that took.
    pub(crate) fn wait_for_all_ways(&self, nodes: &[u8]) -> Result<Duration> {
        let since = Instant::now();
        for n in nodes {
            let others: Vec<u8> = nodes.iter().copied().filter(|other| other != n).collect();
            self.wait_for_ways(*n, &others)?;
        }
        Ok(since.elapsed())
    }

    /// Waits until all BFD sessions of these nodes are up, as far as they have any.
    pub(crate) fn wait_until_watched(&self, nodes: &[u8]) -> Result<()> {
        nodes.iter().try_for_each(|n| {
            wait_until(BOUND, &format!("BFD sessions of node {n}"), || {
                let shown = self.node(*n)?.linnet("bfd")?;
                let rows = shown.as_array().context("no list")?;
                ensure!(
                    rows.iter().all(|row| row.get("state").is_some_and(|state| state == "up")),
                    "{shown:#}"
                );
                Ok(())
            })
        })
    }

    /// Waits until a node's linnetd has all sessions, has said all it has to everybody, and has heard everybody out.
    pub(crate) fn wait_until_heard_out(&self, n: u8) -> Result<()> {
        wait_until(BOUND, &format!("End-of-RIB at node {n}"), || {
            let shown = self.node(n)?.linnet("neighbor")?;
            let is_done = |neighbor: &Value| {
                let family = hub::family(neighbor, "ipv4-unicast");
                family["in_sync"] == true && family["end_of_rib_received"] == true && family["stale"] == 0
            };
            ensure!(shown.as_array().is_some_and(|all| all.iter().all(is_done)), "{shown:#}");
            Ok(())
        })
    }

    /// Every pod of these nodes reaches every other.
    pub(crate) fn assert_pings(&self, nodes: &[u8]) -> Result<()> {
        for from in nodes {
            for to in nodes.iter().filter(|to| *to != from) {
                let lost = ping(self.pod(*from)?, pod(*to), 3)?.lost();
                ensure!(lost.is_empty(), "pod {from} to pod {to}: {lost:?} of three lost");
            }
        }
        Ok(())
    }

    /// A flow from pod to pod.
    pub(crate) fn start_pinging(&self, from: u8, to: u8) -> Result<Pinger> {
        Ok(Pinger::start(self.pod(from)?, pod(to), PACE))
    }
}

/// Ends these flows; by their sequence numbers not one packet is lost.
pub(crate) fn assert_nothing_lost(pingers: Vec<Pinger>) -> Result<()> {
    for pinger in pingers {
        let ping = pinger.stop()?;
        println!("{} pings, {} lost", ping.replies.len(), ping.lost().len());
        ensure!(
            ping.received() > 0 && ping.lost().is_empty(),
            "of {} lost {:?}",
            ping.replies.len(),
            ping.lost()
        );
    }
    Ok(())
}
