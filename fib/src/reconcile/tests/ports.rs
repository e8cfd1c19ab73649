//! A VXLAN device's bridge port that is set up while the device moves.

use super::*;

fn is_set_up(world: &World) -> bool {
    world.kernel.links().any(|link| link.index == world.vxlan && link.suppress && !link.learning)
}

/// The port that an op was about is gone, whether we hear of that or not: the one that there is now is another one.
#[test]
fn a_port_is_set_up_again_where_its_device_has_moved_meanwhile() {
    for is_lost in [true, false] {
        let mut world = World::with(FakeKernel::new(false), FibConfig::default());
        while !is_set_up(&world) {
            assert!(world.act(1) + world.hear(usize::MAX) > 0);
        }
        for master in [None, Some(world.bridge)] {
            world.kernel.set_master(world.vxlan, master);
        }
        if is_lost {
            world.kernel.overrun();
        }
        assert!(!is_set_up(&world));
        world.want(mac_key(1), at(1));
        world.rest();
        assert!(is_set_up(&world), "news was lost: {is_lost}");
        assert_eq!(world.status(mac_key(1)), Some(Status::Programmed));
    }
}
