//! What linnetd does alike with every other implementation: each test is run against all of them.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use anyhow::{Context, Result};
use hub::{Hub, family, linnet};
use lab::{Daemon, Family, Node, Router, skip_if};
use serde_json::{Value, json};

/// All that speak IPv4 and IPv6 unicast.
const ALL: [Daemon; 4] = [Daemon::Frr, Daemon::Bird, Daemon::Gobgp, Daemon::Openbgpd];

/// What the daemon under test originates, and what the one beside it does.
const ITS: [&str; 2] = ["10.244.1.0/24", "fd00:244:1::/64"];
const OTHERS: [&str; 2] = ["10.244.2.0/24", "fd00:244:2::/64"];

/// The neighbours that the daemon under test is, with the name of the family of each.
const IT: [(&str, &str); 2] = [("10.1.1.1", "ipv4-unicast"), ("fd00:1::2", "ipv6-unicast")];

/// The part of the daemon under test: both families, each over its own transport.
fn part(daemon: Daemon) -> Router {
    Router::new(daemon, 1).both().announces(&ITS)
}

/// The BIRD beside it.
fn beside() -> Router {
    Router::new(Daemon::Bird, 2).both().announces(&OTHERS)
}

/// linnetd with the two of them, these keys for each.
fn between(settings: &[&str], first: &str, second: &str) -> String {
    let keys = |number, keys| {
        let address = format!("address: \"fd00:{number}::2\", families: [ipv6-unicast], {keys}");
        [format!("address: 10.1.{number}.1, families: [ipv4-unicast], {keys}"), address]
    };
    let neighbors = [keys(1, first), keys(2, second)].concat();
    linnet(settings, &neighbors.iter().map(String::as_str).collect::<Vec<_>>())
}

const CLIENT: &str = "remote_as: internal, route_reflector_client: true";

/// linnetd reflects: routes of its clients pass both ways, with their next hops, and are marked (RFC 4456).
#[test]
fn clients_hear_each_other() -> Result<()> {
    skip_if!(hub::missing(&ALL));
    for daemon in ALL {
        let hub = Hub::with(&between(&[], CLIENT, CLIENT), &[part(daemon), beside()])?;
        for (spoke, prefixes, next_hops, originator) in [
            (1, OTHERS, ["10.1.2.1", "fd00:2::2"], "10.1.2.1"),
            (2, ITS, ["10.1.1.1", "fd00:1::2"], "10.1.1.1"),
        ] {
            for (prefix, next_hop) in prefixes.into_iter().zip(next_hops) {
                let path = hub.wait_for_path(spoke, prefix, |_| true)?;
                let shown = (path.as_path.as_str(), path.originator.as_str(), path.cluster_list.join(" "));
                assert_eq!(shown, ("", originator, "10.1.0.1".to_owned()), "{daemon}: {path:#?}");
                assert_eq!(path.next_hop, next_hop, "{daemon}: {path:#?}");
            }
        }
    }
    Ok(())
}

/// The other role: linnetd and a BIRD are clients of the daemon under test, which has its sessions with both over
/// linnetd's node; a second BIRD is linnetd's neighbour in another AS.
#[test]
fn clients_of_others_hear_each_other() -> Result<()> {
    skip_if!(hub::missing(&ALL).or_else(|| lab::daemon::missing_program("ip")));
    let far = "10.244.3.0/24";
    for daemon in ALL {
        let (its, others) = ([10, 1, 1, 1].into(), [10, 1, 2, 1].into());
        let parts = [
            Router::new(daemon, 1).speaks_with(others, false).reflects(),
            Router::new(Daemon::Bird, 2).speaks_with(its, true).announces(&OTHERS[..1]),
            Router::new(Daemon::Bird, 3).asn(65003).announces(&[far]),
        ];
        let neighbors = [
            "address: 10.1.1.1, remote_as: 65000, next_hop_self: true",
            "address: 10.1.3.1, remote_as: 65003",
        ];
        let hub = Hub::of(&linnet(&["ebgp_default: accept"], &neighbors), &parts)?;
        hub.linnet.sh("echo 1 > /proc/sys/net/ipv4/ip_forward")?;
        hub.spoke(1)?.sh("ip route add 10.1.2.0/31 via 10.1.1.0")?;
        hub.spoke(2)?.sh("ip route add 10.1.0.0/16 via 10.1.2.0")?;
        let hub = hub.start()?;
        hub.wait_for_session("10.1.1.1", "BIRD's route", |shown| {
            family(shown, "ipv4-unicast")["accepted"] == 1
        })
        .with_context(|| daemon.to_string())?;
        let path = &hub.linnet.linnet("rib 10.244.2.0/24 --detail")?[0];
        let marks = (&path["originator_id"], &path["cluster_list"], &path["next_hop"]);
        assert_eq!(
            marks,
            (&json!("10.1.2.1"), &json!(["10.1.1.1"]), &json!("10.1.2.1")),
            "{daemon}: {path:#}"
        );
        let path = hub.wait_for_path(2, far, |_| true)?;
        let marks = (&*path.originator, &path.cluster_list[..], &*path.next_hop);
        assert_eq!(marks, ("10.1.0.1", &["10.1.1.1".to_owned()][..], "10.1.1.0"), "{daemon}: {path:#?}");
    }
    Ok(())
}

/// Between ASes nothing passes, until that is allowed; then with linnetd's AS and address (RFC 8212, RFC 4271).
#[test]
fn nothing_leaves_an_as_without_leave() -> Result<()> {
    skip_if!(hub::missing(&ALL));
    for daemon in ALL {
        let parts = [part(daemon).asn(65001), beside().asn(65002)];
        let keys = ["remote_as: 65001", "remote_as: 65002"];
        let hub = Hub::with(&between(&[], keys[0], keys[1]), &parts)?;
        for (address, name) in IT {
            let shown = hub.wait_for_session(address, "refused route", |shown| {
                family(shown, name)["end_of_rib_sent"] == true
                    && shown["rejected"] == json!([{"reason": "no-policy", "routes": 1}])
            })?;
            assert_eq!(family(&shown, name)["advertised"], 0, "{daemon}: {shown:#}");
        }
        drop(hub);

        let hub = Hub::with(&between(&["ebgp_default: accept"], keys[0], keys[1]), &parts)?;
        for (prefix, next_hop) in OTHERS.into_iter().zip(["10.1.1.0", "fd00:1::1"]) {
            let path = hub.wait_for_path(1, prefix, |_| true)?;
            assert_eq!((&*path.as_path, &*path.originator), ("65000 65002", ""), "{daemon}: {path:#?}");
            assert!(path.next_hop.starts_with(next_hop), "{daemon}: {path:#?}");
        }
        for prefix in ITS {
            let path = hub.wait_for_path(2, prefix, |_| true)?;
            assert_eq!(path.as_path, "65000 65001", "{daemon}: {path:#?}");
        }
    }
    Ok(())
}

/// Numbers of four octets pass through a session with somebody who does not know them (RFC 6793). (FRR knows by the
/// OPEN that linnetd is no old speaker, and leaves alone what is meant for old ones.)
#[test]
fn speakers_of_two_octets_hear_of_larger_numbers() -> Result<()> {
    const SPEAKERS: [Daemon; 3] = [Daemon::Frr, Daemon::Bird, Daemon::Openbgpd];
    skip_if!(hub::missing(&SPEAKERS));
    for daemon in SPEAKERS {
        let seen = if daemon == Daemon::Frr { "65000 23456" } else { "65000 4200000001" };
        let old = Router::new(daemon, 1).asn(65001).of_two_octets().announces(&ITS[..1]);
        let new = Router::new(Daemon::Bird, 2).asn(4_200_000_001).announces(&OTHERS[..1]);
        let neighbors = ["address: 10.1.1.1, remote_as: 65001", "address: 10.1.2.1, remote_as: 4200000001"];
        let hub = Hub::with(&linnet(&["ebgp_default: accept"], &neighbors), &[old, new])?;
        let shown = hub.wait_for_session("10.1.1.1", "session", |_| true)?;
        assert!(!shown["capabilities_agreed"].to_string().contains("four-octet-as"), "{daemon}: {shown:#}");
        let path = hub.wait_for_path(1, OTHERS[0], |_| true)?;
        assert_eq!(path.as_path, seen, "{daemon}: {path:#?}");
        let path = hub.wait_for_path(2, ITS[0], |_| true)?;
        assert_eq!(path.as_path, "65000 65001", "{daemon}: {path:#?}");
    }
    Ok(())
}

/// What an old speaker has heard from new ones through others of its kind reaches linnetd whole.
#[test]
fn larger_numbers_come_back_through_speakers_of_two_octets() -> Result<()> {
    const SPEAKERS: [Daemon; 2] = [Daemon::Frr, Daemon::Bird];
    skip_if!(hub::missing(&SPEAKERS));
    for daemon in SPEAKERS {
        let old = Router::new(daemon, 1).asn(65001).of_two_octets().announces(&ITS[..1]);
        let old = match daemon {
            Daemon::Frr => old
                .family("route-map far out")
                .rest("route-map far permit 10\n set as-path prepend 4200000001"),
            _ => old.family("export filter { bgp_path.prepend(4200000001); accept; };"),
        };
        let neighbors = ["address: 10.1.1.1, remote_as: 65001"];
        let hub = Hub::with(&linnet(&["ebgp_default: accept"], &neighbors), &[old])?;
        hub.wait_for_session("10.1.1.1", "route", |shown| family(shown, "ipv4-unicast")["accepted"] == 1)?;
        let shown = hub.linnet.linnet("rib 10.244.1.0/24 --detail")?;
        assert_eq!(shown[0]["as_path"], "65001 4200000001", "{daemon}: {shown:#}");
    }
    Ok(())
}

/// How many UPDATEs linnetd has had from a neighbour, and sent to it; requests for a refresh likewise.
fn counts(shown: &Value) -> [u64; 4] {
    let count = |direction: &str, kind: &str| shown[direction][kind].as_u64().unwrap_or_default();
    [
        count("messages_received", "update"),
        count("messages_sent", "update"),
        count("messages_received", "route_refresh"),
        count("messages_sent", "route_refresh"),
    ]
}

/// Has the daemon under test ask for linnetd's routes. GoBGP keeps what it was sent, and has no command for that.
fn ask(node: &Node) -> Result<()> {
    match node.daemon() {
        Some(Daemon::Frr) => node.vtysh("clear bgp ipv4 unicast 10.1.1.0 soft in").map(drop),
        Some(Daemon::Bird) => node.birdc("reload in linnet").map(drop),
        Some(Daemon::Openbgpd) => node.bgpctl("neighbor 10.1.1.0 refresh").map(drop),
        _ => Ok(()),
    }
}

/// Asked for its routes anew, either side sends them, and no route goes meanwhile (RFC 2918). OpenBGPD 7.7 takes
/// note of it, and sends nothing.
#[test]
fn routes_are_told_anew_when_asked_for() -> Result<()> {
    skip_if!(hub::missing(&ALL));
    for daemon in ALL {
        let part = part(daemon).restarts_gracefully();
        let part =
            if daemon == Daemon::Openbgpd { part.session("announce enhanced refresh yes") } else { part };
        let hub = Hub::with(&between(&[], CLIENT, CLIENT), &[part, beside()])?;
        hub.wait_for_path(1, OTHERS[0], |_| true)?;
        let before = hub.wait_for_session("10.1.1.1", "routes", |shown| {
            let family = family(shown, "ipv4-unicast");
            family["accepted"] == 1 && family["in_sync"] == true && family["end_of_rib_received"] == true
        })?;
        let before = counts(&before);
        let (asks, answers) = (u64::from(daemon != Daemon::Gobgp), u64::from(daemon != Daemon::Openbgpd));
        ask(hub.spoke(1)?)?;
        let asked = hub.wait_for_session("10.1.1.1", "routes told anew", |shown| {
            let now = counts(shown);
            now[1] >= before[1] + asks && now[2] >= before[2] + asks
        })?;
        let asked = counts(&asked);
        hub.tell("neighbor 10.1.1.1 softreset")?;
        let told = hub.wait_for_session("10.1.1.1", "routes heard anew", |shown| {
            let now = counts(shown);
            now[0] >= asked[0] + answers && now[1] > asked[1] && now[3] > asked[3]
        })?;
        let stays = (&told["flaps"], &family(&told, "ipv4-unicast")["accepted"]);
        assert_eq!(stays, (&json!(0), &json!(1)), "{daemon}: {told:#}");
        hub.wait_for_path(1, OTHERS[0], |_| true)?;
        hub.wait_for_path(2, ITS[0], |_| true)?;
    }
    Ok(())
}

/// IPv4 routes pass both ways over IPv6, by IPv6 next hops (RFC 8950). OpenBGPD 7.7 does not offer that.
#[test]
fn ipv4_passes_by_ipv6_next_hops() -> Result<()> {
    const SPEAKERS: [Daemon; 3] = [Daemon::Frr, Daemon::Bird, Daemon::Gobgp];
    skip_if!(hub::missing(&SPEAKERS));
    for daemon in SPEAKERS {
        let four = [Family::Ipv4];
        let first = Router::new(daemon, 1).asn(65001).over_ipv6(&four).extended_next_hop();
        let second = Router::new(Daemon::Bird, 2).asn(65002).over_ipv6(&four).extended_next_hop();
        let neighbors = [
            "address: \"fd00:1::2\", remote_as: 65001, families: [ipv4-unicast]",
            "address: \"fd00:2::2\", remote_as: 65002, families: [ipv4-unicast]",
        ];
        let parts = [first.announces(&ITS[..1]), second.announces(&OTHERS[..1])];
        let hub = Hub::with(&linnet(&["ebgp_default: accept"], &neighbors), &parts)?;
        if daemon == Daemon::Gobgp {
            hub.spoke(1)?.sh("gobgp global rib del 10.244.1.0/24 -a ipv4")?;
            hub.spoke(1)?.sh("gobgp global rib add 10.244.1.0/24 nexthop fd00:1::2 -a ipv4")?;
        }
        let path = hub.wait_for_path(1, OTHERS[0], |_| true)?;
        assert!(path.next_hop.starts_with("fd00:1::1"), "{daemon}: {path:#?}");
        let path = hub.wait_for_path(2, ITS[0], |_| true)?;
        assert!(path.next_hop.starts_with("fd00:2::1"), "{daemon}: {path:#?}");
        let shown = hub.linnet.linnet("rib 10.244.1.0/24")?;
        assert_eq!(shown[0]["next_hop"], "fd00:1::2", "{daemon}: {shown:#}");
    }
    Ok(())
}
