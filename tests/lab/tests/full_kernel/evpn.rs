//! containerlab/evpn-frr-reflector over a bad underlay, with FRR and with linnetd as the reflector: three hundred hosts come,
//! move and go, and both kernels are exact each time.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use lab::{Daemon, Feature, Lab, Random, Topology, skip_if, wait_until};

use crate::crowd::{Crowd, LEAVES};
use crate::fabric::{self, CONVERGE};
use crate::underlay::{self, End};

const TOPOLOGY: &str = "containerlab/evpn-frr-reflector/evpn-frr-reflector.clab.yml";
const HOSTS: u16 = 300;
/// How many hosts move at a time, how many go, and how often both happens.
const MOVES: usize = 100;
const ENDS: usize = 40;
const ROUNDS: usize = 3;

/// The ends of the underlay's cables, and how many per cent of what they send get lost.
const UNDERLAY: [(&str, &str, u32); 4] =
    [("leaf1", "eth1", 10), ("rr", "eth1", 10), ("leaf2", "eth1", 15), ("rr", "eth2", 15)];

/// The topology with trouble on the underlay before there is any session, and with hosts that say nothing but what the test
/// has them say.
fn topology() -> Result<Topology> {
    let mut topology = fabric::topology(TOPOLOGY)?;
    for (name, device, loss) in UNDERLAY {
        let node = topology.nodes.get_mut(name).with_context(|| format!("no {name}"))?;
        // One command in place of many: each takes its time under a kernel that is a process.
        node.exec = vec![format!("set -e\n{}\n{}", underlay::trouble(device, loss), node.exec.join("\n"))];
    }
    for (_, node) in topology.nodes.iter_mut().filter(|(name, _)| name.starts_with("host")) {
        for which in ["all", "default"] {
            node.sysctls.insert(format!("net.ipv6.conf.{which}.disable_ipv6"), "1".into());
        }
    }
    Ok(topology)
}

/// The same with linnetd in FRR's place.
fn reflected_by_linnet() -> Result<Topology> {
    let mut topology = topology()?;
    let configuration = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/three-leaves/rr/linnet.yaml");
    let rr = topology.nodes.get_mut("rr").context("no rr")?;
    rr.daemon = Some(Daemon::Linnet);
    rr.binds.insert("/etc/linnet/linnet.yaml".into(), configuration);
    Ok(topology)
}

fn underlay(lab: &Lab) -> Result<Vec<End<'_>>> {
    let end = |(node, device, loss)| Ok(End { node: lab.node(node)?, device, loss });
    UNDERLAY.into_iter().map(end).collect()
}

#[test]
fn tables_are_exact_over_a_bad_underlay() -> Result<()> {
    are_exact(&reflected_by_linnet()?)
}

#[test]
fn tables_are_exact_over_a_bad_underlay_by_way_of_frr() -> Result<()> {
    are_exact(&topology()?)
}

fn are_exact(topology: &Topology) -> Result<()> {
    skip_if!(
        topology.missing().or_else(|| Feature::Netem.missing()).or_else(|| Feature::VlanFiltering.missing())
    );
    let lab = Lab::up(topology)?;
    let underlay = underlay(&lab)?;
    // What the hosts say is all there is of them: who says nothing more is not asked.
    for (leaf, _) in LEAVES {
        fabric::reconfigure_evpn(lab.node(leaf)?, &["snooping: true", "probe_interval: 0"])?;
    }
    let mut crowd = Crowd::new(&lab)?;
    println!("sessions and flood lists after {:?}", crowd.wait_until_exact(&lab)?);
    let (first, second): (Vec<u16>, Vec<u16>) = (0..HOSTS).partition(|host| host % 2 == 0);
    crowd.appear(&first, 0)?;
    crowd.appear(&second, 1)?;
    println!("{HOSTS} hosts after {:?}", crowd.wait_until_exact(&lab)?);
    churn(&lab, &mut crowd)?;
    stays(&lab, &crowd)?;
    underlay::assert_lossy(&underlay)?;

    underlay.iter().try_for_each(End::clear)?;
    println!("exact {:?} after the trouble ended", crowd.wait_until_exact(&lab)?);
    // All hosts go at once, with their cables: what is left is the way to flood.
    crowd.vanish_with_cables(&lab)?;
    println!("nothing is left {:?} after the last host", crowd.wait_until_exact(&lab)?);
    LEAVES.iter().try_for_each(|(leaf, _)| underlay::assert_no_session_lost(lab.node(leaf)?))
}

/// Hosts move, others go and come back elsewhere; exact each time.
fn churn(lab: &Lab, crowd: &mut Crowd) -> Result<()> {
    let mut random = Random::new()?;
    for round in 1..=ROUNDS {
        let mut hosts: Vec<u16> = (0..HOSTS).collect();
        let mut take = |count: usize| -> Vec<u16> {
            let take_one = |_| hosts.swap_remove(random.below(hosts.len() as u64) as usize);
            (0..count).map(take_one).collect()
        };
        let (moving, ending) = (take(MOVES), take(ENDS));
        let (to_second, to_first): (Vec<u16>, Vec<u16>) =
            moving.into_iter().partition(|host| crowd.leaf(*host) == Some(0));
        crowd.appear(&to_second, 1)?;
        crowd.appear(&to_first, 0)?;
        crowd.vanish(lab, &ending)?;
        println!("round {round}: {MOVES} moved and {ENDS} gone after {:?}", crowd.wait_until_exact(lab)?);
        crowd.appear(&ending, round % 2)?;
        println!("round {round}: back after {:?}", crowd.wait_until_exact(lab)?);
    }
    Ok(())
}

/// While nobody moves nothing is taken out of the kernels, for longer than a session lives that hears nothing.
fn stays(lab: &Lab, crowd: &Crowd) -> Result<()> {
    let leaf = lab.node("leaf2")?;
    let recording = fabric::record_rows(leaf)?;
    let keepalives = || -> Result<u64> {
        let shown = leaf.linnet("neighbor")?;
        Ok(shown[0]["messages_received"]["keepalive"].as_u64().unwrap_or_default())
    };
    let before = keepalives()?;
    wait_until(CONVERGE, "more KEEPALIVEs", || {
        let now = keepalives()?;
        ensure!(now > before + 3, "{now} after {before}");
        Ok(())
    })?;
    crowd.wait_until_exact(lab)?;
    assert_eq!(fabric::removed(&recording)?, [""; 0]);
    Ok(())
}
