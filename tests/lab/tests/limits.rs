//! Neighbours that send more routes than they may.

mod hub;

use anyhow::{Result, ensure};
use hub::{BOUND, Hub, family};
use lab::{Daemon, Router, daemon, skip_if, wait_until};
use serde_json::{Value, json};

const PEER: &str = "10.1.1.1";

fn linnet(limits: &str) -> String {
    format!(
        "bgp:
  asn: 65000
  router_id: 10.1.1.100
  listen: {{ addresses: [\"0.0.0.0\"] }}
  neighbors:
    - {{ address: {PEER}, remote_as: 65000, families: [ipv4-unicast], connect_retry: 1, max_prefix: {limits} }}
"
    )
}

/// FRR with so many routes.
fn frr(routes: u8) -> Router {
    let routes: Vec<String> = (1..=routes).map(|n| format!("10.244.{n}.0/24")).collect();
    Router::new(Daemon::Frr, 1).announces(&routes.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Waits until linnetd shows something of the neighbour.
fn wait_for(hub: &Hub, what: &str, such: impl Fn(&Value) -> bool) -> Result<Value> {
    wait_until(BOUND, what, || {
        let shown = hub.linnet.linnet(&format!("neighbor {PEER}"))?;
        ensure!(such(&shown), "{shown:#}\n{}", hub.linnet.log());
        Ok(shown)
    })
}

fn is_over(shown: &Value) -> bool {
    shown["state"] != "established" && family(shown, "ipv4-unicast")["max_prefix_state"] == "exceeded"
}

/// FRR with one route too many hears why, is kept out, and is let in again by an operator when it has mended.
#[test]
fn one_route_too_many_ends_the_session_until_an_operator_resets_it() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr]));
    let hub = Hub::with(&linnet("{ limit: 4 }"), &[frr(5)])?;
    let shown = wait_for(&hub, "end for too many routes", is_over)?;
    assert_eq!(shown["last_error"], "closed by us: more than 4 routes of ipv4-unicast", "{shown:#}");
    let at_frr = hub.spoke(1)?.vtysh_json("show bgp neighbors 10.1.1.0 json")?["10.1.1.0"].clone();
    assert_eq!(at_frr["lastErrorCodeSubcode"], "0601", "{at_frr:#}");
    wait_until(BOUND, "end of its routes", || {
        let rib = hub.linnet.linnet("rib")?;
        ensure!(rib == json!([]), "{rib:#}");
        Ok(())
    })?;

    // FRR dials every second, and is turned away each time.
    let refused = wait_for(&hub, "attempts to come back", |shown| {
        is_over(shown) && shown["messages_sent"]["notification"].as_u64() > Some(2)
    })?;
    assert_eq!(refused["flaps"], 1, "{refused:#}");
    let table = hub.linnet.output(&[&daemon::linnet_cli()?.to_string_lossy(), "neighbor"])?;
    assert!(table.contains("Idle (PfxLimit)"), "{table}");

    let mend =
        ["configure terminal", "router bgp 65000", "address-family ipv4 unicast", "no network 10.244.5.0/24"];
    let words: Vec<&str> = ["vtysh"].into_iter().chain(mend.iter().flat_map(|line| ["-c", *line])).collect();
    hub.spoke(1)?.output(&words)?;
    hub.linnet.output(&[&daemon::linnet_cli()?.to_string_lossy(), "neighbor", PEER, "reset"])?;
    let shown = wait_for(&hub, "session", |shown| family(shown, "ipv4-unicast")["accepted"] == 4)?;
    let ipv4 = family(&shown, "ipv4-unicast");
    assert_eq!((&ipv4["max_prefix"], &ipv4["max_prefix_state"]), (&4.into(), &"warning".into()), "{ipv4:#}");
    assert!(hub.linnet.log().contains("too many routes"), "{}", hub.linnet.log());
    Ok(())
}

/// GoBGP goes over its limit and back, and the session comes back by itself.
#[test]
fn with_a_restart_time_the_session_comes_back_by_itself() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Gobgp]));
    let limits = "{ limit: 2, action: restart, restart_after: 3 }";
    let hub = Hub::with(&linnet(limits), &[Router::new(Daemon::Gobgp, 1)])?;
    let change = |verb: &str, n: u8| {
        hub.spoke(1)?.output(&["gobgp", "global", "rib", verb, &format!("10.244.{n}.0/24")])
    };
    change("add", 1)?;
    let shown = wait_for(&hub, "route", |shown| family(shown, "ipv4-unicast")["accepted"] == 1)?;
    assert_eq!(family(&shown, "ipv4-unicast")["max_prefix_state"], "below", "{shown:#}");
    change("add", 2)?;
    wait_for(&hub, "warning", |shown| family(shown, "ipv4-unicast")["max_prefix_state"] == "warning")?;
    change("add", 3)?;
    wait_for(&hub, "end for too many routes", is_over)?;
    change("del", 3)?;
    let shown = wait_for(&hub, "session", |shown| {
        shown["state"] == "established" && family(shown, "ipv4-unicast")["accepted"] == 2
    })?;
    assert_eq!(shown["flaps"], 1, "{shown:#}");
    Ok(())
}

/// With `action: warn` nothing ends.
#[test]
fn a_limit_may_only_warn() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr]));
    let limits = "{ families: { ipv4-unicast: 2 }, action: warn }";
    let hub = Hub::with(&linnet(limits), &[frr(3)])?;
    let shown = wait_for(&hub, "routes", |shown| {
        family(shown, "ipv4-unicast")["accepted"] == 3
            && family(shown, "ipv4-unicast")["max_prefix_state"] == "exceeded"
    })?;
    assert_eq!((&shown["state"], &shown["flaps"]), (&"established".into(), &0.into()), "{shown:#}");
    assert!(hub.linnet.log().contains("too many routes"), "{}", hub.linnet.log());
    Ok(())
}
