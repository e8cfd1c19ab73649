//! The fallback tunnel: cases, and a model.

use bgp::types::Vni;
use proptest::prelude::*;

use super::*;
use crate::op::TunnelDevice;
use crate::row::{NeighborRow, NeighborState, Row, TunnelRow};

/// Where the far subnets are.
const FAR: &str = "10.3.0.0/24 via 10.1.0.254 dev 1 proto 3";
const BACK: &str = "0.0.0.0/0 via 10.1.0.254 dev 1 proto 3";

fn device(local: Option<&str>) -> TunnelDevice {
    let (name, vni, port) = ("linnet.vxlan".to_owned(), Vni::new(4096).unwrap(), 4789);
    TunnelDevice { name, vni, port, local: local.map(|ip| ip.parse().unwrap()), mtu: None, mac: mac(99) }
}

fn tunnelling(kernel: FakeRoutes) -> World {
    World::configured(kernel, RoutesConfig { tunnel: Some(device(None)), ..installing() })
}

/// With everything up, and the far subnet behind a gateway.
fn up() -> World {
    let mut world = tunnelling(FakeRoutes::default());
    world.kernel.put(route(FAR));
    world.routes.release_stale();
    world.rest();
    world
}

impl World {
    fn texts(&self) -> Vec<String> {
        let text = |hop: &Hop| {
            let gateway = hop.gateway.map(|gateway| gateway.to_string()).unwrap_or_default();
            format!("{gateway}%{}{}", hop.device.unwrap_or_default().0, if hop.onlink { "!" } else { "" })
        };
        let ours = self.ours();
        let route = |route: &&Route| {
            format!("{} {}", route.prefix, route.hops.iter().map(text).collect::<Vec<_>>().join(" "))
        };
        ours.iter().map(route).collect()
    }

    fn restart(self) -> World {
        let mut kernel = self.kernel;
        while kernel.poll_event().is_some() {}
        let mut world = tunnelling(kernel);
        world.rest();
        world
    }
}

#[test]
fn what_is_on_no_link_goes_into_the_tunnel_and_nothing_else() {
    let mut world = up();
    world.want("10.9.1.0/24", &["10.1.0.2#2"]);
    world.want("10.9.3.0/24", &["10.3.0.2#3"]);
    world.want("10.9.4.0/24", &["10.3.0.4"]);
    world.want("10.9.5.0/24", &["10.1.0.2#2", "10.3.0.2#3"]);
    world.rest();
    assert_eq!(
        world.texts(),
        [
            "10.9.1.0/24 10.1.0.2%1",
            "10.9.3.0/24 10.3.0.2%101!",
            "10.9.4.0/24 10.1.0.254%1",
            "10.9.5.0/24 10.1.0.2%1 10.3.0.2%101!"
        ]
    );
    assert_eq!(
        world.kernel.tunnel_rows(),
        ["02:00:00:00:00:03 at 10.3.0.2", "10.3.0.2 is 02:00:00:00:00:03"]
    );
    let rows: Vec<super::super::TunnelRow> = world.routes.tunnel_rows().collect();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].status.clone(), rows[0].disputed), (TunnelRowStatus::Programmed, false));
    // The last route takes the rows with it.
    world.unwant("10.9.3.0/24");
    world.rest();
    assert_eq!(world.kernel.tunnel_rows().len(), 2);
    world.unwant("10.9.5.0/24");
    world.rest();
    assert_eq!(world.kernel.tunnel_rows(), [""; 0]);
    assert_eq!((world.kernel.blind, world.kernel.harmed), (0, 0));
}

#[test]
fn routes_follow_when_a_next_hop_comes_onto_a_link() {
    let mut world = up();
    world.want("10.9.3.0/24", &["10.3.0.2#3"]);
    world.rest();
    world.kernel.put(route("10.3.0.0/25 dev 2 proto 3"));
    world.rest();
    assert_eq!(world.texts(), ["10.9.3.0/24 10.3.0.2%2"]);
    assert_eq!(world.kernel.tunnel_rows(), [""; 0]);
    world.kernel.take("10.3.0.0/25".parse().unwrap(), 0, 3);
    world.rest();
    assert_eq!(world.texts(), ["10.9.3.0/24 10.3.0.2%101!"]);
    assert_eq!((world.kernel.tunnel_rows().len(), world.kernel.blind), (2, 0));
    world.kernel.take("10.3.0.0/24".parse().unwrap(), 0, 3);
    world.rest();
    assert_eq!(world.status("10.9.3.0/24"), Some(RouteStatus::Unreachable));
    assert_eq!((world.texts().len(), world.kernel.tunnel_rows().len()), (0, 0));
}

#[test]
fn ipv6_goes_to_the_address_that_the_mac_makes() {
    let config = RoutesConfig { tunnel: Some(device(Some("fd01::1"))), ..installing() };
    let mut world = World::configured(FakeRoutes::default(), config);
    world.kernel.put(route("fd03::/64 via fd01::fe dev 1 proto 3"));
    world.want("fd09::/64", &["fd03::2#3"]);
    world.want("10.9.0.0/24", &["fd03::2#3"]);
    world.rest();
    assert_eq!(world.texts(), ["10.9.0.0/24 fe80::ff:fe00:3%101", "fd09::/64 fe80::ff:fe00:3%101"]);
    assert_eq!(
        world.kernel.tunnel_rows(),
        ["02:00:00:00:00:03 at fd03::2", "fe80::ff:fe00:3 is 02:00:00:00:00:03"]
    );
}

#[test]
fn a_route_does_not_swallow_what_is_wrapped() {
    let mut world = up();
    world.kernel.put(route(BACK));
    world.want("10.9.3.0/24", &["10.3.0.2#3"]);
    world.rest();
    // Of the far node itself, and of another one whose prefix covers it.
    world.want("10.3.0.0/25", &["10.3.0.2#3"]);
    world.want("10.3.0.2/32", &["10.4.0.2#4"]);
    world.want("10.3.0.0/16", &["10.4.0.2#4"]);
    world.rest();
    assert_eq!(world.status("10.3.0.0/25"), Some(RouteStatus::Swallowed));
    assert_eq!(world.status("10.3.0.2/32"), Some(RouteStatus::Swallowed));
    assert_eq!(world.status("10.3.0.0/16"), Some(RouteStatus::Programmed), "the way there is more specific");
    // It may once nobody is reached there any more, and must not again.
    world.unwant("10.9.3.0/24");
    world.unwant("10.3.0.0/25");
    world.rest();
    assert_eq!(world.status("10.3.0.2/32"), Some(RouteStatus::Programmed));
    world.want("10.9.3.0/24", &["10.3.0.2#3"]);
    world.rest();
    assert_eq!(world.status("10.3.0.2/32"), Some(RouteStatus::Swallowed));
    assert_eq!(world.texts(), ["10.3.0.0/16 10.4.0.2%101!", "10.9.3.0/24 10.3.0.2%101!"]);
}

#[test]
fn a_former_runs_device_and_rows_are_taken_over() {
    let mut world = up();
    world.want("10.9.3.0/24", &["10.3.0.2#3"]);
    world.want("10.9.4.0/24", &["10.3.0.4#4"]);
    world.rest();
    let before = (world.texts(), world.kernel.tunnel_rows());
    let mut world = world.restart();
    assert_eq!((world.texts(), world.kernel.tunnel_rows()), before);
    world.want("10.9.3.0/24", &["10.3.0.2#3"]);
    world.rest();
    assert_eq!((world.texts(), world.kernel.tunnel_rows()), before, "until all is known");
    world.routes.release_stale();
    world.rest();
    assert_eq!(world.texts(), ["10.9.3.0/24 10.3.0.2%101!"]);
    assert_eq!(
        world.kernel.tunnel_rows(),
        ["02:00:00:00:00:03 at 10.3.0.2", "10.3.0.2 is 02:00:00:00:00:03"]
    );
    assert_eq!((world.kernel.blind, world.kernel.harmed), (0, 0));
}

#[test]
fn without_the_fallback_a_former_runs_device_goes_with_its_last_route() {
    let mut world = up();
    world.want("10.9.3.0/24", &["10.3.0.2#3"]);
    world.rest();
    let mut kernel = world.kernel;
    while kernel.poll_event().is_some() {}
    let mut world = World::with(kernel);
    world.rest();
    assert!(world.kernel.tunnel().is_some() && world.texts().len() == 1);
    world.want("10.9.3.0/24", &["10.3.0.2#3"]);
    world.routes.release_stale();
    world.rest();
    assert_eq!((world.texts(), world.kernel.tunnel()), (vec!["10.9.3.0/24 10.1.0.254%1".to_owned()], None));
}

#[test]
fn the_end_leaves_nothing_behind() {
    let mut world = up();
    world.want("10.9.3.0/24", &["10.3.0.2#3"]);
    world.rest();
    world.routes.want_nothing();
    assert!(!world.routes.is_settled());
    world.rest();
    assert_eq!((world.texts().len(), world.kernel.tunnel(), world.kernel.blind), (0, None, 0));
}

#[test]
fn a_device_that_cannot_be_made_shows() {
    let mut world = tunnelling(FakeRoutes::default());
    world.kernel.put(route(FAR));
    world.want("10.9.3.0/24", &["10.3.0.2#3"]);
    world.kernel.refusals.push_back(17);
    for _ in 0..2 {
        while world.act(usize::MAX) | world.hear(usize::MAX) {}
        assert!(matches!(world.routes.tunnel(), Some((_, TunnelStatus::Failed(_)))));
        assert_eq!(world.status("10.9.3.0/24"), Some(RouteStatus::NoTunnel));
        assert!(world.routes.has_tried_tunnel() && !world.routes.decapsulates());
    }
    world.rest();
    assert!(world.routes.decapsulates());
    assert_eq!(world.status("10.9.3.0/24"), Some(RouteStatus::Programmed));
    let device = world.kernel.tunnel().unwrap();
    world.kernel.remove_device(device);
    world.rest();
    assert_eq!(world.texts(), ["10.9.3.0/24 10.3.0.2%102!"]);
    assert_eq!(world.kernel.tunnel_rows().len(), 2);
}

#[test]
fn others_rows_are_respected() {
    let mut world = up();
    let (vxlan, device) = (world.kernel.tunnel().unwrap(), world.kernel.tunnel().unwrap());
    let (ip, state, vtep) =
        ("10.3.0.2".parse().unwrap(), NeighborState::Permanent, "10.3.0.77".parse().unwrap());
    let theirs =
        NeighborRow { device, ip, mac: Some(mac(7)), state, external: false, router: false, protocol: 0 };
    world.kernel.put_row(Row::Neighbor(theirs));
    world.kernel.put_row(Row::Tunnel(TunnelRow {
        vxlan,
        mac: mac(4),
        vtep,
        external: false,
        ours: false,
        firm: true,
    }));
    world.rest();
    world.want("10.9.3.0/24", &["10.3.0.2#3"]);
    world.want("10.9.4.0/24", &["10.3.0.4#4"]);
    world.rest();
    let said: Vec<String> = world.routes.tunnel_rows().map(|row| format!("{:?}", row.status)).collect();
    assert_eq!(
        said,
        [
            "Conflict(\"somebody else's neighbor 10.3.0.2 has another MAC\")",
            "Conflict(\"somebody else's FDB row sends 02:00:00:00:00:04 elsewhere\")"
        ]
    );
    assert_eq!(world.kernel.harmed, 0);
    world.unwant("10.9.3.0/24");
    world.unwant("10.9.4.0/24");
    world.rest();
    assert_eq!(
        world.kernel.tunnel_rows(),
        ["02:00:00:00:00:04 at 10.3.0.77", "10.3.0.2 is 02:00:00:00:00:07"]
    );
}

#[test]
fn one_next_hop_with_two_macs_has_the_last_one_and_shows() {
    let mut world = up();
    world.want("10.9.3.0/24", &["10.3.0.2#5"]);
    world.want("10.9.4.0/24", &["10.3.0.2#3"]);
    world.rest();
    let row = world.routes.tunnel_rows().next().unwrap();
    assert_eq!((row.mac, row.disputed, world.routes.tunnel_rows().count()), (mac(3), true, 1));
    world.unwant("10.9.4.0/24");
    world.rest();
    let row = world.routes.tunnel_rows().next().unwrap();
    assert_eq!((row.mac, row.disputed), (mac(5), false));
    assert_eq!(
        world.kernel.tunnel_rows(),
        ["02:00:00:00:00:05 at 10.3.0.2", "10.3.0.2 is 02:00:00:00:00:05"]
    );
}

#[test]
fn one_mac_at_two_next_hops_is_one_node() {
    let mut world = up();
    world.want("10.9.3.0/24", &["10.3.0.3#3"]);
    world.want("10.9.4.0/24", &["10.3.0.2#3"]);
    world.rest();
    let rows =
        ["02:00:00:00:00:03 at 10.3.0.2", "10.3.0.2 is 02:00:00:00:00:03", "10.3.0.3 is 02:00:00:00:00:03"];
    assert_eq!(world.kernel.tunnel_rows(), rows);
    world.unwant("10.9.4.0/24");
    world.rest();
    assert_eq!(
        world.kernel.tunnel_rows(),
        ["02:00:00:00:00:03 at 10.3.0.3", "10.3.0.3 is 02:00:00:00:00:03"]
    );
    assert_eq!(world.kernel.blind, 0);
}

/// What may happen.
#[derive(Clone, Debug)]
enum Happening {
    Want(u8, u8),
    Unwant(u8),
    OnLink(bool),
    Far(bool),
    /// Somebody takes a row away.
    ClearRow(usize),
    Down(bool),
    RemoveTunnel,
    Refuse,
    Overrun,
    Hear(usize),
    Act(usize),
    Wait(u16),
    Restart,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    use Happening::*;
    let one = prop_oneof![
        8 => (0u8..4, 0u8..6).prop_map(|(a, b)| Want(a, b)),
        4 => (0u8..4).prop_map(Unwant),
        2 => any::<bool>().prop_map(OnLink),
        2 => any::<bool>().prop_map(Far),
        2 => (0usize..6).prop_map(ClearRow),
        2 => any::<bool>().prop_map(Down),
        1 => Just(RemoveTunnel),
        1 => Just(Refuse),
        1 => Just(Overrun),
        8 => (0usize..6).prop_map(Hear),
        8 => (0usize..6).prop_map(Act),
        2 => (0u16..3000).prop_map(Wait),
        1 => Just(Restart),
    ];
    prop::collection::vec(one, 0..80)
}

const PREFIXES: [&str; 4] = ["10.9.1.0/24", "10.9.2.0/24", "10.3.0.0/25", "10.3.0.64/26"];
const HOPS: [&[&str]; 6] = [
    &["10.3.0.2#2"],
    &["10.3.0.70#3"],
    &["10.3.0.2#2", "10.3.0.71#3"],
    &["10.1.0.2#4"],
    &["10.1.0.2#4", "10.3.0.70#3"],
    &["10.3.0.5"],
];

impl World {
    fn let_it_happen(&mut self, happening: &Happening) {
        match *happening {
            Happening::Want(n, to) => self.want(PREFIXES[usize::from(n)], HOPS[usize::from(to)]),
            Happening::Unwant(n) => self.unwant(PREFIXES[usize::from(n)]),
            Happening::OnLink(true) => self.kernel.put(route("10.3.0.64/26 dev 2 proto 3 metric 5")),
            Happening::OnLink(false) => self.kernel.take("10.3.0.64/26".parse().unwrap(), 5, 3),
            Happening::Far(true) => self.kernel.put(route(FAR)),
            Happening::Far(false) => self.kernel.take("10.3.0.0/24".parse().unwrap(), 0, 3),
            Happening::ClearRow(n) => self.kernel.take_row(n),
            Happening::Down(down) => {
                self.kernel.tunnel().into_iter().for_each(|device| self.kernel.set_up(device, !down));
            }
            Happening::RemoveTunnel => {
                self.kernel.tunnel().into_iter().for_each(|device| self.kernel.remove_device(device));
            }
            Happening::Refuse => self.kernel.refusals.push_back(12),
            Happening::Overrun => self.kernel.overrun(),
            Happening::Hear(count) => drop(self.hear(count)),
            Happening::Act(count) => drop(self.act(count)),
            Happening::Wait(millis) => self.now += Duration::from_millis(millis.into()),
            Happening::Restart => {}
        }
    }

    /// Each way that leads into the tunnel leads on, and there are no rows but for such.
    fn check_tunnel(&self) {
        let device = self.kernel.tunnel().unwrap();
        let mut expected: Vec<String> = Vec::new();
        let hops: Vec<IpAddr> = self
            .ours()
            .iter()
            .flat_map(|route| route.hops.iter())
            .filter(|hop| hop.device == Some(device))
            .filter_map(|hop| hop.gateway)
            .collect();
        let of = |address: &str| mac(if address == "10.3.0.2" { 2 } else { 3 });
        // A route that is swallowed has its next hop in the tunnel all the same.
        let all = self.routes.tunnel_rows().map(|row| row.vtep.to_string()).collect::<Vec<_>>();
        assert!(hops.iter().all(|hop| all.contains(&hop.to_string())));
        for address in &all {
            expected.push(format!("{address} is {}", of(address)));
        }
        for number in [2, 3] {
            let at = all.iter().filter(|address| of(address) == mac(number)).min();
            expected.extend(at.map(|at| format!("{} at {at}", mac(number))));
        }
        expected.sort();
        assert_eq!(self.kernel.tunnel_rows(), expected);
        let used: Vec<String> = self
            .routes
            .rows()
            .filter_map(|row| row.wanted)
            .flat_map(|wanted| wanted.hops().to_vec())
            .filter(|hop| self.routes.is_tunnelled(hop))
            .map(|hop| hop.address.to_string())
            .collect();
        assert!(all.iter().all(|address| used.contains(address)), "{all:?} {used:?}");
    }
}

proptest! {
    /// Whatever happens, at rest what leads into the tunnel leads on, and nothing else is left of it.
    #[test]
    fn all_is_well_in_the_tunnel_in_the_end(happenings in happenings()) {
        let mut world = up();
        let is_calm = happenings.iter().all(|happening| {
            use Happening::*;
            !matches!(happening, ClearRow(_) | Down(_) | RemoveTunnel | Refuse | Overrun | Restart)
        });
        let mut wanted: BTreeMap<&str, &[&str]> = BTreeMap::new();
        for happening in &happenings {
            match happening {
                Happening::Want(n, to) => drop(wanted.insert(PREFIXES[usize::from(*n)], HOPS[usize::from(*to)])),
                Happening::Unwant(n) => drop(wanted.remove(PREFIXES[usize::from(*n)])),
                Happening::Restart => {
                    world = world.restart();
                    wanted.iter().for_each(|(prefix, hops)| world.want(prefix, hops));
                }
                _ => {}
            }
            world.let_it_happen(happening);
        }
        world.kernel.refusals.clear();
        world.routes.release_stale();
        world.rest();
        world.check_tunnel();
        prop_assert_eq!(world.kernel.harmed, 0);
        prop_assert!(!is_calm || world.kernel.blind == 0);
        for row in world.routes.rows() {
            let is_settled = match &row.status {
                RouteStatus::Programmed | RouteStatus::Unreachable | RouteStatus::Swallowed => true,
                RouteStatus::Conflict(conflict) => conflict.beside,
                _ => false,
            };
            prop_assert!(is_settled, "{:?}", row);
        }
    }
}

#[test]
fn a_new_configuration_keeps_the_tunnel_until_nothing_is_installed() {
    let mut world = up();
    world.want("10.9.3.0/24", &["10.3.0.2#3"]);
    world.rest();
    let before = (world.texts(), world.kernel.tunnel_rows());
    world.routes.configure(RoutesConfig { via_default: false, ..installing() });
    world.rest();
    assert_eq!((world.texts(), world.kernel.tunnel_rows()), before);
    world.routes.configure(RoutesConfig { protocol: 77, ..installing() });
    world.rest();
    assert_eq!(world.kernel.tunnel_rows(), before.1, "the rows are not the routes'");
    world.routes.configure(RoutesConfig { install: false, ..installing() });
    world.rest();
    assert_eq!((world.kernel.tunnel(), world.texts().len()), (None, 0));
}
