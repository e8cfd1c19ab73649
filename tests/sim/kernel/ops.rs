//! What the kernel makes of an op.

use std::net::IpAddr;
use std::time::Instant;

use bgp::types::Mac;
use fib::op::{Action, Half};
use fib::row::{BridgeRow, BridgeRowKind, NeighborRow, NeighborState, TunnelRow};
use fib::{IfIndex, Link};

use super::tables::Tables;

const ENOENT: i32 = 2;
const EEXIST: i32 = 17;
const ENODEV: i32 = 19;
const EOPNOTSUPP: i32 = 95;
const EAFNOSUPPORT: i32 = 97;

/// `RTPROT_KERNEL`.
const KERNEL: u8 = 2;

impl Tables {
    /// Does what the daemon asks for, or refuses with an error number.
    pub(super) fn apply(&mut self, now: Instant, action: &Action) -> Result<(), i32> {
        self.writing = true;
        let outcome = self.act(now, action);
        self.writing = false;
        outcome
    }

    fn act(&mut self, now: Instant, action: &Action) -> Result<(), i32> {
        match *action {
            Action::SetMac { vxlan, mac, vtep, half } => {
                self.device(vxlan)?;
                self.halves(
                    half,
                    |t| t.learn_external(now, vxlan, mac),
                    |t| t.set_destination(vxlan, mac, vtep),
                )
            }
            Action::SetSticky { vxlan, mac } => self.stick(now, vxlan, mac),
            Action::DeleteMac { vxlan, mac, vtep, half } => {
                self.device(vxlan)?;
                self.halves(half, |t| t.unlearn(vxlan, mac), |t| t.delete_destination(vxlan, mac, vtep))
            }
            Action::AddFlood { vxlan, vtep } => self.append_flood(vxlan, vtep, true),
            Action::DeleteFlood { vxlan, vtep } => self.delete_destination(vxlan, Mac::ZERO, Some(vtep)),
            Action::SetNeighbor { bridge, ip, mac, router, replace, protocol } => {
                let (state, external) = (NeighborState::NoArp, true);
                let row =
                    NeighborRow { device: bridge, ip, mac: Some(mac), state, external, router, protocol };
                self.replace_neighbor(now, row, replace)
            }
            Action::ProbeNeighbor { bridge, ip, mac, replace } => {
                let (state, external) = (NeighborState::Usable, false);
                let (mac, router, protocol) = (Some(mac), false, KERNEL);
                let row = NeighborRow { device: bridge, ip, mac, state, external, router, protocol };
                self.replace_neighbor(now, row, replace)
            }
            Action::DeleteNeighbor { bridge, ip } => {
                self.neighbors.contains_key(&(bridge, ip)).then_some(()).ok_or(ENOENT)?;
                self.remove_neighbor((bridge, ip));
                Ok(())
            }
            Action::SetPort { vxlan } => {
                let link = self.device(vxlan)?.clone();
                self.set_link(Link { learning: false, suppress: true, ..link });
                Ok(())
            }
            Action::Dump(_) | Action::Create(_) | Action::CreateTunnel(_) | Action::Remove { .. } => {
                Err(EOPNOTSUPP)
            }
        }
    }

    fn device(&self, index: IfIndex) -> Result<&Link, i32> {
        self.links.get(&index).ok_or(ENODEV)
    }

    /// One message for both rows does the bridge's first, and where that fails the other is left alone.
    fn halves(
        &mut self,
        half: Half,
        bridge: impl FnOnce(&mut Tables) -> Result<(), i32>,
        tunnel: impl FnOnce(&mut Tables) -> Result<(), i32>,
    ) -> Result<(), i32> {
        if half != Half::Tunnel {
            bridge(self)?;
        }
        if half == Half::Bridge { Ok(()) } else { tunnel(self) }
    }

    /// A control plane's row takes the place of any other, and of what it was keeps what it rested on.
    fn learn_external(&mut self, now: Instant, vxlan: IfIndex, mac: Mac) -> Result<(), i32> {
        let bridge = self.device(vxlan)?.master.ok_or(EOPNOTSUPP)?;
        let old = self.bridges.get(&(bridge, mac)).map(|learnt| learnt.row);
        let (kind, sticky) = old.map_or((BridgeRowKind::Dynamic, false), |old| (old.kind, old.sticky));
        self.note_taken(old);
        self.set_bridge(BridgeRow { bridge, port: vxlan, mac, kind, external: true, sticky }, now);
        Ok(())
    }

    fn stick(&mut self, now: Instant, vxlan: IfIndex, mac: Mac) -> Result<(), i32> {
        let bridge = self.device(vxlan)?.master.ok_or(EOPNOTSUPP)?;
        let old = self.bridges.get(&(bridge, mac)).map(|learnt| learnt.row);
        let external = old.is_some_and(|old| old.external);
        self.note_taken(old);
        let kind = BridgeRowKind::Static;
        self.set_bridge(BridgeRow { bridge, port: vxlan, mac, kind, external, sticky: true }, now);
        Ok(())
    }

    /// A row is about to be written over.
    fn note_taken(&mut self, old: Option<BridgeRow>) {
        let pinned = old.filter(|old| self.pinned.get(&(old.bridge, old.mac)) == Some(old));
        self.taken.extend(pinned);
    }

    fn unlearn(&mut self, vxlan: IfIndex, mac: Mac) -> Result<(), i32> {
        let bridge = self.device(vxlan)?.master.ok_or(EOPNOTSUPP)?;
        let there = self.bridges.get(&(bridge, mac)).is_some_and(|learnt| learnt.row.port == vxlan);
        there.then_some(()).ok_or(ENOENT)?;
        self.remove_bridge((bridge, mac));
        Ok(())
    }

    /// Adds to the flood list. One that is there already is no error. The list has one mark for all: it is a control
    /// plane's as long as nobody else has added to it.
    pub(super) fn append_flood(&mut self, vxlan: IfIndex, vtep: IpAddr, ours: bool) -> Result<(), i32> {
        self.check_family(vxlan, vtep)?;
        let list = self.tunnels.iter_mut().filter(|(key, _)| (key.0, key.1) == (vxlan, Mac::ZERO));
        let is_marked = list.fold(ours, |mark, (_, row)| {
            (row.external, row.ours) = (row.external && ours, row.ours && ours);
            mark && row.ours
        });
        if !self.tunnels.contains_key(&(vxlan, Mac::ZERO, vtep)) {
            let (mac, external, ours) = (Mac::ZERO, is_marked, is_marked);
            self.set_tunnel(TunnelRow { vxlan, mac, vtep, external, ours, firm: true });
        }
        Ok(())
    }

    fn check_family(&self, vxlan: IfIndex, vtep: IpAddr) -> Result<(), i32> {
        self.device(vxlan)?;
        if self.can_reach(vxlan, vtep) { Ok(()) } else { Err(EAFNOSUPPORT) }
    }

    /// A row that somebody has set gets another destination, and keeps its marks.
    fn set_destination(&mut self, vxlan: IfIndex, mac: Mac, vtep: IpAddr) -> Result<(), i32> {
        self.check_family(vxlan, vtep)?;
        if mac == Mac::ZERO {
            // A list is added to, and not replaced.
            return Err(EOPNOTSUPP);
        }
        let old = self
            .tunnels
            .iter()
            .find(|(key, _)| (key.0, key.1) == (vxlan, mac))
            .map(|(key, row)| (*key, *row));
        let kept = old.map(|(_, row)| row).filter(|row| row.firm || row.external);
        let (external, ours, firm) =
            kept.map_or((true, true, true), |row| (row.external, row.ours, row.firm));
        old.into_iter().for_each(|(key, _)| _ = self.tunnels.remove(&key));
        let row = TunnelRow { vxlan, mac, vtep, external, ours, firm };
        if old.is_some_and(|(_, old)| old == row) {
            self.tunnels.insert((vxlan, mac, vtep), row);
        } else {
            self.set_tunnel(row);
        }
        Ok(())
    }

    /// With the wrong destination it says that all is well and removes nothing.
    fn delete_destination(&mut self, vxlan: IfIndex, mac: Mac, vtep: Option<IpAddr>) -> Result<(), i32> {
        let there = self.tunnels.keys().any(|key| (key.0, key.1) == (vxlan, mac));
        there.then_some(()).ok_or(ENOENT)?;
        let meant = |key: &(IfIndex, Mac, IpAddr)| {
            (key.0, key.1) == (vxlan, mac) && vtep.is_none_or(|vtep| vtep == key.2)
        };
        let keys: Vec<_> = self.tunnels.keys().copied().filter(meant).collect();
        keys.into_iter().for_each(|key| self.remove_tunnel(key));
        Ok(())
    }

    /// Overwrites even what an operator made permanent, if it may replace at all.
    fn replace_neighbor(&mut self, now: Instant, row: NeighborRow, replace: bool) -> Result<(), i32> {
        self.device(row.device)?;
        if !replace && self.neighbors.contains_key(&(row.device, row.ip)) {
            return Err(EEXIST);
        }
        self.set_neighbor(row, now);
        Ok(())
    }
}
