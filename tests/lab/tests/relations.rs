//! What this speaker is to its neighbours: of another AS than its own, or a reflector, in both roles.

#![allow(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use anyhow::{Result, ensure};
use hub::{BOUND, Hub};
use lab::{Daemon, Node, Router, skip_if, wait_until};
use serde_json::Value;

/// FRR in `asn`, with linnetd in `linnet`; it has one route.
fn frr(asn: u32, linnet: u32) -> Router {
    Router::new(Daemon::Frr, 1).asn(asn).remote_as(linnet).announces(&["10.244.1.0/24"])
}

/// BIRD in `asn`, on the second link, with linnetd in `linnet`; it has one route.
fn bird(asn: u32, linnet: u32) -> Router {
    Router::new(Daemon::Bird, 2).asn(asn).remote_as(linnet).announces(&["10.244.2.0/24"])
}

fn linnet(bgp: &str, first: &str, second: &str) -> String {
    let neighbors = [format!("address: 10.1.1.1, {first}"), format!("address: 10.1.2.1, {second}")];
    hub::linnet(&[bgp], &neighbors.each_ref().map(String::as_str))
}

/// The path that FRR has to a prefix.
fn at_frr(node: &Node, prefix: &str) -> Result<Value> {
    wait_until(BOUND, &format!("{prefix} in FRR"), || {
        let shown = node.vtysh_json(&format!("show bgp ipv4 unicast {prefix} json"))?;
        ensure!(shown["paths"][0].is_object(), "{shown:#}");
        Ok(shown["paths"][0].clone())
    })
}

/// What BIRD shows of a prefix.
fn at_bird(node: &Node, prefix: &str) -> Result<String> {
    wait_until(BOUND, &format!("{prefix} in BIRD"), || {
        let shown = node.birdc(&format!("show route {prefix} all"))?;
        ensure!(shown.contains("BGP.as_path"), "{shown}");
        Ok(shown)
    })
}

/// The AS path of the path that linnetd has to a prefix.
fn at_linnet(hub: &Hub, prefix: &str) -> Result<Value> {
    let rib = hub.linnet.linnet(&format!("rib {prefix} --detail"))?;
    Ok(rib[0]["as_path"].clone())
}

/// FRR sees linnetd in AS 65010, BIRD in its own, 65000.
#[test]
fn another_as_is_in_the_paths_as_the_neighbor_is_told() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]));
    for (local_as, frr_sees, bird_sees) in [
        ("65010", "65010 65000 65002", "65000 65010 65001"),
        ("{ asn: 65010, no_prepend: true }", "65010 65000 65002", "65000 65001"),
        ("{ asn: 65010, no_prepend: true, replace_as: true }", "65010 65002", "65000 65001"),
    ] {
        let first = format!("remote_as: 65001, local_as: {local_as}");
        let hub = Hub::with(
            &linnet("ebgp_default: accept", &first, "remote_as: 65002"),
            &[frr(65001, 65010), bird(65002, 65000)],
        )?;
        let shown = hub.wait_for_session("10.1.1.1", "session", |_| true)?;
        assert_eq!((&shown["local_as"], &shown["remote_as"]), (&65010.into(), &65001.into()), "{shown:#}");
        let path = at_frr(hub.spoke(1)?, "10.244.2.0/24")?;
        assert_eq!(path["aspath"]["string"], frr_sees, "{local_as}: {path:#}");
        let path = at_bird(hub.spoke(2)?, "10.244.1.0/24")?;
        assert!(path.contains(&format!("BGP.as_path: {bird_sees}\n")), "{local_as}: {path}");
        let from_frr = at_linnet(&hub, "10.244.1.0/24")?;
        assert_eq!(from_frr, bird_sees.trim_start_matches("65000 "), "{local_as}");
    }
    Ok(())
}

/// What passes between two clients, between a client and another, and between two others.
#[test]
fn clients_are_reflected_to_as_configured() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]));
    let client = "remote_as: internal, route_reflector_client: true";
    let other = "remote_as: internal";
    let apart = "client_to_client_reflection: false";
    for (what, bgp, first, second, passes) in [
        ("two clients", "", client, client, true),
        ("two clients that speak with each other", apart, client, client, false),
        ("a client and another", apart, client, other, true),
        ("two others", "", other, other, false),
    ] {
        let hub = Hub::with(&linnet(bgp, first, second), &[frr(65000, 65000), bird(65000, 65000)])?;
        for address in ["10.1.1.1", "10.1.2.1"] {
            hub.wait_for_session(address, "everything sent and received", |shown| {
                let family = hub::family(shown, "ipv4-unicast");
                family["accepted"] == 1 && family["end_of_rib_sent"] == true && family["in_sync"] == true
            })?;
        }
        if passes {
            let path = at_bird(hub.spoke(2)?, "10.244.1.0/24")?;
            assert!(path.contains("BGP.originator_id: 10.1.1.1"), "{what}: {path}");
            assert!(path.contains("BGP.cluster_list: 10.1.0.1"), "{what}: {path}");
            at_frr(hub.spoke(1)?, "10.244.2.0/24")?;
        } else {
            for address in ["10.1.1.1", "10.1.2.1"] {
                let shown = hub.linnet.linnet(&format!("rib --neighbor {address} --adj out"))?;
                assert_eq!(shown, serde_json::json!([]), "{what}: {shown:#}");
            }
        }
    }
    Ok(())
}

/// The other role: linnetd is a client of FRR and of BIRD, which reflect to it; being none's reflector, it passes
/// nothing on from one to the other.
#[test]
fn what_others_reflect_is_taken_and_not_passed_on() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]));
    let hub = Hub::with(
        &linnet("", "remote_as: 65000", "remote_as: 65000"),
        &[frr(65000, 65000).reflects(), bird(65000, 65000).reflects()],
    )?;
    for address in ["10.1.1.1", "10.1.2.1"] {
        hub.wait_for_session(address, "its route", |shown| {
            let family = hub::family(shown, "ipv4-unicast");
            family["accepted"] == 1 && family["end_of_rib_sent"] == true && family["in_sync"] == true
        })?;
        let sent = hub.linnet.linnet(&format!("rib --neighbor {address} --adj out"))?;
        assert_eq!(sent, serde_json::json!([]), "{sent:#}");
    }
    Ok(())
}
