//! What a neighbour cannot make of this node, whatever it sends: each attempt is refused, counted by its reason and
//! explained, the kernel has nothing of it, and the good routes beside it are in.

mod stage;

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bgp::types::Mac;
use ipnet::Ipv4Net;
use lab::netlink::{self, Link};
use lab::speaker::octets::{MacIp, flood, flood_by, unicast};
use lab::{Node, daemon, skip_if, wait_until};
use serde_json::{Value, json};
use stage::{ASN, BOUND, LEAF, Stage, address, host, open};

/// The bridge's MAC.
const BRIDGE: Mac = Mac([2, 0, 0, 0, 0xbb, 1]);

/// An address of the node that is neither its VTEP nor an end of a session.
const OTHER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

/// What refusals are shown as: a count for each reason.
fn counts<'a>(counts: impl IntoIterator<Item = (&'a str, u64)>) -> Value {
    counts.into_iter().map(|(reason, routes)| json!({"reason": reason, "routes": routes})).collect()
}

/// Waits until `linnet` shows this at that place of what a command prints.
fn wait_for(node: &Node, command: &str, place: &str, expected: &Value) -> Result<()> {
    wait_until(BOUND, &format!("{expected} at {place} of `linnet {command}`"), || {
        let shown = node.linnet(command)?;
        ensure!(shown.pointer(place).unwrap_or(&Value::Null) == expected, "{shown:#}");
        Ok(())
    })
    .with_context(|| node.log())
}

fn ensure_explained(node: &Node, key: &str, expected: &str) -> Result<()> {
    let shown = node.linnet(&format!("explain {key}"))?.to_string();
    ensure!(shown.contains(expected), "{key}: {expected}: {shown}");
    Ok(())
}

/// A Type 2 behind a VTEP of its own, by this next hop.
fn said(number: u8, mac: Mac, ip: Option<Ipv4Addr>) -> MacIp {
    MacIp { mac, ip, ..host(number) }
}

#[test]
fn of_the_bridges() -> Result<()> {
    skip_if!(stage::missing().or_else(|| daemon::missing_program("ip")));
    let stage = Stage::laid(1, "passive: true")?;
    stage.leaf.netns().run(|| Link::named("br100")?.set_mac(BRIDGE))??;
    stage.leaf.sh(&format!("ip address add {OTHER}/32 dev lo"))?;
    let stage = stage.start()?;
    let links = stage.leaf.json(&["ip", "-json", "link", "show", "dev", "vxlan100"])?;
    let port: Mac = links[0]["address"].as_str().context("no MAC")?.parse()?;
    let mut speaker = stage.establish(1)?;

    let group = Mac([1, 0, 0x5e, 0, 0, 1]);
    let own_address = said(13, Mac([2, 0, 0, 0, 9, 13]), Some(LEAF));
    let own_vtep = MacIp { vtep: LEAF, ..said(3, Mac([2, 0, 0, 0, 9, 3]), None) };
    let other_address = said(14, Mac([2, 0, 0, 0, 9, 14]), Some(OTHER));
    let other_vtep = MacIp { vtep: OTHER, ..said(15, Mac([2, 0, 0, 0, 9, 15]), None) };
    let refused = [
        (said(4, Mac::ZERO, None), "but refused: no host has such a MAC"),
        (said(5, Mac([0xff; 6]), None), "but refused: no host has such a MAC"),
        (said(6, group, None), "but refused: no host has such a MAC"),
        (said(7, BRIDGE, None), "but refused: the MAC is the bridge's own"),
        (
            said(8, Mac([2, 0, 0, 0, 9, 8]), Some([224, 0, 0, 1].into())),
            "but refused: no host has such an address",
        ),
        (
            said(9, Mac([2, 0, 0, 0, 9, 9]), Some([127, 0, 0, 1].into())),
            "but refused: no host has such an address",
        ),
        (said(10, Mac([2, 0, 0, 0, 9, 10]), Some([0; 4].into())), "but refused: no host has such an address"),
        (own_address, "but refused: the address is this node's own"),
        (own_vtep, "refused: its next hop is this node"),
        (other_address, "but refused: the address is this node's own"),
        (other_vtep, "refused: its next hop is this node"),
        (said(11, port, None), "it is the MAC of one of the bridge's own ports"),
    ];
    for (route, _) in refused {
        speaker.send(&route.announcement())?;
    }
    // By next hops that no host can have: RFC 4271 section 6.3.
    let nowhere: [Ipv4Addr; 4] =
        [[0; 4].into(), [127, 0, 0, 1].into(), [239, 1, 1, 1].into(), [255; 4].into()];
    for vtep in nowhere {
        speaker.send(&MacIp { vtep, ..said(12, Mac([2, 0, 0, 0, 9, 12]), None) }.announcement())?;
    }
    // Flooding: to ourselves, and to what is no host.
    let good = host(1);
    for originator in [LEAF, OTHER, [127, 0, 0, 1].into(), [239, 1, 1, 1].into(), [255; 4].into()] {
        speaker.send(&flood_by(good.vtep, originator))?;
    }
    speaker.send(&flood(good.vtep))?;
    speaker.send(&good.announcement())?;

    stage.wait_until_known(good)?;
    let by_reason =
        [("mac", 3), ("bridge-mac", 1), ("address", 3), ("own-address", 2), ("vtep", 2), ("own-vtep", 3)];
    wait_for(&stage.leaf, "evpn vni --vni 100", "/0/refused", &counts(by_reason))?;
    let neighbor = format!("neighbor {}", address(1));
    wait_for(&stage.leaf, &neighbor, "/rejected", &counts([("next-hop-is-us", 2)]))?;
    stage.wait_for_neighbor(1, "faults", |shown| shown["faults_withdrawn"].as_u64() == Some(4))?;
    for (route, expected) in refused {
        ensure_explained(&stage.leaf, &route.mac.to_string(), expected)?;
    }

    let (fdb, floods) =
        stage.leaf.netns().run(|| (netlink::fdb("vxlan100"), netlink::flood_list("vxlan100")))?;
    let remote: Vec<String> =
        fdb?.iter().map(ToString::to_string).filter(|row| row.contains("extern_learn")).collect();
    let own: Vec<String> = stage::golden(good).into_iter().take(2).collect();
    let others: Vec<_> =
        remote.iter().filter(|row| !own.contains(row) && !row.starts_with("00:00:00:00:00:00")).collect();
    assert!(others.is_empty(), "{others:#?}");
    assert_eq!(format!("{:?}", floods?), format!("{:?}", [good.vtep]));
    let neighbors = stage.leaf.netns().run(|| netlink::neighbors("br100"))??;
    let learnt: Vec<_> = neighbors.iter().filter(|row| row.extern_learn).map(|row| row.ip).collect();
    assert_eq!(learnt, [good.ip.context("it has one")?]);
    Ok(())
}

/// What is sent to an address of this node comes back into the VNI, and every host hears its own broadcasts. So a VTEP that
/// has an address which comes to be this node's is flooded to no longer, and again once it is the VTEP's alone.
#[test]
fn a_vtep_whose_address_comes_to_be_ours() -> Result<()> {
    skip_if!(stage::missing().or_else(|| daemon::missing_program("ip")));
    let stage = Stage::up(1)?;
    let mut speaker = stage.establish(1)?;
    let (good, other) = (host(1), Ipv4Addr::new(10, 77, 0, 2));
    speaker.send(&flood(good.vtep))?;
    speaker.send(&flood_by(good.vtep, other))?;
    let wait_for_list = |expected: &[Ipv4Addr]| {
        wait_until(BOUND, &format!("a flood list of {expected:?}"), || {
            let mut list = stage.leaf.netns().run(|| netlink::flood_list("vxlan100"))??;
            list.sort();
            ensure!(format!("{list:?}") == format!("{expected:?}"), "{list:?}");
            Ok(())
        })
        .with_context(|| stage.leaf.log())
    };
    let mut both = [good.vtep, other];
    both.sort();
    for _ in 0..2 {
        wait_for_list(&both)?;
        stage.leaf.sh(&format!("ip address add {other}/32 dev lo"))?;
        wait_for_list(&[good.vtep])?;
        wait_for(&stage.leaf, "evpn vni --vni 100", "/0/refused", &counts([("own-vtep", 1)]))?;
        stage.leaf.sh(&format!("ip address del {other}/32 dev lo"))?;
    }
    wait_for_list(&both)
}

/// linnetd of a node in native mode, with services.
fn native() -> String {
    format!(
        "bgp:
  asn: {ASN}
  router_id: {LEAF}
  listen: {{ addresses: [{LEAF}] }}
  neighbors:
    - {{ address: {}, remote_as: {ASN}, families: [ipv4-unicast], passive: true }}
native:
  services: [10.96.0.0/16]
",
        address(1)
    )
}

#[test]
fn of_the_routes() -> Result<()> {
    skip_if!(stage::missing().or_else(|| daemon::missing_program("ip")));
    let stage = Stage::laid(1, "passive: true")?;
    stage.leaf.write_file(Path::new("/etc/linnet/linnet.yaml"), native().as_bytes())?;
    let stage = stage.start()?;
    let mut speaker = stage.establish_with(1, &open(1).body_with(&[1, 4, 0, 1, 0, 1]))?;

    let hop = address(1);
    let unnamed = "and native.accept does not name it";
    let refused = [
        ("0.0.0.0/0", hop, format!("kept out of the kernel: a default route, {unnamed}")),
        ("10.1.0.254/32", hop, format!("kept out of the kernel: covers 10.1.0.254 of this node, {unnamed}")),
        ("10.1.0.128/25", hop, format!("kept out of the kernel: covers 10.1.0.254 of this node, {unnamed}")),
        ("10.1.0.1/32", hop, format!("kept out of the kernel: covers 10.1.0.1 of a neighbor, {unnamed}")),
        (
            "127.9.0.0/16",
            hop,
            "kept out of the kernel: its addresses are for no host beyond a link".to_owned(),
        ),
        (
            "169.254.0.0/16",
            hop,
            "kept out of the kernel: its addresses are for no host beyond a link".to_owned(),
        ),
        ("10.96.3.4/32", hop, "kept out of the kernel: within 10.96.0.0/16".to_owned()),
        ("10.244.1.0/24", LEAF, "refused: its next hop is this node".to_owned()),
    ];
    for (prefix, next_hop, _) in &refused {
        speaker.send(&unicast(prefix.parse()?, *next_hop))?;
    }
    for next_hop in [[0; 4], [127, 0, 0, 1], [239, 1, 1, 1], [255; 4]] {
        speaker.send(&unicast("10.244.2.0/24".parse()?, next_hop.into()))?;
    }
    speaker.send(&unicast("239.0.0.0/8".parse()?, hop))?;
    let good: Ipv4Net = "10.244.9.0/24".parse()?;
    speaker.send(&unicast(good, hop))?;

    wait_until(BOUND, "the good route alone", || {
        let routes = stage.leaf.sh("ip route show table all proto 108")?;
        ensure!(routes.lines().count() == 1 && routes.starts_with(&good.to_string()), "{routes}");
        Ok(())
    })
    .with_context(|| stage.leaf.log())?;
    let by_reason =
        [("default", 1), ("kept-out", 1), ("neighbor-address", 1), ("no-hosts", 2), ("own-address", 2)];
    wait_for(&stage.leaf, "status", "/routes/refusals", &counts(by_reason))?;
    let neighbor = format!("neighbor {hop}");
    wait_for(&stage.leaf, &neighbor, "/rejected", &counts([("next-hop-is-us", 1)]))?;
    stage.wait_for_neighbor(1, "faults", |shown| shown["faults_withdrawn"].as_u64() == Some(4))?;
    for (prefix, _, expected) in &refused {
        ensure_explained(&stage.leaf, prefix, expected)?;
    }
    Ok(())
}
