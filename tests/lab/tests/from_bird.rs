//! From BIRD to linnet: BIRD itself takes the files that are converted, linnetd takes what comes of them, and a
//! neighbour sees no difference.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use hub::{BOUND, Hub};
use lab::{Daemon, daemon, skip_if, wait_until};
use serde_json::{Value, json};

/// Files of one node each that BIRD 2.0 takes, and what `linnet config from-bird` says of them by its exit code.
const FILES: [(&str, i32); 4] = [("mesh", 0), ("peers", 1), ("reflector", 0), ("live", 0)];

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

/// Everything that FRR has of the node's routes, and every route by BGP or by configuration in the node's kernel.
fn seen(hub: &Hub) -> Result<(Value, Value)> {
    let shown = hub.linnet.vtysh_json("show bgp ipv4 unicast neighbors 10.1.1.1 routes json")?;
    let mut at_frr = serde_json::Map::new();
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
        at_frr.insert(prefix.clone(), route);
    }
    let routes = hub.spoke(1)?.json(&["ip", "-json", "-4", "route", "show"])?;
    let ours =
        |route: &&Value| !["kernel", "boot", "static"].iter().any(|other| route["protocol"] == **other);
    let line = |route: &Value| json!([route["dst"], route["type"], route["gateway"], route["dev"]]);
    let mut in_kernel: Vec<Value> = routes.as_array().into_iter().flatten().filter(ours).map(line).collect();
    in_kernel.sort_by_key(Value::to_string);
    // A blackhole has no device; some versions of ip name one all the same.
    in_kernel.iter_mut().filter(|route| route[1] == "blackhole").for_each(|route| route[3] = Value::Null);
    Ok((Value::Object(at_frr), in_kernel.into()))
}

/// What is seen once both sides have all that they will have.
fn settled(node: (Daemon, &str)) -> Result<(Value, Value)> {
    let hub = Hub::around((Daemon::Frr, FRR), &[node])?.start()?;
    wait_until(BOUND, "three routes at FRR and six in the node's kernel", || {
        let (at_frr, in_kernel) = seen(&hub)?;
        let counts = (at_frr.as_object().map(serde_json::Map::len), in_kernel.as_array().map(Vec::len));
        ensure!(counts == (Some(3), Some(6)), "{at_frr:#}\n{in_kernel:#}\n{}", hub.spoke(1)?.log());
        Ok((at_frr, in_kernel))
    })
}

#[test]
fn a_neighbour_sees_no_difference() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]));
    let bird = fs::read_to_string(file("live"))?;
    let (yaml, complaint, code) = converted("live")?;
    assert_eq!((code, complaint.as_str()), (0, ""));
    let before = settled((Daemon::Bird, &bird))?;
    let after = settled((Daemon::Linnet, &yaml))?;
    assert_eq!(before, after);
    let pods = &after.0["10.65.1.0/26"];
    assert_eq!((&pods["communities"], &pods["path"]), (&json!("64512:100"), &json!("64512")), "{pods:#}");
    let service = &after.0["10.96.0.10/32"];
    assert_eq!((&service["med"], &service["path"]), (&json!(50), &json!("64512 64512")), "{service:#}");
    Ok(())
}
