//! A core without tasks or sockets, for tests: peers that say what a test tells them to, a kernel that does what
//! it is asked, and the API by function call.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::query::{Answer, ApiError};
use api::{Query, Request};
use bgp::rib::Budget;
use bgp::session::{Down, Established, PeerRestart, Received, Restarted, Side, TransportFault};
use bgp::types::{Asn, EthernetTag, Family, FamilySet, Mac, PathId, PeerId, Rd, RouterId, Vni};
use bgp::wire::update::{Encoding, PeerKind};
use bgp::wire::{Attrs, EvpnBody, EvpnKey, ExtCommunity, NextHop, Nlris, PmsiTunnel, Route, RouteTarget};
use fib::fake::{FakeKernel, resolved_neighbor};
use fib::routes::fake::FakeRoutes;
use fib::row::{BridgeRow, BridgeRowKind, TunnelRow};
use fib::{IfIndex, Row};
use ipnet::IpNet;
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

/// What a peer offers that says when it has said all, and of whose routes none outlive a session.
pub(super) fn says_end_of_rib() -> PeerRestart {
    PeerRestart {
        restarting: false,
        restart_time: Duration::from_secs(120),
        notification: true,
        families: FamilySet::EMPTY,
        preserved: FamilySet::EMPTY,
        long_lived: None,
    }
}

pub(super) fn vtep(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, n)
}

/// A host's address in any VNI.
pub(super) fn host(n: u8) -> IpAddr {
    Ipv4Addr::new(10, 1, 0, n).into()
}

/// Devices of a VNI.
struct Segment {
    vxlan: IfIndex,
    bridge: IfIndex,
    ports: [IfIndex; 2],
}

/// Core and its surroundings.
pub(super) struct Node {
    pub(super) core: Core,
    pub(super) now: Instant,
    /// With what sessions were let begin, once they were.
    pub(super) begun: Option<Restarted>,
    kernel: FakeKernel,
    /// The kernel's routes, with the peers on a link of this node's.
    pub(super) routes: FakeRoutes,
    segments: BTreeMap<Vni, Segment>,
    sessions: u32,
}

impl Node {
    /// With its devices looked at and nothing else known.
    pub(super) fn new() -> Node {
        Node::configured(CONFIG, false)
    }

    /// As `new`, with the reflectors as its clients.
    pub(super) fn reflector() -> Node {
        Node::configured(&CONFIG.replace("remote_as", "route_reflector_client: true, remote_as"), false)
    }

    /// As `new`, with neighbours whose routes may be kept for long.
    pub(super) fn with_long_lived() -> Node {
        let section = "  graceful_restart: { long_lived: { enabled: true } }\n  neighbors:";
        Node::configured(&CONFIG.replace("  neighbors:", section), false)
    }

    /// As `new`, with a remote MAC in the kernel that a former run has left.
    pub(super) fn with_former_rows() -> Node {
        Node::configured(CONFIG, true)
    }

    /// In native mode, with these keys; `former` routes have been left by a former run.
    pub(super) fn native(keys: &str, former: &[&str]) -> Node {
        let config = CONFIG.replace("evpn:", &format!("native: {{ {keys} }}\nevpn:"));
        let mut routes = FakeRoutes::default();
        routes.add_device(IfIndex(1), "eth1", &["10.0.1.254/24".parse().unwrap()]);
        former.iter().for_each(|prefix| routes.put(former_route(prefix.parse().unwrap())));
        Node::with_routes(&config, false, routes)
    }

    /// With this configuration, and rows of a former run in the kernel or not.
    pub(super) fn configured(config: &str, former_rows: bool) -> Node {
        Node::with_routes(config, former_rows, FakeRoutes::default())
    }

    fn with_routes(config: &str, former_rows: bool, routes: FakeRoutes) -> Node {
        let config = Config::parse("test", config).unwrap_or_else(|faults| panic!("{faults}"));
        let now = Instant::now();
        let mut kernel = FakeKernel::default();
        let segments: BTreeMap<_, _> =
            VNIS.map(|number| (vni(number), segment(&mut kernel, vni(number)))).into();
        if let Some(Segment { vxlan, .. }) = segments.get(&vni(100)).filter(|_| former_rows) {
            let row = TunnelRow {
                vxlan: *vxlan,
                mac: mac(9),
                vtep: vtep(9).into(),
                external: true,
                ours: true,
                firm: true,
            };
            kernel.put(Row::Tunnel(row));
        }
        let core = Core::new(now, config, 1);
        let mut node = Node { core, now, begun: None, kernel, routes, segments, sessions: 0 };
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

    pub(super) fn perform(&mut self, action: Action) {
        match action {
            Action::Kernel(ops) => {
                ops.iter().for_each(|op| self.kernel.apply(op));
                self.report();
            }
            Action::Batch { peer, .. } => self.peer(peer.0, PeerNews::Credit(1)),
            Action::StartPeer { start, .. } => self.begun = Some(start.restarted),
            Action::Routes(ops) => {
                ops.iter().for_each(|op| self.routes.apply(op));
                self.hear_of_routes();
            }
            Action::StopPeer { .. }
            | Action::Sign { .. }
            | Action::Listen(_)
            | Action::SetRanges(_)
            | Action::WatchFiles(_)
            | Action::FollowNode(_)
            | Action::TurnAway { .. }
            | Action::Session { .. }
            | Action::Bfd { .. }
            | Action::Hosts(_)
            | Action::Log(_) => {}
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
        self.up_with(peer, None);
    }

    /// As `up`, with what the peer does about graceful restart.
    pub(super) fn up_with(&mut self, peer: u32, restart: Option<PeerRestart>) {
        self.sessions += 1;
        let number = self.sessions;
        let agreed = Established { restart, ..agreed(peer) };
        self.peer(peer, PeerNews::Up { number, agreed: Box::new(agreed) });
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

    /// A host's MAC is on a port, or no more.
    pub(super) fn local_mac(&mut self, vni: Vni, mac: Mac, on: usize, present: bool) {
        let Segment { bridge, ports, .. } = self.segments[&vni];
        let kind = BridgeRowKind::Dynamic;
        let row = BridgeRow { bridge, port: ports[on], mac, kind, external: false, sticky: false };
        self.set(Row::Bridge(row), present);
    }

    /// The bridge knows a host's address, or no more.
    pub(super) fn local_neighbor(&mut self, vni: Vni, ip: IpAddr, mac: Mac, present: bool) {
        let bridge = self.segments[&vni].bridge;
        self.set(resolved_neighbor(bridge, ip, mac), present);
    }

    /// A VNI's VXLAN device goes up or down.
    pub(super) fn device(&mut self, vni: Vni, up: bool) {
        self.kernel.set_up(self.segments[&vni].vxlan, up);
        self.report();
    }

    /// The kernel refuses this many of the next ops.
    pub(super) fn refuse(&mut self, ops: usize) {
        const ENOMEM: i32 = 12;
        self.kernel.refusals = vec![ENOMEM; ops].into();
    }

    fn set(&mut self, row: Row, present: bool) {
        match present {
            true => self.kernel.put(row),
            false => self.kernel.take(&row),
        }
        self.report();
    }

    /// Core hears what the kernel has to say.
    fn report(&mut self) {
        let events = std::iter::from_fn(|| self.kernel.poll_event()).collect();
        self.core.handle(self.now, Event::Kernel(events));
    }

    /// Core hears what the kernel has to say of routes.
    pub(super) fn hear_of_routes(&mut self) {
        let events = std::iter::from_fn(|| self.routes.poll_event()).collect();
        self.core.handle(self.now, Event::Routes(events));
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

/// What a peer's session agreed on.
pub(super) fn agreed(peer: u32) -> Established {
    let address = Ipv4Addr::new(10, 0, 1, 1 + peer as u8);
    Established {
        side: Side::Outgoing,
        local: "10.0.0.1:40000".parse().unwrap(),
        remote: (address, 179).into(),
        next_hop: NextHop::Ipv4([10, 0, 0, 1].into()),
        kind: PeerKind::Ibgp,
        remote_asn: Asn(65000),
        remote_router_id: RouterId(address),
        hold_time: Duration::from_secs(90),
        keepalive: Duration::from_secs(30),
        families: FamilySet::from_iter([Family::L2vpnEvpn, Family::Ipv4Unicast]),
        receive: Encoding::default(),
        send: Encoding::default(),
        route_refresh: true,
        enhanced_refresh: false,
        role: None,
        restart: None,
        capabilities_sent: Vec::new(),
        capabilities_received: Vec::new(),
    }
}

/// A route of ours by the first peer.
fn former_route(prefix: IpNet) -> fib::routes::Route {
    fib::routes::Route {
        table: fib::routes::MAIN,
        prefix,
        metric: 50,
        protocol: fib::config::PROTOCOL,
        kind: fib::routes::RouteKind::Unicast,
        hops: [fib::routes::Hop::via(IfIndex(1), Ipv4Addr::new(10, 0, 1, 1).into())].into_iter().collect(),
    }
}

fn segment(kernel: &mut FakeKernel, vni: Vni) -> Segment {
    let (vxlan, bridge) = kernel.add_segment(vni, vtep(1).into());
    Segment { vxlan, bridge, ports: [kernel.add_port(bridge), kernel.add_port(bridge)] }
}
