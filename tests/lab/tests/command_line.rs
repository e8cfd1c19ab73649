//! containerlab/evpn-mixed, as its nodes show it to who sits before them: the fabric's picture, and what Tab offers.

mod fabric;

use anyhow::{Result, ensure};
use fabric::{CONVERGE, Host, host};
use lab::{Lab, Node, skip_if, wait_until};
use serde_json::{Value, json};

const TOPOLOGY: &str = "containerlab/evpn-mixed/evpn-mixed.clab.yml";

/// Has both leaves know each other's host.
fn converge(lab: &Lab) -> Result<[Host; 2]> {
    let hosts = [host("host1", "leaf1", 11), host("host2", "leaf2", 21)];
    fabric::wait_for_flood_list(lab.node("leaf1")?, 100, &[hosts[1].vtep])?;
    fabric::introduce_both(lab, hosts)?;
    Ok(hosts)
}

#[test]
fn a_leaf_and_the_reflector_draw_the_same_fabric() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    converge(&lab)?;

    let leaf = lab.node("leaf1")?;
    let tunnel = json!({ "kind": "tunnel", "from": "10.0.0.1", "to": "10.0.0.2", "state": "programmed", "vnis": [100] });
    wait_until(CONVERGE, "leaf1's picture", || {
        let seen = leaf.linnet("topology")?;
        ensure!(roles(&seen) == ["10.0.0.1 this", "10.1.1.0 reflector", "10.0.0.2 vtep"], "{seen:#}");
        ensure!(has(&seen["links"], &tunnel), "{seen:#}");
        Ok(())
    })?;

    // It has no network of its own, and knows its clients' tunnels by their router IDs.
    let reflector = lab.node("rr")?;
    let client = json!({ "kind": "session", "from": "10.0.0.100", "to": "10.1.2.1", "state": "established" });
    wait_until(CONVERGE, "the reflector's picture", || {
        let seen = reflector.linnet("topology")?;
        ensure!(
            roles(&seen) == ["10.0.0.100 this", "10.1.1.1 client vtep", "10.1.2.1 client vtep"],
            "{seen:#}"
        );
        ensure!(has(&seen["links"], &client), "{seen:#}");
        ensure!(
            seen["nodes"][2]["vtep"] == "10.0.0.2" && seen["nodes"][2]["vnis"] == json!([100]),
            "{seen:#}"
        );
        Ok(())
    })?;
    let picture = reflector.output(&[&program()?, "topology", "--format", "svg"])?;
    assert!(picture.contains("tunnels 10.0.0.2") && picture.matches("<line ").count() == 2, "{picture}");
    Ok(())
}

/// Each node's address and roles.
fn roles(seen: &Value) -> Vec<String> {
    let words = |node: &Value| {
        let roles = node["roles"].as_array().into_iter().flatten();
        [&node["address"]].into_iter().chain(roles).filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
    };
    seen["nodes"].as_array().into_iter().flatten().map(words).collect()
}

fn has(rows: &Value, row: &Value) -> bool {
    rows.as_array().is_some_and(|rows| rows.contains(row))
}

#[test]
fn tab_offers_what_the_daemon_knows_now() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let hosts = converge(&lab)?;
    let leaf = lab.node("leaf1")?;
    // A busy machine may let the third of a second pass that a shell waits.
    wait_until(CONVERGE, "values at Tab", || {
        let neighbors = offered(leaf, &["neighbor", "10."])?;
        ensure!(neighbors.starts_with("10.1.1.0\testablished rr"), "{neighbors}");
        ensure!(offered(leaf, &["rib", "--vni", ""])? == "100\tvxlan100 up\n", "networks");
        let macs = offered(leaf, &["evpn", "mac", "--vni", "100", "--mac", "02:00:00:00:00:"])?;
        ensure!(hosts.iter().all(|host| macs.contains(&host.mac.to_string())), "{macs}");
        let behind = offered(leaf, &["evpn", "mac", "--vtep", ""])?;
        ensure!(behind == "10.0.0.2\tVNI 100\n", "{behind}");
        Ok(())
    })
}

/// What fish is told when `words` have been typed.
fn offered(node: &Node, words: &[&str]) -> Result<String> {
    let program = program()?;
    let asked = ["env", "LINNET_COMPLETE=fish", &program, "--", "linnet"];
    node.output(&asked.into_iter().chain(words.iter().copied()).collect::<Vec<_>>())
}

fn program() -> Result<String> {
    Ok(lab::daemon::linnet_cli()?.to_string_lossy().into_owned())
}
