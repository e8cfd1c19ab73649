//! What EVPN's tables show.

use api::v1;

use super::{RD1, list, s};

pub(crate) fn vnis() -> Vec<v1::Vni> {
    let up = v1::Vni {
        vni: 100,
        state: v1::VniState::Up.into(),
        vxlan: s("vxlan100"),
        bridge: s("br100"),
        rd: s(RD1),
        import_rts: list(&["*:100"]),
        export_rts: list(&["65000:100"]),
        local_vtep: s("10.0.0.1"),
        local_macs: 2,
        remote_macs: 3,
        local_neighbors: 1,
        remote_neighbors: 2,
        remote_vteps: 2,
        flood: s("ingress-replication"),
        refused: vec![
            v1::RejectedRoutes { reason: s("bridge-mac"), routes: 2 },
            v1::RejectedRoutes { reason: s("own-vtep"), routes: 1 },
        ],
        hosts: Some(v1::VniHosts {
            snooping: true,
            snooped: 4,
            probed: 25,
            answered: 20,
            given_up: 1,
            refused: 0,
            missed: 0,
        }),
        ..Default::default()
    };
    let down = v1::Vni {
        vni: 20_000,
        state: v1::VniState::Down.into(),
        reason: s("no VXLAN device has this VNI"),
        import_rts: list(&["*:20000", "65000:7"]),
        ..Default::default()
    };
    vec![up, down]
}

pub(crate) fn macs() -> Vec<v1::Mac> {
    let remote = v1::Mac {
        vni: 100,
        mac: s("02:00:00:00:00:50"),
        r#type: v1::HostType::Remote.into(),
        vtep: s("10.0.0.2"),
        remote_sequence: Some(3),
        kernel: v1::KernelState::Programmed.into(),
        ..Default::default()
    };
    let local = v1::Mac {
        mac: s("02:00:00:00:00:01"),
        r#type: v1::HostType::Local.into(),
        vtep: s(""),
        port: s("veth1"),
        local_sequence: Some(1),
        remote_sequence: None,
        sticky: true,
        kernel: 0,
        ..remote.clone()
    };
    let conflict = v1::Mac {
        mac: s("02:00:00:00:00:51"),
        gateway: true,
        duplicate: true,
        kernel: v1::KernelState::Conflict.into(),
        kernel_reason: s("a static entry of somebody else stands there"),
        ..remote.clone()
    };
    vec![local, remote, conflict]
}

pub(crate) fn arps() -> Vec<v1::Arp> {
    let v4 = v1::Arp {
        vni: 100,
        ip: s("10.1.0.5"),
        mac: s("02:00:00:00:00:50"),
        r#type: v1::HostType::Remote.into(),
        vtep: s("10.0.0.2"),
        remote_sequence: Some(3),
        kernel: v1::KernelState::Pending.into(),
        ..Default::default()
    };
    let v6 = v1::Arp {
        ip: s("fd00::5"),
        router: true,
        kernel: v1::KernelState::Failed.into(),
        kernel_reason: s("EINVAL"),
        ..v4.clone()
    };
    vec![v4, v6]
}

pub(crate) fn vteps() -> Vec<v1::Vtep> {
    let flooded = v1::Vtep {
        vni: 100,
        vtep: s("10.0.0.2"),
        flood: true,
        configured: true,
        announced: true,
        kernel: v1::KernelState::Programmed.into(),
        ..Default::default()
    };
    let quiet = v1::Vtep {
        vtep: s("10.0.0.3"),
        flood: false,
        configured: false,
        reason: s("its type 3 route does not ask for copies"),
        kernel: 0,
        ..flooded.clone()
    };
    vec![flooded, quiet]
}
