//! EVPN with other implementations beyond telling hosts: policies on its routes, several paths of one, an FRR that is
//! killed and comes back.

mod fabric;
mod hub;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use fabric::host;
use hub::{BOUND, Hub, family, linnet};
use lab::packet::Pinger;
use lab::{Daemon, Family, Lab, Node, Router, daemon, skip_if, wait_until};
use serde_json::Value;

/// A speaker of EVPN alone.
fn part(daemon: Daemon, number: u8) -> Router {
    Router::new(daemon, number).about(&[Family::Evpn])
}

/// Has a GoBGP announce an EVPN route of VNI `vni`.
fn announce(node: &Node, route: &str, vni: u32) -> Result<()> {
    let words = format!("gobgp global rib add -a evpn {route} rd 10.9.9.9:{vni} rt 65000:{vni} encap vxlan");
    node.sh(&words).map(drop)
}

fn host_route(mac: &str, vni: u32) -> String {
    format!("macadv {mac} 192.168.1.11 etag 0 label {vni}")
}

/// The EVPN routes that a GoBGP has, as it names them.
fn at_gobgp(node: &Node) -> Result<Vec<String>> {
    let rib = node.gobgp("global rib -a evpn")?;
    Ok(rib.as_object().into_iter().flatten().map(|(route, _)| route.clone()).collect())
}

/// What is refused by MAC or VNI reaches neither the RIB nor the kernel, and another neighbour hears of one type only.
#[test]
fn policies_match_type_vni_and_mac() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Gobgp]).or_else(|| daemon::missing_program("ip")));
    let common = "remote_as: 65000, families: [l2vpn-evpn], route_reflector_client: true";
    let neighbors = [
        format!("address: 10.1.1.1, import_policy: in, {common}"),
        format!("address: 10.1.2.1, export_policy: out, {common}"),
    ];
    let configuration = linnet(&[], &neighbors.each_ref().map(String::as_str))
        + "evpn:
  vtep: 10.1.1.0
  vnis: [{ vni: 100, create: true, mtu: 1450 }]
policy:
  policies:
    - name: in
      default: accept
      statements:
        - { name: bad-host, match: { route_types: [macip], mac: \"02:00:00:00:00:66\" }, action: reject }
        - { name: other-tenant, match: { vni: \"200-299\" }, action: reject }
    - name: out
      default: reject
      statements:
        - { name: floods, match: { route_types: [multicast] }, action: accept }
";
    let hub = Hub::with(&configuration, &[part(Daemon::Gobgp, 1), part(Daemon::Gobgp, 2)])?;
    let source = hub.spoke(1)?;
    announce(source, &host_route("02:00:00:00:00:66", 100), 100)?;
    announce(source, &host_route("02:00:00:00:00:12", 200), 200)?;
    announce(source, "multicast 10.1.1.1 etag 0 pmsi ingress-repl 100 10.1.1.1", 100)?;
    announce(source, &host_route("02:00:00:00:00:11", 100), 100)?;

    hub.wait_for_session("10.1.1.1", "two routes of four", |shown| {
        let refused = serde_json::json!([{"reason": "policy", "routes": 2}]);
        family(shown, "l2vpn-evpn")["accepted"] == 2 && shown["rejected"] == refused
    })?;
    wait_until(BOUND, "the host in the kernel", || {
        let rows = hub.linnet.netns().run(|| lab::netlink::fdb("vxlan100"))??;
        let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
        ensure!(rows.iter().any(|row| row.starts_with("02:00:00:00:00:11")), "{rows:#?}");
        ensure!(!rows.iter().any(|row| row.starts_with("02:00:00:00:00:66")), "{rows:#?}");
        Ok(())
    })?;
    // linnetd's own flood route and the reflected one, and no host.
    wait_until(BOUND, "flood routes in the other GoBGP", || {
        let routes = at_gobgp(hub.spoke(2)?)?;
        ensure!(routes.len() == 2 && routes.iter().all(|route| route.contains("multicast")), "{routes:#?}");
        Ok(())
    })
}

/// FRR takes both paths of one route, which two others announce with different labels (RFC 7911).
#[test]
fn frr_hears_of_several_paths() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Gobgp, Daemon::Frr]));
    let common = "remote_as: 65000, families: [l2vpn-evpn], route_reflector_client: true, \
                  add_path: { receive: true, send: all }";
    let neighbors = [1, 2, 3].map(|number| format!("address: 10.1.{number}.1, {common}"));
    let parts = [part(Daemon::Gobgp, 1).add_path(), part(Daemon::Gobgp, 2).add_path(), part(Daemon::Frr, 3)];
    let hub = Hub::with(&linnet(&[], &neighbors.each_ref().map(String::as_str)), &parts)?;
    for (spoke, label) in [(1, 100), (2, 200)] {
        let route = host_route("02:00:00:00:00:11", label);
        let words = format!("gobgp global rib add -a evpn {route} rd 10.9.9.9:100 rt 65000:100 encap vxlan");
        hub.spoke(spoke)?.sh(&words)?;
    }
    let shown = hub.wait_for_session("10.1.3.1", "ADD-PATH", |shown| {
        shown["capabilities_agreed"].to_string().contains("add-path l2vpn-evpn")
    })?;
    assert!(shown["capabilities_agreed"].to_string().contains("add-path l2vpn-evpn send"), "{shown:#}");
    wait_until(BOUND, "both paths in FRR", || {
        let shown = hub.spoke(3)?.vtysh_json("show bgp l2vpn evpn route type macip json")?;
        let of_host = shown["10.9.9.9:100"].as_object().into_iter().flatten();
        let paths: usize = of_host.filter_map(|(_, route)| Some(route["paths"].as_array()?.len())).sum();
        ensure!(paths == 2, "{shown:#}");
        Ok(())
    })
}

/// The leaf beside linnetd's is FRR, which restarts gracefully.
fn make_graceful(lab: &mut Lab) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../containerlab/evpn-mixed/leaf2/frr.conf");
    let text = std::fs::read_to_string(&path)?;
    let known = " bgp router-id 10.0.0.2\n";
    ensure!(text.contains(known), "{} has another router identifier", path.display());
    let more = format!("{known} bgp graceful-restart\n bgp graceful-restart preserve-fw-state\n");
    let leaf = lab.node_mut("leaf2")?;
    leaf.write_file(Path::new("/etc/frr/frr.conf"), text.replace(known, &more).as_bytes())?;
    leaf.kill_daemon()?;
    leaf.start_daemon()?;
    leaf.wait_until_ready()
}

/// Waits until the reflector has the session with FRR, with nothing stale, and FRR's End-of-RIB.
fn wait_until_heard_out(lab: &Lab) -> Result<Value> {
    let rr = lab.node("rr")?;
    wait_until(fabric::CONVERGE, "FRR's End-of-RIB", || {
        let shown = rr.linnet("neighbor 10.1.2.1")?;
        let evpn = family(&shown, "l2vpn-evpn");
        ensure!(
            evpn["end_of_rib_received"] == true && evpn["stale"] == 0 && evpn["in_sync"] == true,
            "{shown:#}"
        );
        Ok(shown)
    })
    .with_context(|| rr.log())
}

/// FRR is killed with all its daemons: what linnetd's leaf has of FRR's hosts stays in the kernel, and not a packet is
/// lost until FRR itself, back again, takes what it finds in its own kernel away.
#[test]
fn rows_of_an_frr_that_is_killed_stay() -> Result<()> {
    let topology = fabric::topology("containerlab/evpn-mixed/evpn-mixed.clab.yml")?;
    skip_if!(topology.missing());
    let mut lab = Lab::up(&topology)?;
    make_graceful(&mut lab)?;
    let (host1, host2) = (host("host1", "leaf1", 11), host("host2", "leaf2", 21));
    fabric::introduce_both(&lab, [host1, host2])?;
    wait_until_heard_out(&lab)?;
    let rows = fabric::remote_rows(lab.node("leaf1")?, host2)?;

    let pinger = Pinger::start(lab.node(host1.node)?.netns(), host2.ip, std::time::Duration::from_millis(5));
    fabric::wait_for_answer(&pinger, Instant::now())?;
    lab.node_mut("leaf2")?.kill_daemon()?;
    wait_until(fabric::CONVERGE, "stale routes", || {
        let shown = lab.node("rr")?.linnet("neighbor 10.1.2.1")?;
        ensure!(family(&shown, "l2vpn-evpn")["stale"].as_u64() >= Some(2), "{shown:#}");
        Ok(())
    })?;
    std::thread::sleep(fabric::QUIET);
    fabric::wait_for_answer(&pinger, Instant::now())?;
    let pings = pinger.stop()?;
    assert_eq!(pings.lost(), [0; 0], "of {} pings", pings.received());
    assert_eq!(fabric::remote_rows(lab.node("leaf1")?, host2)?, rows, "while FRR is away");

    lab.node_mut("leaf2")?.start_daemon()?;
    lab.node("leaf2")?.wait_until_ready()?;
    wait_until_heard_out(&lab)?;
    fabric::introduce(&lab, host2)?;
    assert_eq!(fabric::remote_rows(lab.node("leaf1")?, host2)?, rows, "FRR is back");
    fabric::wait_until_known(lab.node("leaf2")?, host1)?;
    fabric::assert_pings(&lab, host1, host2)
}
