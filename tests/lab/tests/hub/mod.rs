//! A linnetd in the middle, and other daemons around it, each on a link of its own.
//!
//! ```text
//! linnet eth1 10.1.1.0, fd00:1::1 ---- 10.1.1.1, fd00:1::2 eth1 first spoke
//!        eth2 10.1.2.0, fd00:2::1 ---- 10.1.2.1, fd00:2::2 eth1 second spoke
//! ```
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::indexing_slicing, reason = "JSON values index to null")]

mod routes;

use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::netlink::Link;
use lab::{Daemon, Node, NodeSpec, Nursery, Router, SeenPath, cable, daemon, privilege, wait_until};
use serde_json::Value;

#[allow(unused_imports, reason = "each test file uses a part of it")]
pub(crate) use routes::{KernelRoute, kernel_routes};

/// How long anything may take; generous, for machines under load.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

/// Why tests with these daemons cannot run here.
pub(crate) fn missing(daemons: &[Daemon]) -> Option<String> {
    privilege::check()
        .err()
        .map(|reason| reason.to_string())
        .or_else(privilege::missing_features)
        .or_else(|| daemon::missing(Daemon::Linnet))
        .or_else(|| daemons.iter().copied().find_map(daemon::missing))
}

/// linnetd and its spokes, in the order in which they were given.
pub(crate) struct Hub {
    pub(crate) linnet: Node,
    pub(crate) spokes: Vec<Node>,
}

impl Hub {
    /// Brings it up; each spoke is a daemon with its configuration. Returns when all answer.
    pub(crate) fn up(configuration: &str, spokes: &[(Daemon, &str)]) -> Result<Hub> {
        Hub::laid(configuration, spokes)?.start()
    }

    /// Brings it up with these parts, and has everybody originate what is theirs.
    pub(crate) fn with(configuration: &str, parts: &[Router]) -> Result<Hub> {
        let hub = Hub::of(configuration, parts)?.start()?;
        for (spoke, part) in hub.spokes.iter().zip(parts) {
            spoke.originate(part.routes())?;
        }
        Ok(hub)
    }

    /// Lays it with these parts without starting a daemon.
    pub(crate) fn of(configuration: &str, parts: &[Router]) -> Result<Hub> {
        let texts: Vec<String> = parts.iter().map(Router::configuration).collect();
        let spokes: Vec<_> = parts.iter().zip(&texts).map(|(part, text)| (part.daemon(), &**text)).collect();
        Hub::laid(configuration, &spokes)
    }

    /// Starts the daemons. Returns when all answer.
    ///
    /// The one in the middle listens before the others dial: OpenBGPD tries again after two minutes only.
    pub(crate) fn start(self) -> Result<Hub> {
        let mut hub = self;
        hub.linnet.start_daemon()?;
        hub.linnet.wait_until_ready()?;
        hub.spokes.iter_mut().try_for_each(Node::start_daemon)?;
        hub.spokes.iter().try_for_each(Node::wait_until_ready)?;
        Ok(hub)
    }

    /// Lays it without starting a daemon.
    pub(crate) fn laid(configuration: &str, spokes: &[(Daemon, &str)]) -> Result<Hub> {
        Hub::around((Daemon::Linnet, configuration), spokes)
    }

    /// Lays it around another daemon, to see what stands in linnetd's place.
    pub(crate) fn around(center: (Daemon, &str), spokes: &[(Daemon, &str)]) -> Result<Hub> {
        let nursery = Nursery::new()?;
        let mut hub = Hub { linnet: node("linnet", center.0, center.1, &nursery)?, spokes: vec![] };
        for (number, (daemon, configuration)) in (1..).zip(spokes) {
            let spoke = node(&format!("spoke{number}"), *daemon, configuration, &nursery)?;
            hub.attach(&spoke, number).with_context(|| format!("cannot attach spoke {number}"))?;
            hub.spokes.push(spoke);
        }
        Ok(hub)
    }

    fn attach(&self, spoke: &Node, number: u32) -> Result<()> {
        let device = format!("eth{number}");
        cable((self.linnet.netns(), &device), (spoke.netns(), "eth1"))?;
        for (node, device, last) in [(&self.linnet, &*device, [0, 1]), (spoke, "eth1", [1, 2])] {
            let addresses =
                [format!("10.1.{number}.{}/31", last[0]), format!("fd00:{number}::{}/64", last[1])];
            // An address that is still being checked for duplicates cannot be bound to (RFC 4862 section 5.4).
            node.netns().run(|| {
                std::fs::write(format!("/proc/sys/net/ipv6/conf/{device}/accept_dad"), "0")?;
                Link::named(device)?.down()?;
                Link::named(device)?.up()?;
                addresses.iter().try_for_each(|address| {
                    Link::named(device)?.add_address(address.parse().map_err(io::Error::other)?)
                })
            })??;
        }
        Ok(())
    }

    /// A spoke, from 1.
    pub(crate) fn spoke(&self, number: usize) -> Result<&Node> {
        self.spokes.get(number - 1).context("no such spoke")
    }

    /// Waits until a spoke has learnt a path to a prefix that is such.
    pub(crate) fn wait_for_path(
        &self,
        spoke: usize,
        prefix: &str,
        such: impl Fn(&SeenPath) -> bool,
    ) -> Result<SeenPath> {
        let node = self.spoke(spoke)?;
        wait_until(BOUND, &format!("{prefix} at {}", node.name()), || {
            let paths = node.paths(prefix)?;
            let path = paths.iter().find(|path| path.learnt && such(path));
            path.cloned().with_context(|| format!("{paths:#?}"))
        })
        .with_context(|| self.linnet.log())
    }

    /// Runs a command of `linnet` for what it does.
    pub(crate) fn tell(&self, command: &str) -> Result<()> {
        let program = daemon::linnet_cli()?;
        let program = program.to_string_lossy();
        let words: Vec<&str> = [&*program].into_iter().chain(command.split(' ')).collect();
        self.linnet.output(&words).map(drop)
    }

    /// Waits until linnetd's session with a neighbour is established, and what it shows is such.
    pub(crate) fn wait_for_session(
        &self,
        address: &str,
        what: &str,
        such: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        wait_until(BOUND, &format!("{what} with {address}"), || {
            let shown = self.linnet.linnet(&format!("neighbor {address}"))?;
            ensure!(shown["state"] == "established" && such(&shown), "{shown:#}");
            Ok(shown)
        })
        .with_context(|| self.linnet.log())
    }
}

pub(crate) fn node(name: &str, daemon: Daemon, configuration: &str, nursery: &Nursery) -> Result<Node> {
    let spec = NodeSpec { daemon: Some(daemon), ..NodeSpec::default() };
    let node = Node::new(name, &spec, nursery)?;
    write_configuration(&node, configuration)?;
    if daemon == Daemon::Frr {
        let bfdd = if configuration.contains(" bfd") { "bfdd=yes\n" } else { "" };
        node.write_file(Path::new("/etc/frr/daemons"), format!("{bfdd}bgpd=yes\n").as_bytes())?;
    }
    Ok(node)
}

/// Gives a node's daemon this configuration, for when it starts or reads it again.
pub(crate) fn write_configuration(node: &Node, configuration: &str) -> Result<()> {
    let path = match node.daemon().context("no daemon")? {
        Daemon::Linnet => "/etc/linnet/linnet.yaml",
        Daemon::Frr => "/etc/frr/frr.conf",
        Daemon::Bird => "/etc/bird/bird.conf",
        Daemon::Gobgp => "/etc/gobgp/gobgp.toml",
        Daemon::Openbgpd => "/etc/bgpd/bgpd.conf",
    };
    node.write_file(Path::new(path), configuration.as_bytes())
}

/// linnetd in AS 65000, with these keys of `bgp`, each on a line of its own, and these neighbours.
pub(crate) fn linnet(settings: &[&str], neighbors: &[&str]) -> String {
    let mut text = "bgp:\n  asn: 65000\n  router_id: 10.1.0.1\n".to_owned();
    text += "  listen: { addresses: [\"0.0.0.0\", \"::\"] }\n";
    text.extend(settings.iter().map(|line| format!("  {line}\n")));
    text += "  neighbors:\n";
    text.extend(neighbors.iter().map(|keys| format!("    - {{ connect_retry: 1, {keys} }}\n")));
    text
}

/// The prefixes in linnetd's table, in order, one for each path.
pub(crate) fn prefixes(hub: &Hub) -> Result<Vec<String>> {
    let rib = hub.linnet.linnet("rib")?;
    let paths = rib.as_array().into_iter().flatten();
    let mut prefixes: Vec<String> =
        paths.filter_map(|path| path["nlri"].as_str().map(str::to_owned)).collect();
    prefixes.sort();
    Ok(prefixes)
}

/// What a family of a neighbour shows.
pub(crate) fn family<'a>(neighbor: &'a Value, name: &str) -> &'a Value {
    let mut families = neighbor["families"].as_array().into_iter().flatten();
    families.rfind(|family| family["family"] == name).unwrap_or(&Value::Null)
}
