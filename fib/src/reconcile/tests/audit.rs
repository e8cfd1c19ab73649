//! Looking at the kernel without a cause.

use super::*;

/// What changes without a word is found and put right by looking.
#[test]
fn drift_is_found_by_looking() {
    let config = FibConfig { audit_interval: Some(Duration::from_secs(60)), ..FibConfig::default() };
    let mut world = World::with(FakeKernel::new(false), config);
    world.settle();
    world.want(mac_key(1), at(1));
    world.want(flood_key(1), Some(WantedValue::Flood));
    world.settle();
    let began = world.now;
    let ours = world.ours();
    ours.iter().for_each(|row| world.kernel.take(row));
    // Nobody hears of it.
    while world.kernel.poll_event().is_some() {}
    world.settle();
    assert_eq!(world.ours(), []);
    while world.ours() != ours {
        world.now = world.fib.poll_timeout().expect("an audit to come");
        assert!(world.now <= began + Duration::from_secs(61));
        world.settle();
    }
    assert_eq!(world.fib.counters().drifts, 2);
    let (ops, dumps) = (world.ops, world.fib.counters().dumps);
    for _ in 0..10 {
        world.now = world.fib.poll_timeout().expect("an audit to come");
        world.settle();
    }
    let looked = world.fib.counters().dumps - dumps;
    assert!(looked >= 9 * 3, "a piece is three dumps");
    assert_eq!((world.ops - ops) as u64, looked, "and nothing else was done");
    assert_eq!(world.fib.looks().audited, Some(world.now));
}

#[test]
fn an_audit_that_has_to_wait_wakes_nobody() {
    let config = FibConfig { audit_interval: Some(Duration::from_secs(60)), ..FibConfig::default() };
    let mut world = World::with(FakeKernel::new(false), config);
    world.settle();
    world.now = world.fib.poll_timeout().expect("an audit to come");
    world.want(mac_key(1), at(1));
    assert_eq!(world.act(1), 1);
    assert!(world.fib.poll_timeout().is_none_or(|due| due > world.now), "its answer is on its way");
    world.settle();
    assert_eq!(world.fib.looks().audited, Some(world.now));
}
