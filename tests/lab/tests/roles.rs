//! Roles and route leaks (RFC 9234) with BIRD, FRR and OpenBGPD, and which paths are refused unless an operator allows them.

mod hub;

use anyhow::{Result, ensure};
use hub::{BOUND, Hub, family};
use lab::{Daemon, Router, skip_if, wait_until};
use serde_json::{Value, json};

/// linnetd in AS 65000 between BIRD in AS 65001 and BIRD in AS 65002, each with these settings.
fn linnet(first: &str, second: &str) -> String {
    let neighbors = [
        format!("address: 10.1.1.1, remote_as: 65001{first}"),
        format!("address: 10.1.2.1, remote_as: 65002{second}"),
    ];
    hub::linnet(&["ebgp_default: accept"], &neighbors.each_ref().map(String::as_str))
}

/// BIRD number `n` with a route of its own, these options of the session and this export filter.
fn bird(n: u8, options: &str, export: &str) -> Router {
    let route = format!("10.244.{n}.0/24");
    let bird = Router::new(Daemon::Bird, n).asn(65000 + u32::from(n)).announces(&[&route]);
    bird.session(options).family(export)
}

const ALL: &str = "export all;";

fn up(settings: [&str; 2], options: [&str; 2], exports: [&str; 2]) -> Result<Hub> {
    let birds = [bird(1, options[0], exports[0]), bird(2, options[1], exports[1])];
    Hub::with(&linnet(settings[0], settings[1]), &birds)
}

fn accepted(shown: &Value) -> u64 {
    family(shown, "ipv4-unicast")["accepted"].as_u64().unwrap_or_default()
}

/// The path that linnetd has to a prefix, with all its attributes.
fn path(hub: &Hub, prefix: &str) -> Result<Value> {
    let shown = hub.linnet.linnet(&format!("rib {prefix} --detail"))?;
    Ok(shown.get(0).cloned().unwrap_or_default())
}

/// A provider's route is marked on receipt, goes to a customer with its mark, and not to another provider.
#[test]
fn a_route_from_above_only_goes_down() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Bird]));
    let down = up(
        [", role: customer, role_strict: true", ", role: provider"],
        ["local role provider;", "local role customer;"],
        [ALL; 2],
    )?;
    let shown = down.wait_for_session("10.1.1.1", "provider's route", |shown| accepted(shown) == 1)?;
    assert_eq!(
        (&shown["role"], &shown["remote_role"]),
        (&json!("customer"), &json!("provider")),
        "{shown:#}"
    );
    let agreed = shown["capabilities_agreed"].to_string();
    assert!(agreed.contains("role customer to provider"), "{agreed}");
    assert_eq!(path(&down, "10.244.1.0/24")?["only_to_customer"], 65001);
    wait_until(BOUND, "the provider's route at the customer", || {
        let shown = down.spoke(2)?.birdc("show route 10.244.1.0/24 all")?;
        ensure!(shown.contains("BGP.otc: 65001"), "{shown}");
        Ok(())
    })?;
    // What the customer sends goes up, without a mark: nobody has sent it down yet.
    wait_until(BOUND, "the customer's route at the provider", || {
        let shown = down.spoke(1)?.birdc("show route 10.244.2.0/24 all")?;
        ensure!(shown.contains("BGP.as_path: 65000 65002"), "{shown}");
        Ok(())
    })?;

    let up = up([", role: customer", ", role: customer"], ["local role provider;"; 2], [ALL; 2])?;
    for address in ["10.1.1.1", "10.1.2.1"] {
        let shown = up.wait_for_session(address, "route and End-of-RIB", |shown| {
            accepted(shown) == 1 && family(shown, "ipv4-unicast")["end_of_rib_sent"] == true
        })?;
        assert_eq!(family(&shown, "ipv4-unicast")["advertised"], 0, "{shown:#}");
    }
    Ok(())
}

/// FRR or OpenBGPD above linnetd and BIRD below it, and the other way round: the mark is set where a route goes down.
#[test]
fn others_are_provider_and_customer() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Openbgpd, Daemon::Bird]));
    let speakers = [(Daemon::Frr, "local-role"), (Daemon::Openbgpd, "announce policy")];
    for ((daemon, word), below) in
        speakers.into_iter().flat_map(|speaker| [(speaker, true), (speaker, false)])
    {
        let (ours, theirs) = if below { ("customer", "provider") } else { ("provider", "customer") };
        let first = Router::new(daemon, 1).asn(65001).announces(&["10.244.1.0/24"]);
        let bird = Router::new(Daemon::Bird, 2).asn(65002).announces(&["10.244.2.0/24"]);
        let bird = bird.session(if below { "local role customer;" } else { "" });
        let role = if below { ", role: provider" } else { "" };
        let configuration = linnet(&format!(", role: {ours}, role_strict: true"), role);
        let hub = Hub::with(&configuration, &[first.session(&format!("{word} {theirs}")), bird])?;
        let shown = hub.wait_for_session("10.1.1.1", "its route", |shown| accepted(shown) == 1)?;
        assert_eq!(shown["remote_role"], theirs, "{daemon}: {shown:#}");
        let from_it = path(&hub, "10.244.1.0/24")?["only_to_customer"].clone();
        assert_eq!(from_it, if below { json!(65001) } else { Value::Null }, "{daemon}, {ours}");
        hub.wait_for_path(2, "10.244.1.0/24", |_| true)?;
        hub.wait_for_path(1, "10.244.2.0/24", |_| true)?;
        let node = hub.spoke(1)?;
        let shown = match daemon {
            Daemon::Frr => node.vtysh("show bgp ipv4 unicast 10.244.2.0/24")?,
            _ => node.bgpctl("show rib detail 10.244.2.0/24")?.to_string(),
        };
        let is_marked = ["otc", "only-to-customer"].iter().any(|word| shown.to_lowercase().contains(word));
        assert_eq!(is_marked, !below, "{daemon}: {shown}");
    }
    Ok(())
}

/// What goes to a customer gets the mark of this AS, and comes back as a leak.
#[test]
fn a_leak_is_refused_and_counted() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Bird]));
    // The customer without a role of its own passes on with a mark what it was sent; it claims to be the origin.
    let leak = "export filter { bgp_otc = 64999; accept; };";
    let hub = up([", role: provider", ""], ["", ""], [leak, ALL])?;
    let shown = hub.wait_for_session("10.1.1.1", "refused leak", |shown| {
        shown["rejected"] == json!([{"reason": "route-leak", "routes": 1}])
    })?;
    assert_eq!(accepted(&shown), 0, "{shown:#}");
    wait_until(BOUND, "mark of what goes down", || {
        let shown = hub.spoke(1)?.birdc("show route 10.244.2.0/24 all")?;
        ensure!(shown.contains("BGP.otc: 65000"), "{shown}");
        Ok(())
    })
}

/// Roles that do not go together end the attempt with 2/11, whoever notices first.
#[test]
fn roles_that_do_not_go_together_are_refused() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Bird]));
    let hub =
        up([", role: provider", ", role: peer, role_strict: true"], ["local role provider;", ""], [ALL; 2])?;
    for (address, why) in [("10.1.1.1", "Role Mismatch"), ("10.1.2.1", "the peer names no role")] {
        wait_until(BOUND, why, || {
            let shown = hub.linnet.linnet(&format!("neighbor {address}"))?;
            let error = shown["last_error"].as_str().unwrap_or_default();
            let says = error.contains(why) || error.contains("the peer names its role as provider");
            ensure!(says && shown["state"] != "established", "{shown:#}");
            Ok(())
        })?;
    }
    Ok(())
}

/// Paths with this AS in them or with another AS first; each neighbour of its own kind.
#[test]
fn paths_are_refused_unless_they_are_allowed() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Bird]));
    let ours = "export filter { bgp_path.prepend(65000); accept; };";
    let refused = up(["", ", allow_as_in: 1"], ["", ""], [ours, ours])?;
    refused.wait_for_session("10.1.1.1", "refused loop", |shown| {
        shown["rejected"] == json!([{"reason": "as-loop", "routes": 1}])
    })?;
    refused.wait_for_session("10.1.2.1", "allowed loop", |shown| accepted(shown) == 1)?;

    // A route server leaves its own AS out.
    let server = "rs client;";
    let foreign = "export filter { bgp_path.prepend(64512); accept; };";
    let hub = up(["", ", enforce_first_as: false"], [server, server], [foreign, foreign])?;
    hub.wait_for_session("10.1.1.1", "refused first AS", |shown| {
        shown["rejected"] == json!([{"reason": "first-as", "routes": 1}])
    })?;
    hub.wait_for_session("10.1.2.1", "route of another AS", |shown| accepted(shown) == 1)?;
    assert_eq!(path(&hub, "10.244.2.0/24")?["as_path"], "64512");
    Ok(())
}
