//! linnetd of a leaf is killed at random moments, again and again, while hosts behind the other leaf come and go and two
//! flows cross the fabric: what goes out by this leaf's kernel loses nothing, and in the end its tables have what there
//! is, and nothing else.

mod fabric;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bgp::types::Mac;
use fabric::{CONVERGE, Host, host};
use lab::packet::{Flow, Passage, send_as};
use lab::{Lab, Random, netlink, rounds, skip_if, wait_until};

/// So many hosts come and go.
const FLEETING: u8 = 24;
/// As a rule; LINNET_ROUNDS says otherwise.
const ROUNDS: u64 = 8;
const PACE: Duration = Duration::from_millis(5);
/// Within this time after a change it is on its way to the kernel.
const ON_ITS_WAY: Duration = Duration::from_millis(300);
/// Within this time after its start a daemon has not come to rest.
const RESTLESS: Duration = Duration::from_millis(1500);

fn fleeting(n: u8) -> Mac {
    Mac([2, 0, 0, 0, 1, n])
}

/// A fabric with traffic, and hosts that come and go behind leaf2.
struct Stage {
    lab: Lab,
    random: Random,
    there: BTreeSet<u8>,
    staying: [Host; 2],
    /// From host1 to host2, by what linnetd wrote, and back, by what it announces.
    flows: [Flow; 2],
}

impl Stage {
    fn up(topology: &lab::Topology) -> Result<Stage> {
        let lab = Lab::up(topology)?;
        let staying = [host("host1", "leaf1", 11), host("host2", "leaf2", 21)];
        // A host that came stays until it is told to go.
        lab.node("leaf2")?.sh("ip link set br100 type bridge ageing_time 360000")?;
        fabric::introduce_both(&lab, staying)?;
        let [one, other] = staying;
        let flow = |from: Host, to: Host| -> Result<Flow> {
            let flow = Flow::start(lab.node(from.node)?.netns(), lab.node(to.node)?.netns(), to.ip, PACE)?;
            wait_until(CONVERGE, "datagram", || {
                flow.so_far().arrived_since(Instant::now() - CONVERGE).ok_or("none")
            })?;
            Ok(flow)
        };
        let flows = [flow(one, other)?, flow(other, one)?];
        Ok(Stage { lab, random: Random::new()?, there: BTreeSet::new(), staying, flows })
    }

    /// Some hosts come and some go.
    fn churn(&mut self) -> Result<()> {
        let wanted: BTreeSet<u8> = (0..FLEETING).filter(|_| self.random.below(2) == 0).collect();
        self.have(wanted)
    }

    /// Has these hosts there, and no others.
    fn have(&mut self, wanted: BTreeSet<u8>) -> Result<()> {
        let come: Vec<Mac> = wanted.difference(&self.there).copied().map(fleeting).collect();
        let go = self.there.difference(&wanted).copied().map(fleeting);
        let go: String = go.map(|mac| format!("fdb del {mac} dev eth2 master\n")).collect();
        self.lab.node("leaf2")?.sh(&format!("bridge -batch - <<'END'\n{go}END"))?;
        self.lab.node("host2")?.netns().run(|| send_as("eth1", come, Mac([2, 0, 0, 1, 0, 1])))??;
        self.there = wanted;
        Ok(())
    }

    /// Waits until leaf1's kernel has what there is, and nothing else; how long that took.
    fn settle(&self) -> Result<Duration> {
        let (began, leaf1, [_, remote]) = (Instant::now(), self.lab.node("leaf1")?, self.staying);
        let expected: BTreeSet<Mac> = self.there.iter().copied().map(fleeting).chain([remote.mac]).collect();
        wait_until(CONVERGE, "right tables", || {
            let (rows, neighbors) = fabric::tables(leaf1, 100)?;
            for own in [true, false] {
                let ours =
                    rows.iter().filter(|row| row.extern_learn && row.own == own && row.mac != Mac::ZERO);
                let macs: BTreeSet<Mac> = ours.map(|row| row.mac).collect();
                ensure!(macs == expected, "{} MACs, own {own}, instead of {}", macs.len(), expected.len());
            }
            let floods = leaf1.netns().run(|| netlink::flood_list("vxlan100"))??;
            ensure!(floods == [std::net::IpAddr::from(remote.vtep)], "{floods:?}");
            let ours: Vec<_> = neighbors.iter().filter(|row| row.extern_learn).collect();
            let is_known = ours.iter().any(|row| row.ip == std::net::IpAddr::from(remote.ip));
            ensure!(is_known && ours.iter().all(|row| row.mac == Some(remote.mac)), "{ours:#?}");
            let diff = leaf1.linnet("fib diff")?;
            ensure!(diff.as_array().is_some_and(Vec::is_empty), "{diff:#}");
            Ok(())
        })?;
        Ok(began.elapsed())
    }

    fn kill(&mut self) -> Result<()> {
        Ok(self.lab.node_mut("leaf1")?.kill_daemon()?)
    }

    fn start(&mut self) -> Result<()> {
        self.lab.node_mut("leaf1")?.start_daemon()
    }

    /// One round. At times the next one comes before this one's daemon has come to rest.
    fn round(&mut self, number: u64) -> Result<()> {
        self.churn()?;
        std::thread::sleep(self.random.time_below(ON_ITS_WAY));
        self.kill()?;
        if self.random.below(2) == 0 {
            self.churn()?;
        }
        std::thread::sleep(self.random.time_below(ON_ITS_WAY));
        self.start()?;
        if self.random.below(3) == 0 {
            std::thread::sleep(self.random.time_below(RESTLESS));
            println!("round {number}: not waited for");
        } else {
            println!("round {number}: right {} ms after the start", self.settle()?.as_millis());
        }
        Ok(())
    }

    /// Rounds, and an end in which all that came has gone. What became of the flows.
    fn run(mut self) -> Result<[Passage; 2]> {
        for number in 0..rounds(ROUNDS)? {
            self.round(number)?;
        }
        self.settle()?;
        self.have(BTreeSet::new())?;
        self.settle()?;
        let [one, other] = self.staying;
        fabric::wait_until_known(self.lab.node("leaf2")?, one)?;
        fabric::wait_until_known(self.lab.node("leaf1")?, other)?;
        let [there, back] = self.flows;
        let passages = [there.stop()?, back.stop()?];
        let [there, back] = &passages;
        println!("host1 to host2: {}\nhost2 to host1: {}", there.summary(), back.summary());
        Ok(passages)
    }
}

/// With linnetd as reflector, which keeps what the leaf has told it: not a datagram is lost either way.
#[test]
fn behind_a_reflector_that_waits_nothing_is_lost() -> Result<()> {
    let topology = fabric::topology("containerlab/evpn-mixed/evpn-mixed.clab.yml")?;
    skip_if!(topology.missing());
    let [there, back] = Stage::up(&topology)?.run()?;
    assert_eq!(there.lost(), [0; 0]);
    assert_eq!(back.lost(), [0; 0]);
    Ok(())
}

/// FRR keeps no EVPN routes of who restarts, so others lose their way to this leaf until it has told them again. What it
/// sends loses nothing.
#[test]
fn behind_frr_nothing_that_is_sent_is_lost() -> Result<()> {
    let topology = fabric::topology("tests/lab/tests/frr-around/frr-around.clab.yml")?;
    skip_if!(topology.missing());
    let [there, _] = Stage::up(&topology)?.run()?;
    assert_eq!(there.lost(), [0; 0]);
    Ok(())
}
