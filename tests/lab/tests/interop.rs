//! linnetd between other implementations: what one of them says reaches the other, changed only as it should be.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use anyhow::{Result, ensure};
use hub::{BOUND, Hub, family};
use lab::{Daemon, Family, Node, Router, skip_if, wait_until};
use serde_json::Value;

/// BIRD and GoBGP with a route of each family, their sessions over the transport of their family.
fn parts(asns: [u32; 2], linnet: u32) -> [Router; 2] {
    let part = |daemon, number, asn| Router::new(daemon, number).asn(asn).remote_as(linnet).both();
    [
        part(Daemon::Bird, 1, asns[0]).announces(&["10.244.1.0/24", "fd00:244:1::/64"]),
        part(Daemon::Gobgp, 2, asns[1]).announces(&["10.244.2.0/24", "fd00:244:2::/64"]),
    ]
}

/// linnetd in `asn`, with the two spokes in these ASes over both transports.
fn linnet(asn: u32, spokes: [u32; 2], settings: &str) -> String {
    let mut text = format!(
        "bgp:
  asn: {asn}
  router_id: 10.1.0.1
  listen: {{ addresses: [\"0.0.0.0\", \"::\"] }}
{settings}
  neighbors:
"
    );
    let reflects = if spokes == [asn; 2] { ", route_reflector_client: true" } else { "" };
    for (number, spoke) in (1..).zip(spokes) {
        for (address, family) in
            [(format!("10.1.{number}.1"), "ipv4-unicast"), (format!("\"fd00:{number}::2\""), "ipv6-unicast")]
        {
            text += &format!(
                "    - {{ address: {address}, remote_as: {spoke}, families: [{family}], connect_retry: 1{reflects} }}\n"
            );
        }
    }
    text
}

const PREFIXES: [(&str, &str, &str); 2] =
    [("10.244.1.0/24", "10.244.2.0/24", "ipv4"), ("fd00:244:1::/64", "fd00:244:2::/64", "ipv6")];

/// GoBGP's paths to a prefix.
fn gobgp_paths(node: &Node, prefix: &str, family: &str) -> Result<Value> {
    let rib = node.gobgp(&format!("global rib -a {family}"))?;
    Ok(rib.get(prefix).cloned().unwrap_or_default())
}

/// An attribute of a path as GoBGP prints it, by its number.
fn attribute(path: &Value, number: u64) -> &Value {
    let attributes = path["attrs"].as_array().into_iter().flatten();
    attributes.into_iter().find(|attribute| attribute["type"] == number).unwrap_or(&Value::Null)
}

/// Waits until both spokes have the other's route of each family; what GoBGP and BIRD
/// then show of them: first IPv4, then IPv6.
fn exchange(hub: &Hub) -> Result<Vec<(Value, String)>> {
    let (bird, gobgp) = (hub.spoke(1)?, hub.spoke(2)?);
    let mut seen = Vec::new();
    for (birds, gobgps, family) in PREFIXES {
        let at_gobgp = wait_until(BOUND, &format!("{birds} in GoBGP"), || {
            let paths = gobgp_paths(gobgp, birds, family)?;
            ensure!(paths[0].is_object(), "{}", hub.linnet.log());
            Ok(paths[0].clone())
        })?;
        let at_bird = wait_until(BOUND, &format!("{gobgps} in BIRD"), || {
            let shown = bird.birdc(&format!("show route {gobgps} all"))?;
            ensure!(shown.contains("BGP.as_path"), "{shown}");
            Ok(shown)
        })?;
        seen.push((at_gobgp, at_bird));
    }
    Ok(seen)
}

#[test]
fn routes_are_reflected_between_bird_and_gobgp() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Bird, Daemon::Gobgp]));
    let configuration = linnet(65000, [65000; 2], "");
    let hub = Hub::with(&configuration, &parts([65000; 2], 65000))?;
    let seen = exchange(&hub)?;
    for (at_gobgp, at_bird) in &seen {
        // ORIGINATOR_ID and CLUSTER_LIST (RFC 4456 section 8): the routes of a client, reflected by 10.1.0.1.
        assert_eq!(attribute(at_gobgp, 9)["value"], "10.1.1.1", "{at_gobgp:#}");
        assert_eq!(attribute(at_gobgp, 10)["value"][0], "10.1.0.1", "{at_gobgp:#}");
        assert!(at_bird.contains("BGP.originator_id: 10.1.2.1"), "{at_bird}");
        assert!(at_bird.contains("BGP.cluster_list: 10.1.0.1"), "{at_bird}");
    }
    let [four, six] = &seen[..] else { panic!("two families") };
    // Next hops stay as they were.
    assert_eq!(attribute(&four.0, 3)["nexthop"], "10.1.1.1", "{:#}", four.0);
    assert!(four.1.contains("BGP.next_hop: 10.1.2.1"), "{}", four.1);
    assert_eq!(attribute(&six.0, 14)["nexthop"], "fd00:1::2", "{:#}", six.0);
    assert!(six.1.contains("BGP.next_hop: fd00:2::2"), "{}", six.1);

    for (address, name) in [("10.1.1.1", "ipv4-unicast"), ("fd00:1::2", "ipv6-unicast")] {
        hub.wait_for_session(address, "End-of-RIB both ways", |shown| {
            let family = family(shown, name);
            family["end_of_rib_received"] == true
                && family["end_of_rib_sent"] == true
                && family["accepted"] == 1
        })?;
    }
    // What is withdrawn is withdrawn from the other too.
    hub.spoke(2)?.output(&["gobgp", "global", "rib", "del", "10.244.2.0/24"])?;
    wait_until(BOUND, "withdrawal", || {
        let shown = hub.spoke(1)?.birdc("show route")?;
        ensure!(!shown.contains("10.244.2.0/24"), "{shown}");
        Ok(())
    })
}

/// All three ASes differ, and two of them have numbers of four octets (RFC 6793).
#[test]
fn routes_pass_between_ases_where_that_is_allowed() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Bird, Daemon::Gobgp]));
    let (here, far) = (4_200_000_000, 4_200_000_001);
    let configuration = linnet(here, [65001, far], "  ebgp_default: accept");
    let hub = Hub::with(&configuration, &parts([65001, far], here))?;
    let seen = exchange(&hub)?;
    for (at_gobgp, at_bird) in &seen {
        let path = &attribute(at_gobgp, 2)["as_paths"][0]["asns"];
        assert_eq!(*path, serde_json::json!([here, 65001_u32]), "{at_gobgp:#}");
        assert!(at_bird.contains(&format!("BGP.as_path: {here} {far}")), "{at_bird}");
        // Neither LOCAL_PREF nor what reflection adds crosses the border.
        assert!([5, 9, 10].iter().all(|code| attribute(at_gobgp, *code).is_null()), "{at_gobgp:#}");
    }
    let [four, six] = &seen[..] else { panic!("two families") };
    // The next hop is linnetd, on the link to whom it tells the route (RFC 4271 section 5.1.3).
    assert_eq!(attribute(&four.0, 3)["nexthop"], "10.1.2.0", "{:#}", four.0);
    assert!(four.1.contains("BGP.next_hop: 10.1.1.0"), "{}", four.1);
    assert_eq!(attribute(&six.0, 14)["nexthop"], "fd00:2::1", "{:#}", six.0);
    assert!(six.1.contains("BGP.next_hop: fd00:1::1"), "{}", six.1);
    Ok(())
}

/// GoBGP on both sides: one announces what a leaf does, the other hears it from linnetd, which believes it itself.
#[test]
fn evpn_routes_are_reflected_between_gobgps_and_programmed() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Gobgp]).or_else(|| lab::daemon::missing_program("ip")));
    let configuration = "bgp:
  asn: 65000
  router_id: 10.1.0.1
  listen: { addresses: [\"0.0.0.0\"] }
  neighbors:
    - { address: 10.1.1.1, remote_as: 65000, families: [l2vpn-evpn], connect_retry: 1, route_reflector_client: true }
    - { address: 10.1.2.1, remote_as: 65000, families: [l2vpn-evpn], connect_retry: 1, route_reflector_client: true }
evpn:
  vtep: 10.1.1.0
  vnis: [{ vni: 100, create: true, mtu: 1450 }]
";
    let gobgp = |number| Router::new(Daemon::Gobgp, number).about(&[Family::Evpn]);
    let hub = Hub::with(configuration, &[gobgp(1), gobgp(2)])?;
    let add = |route: &str| {
        let words = format!("gobgp global rib add -a evpn {route} rd 10.1.1.1:100 rt 65000:100 encap vxlan");
        hub.spoke(1)?.sh(&words)
    };
    add("macadv 02:00:00:00:00:11 192.168.1.11 etag 0 label 100")?;
    add("multicast 10.1.1.1 etag 0 pmsi ingress-repl 100 10.1.1.1")?;

    let routes = wait_until(BOUND, "EVPN routes in the other GoBGP", || {
        let rib = hub.spoke(2)?.gobgp("global rib -a evpn")?;
        let keys: Vec<String> = rib.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
        let has = |part: &str| keys.iter().any(|key| key.contains(part));
        ensure!(has("02:00:00:00:00:11") && has("multicast") && keys.len() >= 3, "{keys:#?}");
        Ok(rib)
    })?;
    let paths: Vec<&Value> = routes.as_object().into_iter().flatten().map(|(_, paths)| &paths[0]).collect();
    let reflected = paths.iter().filter(|path| attribute(path, 9)["value"] == "10.1.1.1");
    assert_eq!(reflected.count(), 2, "{routes:#}");
    // And linnetd's own, told by the one who made it.
    let own = paths.iter().filter(|path| attribute(path, 9).is_null());
    assert!(own.count() >= 1, "{routes:#}");

    wait_until(BOUND, "rows", || {
        let fdb = hub.linnet.netns().run(|| lab::netlink::fdb("vxlan100"))??;
        let rows: Vec<String> = fdb.iter().map(ToString::to_string).collect();
        for row in [
            "02:00:00:00:00:11 dev vxlan100 extern_learn master br100",
            "02:00:00:00:00:11 dev vxlan100 dst 10.1.1.1 self extern_learn permanent",
            "00:00:00:00:00:00 dev vxlan100 dst 10.1.1.1 self extern_learn permanent",
        ] {
            ensure!(rows.iter().any(|shown| shown == row), "no {row}: {rows:#?}");
        }
        Ok(())
    })
}
