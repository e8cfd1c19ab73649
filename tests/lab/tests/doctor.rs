//! `linnet doctor`: everything that can be wrong between a leaf and its peers is broken once on a real fabric, named by
//! the doctor, and mended.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod fabric;
mod stage;

use anyhow::{Context, Result, bail, ensure};
use fabric::{Host, host};
use lab::netlink::Link;
use lab::speaker::octets::flood;
use lab::{Lab, Node, cable, daemon, skip_if, wait_until};
use serde_json::Value;
use stage::{BOUND, Stage};

const TOPOLOGY: &str = "containerlab/evpn-mixed/evpn-mixed.clab.yml";

/// What the doctor says on a node. It ends with 1 where something fails, which is what is looked for here.
fn doctor(node: &Node) -> Result<Value> {
    let program = daemon::linnet_cli()?;
    let text = node.sh(&format!("{} -o json doctor 2>/dev/null || true", program.display()))?;
    serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))
}

/// What the doctor is to find.
struct Found {
    check: &'static str,
    verdict: &'static str,
    /// A part of its words.
    words: &'static str,
}

const fn found(check: &'static str, verdict: &'static str, words: &'static str) -> Found {
    Found { check, verdict, words }
}

/// Waits until the doctor says so; the whole finding.
fn wait_for(node: &Node, Found { check, verdict, words }: &Found) -> Result<Value> {
    wait_until(BOUND, &format!("{check}: {verdict}: {words}"), || {
        let report = doctor(node)?;
        let findings = report["findings"].as_array().context("no findings")?;
        let is_it = |finding: &&Value| {
            let says = finding["found"].as_str().is_some_and(|text| text.contains(words));
            finding["check"] == *check && finding["verdict"] == *verdict && says
        };
        findings.iter().find(is_it).cloned().with_context(|| format!("{report:#}"))
    })
}

/// Waits until nothing fails, and nothing is to be looked at.
fn wait_until_well(node: &Node) -> Result<()> {
    wait_until(BOUND, &format!("health of {}", node.name()), || {
        let report = doctor(node)?;
        ensure!(report["verdict"] == "ok", "{report:#}");
        Ok(())
    })
}

/// One thing that goes wrong, on one node, and how it is put right.
struct Fault {
    node: &'static str,
    breaks: &'static str,
    mends: &'static str,
    found: Found,
}

/// All but the last can be put right without anybody's noticing.
const FAULTS: &[Fault] = &[
    Fault {
        node: "leaf1",
        breaks: "ip link set vxlan100 down",
        mends: "ip link set vxlan100 up",
        found: found("vxlan", "fail", "vxlan100 is down"),
    },
    Fault {
        node: "leaf1",
        breaks: "ip link set vxlan100 type vxlan learning",
        mends: "ip link set vxlan100 type vxlan nolearning",
        found: found("vxlan", "fail", "vxlan100 learns MACs from traffic"),
    },
    Fault {
        node: "leaf1",
        breaks: "bridge link set dev vxlan100 learning on",
        mends: "bridge link set dev vxlan100 learning off",
        found: found("bridge_port", "fail", "the port learns MACs from traffic"),
    },
    Fault {
        node: "leaf1",
        breaks: "bridge link set dev vxlan100 neigh_suppress off",
        mends: "bridge link set dev vxlan100 neigh_suppress on",
        found: found("bridge_port", "warn", "suppression is off"),
    },
    Fault {
        node: "leaf1",
        breaks: "ip link set vxlan100 mtu 1500",
        mends: "ip link set vxlan100 mtu 1450",
        found: found("mtu", "fail", "packets of up to 1550 octets are sent to it, and 1500 pass by eth1"),
    },
    Fault {
        node: "rr",
        breaks: "ip link set eth1 mtu 1400",
        mends: "ip link set eth1 mtu 1500",
        found: found("mtu", "fail", "packets of 1500 octets get lost on the path, small ones do not"),
    },
    Fault {
        node: "host1",
        breaks: "ip link set eth1 mtu 1500",
        mends: "ip link set eth1 mtu 1450",
        found: found("mtu", "fail", "the pod behind it sends up to 1500 octets, vxlan100 takes 1450"),
    },
    Fault {
        node: "leaf1",
        breaks: "ip route add unreachable 10.0.0.2/32",
        mends: "ip route del unreachable 10.0.0.2/32",
        found: found("underlay", "fail", "no route: "),
    },
    Fault {
        node: "rr",
        breaks: "ip route replace unreachable 10.0.0.2/32",
        mends: "ip route replace 10.0.0.2/32 via 10.1.2.1",
        found: found("underlay", "fail", "a packet to it was refused: "),
    },
    Fault {
        node: "leaf1",
        breaks: "echo 0 > /proc/sys/net/ipv4/ip_forward",
        mends: "echo 1 > /proc/sys/net/ipv4/ip_forward",
        found: found("forwarding", "warn", "off, and br100 has an address"),
    },
    Fault {
        node: "leaf1",
        breaks: "ip neigh add 192.168.1.77 lladdr 02:00:00:00:00:77 dev br100 extern_learn protocol zebra",
        mends: "ip neigh del 192.168.1.77 dev br100",
        found: found("protocol_id", "warn", "has written 1 neighbor: 192.168.1.77 on br100"),
    },
];

/// A fabric where both hosts are known, and nothing is wrong.
fn fabric() -> Result<(Lab, Host)> {
    let lab = Lab::up(&fabric::topology(TOPOLOGY)?)?;
    let (host1, host2) = (host("host1", "leaf1", 11), host("host2", "leaf2", 21));
    let leaf1 = lab.node("leaf1")?;
    fabric::wait_for_flood_list(leaf1, 100, &[host2.vtep])?;
    fabric::introduce(&lab, host1)?;
    fabric::introduce(&lab, host2)?;
    fabric::wait_until_known(leaf1, host2)?;
    // The devices were made before there was a way to other nodes, whose MTU could have been theirs less the tunnel's.
    leaf1.sh("ip link set vxlan100 mtu 1450 && ip link set br100 mtu 1450")?;
    // It has an address on the bridge, so it is a gateway.
    leaf1.sh("echo 1 > /proc/sys/net/ipv4/ip_forward")?;
    wait_until_well(leaf1)?;
    Ok((lab, host2))
}

#[test]
fn what_is_broken_is_named_and_what_is_mended_is_not() -> Result<()> {
    skip_if!(fabric::topology(TOPOLOGY)?.missing());
    let (lab, _) = fabric()?;
    let leaf1 = lab.node("leaf1")?;
    for Fault { node, breaks, mends, found } in FAULTS {
        lab.node(node)?.sh(breaks)?;
        let finding = wait_for(leaf1, found).with_context(|| format!("on {node}: {breaks}"))?;
        ensure!(
            finding["next"].as_str().is_some_and(|next| !next.is_empty()),
            "no next command: {finding:#}"
        );
        lab.node(node)?.sh(mends)?;
        wait_until_well(leaf1).with_context(|| format!("on {node}: {mends}"))?;
    }
    Ok(())
}

/// The exit code is for scripts, the table for people.
#[test]
fn it_ends_with_a_verdict_and_a_code() -> Result<()> {
    skip_if!(fabric::topology(TOPOLOGY)?.missing());
    let (lab, _) = fabric()?;
    let leaf1 = lab.node("leaf1")?;
    let program = daemon::linnet_cli()?;
    let run = || leaf1.output(&[&program.to_string_lossy(), "doctor"]);
    let table = run()?;
    ensure!(table.contains("\nVerdict: ok") && !table.contains("Next:"), "{table}");
    leaf1.sh("bridge link set dev vxlan100 learning on")?;
    let Err(error) = run() else { bail!("it ended with 0") };
    let said = format!("{error:#}");
    let next = "Next: bridge link set dev vxlan100 learning off";
    ensure!(said.contains("\nVerdict: fail: 1 failure") && said.contains(next), "{said}");
    Ok(())
}

#[test]
fn peers_that_disagree_on_the_route_target_are_named() -> Result<()> {
    skip_if!(fabric::topology(TOPOLOGY)?.missing());
    let (lab, _) = fabric()?;
    let leaf1 = lab.node("leaf1")?;
    lab.node("leaf2")?.output(&[
        "vtysh",
        "-c",
        "configure terminal",
        "-c",
        "router bgp 65000",
        "-c",
        "address-family l2vpn evpn",
        "-c",
        "vni 100",
        "-c",
        "route-target export 65000:999",
    ])?;
    let words = "of VNI 100 with route target 65000:999, and VNI 100 here imports *:100";
    let finding = wait_for(leaf1, &found("route_targets", "fail", words))?;
    assert_eq!(finding["subject"], "10.0.0.2 by 10.1.1.0");
    // The command that it says is next shows the same.
    let next = finding["next"].as_str().context("no next command")?;
    let key =
        next.strip_prefix("linnet explain '").and_then(|key| key.strip_suffix('\'')).context("no key")?;
    let explained = leaf1.linnet(&format!("explain {key}"))?;
    assert_eq!(explained[0]["outcome"], "not imported: no VNI that is up imports RT:65000:999");
    Ok(())
}

#[test]
fn a_peer_that_is_down_is_named() -> Result<()> {
    skip_if!(fabric::topology(TOPOLOGY)?.missing());
    let (mut lab, _) = fabric()?;
    lab.node_mut("rr")?.kill_daemon()?;
    let finding = wait_for(lab.node("leaf1")?, &found("sessions", "fail", "no session"))?;
    assert_eq!(finding["subject"], "10.1.1.0");
    // The machine is there: it is not the underlay.
    wait_for(lab.node("leaf1")?, &found("underlay", "ok", "answers, by eth1"))?;
    // Without the machine it is.
    lab.node("rr")?.sh("ip addr del 10.1.1.0/31 dev eth1")?;
    // The kernel believes in a neighbour that it knows for half a minute, and more, without asking.
    lab.node("leaf1")?.sh("ip neigh del 10.1.1.0 dev eth1")?;
    let words = "the next hop 10.1.1.0 on eth1 does not answer ARP or ND";
    wait_for(lab.node("leaf1")?, &found("underlay", "fail", words)).map(drop)
}

/// The kernel's part needs no linnetd: what it left is compared with itself.
#[test]
fn rows_that_were_changed_while_linnetd_is_away_are_named() -> Result<()> {
    skip_if!(fabric::topology(TOPOLOGY)?.missing());
    let (mut lab, host2) = fabric()?;
    lab.node_mut("leaf1")?.kill_daemon()?;
    let leaf1 = lab.node("leaf1")?;
    wait_for(leaf1, &found("linnetd", "fail", "linnetd is not running"))?;
    wait_for(leaf1, &found("sessions", "skipped", "linnetd is not running"))?;
    wait_for(leaf1, &found("underlay", "ok", "answers, by eth1"))?;
    wait_for(leaf1, &found("rows", "ok", "rows agree with each other"))?;
    leaf1.sh(&format!("bridge fdb del {} dev vxlan100 master", host2.mac))?;
    let finding = wait_for(leaf1, &found("rows", "fail", "has no row of the bridge"))?;
    ensure!(
        finding["found"].as_str().is_some_and(|text| text.contains(&host2.mac.to_string())),
        "{finding:#}"
    );
    Ok(())
}

/// The user's row for a host keeps linnetd's out, and the doctor says so.
#[test]
fn a_row_of_the_users_is_named() -> Result<()> {
    skip_if!(stage::missing().or_else(|| daemon::missing_program("bridge")));
    let stage = Stage::up(1)?;
    let host = stage::host(2);
    stage.leaf.sh(&format!("bridge fdb add {} dev vxlan100 dst 10.99.0.1 self static", host.mac))?;
    let mut speaker = stage.establish(1)?;
    speaker.send(&host.announcement())?;
    let finding =
        wait_for(&stage.leaf, &found("rows", "fail", "has no row of the VXLAN device to 10.9.0.2"))?;
    assert_eq!(
        (&finding["subject"], &finding["next"]),
        (&"VNI 100".into(), &"linnet fib diff --vni 100".into())
    );
    Ok(())
}

/// A VTEP to which there is no route at first, then one, then two; and where nobody listens.
#[test]
fn a_vtep_that_cannot_be_reached_or_does_not_listen_is_named() -> Result<()> {
    skip_if!(stage::missing().or_else(|| daemon::missing_program("ip")));
    let stage = Stage::up(1)?;
    let mut speaker = stage.establish(1)?;
    speaker.send(&flood([10, 9, 0, 2].into()))?;
    let finding = wait_for(&stage.leaf, &found("underlay", "fail", "no route: "))?;
    assert_eq!(finding["subject"], "10.9.0.2");
    stage
        .outside
        .run(|| Link::named("lo")?.add_address("10.9.0.2/32".parse().map_err(std::io::Error::other)?))??;
    stage.leaf.sh("ip route add 10.9.0.0/24 via 10.1.0.1")?;
    wait_for(&stage.leaf, &found("underlay", "ok", "answers, by eth1"))?;
    wait_for(&stage.leaf, &found("udp_port", "fail", "nobody listens on UDP port 4789 there"))?;

    // With a single uplink nothing can come by another one.
    stage.leaf.sh("echo 1 > /proc/sys/net/ipv4/conf/eth1/rp_filter")?;
    wait_for(&stage.leaf, &found("rp_filter", "ok", "the only uplink"))?;
    cable((stage.leaf.netns(), "eth2"), (&stage.outside, "eth2"))?;
    stage.leaf.sh("ip addr add 10.3.0.1/24 dev eth2 && ip route add 10.9.1.0/24 via 10.3.0.2")?;
    speaker.send(&flood([10, 9, 1, 2].into()))?;
    let finding = wait_for(&stage.leaf, &found("rp_filter", "warn", "there are several uplinks"))?;
    assert_eq!(finding["subject"], "eth1");
    Ok(())
}

#[test]
fn a_device_with_another_port_is_named() -> Result<()> {
    skip_if!(stage::missing().or_else(|| daemon::missing_program("ip")));
    let stage = Stage::laid(1, "passive: true")?;
    stage.leaf.sh("ip link del vxlan100")?;
    stage.leaf.sh("ip link add vxlan100 type vxlan id 100 local 10.1.0.254 dstport 8472 nolearning")?;
    stage.leaf.sh("ip link set vxlan100 master br100 up")?;
    let stage = stage.start()?;
    wait_for(&stage.leaf, &found("vxlan", "warn", "vxlan100 uses UDP port 8472, not 4789")).map(drop)
}

#[test]
fn a_rule_that_drops_vxlan_is_named() -> Result<()> {
    skip_if!(stage::missing().or_else(|| daemon::missing_program("nft")));
    let stage = Stage::up(1)?;
    stage.leaf.sh("nft add table inet lab")?;
    stage.leaf.sh("nft add chain inet lab in '{ type filter hook input priority 0; }'")?;
    wait_for(&stage.leaf, &found("firewall", "ok", "no plain rule drops VXLAN"))?;
    stage.leaf.sh("nft add rule inet lab in udp dport 4789 counter drop")?;
    let finding = wait_for(&stage.leaf, &found("firewall", "fail", "is dropped coming in"))?;
    assert_eq!(finding["subject"], "UDP port 4789");
    Ok(())
}
