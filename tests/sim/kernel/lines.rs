//! What is in a kernel's tables, as text to compare.

use std::collections::BTreeSet;

use bgp::types::Mac;
use fib::IfIndex;
use fib::row::{BridgeRow, BridgeRowKind, NeighborRow, NeighborState};

use super::tables::Tables;

impl Tables {
    /// What linnet and hosts have to do with, a line each: on whatever device it is.
    pub(crate) fn lines(&self) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        for row in self.tunnels.values() {
            let vni = self.network_of(row.vxlan);
            lines.insert(match row.mac {
                Mac::ZERO => format!("{vni} flood {}", row.vtep),
                mac => format!("{vni} {mac} to {}", row.vtep),
            });
        }
        for BridgeRow { bridge, mac, port, sticky, external, kind } in self.bridges.values().map(|l| l.row) {
            if kind != BridgeRowKind::Own {
                let vni = self.network_of(bridge);
                lines.insert(format!("{vni} {mac} on {port:?} sticky {sticky} external {external}"));
            }
        }
        for NeighborRow { device, ip, mac, state, .. } in self.neighbors.values().map(|known| known.row) {
            if state != NeighborState::Permanent {
                let (vni, mac) =
                    (self.network_of(device), mac.map(|mac| mac.to_string()).unwrap_or_default());
                lines.insert(format!("{vni} {ip} is {mac} {state:?}"));
            }
        }
        lines
    }

    /// What a control plane has marked as its own, a line each.
    pub(crate) fn marked(&self) -> Vec<String> {
        let tunnels = self.tunnels.values().filter(|row| row.external).map(|row| format!("{row:?}"));
        let bridges =
            self.bridges.values().filter(|learnt| learnt.row.external).map(|l| format!("{:?}", l.row));
        let neighbors =
            self.neighbors.values().filter(|known| known.row.external).map(|k| format!("{:?}", k.row));
        tunnels.chain(bridges).chain(neighbors).collect()
    }

    fn network_of(&self, device: IfIndex) -> String {
        let segment = self.segments.iter().find(|s| [s.vxlan, s.bridge].contains(&device));
        segment.map_or_else(|| format!("{device:?}"), |segment| segment.vni.to_string())
    }
}
