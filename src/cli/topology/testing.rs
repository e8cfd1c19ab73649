//! Fabrics for tests.

use api::v1;

use super::{Fabric, Topology};

/// A node that knows nobody.
pub(super) fn fabric() -> Fabric {
    Fabric::new(&v1::Status { router_id: "10.0.0.1".into(), asn: 65000, ..Default::default() })
}

fn neighbor(address: &str, router_id: &str) -> v1::Neighbor {
    v1::Neighbor {
        address: address.into(),
        router_id: router_id.into(),
        remote_as: 65000,
        state: v1::NeighborState::Established.into(),
        ..Default::default()
    }
}

fn path(vtep: &str, vni: u32, from: &str, cluster: &[&str]) -> v1::Path {
    v1::Path {
        next_hop: vtep.into(),
        vni: Some(vni),
        neighbor: from.into(),
        cluster_list: cluster.iter().map(ToString::to_string).collect(),
        valid: true,
        ..Default::default()
    }
}

/// A leaf with a reflector, a neighbor that is a VTEP, and two VTEPs behind the reflector. Its names are not to be
/// trusted.
pub(super) fn leaf() -> Topology {
    let mut fabric = fabric();
    let spine =
        v1::Neighbor { description: "spine <1> \"a\\\u{1b}#\"".into(), ..neighbor("10.0.1.1", "10.0.1.1") };
    fabric.neighbor(spine);
    fabric.neighbor(v1::Neighbor { state: v1::NeighborState::Active.into(), ..neighbor("10.0.0.3", "") });
    for vni in [101, 100] {
        fabric.vni(&v1::Vni { vni, local_vtep: "10.0.0.1".into(), ..Default::default() });
    }
    let row = |vtep: &str, vni, kernel: v1::KernelState| v1::Vtep {
        vtep: vtep.into(),
        vni,
        kernel: kernel.into(),
        ..Default::default()
    };
    fabric.vtep(&row("10.0.0.2", 100, v1::KernelState::Failed));
    fabric.vtep(&row("10.0.0.2", 101, v1::KernelState::Programmed));
    fabric.vtep(&row("10.0.0.3", 100, v1::KernelState::Programmed));
    for vni in [100, 101, 300] {
        fabric.path(&path("10.0.0.2", vni, "10.0.1.1", &["10.0.1.1"]));
    }
    fabric.path(&path("10.0.0.3", 100, "10.0.0.3", &[]));
    fabric.path(&path("10.0.0.10", 300, "10.0.1.1", &["10.0.1.1"]));
    fabric.path(&v1::Path { valid: false, ..path("10.0.0.66", 300, "10.0.1.1", &[]) });
    fabric.finish()
}

/// A reflector whose clients are VTEPs: the one by its address, the other by its router ID.
pub(super) fn reflector() -> Topology {
    let mut fabric = fabric();
    for (address, router_id) in [("10.0.0.2", "10.0.0.2"), ("fe80::3%eth0", "10.0.0.3")] {
        fabric.neighbor(v1::Neighbor { route_reflector_client: true, ..neighbor(address, router_id) });
        fabric.path(&path(router_id, 100, address, &[]));
    }
    fabric.finish()
}
