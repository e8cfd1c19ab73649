//! The configuration changed while linnetd runs, without its file: neighbours that come and go, and a change that is
//! taken back because nobody confirms it.

mod hub;
mod stage;

use std::io;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use hub::{BOUND, Hub, linnet};
use lab::netlink::Link;
use lab::{Daemon, Router, skip_if, wait_until};
use serde_json::{Value, json};
use stage::Stage;
use stage::bystander::{HOLD_TIME, Pulse};

/// A configuration that is not linnetd's own.
const NEXT: &str = "/etc/linnet/next.yaml";

/// The changes that a command tells.
fn changes(told: &Value) -> Vec<String> {
    let line = |change: &Value| format!("{} {}", change["subject"], change["effect"]).replace('"', "");
    told.as_array().into_iter().flatten().map(line).collect()
}

/// A neighbour with a hold time of three seconds, and its connection, uptime and losses, while another comes and goes.
#[test]
fn a_neighbour_comes_and_goes_and_no_other_notices() -> Result<()> {
    skip_if!(stage::missing());
    let stage = Stage::up(1)?;
    stage
        .outside
        .run(|| Link::named("eth1")?.add_address("10.1.0.2/24".parse().map_err(io::Error::other)?))??;
    let pulse = Pulse::start(&stage, 1)?;
    let before = stage.wait_for_neighbor(1, "session", |shown| shown["state"] == "established")?;

    let told = stage.leaf.linnet("neighbor add 10.1.0.2 --peer-group all --set hold_time=30")?;
    assert_eq!(changes(&told), ["neighbor 10.1.0.2 added"]);
    let speaker = stage.establish(2)?;
    stage.wait_for_neighbor(2, "session", |shown| shown["state"] == "established")?;
    let status = stage.leaf.linnet("status")?;
    assert_eq!(status["configuration"]["origin"], "api", "{status:#}");
    let shown = stage.leaf.linnet("config show")?;
    ensure!(shown["text"].as_str().is_some_and(|text| text.contains("10.1.0.2")), "{shown:#}");
    assert_eq!(changes(&stage.leaf.linnet("config diff")?), ["neighbor 10.1.0.2 removed"]);

    let told = stage.leaf.linnet("neighbor 10.1.0.2 remove")?;
    assert_eq!(changes(&told), ["neighbor 10.1.0.2 removed"]);
    assert_eq!(told[0]["ends_session"], true);
    ensure!(stage.neighbor(2).is_err(), "it is there still");
    drop(speaker);

    let after = stage.neighbor(1)?;
    assert_eq!((&after["flaps"], &after["state"]), (&json!(0), &json!("established")), "{after:#}");
    let uptime = |shown: &Value| shown["uptime_seconds"].as_u64();
    ensure!(uptime(&after) >= uptime(&before), "{before:#} then {after:#}");
    assert_eq!(after["remote_port"], before["remote_port"], "it is the same connection");
    let gap = pulse.longest_gap()?;
    ensure!(gap < HOLD_TIME, "no sign of life for {gap:?}");
    Ok(())
}

/// FRR loses its session by a change that nobody confirms, and has it again when that is taken back.
#[test]
fn a_change_that_nobody_confirms_is_taken_back() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr]));
    let neighbor = "address: 10.1.1.1, remote_as: 65000";
    let file = linnet(&[], &[neighbor]);
    let frr = Router::new(Daemon::Frr, 1);
    let hub = Hub::with(&file, &[frr])?;
    hub.wait_for_session("10.1.1.1", "session", |_| true)?;

    let without = linnet(&[], &["address: 10.1.1.7, remote_as: 65000"]);
    hub.linnet.write_file(Path::new(NEXT), without.as_bytes())?;
    let told = hub.linnet.linnet(&format!("config diff {}", hub.linnet.file(NEXT)?))?;
    assert_eq!(changes(&told), ["neighbor 10.1.1.1 removed", "neighbor 10.1.1.7 added"]);
    assert_eq!((&told[0]["ends_session"], &told[1]["ends_session"]), (&json!(true), &json!(false)));
    hub.linnet.linnet(&format!("config apply {} --confirm-within 5s", hub.linnet.file(NEXT)?))?;
    let status = hub.linnet.linnet("status")?;
    ensure!(status["configuration"]["confirm_within_seconds"].is_number(), "{status:#}");
    wait_until(BOUND, "the way back", || {
        let status = hub.linnet.linnet("status")?;
        ensure!(status["configuration"]["origin"] == "file", "{status:#}");
        Ok(())
    })?;
    hub.wait_for_session("10.1.1.1", "session again", |_| true)?;
    ensure!(hub.linnet.linnet("neighbor 10.1.1.7").is_err(), "what was not confirmed is there still");
    let log = hub.linnet.log();
    ensure!(log.contains("nobody has confirmed"), "{log}");

    // A text with a fault: its place is told, and nothing changes.
    let faulty = file.replace("remote_as: 65000", "remote_as: nobody");
    hub.linnet.write_file(Path::new(NEXT), faulty.as_bytes())?;
    let error = hub
        .linnet
        .linnet(&format!("config apply {}", hub.linnet.file(NEXT)?))
        .err()
        .context("it was taken")?;
    let error = format!("{error:#}");
    ensure!(error.contains("configuration:6:") && error.contains("bgp.neighbors[0].remote_as"), "{error}");
    Ok(())
}
