//! From BIRD to linnet: BIRD itself takes the files that are converted, linnetd takes what comes of them, and a
//! neighbour sees no difference.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use hub::{BOUND, Hub, kernel_routes};
use lab::{Daemon, Node, Nursery, cable, daemon, skip_if, wait_until};
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

/// Beside the node of `mesh.cfg`, the neighbours that it names: FRR next to it, which dials, and a BIRD behind a router's
/// hop, which is dialled. Both announce blocks of their own, one of a pool that is kept out of the kernel.
const MESH_FRR: &str = "router bgp 64512
 bgp router-id 10.1.1.0
 no bgp network import-check
 neighbor 10.1.1.1 remote-as 64512
 neighbor 10.1.1.1 timers connect 1
 address-family ipv4 unicast
  network 10.65.2.0/26
  network 10.65.2.64/26
  network 10.66.2.0/26
  network 10.90.0.0/16
 exit-address-family
";
const MESH_BIRD: &str = "router id 10.1.1.3;
protocol device {}
protocol static { ipv4; route 10.65.3.0/26 blackhole; route 10.65.3.64/26 blackhole; route 10.66.3.0/26 blackhole; }
protocol bgp node {
  local 10.1.1.3 as 64512; neighbor 10.1.1.1 as 64512; multihop; passive;
  ipv4 { import all; export all; next hop self; };
}
";

/// Puts this daemon in the place of the node of `mesh.cfg`; what its kernel has of the daemon's protocol once it has
/// so many routes.
fn kernel_of_mesh_node(daemon: Daemon, configuration: &str, protocol: u8) -> Result<Vec<String>> {
    let mut hub = Hub::around((Daemon::Frr, MESH_FRR), &[(daemon, configuration)])?;
    let far = hub::node("far", Daemon::Bird, MESH_BIRD, &Nursery::new()?)?;
    let node = hub.spoke(1)?;
    for name in ["mesh_aggr.cfg", "mesh_ipam.cfg"] {
        let text = fs::read(file(name.trim_end_matches(".cfg")))?;
        node.write_file(&Path::new("/etc/bird").join(name), &text)?;
    }
    cable((node.netns(), "eth2"), (far.netns(), "eth1"))?;
    node.sh("ip addr add 10.1.3.0/31 dev eth2 && ip route add 10.1.1.3 via 10.1.3.1")?;
    far.sh(
        "ip addr add 10.1.3.1/31 dev eth1 && ip addr add 10.1.1.3/32 dev lo && ip route add 10.1.1.1 via 10.1.3.0",
    )?;
    // A pod of the node's, which is announced by its block.
    node.sh("ip link add cali1 type veth peer name pod1 && ip link set pod1 up && ip link set cali1 up")?;
    node.sh("ip route add 10.65.1.5 dev cali1")?;
    hub.spokes.push(far);
    let hub = hub.start()?;
    let node = hub.spoke(1)?;
    wait_until(BOUND, "seven routes, and three at FRR", || {
        let mut routes = kernel_routes(node, protocol)?;
        // Of its `direct` protocol BIRD writes the links' networks once more, beside the kernel's own routes to them.
        routes.retain(|route| route.next_hops.iter().all(|hop| !hop.gateway.is_empty()));
        // BIRD has routes unreachable until it has found its links.
        let lost = routes.iter().any(|route| route.kind == "unreachable");
        ensure!(routes.len() == 7 && !lost, "{routes:#?}\n{}", node.log());
        let blocks = hub.linnet.vtysh_json("show bgp ipv4 unicast neighbors 10.1.1.1 routes json")?;
        let blocks = blocks["routes"].as_object().map(|blocks| blocks.keys().cloned().collect::<Vec<_>>());
        ensure!(blocks == Some(vec!["10.65.1.0/26".to_owned(), "10.65.7.64/26".to_owned()]), "{blocks:?}");
        // Their metrics are each daemon's own.
        Ok(routes
            .iter()
            .map(|route| format!("{} {} {:?}", route.kind, route.prefix, route.next_hops))
            .collect())
    })
}

#[test]
fn the_kernel_has_the_same_routes() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]).or_else(|| daemon::missing_program("ip")));
    let bird = fs::read_to_string(file("mesh"))?;
    let (yaml, complaint, code) = converted("mesh")?;
    assert_eq!((code, complaint.as_str()), (0, ""));
    let before = kernel_of_mesh_node(Daemon::Bird, &bird, 12)?;
    let after = kernel_of_mesh_node(Daemon::Linnet, &yaml, 108)?;
    assert_eq!(before, after);
    println!("{before:#?}");
    let of = |prefix: &str| after.iter().find(|route| route.contains(prefix)).cloned().unwrap_or_default();
    assert!(of("10.65.2.0/26").contains("10.1.1.0") && of("10.65.2.0/26").contains("eth1"), "{after:#?}");
    assert!(of("10.65.3.0/26").contains("10.1.3.1") && of("10.65.3.0/26").contains("eth2"), "{after:#?}");
    assert!(of("10.65.7.64/26").starts_with("blackhole"), "{after:#?}");
    Ok(())
}
