//! What befalls a network: hosts that come, move and go, devices, sessions and whole nodes that fail. All of it
//! at random, and all of it over at the end.

use std::time::Duration;

use api::{Query, v1};
use bgp::types::{Mac, Vni};

use crate::hosts::{Host, Place};
use crate::peer::ip;
use crate::sim::Sim;

/// For how long things happen.
const TROUBLE: Duration = Duration::from_secs(90);

/// What is yet to be undone.
#[derive(Debug, Default)]
pub(crate) struct Scenario {
    steps: usize,
    repairs: Vec<Repair>,
    /// What happened, for whoever looks into a failure.
    pub(crate) log: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repair {
    Start(usize),
    Raise(usize, fib::IfIndex),
    Connect(usize, fib::IfIndex),
    Widen(usize),
    Quicken(usize),
    Serve(usize),
}

type Deed = fn(&mut Sim);

/// What may happen; what stands here twice happens twice as often.
const DEEDS: [Deed; 26] = [
    Sim::host_appears,
    Sim::host_appears,
    Sim::host_speaks,
    Sim::host_speaks,
    Sim::host_moves,
    Sim::host_moves,
    Sim::host_moves_silently,
    Sim::host_dies,
    Sim::host_gets_address,
    Sim::host_gets_mac,
    Sim::host_is_impersonated,
    Sim::port_flaps,
    Sim::bridge_or_tunnel_flaps,
    Sim::bridge_loses_carrier,
    Sim::tunnel_is_replaced,
    Sim::link_is_cut,
    Sim::connection_is_reset,
    Sim::session_is_reset,
    Sim::routes_are_asked_for,
    Sim::node_restarts,
    Sim::node_is_killed,
    Sim::node_vanishes,
    Sim::node_is_slow,
    Sim::kernel_overflows,
    Sim::vni_is_left,
    Sim::something_is_repaired,
];

impl Sim {
    /// Pins some hosts, sets what operators set, and lets trouble begin.
    pub(crate) fn begin_trouble(&mut self, steps: usize) {
        self.set_foreign_rows();
        for _ in 0..2 {
            let place = self.any_place();
            let number = self.hosts.add(any_vni(self), place, true);
            let host = self.hosts.alive[&number];
            let now = self.now();
            self.nodes[place.node].kernel.tables.pin(now, host.vni, place.port, host.mac);
        }
        self.attach();
        self.scenario.steps = steps;
        self.scenario_after(Duration::from_millis(1));
    }

    /// The next thing happens.
    pub(crate) fn scenario_goes_on(&mut self) {
        if self.scenario.steps == 0 {
            return;
        }
        self.scenario.steps -= 1;
        let deed = self.chance(|rng| rng.pick(&DEEDS));
        deed(self);
        self.attach();
        let most = TROUBLE / 40;
        // Some things happen at once, and some after a while.
        let wait = self.chance(|rng| if rng.one_in(3) { Duration::ZERO } else { rng.time_below(most * 2) });
        self.scenario_after(wait);
    }

    /// Lets all trouble happen, and undoes what can be undone.
    pub(crate) fn run_trouble(&mut self) {
        while self.scenario.steps > 0 {
            self.run(Duration::from_secs(1));
        }
        self.log("trouble is over");
        while self.repair() {}
        self.net.borrow_mut().slow.clear();
    }

    /// Hosts speak now and then, until sessions are up again, and where hosts have gone silently has not been
    /// forgotten yet.
    pub(crate) fn run_until_known(&mut self) {
        self.run_speaking(6);
    }

    /// Hosts speak now and then, until all that is silent has been forgotten.
    pub(crate) fn run_until_aged(&mut self) {
        self.run_speaking(10);
    }

    fn run_speaking(&mut self, rounds: usize) {
        for _ in 0..rounds {
            for host in self.hosts.alive.values().copied().collect::<Vec<Host>>() {
                self.speak(host, true);
            }
            self.run(Duration::from_secs(30));
        }
    }

    pub(crate) fn log(&mut self, what: &str) {
        let at = self.elapsed();
        self.scenario.log.push(format!("{at:>12.3?} {what}"));
    }

    fn host_appears(&mut self) {
        let (vni, place) = (any_vni(self), self.any_place());
        let number = self.hosts.add(vni, place, false);
        let host = self.hosts.alive[&number];
        self.log(&format!("{host:?} appears"));
        self.attach();
        self.speak(host, true);
    }

    fn host_speaks(&mut self) {
        let Some(number) = self.any_host(true) else { return };
        let (host, gratuitous) = (self.hosts.alive[&number], self.chance(|rng| rng.one_in(2)));
        self.speak(host, gratuitous);
    }

    fn host_moves(&mut self) {
        let Some(host) = self.moved() else { return };
        self.log(&format!("{} moves to {:?}", host.mac, host.place));
        self.speak(host, true);
    }

    fn host_moves_silently(&mut self) {
        let Some(host) = self.moved() else { return };
        self.log(&format!("{} moves to {:?} in silence", host.mac, host.place));
    }

    fn moved(&mut self) -> Option<Host> {
        let (number, place) = (self.any_host(false)?, self.any_place());
        self.hosts.alive.get_mut(&number)?.place = place;
        self.attach();
        self.hosts.alive.get(&number).copied()
    }

    fn host_dies(&mut self) {
        let Some(number) = self.any_host(false) else { return };
        self.log(&format!("{:?} dies", self.hosts.alive[&number].mac));
        self.hosts.alive.remove(&number);
    }

    fn host_gets_address(&mut self) {
        let Some(number) = self.any_host(true) else { return };
        let ip = self.hosts.fresh_ip();
        self.change(number, |host| host.ip = ip);
    }

    fn host_gets_mac(&mut self) {
        let Some(number) = self.any_host(false) else { return };
        let mac = self.hosts.fresh_mac();
        self.change(number, |host| host.mac = mac);
    }

    fn change(&mut self, number: usize, change: impl FnOnce(&mut Host)) {
        let Some(host) = self.hosts.alive.get_mut(&number) else { return };
        change(host);
        let host = *host;
        self.log(&format!("now {host:?}"));
        self.attach();
        self.speak(host, true);
    }

    fn host_is_impersonated(&mut self) {
        let Some(number) = self.any_host(true) else { return };
        let (host, place) = (self.hosts.alive[&number], self.any_place());
        self.log(&format!("{} is impersonated at {place:?}", host.mac));
        self.impostor(host.vni, host.mac, place);
    }

    fn port_flaps(&mut self) {
        let (vni, Place { node, port }) = (any_vni(self), self.any_place());
        let device = self.nodes[node].kernel.tables.segment(vni).ports[port];
        self.lower(node, device);
    }

    fn bridge_or_tunnel_flaps(&mut self) {
        let (vni, Place { node, port }) = (any_vni(self), self.any_place());
        let segment = self.nodes[node].kernel.tables.segment(vni);
        let device = if port == 0 { segment.bridge } else { segment.vxlan };
        self.lower(node, device);
    }

    fn lower(&mut self, node: usize, device: fib::IfIndex) {
        self.log(&format!("node {node}: {device:?} goes down"));
        self.nodes[node].kernel.tables.set_up(device, false);
        self.wake_kernels();
        let repair = Repair::Raise(node, device);
        if !self.scenario.repairs.contains(&repair) {
            self.scenario.repairs.push(repair);
        }
    }

    fn bridge_loses_carrier(&mut self) {
        let (vni, Place { node, .. }) = (any_vni(self), self.any_place());
        let tables = &mut self.nodes[node].kernel.tables;
        let bridge = tables.segment(vni).bridge;
        tables.set_carrier(bridge, false);
        self.log(&format!("node {node}: {bridge:?} loses its carrier"));
        self.wake_kernels();
        self.scenario.repairs.push(Repair::Connect(node, bridge));
    }

    fn tunnel_is_replaced(&mut self) {
        let (vni, Place { node, .. }) = (any_vni(self), self.any_place());
        self.log(&format!("node {node}: the VXLAN device of {vni} is replaced"));
        let old = self.nodes[node].kernel.tables.segment(vni).vxlan;
        self.scenario.repairs.retain(|repair| *repair != Repair::Raise(node, old));
        self.nodes[node].kernel.tables.replace_vxlan(node, vni);
        self.wake_kernels();
    }

    fn link_is_cut(&mut self) {
        let (links, now) = (self.topology.links(), self.now());
        let (a, b) = self.chance(|rng| rng.pick(&links));
        let time = self.chance(|rng| rng.time_below(Duration::from_secs(40)));
        self.log(&format!("{a} and {b} are cut apart for {time:?}"));
        self.net.borrow_mut().cut(a, b, now + time);
    }

    fn connection_is_reset(&mut self) {
        let links = self.topology.links();
        let (a, b) = self.chance(|rng| rng.pick(&links));
        self.log(&format!("connections between {a} and {b} are reset"));
        self.net.borrow_mut().reset(a, b);
    }

    fn session_is_reset(&mut self) {
        self.reset_by_operator(v1::ResetKind::Hard);
    }

    fn routes_are_asked_for(&mut self) {
        let kind = self.chance(|rng| rng.pick(&[v1::ResetKind::SoftIn, v1::ResetKind::SoftOut]));
        self.reset_by_operator(kind);
    }

    fn reset_by_operator(&mut self, kind: v1::ResetKind) {
        let node = self.any_node();
        if self.nodes[node].daemon.is_none() {
            return;
        }
        let neighbors = self.nodes[node].spec.neighbors();
        let number = self.chance(|rng| rng.below(neighbors));
        let (other, _) = self.nodes[node].spec.other_end(number);
        let (address, message) = (ip(other).to_string(), String::new());
        if kind != v1::ResetKind::Hard && !self.nodes[node].is_established(number) {
            return;
        }
        self.log(&format!("node {node} resets its session with {other}: {kind:?}"));
        let reset = v1::ResetNeighborRequest { address, kind: kind.into(), message };
        self.nodes[node].ask(Query::ResetNeighbor(reset));
    }

    fn node_restarts(&mut self) {
        self.ends("is stopped", |sim, node| sim.nodes[node].stop());
    }

    fn node_is_killed(&mut self) {
        self.ends("is killed", |sim, node| sim.nodes[node].kill());
    }

    fn node_vanishes(&mut self) {
        self.ends("vanishes", |sim, node| sim.nodes[node].vanish());
    }

    fn ends(&mut self, how: &str, end: impl FnOnce(&mut Sim, usize)) {
        let node = self.any_node();
        if self.nodes[node].daemon.is_some() {
            self.log(&format!("node {node} {how}"));
            end(self, node);
            self.scenario.repairs.push(Repair::Start(node));
        }
    }

    fn node_is_slow(&mut self) {
        let node = self.any_node();
        self.log(&format!("node {node} is slow"));
        self.net.borrow_mut().slow.insert(node);
        self.scenario.repairs.push(Repair::Quicken(node));
    }

    fn kernel_overflows(&mut self) {
        let Place { node, .. } = self.any_place();
        self.log(&format!("node {node}: the socket to the kernel is small"));
        self.nodes[node].kernel.narrow(true);
        self.scenario.repairs.push(Repair::Widen(node));
    }

    /// A configuration that is read again does not name a network any more.
    fn vni_is_left(&mut self) {
        let (vni, Place { node, .. }) = (any_vni(self), self.any_place());
        if self.nodes[node].spec.left.is_none() {
            self.log(&format!("node {node} serves {vni} no more"));
            self.nodes[node].spec.left = Some(vni.get());
            self.nodes[node].reload();
            self.scenario.repairs.push(Repair::Serve(node));
        }
    }

    fn something_is_repaired(&mut self) {
        self.repair();
    }

    /// Undoes the oldest of what is to be undone.
    fn repair(&mut self) -> bool {
        if self.scenario.repairs.is_empty() {
            return false;
        }
        let repair = self.scenario.repairs.remove(0);
        self.log(&format!("{repair:?}"));
        match repair {
            Repair::Start(node) => self.nodes[node].start(),
            Repair::Raise(node, device) => self.nodes[node].kernel.tables.set_up(device, true),
            Repair::Connect(node, bridge) => self.nodes[node].kernel.tables.set_carrier(bridge, true),
            Repair::Widen(node) => self.nodes[node].kernel.narrow(false),
            Repair::Serve(node) => {
                self.nodes[node].spec.left = None;
                self.nodes[node].reload();
            }
            Repair::Quicken(node) => _ = self.net.borrow_mut().slow.remove(&node),
        }
        self.wake_kernels();
        true
    }

    /// What is somebody else's in every kernel: nothing may happen to it.
    fn set_foreign_rows(&mut self) {
        let now = self.now();
        for leaf in self.topology.leaves() {
            let tables = &mut self.nodes[leaf].kernel.tables;
            for vni in [100, 200].map(|n| Vni::new(n).expect("a VNI")) {
                let address = std::net::Ipv4Addr::new(192, 0, 2, leaf as u8 + 1).into();
                tables.set_permanent(now, vni, address, Mac([0x06, 0, 0, 0, 0, leaf as u8]));
            }
        }
        self.wake_kernels();
    }

    fn any_node(&self) -> usize {
        self.chance(|rng| rng.below(self.nodes.len()))
    }

    fn any_place(&self) -> Place {
        let leaves = self.topology.leaves();
        self.chance(|rng| Place { node: rng.pick(&leaves), port: rng.below(2) })
    }

    fn any_host(&self, sticky: bool) -> Option<usize> {
        let all = self.hosts.alive.iter().filter(|(_, host)| sticky || !host.sticky);
        let all: Vec<usize> = all.map(|(number, _)| *number).collect();
        (!all.is_empty()).then(|| self.chance(|rng| rng.pick(&all)))
    }
}

fn any_vni(sim: &Sim) -> Vni {
    Vni::new(sim.chance(|rng| rng.pick(&[100, 200]))).expect("a VNI")
}
