//! Neighbours without addresses: found at the other end of a link, reached at their link-local addresses.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hub::{BOUND, family};
use lab::{Daemon, Node, Nursery, cable, daemon, netlink, skip_if, wait_until};
use serde_json::Value;

/// A node of each daemon, all cabled to the first one: its `eth1` to the second one's, its `eth2` to the third one's.
fn star(daemons: &[(Daemon, &str)]) -> Result<Vec<Node>> {
    let nursery = Nursery::new()?;
    let mut nodes = Vec::new();
    for (number, (daemon, configuration)) in daemons.iter().enumerate() {
        let node = hub::node(&format!("node{number}"), *daemon, configuration, &nursery)?;
        nodes.push(node);
    }
    let (middle, others) = nodes.split_first().context("no nodes")?;
    for (number, other) in (1..).zip(others) {
        cable((middle.netns(), &format!("eth{number}")), (other.netns(), "eth1"))?;
    }
    Ok(nodes)
}

fn start(nodes: &mut [Node]) -> Result<()> {
    nodes.iter_mut().try_for_each(Node::start_daemon)?;
    nodes.iter().try_for_each(Node::wait_until_ready)
}

fn missing(daemons: &[Daemon]) -> Option<String> {
    hub::missing(daemons).or_else(|| daemon::missing_program("ip"))
}

/// Waits until the session with a neighbour, by its name, is up and such.
fn wait_for_session(node: &Node, name: &str, what: &str, such: impl Fn(&Value) -> bool) -> Result<Value> {
    wait_until(BOUND, &format!("{what} with {name}"), || {
        let shown = node.linnet(&format!("neighbor {name}"))?;
        ensure!(shown["state"] == "established" && such(&shown), "{shown:#}");
        Ok(shown)
    })
    .with_context(|| node.log())
}

fn linnet(number: u32, vtep: bool, settings: &str, links: &[&str]) -> String {
    let mut text = format!(
        "bgp:
  asn: {}
  router_id: 10.0.0.{number}
  listen: {{ addresses: [\"::\"] }}
  ebgp_default: accept
  peer_groups:
    - {{ name: fabric, remote_as: external, families: [ipv4-unicast, ipv6-unicast, l2vpn-evpn], connect_retry: 1{settings} }}
  neighbors:
",
        65000 + number
    );
    for link in links {
        text += &format!("    - {{ interface: {link}, peer_group: fabric }}\n");
    }
    if vtep {
        text += &format!(
            "evpn:\n  vtep: 10.0.0.{number}\n  vnis: [{{ vni: 100, create: true, mtu: 1450, import_rt: [\"*:100\"] }}]\n"
        );
    }
    text
}

fn frr(number: u32) -> String {
    format!(
        "interface eth1
 no ipv6 nd suppress-ra
 ipv6 nd ra-interval 10
exit
router bgp {asn}
 bgp router-id 10.0.0.{number}
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor eth1 interface remote-as external
 neighbor eth1 timers connect 1
 address-family ipv4 unicast
  network 10.244.{number}.0/24
 exit-address-family
 address-family ipv6 unicast
  neighbor eth1 activate
  network fd00:244:{number}::/64
 exit-address-family
 address-family l2vpn evpn
  neighbor eth1 activate
 exit-address-family
",
        asn = 65000 + number
    )
}

/// linnetd between two FRRs: each one's routes reach the other, by next hops on the link, and into its kernel.
#[test]
fn frr_on_both_sides() -> Result<()> {
    skip_if!(missing(&[Daemon::Frr]));
    let middle = linnet(1, true, "", &["eth1", "eth2"]);
    let mut nodes = star(&[(Daemon::Linnet, &middle), (Daemon::Frr, &frr(2)), (Daemon::Frr, &frr(3))])?;
    start(&mut nodes)?;
    let [leaf, frrs @ ..] = &nodes[..] else { panic!("three nodes") };
    for name in ["eth1", "eth2"] {
        let shown = wait_for_session(leaf, name, "routes of both families", |shown| {
            family(shown, "ipv4-unicast")["accepted"] == 1 && family(shown, "ipv6-unicast")["accepted"] == 1
        })?;
        assert_eq!((&shown["address"], &shown["interface"]), (&name.into(), &name.into()), "{shown:#}");
        let remote: Ipv6Addr = shown["remote_address"].as_str().unwrap_or_default().parse()?;
        assert!(remote.is_unicast_link_local(), "{shown:#}");
    }
    for (here, other) in [(&frrs[0], 3), (&frrs[1], 2)] {
        // In the kernel: IPv4 over an IPv6 next hop on the link (RFC 8950).
        wait_until(BOUND, "the other FRR's routes in the kernel", || {
            let four = here.sh(&format!("ip route show 10.244.{other}.0/24"))?;
            ensure!(four.contains("via inet6 fe80:") && four.contains("dev eth1"), "{four}");
            let six = here.sh(&format!("ip -6 route show fd00:244:{other}::/64"))?;
            ensure!(six.contains("via fe80:") && six.contains("dev eth1"), "{six}");
            Ok(())
        })
        .with_context(|| leaf.log())?;
        wait_until(BOUND, "the flood route of linnetd", || {
            let routes = here.vtysh("show bgp l2vpn evpn route type multicast")?;
            ensure!(routes.contains("[3]:[0]:[32]:[10.0.0.1]"), "{routes}");
            Ok(())
        })?;
    }
    let said = leaf.sh(&format!("{} neighbor eth1", daemon::linnet_cli()?.display()))?;
    assert!(said.starts_with("eth1\n") && said.contains(" on eth1"), "{said}");
    Ok(())
}

/// Where the link has a global address of ours, it stands in front of the link-local one in what the neighbour is
/// told (RFC 2545 section 3, RFC 8950 section 3); the neighbour's kernel uses the one on its link all the same.
#[test]
fn a_global_address_of_the_link_is_told_too() -> Result<()> {
    skip_if!(missing(&[Daemon::Frr]));
    let middle = linnet(1, false, "", &["eth1", "eth2"]);
    let mut nodes = star(&[(Daemon::Linnet, &middle), (Daemon::Frr, &frr(2)), (Daemon::Frr, &frr(3))])?;
    nodes[0].sh("ip address add 2001:db8:9::1/64 dev eth1 nodad")?;
    start(&mut nodes)?;
    let [leaf, near, bare] = &nodes[..] else { panic!("three nodes") };
    for (node, other, global) in [(near, 3, Some("2001:db8:9::1")), (bare, 2, None)] {
        for (family, prefix) in
            [("ipv4", format!("10.244.{other}.0/24")), ("ipv6", format!("fd00:244:{other}::/64"))]
        {
            let hops = wait_until(BOUND, &format!("{prefix} at {}", node.name()), || {
                let shown = node.vtysh_json(&format!("show bgp {family} unicast {prefix} json"))?;
                let hops = shown["paths"][0]["nexthops"].as_array().cloned().unwrap_or_default();
                ensure!(!hops.is_empty() && shown["paths"][0]["valid"] == true, "{shown:#}");
                Ok(hops)
            })
            .with_context(|| leaf.log())?;
            let of = |scope: &str| hops.iter().find(|hop| hop["scope"] == scope).map(|hop| hop["ip"].clone());
            if let Some(global) = global {
                assert_eq!(of("global"), Some(global.into()), "{hops:#?}");
                assert!(of("link-local").is_some_and(|ip| ip.to_string().contains("fe80::")), "{hops:#?}");
            } else {
                assert!(hops.iter().all(|hop| hop["ip"].to_string().contains("fe80::")), "{hops:#?}");
            }
            let option = if family == "ipv4" { "" } else { "-6" };
            wait_until(BOUND, &format!("{prefix} in the kernel"), || {
                let route = node.sh(&format!("ip {option} route show {prefix}"))?;
                ensure!(route.contains("fe80:") && route.contains("dev eth1"), "{route}");
                Ok(())
            })?;
        }
    }
    Ok(())
}

/// BIRD says nothing of itself on its link: it is found because it spoke with this kernel, which knows it since.
#[test]
fn a_neighbour_that_does_not_advertise_itself_is_found() -> Result<()> {
    skip_if!(missing(&[Daemon::Bird]));
    let bird = "router id 10.0.0.2;
protocol device {}
protocol static { ipv6; route fd00:244:2::/64 blackhole; }
protocol bgp linnet {
  local fe80::2 as 65002; neighbor fe80::1%eth1 as 65001;
  connect delay time 1; connect retry time 1; ipv6 { import all; export all; };
}
";
    let mut nodes = star(&[(Daemon::Linnet, &linnet(1, false, "", &["eth1"])), (Daemon::Bird, bird)])?;
    for (node, address) in [(&nodes[0], "fe80::1"), (&nodes[1], "fe80::2")] {
        node.sh("ip address flush dev eth1 scope link")?;
        node.sh(&format!("ip address add {address}/64 dev eth1 nodad"))?;
    }
    start(&mut nodes)?;
    let shown =
        wait_for_session(&nodes[0], "eth1", "route", |shown| family(shown, "ipv6-unicast")["accepted"] == 1)?;
    assert_eq!(shown["remote_address"], "fe80::2", "{shown:#}");
    Ok(())
}

/// Two linnetds that sign and watch each other by BFD; a link that goes down takes the session along, and a neighbour with another address is
/// found again.
#[test]
fn two_linnetds_on_a_cable() -> Result<()> {
    skip_if!(missing(&[]));
    let configurations = [1, 2].map(|number| linnet(number, true, ", password: cable, bfd: true", &["eth1"]));
    let [one, two] = &configurations;
    let mut nodes = star(&[(Daemon::Linnet, one), (Daemon::Linnet, two)])?;
    start(&mut nodes)?;
    let [near, far] = &nodes[..] else { panic!("two nodes") };
    let first = wait_for_session(near, "eth1", "session, and BFD", |shown| {
        shown["authentication"] == "tcp-md5" && shown["bfd"]["state"] == "up"
    })?;
    for (node, other) in [(near, "10.0.0.2"), (far, "10.0.0.1")] {
        wait_until(BOUND, "flood row", || {
            let rows = node.netns().run(|| netlink::fdb("vxlan100"))??;
            let row = format!("00:00:00:00:00:00 dev vxlan100 dst {other} self extern_learn permanent");
            ensure!(rows.iter().any(|shown| shown.to_string() == row), "{rows:#?}");
            Ok(())
        })?;
    }

    far.sh("ip link set eth1 down")?;
    let down = Instant::now();
    wait_until(BOUND, "end of the session", || {
        let log = near.log();
        // The kernel may take its time to tell of a lost carrier; then BFD is the first to notice.
        let noticed = log.contains("the link went down") || log.contains("BFD session down");
        ensure!(log.contains("session ended") && noticed, "{log}");
        Ok(())
    })?;
    assert!(down.elapsed() < Duration::from_secs(5), "after {:?}, long before any timer", down.elapsed());

    far.sh("ip link set eth1 address 02:00:00:00:00:77 && ip link set eth1 up")?;
    let again = wait_for_session(near, "eth1", "session with the new address", |shown| {
        shown["remote_address"] == "fe80::ff:fe00:77"
    })?;
    assert_ne!(first["remote_address"], again["remote_address"]);
    Ok(())
}

/// A link-local address that is configured, on a link that is named.
#[test]
fn bird_at_a_link_local_address() -> Result<()> {
    skip_if!(missing(&[Daemon::Bird]));
    let linnet = "bgp:
  asn: 65001
  router_id: 10.0.0.1
  listen: { addresses: [\"::\"] }
  neighbors:
    - { address: \"fe80::2%eth1\", remote_as: 65002, families: [ipv6-unicast], password: x, ttl_security: 1, connect_retry: 1 }
";
    let bird = "router id 10.0.0.2;
protocol device {}
protocol bgp linnet {
  local fe80::2 as 65002; neighbor fe80::1%eth1 as 65001; password \"x\"; ttl security on;
  connect delay time 1; connect retry time 1; ipv6 { import all; export all; };
}
";
    for passive in ["", "passive on;"] {
        let bird = bird.replace("password", &format!("{passive} password"));
        let mut nodes = star(&[(Daemon::Linnet, linnet), (Daemon::Bird, &bird)])?;
        for (node, address) in [(&nodes[0], "fe80::1"), (&nodes[1], "fe80::2")] {
            node.sh(&format!("ip address add {address}/64 dev eth1 nodad"))?;
        }
        start(&mut nodes)?;
        let shown = wait_for_session(&nodes[0], "fe80::2%eth1", "session", |_| true)?;
        assert_eq!(
            (&shown["address"], &shown["interface"]),
            (&"fe80::2%eth1".into(), &"eth1".into()),
            "{shown:#}"
        );
    }
    Ok(())
}
