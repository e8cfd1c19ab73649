//! Several paths of a destination (RFC 7911), from and to every other implementation.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use hub::{BOUND, Hub};
use lab::{Daemon, Family, Router, skip_if, wait_until};
use serde_json::Value;

/// FRR, which has two paths to its link: it is told to announce it, and to announce what is connected.
const FRR: &str = "router bgp 65000
 bgp router-id 10.1.1.1
 no bgp network import-check
 neighbor 10.1.1.0 remote-as 65000
 neighbor 10.1.1.0 timers connect 1
 neighbor fd00:1::1 remote-as 65000
 neighbor fd00:1::1 timers connect 1
 address-family ipv4 unicast
  network 10.1.1.0/31
  redistribute connected
  no neighbor fd00:1::1 activate
  neighbor 10.1.1.0 addpath-tx-all-paths
 exit-address-family
 address-family ipv6 unicast
  network fd00:1::/64
  redistribute connected
  neighbor fd00:1::1 activate
  neighbor fd00:1::1 addpath-tx-all-paths
 exit-address-family
";

/// BIRD, which has two routes to one destination, told apart by a community.
const BIRD: &str = "router id 10.1.2.1;
protocol device {}
protocol static one4 { ipv4; route 10.244.0.0/24 blackhole { bgp_community.add((1, 1)); }; }
protocol static two4 { ipv4; route 10.244.0.0/24 blackhole { bgp_community.add((2, 2)); }; }
protocol static one6 { ipv6; route fd00:244::/64 blackhole { bgp_community.add((1, 1)); }; }
protocol static two6 { ipv6; route fd00:244::/64 blackhole { bgp_community.add((2, 2)); }; }
template bgp common { local as 65000; connect delay time 1; connect retry time 1; }
protocol bgp four from common { neighbor 10.1.2.0 as 65000; ipv4 { import all; export all; add paths on; }; }
protocol bgp six from common { neighbor fd00:2::1 as 65000; ipv6 { import all; export all; add paths on; }; }
";

/// GoBGP, whose two routes to the same destination are told to it later.
fn gobgp() -> String {
    Router::new(Daemon::Gobgp, 3).both().add_path().configuration()
}

/// linnetd, which reflects between the three.
fn linnet(send: &str) -> String {
    let neighbor = |number: u32| {
        let rest = "remote_as: 65000, connect_retry: 1, route_reflector_client: true";
        format!(
            "    - {{ address: 10.1.{number}.1, families: [ipv4-unicast], {rest}, add_path: {{ receive: true, send: {send} }} }}
    - {{ address: \"fd00:{number}::2\", families: [ipv6-unicast], {rest}, add_path: {{ receive: true, send: {send} }} }}
"
        )
    };
    let neighbors: String = (1..=3).map(neighbor).collect();
    format!(
        "bgp:
  asn: 65000
  router_id: 10.1.0.1
  listen: {{ addresses: [\"0.0.0.0\", \"::\"] }}
  neighbors:
{neighbors}"
    )
}

/// One family's part of the stage.
struct Part {
    family: &'static str,
    gobgp: &'static str,
    frr: &'static str,
    /// Which BIRD and GoBGP announce twice each.
    shared: &'static str,
    /// Which FRR announces twice.
    frrs: &'static str,
    neighbors: [&'static str; 3],
    next_hop: &'static str,
}

const PARTS: [Part; 2] = [
    Part {
        family: "ipv4",
        gobgp: "ipv4",
        frr: "ipv4 unicast",
        shared: "10.244.0.0/24",
        frrs: "10.1.1.0/31",
        neighbors: ["10.1.1.1", "10.1.2.1", "10.1.3.1"],
        next_hop: "10.1.3.1",
    },
    Part {
        family: "ipv6",
        gobgp: "ipv6",
        frr: "ipv6 unicast",
        shared: "fd00:244::/64",
        frrs: "fd00:1::/64",
        neighbors: ["fd00:1::2", "fd00:2::2", "fd00:3::2"],
        next_hop: "fd00:3::2",
    },
];

/// linnetd's paths to a destination; of one neighbour, if that is named.
fn at_linnet(hub: &Hub, part: &Part, prefix: &str, options: &str) -> Result<Vec<Value>> {
    let rows = hub.linnet.linnet(&format!("rib -a {} {options}", part.family))?;
    let rows = rows.as_array().cloned().unwrap_or_default();
    Ok(rows.into_iter().filter(|row| row["nlri"] == prefix).collect())
}

/// How many paths to a destination each of the three knows, its own included.
fn elsewhere(hub: &Hub, part: &Part, prefix: &str) -> Result<[usize; 3]> {
    let frr = hub.spoke(1)?.vtysh_json(&format!("show bgp {} {prefix} json", part.frr))?;
    let bird = hub.spoke(2)?.birdc(&format!("show route {prefix} all"))?;
    let gobgp = hub.spoke(3)?.gobgp(&format!("global rib -a {}", part.gobgp))?;
    let length = |value: &Value| value.as_array().map_or(0, Vec::len);
    Ok([length(&frr["paths"]), bird.matches("Type:").count(), length(&gobgp[prefix])])
}

fn add_to_gobgp(hub: &Hub, part: &Part, identifier: u32) -> Result<()> {
    let Part { shared, gobgp, next_hop, .. } = part;
    let words = format!(
        "gobgp global rib add {shared} identifier {identifier} nexthop {next_hop} community 3:{identifier} -a {gobgp}"
    );
    hub.spoke(3)?.sh(&words).map(drop)
}

/// The path ids of rows.
fn ids(rows: &[Value]) -> BTreeSet<u64> {
    rows.iter().filter_map(|row| row["path_id"].as_u64()).collect()
}

#[test]
fn all_paths_go_from_and_to_everyone() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird, Daemon::Gobgp]));
    let spokes = [(Daemon::Frr, FRR), (Daemon::Bird, BIRD), (Daemon::Gobgp, &*gobgp())];
    let hub = Hub::up(&linnet("all"), &spokes)?;
    for part in &PARTS {
        let family = format!("{}-unicast", part.family);
        for neighbor in part.neighbors {
            hub.wait_for_session(neighbor, "ADD-PATH both ways", |shown| {
                let in_use = format!("add-path {family} both");
                let agreed = shown["capabilities_agreed"].as_array().into_iter().flatten();
                agreed.into_iter().any(|word| *word == in_use)
            })?;
        }
        add_to_gobgp(&hub, part, 1)?;
        add_to_gobgp(&hub, part, 2)?;
        wait_until(BOUND, "all paths everywhere", || {
            let shared = at_linnet(&hub, part, part.shared, "")?;
            let frrs = at_linnet(&hub, part, part.frrs, "")?;
            ensure!((shared.len(), frrs.len()) == (4, 2), "{shared:#?} {frrs:#?}");
            let shared = elsewhere(&hub, part, part.shared)?;
            let frrs = elsewhere(&hub, part, part.frrs)?;
            ensure!((shared, frrs) == ([4; 3], [2; 3]), "{shared:?} {frrs:?}");
            Ok(())
        })?;
        // What went out has identifiers of linnetd's own, each once, and nobody's own paths among it.
        for (neighbor, sent) in part.neighbors.into_iter().zip([4, 2, 2]) {
            let rows = at_linnet(&hub, part, part.shared, &format!("--neighbor {neighbor} --adj out"))?;
            assert_eq!((rows.len(), ids(&rows).len()), (sent, sent), "{neighbor}: {rows:#?}");
        }
        let before = at_linnet(&hub, part, part.shared, "--neighbor 10.1.1.1 --adj out")?;

        // One path goes, and the others stay what they were.
        let Part { shared, gobgp, next_hop, .. } = part;
        let words = format!("gobgp global rib del {shared} identifier 2 nexthop {next_hop} -a {gobgp}");
        hub.spoke(3)?.sh(&words)?;
        wait_until(BOUND, "end of one path", || {
            let left = elsewhere(&hub, part, part.shared)?;
            ensure!(left == [3; 3], "{left:?}");
            Ok(())
        })?;
        let after = at_linnet(&hub, part, part.shared, "--neighbor 10.1.1.1 --adj out")?;
        assert!(ids(&after).is_subset(&ids(&before)), "{before:#?} {after:#?}");
    }
    Ok(())
}

/// OpenBGPD takes both paths that BIRD has, of either family, and tells its own with an identifier.
#[test]
fn openbgpd_hears_of_all_paths() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Openbgpd, Daemon::Bird]));
    let openbgpd = Router::new(Daemon::Openbgpd, 1).both().announces(&["10.244.1.0/24"]).add_path();
    let spokes = [(Daemon::Openbgpd, &*openbgpd.configuration()), (Daemon::Bird, BIRD)];
    let hub = Hub::up(&linnet("all"), &spokes)?;
    for (part, neighbor) in PARTS.iter().zip(["10.1.1.1", "fd00:1::2"]) {
        wait_until(BOUND, "both paths in OpenBGPD", || {
            let paths = hub.spoke(1)?.paths(part.shared)?;
            let communities: BTreeSet<String> =
                paths.iter().flat_map(|path| path.communities.clone()).collect();
            ensure!(communities == ["1:1".to_owned(), "2:2".to_owned()].into(), "{paths:#?}");
            Ok(())
        })
        .with_context(|| hub.linnet.log())?;
        hub.wait_for_session(neighbor, "ADD-PATH both ways", |shown| {
            let in_use = format!("add-path {}-unicast both", part.family);
            shown["capabilities_agreed"].to_string().contains(&in_use)
        })?;
    }
    let part = &PARTS[0];
    let rows = wait_until(BOUND, "OpenBGPD's route", || {
        let rows = at_linnet(&hub, part, "10.244.1.0/24", "")?;
        ensure!(rows.len() == 1, "{rows:#?}");
        Ok(rows)
    })?;
    assert!(ids(&rows).iter().all(|id| *id > 0), "{rows:#?}");
    Ok(())
}

#[test]
fn the_best_paths_alone_where_that_is_asked_for() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird, Daemon::Gobgp]));
    let spokes = [(Daemon::Frr, FRR), (Daemon::Bird, BIRD), (Daemon::Gobgp, &*gobgp())];
    let hub = Hub::up(&linnet("{ best: 2 }"), &spokes)?;
    let part = &PARTS[0];
    add_to_gobgp(&hub, part, 1)?;
    add_to_gobgp(&hub, part, 2)?;
    wait_until(BOUND, "the two best in FRR", || {
        let here = at_linnet(&hub, part, part.shared, "")?.len();
        let [frr, ..] = elsewhere(&hub, part, part.shared)?;
        ensure!((here, frr) == (4, 2), "{here} {frr}");
        Ok(())
    })
}

/// ESI and label are no part of the key, so that two leaves may say different things of one.
#[test]
fn paths_of_an_evpn_route_are_kept_apart() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Gobgp]));
    let source = |number| {
        let gobgp = Router::new(Daemon::Gobgp, number).about(&[Family::Evpn]);
        gobgp.add_path().configuration()
    };
    let neighbor = "remote_as: 65000, families: [l2vpn-evpn]";
    let client = "route_reflector_client: true, add_path: { receive: true, send: all }";
    let clients = [1, 2, 3].map(|number| format!("address: 10.1.{number}.1, {neighbor}, {client}"));
    let reflector = hub::linnet(&[], &clients.each_ref().map(String::as_str));
    let receiver = format!(
        "bgp:
  asn: 65000
  router_id: 10.1.3.1
  neighbors:
    - {{ address: 10.1.3.0, {neighbor}, connect_retry: 1, add_path: {{ receive: true }} }}
"
    );
    let spokes = [(Daemon::Gobgp, &*source(1)), (Daemon::Gobgp, &source(2)), (Daemon::Linnet, &receiver)];
    let hub = Hub::up(&reflector, &spokes)?;
    for number in [1_u32, 2] {
        let label = 100 * number;
        let route = format!("macadv 02:00:00:00:00:11 192.168.1.11 etag 0 label {label}");
        let words = format!("gobgp global rib add -a evpn {route} rd 10.9.9.9:100 rt 65000:100 encap vxlan");
        hub.spoke(number as usize)?.sh(&words)?;
    }
    let both = wait_until(BOUND, "both paths in the other linnetd", || {
        let rows = hub.spoke(3)?.linnet("rib --mac 02:00:00:00:00:11")?;
        let rows = rows.as_array().cloned().unwrap_or_default();
        ensure!(rows.len() == 2, "{rows:#?} {}", hub.linnet.log());
        Ok(rows)
    })?;
    let vnis: BTreeSet<u64> = both.iter().filter_map(|row| row["vni"].as_u64()).collect();
    assert_eq!(vnis, [100, 200].into(), "{both:#?}");
    assert_eq!(ids(&both).len(), 2, "{both:#?}");
    // And each GoBGP has the other's. (Its own it may give up for that one: it takes them for a host that moved.)
    wait_until(BOUND, "the other's path in GoBGP", || {
        let rib = hub.spoke(1)?.gobgp("global rib -a evpn")?;
        let mut paths =
            rib.as_object().into_iter().flatten().flat_map(|(_, paths)| paths.as_array()).flatten();
        ensure!(paths.any(|path| path["nlri"]["value"]["labels"][0] == 200), "{rib:#}");
        Ok(())
    })
}
