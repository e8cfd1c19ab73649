//! Whatever happens, in whatever order: at rest, all is well.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use bgp::types::Mac;
use evpn::dataplane::{WantedKey, WantedValue};
use proptest::prelude::*;

use super::{World, at, flood_key, ip, mac, mac_key, neighbor, neighbor_key, vni, vtep};
use crate::config::FibConfig;
use crate::fake::{
    FakeKernel, operators_bridge_row, operators_neighbor, operators_tunnel_row, resolved_neighbor,
};
use crate::reconcile::Status;
use crate::row::{BridgeRowKind, IfIndex, NeighborState, Row};
use crate::tally::Counts;

/// What may happen.
#[derive(Clone, Debug)]
enum Happening {
    Want(u8, u8),
    WantSticky(u8, u8),
    Unwant(u8),
    WantNeighbor(u8, u8),
    WantLocal(u8, u8),
    UnwantNeighbor(u8),
    Flood(u8, bool),
    Frame(u8),
    Age(u8),
    Resolve(u8, u8),
    Expire(u8),
    /// At a quiet moment: nothing protects an FDB row that is set while our op is under way.
    OperatorsMac(u8),
    OperatorsNeighbor(u8),
    OperatorsTunnel(u8),
    OperatorGoes(u8),
    /// Somebody clears one of our rows away.
    Clear(usize),
    Down(u8),
    Up(u8),
    Leave,
    Join,
    Refuse(u8),
    Overrun,
    Hear(usize),
    Act(usize),
    Wait(u16),
    Release,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    use Happening::*;
    let n = || 0u8..4;
    let one = prop_oneof![
        4 => (n(), n()).prop_map(|(a, b)| Want(a, b)),
        1 => (n(), n()).prop_map(|(a, b)| WantSticky(a, b)),
        2 => n().prop_map(Unwant),
        4 => (n(), n()).prop_map(|(a, b)| WantNeighbor(a, b)),
        2 => (n(), n()).prop_map(|(a, b)| WantLocal(a, b)),
        2 => n().prop_map(UnwantNeighbor),
        2 => (n(), any::<bool>()).prop_map(|(a, b)| Flood(a, b)),
        2 => n().prop_map(Frame),
        1 => n().prop_map(Age),
        2 => (n(), n()).prop_map(|(a, b)| Resolve(a, b)),
        1 => n().prop_map(Expire),
        1 => n().prop_map(OperatorsMac),
        1 => n().prop_map(OperatorsNeighbor),
        1 => n().prop_map(OperatorsTunnel),
        1 => n().prop_map(OperatorGoes),
        2 => (0usize..8).prop_map(Clear),
        1 => n().prop_map(Down),
        2 => n().prop_map(Up),
        1 => Just(Leave),
        2 => Just(Join),
        1 => n().prop_map(Refuse),
        1 => Just(Overrun),
        8 => (0usize..6).prop_map(Hear),
        8 => (0usize..4).prop_map(Act),
        2 => (0u16..2000).prop_map(Wait),
        1 => Just(Release),
    ];
    proptest::collection::vec(one, 0..120)
}

/// The rows that operators have set and that must stay.
type Operators = Vec<Row>;

impl World {
    fn device(&self, n: u8) -> IfIndex {
        [self.vxlan, self.bridge, self.port, self.port][usize::from(n)]
    }

    fn let_happen(&mut self, happening: &Happening, operators: &mut Operators) {
        use Happening::*;
        match *happening {
            Want(n, to) => self.want(mac_key(n), at(to)),
            WantSticky(n, to) => {
                self.want(mac_key(n), Some(WantedValue::Mac { vtep: vtep(to), sticky: true }));
            }
            Unwant(n) => self.want(mac_key(n), None),
            WantNeighbor(n, of) => self.want(neighbor_key(n), neighbor(of)),
            WantLocal(n, of) => {
                self.want(neighbor_key(n), Some(WantedValue::LocalNeighbor { mac: mac(of) }));
            }
            UnwantNeighbor(n) => self.want(neighbor_key(n), None),
            Flood(n, wanted) => self.want(flood_key(n), wanted.then_some(WantedValue::Flood)),
            Frame(n) => self.kernel.frame(self.port, mac(n)),
            Age(n) => self.age(mac(n)),
            Resolve(n, of) => self.resolve(ip(n), mac(of)),
            Expire(n) => self.expire(ip(n)),
            OperatorsMac(n) => {
                let row = operators_bridge_row(self.bridge, self.port, mac(n));
                self.operate(row, operators);
            }
            OperatorsNeighbor(n) => {
                let row = operators_neighbor(self.bridge, ip(n), mac(n + 100));
                self.operate(row, operators);
            }
            OperatorsTunnel(n) => {
                let row = operators_tunnel_row(self.vxlan, mac(n), vtep(99));
                self.operate(row, operators);
            }
            OperatorGoes(n) => {
                let n = usize::from(n);
                if n < operators.len() {
                    self.kernel.take(&operators.remove(n));
                }
            }
            Clear(n) => {
                if let Some(row) = self.ours().get(n) {
                    self.kernel.take(row);
                }
            }
            Down(n) => self.set_up(self.device(n), false, operators),
            Up(n) => self.set_up(self.device(n), true, operators),
            Leave => {
                self.kernel.set_master(self.vxlan, None);
                operators.retain(|row| !matches!(row, Row::Bridge(row) if row.port == self.vxlan));
            }
            Join => self.kernel.set_master(self.vxlan, Some(self.bridge)),
            Refuse(n) => self.kernel.refusals.push_back(i32::from(n) + 11),
            Overrun => self.kernel.overrun(),
            Hear(count) => {
                self.hear(count);
            }
            Act(count) => {
                self.act(count);
            }
            Wait(millis) => self.now += Duration::from_millis(millis.into()),
            Release => self.fib.release_stale(),
        }
    }

    /// An operator sets a row, while nothing is under way.
    fn operate(&mut self, row: Row, operators: &mut Operators) {
        self.rest();
        let taken = operators.iter().any(|old| self.same_place(old, &row));
        let possible = !matches!(row, Row::Neighbor(_)) || self.is_up(self.bridge);
        if !taken && possible {
            self.kernel.put(row);
            operators.push(row);
            self.hear(usize::MAX);
        }
    }

    fn same_place(&self, one: &Row, other: &Row) -> bool {
        match (one, other) {
            (Row::Tunnel(one), Row::Tunnel(other)) => one.mac == other.mac,
            (Row::Bridge(one), Row::Bridge(other)) => one.mac == other.mac,
            (Row::Neighbor(one), Row::Neighbor(other)) => one.ip == other.ip,
            _ => false,
        }
    }

    fn is_up(&self, device: IfIndex) -> bool {
        self.kernel.links().any(|link| link.index == device && link.up)
    }

    fn set_up(&mut self, device: IfIndex, up: bool, operators: &mut Operators) {
        self.kernel.set_up(device, up);
        if !up {
            operators.retain(|row| !matches!(row, Row::Neighbor(row) if row.device == device));
        }
    }

    /// A row that was learnt from traffic grows old.
    fn age(&mut self, mac: Mac) {
        let learnt = |row: &&Row| matches!(row, Row::Bridge(row) if row.mac == mac && row.kind == BridgeRowKind::Dynamic && !row.external);
        let row = self.kernel.rows().find(learnt).copied();
        row.iter().for_each(|row| self.kernel.take(row));
    }

    /// The kernel resolves a neighbour, unless somebody has set it.
    fn resolve(&mut self, ip: IpAddr, mac: Mac) {
        let set = |row: &Row| matches!(row, Row::Neighbor(row) if row.ip == ip && (row.external || row.state == NeighborState::Permanent));
        if self.is_up(self.bridge) && !self.kernel.rows().any(set) {
            self.kernel.put(resolved_neighbor(self.bridge, ip, mac));
        }
    }

    /// The kernel gives up a neighbour that it resolved.
    fn expire(&mut self, ip: IpAddr) {
        let resolved = |row: &&Row| matches!(row, Row::Neighbor(row) if row.ip == ip && row.state == NeighborState::Usable);
        let row = self.kernel.rows().find(resolved).copied();
        row.iter().for_each(|row| self.kernel.take(row));
    }

    /// At rest, the kernel has what is wanted, or what is in its way shows.
    fn check(&self, operators: &Operators) {
        for row in operators {
            assert!(self.kernel.rows().any(|there| there == row), "an operator's row is gone: {row:?}");
        }
        for row in self.fib.rows() {
            let blocked = operators.iter().any(|there| is_in_the_way(there, &row.key));
            match (&row.status, row.wanted) {
                (Status::Programmed, Some(wanted)) => self.check_programmed(&row.key, &wanted),
                (Status::Conflict(_), Some(_)) => assert!(blocked, "{row:?} of nobody"),
                (Status::Pending, Some(_)) => assert!(!self.served, "{row:?}"),
                // A permanent neighbour in the way of one that is ours keeps its dump-time mark.
                _ => panic!("{row:?} {operators:?}"),
            }
        }
        // What devices hold while they serve nobody is found when they do again.
        let is_joined = self.kernel.links().any(|link| link.index == self.vxlan && link.master.is_some());
        for row in self.ours().into_iter().filter(|_| is_joined) {
            assert!(self.is_wanted(&row), "nobody wants {row:?}");
        }
    }

    /// At any time, what is counted is what a walk through all rows would count.
    pub(super) fn check_counts(&mut self) {
        let mut walked = Counts::default();
        for row in self.fib.rows() {
            walked.wanted += usize::from(row.wanted.is_some());
            *match row.status {
                Status::Programmed => &mut walked.programmed,
                Status::Pending | Status::Stale => &mut walked.pending,
                Status::Failed(_) => &mut walked.failed,
                Status::Conflict(_) => &mut walked.conflicts,
            } += 1;
        }
        assert_eq!(self.fib.counts(), walked);
    }

    fn check_programmed(&self, key: &WantedKey, wanted: &WantedValue) {
        let has = |what: &dyn Fn(&Row) -> bool| self.kernel.rows().any(what);
        match (*key, *wanted) {
            (WantedKey::Mac { mac, .. }, WantedValue::Mac { vtep, sticky }) => {
                assert!(
                    has(
                        &|row| matches!(row, Row::Tunnel(row) if row.mac == mac && row.vtep == vtep && row.external)
                    ),
                    "{key:?}"
                );
                assert!(
                    has(
                        &|row| matches!(row, Row::Bridge(row) if row.mac == mac && row.port == self.vxlan && row.sticky == sticky)
                    ),
                    "{key:?}"
                );
            }
            (WantedKey::Flood { vtep, .. }, _) => {
                assert!(has(
                    &|row| matches!(row, Row::Tunnel(row) if row.mac == Mac::ZERO && row.vtep == vtep)
                ));
            }
            (WantedKey::Neighbor { ip, .. }, WantedValue::Neighbor { mac, .. }) => {
                assert!(
                    has(
                        &|row| matches!(row, Row::Neighbor(row) if row.ip == ip && row.mac == Some(mac) && row.external)
                    ),
                    "{key:?}"
                );
            }
            // Whether the host is here is the kernel's to say; that evpn knows is checked apart.
            _ => {}
        }
    }

    fn is_wanted(&self, row: &Row) -> bool {
        let key = match *row {
            Row::Tunnel(row) if row.mac == Mac::ZERO => WantedKey::Flood { vni: vni(), vtep: row.vtep },
            Row::Tunnel(row) => WantedKey::Mac { vni: vni(), mac: row.mac },
            Row::Bridge(row) => WantedKey::Mac { vni: vni(), mac: row.mac },
            Row::Neighbor(row) => WantedKey::Neighbor { vni: vni(), ip: row.ip },
        };
        self.fib.rows().any(|row| row.key == key && row.wanted.is_some())
    }

    /// At rest, evpn knows the hosts that are here, and no others.
    fn check_locals(&self) {
        let (mut macs, mut neighbors) = (BTreeSet::new(), BTreeMap::new());
        for row in self.kernel.rows().filter(|_| self.served) {
            match row {
                Row::Bridge(row) if row.port == self.port => {
                    macs.insert(row.mac);
                }
                Row::Neighbor(row) if !row.external => neighbors.extend(row.mac.map(|mac| (row.ip, mac))),
                _ => {}
            }
        }
        assert_eq!((&self.macs, &self.neighbors), (&macs, &neighbors));
    }
}

fn is_in_the_way(row: &Row, key: &WantedKey) -> bool {
    match (row, *key) {
        (Row::Tunnel(row), WantedKey::Mac { mac, .. }) => row.mac == mac,
        (Row::Bridge(row), WantedKey::Mac { mac, .. }) => row.mac == mac,
        (Row::Neighbor(row), WantedKey::Neighbor { ip, .. }) => row.ip == ip,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    /// Whatever happens, at rest the kernel has what is wanted, evpn knows who is here, operators' rows are
    /// untouched, and it did not take an unreasonable number of ops to get there.
    #[test]
    fn all_is_well_in_the_end(happenings in happenings(), echoes: bool) {
        let mut world = World::with(FakeKernel::new(echoes), FibConfig::default());
        let mut operators = Operators::new();
        let count = happenings.len();
        for happening in &happenings {
            world.let_happen(happening, &mut operators);
            world.check_counts();
        }
        world.kernel.refusals.clear();
        world.fib.release_stale();
        world.rest();
        world.check(&operators);
        world.check_locals();
        prop_assert!(world.ops <= 40 + 12 * count, "{} ops for {count} happenings", world.ops);
        // Then all comes up, and all that is wanted gets in.
        for device in [world.vxlan, world.bridge, world.port] {
            world.kernel.set_up(device, true);
        }
        world.kernel.set_master(world.vxlan, Some(world.bridge));
        world.rest();
        prop_assert!(world.served);
        world.check(&operators);
        world.check_locals();
    }
}
