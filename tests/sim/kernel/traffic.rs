//! What hosts and operators do to a kernel's tables.

use std::net::IpAddr;
use std::time::Instant;

use bgp::types::{Mac, Vni};
use fib::row::{BridgeRow, BridgeRowKind, NeighborRow, NeighborState};

use super::tables::Tables;

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

    /// An operator pins a MAC to a port.
    pub(crate) fn pin(&mut self, now: Instant, vni: Vni, port: usize, mac: Mac) {
        let segment = self.segment(vni);
        let (bridge, port) = (segment.bridge, segment.ports[port]);
        let kind = BridgeRowKind::Static;
        self.set_bridge(BridgeRow { bridge, port, mac, kind, external: false, sticky: true }, now);
    }

    /// An operator sets a neighbour.
    pub(crate) fn set_permanent(&mut self, now: Instant, vni: Vni, ip: IpAddr, mac: Mac) {
        let (device, state) = (self.segment(vni).bridge, NeighborState::Permanent);
        let (mac, external, router, protocol) = (Some(mac), false, false, 4);
        self.set_neighbor(NeighborRow { device, ip, mac, state, external, router, protocol }, now);
    }
}
