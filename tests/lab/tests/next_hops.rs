//! Which next hop linnetd tells its neighbours: its own, or the one that a route has.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use anyhow::{Result, ensure};
use hub::{BOUND, Hub, linnet};
use lab::{Daemon, Router, skip_if, wait_until};

/// The next hop that BIRD hears of for FRR's route.
fn next_hop_at_bird(asn: u32, settings: &str) -> Result<String> {
    let frr = Router::new(Daemon::Frr, 1).asn(65001).announces(&["10.244.1.0/24"]);
    let bird = Router::new(Daemon::Bird, 2).asn(asn).family("export none; gateway recursive;");
    let neighbors = [
        "address: 10.1.1.1, remote_as: 65001".to_owned(),
        format!("address: 10.1.2.1, remote_as: {asn}{settings}"),
    ];
    let configuration = linnet(&["ebgp_default: accept"], &neighbors.each_ref().map(String::as_str));
    let hub = Hub::with(&configuration, &[frr, bird])?;
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
