//! Policies between real neighbours: what they decide on import and export, and a change of them by reload, which no
//! session notices but by its routes.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use std::path::Path;

use anyhow::{Result, ensure};
use hub::{BOUND, Hub};
use lab::{Daemon, skip_if, wait_until};
use serde_json::{Value, json};

const FRR: &str = "10.1.1.1";
const BIRD: &str = "10.1.2.1";
const GOBGP: &str = "10.1.3.1";

/// FRR in AS 65001: two pod networks, one of which is marked, and something else.
const FRR_CONFIG: &str = "router bgp 65001
 bgp router-id 10.1.1.1
 no bgp network import-check
 no bgp ebgp-requires-policy
 neighbor 10.1.1.0 remote-as 65000
 neighbor 10.1.1.0 timers connect 1
 address-family ipv4 unicast
  network 10.244.1.0/24
  network 10.244.9.0/24 route-map marked
  network 192.0.2.0/24
 exit-address-family
route-map marked permit 10
 set community 65001:7
";

/// BIRD in AS 65002, which cannot be asked for its routes again.
const BIRD_CONFIG: &str = "router id 10.1.2.1;
protocol device {}
protocol static { ipv4; route 10.244.2.0/24 blackhole; route 10.244.8.0/24 blackhole; }
protocol bgp linnet {
  local as 65002; neighbor 10.1.2.0 as 65000; connect delay time 1; connect retry time 1; enable route refresh off;
  ipv4 { import all; export filter { bgp_large_community.add((65002, 1, 5)); bgp_med = 30; accept; }; };
}
";

/// GoBGP in AS 65003, which says nothing by itself.
const GOBGP_CONFIG: &str = "[global.config]
as = 65003
router-id = \"10.1.3.1\"
[[neighbors]]
[neighbors.config]
neighbor-address = \"10.1.3.0\"
peer-as = 65000
[neighbors.timers.config]
connect-retry = 1
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = \"ipv4-unicast\"
";

/// linnetd in AS 65000 with these policies for FRR, BIRD and GoBGP.
fn linnet(neighbors: [&str; 3], policies: &str) -> String {
    let mut text = "bgp:
  asn: 65000
  router_id: 10.1.0.1
  listen: { addresses: [\"0.0.0.0\"] }
  neighbors:
"
    .to_owned();
    for ((address, asn), settings) in [(FRR, 65001), (BIRD, 65002), (GOBGP, 65003)].iter().zip(neighbors) {
        text += &format!("    - {{ address: {address}, remote_as: {asn}, connect_retry: 1{settings} }}\n");
    }
    text + policies
}

const POLICIES: &str = "policy:
  prefix_sets: { pods: [10.244.0.0/16 le 24] }
  community_sets: { marked: [\"65001:*\", \"65002:1:*\"] }
  policies:
    - name: in
      statements:
        - { name: no-marked, match: { communities: [65001:*] }, action: reject }
        - { name: pods, match: { prefixes: pods }, action: accept, set: { local_pref: 200, communities: { add: 65000:1 } } }
    - name: out
      statements:
        - name: from-bird
          match: { neighbors: 10.1.2.1, as_path: [\"^65002$\", \"origin:1\"] }
          set: { prepend: { count: 2 }, med: \"+7\", communities: { remove: [\"65002:1:*\"], add: 65000:2 } }
          action: accept
        - { name: others, match: { prefixes: pods }, set: { next_hop: unchanged }, action: accept }
";

fn up(neighbors: [&str; 3], policies: &str) -> Result<Hub> {
    let spokes = [(Daemon::Frr, FRR_CONFIG), (Daemon::Bird, BIRD_CONFIG), (Daemon::Gobgp, GOBGP_CONFIG)];
    Hub::up(&linnet(neighbors, policies), &spokes)
}

/// What linnetd has from a neighbour, with LOCAL_PREF and communities.
fn taken(hub: &Hub, neighbor: &str) -> Result<Vec<String>> {
    let rib = hub.linnet.linnet(&format!("rib --neighbor {neighbor}"))?;
    let line = |path: &Value| {
        let communities = path["communities"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let communities: Vec<_> = communities.collect();
        format!("{} {} {}", path["nlri"], path["local_pref"], communities.join(" ")).replace('"', "")
    };
    let mut taken: Vec<_> = rib.as_array().into_iter().flatten().map(line).collect();
    taken.sort();
    Ok(taken)
}

fn wait_until_taken(hub: &Hub, neighbor: &str, expected: &[&str]) -> Result<()> {
    wait_until(BOUND, &format!("{expected:?} from {neighbor}"), || {
        let taken = taken(hub, neighbor)?;
        ensure!(taken == expected, "{taken:?}\n{}", hub.linnet.log());
        Ok(())
    })
}

/// What FRR has from linnetd, by prefix.
fn at_frr(hub: &Hub) -> Result<Value> {
    let shown = hub.spoke(1)?.vtysh_json("show bgp ipv4 unicast neighbors 10.1.1.0 routes json")?;
    Ok(shown["routes"].clone())
}

/// What FRR has of one route of linnetd's.
fn detail_at_frr(hub: &Hub, prefix: &str) -> Result<Value> {
    let shown = hub.spoke(1)?.vtysh_json(&format!("show bgp ipv4 unicast {prefix} json"))?;
    Ok(shown["paths"][0].clone())
}

/// The routes that a policy let by, as `linnet neighbor` counts them.
fn hits(shown: &Value, direction: &str) -> Vec<String> {
    let rows = shown[direction].as_array().into_iter().flatten();
    rows.map(|row| format!("{}/{} {}", row["policy"], row["statement"], row["routes"]).replace('"', ""))
        .collect()
}

/// What tells a session from any other: it is the same connection, and none was lost.
fn session(hub: &Hub, neighbor: &str) -> Result<(Value, Value, Value, Value)> {
    let shown = hub.linnet.linnet(&format!("neighbor {neighbor}"))?;
    let field = |name: &str| shown[name].clone();
    Ok((field("state"), field("local_port"), field("remote_port"), field("flaps")))
}

fn reload(hub: &Hub, configuration: &str) -> Result<Value> {
    hub.linnet.write_file(Path::new("/etc/linnet/linnet.yaml"), configuration.as_bytes())?;
    hub.linnet.linnet("config reload")
}

#[test]
fn what_is_taken_is_the_policys_to_say() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird, Daemon::Gobgp]));
    let hub = up([", import_policy: in", "", ", import_policy: in"], POLICIES)?;
    wait_until_taken(&hub, FRR, &["10.244.1.0/24 200 65000:1"])?;
    let shown = hub.wait_for_session(FRR, "all its routes", |shown| shown["rejected"][0]["routes"] == 2)?;
    assert_eq!(shown["rejected"], json!([{ "reason": "policy", "routes": 2 }]));
    assert_eq!(shown["import_policies"], json!(["in"]));
    assert_eq!(hits(&shown, "import_hits"), ["in/no-marked 1", "in/pods 1", "in/default 1"]);

    // An eBGP neighbour without a policy: nothing (RFC 8212).
    let bird = hub.wait_for_session(BIRD, "its routes", |shown| shown["rejected"][0]["routes"] == 2)?;
    assert_eq!(bird["rejected"][0]["reason"], "no-policy");
    assert_eq!(taken(&hub, BIRD)?, [] as [&str; 0]);

    let gobgp = hub.spoke(3)?;
    for (prefix, more) in [("10.244.3.0/24", ""), ("10.244.4.0/24", "community 65001:9"), ("10.9.0.0/16", "")]
    {
        let line = format!("gobgp global rib add {prefix} {more} -a ipv4");
        gobgp.output(&line.split_whitespace().collect::<Vec<_>>())?;
    }
    wait_until_taken(&hub, GOBGP, &["10.244.3.0/24 200 65000:1"])?;
    let policies = hub.linnet.linnet("policy in")?;
    wait_until(BOUND, "GoBGP's routes in the policy's account", || {
        let counts: Vec<_> = (0..3).map(|n| policies[0]["statements"][n]["import_routes"].clone()).collect();
        ensure!(counts.len() == 3, "{counts:?}");
        anyhow::Ok(())
    })?;
    assert_eq!(policies[0]["import_neighbors"], json!([FRR, GOBGP]));
    Ok(())
}

#[test]
fn what_is_sent_is_the_policys_to_say() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird, Daemon::Gobgp]));
    let more = "    - { name: all, default: accept }
    - { name: pods, statements: [{ name: pods, match: { prefixes: pods }, action: accept }] }
";
    let settings = [
        ", import_policy: all, export_policy: out",
        ", import_policy: all, export_policy: pods",
        ", import_policy: all",
    ];
    let hub = up(settings, &(POLICIES.to_owned() + more))?;
    hub.spoke(3)?.output(&["gobgp", "global", "rib", "add", "10.244.3.0/24", "-a", "ipv4"])?;
    hub.spoke(3)?.output(&["gobgp", "global", "rib", "add", "10.9.0.0/16", "-a", "ipv4"])?;
    let routes = wait_until(BOUND, "routes at FRR", || {
        let routes = at_frr(&hub)?;
        let count = routes.as_object().map_or(0, |routes| routes.len());
        ensure!(count == 3, "{routes:#}\n{}", hub.linnet.log());
        Ok(routes)
    })?;
    assert!(routes["10.9.0.0/16"].is_null(), "no pod network: {routes:#}");

    let from_bird = detail_at_frr(&hub, "10.244.2.0/24")?;
    assert_eq!(from_bird["aspath"]["string"], "65000 65000 65000 65002", "{from_bird:#}");
    assert_eq!((&from_bird["metric"], &from_bird["community"]["string"]), (&json!(37), &json!("65000:2")));
    assert!(from_bird["largeCommunity"].is_null(), "removed: {from_bird:#}");
    assert_eq!(from_bird["nexthops"][0]["ip"], "10.1.1.0");
    let from_gobgp = detail_at_frr(&hub, "10.244.3.0/24")?;
    assert_eq!(from_gobgp["aspath"]["string"], "65000 65003");
    assert_eq!(from_gobgp["nexthops"][0]["ip"], "10.1.3.1", "unchanged: {from_gobgp:#}");

    wait_until(BOUND, "routes at BIRD", || {
        let shown = hub.spoke(2)?.birdc("show route protocol linnet")?;
        let all = ["10.244.1.0/24", "10.244.9.0/24", "10.244.3.0/24"];
        ensure!(all.iter().all(|prefix| shown.contains(prefix)), "{shown}");
        ensure!(!shown.contains("192.0.2.0/24"), "{shown}");
        Ok(())
    })?;
    // GoBGP has no export policy, and another AS: nothing (RFC 8212).
    assert_eq!(hub.linnet.linnet(&format!("rib --neighbor {GOBGP} --adj out"))?, json!([]));
    let shown = hub.linnet.linnet(&format!("neighbor {FRR}"))?;
    assert_eq!(hits(&shown, "export_hits")[0], "out/from-bird 2", "{shown:#}");
    Ok(())
}

#[test]
fn new_policies_come_into_force_in_running_sessions() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird, Daemon::Gobgp]));
    let rules = |import: &str, export: &str| {
        let policed = ", import_policy: in, export_policy: out";
        let kept = ", import_policy: in, export_policy: out, keep_adj_in: true";
        let policies = format!(
            "policy:
  policies:
    - {{ name: in, statements: [{import}], default: accept }}
    - {{ name: out, statements: [{export}], default: accept }}
"
        );
        linnet([kept, policed, policed], &policies)
    };
    let spokes = [(Daemon::Frr, FRR_CONFIG), (Daemon::Bird, BIRD_CONFIG), (Daemon::Gobgp, GOBGP_CONFIG)];
    let hub = Hub::up(&rules("", ""), &spokes)?;
    hub.spoke(3)?.output(&["gobgp", "global", "rib", "add", "10.244.3.0/24", "-a", "ipv4"])?;
    wait_until_taken(&hub, GOBGP, &["10.244.3.0/24 null "])?;
    let all_of_frr = ["10.244.1.0/24 null ", "10.244.9.0/24 null 65001:7", "192.0.2.0/24 null "];
    wait_until_taken(&hub, FRR, &all_of_frr)?;
    wait_until_taken(&hub, BIRD, &["10.244.2.0/24 null ", "10.244.8.0/24 null "])?;
    wait_until(BOUND, "BIRD's routes at FRR", || {
        let routes = at_frr(&hub)?;
        ensure!(routes.as_object().is_some_and(|routes| routes.len() == 3), "{routes:#}");
        Ok(())
    })?;
    hub.wait_for_session(GOBGP, "all routes", |shown| shown["families"][0]["advertised"] == 5)?;
    let before =
        [FRR, BIRD, GOBGP].map(|neighbor| session(&hub, neighbor).map_err(|error| error.to_string()));

    // GoBGP is asked for its routes again. BIRD cannot be: what it sent was kept, as FRR's was by configuration. (FRR
    // 8.4 does not answer who knows marks round a refresh and does not restart gracefully.)
    let import = "{ name: s, match: { prefixes: [10.244.8.0/23 le 24, 10.244.3.0/24] }, action: reject }, \
                  { name: t, match: { prefixes: 10.244.2.0/24 }, set: { local_pref: 300 }, action: accept }";
    let export = "{ name: s, match: { prefixes: 10.244.2.0/24 }, set: { med: 9 }, action: accept }";
    let changes = reload(&hub, &rules(import, export))?;
    assert_eq!(changes[0]["keys"], json!(["import_policy", "export_policy"]), "{changes:#}");
    wait_until_taken(&hub, FRR, &["10.244.1.0/24 null ", "192.0.2.0/24 null "])?;
    wait_until_taken(&hub, BIRD, &["10.244.2.0/24 300 "])?;
    wait_until_taken(&hub, GOBGP, &[])?;
    wait_until(BOUND, "the change at FRR", || {
        let routes = at_frr(&hub)?;
        ensure!(routes["10.244.8.0/24"].is_null() && routes["10.244.2.0/24"][0]["metric"] == 9, "{routes:#}");
        Ok(())
    })?;

    // And back.
    reload(&hub, &rules("", "{ name: s, match: { prefixes: 192.0.2.0/24 }, action: reject }"))?;
    wait_until_taken(&hub, FRR, &all_of_frr)?;
    wait_until_taken(&hub, GOBGP, &["10.244.3.0/24 null "])?;
    wait_until_taken(&hub, BIRD, &["10.244.2.0/24 null ", "10.244.8.0/24 null "])?;
    wait_until(BOUND, "withdrawal at BIRD and GoBGP", || {
        let shown = hub.spoke(2)?.birdc("show route protocol linnet")?;
        ensure!(!shown.contains("192.0.2.0/24") && shown.contains("10.244.1.0/24"), "{shown}");
        let rib = hub.spoke(3)?.gobgp("global rib -a ipv4")?;
        ensure!(rib["192.0.2.0/24"].is_null() && rib["10.244.8.0/24"].is_array(), "{rib:#}");
        Ok(())
    })?;
    let after = [FRR, BIRD, GOBGP].map(|neighbor| session(&hub, neighbor).map_err(|error| error.to_string()));
    assert_eq!(after, before, "the same sessions: {}", hub.linnet.log());
    let frr = hub.spoke(1)?.vtysh_json("show bgp neighbors 10.1.1.0 json")?;
    assert_eq!(frr["10.1.1.0"]["connectionsEstablished"], 1);
    Ok(())
}

/// What a neighbour sent can be shown as it came, where it is kept.
#[test]
fn what_came_is_shown_beside_what_was_taken() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird, Daemon::Gobgp]));
    let hub = up([", import_policy: in, keep_adj_in: true", ", import_policy: in", ""], POLICIES)?;
    let received = |neighbor: &str| -> Result<Vec<String>> {
        let rows = hub.linnet.linnet(&format!("rib --neighbor {neighbor} --adj received"))?;
        let row = |path: &Value| format!("{} {} {}", path["nlri"], path["valid"], path["policy_statement"]);
        let mut rows: Vec<_> =
            rows.as_array().into_iter().flatten().map(|path| row(path).replace('"', "")).collect();
        rows.sort();
        Ok(rows)
    };
    for (neighbor, expected) in [
        (
            FRR,
            &[
                "10.244.1.0/24 true in/pods",
                "10.244.9.0/24 false in/no-marked",
                "192.0.2.0/24 false in/default",
            ][..],
        ),
        (BIRD, &["10.244.2.0/24 true in/pods", "10.244.8.0/24 true in/pods"]),
    ] {
        wait_until(BOUND, &format!("{expected:?} from {neighbor}"), || {
            let rows = received(neighbor)?;
            ensure!(rows == expected, "{rows:?}");
            Ok(())
        })?;
    }
    assert!(received(GOBGP).is_err(), "GoBGP's are not kept");
    Ok(())
}
