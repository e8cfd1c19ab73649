//! Graceful restart with other implementations, in both roles (RFC 4724): who restarts is waited for, and what it
//! told goes on being told and used.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod fabric;
mod hub;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fabric::host;
use hub::{BOUND, Hub, family, linnet};
use lab::packet::Pinger;
use lab::{Daemon, Lab, Node, Router, skip_if, wait_until};
use serde_json::Value;

/// A route that is announced before and after a restart, and one that is not announced again.
const KEPT: &str = "10.244.1.0/24";
const LEFT: &str = "10.244.9.0/24";
const RESTARTS: &str = "10.1.1.1";
const OTHER: &str = "10.1.2.1";

/// A spoke that restarts gracefully and originates these routes.
fn part(daemon: Daemon, spoke: u8, routes: &[&str]) -> Router {
    Router::new(daemon, spoke).restarts_gracefully().announces(routes)
}

/// A reflector of the two spokes.
fn reflector(settings: &str) -> String {
    let client = |address| format!("address: {address}, remote_as: 65000, route_reflector_client: true");
    let restart = format!("graceful_restart: {{ {settings} }}");
    linnet(&[&restart], &[&client(RESTARTS), &client(OTHER)])
}

/// Waits until linnetd shows such a family of the first spoke.
fn wait_for(hub: &Hub, what: &str, such: impl Fn(&Value) -> bool) -> Result<Value> {
    wait_until(BOUND, what, || {
        let shown = hub.linnet.linnet(&format!("neighbor {RESTARTS}"))?;
        ensure!(such(family(&shown, "ipv4-unicast")), "{shown:#}");
        Ok(shown)
    })
    .with_context(|| hub.linnet.log())
}

/// The prefixes that BIRD has from linnetd, each with when it became as it is, in seconds.
fn at_bird(node: &Node) -> Result<Vec<(String, f64)>> {
    let shown = node.birdc("show route protocol linnet")?;
    let route = |line: &str| {
        let (prefix, rest) = line.split_once(char::is_whitespace)?;
        let since = rest.split_once("[linnet ")?.1.split([' ', ']']).next()?;
        Some((prefix.to_owned(), since.parse().ok()?))
    };
    Ok(shown.lines().filter(|line| line.starts_with("10.244.")).filter_map(route).collect())
}

/// Whether these are the same moment: BIRD works it out anew each time, to a few microseconds.
fn is_same(one: f64, other: f64) -> bool {
    (one - other).abs() < 0.01
}

/// When `prefix` became as it is.
fn since(routes: &[(String, f64)], prefix: &str) -> Result<f64> {
    let route = routes.iter().find(|(shown, _)| shown == prefix);
    route.map(|(_, since)| *since).with_context(|| format!("no {prefix} in {routes:?}"))
}

fn prefixes(routes: &[(String, f64)]) -> Vec<&str> {
    let mut prefixes: Vec<&str> = routes.iter().map(|(prefix, _)| prefix.as_str()).collect();
    prefixes.sort_unstable();
    prefixes
}

/// How many UPDATEs linnetd has sent to the other spoke.
fn told_the_other(hub: &Hub) -> Result<u64> {
    let shown = hub.linnet.linnet(&format!("neighbor {OTHER}"))?;
    shown["messages_sent"]["update"].as_u64().context("no count")
}

/// A neighbour is killed: linnetd keeps its routes and tells nobody, and what it does not announce when it is back
/// goes.
fn a_neighbour_restarts(daemon: Daemon) -> Result<()> {
    skip_if!(hub::missing(&[daemon, Daemon::Bird]));
    let both = [KEPT, LEFT];
    let parts = [part(daemon, 1, &both), part(Daemon::Bird, 2, &[])];
    let mut hub = Hub::with(&reflector(""), &parts)?;
    let up =
        wait_for(&hub, "two routes", |shown| shown["accepted"] == 2 && shown["end_of_rib_received"] == true)?;
    assert!(!up["graceful_restart"]["families"].to_string().is_empty(), "{up:#}");
    wait_until(BOUND, "both routes at the other neighbour", || {
        let routes = at_bird(hub.spoke(2)?)?;
        ensure!(prefixes(&routes) == both, "{routes:?}");
        Ok(())
    })?;
    hub.wait_for_session(OTHER, "End-of-RIB", |shown| family(shown, "ipv4-unicast")["in_sync"] == true)?;
    // Counters are shown with a delay of a second at most.
    std::thread::sleep(Duration::from_millis(1100));
    let (routes, told) = (at_bird(hub.spoke(2)?)?, told_the_other(&hub)?);

    hub.spokes.first_mut().context("no spoke")?.kill_daemon()?;
    wait_for(&hub, "stale routes", |shown| {
        shown["stale"] == 2 && shown["accepted"] == 2 && shown["stale_phase"] == "away"
    })?;
    let rib = hub.linnet.linnet("rib")?;
    assert!(rib.as_array().is_some_and(|paths| paths.iter().all(|path| path["stale"] == true)), "{rib:#}");
    let meanwhile = at_bird(hub.spoke(2)?)?;
    for prefix in both {
        let is_untouched = is_same(since(&routes, prefix)?, since(&meanwhile, prefix)?);
        assert!(is_untouched, "{meanwhile:?}; before {daemon} went {routes:?}");
    }

    let spoke = hub.spokes.first_mut().context("no spoke")?;
    hub::write_configuration(spoke, &part(daemon, 1, &[KEPT]).configuration())?;
    spoke.recover_daemon()?;
    spoke.wait_until_ready()?;
    spoke.originate(&[KEPT])?;
    wait_for(&hub, "its one route", |shown| shown["stale"] == 0 && shown["accepted"] == 1)?;
    wait_until(BOUND, "end of the other route", || {
        let routes = at_bird(hub.spoke(2)?)?;
        ensure!(prefixes(&routes) == [KEPT], "{routes:?}");
        Ok(())
    })?;
    if daemon != Daemon::Gobgp {
        std::thread::sleep(Duration::from_millis(1100));
        let after = at_bird(hub.spoke(2)?)?;
        let is_untouched = is_same(since(&routes, KEPT)?, since(&after, KEPT)?);
        assert!(is_untouched, "{after:?}; before {daemon} went {routes:?}");
        assert_eq!(told_the_other(&hub)?, told + 1, "a single withdrawal");
    }
    Ok(())
}

#[test]
fn frr_is_killed_and_comes_back() -> Result<()> {
    a_neighbour_restarts(Daemon::Frr)
}

#[test]
fn bird_is_killed_and_comes_back() -> Result<()> {
    a_neighbour_restarts(Daemon::Bird)
}

#[test]
fn gobgp_is_killed_and_comes_back() -> Result<()> {
    a_neighbour_restarts(Daemon::Gobgp)
}

/// How the helper holds the route that linnetd reflects: whether it is marked stale, and what would be another if
/// the route had gone and come again. `None` where there is no such route.
fn held(node: &Node) -> Result<Option<(bool, f64)>> {
    Ok(match node.daemon() {
        Some(Daemon::Frr) => {
            let path = &node.vtysh_json(&format!("show bgp ipv4 unicast {KEPT} json"))?;
            let first = &path["paths"][0];
            let stale = first["stale"] == true;
            first.is_object().then(|| (stale, first["version"].as_f64().unwrap_or_default()))
        }
        Some(Daemon::Gobgp | Daemon::Openbgpd) => node.paths(KEPT)?.first().map(|path| (path.stale, 0.0)),
        _ => at_bird(node)?.into_iter().find(|(prefix, _)| prefix == KEPT).map(|(_, since)| (false, since)),
    })
}

/// linnetd goes, by force and by leave, and comes back: the helper has the route all the while. Twice in a row.
fn linnetd_restarts(helper: Daemon) -> Result<()> {
    skip_if!(hub::missing(&[helper, Daemon::Bird]));
    let parts = [part(helper, 1, &[]), part(Daemon::Bird, 2, &[KEPT])];
    let mut hub = Hub::with(&reflector(""), &parts)?;
    let before = wait_until(BOUND, "route at the helper", || held(hub.spoke(1)?)?.context("none"))?;
    hub.wait_for_session(RESTARTS, "End-of-RIB", |shown| family(shown, "ipv4-unicast")["in_sync"] == true)?;
    for by_force in [true, false, true, false] {
        if by_force {
            hub.linnet.kill_daemon()?;
        } else {
            hub.linnet.stop_daemon()?;
        }
        let away = if helper == Daemon::Bird {
            held(hub.spoke(1)?)?
        } else {
            wait_until(BOUND, "stale route", || {
                let held = held(hub.spoke(1)?)?;
                ensure!(held.as_ref().is_some_and(|(stale, _)| *stale), "{held:?}");
                Ok(held)
            })?
        };
        let away = away.context("no route while linnetd is away")?;
        assert!(is_same(away.1, before.1), "while linnetd is away: {away:?} was {before:?}");
        hub.linnet.start_daemon()?;
        hub.linnet.wait_until_ready()?;
        let back = hub.wait_for_session(RESTARTS, "End-of-RIB after the restart", |shown| {
            family(shown, "ipv4-unicast")["in_sync"] == true
        })?;
        assert_eq!(family(&back, "ipv4-unicast")["advertised"], 1, "{back:#}");
        wait_until(BOUND, "route that is not stale", || {
            let held = held(hub.spoke(1)?)?;
            let is_back = held.is_some_and(|(stale, version)| !stale && is_same(version, before.1));
            ensure!(is_back, "{held:?} was {before:?}");
            Ok(())
        })
        .with_context(|| hub.linnet.log())?;
    }
    Ok(())
}

#[test]
fn frr_waits_for_linnetd() -> Result<()> {
    linnetd_restarts(Daemon::Frr)
}

#[test]
fn bird_waits_for_linnetd() -> Result<()> {
    linnetd_restarts(Daemon::Bird)
}

#[test]
fn gobgp_waits_for_linnetd() -> Result<()> {
    linnetd_restarts(Daemon::Gobgp)
}

#[test]
fn openbgpd_waits_for_linnetd() -> Result<()> {
    linnetd_restarts(Daemon::Openbgpd)
}

/// Through restarts of a leaf and of the reflector, two in a row of each, not one packet of a ping is lost, and nothing
/// is taken out of a kernel, were it for a millisecond.
#[test]
fn nothing_is_lost_while_linnetds_restart() -> Result<()> {
    let topology = fabric::topology("tests/lab/tests/three-leaves/three-leaves.clab.yml")?;
    skip_if!(topology.missing());
    let mut lab = Lab::up(&topology)?;
    let (host1, host2) = (host("host1", "leaf1", 11), host("host2", "leaf2", 21));
    fabric::introduce_both(&lab, [host1, host2])?;
    wait_until_heard_out(&lab)?;
    let rows = fabric::remote_rows(lab.node("leaf2")?, host1)?;

    let recordings = [fabric::record_rows(lab.node("leaf1")?)?, fabric::record_rows(lab.node("leaf2")?)?];
    let pinger = Pinger::start(lab.node(host1.node)?.netns(), host2.ip, Duration::from_millis(5));
    fabric::wait_for_answer(&pinger, Instant::now())?;
    for (node, by_force) in
        [("leaf1", true), ("leaf1", false), ("rr", true), ("rr", false), ("leaf1", false), ("leaf1", true)]
    {
        let daemon = lab.node_mut(node)?;
        if by_force {
            daemon.kill_daemon()?;
        } else {
            daemon.stop_daemon()?;
        }
        std::thread::sleep(fabric::QUIET);
        assert_eq!(fabric::remote_rows(lab.node("leaf2")?, host1)?, rows, "while linnetd on {node} is away");
        lab.node_mut(node)?.start_daemon()?;
        lab.node(node)?.wait_until_ready()?;
        wait_until_heard_out(&lab)?;
        assert_eq!(fabric::remote_rows(lab.node("leaf2")?, host1)?, rows, "linnetd on {node} is back");
    }
    fabric::wait_for_answer(&pinger, Instant::now())?;
    let pings = pinger.stop()?;
    assert_eq!(pings.lost(), [0; 0], "of {} pings", pings.received());
    for recording in &recordings {
        assert_eq!(fabric::removed(recording)?, [""; 0]);
    }
    Ok(())
}

/// Waits until every linnetd has all sessions, has said all it has to everybody, and has heard everybody out.
fn wait_until_heard_out(lab: &Lab) -> Result<()> {
    for node in ["rr", "leaf1", "leaf2"] {
        wait_until(fabric::CONVERGE, &format!("sessions of {node}"), || {
            let neighbors = lab.node(node)?.linnet("neighbor")?;
            let done = |neighbor: &Value| {
                let family = family(neighbor, "l2vpn-evpn");
                family["in_sync"] == true && family["end_of_rib_received"] == true && family["stale"] == 0
            };
            ensure!(neighbors.as_array().is_some_and(|all| all.iter().all(done)), "{neighbors:#}");
            Ok(())
        })
        .with_context(|| lab.node(node).map(Node::log).unwrap_or_default())?;
    }
    Ok(())
}
