//! BFD with FRR's bfdd, with BIRD and between two linnetds: sessions come up, and a neighbour that is lost is lost
//! for BGP within the Detection Time, and not when the hold timer of 90 seconds says so.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hub::{BOUND, Hub};
use lab::netlink::Link;
use lab::{Daemon, Node, NodeSpec, Nursery, cable, daemon, skip_if, wait_until};
use serde_json::Value;

const SPOKE: &str = "10.1.1.1";
const SPOKE_V6: &str = "fd00:1::2";

/// Three times 100 ms, and what a loaded machine may add: far below any hold timer.
const NOTICED: Duration = Duration::from_secs(3);

/// What each neighbour is told about BFD, unless a test has something else in mind.
const SETTINGS: &str = "{ transmit_interval_ms: 100, receive_interval_ms: 100, multiplier: 3 }";

/// linnetd with the first spoke as its neighbour, watched so.
fn linnet(bfd: &str) -> String {
    format!(
        "bgp:
  asn: 65000
  router_id: 10.1.0.1
  listen: {{ addresses: [\"0.0.0.0\", \"::\"] }}
  neighbors:
    - {{ address: {SPOKE}, remote_as: 65000, connect_retry: 1, bfd: {bfd} }}
    - {{ address: \"{SPOKE_V6}\", remote_as: 65000, connect_retry: 1, bfd: {bfd} }}
"
    )
}

fn frr() -> &'static str {
    "bfd
 profile fast
  transmit-interval 100
  receive-interval 100
 exit
exit
router bgp 65000
 bgp router-id 10.1.1.1
 no bgp network import-check
 neighbor 10.1.1.0 remote-as 65000
 neighbor 10.1.1.0 timers connect 1
 neighbor 10.1.1.0 bfd
 neighbor 10.1.1.0 bfd profile fast
 neighbor fd00:1::1 remote-as 65000
 neighbor fd00:1::1 timers connect 1
 neighbor fd00:1::1 bfd
 neighbor fd00:1::1 bfd profile fast
 address-family ipv4 unicast
  network 10.244.1.0/24
 exit-address-family
"
}

fn bird() -> &'static str {
    "router id 10.1.1.1;
protocol device {}
protocol bfd { interface \"*\" { interval 100 ms; multiplier 3; }; }
template bgp common { local as 65000; direct; connect delay time 1; connect retry time 1; bfd on; }
protocol bgp four from common { neighbor 10.1.1.0 as 65000; ipv4 { import all; export all; }; }
protocol bgp six from common { neighbor fd00:1::1 as 65000; ipv4 { import all; export all; extended next hop; }; }
"
}

fn missing(daemons: &[Daemon]) -> Option<String> {
    let bfdd = || daemons.contains(&Daemon::Frr).then(|| daemon::missing_program("/usr/lib/frr/bfdd"))?;
    hub::missing(daemons).or_else(bfdd)
}

/// What linnetd shows of a neighbour's BFD session.
fn session(linnet: &Node, neighbor: &str) -> Result<Value> {
    linnet.linnet(&format!("bfd {neighbor}"))
}

fn wait_for_session(
    linnet: &Node,
    neighbor: &str,
    what: &str,
    such: impl Fn(&Value) -> bool,
) -> Result<Value> {
    wait_until(BOUND, &format!("{what} with {neighbor}"), || {
        let shown = session(linnet, neighbor)?;
        ensure!(such(&shown), "{shown:#}");
        Ok(shown)
    })
    .with_context(|| linnet.log())
}

fn wait_until_up(linnet: &Node, neighbor: &str) -> Result<Value> {
    wait_for_session(linnet, neighbor, "BFD session", |shown| shown["state"] == "up")
}

/// Waits until BGP with a neighbour has ended because of BFD; how long that took.
fn wait_until_lost(linnet: &Node, neighbor: &str, since: Instant) -> Result<Duration> {
    wait_until(BOUND, &format!("end of the session with {neighbor}"), || {
        let shown = linnet.linnet(&format!("neighbor {neighbor}"))?;
        ensure!(shown["flaps"] == 1, "{shown:#}");
        let why = shown["last_error"].to_string();
        ensure!(why.contains("BFD session down"), "{why}");
        Ok(since.elapsed())
    })
    .with_context(|| linnet.log())
}

fn pause(node: &mut Node, program: &str, wake: bool) -> Result<()> {
    let mut processes = node.processes().iter();
    let process = processes.find(|process| process.name().ends_with(program)).context("no such process")?;
    Ok(if wake { process.resume() } else { process.pause() }?)
}

/// What FRR's bfdd shows of its sessions.
fn at_frr(node: &Node, peer: &str) -> Result<Value> {
    let peers = node.vtysh_json("show bfd peers json")?;
    let mut peers = peers.as_array().into_iter().flatten();
    Ok(peers.find(|shown| shown["peer"] == peer).cloned().unwrap_or_default())
}

/// Has FRR change what it does in all sessions.
fn change_profile(node: &Node, lines: &[&str]) -> Result<()> {
    let lines = ["configure", "bfd", "profile fast"].into_iter().chain(lines.iter().copied());
    let words: Vec<&str> = ["vtysh"].into_iter().chain(lines.flat_map(|line| ["-c", line])).collect();
    node.output(&words).map(drop)
}

#[test]
fn frrs_bfdd_that_falls_silent_is_noticed() -> Result<()> {
    skip_if!(missing(&[Daemon::Frr]));
    let mut hub = Hub::up(&linnet(SETTINGS), &[(Daemon::Frr, frr())])?;
    for (neighbor, us) in [(SPOKE, "10.1.1.0"), (SPOKE_V6, "fd00:1::1")] {
        wait_until_up(&hub.linnet, neighbor)?;
        let shown = wait_for_session(&hub.linnet, neighbor, "agreed intervals", |shown| {
            shown["transmit_interval_ms"] == 100 && shown["receive_interval_ms"] == 100
        })?;
        assert_eq!(
            (&shown["detection_time_ms"], &shown["multihop"]),
            (&300.into(), &false.into()),
            "{shown:#}"
        );
        let theirs = at_frr(hub.spoke(1)?, us)?;
        assert_eq!(
            (&theirs["status"], &theirs["remote-detect-multiplier"]),
            (&"up".into(), &3.into()),
            "{theirs:#}"
        );
        hub.wait_for_session(neighbor, "BFD", |shown| shown["bfd"]["state"] == "up")?;
    }

    pause(hub.spokes.first_mut().context("no FRR")?, "bfdd", false)?;
    let stopped = Instant::now();
    let took = wait_until_lost(&hub.linnet, SPOKE, stopped)?;
    assert!(took < NOTICED, "after {took:?}");
    wait_until_lost(&hub.linnet, SPOKE_V6, stopped)?;
    let shown = session(&hub.linnet, SPOKE)?;
    assert_eq!(shown["diagnostic"], "control detection time expired", "{shown:#}");
    assert!(hub.linnet.log().contains("BFD session down"), "{}", hub.linnet.log());
    // Its BGP lives, and comes back without its BFD.
    hub.wait_for_session(SPOKE, "BGP alone", |shown| shown["bfd"]["state"] == "down")?;

    pause(hub.spokes.first_mut().context("no FRR")?, "bfdd", true)?;
    let shown = wait_until_up(&hub.linnet, SPOKE)?;
    assert_eq!((&shown["ups"], &shown["downs"]), (&2.into(), &1.into()), "{shown:#}");
    Ok(())
}

#[test]
fn a_link_that_is_cut_is_noticed_with_bird() -> Result<()> {
    skip_if!(missing(&[Daemon::Bird]));
    let hub = Hub::up(&linnet(SETTINGS), &[(Daemon::Bird, bird())])?;
    let neighbors = [SPOKE, SPOKE_V6];
    for neighbor in neighbors {
        wait_until_up(&hub.linnet, neighbor)?;
        hub.wait_for_session(neighbor, "session", |_| true)?;
    }
    let shown = hub.spoke(1)?.birdc("show bfd sessions")?;
    assert_eq!(shown.matches(" Up ").count(), 2, "{shown}");

    // The far end's link goes down: here no address goes, and TCP is told nothing.
    let cut = Instant::now();
    hub.spoke(1)?.netns().run(|| Link::named("eth1")?.down())??;
    for neighbor in neighbors {
        let took = wait_until_lost(&hub.linnet, neighbor, cut)?;
        assert!(took < NOTICED, "{neighbor}: after {took:?}");
    }
    Ok(())
}

#[test]
fn what_an_operator_takes_down_ends_nothing() -> Result<()> {
    skip_if!(missing(&[Daemon::Frr]));
    let hub = Hub::up(&linnet(SETTINGS), &[(Daemon::Frr, frr())])?;
    wait_until_up(&hub.linnet, SPOKE)?;
    hub.wait_for_session(SPOKE, "session", |_| true)?;

    // FRR's operator takes BFD down.
    change_profile(hub.spoke(1)?, &["shutdown"])?;
    let shown = wait_for_session(&hub.linnet, SPOKE, "word of the operator", |shown| {
        shown["remote_state"] == "admindown"
    })?;
    assert_eq!(shown["state"], "down", "{shown:#}");
    hub.wait_for_session(SPOKE, "session as before", |shown| shown["flaps"] == 0)?;
    change_profile(hub.spoke(1)?, &["no shutdown"])?;
    wait_until_up(&hub.linnet, SPOKE)?;

    // Ours takes the neighbour down, and with it BFD: FRR is told so.
    let linnet = daemon::linnet_cli()?;
    hub.linnet.output(&[&linnet.to_string_lossy(), "neighbor", SPOKE, "shutdown"])?;
    wait_until(BOUND, "word of our operator", || {
        let theirs = at_frr(hub.spoke(1)?, "10.1.1.0")?;
        ensure!(theirs["remote-diagnostic"] == "administratively down", "{theirs:#}");
        Ok(())
    })?;
    hub.linnet.output(&[&linnet.to_string_lossy(), "neighbor", SPOKE, "enable"])?;
    wait_until_up(&hub.linnet, SPOKE).map(drop)
}

#[test]
fn intervals_change_while_the_session_is_up() -> Result<()> {
    skip_if!(missing(&[Daemon::Frr]));
    let hub = Hub::up(&linnet(SETTINGS), &[(Daemon::Frr, frr())])?;
    wait_until_up(&hub.linnet, SPOKE)?;
    for interval in [400_u32, 150] {
        let (tx, rx) = (format!("transmit-interval {interval}"), format!("receive-interval {interval}"));
        change_profile(hub.spoke(1)?, &[&tx, &rx])?;
        wait_for_session(&hub.linnet, SPOKE, "new intervals", |shown| {
            shown["transmit_interval_ms"] == interval && shown["receive_interval_ms"] == interval
        })?;
    }
    let shown = session(&hub.linnet, SPOKE)?;
    assert_eq!((&shown["downs"], &shown["detection_time_ms"]), (&0.into(), &450.into()), "{shown:#}");
    // And by a reload here: now it is FRR that has to follow.
    let slower = linnet("{ transmit_interval_ms: 500, receive_interval_ms: 500, multiplier: 4 }");
    hub.linnet.write_file(Path::new("/etc/linnet/linnet.yaml"), slower.as_bytes())?;
    hub.linnet.output(&[&daemon::linnet_cli()?.to_string_lossy(), "config", "reload"])?;
    wait_until(BOUND, "new intervals at FRR", || {
        let theirs = at_frr(hub.spoke(1)?, "10.1.1.0")?;
        let said = [&theirs["remote-transmit-interval"], &theirs["remote-detect-multiplier"]];
        ensure!(theirs["status"] == "up" && said == [500, 4], "{theirs:#}");
        Ok(())
    })?;
    let shown = wait_for_session(&hub.linnet, SPOKE, "agreed intervals", |shown| {
        shown["transmit_interval_ms"] == 500 && shown["receive_interval_ms"] == 500
    })?;
    assert_eq!((&shown["ups"], &shown["downs"]), (&1.into(), &0.into()), "{shown:#}");
    hub.wait_for_session(SPOKE, "session as before", |shown| shown["flaps"] == 0).map(drop)
}

/// Strangers that flood the port, and forge what they can from where they are, change nothing.
#[test]
fn a_flood_of_strangers_ends_no_session() -> Result<()> {
    skip_if!(missing(&[Daemon::Bird]));
    let hub = Hub::up(&linnet(SETTINGS), &[(Daemon::Bird, bird())])?;
    wait_until_up(&hub.linnet, SPOKE)?;
    hub.wait_for_session(SPOKE, "session", |_| true)?;
    // Down, for the session that 10.1.1.1 has: right in all but the time to live, and then in all but its source.
    let down = [0x20, 0x40, 3, 24, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    hub.spoke(1)?.netns().run(|| -> std::io::Result<()> {
        Link::named("eth1")?.add_address("10.1.1.3/32".parse().map_err(std::io::Error::other)?)?;
        let near = std::net::UdpSocket::bind("10.1.1.1:0")?;
        near.set_ttl(254)?;
        let stranger = std::net::UdpSocket::bind("10.1.1.3:0")?;
        stranger.set_ttl(255)?;
        for n in 0..20_000_usize {
            let socket = if n % 2 == 0 { &near } else { &stranger };
            // A full queue is what a flood is like.
            let _ = socket.send_to(down.get(..24 - n % 7 / 6).unwrap_or_default(), "10.1.1.0:3784");
        }
        Ok(())
    })??;
    let shown = wait_for_session(&hub.linnet, SPOKE, "count of what was discarded", |shown| {
        shown["packets_discarded"].as_u64() > Some(0)
    })?;
    assert_eq!((&shown["state"], &shown["downs"]), (&"up".into(), &0.into()), "{shown:#}");
    assert_eq!(shown["discard_reason"], "from too many hops away", "{shown:#}");
    hub.wait_for_session(SPOKE, "session as before", |shown| shown["flaps"] == 0).map(drop)
}

/// ```text
/// linnet 10.1.1.0 ---- 10.1.1.1 router 10.1.2.1 ---- 10.1.2.0 FRR
/// ```
#[test]
fn neighbors_behind_a_router_are_watched_too() -> Result<()> {
    skip_if!(missing(&[Daemon::Frr, Daemon::Bird]).or_else(|| daemon::missing_program("ip")));
    let frr = "router bgp 65001
 bgp router-id 10.1.2.0
 neighbor 10.1.1.0 remote-as 65000
 neighbor 10.1.1.0 ebgp-multihop 2
 neighbor 10.1.1.0 timers connect 1
 neighbor 10.1.1.0 bfd
 neighbor 10.1.1.0 bfd 3 100 100
";
    let bird = "router id 10.1.2.0;
protocol device {}
protocol bfd { multihop { interval 100 ms; multiplier 3; }; }
protocol bgp linnet {
  local 10.1.2.0 as 65001; neighbor 10.1.1.0 as 65000; multihop 2; bfd on;
  connect delay time 1; connect retry time 1; ipv4 { import all; export all; };
}
";
    // BIRD sends with the time to live that its system has for all packets.
    for (daemon, bfd, theirs) in [(Daemon::Frr, "true", frr), (Daemon::Bird, "{ minimum_ttl: 63 }", bird)] {
        is_watched_behind_a_router(daemon, bfd, theirs).with_context(|| daemon.to_string())?;
    }
    Ok(())
}

fn is_watched_behind_a_router(daemon: Daemon, bfd: &str, theirs: &str) -> Result<()> {
    let nursery = Nursery::new()?;
    let configuration = format!(
        "bgp:
  asn: 65000
  router_id: 10.1.0.1
  bfd: {{ transmit_interval_ms: 100, receive_interval_ms: 100 }}
  neighbors:
    - {{ address: 10.1.2.0, remote_as: 65001, multihop: 2, connect_retry: 1, bfd: {bfd} }}
"
    );
    let mut hub =
        Hub { linnet: hub::node("linnet", Daemon::Linnet, &configuration, &nursery)?, spokes: vec![] };
    hub.spokes.push(hub::node("far", daemon, theirs, &nursery)?);
    let forwards = NodeSpec {
        sysctls: [("net.ipv4.ip_forward".to_owned(), "1".to_owned())].into(),
        ..NodeSpec::default()
    };
    let router = Node::new("router", &forwards, &nursery)?;
    cable((hub.linnet.netns(), "eth1"), (router.netns(), "eth1"))?;
    cable((hub.spoke(1)?.netns(), "eth1"), (router.netns(), "eth2"))?;
    router.sh("ip addr add 10.1.1.1/31 dev eth1; ip addr add 10.1.2.1/31 dev eth2")?;
    hub.linnet.sh("ip addr add 10.1.1.0/31 dev eth1; ip route add 10.1.2.0/31 via 10.1.1.1")?;
    hub.spoke(1)?.sh("ip addr add 10.1.2.0/31 dev eth1; ip route add 10.1.1.0/31 via 10.1.2.1")?;
    hub.linnet.start_daemon()?;
    hub.spokes.iter_mut().try_for_each(Node::start_daemon)?;

    let shown = wait_until_up(&hub.linnet, "10.1.2.0")?;
    assert_eq!(shown["multihop"], true, "{shown:#}");
    hub.wait_for_session("10.1.2.0", "session", |_| true)?;
    let cut = Instant::now();
    router.sh("ip link set eth2 down")?;
    let took = wait_until_lost(&hub.linnet, "10.1.2.0", cut)?;
    assert!(took < NOTICED, "after {took:?}");
    Ok(())
}

/// A neighbour that has no address but on its link: the same address may be on another link as well.
#[test]
fn neighbors_without_addresses_are_watched_on_their_link() -> Result<()> {
    skip_if!(missing(&[Daemon::Frr]));
    let nursery = Nursery::new()?;
    let configuration = format!(
        "bgp:
  asn: 65000
  router_id: 10.1.0.1
  listen: {{ addresses: [\"::\"] }}
  neighbors:
    - {{ interface: eth1, remote_as: external, connect_retry: 1, bfd: {SETTINGS} }}
"
    );
    let frr = "interface eth1
 no ipv6 nd suppress-ra
 ipv6 nd ra-interval 10
exit
router bgp 65001
 bgp router-id 10.1.1.1
 neighbor eth1 interface remote-as external
 neighbor eth1 timers connect 1
 neighbor eth1 bfd
 neighbor eth1 bfd 3 100 100
";
    let mut hub =
        Hub { linnet: hub::node("linnet", Daemon::Linnet, &configuration, &nursery)?, spokes: vec![] };
    hub.spokes.push(hub::node("frr", Daemon::Frr, frr, &nursery)?);
    cable((hub.linnet.netns(), "eth1"), (hub.spoke(1)?.netns(), "eth1"))?;
    hub.linnet.start_daemon()?;
    hub.spokes.iter_mut().try_for_each(Node::start_daemon)?;

    let shown = wait_until_up(&hub.linnet, "eth1")?;
    assert!(shown["local_address"].as_str().is_some_and(|local| local.starts_with("fe80::")), "{shown:#}");
    hub.wait_for_session("eth1", "session", |_| true)?;
    pause(hub.spokes.first_mut().context("no FRR")?, "bfdd", false)?;
    let took = wait_until_lost(&hub.linnet, "eth1", Instant::now())?;
    assert!(took < NOTICED, "after {took:?}");
    Ok(())
}

/// Two linnetds, of which one waits for BFD before it has BGP at all.
#[test]
fn between_two_linnetds_a_process_that_hangs_is_noticed() -> Result<()> {
    skip_if!(missing(&[]));
    // Ten times: a busy machine may well keep a process from running for the 150 ms that three would be.
    let fast = "{ transmit_interval_ms: 50, receive_interval_ms: 50, multiplier: 10, strict: true }";
    let other = format!(
        "bgp:
  asn: 65000
  router_id: 10.1.1.1
  listen: {{ addresses: [\"0.0.0.0\"] }}
  neighbors:
    - {{ address: 10.1.1.0, remote_as: 65000, connect_retry: 1, bfd: {fast} }}
"
    );
    let mut hub = Hub::laid(&linnet(fast), &[(Daemon::Linnet, &other)])?;
    hub.linnet.start_daemon()?;
    hub.linnet.wait_until_ready()?;
    // Alone it does not even try.
    let shown = hub.linnet.linnet(&format!("neighbor {SPOKE}"))?;
    assert_eq!((&shown["state"], &shown["bfd"]["strict"]), (&"idle".into(), &true.into()), "{shown:#}");
    hub.spokes.iter_mut().try_for_each(Node::start_daemon)?;
    let shown = wait_until_up(&hub.linnet, SPOKE)?;
    assert_eq!(shown["detection_time_ms"], 500, "{shown:#}");
    hub.wait_for_session(SPOKE, "session", |_| true)?;

    pause(hub.spokes.first_mut().context("no spoke")?, "linnetd", false)?;
    let took = wait_until_lost(&hub.linnet, SPOKE, Instant::now())?;
    assert!(took < NOTICED, "after {took:?}");
    pause(hub.spokes.first_mut().context("no spoke")?, "linnetd", true)?;
    wait_until_up(&hub.linnet, SPOKE)?;
    hub.wait_for_session(SPOKE, "session again", |_| true)?;

    // One that ends says so, and is not taken for lost.
    hub.spokes.first_mut().context("no spoke")?.stop_daemon()?;
    let shown = wait_for_session(&hub.linnet, SPOKE, "goodbye", |shown| shown["state"] != "up")?;
    assert_eq!(shown["remote_diagnostic"], "administratively down", "{shown:#}");
    Ok(())
}
