//! A topology brought up: its nodes, cables and daemons.

use std::collections::BTreeMap;
use std::io;

use anyhow::{Context, Result, anyhow, bail};
use bgp::types::Mac;

use crate::netlink::{self, Link};
use crate::netns::Netns;
use crate::node::Node;
use crate::nursery::Nursery;
use crate::topology::{Endpoint, LinkSpec, Topology};
use crate::{daemon, privilege};

impl Topology {
    /// What this machine lacks to bring it up: a privilege, a kernel feature or a program.
    pub fn missing(&self) -> Option<String> {
        if let Err(reason) = privilege::check() {
            return Some(reason.to_string());
        }
        privilege::missing_features()
            .or_else(|| self.nodes.values().filter_map(|node| node.daemon).find_map(daemon::missing))
            .or_else(|| self.runs_ip().then(|| daemon::missing_program("ip")).flatten())
    }

    fn runs_ip(&self) -> bool {
        self.nodes.values().flat_map(|node| &node.exec).any(|line| line.contains("ip "))
    }
}

/// A topology that is up. Dropping it ends its processes and lets its namespaces go.
#[derive(Debug)]
pub struct Lab {
    nodes: BTreeMap<String, Node>,
}

impl Lab {
    /// Brings `topology` up in containerlab's order: nodes with their links, daemons, then the exec lines.
    ///
    /// Returns when every daemon answers; sessions and routes are still on their way.
    pub fn up(topology: &Topology) -> Result<Lab> {
        if let Some(fault) = topology.faults().first() {
            bail!("{}: {fault}", topology.name);
        }
        let nursery = Nursery::new().context("cannot make a PID namespace")?;
        let mut nodes = BTreeMap::new();
        for (name, spec) in &topology.nodes {
            let node = Node::new(name, spec, &nursery).with_context(|| format!("cannot make node {name}"))?;
            nodes.insert(name.clone(), node);
        }
        let mut lab = Lab { nodes };
        for link in &topology.links {
            lab.lay(link).with_context(|| format!("cannot lay link {:?}", link.ends))?;
        }
        for (name, node) in &mut lab.nodes {
            node.start_daemon().with_context(|| format!("cannot start {name}"))?;
        }
        for (name, node) in &lab.nodes {
            node.run_exec_lines().with_context(|| format!("exec of {name}"))?;
        }
        for node in lab.nodes.values() {
            node.wait_until_ready()?;
        }
        Ok(lab)
    }

    /// A node by name.
    pub fn node(&self, name: &str) -> Result<&Node> {
        self.nodes.get(name).ok_or_else(|| anyhow!("no node {name}"))
    }

    /// A node by name, to stop or start its daemon.
    pub fn node_mut(&mut self, name: &str) -> Result<&mut Node> {
        self.nodes.get_mut(name).ok_or_else(|| anyhow!("no node {name}"))
    }

    /// The nodes, in the order of their names.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    fn lay(&self, link: &LinkSpec) -> Result<()> {
        let [a, b] = link.ends.as_slice() else { bail!("a link has two ends") };
        let (near, far) = (self.node(&a.node)?.netns(), self.node(&b.node)?.netns());
        near.run(|| netlink::veth(&a.interface, &b.interface, far))??;
        for (netns, end) in [(near, a), (far, b)] {
            netns.run(|| finish_end(end, link.mtu))??;
        }
        Ok(())
    }
}

fn finish_end(end: &Endpoint, mtu: Option<u32>) -> io::Result<()> {
    let link = Link::named(&end.interface)?;
    if let Some(mac) = &end.mac {
        link.set_mac(mac.parse::<Mac>().map_err(|error| io::Error::other(error.to_string()))?)?;
    }
    if let Some(mtu) = mtu {
        link.set_mtu(mtu)?;
    }
    link.up()
}

/// A cable laid by hand between two namespaces that are no topology's, both ends up.
pub fn cable(near: (&Netns, &str), far: (&Netns, &str)) -> io::Result<()> {
    near.0.run(|| netlink::veth(near.1, far.1, far.0))??;
    near.0.run(|| Link::named(near.1)?.up())??;
    far.0.run(|| Link::named(far.1)?.up())?
}
