//! The devices of a fake kernel, and what becomes of rows when these go up or down, come, go or move.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use bgp::types::{Mac, Vni};
use fib::row::{BridgeRow, BridgeRowKind};
use fib::{IfIndex, KernelEvent, Link, LinkKind};

use super::tables::{Ages, Learnt, Tables, may_age};
use crate::peer::ip;

/// A bridge that nobody needs, with no port of its own.
const SPARE: IfIndex = IfIndex(900);

/// A network's devices. The VXLAN device may be made anew, and then has another index.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) vni: Vni,
    pub(crate) bridge: IfIndex,
    pub(crate) vxlan: IfIndex,
    /// Where hosts are attached.
    pub(crate) ports: [IfIndex; 2],
}

impl Tables {
    /// `vnis` networks, each a bridge with two ports for hosts and a VXLAN device.
    pub(crate) fn new(node: usize, vnis: impl IntoIterator<Item = u32>, ages: Ages) -> Tables {
        let mut tables = Tables {
            ages,
            segments: Vec::new(),
            links: Default::default(),
            tunnels: Default::default(),
            bridges: Default::default(),
            neighbors: Default::default(),
            pinned: Default::default(),
            taken: Vec::new(),
            moves: 0,
            attached: Default::default(),
            news: Vec::new(),
            echoes: false,
            writing: false,
            ages_at: None,
            last_index: 1000,
        };
        vnis.into_iter().enumerate().for_each(|(n, vni)| tables.add_segment(node, n as u32 + 1, vni));
        if !tables.segments.is_empty() {
            tables.set_link(link(SPARE, "spare".into(), LinkKind::Bridge, None, device_mac(node, 0xff, 0)));
        }
        tables
    }

    fn add_segment(&mut self, node: usize, n: u32, vni: u32) {
        let vni = Vni::new(vni).expect("a VNI");
        let [bridge, vxlan, left, right] = [0, 1, 2, 3].map(|device| IfIndex(n * 10 + device));
        let segment = Segment { vni, bridge, vxlan, ports: [left, right] };
        let mac = device_mac(node, n, 0);
        self.set_link(link(bridge, format!("br{vni}"), LinkKind::Bridge, None, mac));
        self.set_link(vxlan_link(node, &segment));
        for port in segment.ports {
            let mac = device_mac(node, n, port.0);
            self.set_link(link(port, format!("eth{}", port.0), LinkKind::Other, Some(bridge), mac));
            self.own_mac(bridge, port, mac);
        }
        self.own_mac(bridge, bridge, mac);
        self.segments.push(segment);
    }

    fn own_mac(&mut self, bridge: IfIndex, port: IfIndex, mac: Mac) {
        let row = BridgeRow { bridge, port, mac, kind: BridgeRowKind::Own, external: false, sticky: false };
        let used = Instant::now() + Duration::from_secs(1 << 30);
        self.bridges.insert((bridge, mac), Learnt { row, used });
    }

    /// Whether there is such a network here.
    pub(crate) fn serves(&self, vni: Vni) -> bool {
        self.segments.iter().any(|segment| segment.vni == vni)
    }

    pub(super) fn is_up(&self, device: IfIndex) -> bool {
        self.links.get(&device).is_some_and(|link| link.up)
    }

    pub(super) fn set_link(&mut self, link: Link) {
        self.news.push(KernelEvent::LinkSeen(Box::new(link.clone())));
        self.links.insert(link.index, link);
    }

    /// The VXLAN device of a network is deleted, with its rows.
    pub(crate) fn remove_vxlan(&mut self, vni: Vni) {
        let old = self.segment(vni).vxlan;
        if !self.links.contains_key(&old) {
            return;
        }
        self.leave_bridge(old);
        let rows: Vec<_> = self.tunnels.keys().copied().filter(|key| key.0 == old).collect();
        rows.into_iter().for_each(|key| self.remove_tunnel(key));
        self.links.remove(&old);
        self.news.push(KernelEvent::LinkGone(old));
    }

    /// It is made anew, as another device.
    pub(crate) fn make_vxlan(&mut self, node: usize, vni: Vni) {
        self.remove_vxlan(vni);
        self.last_index += 1;
        let index = IfIndex(self.last_index);
        let segment = self.segments.iter_mut().find(|segment| segment.vni == vni).expect("a network");
        segment.vxlan = index;
        let link = vxlan_link(node, segment);
        self.set_link(Link { master: None, up: false, ..link.clone() });
        self.set_link(Link { up: false, ..link.clone() });
        self.set_link(link);
    }

    /// The VXLAN device of a network becomes a port of the spare bridge, or of its own again.
    pub(crate) fn move_vxlan(&mut self, vni: Vni, away: bool) {
        let Segment { vxlan, bridge, .. } = *self.segment(vni);
        let master = Some(if away { SPARE } else { bridge });
        let Some(link) = self.links.get(&vxlan).cloned().filter(|link| link.master != master) else { return };
        self.moves += 1;
        self.leave_bridge(vxlan);
        self.set_link(Link { master: None, suppress: false, learning: true, ..link.clone() });
        self.set_link(Link { master, suppress: false, learning: true, ..link });
    }

    /// A port leaves its bridge: that drops the bridge's rows of it, a control plane's too, and no others.
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
        let loose = self.tunnels.iter().filter(|(key, row)| key.0 == port && !row.firm);
        let loose: Vec<_> = loose.map(|(key, _)| *key).collect();
        loose.into_iter().for_each(|key| self.remove_tunnel(key));
    }

    /// Whether a VXLAN device can send to an address: its family is fixed when the device is made.
    pub(super) fn can_reach(&self, vxlan: IfIndex, vtep: IpAddr) -> bool {
        let kind = self.links.get(&vxlan).map(|link| &link.kind);
        !matches!(kind, Some(LinkKind::Vxlan { local: Some(local), .. }) if local.is_ipv4() != vtep.is_ipv4())
    }
}

fn device_mac(node: usize, n: u32, device: u32) -> Mac {
    let [high, low] = (node as u16).to_be_bytes();
    Mac([0x0e, high, low, n as u8, (device >> 8) as u8, device as u8])
}

fn vxlan_link(node: usize, segment: &Segment) -> Link {
    let kind = LinkKind::Vxlan { vni: segment.vni, local: Some(ip(node)), remote: None };
    let mac = device_mac(node, 0, segment.vxlan.0);
    link(segment.vxlan, format!("vxlan{}", segment.vni), kind, Some(segment.bridge), mac)
}

fn link(index: IfIndex, name: String, kind: LinkKind, master: Option<IfIndex>, mac: Mac) -> Link {
    let (up, carrier, learning, suppress, ours) = (true, true, true, false, false);
    Link { index, name, kind, master, up, carrier, mac, learning, suppress, ours }
}
