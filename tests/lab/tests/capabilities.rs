//! Capabilities as they are agreed upon with other implementations, and what follows: marks round a refresh, IPv6 next
//! hops of IPv4 routes, names.

mod hub;
mod stage;

use anyhow::Result;
use hub::{Hub, family};
use lab::speaker::octets::{end_of_rib, kind, message};
use lab::{Daemon, Family, Router, daemon, skip_if};
use serde_json::Value;
use stage::Stage;

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

fn words(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// What all four say they can, what is in use, and what they are called.
#[test]
fn capabilities_are_shown_as_sent_received_and_agreed() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird, Daemon::Gobgp, Daemon::Openbgpd]));
    let cases = [
        (Router::new(Daemon::Frr, 1), true),
        (Router::new(Daemon::Bird, 1).session("advertise hostname on;"), true),
        (Router::new(Daemon::Gobgp, 1), false),
        (Router::new(Daemon::Openbgpd, 1).session("announce enhanced refresh yes"), false),
    ];
    let host_name = std::fs::read_to_string("/proc/sys/kernel/hostname")?;
    for (part, tells_name) in cases {
        let daemon = part.daemon();
        let hub = Hub::with(&linnet("10.1.1.1", 65000, ", software_version: true"), &[part])?;
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

/// Without the capability an IPv4 route is not sent over IPv6, where its next hop would have to be an IPv6 address.
#[test]
fn without_the_capability_no_ipv6_next_hop_is_sent() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]));
    let configuration = linnet("fd00:1::2", 65001, ", extended_next_hop: false")
        + "    - { address: 10.1.2.1, remote_as: 65002, families: [ipv4-unicast], connect_retry: 1 }\n";
    let frr = Router::new(Daemon::Frr, 1).asn(65001).over_ipv6(&[Family::Ipv4]).extended_next_hop();
    let bird = Router::new(Daemon::Bird, 2).asn(65002).announces(&["10.244.2.0/24"]);
    let hub = Hub::with(&configuration, &[frr, bird])?;
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
    for daemon in [Daemon::Bird, Daemon::Frr] {
        let part = Router::new(daemon, 1).announces(&["10.244.1.0/24"]);
        let hub = Hub::with(&linnet("10.1.1.1", 65000, ""), &[part])?;
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

/// What a neighbour does not send between its marks is gone, without a withdrawal (RFC 7313 section 4).
#[test]
fn what_vanished_during_a_refresh_is_swept() -> Result<()> {
    skip_if!(stage::missing());
    let stage = Stage::up(1)?;
    // Marks round a refresh (RFC 7313).
    let mut speaker = stage.establish_with(1, &stage::open(1).body_with(&[70, 0]))?;
    let (stays, vanishes) = (stage::host(1), stage::host(2));
    speaker.send(&stays.announcement())?;
    speaker.send(&vanishes.announcement())?;
    speaker.send(&end_of_rib())?;
    stage.wait_until_known(stays)?;
    stage.wait_until_known(vanishes)?;
    stage.leaf.output(&[&daemon::linnet_cli()?.to_string_lossy(), "neighbor", "10.1.0.1", "softreset"])?;
    // AFI 25, SAFI 70; what stands between them is a request (0), the beginning (1) or the end (2).
    speaker.wait_for_such(kind::ROUTE_REFRESH, |body| body == [0, 25, 0, 70])?;
    speaker.send(&message(kind::ROUTE_REFRESH, &[0, 25, 1, 70]))?;
    speaker.send(&stays.announcement())?;
    stage.wait_until_known(vanishes)?;
    speaker.send(&message(kind::ROUTE_REFRESH, &[0, 25, 2, 70]))?;
    stage.wait_until_forgotten(vanishes)?;
    stage.wait_until_known(stays)?;
    let shown = stage.neighbor(1)?;
    assert_eq!((&shown["state"], &shown["faults_total"]), (&"established".into(), &0.into()), "{shown:#}");
    Ok(())
}
