//! Neighbours that nobody named: they come from a range, within its limit, and are gone when their session is.

#![allow(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;
mod stage;

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use hub::{Hub, family, linnet, prefixes};
use lab::speaker::Speaker;
use lab::speaker::octets::{kind, message};
use lab::{Daemon, Router, skip_if, wait_until};
use serde_json::{Value, json};
use stage::{BOUND, LEAF, Open, Stage};

const ALL: [Daemon; 4] = [Daemon::Frr, Daemon::Bird, Daemon::Gobgp, Daemon::Openbgpd];

const LINNET: &str = "bgp:
  asn: 65000
  router_id: 10.1.0.1
  ebgp_default: accept
  listen: { addresses: [\"0.0.0.0\"] }
  peer_groups:
    - { name: clients, route_reflector_client: true }
  dynamic_neighbors:
    - { range: 10.1.0.0/16, remote_as: internal, peer_group: clients, description: rack }
    - { range: 10.1.2.0/24, remote_as: [65001, 65002] }
";

/// The ranges, as `linnet status` tells them: who is here, who was refused.
fn ranges(status: &Value) -> Vec<(Value, Value)> {
    let ranges = status["dynamic_ranges"].as_array().into_iter().flatten();
    ranges.map(|range| (range["neighbors"].clone(), range["refused"].clone())).collect()
}

#[test]
fn other_implementations_come_from_ranges() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird, Daemon::Gobgp]));
    let parts = [
        Router::new(Daemon::Frr, 1).announces(&["10.244.1.0/24"]),
        Router::new(Daemon::Bird, 2).asn(65002).announces(&["10.244.2.0/24"]),
        Router::new(Daemon::Gobgp, 3).announces(&["10.244.3.0/24"]),
    ];
    let mut hub = Hub::with(LINNET, &parts)?;
    for (address, client) in [("10.1.1.1", true), ("10.1.2.1", false), ("10.1.3.1", true)] {
        let shown = hub.wait_for_session(address, "session", |_| true)?;
        assert_eq!(
            (&shown["dynamic"], &shown["route_reflector_client"]),
            (&json!(true), &json!(client)),
            "{shown:#}"
        );
    }
    wait_until(BOUND, "all routes", || {
        let prefixes = prefixes(&hub)?;
        ensure!(prefixes == ["10.244.1.0/24", "10.244.2.0/24", "10.244.3.0/24"], "{prefixes:?}");
        Ok(())
    })?;
    assert_eq!(ranges(&hub.linnet.linnet("status")?), [(json!(2), json!(0)), (json!(1), json!(0))]);

    // Who goes is no neighbour any more, and may come again.
    let Some(bird) = hub.spokes.get_mut(1) else { bail!("no BIRD") };
    bird.kill_daemon()?;
    wait_until(BOUND, "end of BIRD", || {
        let shown = hub.linnet.linnet("neighbor 10.1.2.1");
        ensure!(shown.is_err(), "{shown:?}");
        let prefixes = prefixes(&hub)?;
        ensure!(prefixes == ["10.244.1.0/24", "10.244.3.0/24"], "{prefixes:?}");
        Ok(())
    })?;
    let Some(bird) = hub.spokes.get_mut(1) else { bail!("no BIRD") };
    bird.start_daemon()?;
    hub.wait_for_session("10.1.2.1", "session", |_| true)?;
    for address in ["10.1.1.1", "10.1.3.1"] {
        hub.wait_for_session(address, "session", |shown| shown["flaps"] == 0)?;
    }
    Ok(())
}

/// linnetd is the one that nobody named: it comes from a range that the other lets in.
#[test]
fn linnetd_comes_from_a_range() -> Result<()> {
    skip_if!(hub::missing(&ALL));
    for daemon in ALL {
        let part = Router::new(daemon, 1).announces(&["10.244.1.0/24"]).lets_in("10.1.1.0/31");
        let neighbors = ["address: 10.1.1.1, remote_as: 65000", "address: 10.1.2.1, remote_as: 65002"];
        let other = Router::new(Daemon::Bird, 2).asn(65002).announces(&["10.244.2.0/24"]);
        let hub = Hub::with(&linnet(&["ebgp_default: accept"], &neighbors), &[part, other])?;
        hub.wait_for_session("10.1.1.1", "route", |shown| family(shown, "ipv4-unicast")["accepted"] == 1)
            .with_context(|| daemon.to_string())?;
        hub.wait_for_path(1, "10.244.2.0/24", |_| true)?;
    }
    Ok(())
}

/// Both families, each over its own transport, signed with this key.
fn both(daemon: Daemon, key: &str) -> Router {
    Router::new(daemon, 1).both().announces(&["10.244.1.0/24", "fd00:244:1::/64"]).password(key)
}

/// Signed sessions over both transports, with neighbours that are named and with such as come from a range.
#[test]
fn sessions_are_signed_from_a_range_too() -> Result<()> {
    skip_if!(hub::missing(&ALL));
    for daemon in ALL {
        let configuration = "bgp:
  asn: 65000
  router_id: 10.1.0.1
  listen: { addresses: [\"0.0.0.0\", \"::\"] }
  dynamic_neighbors:
    - { range: 10.1.0.0/16, remote_as: 65000, password: shared, families: [ipv4-unicast] }
  neighbors:
    - { address: \"fd00:1::2\", remote_as: 65000, password: shared, families: [ipv6-unicast], connect_retry: 1 }
";
        let hub = Hub::with(configuration, &[both(daemon, "shared")])?;
        for (address, name) in [("10.1.1.1", "ipv4-unicast"), ("fd00:1::2", "ipv6-unicast")] {
            let shown = hub
                .wait_for_session(address, "signed session", |shown| family(shown, name)["accepted"] == 1)?;
            assert_eq!(shown["authentication"], "tcp-md5", "{daemon}: {shown:#}");
            assert_eq!(shown["dynamic"] == true, address == "10.1.1.1", "{daemon}: {shown:#}");
        }
        drop(hub);

        // Another key: nothing gets in, neither from the range nor to the neighbour.
        let hub = Hub::with(configuration, &[both(daemon, "another")])?;
        wait_until(BOUND, "segments that are not taken", || {
            let text = hub.linnet.sh("nstat -asz TcpExtTCPMD5Failure")?;
            let count = text.split_whitespace().skip_while(|word| !word.ends_with("Failure")).nth(1);
            ensure!(count.is_some_and(|count| count != "0"), "{text}");
            Ok(())
        })?;
        let shown = hub.linnet.linnet("neighbor")?;
        let up = shown.as_array().into_iter().flatten().filter(|shown| shown["state"] == "established");
        assert_eq!(up.count(), 0, "{daemon}: {shown:#}");
    }
    Ok(())
}

/// linnetd and `count` addresses in a range that takes so many.
fn stage(count: u8, limit: u32) -> Result<Stage> {
    let stage = Stage::laid(count, "passive: true")?;
    let text = format!(
        "bgp:
  asn: 65000
  router_id: {LEAF}
  listen: {{ addresses: [{LEAF}] }}
  dynamic_neighbors:
    - {{ range: 10.1.0.0/24, remote_as: 65000, families: [l2vpn-evpn], limit: {limit} }}
"
    );
    stage.leaf.write_file(Path::new("/etc/linnet/linnet.yaml"), text.as_bytes())?;
    stage.start()
}

/// The NOTIFICATION that a connection ends with, before anything is said.
fn refused(stage: &Stage, number: u8) -> Result<Option<Vec<u8>>> {
    stage.connect(number)?.wait_for_end()
}

fn neighbors(stage: &Stage) -> Result<usize> {
    Ok(stage.leaf.linnet("neighbor")?.as_array().map_or(0, Vec::len))
}

#[test]
fn no_more_come_than_may() -> Result<()> {
    skip_if!(stage::missing());
    let stage = stage(4, 2)?;
    let first = stage.establish(1)?;
    let mut second = stage.establish(2)?;
    assert_eq!(refused(&stage, 3)?.as_deref(), Some(&[6, 8][..]), "out of resources");
    assert_eq!(ranges(&stage.leaf.linnet("status")?), [(json!(2), json!(1))]);

    // A place that becomes free is taken.
    drop(first);
    wait_until(BOUND, "end of the first", || {
        let count = neighbors(&stage)?;
        ensure!(count == 1, "{count} neighbours");
        Ok(())
    })?;
    let _third = stage.establish(3)?;

    // Who is of another AS is told so, and takes no place.
    second.send(&message(kind::NOTIFICATION, &[6, 2]))?;
    assert_eq!(second.wait_for_end()?, None);
    wait_until(BOUND, "end of the second", || {
        let count = neighbors(&stage)?;
        ensure!(count == 1, "{count} neighbours");
        Ok(())
    })?;
    let mut stranger = stage.connect(4)?;
    stranger.wait_for(kind::OPEN)?;
    stranger.send(&message(kind::OPEN, &Open { asn: 65009, ..stage::open(4) }.body()))?;
    let told = stranger.wait_for_end()?;
    assert_eq!(told.as_deref().and_then(|told| told.get(..2)), Some(&[2, 2][..]), "bad peer AS");
    wait_until(BOUND, "end of the stranger", || {
        let count = neighbors(&stage)?;
        ensure!(count == 1, "{count} neighbours");
        Ok(())
    })
}

#[test]
fn a_crowd_stays_outside() -> Result<()> {
    skip_if!(stage::missing());
    let stage = stage(200, 20)?;
    let mut good = stage.establish(200)?;
    let mut crowd: Vec<Speaker> = Vec::new();
    for number in 1..200 {
        crowd.extend(stage.connect(number));
    }
    wait_until(BOUND, "20 neighbours", || {
        let count = neighbors(&stage)?;
        ensure!(count == 20, "{count} neighbours");
        Ok(())
    })?;
    // The others were closed: none of them waits for anything.
    let mut open = 0;
    for speaker in &mut crowd {
        open += usize::from(speaker.wait_for(kind::OPEN).is_ok());
    }
    assert!(open <= 19, "{open} connections were greeted");
    good.send(&message(kind::KEEPALIVE, &[]))?;
    let shown =
        stage.wait_for_neighbor(200, "KEEPALIVE", |shown| shown["messages_received"]["keepalive"] == 2)?;
    assert_eq!((&shown["state"], &shown["flaps"]), (&json!("established"), &json!(0)));
    Ok(())
}
