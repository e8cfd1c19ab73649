//! The fake kernel has the real one's traps. Each was tried on Linux 6.18; where a test of fib/tests/kernel shows it on
//! whatever kernel runs, its name is given.
//!
//! Not here, since linnet asks for none of it: next-hop objects as destinations (`NDA_NH_ID`), devices with a VNI filter
//! (`NDA_SRC_VNI`), bridges with VLANs.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use bgp::types::{Mac, Vni};
use fib::op::{Action, Half};
use fib::row::{BridgeRowKind, NeighborState};

use super::tables::{Ages, Tables};
use crate::peer::ip;

const HOST: Mac = Mac([2, 0, 0, 0, 0, 9]);

const EOPNOTSUPP: Result<(), i32> = Err(95);
const EAFNOSUPPORT: Result<(), i32> = Err(97);
const ENOENT: Result<(), i32> = Err(2);

/// A kernel with one network, and what is asked of it.
struct Lab {
    tables: Tables,
    now: Instant,
}

fn vni() -> Vni {
    Vni::new(100).unwrap()
}

fn address() -> IpAddr {
    "192.168.0.9".parse().unwrap()
}

impl Lab {
    fn new() -> Lab {
        Lab { tables: Tables::new(0, [100], Ages::USUAL), now: Instant::now() }
    }

    fn ask(&mut self, action: &Action) -> Result<(), i32> {
        self.tables.apply(self.now, action)
    }

    fn set(&mut self, mac: Mac, vtep: IpAddr, half: Half) -> Result<(), i32> {
        let vxlan = self.tables.segment(vni()).vxlan;
        self.ask(&Action::SetMac { vxlan, mac, vtep, half })
    }

    fn delete(&mut self, mac: Mac, vtep: Option<IpAddr>, half: Half) -> Result<(), i32> {
        let vxlan = self.tables.segment(vni()).vxlan;
        self.ask(&Action::DeleteMac { vxlan, mac, vtep, half })
    }

    fn flood(&mut self, vtep: IpAddr) -> Result<(), i32> {
        let vxlan = self.tables.segment(vni()).vxlan;
        self.ask(&Action::AddFlood { vxlan, vtep })
    }

    fn set_neighbor(&mut self, replace: bool) -> Result<(), i32> {
        let bridge = self.tables.segment(vni()).bridge;
        let (ip, router, protocol) = (address(), false, 108);
        self.ask(&Action::SetNeighbor { bridge, ip, mac: HOST, router, replace, protocol })
    }

    fn frame(&mut self) {
        self.tables.frame(self.now, vni(), 0, HOST, None);
    }

    /// The lines that have this in them.
    fn lines(&self, part: &str) -> Vec<String> {
        self.tables.lines().into_iter().filter(|line| line.contains(part)).collect()
    }
}

/// One message makes both rows, and neither says who made it (`golden_rows`).
#[test]
fn one_message_makes_both_rows() {
    let mut lab = Lab::new();
    lab.set(HOST, ip(1), Half::Both).unwrap();
    assert_eq!(lab.lines(&HOST.to_string()).len(), 2);
    assert!(lab.tables.marked().iter().all(|row| !row.contains("protocol")));
}

/// A flood list is added to and never replaced, and to add what is there is no error
/// (`a_flood_list_has_several_vteps_and_loses_one`).
#[test]
fn a_flood_list_is_only_added_to() {
    let mut lab = Lab::new();
    assert_eq!(lab.set(Mac::ZERO, ip(1), Half::Tunnel), EOPNOTSUPP);
    lab.flood(ip(1)).unwrap();
    lab.flood(ip(1)).unwrap();
    lab.flood(ip(2)).unwrap();
    assert_eq!(lab.lines("flood").len(), 2);
}

/// A list has one mark for all its rows: who adds to it without one takes a control plane's from the others.
#[test]
fn a_flood_list_has_one_mark() {
    let mut lab = Lab::new();
    lab.flood(ip(1)).unwrap();
    assert_eq!(lab.tables.marked().len(), 1);
    let vxlan = lab.tables.segment(vni()).vxlan;
    lab.tables.append_flood(vxlan, ip(2), false).unwrap();
    assert!(lab.tables.marked().is_empty());
    lab.flood(ip(3)).unwrap();
    assert!(lab.tables.marked().is_empty());
}

/// To delete the zero MAC without a destination empties the list; with the wrong one it says that all is well and removes
/// nothing, as it does with a host's row.
#[test]
fn a_deletion_may_take_all_or_nothing() {
    let mut lab = Lab::new();
    lab.flood(ip(1)).unwrap();
    lab.flood(ip(2)).unwrap();
    lab.delete(Mac::ZERO, Some(ip(3)), Half::Tunnel).unwrap();
    assert_eq!(lab.lines("flood").len(), 2);
    lab.delete(Mac::ZERO, None, Half::Tunnel).unwrap();
    assert!(lab.lines("flood").is_empty());
    lab.set(HOST, ip(1), Half::Both).unwrap();
    lab.delete(HOST, Some(ip(2)), Half::Tunnel).unwrap();
    assert_eq!(lab.lines(" to ").len(), 1);
}

/// A device with an IPv4 address of its own takes no IPv6 destination (`a_refusal_is_shown_and_hurts_no_other`).
#[test]
fn a_devices_family_is_fixed() {
    let mut lab = Lab::new();
    let far = "fd00::1".parse().unwrap();
    assert_eq!(lab.set(HOST, far, Half::Tunnel), EAFNOSUPPORT);
    assert_eq!(lab.flood(far), EAFNOSUPPORT);
}

/// Traffic takes the bridge's row over and leaves the tunnel's; then both cannot be deleted in one message
/// (`a_remote_host_shows_up_here`).
#[test]
fn traffic_takes_half_a_host_over() {
    let mut lab = Lab::new();
    lab.set(HOST, ip(1), Half::Both).unwrap();
    lab.frame();
    assert_eq!(lab.lines("external false").len(), 1);
    assert_eq!(lab.delete(HOST, Some(ip(1)), Half::Both), ENOENT);
    assert_eq!(lab.lines(" to ").len(), 1);
    lab.delete(HOST, Some(ip(1)), Half::Tunnel).unwrap();
    assert!(lab.lines(" to ").is_empty());
}

/// A sticky row stays where it is, whatever traffic says (`a_sticky_host_is_not_taken_over_by_traffic`).
#[test]
fn traffic_does_not_move_a_sticky_host() {
    let mut lab = Lab::new();
    lab.set(HOST, ip(1), Half::Both).unwrap();
    let vxlan = lab.tables.segment(vni()).vxlan;
    lab.ask(&Action::SetSticky { vxlan, mac: HOST }).unwrap();
    lab.frame();
    assert_eq!(lab.lines("sticky true external true").len(), 1);
}

/// A VXLAN device that goes down loses the rows that are not firm, and keeps firm ones and its flood list
/// (`rows_come_back_after_links_were_down_and_tables_flushed`).
#[test]
fn a_tunnel_that_goes_down_keeps_firm_rows() {
    let mut lab = Lab::new();
    lab.set(HOST, ip(1), Half::Both).unwrap();
    lab.flood(ip(1)).unwrap();
    let vxlan = lab.tables.segment(vni()).vxlan;
    let loose = lab.tables.tunnels.values().find(|row| row.mac == HOST).copied().unwrap();
    lab.tables.set_tunnel(fib::row::TunnelRow { mac: Mac([2, 0, 0, 0, 0, 8]), firm: false, ..loose });
    lab.tables.set_up(vxlan, false);
    assert_eq!((lab.lines(" to ").len(), lab.lines("flood").len()), (1, 1));
}

/// A VXLAN device that leaves its bridge loses the bridge's rows and keeps its own
/// (`a_device_that_leaves_its_bridge_and_comes_back`).
#[test]
fn a_tunnel_that_leaves_its_bridge_keeps_its_own_rows() {
    let mut lab = Lab::new();
    lab.set(HOST, ip(1), Half::Both).unwrap();
    lab.tables.move_vxlan(vni(), true);
    assert_eq!((lab.lines(" to ").len(), lab.lines("external true").len()), (1, 0));
}

/// A bridge that goes down, or loses its carrier, loses its neighbours, a control plane's too
/// (`rows_come_back_after_links_were_down_and_tables_flushed`).
#[test]
fn a_bridge_without_a_carrier_forgets_its_neighbors() {
    for is_carrier in [true, false] {
        let mut lab = Lab::new();
        lab.set_neighbor(false).unwrap();
        let bridge = lab.tables.segment(vni()).bridge;
        match is_carrier {
            true => lab.tables.set_carrier(bridge, false),
            false => lab.tables.set_up(bridge, false),
        }
        assert!(lab.lines("192.168.0.9").is_empty());
    }
}

/// A neighbour that is set with leave to replace takes the place of an operator's in silence
/// (`a_neighbor_that_we_have_not_seen_is_not_overwritten`).
#[test]
fn a_neighbor_is_overwritten_without_a_word() {
    let mut lab = Lab::new();
    lab.tables.set_permanent(lab.now, vni(), address(), Mac([6, 0, 0, 0, 0, 1]));
    assert_eq!(lab.set_neighbor(false), Err(17));
    lab.set_neighbor(true).unwrap();
    let rows = lab.tables.neighbors.values();
    assert_eq!(rows.map(|known| known.row.state).collect::<Vec<_>>(), [NeighborState::NoArp]);
}

/// ARP is answered here for a host whose neighbour the bridge has and whose row the tunnel has, on a port that suppresses;
/// otherwise it is flooded.
#[test]
fn suppression_takes_a_neighbor_and_a_row() {
    let mut lab = Lab::new();
    let vxlan = lab.tables.segment(vni()).vxlan;
    lab.set_neighbor(false).unwrap();
    lab.ask(&Action::SetPort { vxlan }).unwrap();
    assert!(!lab.tables.suppresses(vni(), address()));
    lab.set(HOST, ip(1), Half::Both).unwrap();
    assert!(lab.tables.suppresses(vni(), address()));
    lab.tables.move_vxlan(vni(), true);
    assert!(!lab.tables.suppresses(vni(), address()));
}

/// A row that an operator made gets another destination, and never a control plane's mark
/// (`an_operators_rows_survive_a_restart`).
#[test]
fn an_operators_row_never_gains_the_mark() {
    let mut lab = Lab::new();
    lab.tables.divert(vni(), HOST, ip(7));
    lab.set(HOST, ip(1), Half::Tunnel).unwrap();
    assert_eq!(lab.lines(" to 10.0.0.2").len(), 1);
    assert!(lab.tables.marked().is_empty());
}

/// What has been silent is forgotten, but not what somebody set.
#[test]
fn only_what_was_learnt_is_forgotten() {
    let mut lab = Lab::new();
    lab.frame();
    lab.tables.pin(lab.now, vni(), 1, Mac([2, 0, 0, 0, 0, 7]));
    lab.set(Mac([2, 0, 0, 0, 0, 6]), ip(1), Half::Both).unwrap();
    lab.tables.age(lab.now + Duration::from_secs(301));
    let kinds: Vec<BridgeRowKind> = lab.tables.bridges.values().map(|learnt| learnt.row.kind).collect();
    let learnt = kinds.iter().filter(|kind| **kind == BridgeRowKind::Dynamic).count();
    assert_eq!((learnt, lab.lines("sticky true").len()), (1, 1));
}

/// The daemon is not told of its own writing, nor of any new row with a control plane's mark: its filter drops them.
/// What goes away is always told.
#[test]
fn our_own_writing_is_not_news() {
    let mut lab = Lab::new();
    lab.tables.news.clear();
    lab.set(HOST, ip(1), Half::Both).unwrap();
    lab.set_neighbor(false).unwrap();
    assert_eq!(lab.tables.news.len(), 0);
    lab.frame();
    assert_eq!(lab.tables.news.len(), 1);
    lab.delete(HOST, None, Half::Tunnel).unwrap();
    assert_eq!(lab.tables.news.len(), 2);
}
