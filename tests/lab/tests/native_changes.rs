//! What changes in native mode while it runs, and where it writes: a node's CIDR, by reload and in a watched file; and a
//! table, a metric and a protocol of its own.

mod hub;
mod lan;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hub::BOUND;
use lab::{Daemon, skip_if, wait_until};
use lan::{Lan, TIMES, address, assert_nothing_lost, linnet, neighbors, own_block, way};

const NODES: [u8; 3] = [1, 2, 3];

/// How long news of a prefix may take from one node to the others' kernels on a machine under load.
const SOON: Duration = Duration::from_secs(2);

/// A node of the mesh of three with these lines of `native`.
fn node(n: u8, native: &str) -> String {
    let mesh = format!("  mesh: {{ nodes: [{}-{}], {TIMES} }}\n", address(1), address(3));
    linnet(n, &mesh, native)
}

fn up(first: &str) -> Result<Lan> {
    let texts = [node(1, first), node(2, &own_block(2)), node(3, &own_block(3))];
    let parts: Vec<_> = (1..).zip(&texts).map(|(n, text)| (n, Daemon::Linnet, &**text)).collect();
    let lan = Lan::up(&parts)?;
    Ok(lan)
}

/// Waits until the two other kernels have exactly these prefixes of node 1, and each other's block.
fn wait_for_prefixes(lan: &Lan, prefixes: &[&str]) -> Result<Duration> {
    let since = Instant::now();
    for (n, other) in [(2, 3), (3, 2)] {
        let of_first = |prefix: &&str| format!("{prefix} via {} dev eth1 metric 50", address(1));
        let mut routes: Vec<String> = prefixes.iter().map(of_first).collect();
        routes.push(way(other));
        lan.wait_for_routes(n, &routes)?;
    }
    Ok(since.elapsed())
}

/// The node's own kernel drops what is for nobody in its blocks, and in no other.
fn wait_for_blackholes(lan: &Lan, blocks: &[&str]) -> Result<()> {
    wait_until(BOUND, "blackholes", || {
        let shown = lan.node(1)?.sh("ip route show type blackhole proto 108")?;
        let expected: String = blocks.iter().map(|block| format!("blackhole {block} metric 50 \n")).collect();
        ensure!(shown == expected, "{shown:?} instead of {expected:?}");
        Ok(())
    })
}

#[test]
fn a_nodes_cidr_changes_by_reload() -> Result<()> {
    skip_if!(lan::missing(&[]));
    let lan = up(&own_block(1))?;
    lan.wait_for_all_ways(&NODES)?;
    let flow = lan.start_pinging(2, 3)?;
    let changes: [(&str, &[&str]); 3] = [
        ("  blocks: [10.244.101.0/26]\n", &["10.244.101.0/26"]),
        ("  blocks: [10.244.1.0/26, 10.244.101.0/26]\n", &["10.244.1.0/26", "10.244.101.0/26"]),
        ("  blocks: [10.244.1.0/26]\n", &["10.244.1.0/26"]),
    ];
    for (native, prefixes) in changes {
        lan.reload(1, &node(1, native))?;
        let took = wait_for_prefixes(&lan, prefixes)?;
        println!("{prefixes:?} in the others' kernels {took:?} after the reload");
        assert!(took < SOON, "{took:?}");
        wait_for_blackholes(&lan, prefixes)?;
    }
    lan.assert_pings(&NODES)?;
    assert_nothing_lost(vec![flow])
}

#[test]
fn a_nodes_cidr_changes_in_a_watched_file() -> Result<()> {
    skip_if!(lan::missing(&[]));
    let lan = up("  files: [{ path: /run/files/cidr, kind: blocks }]\n")?;
    wait_for_prefixes(&lan, &[])?;
    let flow = lan.start_pinging(2, 3)?;
    let changes: [&[&str]; 4] =
        [&["10.244.1.0/26"], &["10.244.101.0/26"], &["10.244.1.0/26", "10.244.101.0/26"], &["10.244.1.0/26"]];
    for prefixes in changes {
        lan.node(1)?.write_file(Path::new("/cidr"), (prefixes.join("\n") + "\n").as_bytes())?;
        let took = wait_for_prefixes(&lan, prefixes)?;
        println!("{prefixes:?} in the others' kernels {took:?} after the file was written");
        assert!(took < SOON, "{took:?}");
        wait_for_blackholes(&lan, prefixes)?;
    }
    lan.assert_pings(&NODES)?;
    lan.node(1)?.sh("rm /run/files/cidr")?;
    let took = wait_for_prefixes(&lan, &[])?;
    println!("gone from the others' kernels {took:?} after the file was");
    assert_nothing_lost(vec![flow])
}

/// A route of each node's is in table 100, which packets to pods are looked up in by a rule, and none in the main table.
#[test]
fn a_table_a_metric_and_a_protocol_of_its_own() -> Result<()> {
    skip_if!(lan::missing(&[]));
    let native = |n| format!("  table: 100\n  metric: 77\n  protocol: 200\n{}", own_block(n));
    let text = |n: u8| linnet(n, &neighbors(&[3 - n], TIMES), &native(n));
    let texts = [text(1), text(2)];
    let lan = Lan::laid(&[(1, Daemon::Linnet, &texts[0]), (2, Daemon::Linnet, &texts[1])])?;
    for n in [1, 2] {
        // The node's own pods are in the main table, and come first: in table 100 is a blackhole for all their block.
        lan.node(n)?.sh("ip rule add priority 90 lookup main suppress_prefixlength 0
             ip rule add priority 100 to 10.244.0.0/16 lookup 100")?;
    }
    let lan = lan.start()?;
    for (n, other) in [(1, 2), (2, 1)] {
        let expected = format!(
            "blackhole 10.244.{n}.0/26 proto 200 metric 77 \n10.244.{other}.0/26 via {} dev eth1 proto 200 metric 77 \n",
            address(other)
        );
        wait_until(BOUND, "routes in table 100", || {
            let shown = lan.node(n)?.sh("ip route show table 100")?;
            let sorted = |text: &str| {
                let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
                lines.sort();
                lines
            };
            ensure!(sorted(&shown) == sorted(&expected), "{shown} instead of {expected}");
            Ok(())
        })?;
        let main = lan.node(n)?.sh("ip -N route show")?;
        assert!(!main.contains("proto 200") && !main.contains("proto 108"), "{main}");
        let rows = lan.node(n)?.linnet("route")?;
        assert_eq!(rows[0]["protocol"], 200, "{rows:#}");
    }
    lan.assert_pings(&[1, 2])?;

    // Without the rule nobody looks there: it is these routes that the pods are reached by.
    lan.node(1)?.sh("ip rule del priority 100")?;
    assert!(lan.assert_pings(&[1, 2]).is_err(), "without the rule");
    lan.node(1)?.sh("ip rule add priority 100 to 10.244.0.0/16 lookup 100")?;
    lan.assert_pings(&[1, 2])?;

    // Others' routes in the table stay when ours go.
    lan.node(1)?.sh("ip route add 10.99.0.0/24 dev eth1 table 100 proto static metric 77")?;
    lan.reload(2, &linnet(2, &neighbors(&[1], TIMES), "  table: 100\n  metric: 77\n  protocol: 200\n"))?;
    wait_until(BOUND, "end of the route", || {
        let shown = lan.node(1)?.sh("ip route show table 100 type unicast")?;
        ensure!(shown.trim() == "10.99.0.0/24 dev eth1 proto static scope link metric 77", "{shown}");
        Ok(())
    })
}
