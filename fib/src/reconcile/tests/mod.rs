//! The reconciler against the fake kernel: by example here, and whatever comes in `model`.

mod audit;
mod model;
mod ownership;
mod ports;
mod reconfigure;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use bgp::types::{Mac, Vni};

use super::*;
use crate::fake::{FakeKernel, resolved_neighbor};
use crate::row::{IfIndex, NeighborRow, NeighborState};

/// A `Fib`, its kernel, and evpn's view of the hosts that are here.
struct World {
    fib: Fib,
    kernel: FakeKernel,
    now: Instant,
    vxlan: IfIndex,
    bridge: IfIndex,
    port: IfIndex,
    /// Ops given out.
    ops: usize,
    served: bool,
    macs: BTreeSet<Mac>,
    neighbors: BTreeMap<IpAddr, Mac>,
    observed: Vec<Observation>,
}

fn vni() -> Vni {
    Vni::from_octets([0, 0, 100])
}

fn mac(n: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, n])
}

fn ip(n: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 168, 100, n))
}

fn vtep(n: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 99, 1, n))
}

fn mac_key(n: u8) -> WantedKey {
    WantedKey::Mac { vni: vni(), mac: mac(n) }
}

fn neighbor_key(n: u8) -> WantedKey {
    WantedKey::Neighbor { vni: vni(), ip: ip(n) }
}

fn flood_key(n: u8) -> WantedKey {
    WantedKey::Flood { vni: vni(), vtep: vtep(n) }
}

fn at(n: u8) -> Option<WantedValue> {
    Some(WantedValue::Mac { vtep: vtep(n), sticky: false })
}

fn neighbor(n: u8) -> Option<WantedValue> {
    Some(WantedValue::Neighbor { mac: mac(n), router: false })
}

impl World {
    fn with(kernel: FakeKernel, config: FibConfig) -> World {
        let mut kernel = kernel;
        let (vxlan, bridge) = kernel.add_segment(vni(), Ipv4Addr::new(10, 99, 0, 1).into());
        let port = kernel.add_port(bridge);
        let (macs, neighbors) = (BTreeSet::new(), BTreeMap::new());
        let (fib, now, observed) = (Fib::new(config, 1), Instant::now(), Vec::new());
        World { fib, kernel, now, vxlan, bridge, port, ops: 0, served: false, macs, neighbors, observed }
    }

    fn new() -> World {
        let mut world = World::with(FakeKernel::new(false), FibConfig::default());
        world.settle();
        world
    }

    fn want(&mut self, key: WantedKey, value: Option<WantedValue>) {
        self.fib.want(key, value);
        self.observe();
    }

    /// Hands at most so many events over.
    fn hear(&mut self, count: usize) -> usize {
        let mut heard = 0;
        while heard < count
            && let Some(event) = self.kernel.poll_event()
        {
            self.fib.handle(self.now, event);
            self.observe();
            heard += 1;
        }
        heard
    }

    /// Carries at most so many ops out.
    fn act(&mut self, count: usize) -> usize {
        let mut acted = 0;
        while acted < count
            && let Some(op) = self.fib.poll_op(self.now)
        {
            self.kernel.apply(&op);
            acted += 1;
        }
        self.ops += acted;
        acted
    }

    /// Until nothing happens any more at this time.
    fn settle(&mut self) {
        while self.hear(usize::MAX) + self.act(usize::MAX) > 0 {}
    }

    /// Until nothing happens any more however long one waits.
    fn rest(&mut self) {
        self.settle();
        for _ in 0..200 {
            let Some(due) = self.fib.poll_timeout() else {
                assert!(self.fib.is_settled());
                return self.check_counts();
            };
            self.now = self.now.max(due);
            self.settle();
        }
        panic!("never comes to rest: {:?}", self.fib.diff().collect::<Vec<_>>());
    }

    /// Keeps evpn's view.
    fn observe(&mut self) {
        while let Some(news) = self.fib.poll_observation() {
            self.observed.push(news);
            match news {
                Observation::Vni { .. } => self.served = true,
                Observation::VniGone { .. } => {
                    self.served = false;
                    self.macs.clear();
                    self.neighbors.clear();
                }
                Observation::LocalMac { mac, .. } => {
                    self.macs.insert(mac);
                }
                Observation::LocalMacGone { mac, .. } => {
                    self.macs.remove(&mac);
                }
                Observation::LocalNeighbor { ip, mac, .. } => {
                    self.neighbors.insert(ip, mac);
                }
                Observation::LocalNeighborGone { ip, .. } => {
                    self.neighbors.remove(&ip);
                }
                Observation::LocalClaim { .. } => panic!("the kernel claims nothing: {news:?}"),
                Observation::Synced => {}
            }
            assert!(
                self.served
                    || !matches!(news, Observation::LocalMac { .. } | Observation::LocalNeighbor { .. })
            );
        }
    }

    fn status(&self, key: WantedKey) -> Option<Status> {
        self.fib.status(&key)
    }

    /// Our rows in the kernel.
    fn ours(&self) -> Vec<Row> {
        let marked = |row: &&Row| match row {
            Row::Tunnel(row) => row.external,
            Row::Bridge(row) => row.external,
            Row::Neighbor(row) => row.external,
        };
        self.kernel.rows().filter(marked).copied().collect()
    }
}

#[test]
fn a_remote_host_comes_and_goes() {
    let mut world = World::new();
    world.want(mac_key(1), at(1));
    world.want(neighbor_key(1), neighbor(1));
    world.want(flood_key(1), Some(WantedValue::Flood));
    world.settle();
    assert_eq!(world.ours().len(), 4);
    assert_eq!(world.fib.diff().count(), 0);
    for key in [mac_key(1), neighbor_key(1), flood_key(1)] {
        world.want(key, None);
    }
    world.settle();
    assert_eq!(world.ours(), []);
    assert_eq!(world.fib.rows().count(), 0);
    assert_eq!(
        (world.ops, world.fib.counters().dumps),
        (5 + 1 + 6, 5),
        "one op each way, and none to look again"
    );
}

/// However it is wanted, and however often, a key that has not been looked at costs one op.
#[test]
fn changes_coalesce() {
    let mut world = World::new();
    let before = world.ops;
    for round in 0..100 {
        world.want(mac_key(1), at(round));
    }
    world.settle();
    assert_eq!(world.ops - before, 1);
}

#[test]
fn macs_go_in_before_their_neighbors_and_out_after() {
    let mut world = World::new();
    world.want(neighbor_key(1), neighbor(1));
    world.want(mac_key(1), at(1));
    let kinds = |world: &mut World| {
        let ops = std::iter::from_fn(|| world.fib.poll_op(world.now)).collect::<Vec<Op>>();
        ops.iter().for_each(|op| world.kernel.apply(op));
        ops.into_iter()
            .map(|op| matches!(op.action, Action::SetNeighbor { .. } | Action::DeleteNeighbor { .. }))
    };
    assert_eq!(kinds(&mut world).collect::<Vec<_>>(), [false, true]);
    world.settle();
    world.want(mac_key(1), None);
    world.want(neighbor_key(1), None);
    assert_eq!(kinds(&mut world).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn no_more_ops_are_in_flight_than_there_is_credit_for() {
    let mut world = World::new();
    for n in 0..=CREDIT as u32 {
        let [_, _, a, b] = n.to_be_bytes();
        world.want(WantedKey::Mac { vni: vni(), mac: Mac([2, 1, 0, 0, a, b]) }, at(1));
    }
    assert_eq!(world.act(usize::MAX), CREDIT);
    assert_eq!(world.act(usize::MAX), 0);
    world.settle();
    assert_eq!(world.fib.diff().count(), 0);
}

/// The frame was on its way while our op was: which came last cannot be told, so the op is given out again.
#[test]
fn news_that_crossed_an_op_is_not_overruled() {
    for frame_first in [true, false] {
        let mut world = World::new();
        world.want(mac_key(1), at(1));
        if frame_first {
            world.kernel.frame(world.port, mac(1));
        }
        world.act(1);
        if !frame_first {
            world.kernel.frame(world.port, mac(1));
        }
        world.hear(usize::MAX);
        assert!(world.macs.contains(&mac(1)));
        world.settle();
        assert_eq!((world.ours().len(), world.macs.len()), (2, 0), "evpn did not change its mind");
    }
}

#[test]
fn evpn_decides_before_a_host_that_moved_here_is_taken_back() {
    let mut world = World::new();
    world.want(mac_key(1), at(1));
    world.settle();
    world.kernel.frame(world.port, mac(1));
    world.hear(usize::MAX);
    assert!(world.macs.contains(&mac(1)));
    world.want(mac_key(1), None);
    world.settle();
    assert_eq!(world.ours(), [], "the tunnel's row is gone, too");
    assert_eq!(world.kernel.stale_copies(), [], "and the copies for VLANs");
    assert!(world.macs.contains(&mac(1)));
}

#[test]
fn a_host_that_moves_on_at_once_keeps_its_row_and_the_copies() {
    let mut world = World::new();
    world.want(mac_key(1), at(1));
    world.settle();
    world.kernel.frame(world.port, mac(1));
    world.hear(usize::MAX);
    // It is elsewhere again before its tunnel's row is gone.
    world.want(mac_key(1), None);
    world.act(1);
    world.want(mac_key(1), at(2));
    world.settle();
    assert_eq!(world.ours().len(), 2);
    assert_eq!((world.kernel.stale_copies(), world.fib.counters().failures), (vec![], 0));
}

#[test]
fn two_programs_that_disagree_do_not_fill_the_kernels_time() {
    let mut world = World::new();
    world.want(mac_key(1), at(1));
    world.settle();
    let before = world.ops;
    for _ in 0..1000 {
        world.now += Duration::from_millis(1);
        world.kernel.frame(world.port, mac(1));
        world.settle();
    }
    assert!(world.ops - before < 10, "{} ops", world.ops - before);
    world.rest();
    assert_eq!(world.status(mac_key(1)), Some(Status::Programmed));
}

#[test]
fn a_refusal_is_shown_and_tried_again() {
    let mut world = World::new();
    world.kernel.refusals = [12, 12].into();
    world.want(mac_key(1), at(1));
    world.settle();
    assert!(matches!(world.status(mac_key(1)), Some(Status::Failed(_))));
    world.rest();
    assert_eq!(world.status(mac_key(1)), Some(Status::Programmed));
    assert_eq!(world.fib.counters().failures, 2);
}

#[test]
fn a_former_runs_rows_wait_for_release() {
    let mut former = World::new();
    for n in [1, 2] {
        former.want(mac_key(n), at(n));
        former.want(neighbor_key(n), neighbor(n));
        former.want(flood_key(n), Some(WantedValue::Flood));
    }
    former.settle();
    let fib = Fib::new(FibConfig::default(), 1);
    let mut world = World { fib, ops: 0, ..former };
    world.settle();
    assert_eq!(world.status(mac_key(2)), Some(Status::Stale));
    world.want(mac_key(1), at(1));
    world.want(neighbor_key(1), neighbor(1));
    world.want(flood_key(1), Some(WantedValue::Flood));
    world.settle();
    assert_eq!(world.ops, 5, "only dumps");
    world.fib.release_stale();
    world.settle();
    assert_eq!(world.ours().len(), 4);
    assert_eq!(world.fib.rows().count(), 3);
}

#[test]
fn a_handing_over_is_answered_once() {
    let local = |n| Some(WantedValue::LocalNeighbor { mac: mac(n) });
    let mut world = World::new();
    world.want(neighbor_key(1), neighbor(1));
    world.settle();
    world.observed.clear();
    world.want(neighbor_key(1), local(1));
    world.settle();
    assert_eq!(world.neighbors.get(&ip(1)), Some(&mac(1)));
    assert_eq!(world.observed.len(), 1);
    // The kernel gives up on it.
    world.kernel.take(&resolved_neighbor(world.bridge, ip(1), mac(1)));
    world.rest();
    assert_eq!(world.observed.last(), Some(&Observation::LocalNeighborGone { vni: vni(), ip: ip(1) }));
    assert_eq!(world.observed.len(), 2);
}

#[test]
fn a_handing_over_of_what_is_here_already_is_answered_at_once() {
    let mut world = World::new();
    world.kernel.put(resolved_neighbor(world.bridge, ip(1), mac(1)));
    world.settle();
    world.observed.clear();
    world.want(neighbor_key(1), Some(WantedValue::LocalNeighbor { mac: mac(1) }));
    assert!(matches!(world.observed[..], [Observation::LocalNeighbor { .. }]));
}

#[test]
fn a_handing_over_that_the_kernel_refuses_is_answered_and_our_entry_goes() {
    let mut world = World::new();
    world.want(neighbor_key(1), neighbor(1));
    world.settle();
    world.observed.clear();
    world.kernel.refusals.push_back(22);
    world.want(neighbor_key(1), Some(WantedValue::LocalNeighbor { mac: mac(1) }));
    world.rest();
    assert_eq!(world.observed, [Observation::LocalNeighborGone { vni: vni(), ip: ip(1) }]);
    assert_eq!(world.ours(), []);
}

#[test]
fn only_listed_vnis_are_served() {
    let config = FibConfig { all_vnis: false, ..FibConfig::default() };
    let mut world = World::with(FakeKernel::new(false), config);
    world.kernel.frame(world.port, mac(1));
    world.want(mac_key(2), at(1));
    world.settle();
    assert_eq!(world.observed, [Observation::Synced]);
    assert_eq!(world.status(mac_key(2)), Some(Status::Pending));
}

#[test]
fn a_bridge_serves_one_vni_and_the_next_takes_over() {
    let mut world = World::new();
    let other = Vni::from_octets([0, 0, 200]);
    let (vxlan, _) = world.kernel.add_segment(other, Ipv4Addr::new(10, 99, 0, 1).into());
    world.kernel.set_master(vxlan, Some(world.bridge));
    world.settle();
    world.observed.clear();
    world.kernel.remove_link(world.vxlan);
    world.settle();
    let served = |news: &Observation| matches!(news, Observation::Vni { vni, .. } if *vni == other);
    assert!(world.observed.contains(&Observation::VniGone { vni: vni() }));
    assert!(world.observed.iter().any(served), "{:?}", world.observed);
}

/// It went while it was to be looked at: that keeps nobody waiting.
#[test]
fn a_bridge_that_is_gone_is_not_looked_at() {
    let mut world = World::new();
    let other = Vni::from_octets([0, 0, 200]);
    let (vxlan, bridge) = world.kernel.add_segment(other, Ipv4Addr::new(10, 99, 0, 1).into());
    world.hear(usize::MAX);
    world.kernel.remove_link(vxlan);
    world.kernel.remove_link(bridge);
    world.act(usize::MAX);
    world.want(mac_key(1), at(1));
    world.settle();
    assert_eq!(world.status(mac_key(1)), Some(Status::Programmed));
}

#[test]
fn a_sticky_host_stops_being_one() {
    let mut world = World::new();
    let sticky = |sticky| Some(WantedValue::Mac { vtep: vtep(1), sticky });
    world.want(mac_key(1), sticky(true));
    world.settle();
    world.kernel.frame(world.port, mac(1));
    world.settle();
    let kinds = |world: &World| {
        let rows = world.kernel.rows();
        rows.filter_map(|row| if let Row::Bridge(row) = row { Some((row.port, row.sticky)) } else { None })
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds(&world), [(world.vxlan, true)]);
    world.want(mac_key(1), sticky(false));
    world.settle();
    assert_eq!(kinds(&world), [(world.vxlan, false)]);
}

/// Its VXLAN device is moved to another bridge: what stood for its hosts on the former one goes, what others set stays.
#[test]
fn nothing_of_ours_is_left_on_a_former_bridge() {
    let mut world = World::new();
    let (twin, other) = world.kernel.add_segment(Vni::from_octets([0, 0, 200]), vtep(0));
    world.want(mac_key(1), at(1));
    world.want(neighbor_key(1), neighbor(1));
    world.want(neighbor_key(2), neighbor(2));
    world.settle();
    world.kernel.put(resolved_neighbor(world.bridge, ip(9), mac(9)));
    // Written at the last moment before the move, and told of after it.
    world.want(neighbor_key(3), neighbor(3));
    world.act(usize::MAX);
    world.kernel.remove_link(twin);
    world.kernel.set_master(world.vxlan, Some(other));
    world.kernel.refusals.push_back(libc::ENOMEM);
    world.rest();
    let on = |bridge| {
        let rows = world.kernel.rows();
        let there = rows.filter_map(|row| match row {
            Row::Neighbor(row) if row.device == bridge => Some(row.ip),
            _ => None,
        });
        there.collect::<Vec<_>>()
    };
    assert_eq!(on(world.bridge), [ip(9)]);
    assert_eq!(on(other), [ip(1), ip(2), ip(3)]);
}

/// The same while nobody ran: the next run knows them by their mark, and lets them go with the rest.
#[test]
fn nothing_of_a_former_run_is_left_on_a_former_bridge() {
    let mut kernel = FakeKernel::new(false);
    let spare = kernel.add_segment(Vni::from_octets([0, 0, 200]), vtep(0));
    kernel.remove_link(spare.0);
    let row = |ip, protocol| {
        let (mac, state, router) = (Some(mac(1)), NeighborState::NoArp, false);
        Row::Neighbor(NeighborRow { device: spare.1, ip, mac, state, external: true, router, protocol })
    };
    kernel.put(row(ip(1), FibConfig::default().protocol));
    kernel.put(row(ip(2), 11));
    let mut world = World::with(kernel, FibConfig::default());
    world.rest();
    assert_eq!(world.kernel.rows().count(), 2);
    world.fib.release_stale();
    world.rest();
    assert_eq!(world.kernel.rows().collect::<Vec<_>>(), [&row(ip(2), 11)]);
}
