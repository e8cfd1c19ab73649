//! The tunnel's device and its rows, in the fake kernel.

use std::net::IpAddr;

use bgp::types::Mac;

use super::super::event::{Hop, RouteEvent};
use super::{EEXIST, ENETDOWN, FakeRoutes};
use crate::config::PROTOCOL;
use crate::op::{Action, Table, TunnelDevice};
use crate::row::{IfIndex, NeighborRow, NeighborState, Row, TunnelRow};

const ENOENT: i32 = 2;
const EOPNOTSUPP: i32 = 95;

/// Devices that bear the tunnel's mark, and rows of any device.
#[derive(Debug, Default)]
pub(super) struct FakeTunnels {
    marked: Vec<(IfIndex, Mac)>,
    rows: Vec<Row>,
    made: u32,
}

impl FakeTunnels {
    pub(super) fn mac(&self, index: IfIndex) -> Option<Mac> {
        self.marked.iter().find(|(device, _)| *device == index).map(|(_, mac)| *mac)
    }

    fn at(&self, place: &Row) -> Option<usize> {
        self.rows.iter().position(|row| is_same_place(row, place))
    }
}

impl FakeRoutes {
    pub(super) fn act_on_tunnel(&mut self, action: &Action) -> Result<(), i32> {
        match action {
            Action::CreateTunnel(tunnel) => self.create_tunnel(tunnel),
            Action::Remove { names } => {
                let is_named =
                    |index: &IfIndex| self.device_named(*index).is_some_and(|n| names.contains(&n));
                let gone: Vec<IfIndex> =
                    self.tunnels.marked.iter().map(|(index, _)| *index).filter(is_named).collect();
                gone.into_iter().for_each(|index| self.remove_device(index));
            }
            Action::SetMac { vxlan, mac, vtep, .. } => {
                let row = TunnelRow {
                    vxlan: *vxlan,
                    mac: *mac,
                    vtep: *vtep,
                    external: true,
                    ours: true,
                    firm: true,
                };
                return self.set_row(Row::Tunnel(row), true);
            }
            Action::SetNeighbor { bridge, ip, mac, replace, protocol, .. } => {
                return self.set_row(Row::Neighbor(neighbor(*bridge, *ip, *mac, *protocol)), *replace);
            }
            Action::DeleteMac { vxlan, mac, .. } => {
                let vtep = IpAddr::from([0; 4]);
                let row =
                    TunnelRow { vxlan: *vxlan, mac: *mac, vtep, external: true, ours: true, firm: true };
                return self.delete_row(&Row::Tunnel(row));
            }
            Action::DeleteNeighbor { bridge, ip } => {
                return self.delete_row(&Row::Neighbor(neighbor(*bridge, *ip, Mac::ZERO, PROTOCOL)));
            }
            _ => return Err(EOPNOTSUPP),
        }
        Ok(())
    }

    fn device_named(&self, index: IfIndex) -> Option<String> {
        self.devices.get(&index).map(|(name, _)| name.to_string())
    }

    /// Makes the device, which comes up with its mark, or brings up the one that is there.
    pub fn create_tunnel(&mut self, tunnel: &TunnelDevice) {
        let marked = self.tunnels.marked.iter().map(|(index, _)| *index);
        let there =
            marked.into_iter().find(|index| self.device_named(*index).as_deref() == Some(&tunnel.name));
        let index = there.unwrap_or_else(|| {
            self.tunnels.made += 1;
            IfIndex(100 + self.tunnels.made)
        });
        self.tunnels.marked.retain(|(device, _)| *device != index);
        self.devices.insert(index, (tunnel.name.as_str().into(), true));
        self.tunnels.marked.push((index, tunnel.mac));
        self.tell_device(index);
    }

    /// The tunnel's device.
    pub fn tunnel(&self) -> Option<IfIndex> {
        self.tunnels.marked.first().map(|(index, _)| *index)
    }

    /// The rows of the tunnel's device, as `MAC at VTEP` and `ROUTER is MAC`, sorted.
    pub fn tunnel_rows(&self) -> Vec<String> {
        let text = |row: &Row| match row {
            Row::Tunnel(row) => format!("{} at {}", row.mac, row.vtep),
            Row::Neighbor(row) => format!("{} is {}", row.ip, row.mac.unwrap_or_default()),
            Row::Bridge(_) => String::new(),
        };
        let mut rows: Vec<String> = self.tunnels.rows.iter().map(text).collect();
        rows.sort();
        rows
    }

    /// Anybody sets a row, in the place of what is there.
    pub fn put_row(&mut self, row: Row) {
        self.tunnels.rows.retain(|there| !is_same_place(there, &row));
        self.tunnels.rows.push(row);
        self.events.push_back(RouteEvent::RowSeen(row));
    }

    /// Anybody takes a row away: the one at this place among them all.
    pub fn take_row(&mut self, place: usize) {
        if place < self.tunnels.rows.len() {
            let row = self.tunnels.rows.remove(place);
            self.events.push_back(RouteEvent::RowGone(row));
        }
    }

    fn set_row(&mut self, row: Row, replace: bool) -> Result<(), i32> {
        if !self.is_up(device_of(&row)) {
            return Err(ENETDOWN);
        }
        if let Some(place) = self.tunnels.at(&row) {
            if !replace {
                return Err(EEXIST);
            }
            let there = self.tunnels.rows.remove(place);
            self.harmed += usize::from(!is_ours(&there));
        }
        self.tunnels.rows.push(row);
        Ok(())
    }

    fn delete_row(&mut self, row: &Row) -> Result<(), i32> {
        let place = self.tunnels.at(row).ok_or(ENOENT)?;
        self.harmed += usize::from(self.tunnels.rows.get(place).is_some_and(|there| !is_ours(there)));
        self.take_row(place);
        let hops: Vec<Hop> =
            self.routes().filter(|route| route.protocol == PROTOCOL).flat_map(|r| r.hops.clone()).collect();
        self.blind += hops.iter().filter(|hop| self.is_blind(hop)).count();
        Ok(())
    }

    /// Whether a way leads into the tunnel, and on to nowhere.
    pub(super) fn is_blind(&self, hop: &Hop) -> bool {
        let Some(device) = hop.device.filter(|device| self.tunnels.mac(*device).is_some()) else {
            return false;
        };
        let mac = self.tunnels.rows.iter().find_map(|row| match row {
            Row::Neighbor(row) if row.device == device && Some(row.ip) == hop.gateway => row.mac,
            _ => None,
        });
        let is_known =
            |row: &Row| matches!(row, Row::Tunnel(row) if row.vxlan == device && Some(row.mac) == mac);
        !self.tunnels.rows.iter().any(is_known)
    }

    /// Rows go with their device, neighbours when it goes down.
    pub(super) fn flush_rows(&mut self, device: IfIndex, is_gone: bool) {
        let goes = |row: &Row| device_of(row) == device && (is_gone || matches!(row, Row::Neighbor(_)));
        while let Some(place) = self.tunnels.rows.iter().position(goes) {
            self.take_row(place);
        }
        if is_gone {
            self.tunnels.marked.retain(|(index, _)| *index != device);
        }
    }

    pub(super) fn dump_rows(&mut self, table: Table, device: IfIndex) {
        let is_in = |row: &&Row| {
            device_of(row) == device
                && match row {
                    Row::Tunnel(_) => table == Table::Fdb,
                    Row::Neighbor(row) => {
                        table == if row.ip.is_ipv4() { Table::Neighbors4 } else { Table::Neighbors6 }
                    }
                    Row::Bridge(_) => false,
                }
        };
        self.events.extend(self.tunnels.rows.iter().filter(is_in).map(|row| RouteEvent::RowSeen(*row)));
    }
}

fn device_of(row: &Row) -> IfIndex {
    match row {
        Row::Tunnel(row) => row.vxlan,
        Row::Bridge(row) => row.bridge,
        Row::Neighbor(row) => row.device,
    }
}

fn is_same_place(one: &Row, other: &Row) -> bool {
    match (one, other) {
        (Row::Tunnel(one), Row::Tunnel(other)) => (one.vxlan, one.mac) == (other.vxlan, other.mac),
        (Row::Neighbor(one), Row::Neighbor(other)) => (one.device, one.ip) == (other.device, other.ip),
        _ => false,
    }
}

fn is_ours(row: &Row) -> bool {
    match row {
        Row::Tunnel(row) => row.ours,
        Row::Neighbor(row) => row.external && row.protocol == PROTOCOL,
        Row::Bridge(_) => false,
    }
}

/// A neighbour as we set it.
fn neighbor(device: IfIndex, ip: IpAddr, mac: Mac, protocol: u8) -> NeighborRow {
    let state = NeighborState::NoArp;
    NeighborRow { device, ip, mac: Some(mac), state, external: true, router: false, protocol }
}
