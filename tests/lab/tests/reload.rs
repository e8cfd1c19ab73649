//! A configuration that is read again while linnetd runs: what it does not change notices nothing.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use hub::{BOUND, Hub, prefixes};
use lab::{Daemon, Node, Router, daemon, skip_if, wait_until};
use serde_json::{Value, json};

const FRR: &str = "10.1.1.1";
const BIRD: &str = "10.1.2.1";

fn frr() -> String {
    Router::new(Daemon::Frr, 1).passive().announces(&["10.244.1.0/24"]).configuration()
}

fn bird() -> String {
    let bird = Router::new(Daemon::Bird, 2).passive().announces(&["10.244.2.0/24"]);
    bird.rest("log stderr all;").configuration()
}

/// linnetd with these neighbours, each `ADDRESS, SETTINGS`.
fn linnet(neighbors: &[&str]) -> String {
    let mut text = "bgp:\n  asn: 65000\n  router_id: 10.1.0.1\n  neighbors:\n".to_owned();
    for neighbor in neighbors {
        text += &format!("    - {{ address: {neighbor}, remote_as: 65000, connect_retry: 1 }}\n");
    }
    text
}

fn write(hub: &Hub, configuration: &str) -> Result<()> {
    hub.linnet.write_file(Path::new("/etc/linnet/linnet.yaml"), configuration.as_bytes())
}

/// Runs `linnet config WHAT`; the changes that it tells.
fn config(hub: &Hub, what: &str) -> Result<Vec<String>> {
    let changes = hub.linnet.linnet(&format!("config {what}"))?;
    let line = |change: &Value| {
        let keys = change["keys"].as_array().into_iter().flatten().filter_map(Value::as_str);
        format!("{} {} {:?}", change["subject"], change["effect"], keys.collect::<Vec<_>>()).replace('"', "")
    };
    Ok(changes.as_array().into_iter().flatten().map(line).collect())
}

/// Sends SIGHUP to linnetd.
fn hang_up(hub: &mut Hub) -> Result<()> {
    let linnetd = hub.linnet.processes().first().context("no linnetd")?;
    Ok(linnetd.reload()?)
}

fn wait_for_line(hub: &Hub, line: &str) -> Result<()> {
    wait_until(BOUND, line, || {
        let log = hub.linnet.log();
        ensure!(log.contains(line), "{log}");
        Ok(())
    })
}

/// How the session with a neighbour stands: since when linnetd has started, and how often it was lost.
fn shown(hub: &Hub, neighbor: &str) -> Result<Value> {
    hub.linnet.linnet(&format!("neighbor {neighbor}"))
}

/// The number of the connection, which a session that goes on keeps, and how often sessions ended.
fn session(hub: &Hub, neighbor: &str) -> Result<(Value, Value, Value)> {
    let shown = shown(hub, neighbor)?;
    Ok((shown["state"].clone(), shown["local_port"].clone(), shown["flaps"].clone()))
}

fn last_reset(frr: &Node) -> Result<Value> {
    Ok(frr.vtysh_json("show bgp neighbors 10.1.1.0 json")?["10.1.1.0"].clone())
}

#[test]
fn what_a_reload_does_not_change_notices_nothing() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]));
    let mut hub = Hub::up(&linnet(&[FRR]), &[(Daemon::Frr, &frr()), (Daemon::Bird, &bird())])?;
    hub.wait_for_session(FRR, "session", |_| true)?;
    let untouched = session(&hub, FRR)?;

    // A neighbour comes.
    write(&hub, &linnet(&[FRR, BIRD]))?;
    assert_eq!(config(&hub, "diff")?, ["neighbor 10.1.2.1 added []"]);
    assert!(shown(&hub, BIRD).is_err(), "to compare is not to take");
    hang_up(&mut hub)?;
    wait_for_line(&hub, "neighbor 10.1.2.1 is added")?;
    hub.wait_for_session(BIRD, "session", |_| true)?;
    wait_until(BOUND, "both routes", || {
        let prefixes = prefixes(&hub)?;
        ensure!(prefixes == ["10.244.1.0/24", "10.244.2.0/24"], "{prefixes:?}");
        Ok(())
    })?;

    // What a session can take over while it lasts.
    let with_bird = session(&hub, BIRD)?;
    write(&hub, &linnet(&[FRR, "10.1.2.1, description: bird, hold_time: 30"]))?;
    assert_eq!(config(&hub, "reload")?, ["neighbor 10.1.2.1 changed [description, hold_time]"]);
    let now = shown(&hub, BIRD)?;
    assert_eq!(
        (&now["description"], &now["hold_time_seconds"]),
        (&json!("bird"), &json!(90)),
        "agreed is agreed"
    );
    assert_eq!(session(&hub, BIRD)?, with_bird);
    assert_eq!(config(&hub, "reload")?, [] as [&str; 0]);

    // What it rests on.
    let settings = "10.1.2.1, description: bird, hold_time: 30, extended_next_hop: false";
    write(&hub, &linnet(&[FRR, settings]))?;
    assert_eq!(config(&hub, "reload")?, ["neighbor 10.1.2.1 reset [extended_next_hop]"]);
    hub.wait_for_session(BIRD, "new session", |shown| shown["hold_time_seconds"] == 30)?;
    assert_eq!(shown(&hub, BIRD)?["flaps"], 1);
    wait_for_bird(&hub, "Received: Other configuration change")?;

    // A client is passed what it was not before, over a session that goes on.
    write(&hub, &linnet(&[FRR, &format!("{settings}, route_reflector_client: true")]))?;
    assert_eq!(config(&hub, "reload")?, ["neighbor 10.1.2.1 changed [route_reflector_client]"]);
    wait_until(BOUND, "reflection", || {
        let shown = hub.spoke(2)?.birdc("show route 10.244.1.0/24")?;
        ensure!(shown.contains("10.244.1.0/24"), "{shown}");
        Ok(())
    })?;

    // A neighbour goes, and its routes with it.
    write(&hub, &linnet(&[FRR]))?;
    assert_eq!(config(&hub, "reload")?, ["neighbor 10.1.2.1 removed []"]);
    assert!(shown(&hub, BIRD).is_err());
    wait_until(BOUND, "end of its route", || {
        let prefixes = prefixes(&hub)?;
        ensure!(prefixes == ["10.244.1.0/24"], "{prefixes:?}");
        Ok(())
    })?;
    wait_for_bird(&hub, "Received: Peer de-configured")?;
    assert_eq!(session(&hub, FRR)?, untouched);
    Ok(())
}

/// Waits until BIRD has noted how its session ended.
fn wait_for_bird(hub: &Hub, error: &str) -> Result<()> {
    wait_until(BOUND, error, || {
        let log = hub.spoke(2)?.log();
        ensure!(log.contains(error), "{log}");
        Ok(())
    })
}

#[test]
fn a_file_with_a_fault_changes_nothing() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr]));
    let mut hub = Hub::up(&linnet(&[FRR]), &[(Daemon::Frr, &frr())])?;
    hub.wait_for_session(FRR, "session", |_| true)?;
    let before = session(&hub, FRR)?;
    write(&hub, &linnet(&[FRR, "10.1.2.1, hold_time: 2"]))?;
    let place = "linnet.yaml:6:39: bgp.neighbors[1].hold_time: 0 (never), or at least 3 seconds";
    hang_up(&mut hub)?;
    wait_for_line(&hub, place)?;
    for what in ["reload", "diff"] {
        let Err(told) = config(&hub, what) else { bail!("{what} of a file with a fault") };
        assert!(told.to_string().contains(place), "{told:#}");
    }
    let file = hub.linnet.file("/etc/linnet/linnet.yaml")?;
    let cli = daemon::linnet_cli()?;
    let Err(told) = hub.linnet.output(&[&cli.to_string_lossy(), "config", "check", &file]) else {
        bail!("check of a file with a fault")
    };
    assert!(told.to_string().contains(place), "{told:#}");
    write(&hub, &linnet(&[FRR]))?;
    hub.linnet.output(&[&cli.to_string_lossy(), "config", "check", &file])?;
    assert_eq!(session(&hub, FRR)?, before);
    Ok(())
}

#[test]
fn a_neighbor_is_shut_down_by_the_file() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr]));
    let hub = Hub::up(&linnet(&[FRR]), &[(Daemon::Frr, &frr())])?;
    hub.wait_for_session(FRR, "session", |_| true)?;
    write(&hub, &linnet(&["10.1.1.1, shutdown: 'new cables'"]))?;
    assert_eq!(config(&hub, "reload")?, ["neighbor 10.1.1.1 changed [shutdown]"]);
    wait_until(BOUND, "the word at FRR", || {
        let shown = last_reset(hub.spoke(1)?)?;
        ensure!(shown["lastShutdownDescription"] == "new cables", "{shown:#}");
        Ok(())
    })?;
    assert_eq!(shown(&hub, FRR)?["admin_state"], "shutdown");

    // What an operator says lasts until the file is read again.
    let cli = daemon::linnet_cli()?.to_string_lossy().into_owned();
    hub.linnet.output(&[&cli, "neighbor", FRR, "enable"])?;
    hub.wait_for_session(FRR, "session", |_| true)?;
    assert_eq!(config(&hub, "reload")?, [] as [&str; 0]);
    wait_until(BOUND, "shutdown", || {
        let shown = shown(&hub, FRR)?;
        ensure!(shown["state"] == "idle" && shown["admin_state"] == "shutdown", "{shown:#}");
        Ok(())
    })?;
    write(&hub, &linnet(&[FRR]))?;
    config(&hub, "reload")?;
    hub.wait_for_session(FRR, "session", |shown| shown["admin_state"] == "enabled")?;
    Ok(())
}
