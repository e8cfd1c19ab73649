//! From BIRD to linnet: BIRD itself takes the files that are converted, linnetd takes what comes of them, and a
//! neighbour sees no difference.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use hub::{BOUND, Hub};
use lab::{Daemon, Node, daemon, skip_if, wait_until};
use serde_json::{Value, json};

/// Files of one node each that BIRD 2.0 takes, and what `linnet config from-bird` says of them by its exit code.
const FILES: [(&str, i32); 4] = [("mesh", 0), ("peers", 1), ("reflector", 1), ("live", 0)];

/// FRR in AS 65001, where a top-of-rack switch would be: routes of each kind that the node's filter tells apart.
const FRR: &str = "router bgp 65001
 bgp router-id 10.1.1.0
 no bgp network import-check
 no bgp ebgp-requires-policy
 neighbor 10.1.1.1 remote-as 64512
 neighbor 10.1.1.1 timers connect 1
 address-family ipv4 unicast
  network 10.80.1.0/24
  network 10.80.2.16/28
  network 10.81.0.0/16
  network 10.82.0.0/26
  network 10.83.0.0/24 route-map marked
  network 10.96.7.0/24
 exit-address-family
route-map marked permit 10
 set community 65001:666
";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/from-bird").join(name).with_extension("cfg")
}

/// What `linnet config from-bird` prints of a file, and its exit code.
fn converted(name: &str) -> Result<(String, String, i32)> {
    let output =
        Command::new(daemon::linnet_cli()?).args(["config", "from-bird"]).arg(file(name)).output()?;
    let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
    let code = output.status.code().context("a signal")?;
    Ok((text(output.stdout), text(output.stderr), code))
}

#[test]
fn bird_takes_the_files() -> Result<()> {
    skip_if!(daemon::missing(Daemon::Bird));
    let bird = daemon::find_program("bird").context("no bird")?;
    for (name, _) in FILES {
        let output = Command::new(&bird).arg("-p").arg("-c").arg(file(name)).output()?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && complaint.is_empty(), "{name}: {complaint}");
    }
    Ok(())
}

#[test]
fn linnetd_takes_what_comes_of_them() -> Result<()> {
    skip_if!(daemon::missing(Daemon::Linnet));
    let folder = std::env::temp_dir().join(format!("linnet-from-bird-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let key = folder.join("any.key");
    fs::write(&key, "secret")?;
    for (name, expected) in FILES {
        let (yaml, complaint, code) = converted(name)?;
        assert_eq!(code, expected, "{name}: {complaint}");
        assert_eq!(complaint.contains("not carried over"), expected == 1, "{name}: {complaint}");
        let path = folder.join(name).with_extension("yaml");
        // The key's file is the operator's to make.
        let known = yaml.replace("/etc/linnet/Node_10_1_1_0.key", &key.display().to_string());
        fs::write(&path, known)?;
        let check = Command::new(daemon::linnetd()?).arg("--check").arg("--config").arg(&path).output()?;
        assert!(check.status.success(), "{name}: {}\n{yaml}", String::from_utf8_lossy(&check.stderr));
    }
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Everything that FRR has of the node's routes.
fn at_frr(hub: &Hub) -> Result<Value> {
    let shown = hub.linnet.vtysh_json("show bgp ipv4 unicast neighbors 10.1.1.1 routes json")?;
    let mut routes = serde_json::Map::new();
    for prefix in shown["routes"].as_object().into_iter().flatten().map(|(prefix, _)| prefix) {
        let detail = hub.linnet.vtysh_json(&format!("show bgp ipv4 unicast {prefix} json"))?;
        let path = &detail["paths"][0];
        let route = json!({
            "path": path["aspath"]["string"],
            "med": path["metric"],
            "communities": path["community"]["string"],
            "origin": path["origin"],
            "next_hop": path["nexthops"][0]["ip"],
        });
        routes.insert(prefix.clone(), route);
    }
    Ok(routes.into())
}

/// What the node took of FRR's routes: prefixes, each with its LOCAL_PREF.
fn taken(node: &Node, daemon: Daemon) -> Result<Vec<(String, u64)>> {
    let mut taken = Vec::new();
    if daemon == Daemon::Bird {
        for line in node.birdc("show route protocol tor all")?.lines() {
            if let (Some(value), Some((_, preference))) =
                (line.trim().strip_prefix("BGP.local_pref: "), taken.last_mut())
            {
                *preference = value.parse()?;
            } else if line.starts_with(|letter: char| letter.is_ascii_digit()) && line.contains('/') {
                taken.push((line.split_whitespace().next().unwrap_or_default().to_owned(), 0));
            }
        }
    } else {
        let rib = node.linnet("rib --neighbor 10.1.1.0")?;
        for path in rib.as_array().into_iter().flatten() {
            let prefix = path["nlri"].as_str().context("no prefix")?;
            // What a path does not have counts as 100 with both.
            taken.push((prefix.to_owned(), path["local_pref"].as_u64().unwrap_or(100)));
        }
    }
    taken.sort();
    Ok(taken)
}

/// What is seen once both sides have all that they will have.
fn settled(daemon: Daemon, configuration: &str) -> Result<(Value, Vec<(String, u64)>)> {
    let hub = Hub::around((Daemon::Frr, FRR), &[(daemon, configuration)])?.start()?;
    wait_until(BOUND, "three routes at FRR and four at the node", || {
        let (at_frr, taken) = (at_frr(&hub)?, taken(hub.spoke(1)?, daemon)?);
        let counts = (at_frr.as_object().map(serde_json::Map::len), taken.len());
        ensure!(counts == (Some(3), 4), "{at_frr:#}\n{taken:?}\n{}", hub.spoke(1)?.log());
        Ok((at_frr, taken))
    })
}

#[test]
fn a_neighbour_sees_no_difference() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]));
    let bird = fs::read_to_string(file("live"))?;
    let (yaml, complaint, code) = converted("live")?;
    assert_eq!((code, complaint.as_str()), (0, ""));
    let before = settled(Daemon::Bird, &bird)?;
    let after = settled(Daemon::Linnet, &yaml)?;
    assert_eq!(before, after);
    let preferences: Vec<_> =
        after.1.iter().map(|(prefix, preference)| (prefix.as_str(), *preference)).collect();
    let expected =
        [("10.80.1.0/24", 200), ("10.80.2.16/28", 200), ("10.81.0.0/16", 100), ("10.96.7.0/24", 100)];
    assert_eq!(preferences, expected);
    let pods = &after.0["10.65.1.0/26"];
    assert_eq!((&pods["communities"], &pods["path"]), (&json!("64512:100"), &json!("64512")), "{pods:#}");
    let service = &after.0["10.96.0.10/32"];
    assert_eq!((&service["med"], &service["path"]), (&json!(50), &json!("64512 64512")), "{service:#}");
    Ok(())
}
