//! Capabilities as they are agreed upon with FRR, BIRD and GoBGP, and what follows: marks round a refresh, IPv6 next
//! hops of IPv4 routes, names.

mod hub;

use anyhow::{Result, ensure};
use hub::{BOUND, Hub, family};
use lab::{Daemon, daemon, skip_if, wait_until};
use serde_json::Value;

/// linnetd with one neighbour, on the first link, that has these settings.
fn linnet(address: &str, remote_as: u32, settings: &str) -> String {
    format!(
        "bgp:
  asn: 65000
  router_id: 10.1.0.1
  ebgp_default: accept
  listen: {{ addresses: [\"0.0.0.0\", \"::\"] }}
  neighbors:
    - {{ address: \"{address}\", remote_as: {remote_as}, families: [ipv4-unicast], connect_retry: 1{settings} }}
"
    )
}

/// FRR in the same AS, with these lines about linnetd, `linnet` being its address, and these of IPv4 unicast.
fn frr(asn: u32, linnet: &str, lines: &[&str], unicast: &str) -> String {
    let lines: String = lines.iter().map(|line| format!(" neighbor {linnet} {line}\n")).collect();
    format!(
        "hostname spine-a
router bgp {asn}
 bgp router-id 10.1.1.1
 no bgp network import-check
 no bgp ebgp-requires-policy
 neighbor {linnet} remote-as 65000
 neighbor {linnet} timers connect 1
{lines} address-family ipv4 unicast
  neighbor {linnet} activate
  network 10.244.1.0/24
{unicast} exit-address-family
"
    )
}

fn bird(asn: u32, neighbor: &str, options: &str, channel: &str) -> String {
    format!(
        "router id 10.1.1.1;
protocol device {{}}
protocol static {{ ipv4; route 10.244.1.0/24 blackhole; }}
protocol bgp linnet {{
  local as {asn};
  neighbor {neighbor} as 65000;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  {options}
  ipv4 {{ import all; export all; {channel} }};
}}
"
    )
}

fn gobgp(asn: u32, neighbor: &str) -> String {
    format!(
        "[global.config]
as = {asn}
router-id = \"10.1.1.1\"
[[neighbors]]
[neighbors.config]
neighbor-address = \"{neighbor}\"
peer-as = 65000
[neighbors.timers.config]
connect-retry = 1
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = \"ipv4-unicast\"
"
    )
}

fn words(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// What the three say they can, what is in use, and what they are called.
#[test]
fn capabilities_are_shown_as_sent_received_and_agreed() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird, Daemon::Gobgp]));
    let cases = [
        (Daemon::Frr, frr(65000, "10.1.1.0", &[], ""), true),
        (Daemon::Bird, bird(65000, "10.1.1.0", "advertise hostname on;", ""), true),
        (Daemon::Gobgp, gobgp(65000, "10.1.1.0"), false),
    ];
    let host_name = std::fs::read_to_string("/proc/sys/kernel/hostname")?;
    for (daemon, configuration, tells_name) in cases {
        let configuration = [(daemon, &*configuration)];
        let hub = Hub::up(&linnet("10.1.1.1", 65000, ", software_version: true"), &configuration)?;
        let shown = hub.wait_for_session("10.1.1.1", "session", |_| true)?;
        let agreed = words(&shown["capabilities_agreed"]);
        for expected in ["multiprotocol ipv4-unicast", "four-octet-as", "route-refresh"] {
            assert!(agreed.contains(&expected), "{daemon}: {shown:#}");
        }
        let received = words(&shown["capabilities_received"]);
        for word in ["enhanced-route-refresh", "extended-message"] {
            assert_eq!(agreed.contains(&word), received.contains(&word), "{daemon}, {word}: {shown:#}");
        }
        let sent = words(&shown["capabilities_sent"]);
        assert!(sent.iter().any(|word| word.starts_with("software-version linnet/")), "{shown:#}");
        if tells_name {
            assert_eq!(shown["host_name"], host_name.trim(), "{daemon}: {shown:#}");
        }
    }
    Ok(())
}

/// FRR and BIRD tell each other IPv4 routes through linnetd, all sessions over IPv6 (RFC 8950).
#[test]
fn ipv4_routes_pass_over_ipv6_with_ipv6_next_hops() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]));
    let configuration = linnet("fd00:1::2", 65001, "")
        + "    - { address: \"fd00:2::2\", remote_as: 65002, families: [ipv4-unicast], connect_retry: 1 }\n";
    let frr = frr(65001, "fd00:1::1", &["capability extended-nexthop"], "");
    let bird = bird(65002, "fd00:2::1", "", "extended next hop on;").replace("10.244.1", "10.244.2");
    let hub = Hub::up(&configuration, &[(Daemon::Frr, &frr), (Daemon::Bird, &bird)])?;
    for (address, prefix) in [("fd00:1::2", "10.244.1.0/24"), ("fd00:2::2", "10.244.2.0/24")] {
        let shown = hub.wait_for_session(address, "route", |shown| {
            family(shown, "ipv4-unicast")["accepted"] == 1 && family(shown, "ipv4-unicast")["advertised"] == 1
        })?;
        let agreed = words(&shown["capabilities_agreed"]);
        assert!(agreed.contains(&"extended-next-hop ipv4-unicast"), "{shown:#}");
        let rib = hub.linnet.linnet("rib")?;
        let path = rib
            .as_array()
            .into_iter()
            .flatten()
            .find(|path| path["key"]["prefix"] == prefix || path["prefix"] == prefix);
        let path = path.unwrap_or_else(|| panic!("no {prefix}: {rib:#}"));
        assert!(path.to_string().contains(&format!("\"next_hop\":\"{address}\"")), "{path:#}");
    }
    wait_until(BOUND, "BIRD's route in FRR", || {
        let shown = hub.spoke(1)?.vtysh_json("show bgp ipv4 unicast 10.244.2.0/24 json")?;
        let text = shown.to_string();
        ensure!(text.contains("fd00:1::1") && shown["paths"][0]["valid"] == true, "{shown:#}");
        Ok(())
    })?;
    wait_until(BOUND, "FRR's route in BIRD", || {
        let shown = hub.spoke(2)?.birdc("show route 10.244.1.0/24 all")?;
        ensure!(shown.contains("BGP.next_hop: fd00:2::1"), "{shown}");
        Ok(())
    })
}

/// Without the capability an IPv4 route is not sent over IPv6, where its next hop would have to be an IPv6 address.
#[test]
fn without_the_capability_no_ipv6_next_hop_is_sent() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]));
    let configuration = linnet("fd00:1::2", 65001, ", extended_next_hop: false")
        + "    - { address: 10.1.2.1, remote_as: 65002, families: [ipv4-unicast], connect_retry: 1 }\n";
    let frr = frr(65001, "fd00:1::1", &["capability extended-nexthop"], "");
    let bird = bird(65002, "10.1.2.0", "", "").replace("10.244.1", "10.244.2");
    let hub = Hub::up(&configuration, &[(Daemon::Frr, &frr), (Daemon::Bird, &bird)])?;
    hub.wait_for_session("10.1.2.1", "BIRD's route", |shown| family(shown, "ipv4-unicast")["accepted"] == 1)?;
    let shown = hub.wait_for_session("fd00:1::2", "End-of-RIB", |shown| {
        family(shown, "ipv4-unicast")["end_of_rib_sent"] == true
    })?;
    assert_eq!(family(&shown, "ipv4-unicast")["advertised"], 0, "{shown:#}");
    assert!(!words(&shown["capabilities_sent"]).iter().any(|word| word.contains("next-hop")), "{shown:#}");
    Ok(())
}

/// Who asks for everything again gets it between marks, and says by marks when he is done himself (RFC 7313).
#[test]
fn a_refresh_has_marks_both_ways() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]));
    for (daemon, configuration) in
        [(Daemon::Bird, bird(65000, "10.1.1.0", "", "")), (Daemon::Frr, frr(65000, "10.1.1.0", &[], ""))]
    {
        let hub = Hub::up(&linnet("10.1.1.1", 65000, ""), &[(daemon, &configuration)])?;
        hub.wait_for_session("10.1.1.1", "route", |shown| family(shown, "ipv4-unicast")["accepted"] == 1)?;
        let refreshes = |shown: &Value| {
            let count = |direction: &str| shown[direction]["route_refresh"].as_u64().unwrap_or_default();
            (count("messages_received"), count("messages_sent"))
        };
        match daemon {
            Daemon::Frr => hub.spoke(1)?.vtysh("clear bgp ipv4 unicast 10.1.1.0 soft in")?,
            _ => hub.spoke(1)?.birdc("reload in linnet")?,
        };
        // A request came; the marks went.
        hub.wait_for_session("10.1.1.1", "marks sent", |shown| refreshes(shown) == (1, 2))?;
        hub.linnet.output(&[
            &daemon::linnet_cli()?.to_string_lossy(),
            "neighbor",
            "10.1.1.1",
            "softreset",
        ])?;
        // A request went, and ours again between marks; the neighbour's marks came, and its route stays. (FRR leaves
        // its marks out where it has announced graceful restart and has had no occasion to send End-of-RIB.)
        let marked = if daemon == Daemon::Frr { 1..=3 } else { 3..=3 };
        let shown = hub.wait_for_session("10.1.1.1", "refresh both ways", |shown| {
            let (received, sent) = refreshes(shown);
            marked.contains(&received) && sent == 5
        })?;
        assert_eq!(family(&shown, "ipv4-unicast")["accepted"], 1, "{daemon}: {shown:#}");
        assert_eq!(shown["flaps"], 0, "{daemon}: {shown:#}");
    }
    Ok(())
}
