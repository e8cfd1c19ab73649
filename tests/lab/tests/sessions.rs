//! Sessions with FRR as they come, go and come again: who connects, who falls silent, who asks for routes anew.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;
mod stage;

use std::net::Ipv4Addr;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use hub::{BOUND, Hub, family};
use lab::speaker::octets::{Open, kind, message};
use lab::speaker::{Speaker, listen};
use lab::{Daemon, daemon, skip_if, wait_until};
use serde_json::Value;

const FRR: &str = "10.1.1.1";

/// FRR with a route to tell, and these lines about linnetd as its neighbour.
fn frr(router_id: &str, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!(" neighbor 10.1.1.0 {line}\n")).collect();
    format!(
        "router bgp 65000
 bgp router-id {router_id}
 no bgp network import-check
 neighbor 10.1.1.0 remote-as 65000
 neighbor 10.1.1.0 timers connect 1
{lines} address-family ipv4 unicast
  network 10.244.1.0/24
 exit-address-family
"
    )
}

/// linnetd with FRR as its neighbour.
fn linnet(listens: bool, settings: &str) -> String {
    let listen = if listens { "  listen: { addresses: [\"0.0.0.0\"] }\n" } else { "" };
    format!(
        "bgp:
  asn: 65000
  router_id: 10.1.1.100
{listen}  neighbors:
    - {{ address: {FRR}, remote_as: 65000, families: [ipv4-unicast], connect_retry: 1{settings} }}
"
    )
}

/// Waits until FRR's one route is there.
fn wait_for_route(hub: &Hub) -> Result<Value> {
    hub.wait_for_session(FRR, "route", |shown| family(shown, "ipv4-unicast")["accepted"] == 1)
}

/// What FRR shows of linnetd as its neighbour.
fn at_frr(hub: &Hub) -> Result<Value> {
    Ok(hub.spoke(1)?.vtysh_json("show bgp neighbors 10.1.1.0 json")?["10.1.1.0"].clone())
}

/// The connections of BGP that linnetd's node has.
fn connections(hub: &Hub) -> Result<Vec<String>> {
    let shown = hub.linnet.sh("ss -Htn state established '( sport = :179 or dport = :179 )'")?;
    Ok(shown.lines().map(str::to_owned).collect())
}

#[test]
fn either_side_connects_or_both() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr]).or_else(|| daemon::missing_program("ss")));
    // Who has the higher identifier decides which of two connections stays (RFC 4271 section 6.8).
    for (what, listens, settings, router_id, lines) in [
        ("linnetd connects", false, "", "10.1.1.1", &["passive"][..]),
        ("FRR connects", true, ", passive: true", "10.1.1.1", &[]),
        ("both connect, linnetd is higher", true, "", "10.1.1.1", &[]),
        ("both connect, FRR is higher", true, "", "10.1.1.200", &[]),
    ] {
        let hub =
            Hub::up(&linnet(listens, settings), &[(Daemon::Frr, &frr(router_id, lines))]).context(what)?;
        let shown = wait_for_route(&hub).context(what)?;
        let port = if settings.contains("passive") { "local_port" } else { "remote_port" };
        if !lines.is_empty() || !settings.is_empty() {
            assert_eq!(shown[port], 179, "{what}: {shown:#}");
        }
        wait_until(BOUND, "one connection", || {
            let connections = connections(&hub)?;
            ensure!(connections.len() == 1, "{what}: {connections:#?}");
            Ok(())
        })?;
        let session = hub.wait_for_session(FRR, what, |_| true)?;
        assert_eq!(session["flaps"], 0, "{what}: {session:#}");
    }
    Ok(())
}

/// Both connect at the same moment, made certain by hand: both connections are there before either OPEN is answered.
#[test]
fn of_two_connections_the_higher_identifiers_stays() -> Result<()> {
    skip_if!(stage::missing());
    let higher = Ipv4Addr::new(10, 200, 0, 1);
    let lower = Ipv4Addr::new(10, 0, 0, 1);
    for (id, linnets_stays) in [(lower, true), (higher, false)] {
        let stage = stage::Stage::laid(1, "passive: false")?;
        let listener = listen(&stage.outside, stage::address(1).into())?;
        let stage = stage.start()?;
        let open = message(kind::OPEN, &Open { id, ..stage::open(1) }.body());
        let mut linnets = Speaker::accept(&listener)?;
        linnets.wait_for(kind::OPEN)?;
        let mut ours = stage.connect(1)?;
        ours.wait_for(kind::OPEN)?;
        linnets.send(&open)?;
        ours.send(&open)?;
        let (mut stays, mut goes) = if linnets_stays { (linnets, ours) } else { (ours, linnets) };
        let notification = goes.wait_for_end()?;
        assert_eq!(notification.as_deref(), Some(&[6, 7][..]), "connection collision resolution");
        stays.send(&message(kind::KEEPALIVE, &[]))?;
        stays.wait_for(kind::KEEPALIVE)?;
        stays.send(&stage::host(2).announcement())?;
        stage.wait_until_known(stage::host(2))?;
    }
    Ok(())
}

#[test]
fn a_silent_peer_is_given_up_and_taken_back() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr]));
    let configuration = linnet(true, ", hold_time: 3, keepalive: 1");
    let mut hub = Hub::up(&configuration, &[(Daemon::Frr, &frr("10.1.1.1", &["timers 1 3"]))])?;
    let shown = wait_for_route(&hub)?;
    assert_eq!((&shown["hold_time_seconds"], &shown["keepalive_seconds"]), (&3.into(), &1.into()));

    let bgpd = |hub: &mut Hub, wake: bool| -> Result<()> {
        let processes = hub.spokes.first_mut().context("no FRR")?.processes();
        let bgpd = processes.iter().find(|process| process.name().ends_with("bgpd")).context("no bgpd")?;
        Ok(if wake { bgpd.resume() } else { bgpd.pause() }?)
    };
    bgpd(&mut hub, false)?;
    let stopped = Instant::now();
    wait_until(BOUND, "end of the session", || {
        let shown = hub.linnet.linnet(&format!("neighbor {FRR}"))?;
        ensure!(shown["state"] != "established", "{shown:#}");
        let why = shown["last_error"].to_string();
        ensure!(why.contains("hold timer") && shown["last_error_by"] == "local", "{why}");
        Ok(())
    })?;
    let took = stopped.elapsed();
    assert!((1..8).contains(&took.as_secs()), "after {took:?}");
    wait_until(BOUND, "end of its route", || {
        let rib = hub.linnet.linnet("rib")?;
        ensure!(rib == serde_json::json!([]), "{rib:#}");
        Ok(())
    })?;
    bgpd(&mut hub, true)?;
    let shown = wait_for_route(&hub)?;
    assert_eq!(shown["flaps"], 1, "{shown:#}");
    Ok(())
}

#[test]
fn routes_are_sent_again_when_asked_for() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr]));
    let hub = Hub::up(&linnet(true, ""), &[(Daemon::Frr, &frr("10.1.1.1", &[]))])?;
    let before = wait_for_route(&hub)?;

    hub.spoke(1)?.vtysh("clear bgp ipv4 unicast 10.1.1.0 soft in")?;
    hub.wait_for_session(FRR, "refresh from FRR", |shown| shown["messages_received"]["route_refresh"] == 1)?;

    let updates = before["messages_received"]["update"].as_u64();
    hub.linnet.output(&[&daemon::linnet_cli()?.to_string_lossy(), "neighbor", FRR, "softreset"])?;
    hub.wait_for_session(FRR, "its routes again", |shown| {
        // What FRR asked for stood between two marks (RFC 7313), and so does what is sent again here.
        shown["messages_sent"]["route_refresh"] == 2 + 1 + 2
            && shown["messages_received"]["update"].as_u64() > updates
    })?;
    let refreshes = &at_frr(&hub)?["messageStats"]["routeRefreshRecv"];
    assert_eq!(*refreshes, 5, "{:#}", at_frr(&hub)?);
    let after = wait_for_route(&hub)?;
    assert_eq!(after["flaps"], 0, "{after:#}");
    Ok(())
}

#[test]
fn a_bgpd_that_is_killed_is_taken_back() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr]));
    let mut hub = Hub::up(&linnet(true, ""), &[(Daemon::Frr, &frr("10.1.1.1", &[]))])?;
    wait_for_route(&hub)?;
    hub.spokes.first_mut().context("no FRR")?.kill_daemon()?;
    wait_until(BOUND, "end of its route", || {
        let rib = hub.linnet.linnet("rib")?;
        ensure!(rib == serde_json::json!([]), "{rib:#}");
        Ok(())
    })?;
    hub.spokes.first_mut().context("no FRR")?.start_daemon()?;
    let shown = wait_for_route(&hub)?;
    assert_eq!(shown["flaps"], 1, "{shown:#}");
    Ok(())
}

/// linnetd that is asked to end says so (RFC 4486), and is known again when it comes back.
#[test]
fn a_linnetd_that_ends_says_goodbye() -> Result<()> {
    skip_if!(stage::missing());
    let mut stage = stage::Stage::up(1)?;
    let mut speaker = stage.establish(1)?;
    stage.wait_for_neighbor(1, "session", |shown| shown["state"] == "established")?;
    stage.leaf.stop_daemon()?;
    assert_eq!(speaker.wait_for_end()?.as_deref(), Some(&[6, 2][..]), "administrative shutdown");
    stage.leaf.start_daemon()?;
    stage.leaf.wait_until_ready()?;
    stage.establish(1).map(drop)
}
