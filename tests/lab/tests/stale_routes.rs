//! What becomes of a neighbour's routes by how its session ends: a NOTIFICATION, a lost link, silence of BFD, a long
//! absence (RFC 4724, RFC 8538, RFC 9494, RFC 5882).

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use anyhow::{Context, Result, ensure};
use hub::{BOUND, Hub, family, linnet};
use lab::netlink::Link;
use lab::{Daemon, Node, Router, daemon, skip_if, wait_until};
use serde_json::Value;

const ITS: &str = "10.244.1.0/24";
const IT: &str = "10.1.1.1";
const OTHER: &str = "10.1.2.1";

/// The neighbour whose session ends.
fn part(daemon: Daemon) -> Router {
    Router::new(daemon, 1).restarts_gracefully().announces(&[ITS])
}

/// Who sees what linnetd makes of it.
fn observer() -> Router {
    Router::new(Daemon::Bird, 2)
}

/// linnetd, which reflects between the two; `restart` says how it helps.
fn reflector(restart: &str, first: &str, second: &str) -> String {
    let client =
        |address, keys| format!("address: {address}, remote_as: 65000, route_reflector_client: true{keys}");
    let restart = format!("graceful_restart: {{ {restart} }}");
    linnet(&[&restart], &[&client(IT, first), &client(OTHER, second)])
}

/// Waits until everything that the neighbour has is with the observer.
fn settle(hub: &Hub) -> Result<()> {
    hub.wait_for_session(IT, "route and End-of-RIB", |shown| {
        let family = family(shown, "ipv4-unicast");
        family["accepted"] == 1 && family["in_sync"] == true && family["stale"] == 0
    })?;
    hub.wait_for_path(2, ITS, |_| true).map(drop)
}

/// Waits until linnetd shows this of the neighbour, whose session may be down.
fn wait_for(hub: &Hub, what: &str, such: impl Fn(&Value) -> bool) -> Result<Value> {
    wait_until(BOUND, what, || {
        let shown = hub.linnet.linnet(&format!("neighbor {IT}"))?;
        ensure!(such(&shown), "{shown:#}");
        Ok(shown)
    })
    .with_context(|| hub.linnet.log())
}

/// How often the observer was told of a route, or that one goes: UPDATEs that linnetd sent to it.
fn told(hub: &Hub) -> Result<u64> {
    // Counters are shown with a delay of a second at most.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let shown = hub.linnet.linnet(&format!("neighbor {OTHER}"))?;
    shown["messages_sent"]["update"].as_u64().context("no count")
}

fn first(hub: &mut Hub) -> Result<&mut Node> {
    hub.spokes.first_mut().context("no spoke")
}

/// FRR's operator resets the session: with a plain Cease the routes stay (the N bit of RFC 8538), with a hard one they
/// go and come again.
#[test]
fn a_notification_is_survived_unless_it_is_a_hard_reset() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]));
    for (hard, updates) in [("no bgp hard-administrative-reset", 0), ("bgp hard-administrative-reset", 2)] {
        let frr = part(Daemon::Frr).speaker("bgp graceful-restart notification").speaker(hard);
        let hub = Hub::with(&reflector("", "", ""), &[frr, observer()])?;
        settle(&hub)?;
        let before = told(&hub)?;
        hub.spoke(1)?.vtysh("clear bgp 10.1.1.0")?;
        wait_for(&hub, "end and return of the session", |shown| {
            shown["flaps"] == 1 && shown["state"] == "established"
        })?;
        settle(&hub)?;
        assert_eq!(told(&hub)? - before, updates, "{hard}: {}", hub.linnet.log());
    }
    Ok(())
}

/// A neighbour that vanished without a word and was started anew connects while linnetd takes the old connection for
/// alive: the new one takes its place, and what the neighbour has told stays.
#[test]
fn a_connection_is_replaced_by_a_restarted_neighbour() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Bird]).or_else(|| daemon::missing_program("ip")));
    let mut hub = Hub::with(&reflector("", ", passive: true", ""), &[part(Daemon::Bird), observer()])?;
    settle(&hub)?;
    let before = told(&hub)?;
    // What the kernel says for a process that was killed is not to arrive: it goes to a MAC that nobody has.
    let astray = "10.1.1.0 lladdr 02:00:00:00:00:99 dev eth1 nud permanent";
    hub.spoke(1)?.sh(&format!("ip neigh replace {astray}"))?;
    first(&mut hub)?.kill_daemon()?;
    let shown = hub.linnet.linnet(&format!("neighbor {IT}"))?;
    assert_eq!((&shown["state"], &shown["flaps"]), (&"established".into(), &0.into()), "{shown:#}");
    hub.spoke(1)?.sh("ip neigh del 10.1.1.0 dev eth1")?;
    first(&mut hub)?.recover_daemon()?;
    wait_for(&hub, "new session", |shown| shown["flaps"] == 1 && shown["state"] == "established")?;
    settle(&hub)?;
    assert_eq!(told(&hub)?, before, "{}", hub.linnet.log());
    Ok(())
}

/// BFD falls silent because its process was killed together with BGP: that ends no graceful restart, as this BFD
/// shares the control plane's fate (RFC 5882 section 4.3.2), and when both are back it ends no session.
#[test]
fn bfd_that_is_lost_with_its_speaker_ends_no_graceful_restart() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Bird]));
    let bird = part(Daemon::Bird)
        .session("direct; bfd on;")
        .rest("protocol bfd { interface \"*\" { interval 100 ms; multiplier 3; }; }");
    let bfd = ", bfd: { transmit_interval_ms: 100, receive_interval_ms: 100, multiplier: 3 }";
    let mut hub = Hub::with(&reflector("", bfd, ""), &[bird, observer()])?;
    settle(&hub)?;
    wait_for(&hub, "BFD", |shown| shown["bfd"]["state"] == "up")?;
    let before = told(&hub)?;
    first(&mut hub)?.kill_daemon()?;
    let away = wait_for(&hub, "end of BFD", |shown| shown["bfd"]["state"] == "down")?;
    assert_eq!(family(&away, "ipv4-unicast")["stale"], 1, "{away:#}");
    first(&mut hub)?.recover_daemon()?;
    wait_for(&hub, "BGP and BFD", |shown| shown["state"] == "established" && shown["bfd"]["state"] == "up")?;
    settle(&hub)?;
    let after = hub.linnet.linnet(&format!("neighbor {IT}"))?;
    assert_eq!(after["flaps"], 1, "{after:#}");
    assert_eq!(told(&hub)?, before, "{}", hub.linnet.log());
    Ok(())
}

/// A link that is cut under a session that BFD watches: BGP lives on at the other end, so that nothing restarts, and
/// its routes are not kept.
#[test]
fn bfd_that_is_lost_with_the_link_ends_the_session() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Bird]));
    let bird = part(Daemon::Bird)
        .session("direct; bfd on;")
        .rest("protocol bfd { interface \"*\" { interval 100 ms; multiplier 3; }; }");
    let bfd = ", bfd: { transmit_interval_ms: 100, receive_interval_ms: 100, multiplier: 3 }";
    let hub = Hub::with(&reflector("", bfd, ""), &[bird, observer()])?;
    settle(&hub)?;
    wait_for(&hub, "BFD", |shown| shown["bfd"]["state"] == "up")?;
    hub.spoke(1)?.netns().run(|| Link::named("eth1")?.down())??;
    wait_for(&hub, "end of the session", |shown| {
        shown["flaps"] == 1 && family(shown, "ipv4-unicast")["stale"] == 0
    })?;
    wait_until(BOUND, "end of the route at the observer", || {
        let paths = hub.spoke(2)?.paths(ITS)?;
        ensure!(paths.is_empty(), "{paths:#?}");
        Ok(())
    })
}

/// Who is away for longer than its restart time: its routes become a last resort, are told only to who knows what
/// that means, and go when their time is over.
#[test]
fn a_neighbour_that_is_away_for_long_is_a_last_resort() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Bird, Daemon::Frr, Daemon::Gobgp]));
    let bird = part(Daemon::Bird).session("graceful restart time 1;");
    let frr = part(Daemon::Frr)
        .speaker("bgp graceful-restart restart-time 1")
        .speaker("bgp long-lived-graceful-restart stale-time 4");
    for part in [bird, frr] {
        let who = part.daemon();
        // BIRD knows what it means, and FRR that has no long-lived restarts does not.
        let ignorant = Router::new(Daemon::Frr, 3);
        let knowing = observer().restarts_gracefully();
        let configuration = reflector("long_lived: { enabled: true, stale_time: 4 }", "", "")
            + "    - { address: 10.1.3.1, remote_as: 65000, route_reflector_client: true, connect_retry: 1 }\n";
        let mut hub = Hub::with(&configuration, &[part, knowing, ignorant])?;
        settle(&hub)?;
        hub.wait_for_path(3, ITS, |_| true)?;
        first(&mut hub)?.kill_daemon()?;
        wait_for(&hub, "long-lived stale routes", |shown| {
            let family = family(shown, "ipv4-unicast");
            family["stale"] == 1 && family["stale_phase"] == "long_lived"
        })
        .with_context(|| who.to_string())?;
        // LLGR_STALE (RFC 9494 section 3).
        hub.wait_for_path(2, ITS, |path| path.communities.iter().any(|name| name == "65535:6"))?;
        for (spoke, what) in [(3, "to who does not know it"), (2, "at all")] {
            wait_until(BOUND, &format!("end of the route, {what}"), || {
                let paths = hub.spoke(spoke)?.paths(ITS)?;
                ensure!(paths.is_empty(), "{paths:#?}");
                Ok(())
            })?;
        }
        wait_for(&hub, "end of its route", |shown| family(shown, "ipv4-unicast")["accepted"] == 0)?;
    }
    Ok(())
}

/// OpenBGPD 7.7 promises nothing of its routes: they go with it, and come again.
#[test]
fn who_promises_nothing_is_not_waited_for() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Openbgpd, Daemon::Bird]));
    let mut hub = Hub::with(&reflector("", "", ""), &[part(Daemon::Openbgpd), observer()])?;
    settle(&hub)?;
    let before = told(&hub)?;
    first(&mut hub)?.kill_daemon()?;
    wait_for(&hub, "end of its routes", |shown| {
        shown["state"] != "established" && family(shown, "ipv4-unicast")["accepted"] == 0
    })?;
    first(&mut hub)?.start_daemon()?;
    settle(&hub)?;
    assert_eq!(told(&hub)?, before + 2, "withdrawn, and announced");
    Ok(())
}
