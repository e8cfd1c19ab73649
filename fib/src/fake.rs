//! A kernel to test against: devices and rows as plain maps, with the real one's traps.
//!
//! It stands for the kernel AND the driver: ops go in, events come out in the order in which things happened, and
//! the echo of our own rows is dropped as the driver's filter does (unless `echoes` is set; `Fib` must get on
//! with both). What the real kernel does was tried on Linux 6.18; each oddity says so where it is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use bgp::types::{Mac, Vni};

use crate::event::{KernelEvent, Link, LinkKind};
use crate::op::{Action, Create, Dump, Fault, Half, Op, Table};
use crate::row::{BridgeRow, BridgeRowKind, IfIndex, NeighborRow, NeighborState, Row, TunnelRow};

const ENOENT: i32 = 2;
const EEXIST: i32 = 17;
const ENODEV: i32 = 19;
const EAFNOSUPPORT: i32 = 97;

/// The key of a row in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Flood(IfIndex, IpAddr),
    Tunnel(IfIndex, Mac),
    Bridge(IfIndex, Mac),
    Neighbor(IfIndex, IpAddr),
}

fn key(row: &Row) -> Key {
    match row {
        Row::Tunnel(row) if row.mac == Mac::ZERO => Key::Flood(row.vxlan, row.vtep),
        Row::Tunnel(row) => Key::Tunnel(row.vxlan, row.mac),
        Row::Bridge(row) => Key::Bridge(row.bridge, row.mac),
        Row::Neighbor(row) => Key::Neighbor(row.device, row.ip),
    }
}

/// The kernel.
#[derive(Debug, Default)]
pub struct FakeKernel {
    /// Reports our own rows back to us, too.
    echoes: bool,
    /// The errors that the next ops are refused with.
    pub refusals: VecDeque<i32>,
    last_index: u32,
    links: BTreeMap<IfIndex, Link>,
    rows: BTreeMap<Key, Row>,
    /// MACs of which a bridge has copies of our row for the VLANs of the VXLAN device's port. The driver tells nothing of them.
    copies: BTreeSet<(IfIndex, Mac)>,
    events: VecDeque<KernelEvent>,
}

impl FakeKernel {
    /// A kernel without devices; `echoes`: it reports our own rows back to us.
    pub fn new(echoes: bool) -> FakeKernel {
        FakeKernel { echoes, ..FakeKernel::default() }
    }

    /// Makes a bridge with a VXLAN device, both up. Returns the VXLAN device and the bridge.
    pub fn add_segment(&mut self, vni: Vni, local: IpAddr) -> (IfIndex, IfIndex) {
        let bridge = self.add_link(format!("br{vni}"), LinkKind::Bridge, None);
        let kind = LinkKind::Vxlan { vni, local: Some(local), remote: None };
        let vxlan = self.add_link(format!("vxlan{vni}"), kind, Some(bridge));
        (vxlan, bridge)
    }

    /// Makes a port of a bridge, up: a way to local hosts.
    pub fn add_port(&mut self, bridge: IfIndex) -> IfIndex {
        let name = format!("port{}", self.links.len());
        self.add_link(name, LinkKind::Other, Some(bridge))
    }

    fn add_link(&mut self, name: String, kind: LinkKind, master: Option<IfIndex>) -> IfIndex {
        self.last_index += 1;
        let index = IfIndex(self.last_index);
        let [_, a, b, c] = index.0.to_be_bytes();
        let mac = Mac([6, 0, 0, a, b, c]);
        let (up, carrier, learning, suppress, ours) = (true, true, true, false, false);
        let link = Link { index, name, kind, master, up, carrier, mac, learning, suppress, ours };
        self.change_link(link);
        index
    }

    fn change_link(&mut self, link: Link) {
        self.events.push_back(KernelEvent::LinkSeen(Box::new(link.clone())));
        self.links.insert(link.index, link);
    }

    /// Sets a device up or down. Down, a bridge loses its neighbours and a VXLAN device the rows that are not
    /// firm; a port's learnt rows go.
    pub fn set_up(&mut self, index: IfIndex, up: bool) {
        let Some(mut link) = self.links.get(&index).cloned() else { return };
        (link.up, link.carrier) = (up, up);
        self.change_link(link);
        if !up {
            self.remove_where(|row| match row {
                Row::Neighbor(row) => row.device == index,
                Row::Tunnel(row) => row.vxlan == index && !row.firm,
                Row::Bridge(row) => row.port == index && row.kind == BridgeRowKind::Dynamic && !row.external,
            });
        }
    }

    /// Puts a device into a bridge or takes it out. Out, the bridge's rows for it go and its own stay; what was set of
    /// the port goes with it.
    pub fn set_master(&mut self, index: IfIndex, master: Option<IfIndex>) {
        let link = self.links.get(&index).filter(|link| link.master != master).cloned();
        let Some(mut link) = link else { return };
        (link.master, link.learning, link.suppress) = (master, true, false);
        self.remove_where(|row| matches!(row, Row::Bridge(row) if row.port == index));
        self.copies.retain(|(port, _)| *port != index);
        self.change_link(link);
    }

    /// Removes a device with its rows.
    pub fn remove_link(&mut self, index: IfIndex) {
        self.remove_where(|row| match row {
            Row::Tunnel(row) => row.vxlan == index,
            Row::Bridge(row) => row.port == index || row.bridge == index,
            Row::Neighbor(row) => row.device == index,
        });
        let links = &self.links;
        let is_of = |port: &IfIndex| links.get(port).is_some_and(|link| link.master == Some(index));
        self.copies.retain(|(port, _)| *port != index && !is_of(port));
        self.links.remove(&index);
        self.events.push_back(KernelEvent::LinkGone(index));
    }

    /// A frame from `mac` arrives at a bridge's port. A static row is not moved by it, nor a sticky one.
    pub fn frame(&mut self, port: IfIndex, mac: Mac) {
        let Some(bridge) = self.links.get(&port).filter(|link| link.up).and_then(|link| link.master) else {
            return;
        };
        let held = |row: &Row| matches!(row, Row::Bridge(row) if row.kind != BridgeRowKind::Dynamic);
        if self.rows.get(&Key::Bridge(bridge, mac)).is_some_and(held) {
            return;
        }
        let kind = BridgeRowKind::Dynamic;
        self.put(Row::Bridge(BridgeRow { bridge, port, mac, kind, external: false, sticky: false }));
    }

    /// Anybody but us sets a row.
    pub fn put(&mut self, row: Row) {
        if self.rows.insert(key(&row), row) != Some(row) {
            let is_marked = match row {
                Row::Tunnel(row) => row.ours,
                Row::Bridge(row) => row.external,
                Row::Neighbor(_) => false,
            };
            if self.echoes || !is_marked {
                self.events.push_back(KernelEvent::RowSeen(row));
            }
        }
    }

    /// Anybody removes a row, if it is there.
    pub fn take(&mut self, row: &Row) {
        self.remove(key(row));
    }

    /// The rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// The devices.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// Loses all news that was not taken yet.
    pub fn overrun(&mut self) {
        self.events.clear();
        self.events.push_back(KernelEvent::Overrun);
    }

    /// The next news.
    pub fn poll_event(&mut self) -> Option<KernelEvent> {
        self.events.pop_front()
    }

    /// Does what an op says, and answers it.
    pub fn apply(&mut self, op: &Op) {
        let result = match self.refusals.pop_front() {
            Some(errno) => Err(errno),
            None => self.act(op),
        };
        match (result, &op.action) {
            (Err(errno), _) => {
                let fault = Fault::errno(errno);
                self.events.push_back(KernelEvent::Failed { id: op.id, fault });
            }
            (Ok(()), Action::Dump(_)) => {
                self.events.push_back(KernelEvent::DumpEnd { id: op.id, intact: true });
            }
            (Ok(()), _) => {}
        }
        if !matches!(op.action, Action::Dump(_)) {
            self.events.push_back(KernelEvent::Done(op.id));
        }
    }

    fn act(&mut self, op: &Op) -> Result<(), i32> {
        match op.action {
            Action::SetMac { vxlan, vtep, .. } | Action::AddFlood { vxlan, vtep } => {
                self.check_family(vxlan, vtep)?;
                self.set_rows(&op.action, vxlan)
            }
            Action::SetSticky { vxlan, mac } => {
                let bridge = self.links.get(&vxlan).ok_or(ENODEV)?.master.unwrap_or_default();
                self.rows.get(&Key::Bridge(bridge, mac)).ok_or(ENOENT)?;
                self.set_rows(&op.action, vxlan)
            }
            Action::DeleteMac { vxlan, mac, vtep, half } => self.delete_mac(vxlan, mac, vtep, half),
            Action::DeleteFlood { vxlan, vtep } => self.delete_flood(vxlan, vtep),
            Action::SetNeighbor { bridge, ip, replace, .. }
            | Action::ProbeNeighbor { bridge, ip, replace, .. } => {
                self.check_absence(bridge, ip, replace)?;
                self.set_rows(&op.action, bridge)
            }
            Action::DeleteNeighbor { bridge, ip } => {
                self.remove(Key::Neighbor(bridge, ip)).then_some(()).ok_or(ENOENT)
            }
            Action::Dump(dump) => self.dump(dump),
            Action::SetPort { vxlan } => self.set_port(vxlan),
            Action::CreateTunnel(_) => Ok(()),
            Action::Create(ref create) => {
                self.create(create);
                Ok(())
            }
            Action::Remove { ref names } => {
                let marked = |link: &&Link| link.ours && names.contains(&link.name);
                let found: Vec<IfIndex> = self.links.values().filter(marked).map(|link| link.index).collect();
                found.into_iter().for_each(|index| self.remove_link(index));
                Ok(())
            }
        }
    }

    /// Makes the devices that are missing, with our mark.
    fn create(&mut self, create: &Create) {
        let there = |links: &BTreeMap<IfIndex, Link>, name: &str| {
            links.values().find(|link| link.name == name).map(|link| link.index)
        };
        let bridge = there(&self.links, &create.bridge)
            .unwrap_or_else(|| self.make(&create.bridge, LinkKind::Bridge, None));
        if there(&self.links, &create.vxlan).is_none() {
            let kind = LinkKind::Vxlan { vni: create.vni, local: create.local, remote: None };
            self.make(&create.vxlan, kind, Some(bridge));
        }
    }

    fn make(&mut self, name: &str, kind: LinkKind, master: Option<IfIndex>) -> IfIndex {
        let index = self.add_link(name.to_owned(), kind, master);
        if let Some(link) = self.links.get(&index).cloned() {
            self.change_link(Link { ours: true, ..link });
        }
        index
    }

    fn set_rows(&mut self, action: &Action, device: IfIndex) -> Result<(), i32> {
        let link = self.links.get(&device).ok_or(ENODEV)?;
        let bridge = link.master.unwrap_or_default();
        for row in action.rows(bridge).collect::<Vec<_>>() {
            self.set_row(row);
        }
        Ok(())
    }

    /// Sets a row of ours, as far as the kernel does.
    fn set_row(&mut self, mut row: Row) {
        let old = self.rows.get(&key(&row)).copied();
        match (&mut row, old) {
            // What somebody has set keeps its marks and its state, whoever writes over it.
            (Row::Tunnel(row), Some(Row::Tunnel(old))) if old.firm || old.external => {
                (row.external, row.ours, row.firm) = (old.external, old.ours, old.firm);
            }
            // A static row stays one, and a sticky one, too.
            (Row::Bridge(row), Some(Row::Bridge(old))) if old.kind == BridgeRowKind::Static => {
                (row.kind, row.sticky) = (old.kind, row.sticky || old.sticky);
            }
            // Stickiness brings no mark.
            (Row::Bridge(row), old) if row.sticky => {
                row.external = matches!(old, Some(Row::Bridge(old)) if old.external);
            }
            _ => {}
        }
        if let Row::Bridge(row) = row {
            self.copies.insert((row.port, row.mac));
        }
        let is_ours = match row {
            Row::Tunnel(row) => row.ours,
            Row::Bridge(row) => row.external,
            Row::Neighbor(_) => true,
        };
        if self.rows.insert(key(&row), row) != Some(row) && (self.echoes || !is_ours) {
            self.events.push_back(KernelEvent::RowSeen(row));
        }
    }

    fn check_family(&self, vxlan: IfIndex, vtep: IpAddr) -> Result<(), i32> {
        let link = self.links.get(&vxlan).ok_or(ENODEV)?;
        let LinkKind::Vxlan { local: Some(local), .. } = link.kind else { return Ok(()) };
        if local.is_ipv4() == vtep.is_ipv4() { Ok(()) } else { Err(EAFNOSUPPORT) }
    }

    fn check_absence(&self, bridge: IfIndex, ip: IpAddr, replace: bool) -> Result<(), i32> {
        let is_there = self.rows.contains_key(&Key::Neighbor(bridge, ip));
        if is_there && !replace { Err(EEXIST) } else { Ok(()) }
    }

    /// The bridge's row and its copies first; where none of these is there, or they are not this port's, the tunnel's stays.
    fn delete_mac(&mut self, vxlan: IfIndex, mac: Mac, vtep: Option<IpAddr>, half: Half) -> Result<(), i32> {
        let bridge = self.links.get(&vxlan).ok_or(ENODEV)?.master.unwrap_or_default();
        if half != Half::Tunnel {
            let at_port = |row: &Row| matches!(row, Row::Bridge(row) if row.port == vxlan);
            let is_there = self.rows.get(&Key::Bridge(bridge, mac)).is_some_and(at_port);
            let had_copies = self.copies.remove(&(vxlan, mac));
            (is_there || had_copies).then_some(()).ok_or(ENOENT)?;
            if is_there {
                self.remove(Key::Bridge(bridge, mac));
            }
        }
        if half != Half::Bridge {
            let row = self.rows.get(&Key::Tunnel(vxlan, mac)).ok_or(ENOENT)?;
            // The wrong destination is no error, and nothing goes.
            if matches!(row, Row::Tunnel(row) if vtep.is_none_or(|vtep| vtep == row.vtep)) {
                self.remove(Key::Tunnel(vxlan, mac));
            }
        }
        Ok(())
    }

    /// Nor is it here, unless the list is empty.
    fn delete_flood(&mut self, vxlan: IfIndex, vtep: IpAddr) -> Result<(), i32> {
        let listed =
            |row: &Row| matches!(row, Row::Tunnel(row) if row.vxlan == vxlan && row.mac == Mac::ZERO);
        self.rows.values().any(listed).then_some(()).ok_or(ENOENT)?;
        self.remove(Key::Flood(vxlan, vtep));
        Ok(())
    }

    fn set_port(&mut self, vxlan: IfIndex) -> Result<(), i32> {
        let mut link = self.links.get(&vxlan).cloned().ok_or(ENODEV)?;
        (link.learning, link.suppress) = (false, true);
        self.change_link(link);
        Ok(())
    }

    fn dump(&mut self, dump: Dump) -> Result<(), i32> {
        if dump.bridge.is_some_and(|bridge| !self.links.contains_key(&bridge)) {
            return Err(ENODEV);
        }
        if dump.table == Table::Links {
            let links = self.links.values().cloned().map(|link| KernelEvent::LinkSeen(Box::new(link)));
            self.events.extend(links);
        }
        let rows: Vec<Row> = self.rows.values().filter(|row| self.is_in(dump, row)).copied().collect();
        self.events.extend(rows.into_iter().map(KernelEvent::RowSeen));
        Ok(())
    }

    fn is_in(&self, dump: Dump, row: &Row) -> bool {
        let (table, bridge) = match row {
            Row::Tunnel(row) => (Table::Fdb, self.links.get(&row.vxlan).and_then(|link| link.master)),
            Row::Bridge(row) => (Table::Fdb, Some(row.bridge)),
            Row::Neighbor(row) if row.ip.is_ipv4() => (Table::Neighbors4, Some(row.device)),
            Row::Neighbor(row) => (Table::Neighbors6, Some(row.device)),
        };
        dump.table == table && (dump.bridge.is_none() || dump.bridge == bridge)
    }

    fn remove(&mut self, key: Key) -> bool {
        let Some(row) = self.rows.remove(&key) else { return false };
        if let Row::Bridge(row) = row {
            self.copies.remove(&(row.port, row.mac));
        }
        if let Row::Neighbor(row) = row {
            // It fails before it goes.
            let (mac, state) = (None, NeighborState::Unusable);
            self.events.push_back(KernelEvent::RowSeen(Row::Neighbor(NeighborRow { mac, state, ..row })));
        }
        self.events.push_back(KernelEvent::RowGone(row));
        true
    }

    /// Copies that lead into the tunnel though their row does not any more.
    pub fn stale_copies(&self) -> Vec<(IfIndex, Mac)> {
        let leads_there = |port, mac| {
            self.rows
                .values()
                .any(|row| matches!(row, Row::Bridge(row) if (row.port, row.mac) == (port, mac)))
        };
        self.copies.iter().copied().filter(|(port, mac)| !leads_there(*port, *mac)).collect()
    }

    fn remove_where(&mut self, matches: impl Fn(&Row) -> bool) {
        let keys: Vec<Key> = self.rows.iter().filter(|(_, row)| matches(row)).map(|(key, _)| *key).collect();
        keys.into_iter().for_each(|key| {
            self.remove(key);
        });
    }
}

/// A tunnel row that an operator has set.
pub fn operators_tunnel_row(vxlan: IfIndex, mac: Mac, vtep: IpAddr) -> Row {
    Row::Tunnel(TunnelRow { vxlan, mac, vtep, external: false, ours: false, firm: true })
}

/// A bridge row that an operator has set.
pub fn operators_bridge_row(bridge: IfIndex, port: IfIndex, mac: Mac) -> Row {
    let kind = BridgeRowKind::Static;
    Row::Bridge(BridgeRow { bridge, port, mac, kind, external: false, sticky: false })
}

/// A neighbour that an operator has set.
pub fn operators_neighbor(device: IfIndex, ip: IpAddr, mac: Mac) -> Row {
    let (mac, state, protocol) = (Some(mac), NeighborState::Permanent, 0);
    Row::Neighbor(NeighborRow { device, ip, mac, state, external: false, router: false, protocol })
}

/// A neighbour that the kernel has resolved.
pub fn resolved_neighbor(device: IfIndex, ip: IpAddr, mac: Mac) -> Row {
    let (mac, state, protocol) = (Some(mac), NeighborState::Usable, 0);
    Row::Neighbor(NeighborRow { device, ip, mac, state, external: false, router: false, protocol })
}
