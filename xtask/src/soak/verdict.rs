//! What has to be so once the fabric is left alone, and what the logs tell.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::{Context, Result, ensure};
use lab::{Daemon, Node, netlink};
use serde_json::Value;

use super::churn::Churn;
use super::hosts::{Hosts, PREFIX};
use super::network::{LEAVES, Leaf, Network};

/// Where a leaf has a host: here, or behind this VTEP.
type Places = BTreeMap<String, Option<IpAddr>>;

/// `Ok` when every table and every kernel has what is so, and nothing else.
pub(super) fn agreement(network: &Network, hosts: &Hosts, churn: &Churn) -> Result<()> {
    let prefixes: BTreeMap<_, _> = churn.announced().collect();
    for (index, leaf) in LEAVES.iter().enumerate() {
        let node = network.node(leaf.name)?;
        let expected = places(hosts, index);
        let known = match leaf.daemon {
            Daemon::Linnet => in_linnet(node)?,
            _ => in_frr(node)?,
        };
        ensure_equal(leaf.name, "MACs", &expected, &known)?;
        ensure_equal(leaf.name, "MACs of the kernel", &expected, &in_kernel(node, leaf)?)?;
        let others: BTreeSet<IpAddr> =
            LEAVES.iter().map(|other| other.address.into()).filter(|other| *other != leaf.address).collect();
        let flood = node.netns().run(|| netlink::flood_list("vxlan100"))??.into_iter().collect();
        ensure!(others == flood, "{}: floods to {flood:?} instead of {others:?}", leaf.name);
        if leaf.daemon == Daemon::Linnet {
            nothing_is_open(node)?;
            let wanted = prefixes.get("bird").cloned().unwrap_or_default();
            ensure_lists(leaf.name, "routes", wanted, routes(node)?)?;
            let own = prefixes.get(leaf.name).cloned().unwrap_or_default();
            ensure_lists("bird", leaf.name, own, in_bird(network.node("bird")?, leaf)?)?;
        }
    }
    Ok(())
}

/// Where the leaf of this index is to have each host.
fn places(hosts: &Hosts, index: usize) -> Places {
    let place = |leaf: usize| LEAVES.get(leaf).filter(|_| leaf != index).map(|leaf| leaf.address.into());
    hosts.all().map(|(mac, leaf)| (mac.to_owned(), place(leaf))).collect()
}

/// What linnetd says; a host that is remote has to be in the kernel by its word, too.
fn in_linnet(node: &Node) -> Result<Places> {
    let shown = node.linnet("evpn mac")?;
    let mut places = Places::new();
    for row in shown.as_array().context("no list of MACs")? {
        let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
        if !text("mac").starts_with(PREFIX) {
            continue;
        }
        let vtep = text("vtep");
        ensure!(vtep.is_empty() || text("kernel") == "programmed", "{}: {row}", node.name());
        places.insert(text("mac").to_owned(), vtep.parse().ok());
    }
    Ok(places)
}

fn in_frr(node: &Node) -> Result<Places> {
    let shown = node.vtysh_json("show evpn mac vni 100 json")?;
    let macs = shown.pointer("/macs").and_then(Value::as_object).into_iter().flatten();
    let ours = macs.filter(|(mac, _)| mac.starts_with(PREFIX));
    let vtep = |row: &Value| row.get("remoteVtep").and_then(Value::as_str).and_then(|vtep| vtep.parse().ok());
    Ok(ours.map(|(mac, row)| (mac.clone(), vtep(row))).collect())
}

/// What the kernel forwards by: hosts at the port `access`, and those that have a row in the bridge and one in the tunnel.
///
/// What is in the tunnel and not in the bridge leads nowhere. FRR leaves such rows behind where a remote host turns up at
/// its own port; linnetd has to have none.
fn in_kernel(node: &Node, leaf: &Leaf) -> Result<Places> {
    let (access, tunnel) = node.netns().run(|| (netlink::fdb("access"), netlink::fdb("vxlan100")))?;
    let is_host = |row: &netlink::FdbRow| row.mac.to_string().starts_with(PREFIX);
    let mut places: Places =
        access?.into_iter().filter(is_host).map(|row| (row.mac.to_string(), None)).collect();
    let (own, bridged): (Vec<_>, Vec<_>) = tunnel?.into_iter().filter(is_host).partition(|row| row.own);
    let bridged: BTreeSet<String> = bridged.iter().map(|row| row.mac.to_string()).collect();
    for row in own {
        let mac = row.mac.to_string();
        if bridged.contains(&mac) {
            ensure!(places.insert(mac, row.dst).is_none(), "{}: {row} is here as well", node.name());
        } else {
            ensure!(leaf.daemon != Daemon::Linnet, "{}: {row} is in no bridge", node.name());
        }
    }
    let unknown: Vec<_> = bridged.iter().filter(|mac| !places.contains_key(*mac)).collect();
    ensure!(unknown.is_empty(), "{}: {unknown:?} are in no tunnel", node.name());
    Ok(places)
}

/// Nothing pends, fails or is in conflict, and what linnetd has seen is what it wants.
fn nothing_is_open(node: &Node) -> Result<()> {
    let status = node.linnet("status")?;
    for part in ["fib", "routes"] {
        for key in ["pending", "failed", "conflicts"] {
            let open = status.pointer(&format!("/{part}/{key}")).and_then(Value::as_u64).unwrap_or_default();
            ensure!(open == 0, "{}: {open} {part} {key}", node.name());
        }
    }
    let differing = node.linnet("fib diff")?;
    ensure!(differing.as_array().is_some_and(Vec::is_empty), "{}: {differing:#}", node.name());
    Ok(())
}

/// The kernel's routes of linnetd.
fn routes(node: &Node) -> Result<Vec<String>> {
    let shown = node.sh("ip route show proto 108")?;
    Ok(shown.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

/// What BIRD has of a leaf.
fn in_bird(node: &Node, leaf: &Leaf) -> Result<Vec<String>> {
    let shown = node.birdc(&format!("show route protocol {}", leaf.name))?;
    let first = shown.lines().filter_map(|line| line.split_whitespace().next());
    Ok(first.filter(|word| word.starts_with("10.")).map(str::to_owned).collect())
}

fn ensure_lists(name: &str, what: &str, expected: Vec<String>, found: Vec<String>) -> Result<()> {
    let everywhere = |list: Vec<String>| list.into_iter().map(|item| (item, None)).collect();
    ensure_equal(name, what, &everywhere(expected), &everywhere(found))
}

fn ensure_equal(name: &str, what: &str, expected: &Places, found: &Places) -> Result<()> {
    let differing = |one: &Places, other: &Places| {
        let rows = one.iter().filter(|(key, place)| other.get(*key) != Some(*place));
        let text = |(key, place): (&String, &Option<IpAddr>)| match place {
            Some(vtep) => format!("{key} behind {vtep}"),
            None => key.clone(),
        };
        rows.map(text).collect::<Vec<_>>().join(", ")
    };
    let (missing, left_over) = (differing(expected, found), differing(found, expected));
    ensure!(
        missing.is_empty() && left_over.is_empty(),
        "{name}: {what}: missing: {missing}; left over: {left_over}"
    );
    Ok(())
}

/// The linnetd's own log, line by line, with the name of its node.
fn lines(network: &Network) -> impl Iterator<Item = (&'static str, String)> {
    let leaves = LEAVES.iter().filter(|leaf| leaf.daemon == Daemon::Linnet);
    leaves.flat_map(move |leaf| {
        let log = network.node(leaf.name).map(Node::log).unwrap_or_default();
        log.lines().map(|line| (leaf.name, line.to_owned())).collect::<Vec<_>>()
    })
}

/// Lines of the logs that no linnetd has a reason for, whatever happens around it.
pub(super) fn log_faults(network: &Network) -> Vec<String> {
    let bad = |line: &str| line.contains("ERROR") || line.contains("panicked");
    lines(network).filter(|(_, line)| bad(line)).map(|(name, line)| format!("{name}: {line}")).collect()
}

/// How many warnings of each kind there are: a line without its figures.
pub(super) fn warnings(network: &Network) -> Vec<String> {
    let mut kinds = BTreeMap::<String, usize>::new();
    for (name, line) in lines(network) {
        if let Some((_, text)) = line.split_once(" WARN ") {
            let words = text.split_whitespace().filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
            *kinds.entry(format!("{name}: {}", words.collect::<Vec<_>>().join(" "))).or_default() += 1;
        }
    }
    kinds.into_iter().map(|(kind, count)| format!("{count} x {kind}")).collect()
}
