//! A core without tasks or sockets, for tests: peers that say what a test tells them to, a kernel that does what
//! it is asked, and the API by function call.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::query::{Answer, ApiError};
use api::{Query, Request};
use bgp::rib::Budget;
use bgp::session::{Down, Established, Received, Side, TransportFault};
use bgp::types::{Asn, EthernetTag, Family, FamilySet, Mac, PathId, PeerId, Rd, RouterId, Vni};
use bgp::wire::update::{Encoding, PeerKind};
use bgp::wire::{Attrs, EvpnBody, EvpnKey, ExtCommunity, NextHop, Nlris, PmsiTunnel, Route, RouteTarget};
use fib::event::{BridgeRow, BridgeRowKind, NeighborRow, NeighborState, TunnelRow};
use fib::op::{Dump, Half, Table};
use fib::{Fault, IfIndex, KernelEvent, Link, LinkKind, Op, Row};
use tokio::sync::oneshot;

use super::{Action, Core, Event, PeerNews};
use crate::config::Config;

/// Peers 0 and 1 are reflectors; VNIs 100 and 200 have devices, 100 with local hosts.
const CONFIG: &str = "
bgp:
  asn: 65000
  router_id: 10.0.0.1
  neighbors:
    - { address: 10.0.1.1, remote_as: 65000, families: [l2vpn-evpn, ipv4-unicast] }
    - { address: 10.0.1.2, remote_as: 65000, families: [l2vpn-evpn, ipv4-unicast] }
evpn:
  vtep: 10.0.0.1
  advertise_all_vni: true
";

pub(super) const VNIS: [u32; 2] = [100, 200];

pub(super) fn vni(number: u32) -> Vni {
    Vni::new(number).unwrap()
}

pub(super) fn mac(n: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, n])
}

pub(super) fn vtep(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, n)
}

/// A host's address in any VNI.
pub(super) fn host(n: u8) -> IpAddr {
    Ipv4Addr::new(10, 1, 0, n).into()
}

fn bridge(vni: Vni) -> IfIndex {
    IfIndex(vni.get() * 10)
}

fn vxlan(vni: Vni) -> IfIndex {
    IfIndex(vni.get() * 10 + 1)
}

/// The bridge's ports.
pub(super) fn port(vni: Vni, n: u32) -> IfIndex {
    IfIndex(vni.get() * 10 + 2 + n)
}

/// Core and its surroundings.
pub(super) struct Node {
    pub(super) core: Core,
    pub(super) now: Instant,
    kernel: Kernel,
    sessions: u32,
}

impl Node {
    /// With its devices looked at and nothing else known.
    pub(super) fn new() -> Node {
        let config = Config::parse("test", CONFIG).unwrap_or_else(|faults| panic!("{faults}"));
        let now = Instant::now();
        let mut node = Node { core: Core::new(now, &config, 1), now, kernel: Kernel::default(), sessions: 0 };
        VNIS.into_iter().for_each(|number| node.kernel.links.extend(links(vni(number))));
        node.run();
        node
    }

    /// Lets everything happen that follows from what was told.
    pub(super) fn run(&mut self) {
        for _ in 0..10_000 {
            let more = self.core.settle(self.now, &mut Budget::new(100));
            let actions: Vec<Action> = std::iter::from_fn(|| self.core.poll_action()).collect();
            if actions.is_empty() && !more {
                return;
            }
            actions.into_iter().for_each(|action| self.perform(action));
        }
        panic!("it does not come to rest");
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Kernel(ops) => {
                let events = ops.into_iter().flat_map(|op| self.kernel.perform(op)).collect();
                self.core.handle(self.now, Event::Kernel(events));
            }
            Action::Batch { peer, .. } => self.peer(peer.0, PeerNews::Credit(1)),
            Action::Session { .. } | Action::Log(_) => {}
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.run();
    }

    pub(super) fn peer(&mut self, peer: u32, news: PeerNews) {
        self.core.handle(self.now, Event::Peer { peer: PeerId(peer), news: vec![news] });
    }

    pub(super) fn up(&mut self, peer: u32) {
        self.sessions += 1;
        let number = self.sessions;
        self.peer(peer, PeerNews::Up { number, agreed: Box::new(agreed(peer)) });
    }

    pub(super) fn down(&mut self, peer: u32) {
        self.peer(peer, PeerNews::Down(Down::Transport(TransportFault::Closed)));
    }

    /// A peer announces a route, or takes it back.
    pub(super) fn tell(&mut self, peer: u32, key: EvpnKey, attrs: Option<Attrs>) {
        let vni = match key {
            EvpnKey::MacIp { rd, .. } | EvpnKey::Imet { rd, .. } => vni_of(rd),
            _ => Vni::default(),
        };
        let body = EvpnBody { label: vni, ..EvpnBody::default() };
        let routes = Nlris::Evpn(vec![Route { nlri: key, path_id: PathId(0), body }]);
        self.tell_routes(peer, routes, attrs);
    }

    pub(super) fn tell_routes(&mut self, peer: u32, routes: Nlris, attrs: Option<Attrs>) {
        let received = match attrs {
            Some(attrs) => Received { reach: vec![(Arc::new(attrs), routes)], unreach: Vec::new() },
            None => Received { reach: Vec::new(), unreach: vec![routes] },
        };
        self.peer(peer, PeerNews::Routes(received));
    }

    /// The kernel sees something of itself.
    pub(super) fn kernel_row(&mut self, row: Row, present: bool) {
        let event = self.kernel.set(row, present);
        self.core.handle(self.now, Event::Kernel(vec![event]));
    }

    pub(super) fn local_mac(&mut self, vni: Vni, mac: Mac, on: u32, present: bool) {
        let kind = BridgeRowKind::Dynamic;
        let row =
            BridgeRow { bridge: bridge(vni), port: port(vni, on), mac, kind, external: false, sticky: false };
        self.kernel_row(Row::Bridge(row), present);
    }

    pub(super) fn local_neighbor(&mut self, vni: Vni, ip: IpAddr, mac: Mac, present: bool) {
        let state = NeighborState::Usable;
        let (device, mac) = (bridge(vni), Some(mac));
        let row = NeighborRow { device, ip, mac, state, external: false, router: false, protocol: 0 };
        self.kernel_row(Row::Neighbor(row), present);
    }

    /// A VNI's VXLAN device goes up or down.
    pub(super) fn device(&mut self, vni: Vni, up: bool) {
        let [_, link] = links(vni);
        let event = KernelEvent::LinkSeen(Box::new(Link { up, carrier: up, ..link }));
        self.core.handle(self.now, Event::Kernel(vec![event]));
    }

    /// From now on the kernel refuses rows of this MAC, or no more.
    pub(super) fn refuse(&mut self, mac: Option<Mac>) {
        self.kernel.refused = mac;
    }

    /// Asks; the answer may be a while in coming.
    pub(super) fn request(&mut self, query: Query) -> oneshot::Receiver<Result<Answer, ApiError>> {
        let (reply, answer) = oneshot::channel();
        self.core.handle(self.now, Event::Request(Request { query, reply }));
        answer
    }

    /// Asks what is answered at once.
    pub(super) fn ask(&mut self, query: Query) -> Result<Answer, ApiError> {
        self.request(query).try_recv().unwrap()
    }
}

/// A host's Type 2 under its VTEP's route distinguisher.
pub(super) fn mac_ip(vni: Vni, vtep: u8, mac: Mac, ip: Option<IpAddr>) -> EvpnKey {
    EvpnKey::MacIp { rd: rd(vni, vtep), tag: EthernetTag(0), mac, ip }
}

/// A VTEP's Type 3.
pub(super) fn imet(vni: Vni, n: u8) -> EvpnKey {
    EvpnKey::Imet { rd: rd(vni, n), tag: EthernetTag(0), originator: vtep(n).into() }
}

/// What a VTEP says of a VNI's routes.
pub(super) fn attrs(vni: Vni, n: u8, sequence: u32) -> Attrs {
    let mut attrs = Attrs::new(NextHop::Ipv4(vtep(n)));
    let target = RouteTarget::As2(65000, vni.get());
    attrs.ext_communities = [target.into(), ExtCommunity::mac_mobility(false, sequence)].into();
    attrs.local_pref = Some(100);
    attrs.pmsi = Some(Box::new(PmsiTunnel::ingress_replication(vni, vtep(n).into())));
    attrs
}

/// The VNI stands in the last two octets.
fn rd(vni: Vni, vtep: u8) -> Rd {
    let [_, high, low] = vni.octets();
    Rd([0, 1, 10, 0, 0, vtep, high, low])
}

fn vni_of(Rd([.., high, low]): Rd) -> Vni {
    Vni::from_octets([0, high, low])
}

fn agreed(peer: u32) -> Established {
    let address = Ipv4Addr::new(10, 0, 1, 1 + peer as u8);
    Established {
        side: Side::Outgoing,
        local: "10.0.0.1:40000".parse().unwrap(),
        remote: (address, 179).into(),
        kind: PeerKind::Ibgp,
        remote_asn: Asn(65000),
        remote_router_id: RouterId(address),
        hold_time: Duration::from_secs(90),
        keepalive: Duration::from_secs(30),
        families: FamilySet::from_iter([Family::L2vpnEvpn, Family::Ipv4Unicast]),
        receive: Encoding::default(),
        send: Encoding::default(),
        capabilities_sent: Vec::new(),
        capabilities_received: Vec::new(),
    }
}

fn links(vni: Vni) -> [Link; 2] {
    let link = |index, name: String, kind, master| Link {
        index,
        name,
        kind,
        master,
        up: true,
        carrier: true,
        mac: Mac([6, 0, 0, 0, 0, vni.octets()[2]]),
        learning: false,
        suppress: true,
        ours: false,
    };
    let tunnel = LinkKind::Vxlan { vni, local: Some(vtep(1).into()), remote: None };
    [
        link(bridge(vni), format!("br{vni}"), LinkKind::Bridge, None),
        link(vxlan(vni), format!("vxlan{vni}"), tunnel, Some(bridge(vni))),
    ]
}

/// Which row: its table, its device, and its host.
type RowName = (u8, u32, String);

/// A kernel that does what it is asked.
#[derive(Default)]
struct Kernel {
    links: Vec<Link>,
    rows: BTreeMap<RowName, Row>,
    refused: Option<Mac>,
}

impl Kernel {
    fn set(&mut self, row: Row, present: bool) -> KernelEvent {
        if present {
            self.rows.insert(name(&row), row);
            KernelEvent::RowSeen(row)
        } else {
            self.rows.remove(&name(&row));
            KernelEvent::RowGone(row)
        }
    }

    fn perform(&mut self, Op { id, action }: Op) -> Vec<KernelEvent> {
        use fib::Action::*;
        if let Dump(dump) = action {
            return self.dump(dump).chain([KernelEvent::DumpEnd { id, intact: true }]).collect();
        }
        if let SetMac { mac, .. } = action
            && self.refused == Some(mac)
        {
            return vec![KernelEvent::Failed { id, fault: Fault::errno(12) }, KernelEvent::Done(id)];
        }
        let rows: Vec<(Row, bool)> = match action {
            SetMac { vxlan, mac, vtep, half } => {
                halves(half, tunnel(vxlan, mac, vtep), learnt(vxlan, mac, false), true)
            }
            SetSticky { vxlan, mac } => vec![(learnt(vxlan, mac, true), true)],
            DeleteMac { vxlan, mac, vtep, half } => {
                let vtep = vtep.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
                halves(half, tunnel(vxlan, mac, vtep), learnt(vxlan, mac, false), false)
            }
            AddFlood { vxlan, vtep } => vec![(tunnel(vxlan, Mac::ZERO, vtep), true)],
            DeleteFlood { vxlan, vtep } => vec![(tunnel(vxlan, Mac::ZERO, vtep), false)],
            SetNeighbor { bridge, ip, mac, router, protocol, .. } => {
                let state = NeighborState::NoArp;
                let (device, mac) = (bridge, Some(mac));
                vec![(
                    Row::Neighbor(NeighborRow { device, ip, mac, state, external: true, router, protocol }),
                    true,
                )]
            }
            ProbeNeighbor { bridge, ip, mac, .. } => vec![(probed(bridge, ip, Some(mac)), true)],
            DeleteNeighbor { bridge, ip } => vec![(probed(bridge, ip, None), false)],
            SetPort { .. } | Create(_) | Remove { .. } | Dump(_) => Vec::new(),
        };
        let events = rows.into_iter().map(|(row, present)| self.set(row, present));
        events.chain([KernelEvent::Done(id)]).collect()
    }

    fn dump(&self, dump: Dump) -> Box<dyn Iterator<Item = KernelEvent> + '_> {
        if dump.table == Table::Links {
            return Box::new(self.links.iter().map(|link| KernelEvent::LinkSeen(Box::new(link.clone()))));
        }
        let is_in = move |row: &&Row| match row {
            Row::Neighbor(row) => {
                dump.table == if row.ip.is_ipv4() { Table::Neighbors4 } else { Table::Neighbors6 }
            }
            _ => dump.table == Table::Fdb,
        };
        Box::new(self.rows.values().filter(is_in).map(|row| KernelEvent::RowSeen(*row)))
    }
}

fn name(row: &Row) -> RowName {
    match row {
        Row::Tunnel(row) if row.mac == Mac::ZERO => (0, row.vxlan.0, row.vtep.to_string()),
        Row::Tunnel(row) => (1, row.vxlan.0, row.mac.to_string()),
        Row::Bridge(row) => (2, row.bridge.0, row.mac.to_string()),
        Row::Neighbor(row) => (3, row.device.0, row.ip.to_string()),
    }
}

fn halves(half: Half, tunnel: Row, learnt: Row, present: bool) -> Vec<(Row, bool)> {
    let rows = match half {
        Half::Both => vec![tunnel, learnt],
        Half::Tunnel => vec![tunnel],
        Half::Bridge => vec![learnt],
    };
    rows.into_iter().map(|row| (row, present)).collect()
}

fn tunnel(vxlan: IfIndex, mac: Mac, vtep: IpAddr) -> Row {
    Row::Tunnel(TunnelRow { vxlan, mac, vtep, external: true, firm: true })
}

/// The bridge's row for what is behind its VXLAN device.
fn learnt(vxlan: IfIndex, mac: Mac, sticky: bool) -> Row {
    let bridge = IfIndex(vxlan.0 - 1);
    let kind = BridgeRowKind::Dynamic;
    Row::Bridge(BridgeRow { bridge, port: vxlan, mac, kind, external: true, sticky })
}

fn probed(device: IfIndex, ip: IpAddr, mac: Option<Mac>) -> Row {
    let state = NeighborState::Usable;
    Row::Neighbor(NeighborRow { device, ip, mac, state, external: false, router: false, protocol: 0 })
}
