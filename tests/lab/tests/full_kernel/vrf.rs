//! A routing domain (VRF) of the pods: `native.table` is its table, and the nodes speak with each other outside of it.

use anyhow::{Result, ensure};
use lab::{Daemon, Feature, skip_if, wait_until};

use crate::hub::BOUND;
use crate::lan::{self, Lan, TIMES, address, block, linnet, neighbors, own_block};

const NODES: [u8; 2] = [1, 2];

/// The domain, with the node's pod in it.
fn lay_domain(lan: &Lan, n: u8) -> Result<()> {
    let pod = lan::pod(n);
    let lines = format!(
        "ip link add pods type vrf table 10 && ip link set pods up && ip link set eth2 master pods
         ip route replace {pod} dev eth2 vrf pods"
    );
    lan.node(n)?.sh(&lines).map(drop)
}

#[test]
fn routes_are_put_into_a_routing_domain() -> Result<()> {
    skip_if!(lan::missing(&[]).or_else(|| Feature::Vrf.missing()));
    let text = |n: u8| linnet(n, &neighbors(&[3 - n], TIMES), &format!("  table: 10\n{}", own_block(n)));
    let texts = [text(1), text(2)];
    let lan = Lan::laid(&[(1, Daemon::Linnet, &texts[0]), (2, Daemon::Linnet, &texts[1])])?;
    for n in NODES {
        lay_domain(&lan, n)?;
        // What comes from the other node is for the domain.
        lan.node(n)?.sh("ip rule add priority 900 iif eth1 to 10.244.0.0/16 lookup 10")?;
    }
    let lan = lan.start()?;
    for (n, other) in [(1, 2), (2, 1)] {
        wait_until(BOUND, &format!("route in the domain of node {n}"), || {
            let shown = lan.node(n)?.sh("ip -N route show vrf pods proto 108 type unicast")?;
            let way = format!("{} via {} dev eth1 metric 50", block(other), address(other));
            ensure!(shown.trim() == way, "{shown}");
            Ok(())
        })?;
        let main = lan.node(n)?.sh("ip -N route show proto 108")?;
        ensure!(main.is_empty(), "in the main table: {main}");
    }
    lan.assert_pings(&NODES)?;

    // The domain goes and comes back, with the pod: the routes are there.
    lan.node(1)?.sh("ip link del pods")?;
    lay_domain(&lan, 1)?;
    lan.assert_pings(&NODES)
}
