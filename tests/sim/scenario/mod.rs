//! What befalls a network: hosts that come, move and go, pods, devices, sessions and whole nodes that fail, strangers
//! who meddle. All of it at random, and all of it over at the end, but for a node that may stay away for good.

mod daemons;
mod devices;
mod hosts;
mod network;
mod routes;
mod strangers;

use std::net::IpAddr;
use std::time::Duration;

use bgp::types::{Mac, Vni};
use fib::IfIndex;
use ipnet::IpNet;

use crate::hosts::{Host, Place};
use crate::node::Node;
use crate::sim::Sim;

/// How much befalls a network, and how long it is given to recover.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// So many things happen.
    pub(crate) steps: usize,
    /// The mean time between two.
    pub(crate) pace: Duration,
    /// Hosts are heard this often while the network recovers.
    pub(crate) round: Duration,
    /// By then everybody knows again where everybody is, in rounds: sessions are up, the kernels have been tried again. Who
    /// waits for the OPEN of a node that has lost its power since does so for four minutes (RFC 4271 section 8.2.2).
    pub(crate) known_by: usize,
    /// By then what is gone is forgotten, in rounds.
    pub(crate) aged_by: usize,
    /// For so long nothing may happen at the end.
    pub(crate) quiet: Duration,
}

impl Extent {
    /// As long as anything of it takes with a kernel's usual ages.
    pub(crate) const LONG: Extent = Extent {
        steps: 60,
        pace: Duration::from_millis(1500),
        round: Duration::from_secs(30),
        known_by: 6,
        aged_by: 10,
        quiet: Duration::from_secs(40),
    };

    /// A few things, with ages to match.
    pub(crate) const SHORT: Extent = Extent {
        steps: 14,
        pace: Duration::from_millis(900),
        round: Duration::from_secs(5),
        known_by: 60,
        aged_by: 60,
        quiet: Duration::from_secs(15),
    };
}

/// What is yet to happen, and to be undone.
#[derive(Debug, Default)]
pub(crate) struct Scenario {
    steps: usize,
    pace: Duration,
    deeds: Vec<Named>,
    repairs: Vec<Repair>,
    /// What happened, for whoever looks into a failure.
    pub(crate) log: Vec<String>,
}

/// How something is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repair {
    Start(usize),
    Raise(usize, IfIndex),
    Connect(usize, IfIndex),
    Widen(usize),
    Quicken(usize),
    Serve(usize),
    Obey(usize),
    Make(usize, Vni),
    Bring(usize, Vni),
    EndDiversion(usize, Vni, Mac),
    ClearNeighbor(usize, Vni, IpAddr),
    RaiseLink(usize),
    LeavePlace(usize, IpNet),
}

type Deed = fn(&mut Sim);
type Named = (&'static str, Deed);

/// Said of a run in which somebody is gone for good.
pub(crate) const STAYS_AWAY: &str = "a node never comes back";

/// Everything that may happen, in networks that have what it takes. What stands here twice happens twice as often.
pub(crate) fn all_deeds() -> impl Iterator<Item = Named> {
    [network::DEEDS, daemons::DEEDS, hosts::DEEDS, devices::DEEDS, strangers::DEEDS, routes::DEEDS]
        .into_iter()
        .flatten()
        .copied()
        .chain([("something is repaired", Sim::something_is_repaired as Deed)])
}

impl Sim {
    /// Pins some hosts, sets what operators set, and lets trouble begin.
    pub(crate) fn begin_trouble(&mut self, extent: &Extent) {
        let (has_bridges, has_routes) =
            (!self.topology.bridged().is_empty(), !self.topology.routed().is_empty());
        let everywhere = [network::DEEDS, daemons::DEEDS].into_iter().flatten();
        let bridged = [hosts::DEEDS, devices::DEEDS, strangers::DEEDS].into_iter().flatten();
        let bridged = bridged.filter(|_| has_bridges);
        let routed = routes::DEEDS.iter().filter(|_| has_routes);
        self.scenario.deeds = everywhere.chain(bridged).chain(routed).copied().collect();
        let repair: Named = ("something is repaired", Sim::something_is_repaired);
        self.scenario.deeds.extend([repair, repair]);
        if has_bridges {
            self.settle_operators();
        }
        (self.scenario.steps, self.scenario.pace) = (extent.steps, extent.pace);
        self.scenario_after(Duration::from_millis(1));
    }

    fn settle_operators(&mut self) {
        self.set_foreign_rows();
        for _ in 0..2 {
            let place = self.any_place();
            let number = self.hosts.add(self.any_vni(), place, true);
            let host = self.hosts.alive[&number];
            let now = self.now();
            self.nodes[place.node].kernel.tables.pin(now, host.vni, place.port, host.mac);
        }
        self.attach();
    }

    /// The next thing happens.
    pub(crate) fn scenario_goes_on(&mut self) {
        self.read_watches();
        if self.scenario.steps == 0 {
            return;
        }
        self.scenario.steps -= 1;
        let chosen = self.chance(|rng| rng.below(self.scenario.deeds.len()));
        let (name, deed) = self.scenario.deeds[chosen];
        let before = self.scenario.log.len();
        deed(self);
        if self.scenario.log.len() > before {
            self.count(name);
        }
        self.attach();
        let most = self.scenario.pace * 3;
        // Some things happen at once, and some after a while.
        let wait = self.chance(|rng| if rng.one_in(3) { Duration::ZERO } else { rng.time_below(most) });
        self.scenario_after(wait);
    }

    /// Lets all trouble happen, and undoes what can be undone. One node may stay away for good.
    pub(crate) fn run_trouble(&mut self) {
        while self.scenario.steps > 0 {
            self.run(Duration::from_secs(1));
        }
        self.log("trouble is over");
        let lost = self.someone_to_lose();
        if let Some(node) = lost {
            self.lose(node);
        }
        while self.repair(lost) {}
        self.nodes.iter_mut().for_each(|node| node.is_doomed = false);
        self.net.borrow_mut().slow.clear();
    }

    /// Hosts speak now and then, for so many rounds or until it is as it must be.
    pub(crate) fn run_rounds(&mut self, extent: &Extent, rounds: usize, done: impl Fn(&mut Sim) -> bool) {
        for _ in 0..rounds {
            for host in self.hosts.alive.values().copied().collect::<Vec<Host>>() {
                self.speak(host, true);
            }
            self.read_watches();
            self.run(extent.round);
            if done(self) {
                return;
            }
        }
    }

    pub(crate) fn log(&mut self, what: &str) {
        let at = self.elapsed();
        self.scenario.log.push(format!("{at:>12.3?} {what}"));
    }

    fn count(&mut self, what: &'static str) {
        self.net.borrow_mut().seen.count(what);
    }

    /// Has something undone later, unless it is to be already.
    fn repair_later(&mut self, repair: Repair) {
        if !self.scenario.repairs.contains(&repair) {
            self.scenario.repairs.push(repair);
        }
    }

    fn something_is_repaired(&mut self) {
        self.repair(None);
    }

    /// Undoes the oldest of what is to be undone; not what concerns the daemon of `but`.
    fn repair(&mut self, but: Option<usize>) -> bool {
        if self.scenario.repairs.is_empty() {
            return false;
        }
        let repair = self.scenario.repairs.remove(0);
        self.log(&format!("{repair:?}"));
        let tables = |sim: &mut Sim, node: usize, undo: &dyn Fn(&mut crate::kernel::Tables)| {
            undo(&mut sim.nodes[node].kernel.tables);
        };
        match repair {
            Repair::Start(node) if but == Some(node) => {}
            Repair::Start(node) => self.nodes[node].start(),
            Repair::Raise(node, device) => tables(self, node, &|tables| tables.set_up(device, true)),
            Repair::Connect(node, bridge) => tables(self, node, &|tables| tables.set_carrier(bridge, true)),
            Repair::Widen(node) => self.nodes[node].narrow(false),
            Repair::Serve(node) => {
                self.nodes[node].spec.left = None;
                self.nodes[node].reload();
            }
            Repair::Quicken(node) => _ = self.net.borrow_mut().slow.remove(&node),
            Repair::Obey(node) => {
                self.nodes[node].kernel.refuses = None;
                self.nodes[node].routes.refuses = None;
            }
            Repair::Make(node, vni) => tables(self, node, &|tables| tables.make_vxlan(node, vni)),
            Repair::Bring(node, vni) => tables(self, node, &|tables| tables.move_vxlan(vni, false)),
            Repair::EndDiversion(node, vni, mac) => {
                tables(self, node, &|tables| tables.end_diversion(vni, mac));
            }
            Repair::ClearNeighbor(node, vni, ip) => {
                tables(self, node, &|tables| tables.clear_permanent(vni, ip));
            }
            Repair::RaiseLink(node) => self.nodes[node].routes.set_up(true),
            Repair::LeavePlace(node, prefix) => self.nodes[node].routes.leave_place(prefix),
        }
        self.nodes.iter().for_each(Node::wake_routes);
        self.wake_kernels();
        true
    }

    fn any_node(&self) -> usize {
        self.chance(|rng| rng.below(self.nodes.len()))
    }

    /// A place where a host can be.
    fn any_place(&self) -> Place {
        let leaves = self.topology.bridged();
        self.chance(|rng| Place { node: rng.pick(&leaves), port: rng.below(2) })
    }

    fn any_host(&self, sticky: bool) -> Option<usize> {
        let all = self.hosts.alive.iter().filter(|(_, host)| sticky || !host.sticky);
        let all: Vec<usize> = all.map(|(number, _)| *number).collect();
        (!all.is_empty()).then(|| self.chance(|rng| rng.pick(&all)))
    }

    fn any_vni(&self) -> Vni {
        let vnis = self.topology.bridged().first().map(|leaf| &self.topology.nodes[*leaf].vnis);
        let vnis = vnis.expect("a leaf with networks");
        Vni::new(self.chance(|rng| rng.pick(vnis))).expect("a VNI")
    }
}
