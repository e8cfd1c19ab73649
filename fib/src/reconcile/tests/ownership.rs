//! Whose a row is: former runs', other control planes', and ours.

use super::*;
use crate::fake::operators_tunnel_row;
use crate::row::{BridgeRow, BridgeRowKind, TunnelRow};

/// Marked rows that turn up later are another control plane's.
#[test]
fn only_what_was_there_at_the_start_is_a_former_runs() {
    let mut world = World::new();
    world.fib.release_stale();
    let Row::Tunnel(row) = operators_tunnel_row(world.vxlan, mac(9), vtep(9)) else { panic!() };
    world.kernel.put(Row::Tunnel(TunnelRow { external: true, ours: true, ..row }));
    world.kernel.overrun();
    world.rest();
    assert_eq!(world.ours().len(), 1);
}

/// The rows that FRR makes for a remote MAC.
fn of_another_control_plane(world: &World, n: u8) -> [Row; 2] {
    let Row::Tunnel(row) = operators_tunnel_row(world.vxlan, mac(n), vtep(n)) else { panic!() };
    let (bridge, port, kind) = (world.bridge, world.vxlan, BridgeRowKind::Dynamic);
    [
        Row::Tunnel(TunnelRow { external: true, firm: false, ..row }),
        Row::Bridge(BridgeRow { bridge, port, mac: mac(n), kind, external: true, sticky: false }),
    ]
}

/// Before linnetd was there or after: it is respected, shown, and its place is taken when it goes.
#[test]
fn another_control_planes_rows_stay() {
    for at_start in [true, false] {
        for bridge_first in [true, false] {
            let mut world = World::with(FakeKernel::new(false), FibConfig::default());
            if !at_start {
                world.settle();
            }
            let mut theirs = of_another_control_plane(&world, 1);
            if bridge_first {
                theirs.reverse();
            }
            theirs.iter().for_each(|row| world.kernel.put(*row));
            world.settle();
            world.fib.release_stale();
            world.settle();
            world.want(mac_key(1), at(2));
            world.settle();
            assert!(
                matches!(world.status(mac_key(1)), Some(Status::Conflict(_))),
                "{:?}",
                world.fib.diff().collect::<Vec<_>>()
            );
            world.want(mac_key(1), None);
            world.rest();
            assert!(theirs.iter().all(|row| world.kernel.rows().any(|there| there == row)));
            assert_eq!(world.fib.rows().count(), 0);
            world.want(mac_key(1), at(2));
            theirs.iter().for_each(|row| world.kernel.take(row));
            world.rest();
            assert_eq!(world.status(mac_key(1)), Some(Status::Programmed));
        }
    }
}
