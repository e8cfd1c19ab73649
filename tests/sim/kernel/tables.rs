//! The tables of a fake kernel: devices, forwarding rows, neighbours. Every change is news.
//!
//! What it does and does not do was seen on Linux 6.18: a VXLAN device's row and a bridge's row of one MAC are
//! apart; local traffic takes a bridge's row over and leaves the other; a row that an operator made never
//! becomes a control plane's; a device that goes down takes some rows with it and not others.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bgp::types::{Mac, Vni};
use fib::row::{BridgeRow, BridgeRowKind, NeighborRow, NeighborState, TunnelRow};
use fib::{IfIndex, KernelEvent, Link, LinkKind, Row};

use crate::peer::ip;

/// A bridge forgets a MAC that has been silent for so long.
const AGEING: Duration = Duration::from_secs(300);
/// A neighbour is asked whether it is still there every so often.
const CHECKED: Duration = Duration::from_secs(45);

/// A network's devices. The VXLAN device may be made anew, and then has another index.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) vni: Vni,
    pub(crate) bridge: IfIndex,
    pub(crate) vxlan: IfIndex,
    /// Where hosts are attached.
    pub(crate) ports: [IfIndex; 2],
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Learnt {
    pub(super) row: BridgeRow,
    pub(super) used: Instant,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) row: NeighborRow,
    pub(super) checked: Instant,
}

#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) segments: Vec<Segment>,
    pub(super) links: BTreeMap<IfIndex, Link>,
    /// By device, MAC and VTEP: only the zero MAC has many.
    pub(super) tunnels: BTreeMap<(IfIndex, Mac, IpAddr), TunnelRow>,
    /// By bridge and MAC.
    pub(super) bridges: BTreeMap<(IfIndex, Mac), Learnt>,
    /// By bridge and address.
    pub(super) neighbors: BTreeMap<(IfIndex, IpAddr), Known>,
    /// Who answers, should the kernel ask: what hosts are attached.
    pub(crate) attached: BTreeMap<(IfIndex, IpAddr), Mac>,
    pub(super) news: Vec<KernelEvent>,
    next_index: u32,
}

impl Tables {
    /// `vnis` networks, each a bridge with two ports for hosts and a VXLAN device.
    pub(crate) fn new(node: usize, vnis: u32) -> Tables {
        let mut tables = Tables {
            segments: Vec::new(),
            links: BTreeMap::new(),
            tunnels: BTreeMap::new(),
            bridges: BTreeMap::new(),
            neighbors: BTreeMap::new(),
            attached: BTreeMap::new(),
            news: Vec::new(),
            next_index: 1000,
        };
        (1..=vnis).for_each(|n| tables.add_segment(node, n));
        tables
    }

    fn add_segment(&mut self, node: usize, n: u32) {
        let vni = Vni::new(n * 100).expect("a VNI");
        let [bridge, vxlan, left, right] = [0, 1, 2, 3].map(|device| IfIndex(n * 10 + device));
        let segment = Segment { vni, bridge, vxlan, ports: [left, right] };
        self.set_link(link(bridge, format!("br{vni}"), LinkKind::Bridge, None, bridge_mac(node, n)));
        self.set_link(vxlan_link(node, &segment));
        for port in segment.ports {
            let mac = Mac([0x0e, node as u8, n as u8, 0, 0, port.0 as u8]);
            self.set_link(link(port, format!("eth{}", port.0), LinkKind::Other, Some(bridge), mac));
            self.own_mac(bridge, port, mac);
        }
        self.own_mac(bridge, bridge, bridge_mac(node, n));
        self.segments.push(segment);
    }

    fn own_mac(&mut self, bridge: IfIndex, port: IfIndex, mac: Mac) {
        let row = BridgeRow { bridge, port, mac, kind: BridgeRowKind::Own, external: false, sticky: false };
        self.bridges.insert((bridge, mac), Learnt { row, used: far_future() });
    }

    /// The devices of a network.
    pub(crate) fn segment(&self, vni: Vni) -> &Segment {
        self.segments.iter().find(|segment| segment.vni == vni).expect("a network")
    }

    pub(super) fn is_up(&self, device: IfIndex) -> bool {
        self.links.get(&device).is_some_and(|link| link.up)
    }

    pub(super) fn set_link(&mut self, link: Link) {
        self.news.push(KernelEvent::LinkSeen(Box::new(link.clone())));
        self.links.insert(link.index, link);
    }

    pub(super) fn set_tunnel(&mut self, row: TunnelRow) {
        let key = (row.vxlan, row.mac, row.vtep);
        if self.tunnels.insert(key, row) != Some(row) {
            self.news.push(KernelEvent::RowSeen(Row::Tunnel(row)));
        }
    }

    pub(super) fn remove_tunnel(&mut self, key: (IfIndex, Mac, IpAddr)) {
        if let Some(row) = self.tunnels.remove(&key) {
            self.news.push(KernelEvent::RowGone(Row::Tunnel(row)));
        }
    }

    pub(super) fn set_bridge(&mut self, row: BridgeRow, used: Instant) {
        let old = self.bridges.insert((row.bridge, row.mac), Learnt { row, used });
        if old.map(|old| old.row) != Some(row) {
            self.news.push(KernelEvent::RowSeen(Row::Bridge(row)));
        }
    }

    pub(super) fn remove_bridge(&mut self, key: (IfIndex, Mac)) {
        if let Some(Learnt { row, .. }) = self.bridges.remove(&key) {
            self.news.push(KernelEvent::RowGone(Row::Bridge(row)));
        }
    }

    pub(super) fn set_neighbor(&mut self, row: NeighborRow, checked: Instant) {
        let old = self.neighbors.insert((row.device, row.ip), Known { row, checked });
        if old.map(|old| old.row) != Some(row) {
            self.news.push(KernelEvent::RowSeen(Row::Neighbor(row)));
        }
    }

    /// A neighbour goes as the kernel lets it go: it fails first.
    pub(super) fn remove_neighbor(&mut self, key: (IfIndex, IpAddr)) {
        if let Some(Known { row, .. }) = self.neighbors.remove(&key) {
            let failed = NeighborRow { state: NeighborState::Unusable, mac: None, external: false, ..row };
            self.news.push(KernelEvent::RowSeen(Row::Neighbor(failed)));
            self.news.push(KernelEvent::RowGone(Row::Neighbor(failed)));
        }
    }

    /// Forgets what has been silent, and asks neighbours whether they are there.
    pub(super) fn age(&mut self, now: Instant) {
        let silent =
            self.bridges.values().filter(|learnt| may_age(&learnt.row) && now >= learnt.used + AGEING);
        let silent: Vec<_> = silent.map(|learnt| (learnt.row.bridge, learnt.row.mac)).collect();
        silent.into_iter().for_each(|key| self.remove_bridge(key));
        let due =
            self.neighbors.values().filter(|known| is_checked(&known.row) && now >= known.checked + CHECKED);
        for row in due.map(|known| known.row).collect::<Vec<_>>() {
            let key = (row.device, row.ip);
            match row.mac.is_some() && self.attached.get(&key).copied() == row.mac {
                true => self.set_neighbor(row, now),
                false => self.remove_neighbor(key),
            }
        }
    }

    /// When [`Tables::age`] has something to do.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let rows =
            self.bridges.values().filter(|learnt| may_age(&learnt.row)).map(|learnt| learnt.used + AGEING);
        let neighbors = self.neighbors.values().filter(|known| is_checked(&known.row));
        rows.chain(neighbors.map(|known| known.checked + CHECKED)).min()
    }

    /// The VXLAN device of a network is deleted, with its rows, and made anew.
    pub(crate) fn replace_vxlan(&mut self, node: usize, vni: Vni) {
        let old = self.segment(vni).vxlan;
        self.leave_bridge(old);
        let rows: Vec<_> = self.tunnels.keys().copied().filter(|key| key.0 == old).collect();
        rows.into_iter().for_each(|key| self.remove_tunnel(key));
        self.links.remove(&old);
        self.news.push(KernelEvent::LinkGone(old));
        self.next_index += 1;
        let index = IfIndex(self.next_index);
        let segment = self.segments.iter_mut().find(|segment| segment.vni == vni).expect("a network");
        segment.vxlan = index;
        let link = vxlan_link(node, segment);
        self.set_link(Link { master: None, up: false, ..link.clone() });
        self.set_link(Link { up: false, ..link.clone() });
        self.set_link(link);
    }

    /// A port leaves its bridge: that drops the bridge's rows of it, a control plane's too.
    fn leave_bridge(&mut self, port: IfIndex) {
        let rows: Vec<_> =
            self.bridges.iter().filter(|(_, learnt)| learnt.row.port == port).map(|(k, _)| *k).collect();
        rows.into_iter().for_each(|key| self.remove_bridge(key));
    }

    /// A device is set up or down.
    pub(crate) fn set_up(&mut self, device: IfIndex, up: bool) {
        let Some(link) = self.links.get(&device).cloned().filter(|link| link.up != up) else { return };
        self.set_link(Link { up, carrier: up, ..link.clone() });
        if up {
            return;
        }
        match link.kind {
            LinkKind::Bridge => self.flush_neighbors(device),
            _ => self.flush_port(device),
        }
    }

    /// A bridge loses its carrier, or gets it back, while it is up.
    pub(crate) fn set_carrier(&mut self, bridge: IfIndex, carrier: bool) {
        let Some(link) = self.links.get(&bridge).cloned().filter(|link| link.up) else { return };
        self.set_link(Link { carrier, ..link });
        if !carrier {
            self.flush_neighbors(bridge);
        }
    }

    fn flush_neighbors(&mut self, bridge: IfIndex) {
        let keys: Vec<_> = self.neighbors.keys().copied().filter(|key| key.0 == bridge).collect();
        keys.into_iter().for_each(|key| self.remove_neighbor(key));
    }

    fn flush_port(&mut self, port: IfIndex) {
        let learnt = self.bridges.values().filter(|learnt| learnt.row.port == port && may_age(&learnt.row));
        let learnt: Vec<_> = learnt.map(|learnt| (learnt.row.bridge, learnt.row.mac)).collect();
        learnt.into_iter().for_each(|key| self.remove_bridge(key));
        let loose: Vec<_> = self
            .tunnels
            .iter()
            .filter(|(key, row)| key.0 == port && !row.firm)
            .map(|(key, _)| *key)
            .collect();
        loose.into_iter().for_each(|key| self.remove_tunnel(key));
    }
}

/// A bridge's row goes with silence, or with its port, unless somebody set it.
fn may_age(row: &BridgeRow) -> bool {
    row.kind == BridgeRowKind::Dynamic && !row.external
}

fn is_checked(row: &NeighborRow) -> bool {
    matches!(row.state, NeighborState::Usable | NeighborState::Unusable)
}

fn far_future() -> Instant {
    Instant::now() + Duration::from_secs(1 << 30)
}

pub(crate) fn bridge_mac(node: usize, n: u32) -> Mac {
    Mac([0x0e, node as u8, n as u8, 0, 0, 0])
}

fn vxlan_link(node: usize, segment: &Segment) -> Link {
    let kind = LinkKind::Vxlan { vni: segment.vni, local: Some(ip(node)), remote: None };
    let mac = Mac([0x0e, node as u8, 0, 0, 1, segment.vxlan.0 as u8]);
    link(segment.vxlan, format!("vxlan{}", segment.vni), kind, Some(segment.bridge), mac)
}

fn link(index: IfIndex, name: String, kind: LinkKind, master: Option<IfIndex>, mac: Mac) -> Link {
    let (up, carrier, learning, suppress, ours) = (true, true, true, false, false);
    Link { index, name, kind, master, up, carrier, mac, learning, suppress, ours }
}

impl Tables {
    /// What linnet and hosts have to do with, a line each.
    pub(crate) fn lines(&self) -> std::collections::BTreeSet<String> {
        let mut lines = std::collections::BTreeSet::new();
        for segment in &self.segments {
            let vni = segment.vni;
            for row in self.tunnels.values().filter(|row| row.vxlan == segment.vxlan) {
                lines.insert(match row.mac {
                    Mac::ZERO => format!("{vni} flood {}", row.vtep),
                    mac => format!("{vni} {mac} to {}", row.vtep),
                });
            }
            let learnt =
                self.bridges.values().map(|learnt| learnt.row).filter(|row| row.bridge == segment.bridge);
            for BridgeRow { mac, port, sticky, external, .. } in
                learnt.filter(|r| r.kind != BridgeRowKind::Own)
            {
                lines.insert(format!("{vni} {mac} on {port:?} sticky {sticky} external {external}"));
            }
            let known =
                self.neighbors.values().map(|known| known.row).filter(|row| row.device == segment.bridge);
            for NeighborRow { ip, mac, state, .. } in known.filter(|r| r.state != NeighborState::Permanent) {
                let mac = mac.map(|mac| mac.to_string()).unwrap_or_default();
                lines.insert(format!("{vni} {ip} is {mac} {state:?}"));
            }
        }
        lines
    }
}
