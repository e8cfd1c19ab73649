//! Neighbours and strangers that want too much: memory stays flat, and the others' KEEPALIVEs come in time.

mod stage;

use std::io;
use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ipnet::Ipv4Net;
use lab::netlink::Link;
use lab::skip_if;
use lab::speaker::Speaker;
use lab::speaker::octets::{MacIp, attribute, kind, message, update};
use stage::bystander::{Bystander, HOLD_TIME, Pulse};
use stage::{Stage, host, open};

const MIB: u64 = 1 << 20;
/// The neighbour with a hold time of three seconds.
const PULSE: u8 = 2;
/// The neighbour that misbehaves.
const BAD: u8 = 3;

/// linnetd with its bystanders, and what it took before anybody misbehaved.
struct Watched {
    stage: Stage,
    bystander: Bystander,
    pulse: Pulse,
    memory: u64,
    lines: usize,
}

impl Watched {
    fn up(settings: &str) -> Result<Watched> {
        Watched::start(Stage::laid(BAD, settings)?)
    }

    fn start(stage: Stage) -> Result<Watched> {
        let stage = stage.start()?;
        let bystander = Bystander::new(&stage)?;
        let pulse = Pulse::start(&stage, PULSE)?;
        let (memory, lines) = (stage.leaf.memory()?, stage.leaf.log().lines().count());
        Ok(Watched { stage, bystander, pulse, memory, lines })
    }

    /// Nobody noticed, no more memory than this was taken, and no more lines than these were written.
    fn assert_bounded(self, what: &str, octets: u64, lines: usize) -> Result<()> {
        let Watched { stage, bystander, pulse, .. } = self;
        bystander.assert_untouched(&stage)?;
        let gap = pulse.longest_gap()?;
        let grown = stage.leaf.memory()?.saturating_sub(self.memory);
        let log = stage.leaf.log();
        let written = log.lines().count() - self.lines;
        let kib = grown / 1024;
        println!("{what}: memory grew by {kib} KiB, the longest silence was {gap:?}, {written} lines");
        ensure!(gap < HOLD_TIME, "silent for {gap:?}");
        ensure!(grown < octets, "memory grew by {kib} KiB");
        ensure!(written <= lines, "{written} lines:\n{log}");
        Ok(())
    }
}

#[test]
fn a_thousand_strangers() -> Result<()> {
    skip_if!(stage::missing().or_else(|| lab::daemon::missing_program("ss")));
    let watched = Watched::up("passive: true")?;
    let stranger = Ipv4Addr::new(10, 1, 0, 200);
    let outside = &watched.stage.outside;
    outside.run(|| {
        Link::named("eth1")?.add_address(Ipv4Net::new(stranger, 24).map_err(io::Error::other)?.into())
    })??;
    // They are let go of at the end, all at once, should linnetd not have done so before.
    let connect = |_| Speaker::connect(outside, stranger.into(), stage::LEAF.into());
    let strangers: Vec<Speaker> = (0..1000).map(connect).collect::<io::Result<_>>()?;
    let sockets = watched.stage.leaf.sh("ss -Htn state established '( sport = :179 )' | wc -l")?;
    ensure!(sockets.trim() == "2", "{sockets} connections are kept");
    drop(strangers);
    watched.assert_bounded("1,000 connections of strangers", 16 * MIB, 10)
}

#[test]
fn a_peer_that_flaps() -> Result<()> {
    skip_if!(stage::missing());
    let watched = Watched::up("passive: true")?;
    let hello = [message(kind::OPEN, &open(BAD).body()), message(kind::KEEPALIVE, &[])].concat();
    let (began, mut times) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(4) {
        let mut speaker = watched.stage.connect(BAD)?;
        // What comes of it is the peer's own affair: it does not look.
        let _ = speaker.send(&hello);
        times += 1;
        thread::sleep(Duration::from_millis(8));
    }
    let rate = f64::from(times) / began.elapsed().as_secs_f64();
    let shown = watched.stage.neighbor(BAD)?;
    ensure!(shown["flaps"].as_u64() < Some(6), "each pause is longer than the one before: {shown:#}");
    watched.assert_bounded(&format!("a peer that comes and goes {rate:.0} times a second"), 16 * MIB, 20)
}

/// One octet a second: the session neither ends nor holds anybody up, and what is whole at last is used.
#[test]
fn a_peer_that_sends_an_octet_a_second() -> Result<()> {
    skip_if!(stage::missing());
    let watched = Watched::up("passive: true")?;
    let mut slow = watched.stage.establish(BAD)?;
    let announcement = host(BAD).announcement();
    let (trickled, rest) = announcement.split_at(4);
    for octet in trickled {
        slow.send(&[*octet])?;
        thread::sleep(Duration::from_secs(1));
    }
    slow.send(rest)?;
    watched.stage.wait_until_known(host(BAD))?;
    watched.assert_bounded("an octet a second", 16 * MIB, 10)
}

/// A route of its own for each number.
fn numbered(number: u32) -> MacIp {
    let [_, a, b, c] = number.to_be_bytes();
    MacIp { mac: bgp::types::Mac([2, 0, 1, a, b, c]), ip: None, ..host(1) }
}

/// Routes pile up behind a peer that reads nothing: it costs no memory, the others get theirs, and the send hold
/// timer (RFC 9687) ends it.
#[test]
fn a_peer_that_never_reads() -> Result<()> {
    skip_if!(stage::missing());
    const ROUTES: u32 = 20_000;
    let stage = Stage::laid(BAD, "passive: true, route_reflector_client: true, send_hold_time: 90")?;
    // So that the kernel's buffers hold a small part of the routes.
    let small = || {
        std::fs::write("/proc/sys/net/ipv4/tcp_wmem", "4096 16384 65536")?;
        std::fs::write("/proc/sys/net/ipv4/tcp_rmem", "4096 16384 65536")
    };
    stage.leaf.netns().run(small)??;
    stage.outside.run(small)??;
    let configuration = stage.leaf.file("/etc/linnet/linnet.yaml")?;
    stage
        .leaf
        .sh(&format!("sed -i 's/send_hold_time: 90/hold_time: 9, send_hold_time: 9/' {configuration}"))?;
    let mut watched = Watched::start(stage)?;

    let deaf = watched.stage.establish(BAD)?;
    let fell_deaf = Instant::now();
    for number in 0..ROUTES {
        watched.bystander.speaker.send(&numbered(number).announcement())?;
    }
    watched.stage.wait_for_neighbor(PULSE, "all routes", |shown| {
        let evpn = &shown["families"][0];
        evpn["advertised"].as_u64() > Some(ROUTES.into()) && evpn["in_sync"] == true
    })?;
    let behind = watched.stage.neighbor(BAD)?;
    ensure!(behind["state"] == "established" && behind["families"][0]["in_sync"] == false, "{behind:#}");

    let shown = watched
        .stage
        .wait_for_neighbor(BAD, "end", |shown| shown["state"] != "established")
        .context("deaf")?;
    let took = fell_deaf.elapsed();
    ensure!(shown["last_error"].to_string().contains("send hold timer"), "{shown:#}");
    ensure!(took >= Duration::from_secs(9), "after {took:?}");
    drop(deaf);
    // The routes themselves are what is kept: about a kilobyte each in an unoptimised build, MAC tables included.
    watched.assert_bounded("a peer that never reads", 64 * MIB, 40)
}

/// Capability 6: messages of up to 65,535 octets (RFC 8654).
const EXTENDED_MESSAGES: [u8; 2] = [6, 0];

/// Each announcement of the one route has 4,096 communities, and no two have the same. They fit into no message
/// for the others, who are told that the route is gone; and that is counted.
#[test]
fn attribute_sets_of_4096_communities() -> Result<()> {
    skip_if!(stage::missing());
    let watched = Watched::up("passive: true, route_reflector_client: true")?;
    let mut large = watched.stage.establish_with(BAD, &open(BAD).body_with(&EXTENDED_MESSAGES))?;
    let mac = host(BAD);
    for set in 0..2000_u32 {
        let communities: Vec<u8> = (0..4096).flat_map(|n| (set << 12 | n).to_be_bytes()).collect();
        let mut attributes = mac.attributes();
        attributes.push(attribute(0xc0, 8, &communities));
        large.send(&update(&attributes))?;
    }
    watched.stage.wait_until_known(mac)?;
    let counted = |shown: &serde_json::Value| shown["oversized"].as_u64() > Some(0);
    watched.stage.wait_for_neighbor(1, "routes that were not sent", counted)?;
    let shown = watched.stage.neighbor(BAD)?;
    ensure!(shown["state"] == "established" && shown["faults_total"] == 0, "{shown:#}");
    watched.assert_bounded("2,000 sets of 4,096 communities", 32 * MIB, 10)
}
