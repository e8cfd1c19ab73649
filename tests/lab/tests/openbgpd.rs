//! Beside OpenBGPD: both families, both ways; its clients' routes reflected, and it as the reflector.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use anyhow::{Result, ensure};
use hub::{BOUND, Hub, family};
use lab::{Daemon, Node, daemon, skip_if, wait_until};

/// The first spoke: OpenBGPD with a route of each family. `settings` go into each of its neighbours.
fn openbgpd(settings: &str) -> String {
    let neighbor = |address: &str| format!("neighbor {address} {{\n remote-as 65000\n {settings}\n}}\n");
    format!(
        "AS 65000
router-id 10.1.1.1
socket \"/run/bgpd.sock\"
fib-update no
network 10.244.1.0/24
network fd00:244:1::/64
{}{}allow from any
allow to any
",
        neighbor("10.1.1.0"),
        neighbor("fd00:1::1"),
    )
}

/// The second spoke: BIRD with a route of each family.
const BIRD: &str = "router id 10.1.2.1;
protocol device {}
protocol static { ipv4; route 10.244.2.0/24 blackhole; }
protocol static { ipv6; route fd00:244:2::/64 blackhole; }
template bgp common { local as 65000; connect delay time 1; connect retry time 1; }
protocol bgp four from common { neighbor 10.1.2.0 as 65000; ipv4 { import all; export all; }; }
protocol bgp six from common { neighbor fd00:2::1 as 65000; ipv6 { import all; export all; }; }
";

/// linnetd between them; the neighbours of these numbers are its clients.
fn linnet(clients: &[u32]) -> String {
    let mut text = "bgp:
  asn: 65000
  router_id: 10.1.0.1
  listen: { addresses: [\"0.0.0.0\", \"::\"] }
  neighbors:
"
    .to_owned();
    for number in [1, 2] {
        let reflects = clients.contains(&number);
        for (address, family) in
            [(format!("10.1.{number}.1"), "ipv4-unicast"), (format!("\"fd00:{number}::2\""), "ipv6-unicast")]
        {
            text += &format!(
                "    - {{ address: {address}, remote_as: 65000, families: [{family}], connect_retry: 1, route_reflector_client: {reflects} }}\n"
            );
        }
    }
    text
}

const PREFIXES: [(&str, &str); 2] =
    [("10.244.1.0/24", "10.244.2.0/24"), ("fd00:244:1::/64", "fd00:244:2::/64")];

/// Waits until OpenBGPD has a prefix, and gives what it shows of it.
fn wait_for_route(node: &Node, prefix: &str) -> Result<serde_json::Value> {
    wait_until(BOUND, &format!("{prefix} in OpenBGPD"), || {
        let shown = node.bgpctl(&format!("show rib detail {prefix}"))?;
        ensure!(shown["rib"][0].is_object(), "{shown:#}");
        Ok(shown["rib"][0].clone())
    })
}

#[test]
fn routes_are_reflected_between_openbgpd_and_bird() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Openbgpd, Daemon::Bird]));
    let hub = Hub::up(&linnet(&[1, 2]), &[(Daemon::Openbgpd, &openbgpd("")), (Daemon::Bird, BIRD)])?;
    for (openbgpds, birds) in PREFIXES {
        let shown = wait_for_route(hub.spoke(1)?, birds)?;
        assert_eq!(shown["attributes"][0]["originator"], "10.1.2.1", "{shown:#}");
        assert_eq!(shown["attributes"][1]["cluster_list"][0], "10.1.0.1", "{shown:#}");
        wait_until(BOUND, &format!("{openbgpds} in BIRD"), || {
            let shown = hub.spoke(2)?.birdc(&format!("show route {openbgpds} all"))?;
            ensure!(shown.contains("BGP.originator_id: 10.1.1.1"), "{shown}");
            Ok(())
        })?;
    }
    for (address, name) in [("10.1.1.1", "ipv4-unicast"), ("fd00:1::2", "ipv6-unicast")] {
        hub.wait_for_session(address, "End-of-RIB", |shown| family(shown, name)["end_of_rib_sent"] == true)?;
    }
    // A refresh in each direction changes nothing. (OpenBGPD 7.7 takes note of a plain one, and sends nothing anew.)
    hub.linnet.output(&[&daemon::linnet_cli()?.to_string_lossy(), "neighbor", "10.1.1.1", "softreset"])?;
    hub.spoke(1)?.bgpctl("neighbor 10.1.1.0 refresh")?;
    wait_until(BOUND, "refresh asked for", || {
        let shown = hub.spoke(1)?.bgpctl("show neighbor 10.1.1.0")?;
        let statistics = &shown["neighbors"][0]["stats"]["message"];
        ensure!(statistics["received"]["route_refresh"] == 1, "{shown:#}");
        ensure!(statistics["sent"]["route_refresh"] == 1, "{shown:#}");
        Ok(())
    })?;
    hub.wait_for_session("10.1.1.1", "route again", |shown| {
        shown["messages_received"]["route_refresh"] == 1 && family(shown, "ipv4-unicast")["accepted"] == 1
    })?;
    Ok(())
}

#[test]
fn openbgpd_reflects_to_linnet() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Openbgpd, Daemon::Bird]));
    // BIRD is linnet's client, so its routes go on to OpenBGPD, which would reflect them back to their originator.
    let spokes = [(Daemon::Openbgpd, &*openbgpd("route-reflector")), (Daemon::Bird, BIRD)];
    let hub = Hub::up(&linnet(&[2]), &spokes)?;
    for (openbgpds, birds) in PREFIXES {
        wait_for_route(hub.spoke(1)?, birds)?;
        wait_until(BOUND, &format!("{openbgpds} in BIRD"), || {
            let shown = hub.spoke(2)?.birdc(&format!("show route {openbgpds}"))?;
            ensure!(shown.contains(openbgpds), "{shown}");
            Ok(())
        })?;
    }
    Ok(())
}
