//! What a configuration says of the node itself, read again while linnetd runs: VNIs, where it listens, who it is, and how
//! it uses the kernel's routes.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod fabric;
mod hub;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use fabric::host;
use hub::{BOUND, Hub};
use lab::packet::Pinger;
use lab::{Daemon, Lab, Node, Router, daemon, netlink, skip_if, wait_until};
use serde_json::Value;

const FILE: &str = "/etc/linnet/linnet.yaml";
const TOPOLOGY: &str = "containerlab/evpn-mixed/evpn-mixed.clab.yml";
/// How often VNI 200 comes, changes and goes.
const ROUNDS: usize = 10;

/// Takes a text as the file; the changes that linnetd tells, each with its note.
fn take(node: &Node, text: &str) -> Result<Vec<String>> {
    node.write_file(Path::new(FILE), text.as_bytes())?;
    let changes = node.linnet("config reload")?;
    let line = |change: &Value| {
        let text = |key: &str| change[key].as_str().unwrap_or_default().to_owned();
        let ends = if change["ends_session"] == true { ", a session ends" } else { "" };
        format!("{} {}{ends}", text("subject"), text("effect"))
    };
    Ok(changes.as_array().into_iter().flatten().map(line).collect())
}

/// leaf1's configuration with these VNIs besides VNI 100.
fn leaf(others: &str) -> String {
    format!(
        "bgp:
  asn: 65000
  router_id: 10.0.0.1
  neighbors:
    - {{ address: 10.1.1.0, remote_as: 65000, families: [l2vpn-evpn], description: rr, hold_time: 9, keepalive: 3, connect_retry: 1 }}
evpn:
  vtep: 10.0.0.1
  vnis:
    - {{ vni: 100, vxlan: vxlan100, bridge: br100, create: true }}
{others}"
    )
}

/// Has leaf2, where FRR runs, serve VNI 200 with a host in it.
const LEAF2: &str = "ip link add br200 type bridge && \
    ip link add vxlan200 type vxlan id 200 local 10.0.0.2 dstport 4789 nolearning && \
    ip link set vxlan200 master br200 addrgenmode none && ip link add pod200 type veth peer name end200 && \
    ip link set pod200 master br200 && ip link set br200 up && ip link set vxlan200 up && ip link set pod200 up && \
    bridge fdb add 02:00:00:00:02:00 dev pod200 master static";

fn wait_for_remote_mac(leaf1: &Node) -> Result<()> {
    wait_until(fabric::CONVERGE, "the host of VNI 200 at leaf1", || {
        let rows = leaf1.netns().run(|| netlink::fdb("vxlan200"))??;
        let found = rows.iter().any(|row| row.mac.to_string() == "02:00:00:00:02:00" && row.dst.is_some());
        ensure!(found, "{rows:?}");
        Ok(())
    })
}

/// VNI 200 comes, takes other routes, gets another port and goes, over and over; a flow in VNI 100 loses no packet.
#[test]
fn a_vni_comes_changes_and_goes_and_another_ones_traffic_does_not_notice() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let (leaf1, leaf2) = (lab.node("leaf1")?, lab.node("leaf2")?);
    leaf2.sh(LEAF2)?;
    let (host1, host2) = (host("host1", "leaf1", 11), host("host2", "leaf2", 21));
    fabric::introduce(&lab, host1)?;
    fabric::introduce(&lab, host2)?;
    fabric::wait_until_known(leaf1, host2)?;
    fabric::wait_until_known(leaf2, host1)?;
    fabric::assert_pings(&lab, host1, host2)?;
    let rows = fabric::remote_rows(leaf1, host2)?;
    let pinger = Pinger::start(lab.node("host1")?.netns(), host2.ip, Duration::from_millis(5));

    for _ in 0..ROUNDS {
        let listed = "    - { vni: 200, create: true }\n";
        assert_eq!(take(leaf1, &leaf(listed))?, ["vni 200 added"]);
        fabric::wait_for_flood_list(leaf1, 200, &[host2.vtep])?;
        fabric::wait_for_flood_list(leaf2, 200, &[host1.vtep])?;
        wait_for_remote_mac(leaf1)?;

        let deaf = "    - { vni: 200, create: true, import_rt: ['65000:7'] }\n";
        assert_eq!(take(leaf1, &leaf(deaf))?, ["vni 200 changed"]);
        fabric::wait_for_flood_list(leaf1, 200, &[])?;
        assert_eq!(take(leaf1, &leaf(listed))?, ["vni 200 changed"]);
        wait_for_remote_mac(leaf1)?;

        let other_port = "    - { vni: 200, create: true, port: 4790 }\n";
        assert_eq!(take(leaf1, &leaf(other_port))?, ["vni 200 changed"]);
        wait_until(fabric::CONVERGE, "the other port", || {
            let shown = leaf1.sh("ip -d link show vxlan200")?;
            ensure!(shown.contains("dstport 4790"), "{shown}");
            Ok(())
        })?;
        wait_for_remote_mac(leaf1)?;

        assert_eq!(take(leaf1, &leaf(""))?, ["vni 200 removed"]);
        fabric::wait_for_flood_list(leaf2, 200, &[])?;
        wait_until(fabric::CONVERGE, "end of the devices", || {
            let left = leaf1.sh("ip -br link show | grep 200 || true")?;
            ensure!(left.is_empty(), "{left}");
            Ok(())
        })?;
    }

    let pings = pinger.stop()?;
    assert_eq!(pings.lost(), [0; 0], "of {}", pings.replies.len());
    println!("{} packets in VNI 100, none lost", pings.replies.len());
    assert_eq!(fabric::remote_rows(leaf1, host2)?, rows);
    let session = &leaf1.linnet("neighbor 10.1.1.0")?;
    assert_eq!((&session["state"], &session["flaps"]), (&"established".into(), &0.into()));
    Ok(())
}

fn frr() -> String {
    Router::new(Daemon::Frr, 1).passive().announces(&["10.244.1.0/24"]).configuration()
}

/// It connects, and signs.
fn bird() -> String {
    Router::new(Daemon::Bird, 2).password("secret").announces(&["10.244.2.0/24"]).configuration()
}

/// What tells a session from the next one: its port, and how often there was another.
fn session(hub: &Hub, neighbor: &str) -> Result<(Value, Value, Value)> {
    let shown = hub.linnet.linnet(&format!("neighbor {neighbor}"))?;
    Ok((shown["state"].clone(), shown["local_port"].clone(), shown["flaps"].clone()))
}

fn listening(bgp: &str, addresses: &str) -> String {
    format!(
        "bgp:
  asn: 65000
  {bgp}
  listen: {{ addresses: [{addresses}] }}
  neighbors:
    - {{ address: 10.1.1.1, remote_as: 65000, connect_retry: 1 }}
    - {{ address: 10.1.2.1, remote_as: 65000, passive: true, password: secret }}
"
    )
}

#[test]
fn linnetd_listens_elsewhere_and_the_sessions_that_stand_go_on() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]));
    let id = "router_id: 10.1.0.1";
    let configuration = listening(id, "10.1.1.0");
    let hub = Hub::up(&configuration, &[(Daemon::Frr, &frr()), (Daemon::Bird, &bird())])?;
    hub.wait_for_session("10.1.1.1", "session", |_| true)?;
    let before = session(&hub, "10.1.1.1")?;
    assert_ne!(session(&hub, "10.1.2.1")?.0, "established", "nobody listens for it");

    // Who connects to the new address has to sign there, too.
    assert_eq!(take(&hub.linnet, &listening(id, "'0.0.0.0', '::'"))?, ["bgp.listen changed"]);
    hub.wait_for_session("10.1.2.1", "signed session", |_| true)?;
    let signed = session(&hub, "10.1.2.1")?;
    assert_eq!(take(&hub.linnet, &listening(id, "10.1.1.0, 10.1.2.0"))?, ["bgp.listen changed"]);

    // What cannot be had is a fault, and nothing of the text is taken.
    let Err(told) = take(&hub.linnet, &listening("router_id: 10.1.0.9", "10.1.1.0, 192.0.2.1")) else {
        bail!("an address of somebody else")
    };
    let words = "bgp.listen: cannot listen on 192.0.2.1:179: Cannot assign requested address (os error 99)";
    assert!(told.to_string().contains(words), "{told:#}");
    assert_eq!(hub.linnet.linnet("status")?["router_id"], "10.1.0.1");
    let sockets = hub.linnet.sh("ss -Hltn sport = :179 | awk '{print $4}' | sort | tr '\\n' ' '")?;
    assert_eq!(sockets.trim(), "10.1.1.0:179 10.1.2.0:179");
    assert_eq!(session(&hub, "10.1.1.1")?, before);
    assert_eq!(session(&hub, "10.1.2.1")?, signed);

    // Who this speaker is stands in every session.
    let changes = take(&hub.linnet, &listening("router_id: 10.1.0.9", "10.1.1.0, 10.1.2.0"))?;
    let expected = [
        "neighbor 10.1.1.1 reset, a session ends",
        "neighbor 10.1.2.1 reset, a session ends",
        "bgp.router_id changed",
    ];
    assert_eq!(changes[..2], expected[..2]);
    assert!(changes.contains(&expected[2].to_owned()), "{changes:?}");
    hub.wait_for_session("10.1.1.1", "session", |_| true)?;
    hub.wait_for_session("10.1.2.1", "session", |_| true)?;
    let seen = hub.spoke(1)?.vtysh_json("show bgp neighbors 10.1.1.0 json")?;
    assert_eq!(seen["10.1.1.0"]["remoteRouterId"], "10.1.0.9");
    Ok(())
}

/// linnetd in this AS; to FRR, in AS 65001, it is a neighbour from elsewhere whatever its AS is.
fn of_as(asn: u32) -> String {
    format!(
        "bgp:
  asn: {asn}
  router_id: 10.1.0.1
  ebgp_default: accept
  neighbors:
    - {{ address: 10.1.1.1, remote_as: 65001, connect_retry: 1 }}
native: {{ advertise: [10.244.9.0/24] }}
"
    )
}

/// Waits until FRR has this node's prefix by this path.
fn wait_for_path_at_frr(hub: &Hub, path: &str) -> Result<()> {
    wait_until(BOUND, &format!("AS path {path} at FRR"), || {
        let shown = hub.spoke(1)?.vtysh_json("show bgp ipv4 unicast 10.244.9.0/24 json")?;
        ensure!(shown["paths"][0]["aspath"]["string"] == path, "{shown:#}");
        Ok(())
    })
}

/// Every session and every route of this node's own has the AS in it.
#[test]
fn another_as_begins_every_session_anew() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr]));
    let frr = Router::new(Daemon::Frr, 1).asn(65001).announces(&["10.244.1.0/24"]);
    let frr = frr.configuration().replace("remote-as 65000", "remote-as external");
    let hub = Hub::up(&of_as(65000), &[(Daemon::Frr, &frr)])?;
    hub.wait_for_session("10.1.1.1", "session", |_| true)?;
    wait_for_path_at_frr(&hub, "65000")?;
    let changes = take(&hub.linnet, &of_as(65010))?;
    assert_eq!(changes, ["neighbor 10.1.1.1 reset, a session ends", "bgp.asn changed"]);
    hub.wait_for_session("10.1.1.1", "session", |shown| shown["local_as"] == 65010)?;
    wait_for_path_at_frr(&hub, "65010")?;
    let status = hub.linnet.linnet("status")?;
    assert_eq!(status["asn"], 65010);
    assert!(status["configuration"]["needs_restart"].as_array().is_none_or(Vec::is_empty), "{status:#}");
    Ok(())
}

fn native(section: &str) -> String {
    format!(
        "bgp:
  asn: 65000
  router_id: 10.1.0.1
  next_hop_tracking: true
  neighbors:
    - {{ address: 10.1.1.1, remote_as: 65000, connect_retry: 1 }}
{section}"
    )
}

/// Waits until the kernel's routes to FRR's prefix are these: table, metric, protocol.
fn wait_for_routes(hub: &Hub, expected: &[&str]) -> Result<()> {
    wait_until(BOUND, &format!("{expected:?}"), || {
        let shown = hub.linnet.sh("ip -N route show table all 10.244.1.0/24")?;
        let mut routes = Vec::new();
        for line in shown.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let after = |key| words.iter().skip_while(|word| **word != key).nth(1).copied();
            let [table, metric, protocol] = [
                after("table").unwrap_or("254"),
                after("metric").unwrap_or("0"),
                after("proto").unwrap_or("?"),
            ];
            routes.push(format!("{table} {metric} {protocol}"));
        }
        ensure!(routes == expected, "{shown}");
        Ok(())
    })
}

#[test]
fn routes_move_within_the_kernel_as_the_file_says() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr]).or_else(|| daemon::missing_program("ip")));
    let hub = Hub::up(&native(""), &[(Daemon::Frr, &frr())])?;
    hub.wait_for_session("10.1.1.1", "session", |_| true)?;
    let before = session(&hub, "10.1.1.1")?;
    wait_for_routes(&hub, &[])?;
    for (section, change, routes) in [
        ("native: {}", "native added", &["254 50 108"][..]),
        ("native: { metric: 60 }", "native.metric changed", &["254 60 108"]),
        ("native: { metric: 60, table: 77 }", "native.table changed", &["77 60 108"]),
        ("native: { metric: 60, table: 77, protocol: 200 }", "native.protocol changed", &["77 60 200"]),
        ("native: { metric: 60, table: 77, protocol: 200, install: false }", "native.install changed", &[]),
        ("native: { metric: 60, table: 77, protocol: 200 }", "native.install changed", &["77 60 200"]),
        ("", "native removed", &[]),
    ] {
        assert_eq!(take(&hub.linnet, &native(section))?, [change], "{section}");
        wait_for_routes(&hub, routes)?;
    }
    assert_eq!(session(&hub, "10.1.1.1")?, before);
    Ok(())
}

#[test]
fn a_neighbor_that_no_file_has_is_named_before_it_goes() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr]));
    let hub = Hub::up(&native(""), &[(Daemon::Frr, &frr())])?;
    hub.tell("neighbor add 10.1.9.1 --remote-as 65000")?;
    let diff = hub.linnet.linnet("config diff")?;
    assert_eq!(diff[0]["subject"], "neighbor 10.1.9.1");
    assert_eq!(diff[0]["note"], "it was added over the API: no file has it");
    Ok(())
}
