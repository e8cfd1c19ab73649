//! Hosts that say nothing: they stay as long as they answer, go when they do not, are found again after a restart, and
//! are learnt on bridges without an address. linnet on leaf1, FRR on leaf2.

mod fabric;
mod silence;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bgp::types::Mac;
use fabric::{CONVERGE, Host, host};
use lab::packet::{Capture, announce};
use lab::{Lab, skip_if, wait_until};
use silence::{Leaf, TOPOLOGY};

/// The hosts behind linnet and behind FRR.
fn hosts() -> (Host, Host) {
    (host("host1", "leaf1", 11), host("host2", "leaf2", 21))
}

/// The bridge forgets a MAC after three seconds of silence: without being asked the host would be gone by then. Asked it
/// stays, not withdrawn once, until it answers no more.
#[test]
fn a_silent_host_stays_while_it_answers_and_goes_when_it_is_dead() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let (host1, host2) = hosts();
    let leaf = Leaf::of(&lab)?;
    // The kernel knows no neighbours here, so it asks nobody by itself.
    leaf.strip_addresses()?;
    leaf.configure("snooping: true, probe_interval: 2")?;
    leaf.shorten_memory()?;
    fabric::introduce_both(&lab, [host1, host2])?;
    fabric::wait_until_frr_has_neighbor(lab.node("leaf2")?, host1)?;

    let rows = fabric::record_rows(lab.node("leaf2")?)?;
    let underlay = Capture::start(lab.node("leaf1")?.netns(), "eth1")?;
    let asked = Capture::start(lab.node("host1")?.netns(), "eth1")?;
    let answered = leaf.count("answered")?;
    leaf.wait_for_count("answered", answered + 5)?;
    let removed = silence::removals(&rows, host1)?;
    ensure!(removed.is_empty(), "withdrawn though it answers: {removed:#?}");
    assert_eq!(fabric::remote_rows(lab.node("leaf2")?, host1)?.len(), 3);
    assert_eq!(silence::questions_in_tunnel(&underlay, host1.vtep)?, 0, "a question went through the tunnel");
    // The bridge has no address to ask from.
    ensure!(silence::questions_from(&asked, Ipv4Addr::UNSPECIFIED)? >= 5, "{:#?}", asked.frames()?);

    silence::silence(&lab, host1)?;
    let silent = Instant::now();
    fabric::wait_until_forgotten(lab.node("leaf2")?, host1)?;
    println!("a dead host was withdrawn {:.1} s after its last word", silent.elapsed().as_secs_f32());
    ensure!(leaf.count("given_up")? >= 1, "nobody was given up");

    // And back at its first word.
    silence::wake(&lab, host1)?;
    fabric::introduce(&lab, host1)?;
    fabric::wait_until_known(lab.node("leaf2")?, host1)
}

/// A stranger flushes what the kernel has of a host, or its bridge goes down and up: the host says nothing of itself. When
/// it is dead the kernel has it still, stale, and it goes all the same.
#[test]
fn a_host_that_the_kernel_was_made_to_forget_is_found_by_asking() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let (host1, host2) = hosts();
    let leaf = Leaf::of(&lab)?;
    fabric::introduce_both(&lab, [host1, host2])?;
    fabric::wait_until_frr_has_neighbor(lab.node("leaf2")?, host1)?;

    let rows = fabric::record_rows(lab.node("leaf2")?)?;
    let asked = Capture::start(lab.node("host1")?.netns(), "eth1")?;
    for flush in [
        format!("ip neigh del {} dev br100", host1.ip),
        format!("bridge fdb del {} dev eth2 master", host1.mac),
    ] {
        let answered = leaf.count("answered")?;
        leaf.node.sh(&flush)?;
        leaf.wait_for_count("answered", answered + 1)?;
    }
    let removed = silence::removals(&rows, host1)?;
    ensure!(removed.is_empty(), "withdrawn though it answers: {removed:#?}");

    // The bridge has an address in the host's network, so that asks.
    ensure!(silence::questions_from(&asked, fabric::GATEWAY)? >= 2, "{:#?}", asked.frames()?);

    leaf.node.sh("ip link set br100 down")?;
    fabric::wait_until_forgotten(lab.node("leaf2")?, host1)?;
    leaf.node.sh("ip link set br100 up")?;
    let up = Instant::now();
    fabric::wait_until_known(lab.node("leaf2")?, host1)?;
    println!("a bridge that was down had its silent host back after {} ms", up.elapsed().as_millis());

    leaf.node.sh(&format!("ip neigh replace {} lladdr {} dev br100 nud stale", host1.ip, host1.mac))?;
    leaf.configure("probe_interval: 2")?;
    fabric::wait_until_frr_has_neighbor(lab.node("leaf2")?, host1)?;
    silence::silence(&lab, host1)?;
    wait_until(CONVERGE, "end of the host's address in FRR", || {
        let neighbors = lab.node("leaf2")?.vtysh("show evpn arp-cache vni 100")?;
        ensure!(!neighbors.contains(&host1.ip.to_string()), "{neighbors}");
        Ok(())
    })
}

/// No address on the bridge and no neighbour in the kernel: what hosts say is enough for routes with addresses, and so
/// for the other leaf to answer on their behalf.
#[test]
fn snooping_needs_no_address_on_the_bridge() -> Result<()> {
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let mut lab = Lab::up(&topology)?;
    let (host1, host2) = hosts();
    let leaf = Leaf::of(&lab)?;
    leaf.strip_addresses()?;
    leaf.configure("snooping: true, probe_interval: 2")?;
    fabric::introduce_both(&lab, [host1, host2])?;
    fabric::wait_until_frr_has_neighbor(lab.node("leaf2")?, host1)?;
    let known = leaf.node.sh(&format!("ip neigh show {} dev br100", host1.ip))?;
    ensure!(known.is_empty(), "the kernel knows the host: {known}");

    let underlay = Capture::start(lab.node("leaf1")?.netns(), "eth1")?;
    fabric::assert_pings(&lab, host2, host1)?;
    fabric::assert_pings(&lab, host1, host2)?;
    let answered = leaf.count("answered")?;
    leaf.wait_for_count("answered", answered + 2)?;
    assert_eq!(underlay.address_resolution_in_vxlan()?, 0, "ARP for known hosts crossed the underlay");

    // Another machine takes the address over and says so.
    let taker = Host { mac: Mac([2, 0, 0, 0, 0, 0x99]), ..host1 };
    lab.node("host1")?.sh(&format!("ip link set eth1 address {}", taker.mac))?;
    let moved = Instant::now();
    lab.node("host1")?.netns().run(|| announce("eth1", taker.ip))??;
    fabric::wait_until_frr_has_neighbor(lab.node("leaf2")?, taker)?;
    println!("a gratuitous ARP moved an address within {} ms", moved.elapsed().as_millis());

    // Killed, and nobody there says a word by itself: neither the kernel nor the hosts know anything.
    leaf.wait_until_written_down(taker)?;
    lab.node_mut("leaf1")?.kill_daemon()?;
    fabric::wait_until_forgotten(lab.node("leaf2")?, taker)?;
    lab.node("leaf1")?.sh(&format!("bridge fdb del {} dev eth2 master", taker.mac))?;
    let started = Instant::now();
    lab.node_mut("leaf1")?.start_daemon()?;
    fabric::wait_until_frr_has_neighbor(lab.node("leaf2")?, taker)?;
    println!(
        "after kill -9 a silent host's route was back {} ms after the start",
        started.elapsed().as_millis()
    );
    let leaf = Leaf::of(&lab)?;
    ensure!(leaf.count("snooped")? == 0, "the host spoke by itself");
    Ok(())
}

/// As many hosts as one likes, none of which answers: questions leave at the configured rate, not faster.
#[test]
fn two_thousand_hosts_make_no_storm() -> Result<()> {
    const HOSTS: u16 = 2000;
    const RATE: u64 = 500;
    let topology = fabric::topology(TOPOLOGY)?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    let leaf = Leaf::of(&lab)?;
    leaf.strip_addresses()?;
    leaf.configure(&format!("snooping: true, probe_interval: 1, probe_rate: {RATE}"))?;
    let underlay = Capture::start(lab.node("leaf1")?.netns(), "eth1")?;
    let asked = Capture::start(lab.node("host1")?.netns(), "eth1")?;
    let began = Instant::now();
    silence::crowd(&lab, "host1", HOSTS)?;
    leaf.wait_for_count("snooped", HOSTS.into())?;

    // Looked at every while: how many more questions have arrived, and how many may have.
    let (mut seen, mut fastest) = (silence::questions(&asked)?, 0.0_f64);
    let mut looked = Instant::now();
    wait_until(CONVERGE, "the last of all questions", || {
        std::thread::sleep(Duration::from_millis(500));
        let (now, count) = (Instant::now(), silence::questions(&asked)?);
        fastest = fastest.max((count - seen) as f64 / now.duration_since(looked).as_secs_f64());
        (seen, looked) = (count, now);
        ensure!(leaf.count("given_up")? >= HOSTS.into(), "{count} questions so far");
        Ok(())
    })?;
    let rate = seen as f64 / began.elapsed().as_secs_f64();
    println!("{seen} questions, {rate:.0} a second; {fastest:.0} in the fastest half second");
    // A tenth of a second's may leave at once.
    ensure!(fastest <= RATE as f64 * 1.3, "{fastest:.0} questions a second");
    ensure!(seen >= usize::from(HOSTS) * 3, "only {seen} questions");
    assert_eq!(silence::questions_in_tunnel(&underlay, fabric::vtep("leaf1"))?, 0, "questions in the tunnel");
    Ok(())
}
