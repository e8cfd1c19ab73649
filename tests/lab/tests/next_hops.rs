//! Which next hop linnetd tells its neighbours: its own, or the one that a route has.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use anyhow::{Result, ensure};
use hub::{BOUND, Hub};
use lab::{Daemon, skip_if, wait_until};

/// FRR in AS 65001, with a route.
const FRR: &str = "router bgp 65001
 bgp router-id 10.1.1.1
 no bgp network import-check
 no bgp ebgp-requires-policy
 neighbor 10.1.1.0 remote-as 65000
 neighbor 10.1.1.0 timers connect 1
 address-family ipv4 unicast
  network 10.244.1.0/24
 exit-address-family
";

fn bird(asn: u32) -> String {
    format!(
        "router id 10.1.2.1;
protocol device {{}}
protocol bgp linnet {{
  local as {asn}; neighbor 10.1.2.0 as 65000; connect retry time 1; connect delay time 1;
  ipv4 {{ import all; export none; gateway recursive; }};
}}
"
    )
}

/// linnetd between FRR and BIRD, with these settings for BIRD.
fn linnet(asn: u32, settings: &str) -> String {
    format!(
        "bgp:
  asn: 65000
  router_id: 10.1.0.1
  listen: {{ addresses: [\"0.0.0.0\"] }}
  ebgp_default: accept
  neighbors:
    - {{ address: 10.1.1.1, remote_as: 65001, connect_retry: 1 }}
    - {{ address: 10.1.2.1, remote_as: {asn}, connect_retry: 1{settings} }}
"
    )
}

/// The next hop that BIRD hears of for FRR's route.
fn next_hop_at_bird(asn: u32, settings: &str) -> Result<String> {
    let hub = Hub::up(&linnet(asn, settings), &[(Daemon::Frr, FRR), (Daemon::Bird, &bird(asn))])?;
    wait_until(BOUND, "FRR's route in BIRD", || {
        let shown = hub.spoke(2)?.birdc("show route 10.244.1.0/24 all")?;
        let next_hop = shown.lines().find_map(|line| line.trim().strip_prefix("BGP.next_hop: "));
        ensure!(next_hop.is_some(), "{shown}\n{}", hub.linnet.log());
        let told =
            hub.linnet.linnet("neighbor 10.1.2.1")?["next_hop"].as_str().unwrap_or_default().to_owned();
        Ok(format!("{} {told}", next_hop.unwrap_or_default()).trim_end().to_owned())
    })
}

#[test]
fn the_next_hop_is_ours_or_stays() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]));
    for (asn, settings, next_hop) in [
        (65000, "", "10.1.1.1"),
        (65000, ", next_hop_self: true", "10.1.2.0 self"),
        (65000, ", next_hop_self: force", "10.1.2.0 self-force"),
        (65002, "", "10.1.2.0"),
        (65002, ", next_hop_unchanged: true", "10.1.1.1 unchanged"),
    ] {
        assert_eq!(next_hop_at_bird(asn, settings)?, next_hop, "AS {asn}{settings}");
    }
    Ok(())
}
