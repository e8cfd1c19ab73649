//! One MAC that five VTEPs claim: whoever is the best of those that still claim it has it, and no sequence of one that
//! has let go counts.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod stage;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bgp::types::Mac;
use lab::netlink::Link;
use lab::packet::{announce_as, send_as};
use lab::speaker::Speaker;
use lab::speaker::octets::MacIp;
use lab::{cable, skip_if, wait_until};
use stage::{BOUND, Stage, golden, host};

const BROADCAST: Mac = Mac([0xff; 6]);
/// The sequences of neighbours 1 to 5; of equals the lower VTEP is better (RFC 7432 section 15.1).
const SEQUENCES: [u32; 5] = [3, 900, 0, 50, 50];
/// The neighbours, the best first.
const ORDER: [usize; 5] = [2, 4, 5, 1, 3];

/// What neighbour `number` claims: a host that all of them say they have.
fn claim(number: usize) -> MacIp {
    let (vtep, sequence) = (host(number as u8).vtep, SEQUENCES[number - 1]);
    MacIp { vtep, sequence, ..host(77) }
}

fn speakers(stage: &Stage) -> Result<Vec<Speaker>> {
    (1..=5).map(|number| stage.establish(number)).collect()
}

/// The best lets go, and the next best has it, however much lower its sequence is: with its address.
#[test]
fn one_after_the_other_has_it() -> Result<()> {
    skip_if!(stage::missing());
    let stage = Stage::up(5)?;
    let mut speakers = speakers(&stage)?;
    // Neither in the order of their sequences nor in that of their addresses.
    for number in [3, 2, 5, 1, 4] {
        speakers[number - 1].send(&claim(number).announcement())?;
    }
    let mut longest = Duration::ZERO;
    for (at, number) in ORDER.into_iter().enumerate() {
        let began = Instant::now();
        stage.wait_for_rows(claim(number), &golden(claim(number)))?;
        if at > 0 {
            longest = longest.max(began.elapsed());
        }
        speakers[number - 1].send(&claim(number).withdrawal())?;
    }
    stage.wait_until_forgotten(claim(1))?;
    println!("from a withdrawal to the next one's rows in the kernel: {longest:?} at most");
    Ok(())
}

/// A host that is seen here counts on from those who claim it now, not from the one that claimed it best.
#[test]
fn who_takes_it_over_counts_from_those_who_are_left() -> Result<()> {
    skip_if!(stage::missing());
    let stage = Stage::up(5)?;
    cable((stage.leaf.netns(), "pod"), (&stage.outside, "pod"))?;
    stage.leaf.netns().run(|| Link::named("pod")?.set_master(&Link::named("br100")?))??;
    let mut speakers = speakers(&stage)?;
    for number in [2, 1] {
        speakers[number - 1].send(&claim(number).announcement())?;
    }
    stage.wait_until_known(claim(2))?;
    speakers[1].send(&claim(2).withdrawal())?;
    stage.wait_until_known(claim(1))?;

    let MacIp { mac, ip, .. } = host(77);
    stage.outside.run(|| announce_as("pod", mac, ip.unwrap_or(stage::LEAF)))??;
    let has = |sequence: u32| {
        wait_until(BOUND, &format!("MAC here with sequence {sequence}"), || {
            let rows = stage.leaf.linnet(&format!("evpn mac --mac {mac}"))?;
            let row = &rows[0];
            ensure!(row["type"] == "local" && row["local_sequence"] == sequence, "{rows:#}");
            Ok(())
        })
        .with_context(|| stage.leaf.log())
    };
    has(SEQUENCES[0] + 1)?;
    // Its address has come with it, and is announced.
    let arps = stage.leaf.linnet(&format!("evpn arp --mac {mac}"))?;
    assert_eq!(arps[0]["type"], "local", "{arps:#}");
    // Somebody claims it better, and its next frame takes it back.
    speakers[1].send(&claim(2).announcement())?;
    stage.wait_until_known(claim(2))?;
    stage.outside.run(|| send_as("pod", [mac], BROADCAST))??;
    has(SEQUENCES[1] + 1)
}
