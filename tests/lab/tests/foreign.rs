//! What others put into the kernel is never replaced and never deleted: the conflict is shown, and it heals when
//! they take it away.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod stage;

use std::net::IpAddr;

use anyhow::{Context, Result, ensure};
use lab::netlink::{self, Link};
use lab::speaker::Speaker;
use lab::speaker::octets::{MacIp, end_of_rib, flood};
use lab::{cable, daemon, skip_if, wait_until};
use serde_json::Value;
use stage::{BOUND, Stage, golden, host};

fn missing() -> Option<String> {
    stage::missing().or_else(|| ["ip", "bridge"].into_iter().find_map(daemon::missing_program))
}

/// A stage whose only neighbour has sent all it has: what linnetd found and could call stale, it has swept.
fn swept(stage: &Stage) -> Result<Speaker> {
    let mut speaker = stage.establish(1)?;
    speaker.send(&end_of_rib())?;
    // A host of its own that comes and goes shows that linnetd is done with what came before.
    speaker.send(&host(250).announcement())?;
    stage.wait_until_known(host(250))?;
    speaker.send(&host(250).withdrawal())?;
    stage.wait_until_forgotten(host(250))?;
    Ok(speaker)
}

/// Waits until linnetd shows that what it wants under `key` is kept out by somebody, and says why.
fn wait_for_conflict(stage: &Stage, kind: &str, key: &str) -> Result<()> {
    let row = wait_until(BOUND, &format!("conflict of {kind} {key}"), || {
        let diff = stage.leaf.linnet("fib diff")?;
        let rows = diff.as_array().context("no list")?;
        let row =
            rows.iter().find(|row| row["kind"] == kind && row["key"] == key && row["state"] == "conflict");
        row.cloned().with_context(|| format!("{diff:#}"))
    })?;
    ensure!(row["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "no reason: {row:#}");
    Ok(())
}

fn wait_for_agreement(stage: &Stage) -> Result<()> {
    wait_until(BOUND, "agreement", || {
        let diff = stage.leaf.linnet("fib diff")?;
        ensure!(diff.as_array().is_some_and(Vec::is_empty), "{diff:#}");
        Ok(())
    })
}

/// The one row of a table of `linnet evpn` for a host.
fn shown(stage: &Stage, table: &str, MacIp { mac, .. }: MacIp) -> Result<Value> {
    let rows = stage.leaf.linnet(&format!("evpn {table} --mac {mac}"))?;
    rows.get(0).cloned().with_context(|| format!("no row for {mac}: {rows:#}"))
}

#[test]
fn a_permanent_neighbour_of_the_users_stays() -> Result<()> {
    skip_if!(missing());
    let stage = Stage::up(1)?;
    let host = host(2);
    let set = "ip neigh add 192.168.1.2 lladdr 02:00:00:00:99:99 dev br100 nud permanent";
    let theirs = "192.168.1.2 dev br100 lladdr 02:00:00:00:99:99 PERMANENT".to_owned();
    stage.leaf.sh(set)?;
    let mut speaker = swept(&stage)?;
    speaker.send(&host.announcement())?;
    let mut rows = golden(host);
    rows[2].clone_from(&theirs);
    stage.wait_for_rows(host, &rows)?;
    wait_for_conflict(&stage, "neighbor", "192.168.1.2")?;
    assert_eq!(shown(&stage, "arp", host)?["kernel"], "conflict");

    stage.leaf.sh("ip neigh del 192.168.1.2 dev br100")?;
    stage.wait_until_known(host)?;
    wait_for_agreement(&stage)?;
    assert_eq!(shown(&stage, "arp", host)?["kernel"], "programmed");

    // They may also take linnetd's place; the kernel keeps the protocol that it stood under.
    let theirs = format!("{theirs} proto 108");
    rows[2].clone_from(&theirs);
    stage.leaf.sh(&set.replace("neigh add", "neigh replace"))?;
    stage.wait_for_rows(host, &rows)?;
    wait_for_conflict(&stage, "neighbor", "192.168.1.2")?;
    speaker.send(&host.withdrawal())?;
    stage.wait_for_rows(host, &[theirs])
}

#[test]
fn a_tunnel_row_of_the_users_stays() -> Result<()> {
    skip_if!(missing());
    let stage = Stage::up(1)?;
    let host = MacIp { ip: None, ..host(2) };
    stage.leaf.sh(&format!("bridge fdb add {} dev vxlan100 dst 10.99.0.1 self static", host.mac))?;
    let theirs = stage.rows(host)?;
    assert_eq!(theirs.len(), 1, "{theirs:?}");
    let mut speaker = swept(&stage)?;
    speaker.send(&host.announcement())?;
    wait_for_conflict(&stage, "mac", &host.mac.to_string())?;
    let rows = stage.rows(host)?;
    assert!(rows.contains(&theirs[0]), "{rows:#?}");
    assert_eq!(shown(&stage, "mac", host)?["kernel"], "conflict");

    stage.leaf.sh(&format!("bridge fdb del {} dev vxlan100 dst 10.99.0.1 self", host.mac))?;
    stage.wait_until_known(host)?;
    wait_for_agreement(&stage)
}

/// Puts a host's MAC on an access port with `bridge fdb` and these words; how its row looks.
fn pin(stage: &Stage, host: MacIp, words: &str) -> Result<Vec<String>> {
    cable((stage.leaf.netns(), "pod"), (&stage.outside, "pod"))?;
    stage.leaf.netns().run(|| Link::named("pod")?.set_master(&Link::named("br100")?))??;
    stage.leaf.sh(&format!("bridge fdb add {} dev pod master {words}", host.mac))?;
    let rows = on_port(stage, host)?;
    assert_eq!(rows.len(), 1, "{rows:?}");
    Ok(rows)
}

/// A host's rows on that port.
fn on_port(stage: &Stage, host: MacIp) -> Result<Vec<String>> {
    let rows = stage.leaf.netns().run(|| netlink::fdb("pod"))??;
    Ok(rows.iter().filter(|row| row.mac == host.mac).map(ToString::to_string).collect())
}

/// The user says that the host is here and does not move, so linnetd tells that and hears nobody else
/// (RFC 7432 section 15.2).
#[test]
fn a_sticky_row_on_a_port_is_a_host_that_does_not_move() -> Result<()> {
    skip_if!(missing());
    let stage = Stage::up(1)?;
    let host = MacIp { ip: None, ..host(2) };
    let theirs = pin(&stage, host, "static sticky")?;
    let mut speaker = swept(&stage)?;
    speaker.send(&MacIp { sequence: 7, ..host }.announcement())?;
    wait_until(BOUND, "claim that lost", || {
        let mac = shown(&stage, "mac", host)?;
        ensure!(mac["type"] == "local" && mac["sticky"] == true && mac["remote_sequence"] == 7, "{mac:#}");
        Ok(())
    })?;
    assert_eq!(on_port(&stage, host)?, theirs);
    assert_eq!(stage.rows(host)?, [""; 0], "nothing of it in the tunnel");
    drop(speaker);
    stage.wait_for_neighbor(1, "end", |shown| shown["state"] != "established")?;
    assert_eq!(on_port(&stage, host)?, theirs);
    Ok(())
}

/// Static alone does not say that it may not move. It has moved, by its sequence, and yet the row is the user's.
#[test]
fn a_static_row_on_a_port_stays_when_its_host_has_moved() -> Result<()> {
    skip_if!(missing());
    let stage = Stage::up(1)?;
    let host = MacIp { ip: None, ..host(2) };
    let theirs = pin(&stage, host, "static")?;
    let mut speaker = swept(&stage)?;
    speaker.send(&MacIp { sequence: 7, ..host }.announcement())?;
    wait_for_conflict(&stage, "mac", &host.mac.to_string())?;
    assert_eq!(on_port(&stage, host)?, theirs);
    stage.leaf.sh(&format!("bridge fdb del {} dev pod master", host.mac))?;
    stage.wait_until_known(host)?;
    wait_for_agreement(&stage)
}

#[test]
fn flood_rows_of_the_users_stay() -> Result<()> {
    skip_if!(missing());
    let stage = Stage::up(1)?;
    let [ours, both, theirs] = [1, 2, 3].map(|last| IpAddr::from([10, 9, 9, last]));
    for vtep in [both, theirs] {
        stage
            .leaf
            .sh(&format!("bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst {vtep} self permanent"))?;
    }
    let wait_for_list = |wanted: &[IpAddr]| {
        wait_until(BOUND, "flood list", || {
            let list = stage.leaf.netns().run(|| netlink::flood_list("vxlan100"))??;
            ensure!(list == wanted, "{list:?} instead of {wanted:?}");
            Ok(())
        })
    };
    let mut speaker = swept(&stage)?;
    wait_for_list(&[both, theirs])?;
    speaker.send(&flood([10, 9, 9, 1].into()))?;
    speaker.send(&flood([10, 9, 9, 2].into()))?;
    wait_for_list(&[ours, both, theirs])?;
    // The session's end takes all its routes away, and with them what linnetd wrote.
    drop(speaker);
    wait_for_list(&[both, theirs])
}
