//! Facts in which nothing is wrong: a leaf with one network, one remote VTEP and one remote host. Tests change one of
//! them.

use std::collections::BTreeMap;

use api::v1;
use bgp::types::Mac;

use super::facts::kernel::{Bridge, Device, FdbRow, Kernel, Lookup, Neighbor, Port, Switches, Tables, Vxlan};
use super::facts::{Answer, Daemon, Evpn, Facts, Firewall, Offer, Sample, Settings, Way};
use super::finding::{Finding, Judged};

/// Indices of the devices.
pub(super) const UPLINK: u32 = 2;
pub(super) const BRIDGE: u32 = 3;
pub(super) const VXLAN: u32 = 4;
pub(super) const POD: u32 = 5;

const MAC: Mac = Mac([2, 0, 0, 0, 0, 0x21]);

/// What a test changes.
pub(super) type Change<'c> = &'c dyn Fn(&mut Facts);

/// What a check finds after a change.
pub(super) fn all(judge: fn(&Facts) -> Judged, change: impl FnOnce(&mut Facts)) -> Vec<Finding> {
    let mut facts = healthy();
    change(&mut facts);
    judge(&facts).unwrap_or_else(|skipped| vec![skipped])
}

/// The one thing that a check finds after a change.
pub(super) fn only(judge: fn(&Facts) -> Judged, change: impl FnOnce(&mut Facts)) -> Finding {
    let mut findings = all(judge, change);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    findings.remove(0)
}

pub(super) fn device(facts: &mut Facts, index: u32) -> &mut Device {
    facts.kernel.as_mut().unwrap().devices.get_mut(&index).unwrap()
}

pub(super) fn neighbor<'f>(facts: &'f mut Facts, ip: &str) -> &'f mut Neighbor {
    let neighbors = &mut facts.kernel.as_mut().unwrap().tables.neighbors;
    neighbors.iter_mut().find(|neighbor| neighbor.ip == ip.parse::<std::net::IpAddr>().unwrap()).unwrap()
}

pub(super) fn evpn(facts: &mut Facts) -> &mut Evpn {
    facts.daemon.as_mut().unwrap().evpn.as_mut().unwrap()
}

pub(super) fn settings(text: &str) -> Settings {
    serde_yaml::from_str(text).unwrap()
}

fn healthy() -> Facts {
    Facts {
        kernel: Ok(kernel()),
        daemon: Ok(daemon()),
        settings: settings("evpn: { advertise_all_vni: true }"),
        differences: Vec::new(),
        ways: vec![Way {
            to: [10, 0, 0, 2].into(),
            from: Some([10, 0, 0, 1].into()),
            udp_port: Some(4789),
            largest: 1500,
            route: Ok(Lookup {
                device: UPLINK,
                gateway: Some([10, 1, 1, 0].into()),
                mtu: None,
                local: false,
            }),
            echo: Answer::Reached,
            large_echo: Answer::Reached,
            knock: Answer::Silence,
        }],
        firewall: Ok(Firewall { read: vec!["nft"], ..Firewall::default() }),
    }
}

fn kernel() -> Kernel {
    let link = |index, name: &str, mtu| Device {
        index,
        name: name.to_owned(),
        up: true,
        carrier: true,
        mtu,
        ..Device::default()
    };
    let local = Some([10, 0, 0, 1].into());
    let vxlan = Vxlan { vni: 100, local, udp_port: 4789, ..Vxlan::default() };
    let port = Port { learning: false, suppress: true, ..Port::default() };
    let devices = [
        link(UPLINK, "eth1", 1500),
        Device { bridge: Some(Bridge::default()), ..link(BRIDGE, "br100", 1450) },
        Device {
            master: Some(BRIDGE),
            vxlan: Some(vxlan),
            port: Some(port),
            ..link(VXLAN, "vxlan100", 1450)
        },
        Device { master: Some(BRIDGE), other_end: Some((2, Some(0))), ..link(POD, "pod", 1500) },
    ];
    Kernel {
        devices: devices.into_iter().map(|device| (device.index, device)).collect(),
        addresses: vec![(1, [10, 0, 0, 1].into()), (UPLINK, [10, 1, 1, 1].into())],
        tables: tables(),
        routes: Vec::new(),
        switches: Switches::default(),
        protocol_names: BTreeMap::new(),
        pods: BTreeMap::from([(POD, Ok(1450))]),
    }
}

/// The flood row, the two rows of the host's MAC, its address, and the uplink's next hop.
fn tables() -> Tables {
    let row = |mac, of_bridge: bool| FdbRow {
        device: VXLAN,
        mac,
        vtep: (!of_bridge).then_some([10, 0, 0, 2].into()),
        of_bridge,
        external: true,
    };
    let host = Neighbor {
        device: BRIDGE,
        ip: [192, 168, 1, 21].into(),
        mac: Some(MAC),
        silent: false,
        external: true,
        protocol: 108,
    };
    let next_hop = Neighbor {
        device: UPLINK,
        ip: [10, 1, 1, 0].into(),
        mac: Some(Mac([2, 0, 0, 0, 1, 0])),
        silent: false,
        external: false,
        protocol: 0,
    };
    Tables {
        fdb: vec![row(Mac::ZERO, false), row(MAC, false), row(MAC, true)],
        neighbors: vec![host, next_hop],
    }
}

fn daemon() -> Daemon {
    let family = v1::NeighborFamily {
        family: "l2vpn-evpn".to_owned(),
        negotiated: true,
        accepted: 4,
        end_of_rib_received: true,
        ..v1::NeighborFamily::default()
    };
    let neighbor = v1::Neighbor {
        address: "10.1.1.0".to_owned(),
        state: v1::NeighborState::Established.into(),
        families: vec![family],
        ..v1::Neighbor::default()
    };
    Daemon { neighbors: vec![neighbor], evpn: Some(remote()), ..Daemon::default() }
}

fn remote() -> Evpn {
    let entry = |kind: v1::FibKind, key: &str, wanted: &str| v1::FibEntry {
        kind: kind.into(),
        vni: Some(100),
        key: key.to_owned(),
        wanted: wanted.to_owned(),
        state: v1::KernelState::Programmed.into(),
        ..v1::FibEntry::default()
    };
    let vtep = "10.0.0.2".to_owned();
    let offer = Offer {
        neighbor: "10.1.1.0".to_owned(),
        vtep: vtep.clone(),
        vni: Some(100),
        targets: vec!["65000:100".to_owned()],
    };
    let replication = v1::Pmsi { r#type: "ingress-replication".to_owned(), vni: 100, endpoint: vtep.clone() };
    Evpn {
        vnis: vec![v1::Vni {
            vni: 100,
            state: v1::VniState::Up.into(),
            vxlan: "vxlan100".to_owned(),
            bridge: "br100".to_owned(),
            import_rts: vec!["*:100".to_owned()],
            local_vtep: "10.0.0.1".to_owned(),
            ..v1::Vni::default()
        }],
        vteps: vec![v1::Vtep { vni: 100, vtep: vtep.clone(), flood: true, ..v1::Vtep::default() }],
        duplicates: Vec::new(),
        entries: vec![
            entry(v1::FibKind::Flood, "10.0.0.2", "flood"),
            entry(v1::FibKind::Mac, "02:00:00:00:00:21", "dst 10.0.0.2"),
            entry(v1::FibKind::Neighbor, "192.168.1.21", "lladdr 02:00:00:00:00:21"),
        ],
        offers: [(offer, Sample { routes: 2, nlri: "[3]".to_owned() })].into(),
        floods: vec![v1::Path { ip: vtep, pmsi: Some(replication), ..v1::Path::default() }],
    }
}
