//! Which path is used, and which may be used beside it, between neighbours of other implementations.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use anyhow::{Result, ensure};
use hub::{BOUND, Hub};
use lab::{Daemon, Router, skip_if, wait_until};

const PREFIX: &str = "10.244.0.0/24";
const BIRDS: &str = "10.1.1.1";
const GOBGPS: &str = "10.1.2.1";

/// BIRD with a route that has a MED, and GoBGP, which is told of one later.
fn parts() -> [Router; 2] {
    let bird = Router::new(Daemon::Bird, 1).asn(65001).announces(&[PREFIX]);
    [bird.family("export filter { bgp_med = 20; accept; };"), Router::new(Daemon::Gobgp, 2).asn(65001)]
}

fn linnet(settings: &str, of_bird: &str) -> String {
    let neighbor = |address, keys| format!("address: {address}, remote_as: 65001{keys}");
    let neighbors = [neighbor(BIRDS, of_bird), neighbor(GOBGPS, "")];
    hub::linnet(&["ebgp_default: accept", settings], &neighbors.each_ref().map(String::as_str))
}

/// A path as `linnet explain` shows it: from whom, its marks, and why it stands where it stands.
type Shown = (String, &'static str, String);

fn shown(from: &str, marks: &'static str, reason: &str) -> Shown {
    (from.to_owned(), marks, reason.to_owned())
}

fn explained(hub: &Hub) -> Result<Vec<Shown>> {
    let explained = hub.linnet.linnet(&format!("explain {PREFIX}"))?;
    let explained = if explained.is_array() { explained[0].clone() } else { explained };
    let paths = explained["paths"].as_array().cloned().unwrap_or_default();
    let of = |path: &serde_json::Value| {
        let marks = match (path["best"] == true, path["multipath"] == true) {
            (true, _) => ">",
            (false, true) => "=",
            (false, false) => "",
        };
        let text = |key: &str| path[key].as_str().unwrap_or_default().to_owned();
        (text("neighbor"), marks, text("reason"))
    };
    Ok(paths.iter().map(of).collect())
}

fn wait_for(hub: &Hub, what: &str, expected: &[Shown]) -> Result<()> {
    wait_until(BOUND, what, || {
        let found = explained(hub)?;
        ensure!(found == expected, "{found:#?}");
        Ok(())
    })
}

fn announce_by_gobgp(hub: &Hub, med: u32) -> Result<()> {
    hub.spoke(2)?.sh(&format!("gobgp global rib add {PREFIX} origin igp med {med}")).map(drop)
}

#[test]
fn equal_paths_are_used_side_by_side_until_a_med_tells_them_apart() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Bird, Daemon::Gobgp]));
    let configuration = linnet("multipath: { ebgp: 2 }", "");
    let hub = Hub::with(&configuration, &parts())?;
    announce_by_gobgp(&hub, 20)?;
    let equal = [shown(BIRDS, ">", "lower router ID"), shown(GOBGPS, "=", "higher router ID")];
    wait_for(&hub, "two paths side by side", &equal)?;
    let cli = lab::daemon::linnet_cli()?;
    let table = hub.linnet.output(&[&cli.to_string_lossy(), "rib"])?;
    assert!(table.contains("*=  10.244.0.0/24  10.1.2.1"), "{table}");
    announce_by_gobgp(&hub, 10)?;
    wait_for(&hub, "the lower MED", &[shown(GOBGPS, ">", "lower MED"), shown(BIRDS, "", "higher MED")])?;
    announce_by_gobgp(&hub, 20)?;
    wait_for(&hub, "both again", &equal)
}

#[test]
fn a_neighbour_may_be_preferred() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Bird, Daemon::Gobgp]));
    for (of_bird, reasons) in [
        (", weight: 5", ["higher weight", "lower weight"]),
        (", local_pref: 150", ["higher local preference", "lower local preference"]),
    ] {
        let hub = Hub::with(&linnet("", of_bird), &parts())?;
        announce_by_gobgp(&hub, 10)?;
        wait_for(&hub, of_bird, &[shown(BIRDS, ">", reasons[0]), shown(GOBGPS, "", reasons[1])])?;
    }
    Ok(())
}
