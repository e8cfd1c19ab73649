//! What hosts, operators and strangers do to a kernel's tables.

use std::net::IpAddr;
use std::time::Instant;

use bgp::types::{Mac, Vni};
use fib::IfIndex;
use fib::row::{BridgeRow, BridgeRowKind, NeighborRow, NeighborState, TunnelRow};

use super::devices::Segment;
use super::tables::{Known, Tables};

impl Tables {
    /// A frame of a host comes in on a port; `address` if it tells its address (ARP).
    pub(crate) fn frame(&mut self, now: Instant, vni: Vni, port: usize, mac: Mac, address: Option<IpAddr>) {
        let segment = self.segment(vni);
        let (bridge, port) = (segment.bridge, segment.ports[port]);
        if !self.is_up(bridge) || !self.is_up(port) {
            return;
        }
        let old = self.bridges.get(&(bridge, mac)).map(|learnt| learnt.row);
        let row = match old {
            // Such a frame is dropped.
            Some(old) if old.port != port && (old.sticky || old.kind == BridgeRowKind::Own) => return,
            Some(old) if old.port == port => old,
            // Whoever set it, it is the bridge's own again.
            Some(old) => BridgeRow { port, external: false, ..old },
            None => {
                let (kind, external, sticky) = (BridgeRowKind::Dynamic, false, false);
                BridgeRow { bridge, port, mac, kind, external, sticky }
            }
        };
        self.set_bridge(row, now);
        if let Some(ip) = address {
            self.resolve(now, vni, ip, mac);
        }
    }

    /// The bridge hears ARP that tells of an address, from one of its ports or through the tunnel. What a
    /// control plane or an operator set stays.
    pub(crate) fn resolve(&mut self, now: Instant, vni: Vni, ip: IpAddr, mac: Mac) {
        let bridge = self.segment(vni).bridge;
        let old = self.neighbors.get(&(bridge, ip)).map(|known| known.row);
        let firm = |row: &NeighborRow| matches!(row.state, NeighborState::NoArp | NeighborState::Permanent);
        if self.is_up(bridge) && !old.as_ref().is_some_and(firm) {
            let (state, mac) = (NeighborState::Usable, Some(mac));
            let fresh =
                NeighborRow { device: bridge, ip, mac, state, external: false, router: false, protocol: 0 };
            self.set_neighbor(NeighborRow { protocol: old.map_or(0, |old| old.protocol), ..fresh }, now);
        }
    }

    /// Whether the bridge knows an address as its own to verify.
    pub(crate) fn knows(&self, vni: Vni, ip: IpAddr) -> bool {
        let bridge = self.segment(vni).bridge;
        self.neighbors.get(&(bridge, ip)).is_some_and(|known| known.row.state == NeighborState::Usable)
    }

    /// Whether ARP for an address is answered here in the host's place.
    pub(crate) fn suppresses(&self, vni: Vni, ip: IpAddr) -> bool {
        let Segment { bridge, vxlan, .. } = *self.segment(vni);
        let answers = self.links.get(&vxlan).is_some_and(|link| link.suppress && link.master == Some(bridge));
        let known = self.neighbors.get(&(bridge, ip)).and_then(|known| known.row.mac);
        answers && known.is_some_and(|mac| self.tunnels.keys().any(|key| (key.0, key.1) == (vxlan, mac)))
    }

    /// An operator pins a MAC to a port.
    pub(crate) fn pin(&mut self, now: Instant, vni: Vni, port: usize, mac: Mac) {
        let segment = self.segment(vni);
        let (bridge, port) = (segment.bridge, segment.ports[port]);
        let kind = BridgeRowKind::Static;
        self.set_pinned(now, BridgeRow { bridge, port, mac, kind, external: false, sticky: true });
    }

    /// He takes away what is there, and sets his own.
    pub(super) fn set_pinned(&mut self, now: Instant, row: BridgeRow) {
        let key = (row.bridge, row.mac);
        self.pinned.insert(key, row);
        self.remove_bridge(key);
        self.set_bridge(row, now);
    }

    /// An operator sets a neighbour.
    pub(crate) fn set_permanent(&mut self, now: Instant, vni: Vni, ip: IpAddr, mac: Mac) {
        let (device, state) = (self.segment(vni).bridge, NeighborState::Permanent);
        let (mac, external, router, protocol) = (Some(mac), false, false, 4);
        self.set_neighbor(NeighborRow { device, ip, mac, state, external, router, protocol }, now);
    }

    /// An operator has a neighbour of his go.
    pub(crate) fn clear_permanent(&mut self, vni: Vni, ip: IpAddr) {
        let key = (self.segment(vni).bridge, ip);
        if self.neighbors.get(&key).is_some_and(|known| known.row.state == NeighborState::Permanent) {
            self.remove_neighbor(key);
        }
    }

    /// An operator sends a MAC's frames to a VTEP of his choice, in the place of whatever was there.
    pub(crate) fn divert(&mut self, vni: Vni, mac: Mac, vtep: IpAddr) {
        let vxlan = self.segment(vni).vxlan;
        if !self.links.contains_key(&vxlan) {
            return;
        }
        let there: Vec<_> =
            self.tunnels.keys().copied().filter(|key| (key.0, key.1) == (vxlan, mac)).collect();
        there.into_iter().for_each(|key| self.remove_tunnel(key));
        self.set_tunnel(TunnelRow { vxlan, mac, vtep, external: false, ours: false, firm: true });
    }

    /// He has that row go, wherever it leads by now.
    pub(crate) fn end_diversion(&mut self, vni: Vni, mac: Mac) {
        let vxlan = self.segment(vni).vxlan;
        let is_his = |(key, row): &(&(IfIndex, Mac, IpAddr), &TunnelRow)| {
            (key.0, key.1) == (vxlan, mac) && !row.external
        };
        let there: Vec<_> = self.tunnels.iter().filter(is_his).map(|(key, _)| *key).collect();
        there.into_iter().for_each(|key| self.remove_tunnel(key));
    }

    /// A stranger flushes a network's forwarding rows: `bridge fdb flush` on the VXLAN device, or on a port.
    pub(crate) fn flush_rows(&mut self, device: IfIndex) {
        let tunnels: Vec<_> = self.tunnels.keys().copied().filter(|key| key.0 == device).collect();
        tunnels.into_iter().for_each(|key| self.remove_tunnel(key));
        let goes = |row: &BridgeRow| row.port == device && row.kind == BridgeRowKind::Dynamic;
        let bridges = self.bridges.iter().filter(|(_, learnt)| goes(&learnt.row));
        let bridges: Vec<_> = bridges.map(|(key, _)| *key).collect();
        bridges.into_iter().for_each(|key| self.remove_bridge(key));
    }

    /// A stranger flushes a bridge's neighbours: `ip neigh flush`, which leaves the permanent ones.
    pub(crate) fn flush_all_neighbors(&mut self, bridge: IfIndex) {
        let goes = |known: &Known| known.row.state != NeighborState::Permanent;
        let keys = self.neighbors.iter().filter(|(key, known)| key.0 == bridge && goes(known));
        let keys: Vec<_> = keys.map(|(key, _)| *key).collect();
        keys.into_iter().for_each(|key| self.remove_neighbor(key));
    }

    /// What no news tells of: the row number `n` of those that linnet has set is gone, or leads elsewhere as if linnet
    /// had said so itself. Says whether there was any.
    pub(crate) fn drift(&mut self, n: usize, elsewhere: IpAddr) -> bool {
        let told = self.news.len();
        let astray = self.tunnels.values().filter(|row| row.ours && row.mac != Mac::ZERO).copied();
        let astray: Vec<TunnelRow> = astray.collect();
        let drifts = match astray.get(n / 2 % astray.len().max(1)).filter(|_| n.is_multiple_of(2)) {
            Some(row) => {
                self.tunnels.remove(&(row.vxlan, row.mac, row.vtep));
                let key = (row.vxlan, row.mac, elsewhere);
                self.tunnels.insert(key, TunnelRow { vtep: elsewhere, ..*row });
                true
            }
            None => self.delete_marked(n),
        };
        self.news.truncate(told);
        drifts
    }

    /// A stranger deletes the row number `n` of those that a control plane has set. Says whether there was any.
    pub(crate) fn delete_marked(&mut self, n: usize) -> bool {
        let tunnels: Vec<_> = self.tunnels.iter().filter(|(_, row)| row.external).map(|(k, _)| *k).collect();
        let bridges: Vec<_> =
            self.bridges.iter().filter(|(_, l)| l.row.external).map(|(key, _)| *key).collect();
        let neighbors: Vec<_> =
            self.neighbors.iter().filter(|(_, known)| known.row.external).map(|(key, _)| *key).collect();
        let count = tunnels.len() + bridges.len() + neighbors.len();
        let Some(n) = n.checked_rem(count) else { return false };
        if let Some(key) = tunnels.get(n) {
            self.remove_tunnel(*key);
        } else if let Some(key) = bridges.get(n - tunnels.len()) {
            self.remove_bridge(*key);
        } else {
            self.remove_neighbor(neighbors[n - tunnels.len() - bridges.len()]);
        }
        true
    }
}
