//! `linnet monitor` beside a neighbor that announces, withdraws and goes, with the routes in a table of their own.

mod hub;

use anyhow::{Context, Result, ensure};
use hub::{BOUND, Hub};
use lab::{Daemon, daemon, skip_if, wait_until};
use serde_json::Value;

const LINNET: &str = "bgp:
  asn: 65000
  router_id: 10.1.0.1
  listen: { addresses: [\"0.0.0.0\"] }
  neighbors:
    - { address: 10.1.1.1, remote_as: 65000, connect_retry: 1, families: [ipv4-unicast] }
native: { table: 200 }
";

/// Announces what stands at ROUTES.
const BIRD: &str = "router id 10.1.1.1;
protocol device {}
protocol static { ipv4; ROUTES }
protocol bgp linnet {
  local 10.1.1.1 as 65000; neighbor 10.1.1.0 as 65000; connect retry time 1; connect delay time 1;
  ipv4 { import none; export all; next hop self; };
}
";

const FIRST: &str = "10.244.1.0/24";
const SECOND: &str = "10.244.2.0/24";

fn bird(prefixes: &[&str]) -> String {
    let route = |prefix: &&str| format!("route {prefix} blackhole;");
    BIRD.replace("ROUTES", &prefixes.iter().map(route).collect::<Vec<_>>().join(" "))
}

/// What two monitors have written, in the node's own /run: one for programs, one for people.
const OBJECTS: &str = "/run/monitor.jsonl";
const LINES: &str = "/run/monitor.txt";

fn start_monitors(hub: &Hub) -> Result<()> {
    let linnet = daemon::linnet_cli()?;
    let linnet = linnet.display();
    hub.linnet.sh(&format!("{linnet} -o jsonl monitor rib,fib,neighbor >{OBJECTS} 2>&1 &"))?;
    hub.linnet.sh(&format!("{linnet} monitor >{LINES} 2>&1 &"))?;
    wait_for_line(hub, "-- synced --").map(drop)?;
    wait_for(hub, "the present state", |line| line["synced"] == true).map(drop)
}

/// The first object that is such.
fn wait_for(hub: &Hub, what: &str, such: impl Fn(&Value) -> bool) -> Result<Value> {
    wait_until(BOUND, what, || {
        let text = hub.linnet.netns().run(|| std::fs::read_to_string(OBJECTS))??;
        let mut objects = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        objects.find(|object| such(object)).with_context(|| text.clone())
    })
    .with_context(|| hub.linnet.log())
}

/// The first line with this text.
fn wait_for_line(hub: &Hub, text: &str) -> Result<String> {
    wait_until(BOUND, &format!("`{text}` on a line"), || {
        let lines = hub.linnet.netns().run(|| std::fs::read_to_string(LINES))??;
        let found = lines.lines().find(|line| line.contains(text)).map(ToOwned::to_owned);
        found.with_context(|| lines.clone())
    })
    .with_context(|| hub.linnet.log())
}

/// A change of a prefix's route in the kernel.
fn is_route(change: &Value, prefix: &str, state: &str) -> bool {
    let entry = &change["fib_entry"];
    entry["kind"] == "route" && entry["key"] == prefix && entry["state"] == state
}

fn in_table(hub: &Hub) -> Result<String> {
    hub.linnet.sh("ip -4 -N route show table 200")
}

#[test]
fn a_monitor_tells_of_routes_in_another_table_and_why() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Bird]).or_else(|| daemon::missing_program("ip")));
    let mut hub = Hub::up(LINNET, &[(Daemon::Bird, &bird(&[FIRST]))])?;
    hub.wait_for_session("10.1.1.1", "routes", |row| hub::family(row, "ipv4-unicast")["accepted"] == 1)?;
    start_monitors(&hub)?;
    wait_for(&hub, "the route that was there", |change| is_route(change, FIRST, "programmed"))?;

    // One more route: a best path, and then the kernel's.
    hub::write_configuration(hub.spoke(1)?, &bird(&[FIRST, SECOND]))?;
    hub.spoke(1)?.birdc("configure")?;
    let path = wait_for(&hub, "the new path", |change| change["path"]["nlri"] == SECOND)?;
    assert_eq!(path["reason"], "only path", "{path:#}");
    wait_for(&hub, "the new route", |change| is_route(change, SECOND, "programmed"))?;
    let table = in_table(&hub)?;
    ensure!(table.contains(SECOND) && table.contains("proto 108"), "{table}");

    // Somebody's route with a better metric comes before it.
    hub.linnet.sh(&format!("ip route add {SECOND} dev eth1 metric 7 table 200"))?;
    let conflict = wait_for(&hub, "the conflict", |change| is_route(change, SECOND, "conflict"))?;
    let reason = conflict["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("with metric 7 comes before ours"), "{conflict:#}");

    // It is withdrawn again: by whom is said, to people as well.
    hub::write_configuration(hub.spoke(1)?, &bird(&[FIRST]))?;
    hub.spoke(1)?.birdc("configure")?;
    let gone = |change: &Value| change["kind"] == "delete";
    let path = wait_for(&hub, "the path's end", |change| gone(change) && change["path"]["nlri"] == SECOND)?;
    assert_eq!(path["reason"], "withdrawn by 10.1.1.1", "{path:#}");
    wait_for(&hub, "the route's end", |change| gone(change) && change["fib_entry"]["key"] == SECOND)?;
    wait_for_line(&hub, &format!("- path      ipv4-unicast {SECOND} (withdrawn by 10.1.1.1)"))?;

    // The neighbor goes, and says so; what is left of its routes goes with it.
    hub.spokes.iter_mut().try_for_each(lab::Node::stop_daemon)?;
    let ended = wait_for(&hub, "the session's end", |change| {
        change["neighbor"]["address"] == "10.1.1.1"
            && change["reason"].as_str().is_some_and(|reason| reason.starts_with("session ended: "))
    })?;
    ensure!(ended["reason"] != "session ended: ", "{ended:#}");
    let path =
        wait_for(&hub, "the last path's end", |change| gone(change) && change["path"]["nlri"] == FIRST)?;
    assert_eq!(path["reason"], "the session with 10.1.1.1 ended", "{path:#}");
    wait_for_line(&hub, "neighbor  10.1.1.1 ").map(drop)
}
