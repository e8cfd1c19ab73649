//! Whose a VXLAN device's row is, on the running kernel: ours carry a mark that the kernel keeps and nobody else writes.

use std::time::Duration;

use fib::{FibConfig, Status};

use super::lab::*;
use super::{AT_BRIDGE, AT_TUNNEL, FDB, MAC_50, with_host_50};

/// As FRR writes it.
const THEIRS: &str = "fdb add 02:00:00:00:00:50 dev vxlan100 dst 10.99.7.7 self extern_learn dynamic";
const THEIRS_AT_BRIDGE: &str = "fdb add 02:00:00:00:00:50 dev vxlan100 master extern_learn dynamic";
const REASON: &str = "another control plane has set the VXLAN device's row for it";

fn put_theirs() -> Vec<String> {
    run(&format!("bridge {THEIRS}"));
    run(&format!("bridge {THEIRS_AT_BRIDGE}"));
    let rows = lines(FDB, MAC_50);
    assert_eq!(rows.len(), 2, "{rows:?}");
    rows
}

fn take_theirs() {
    for half in ["self", "master"] {
        run(&format!("bridge fdb del {MAC_50} dev vxlan100 {half}"));
    }
}

/// They were there first, whoever wants what, and through restarts.
#[test]
fn another_control_planes_rows_survive_us() {
    in_namespace(|| {
        let theirs = put_theirs();
        for _ in 0..2 {
            let mut lab = Lab::start();
            lab.want(mac_key(mac(0x50)), at("10.99.1.1"));
            lab.until_status(mac_key(mac(0x50)), &Status::Conflict(REASON));
            lab.fib.release_stale();
            lab.want(mac_key(mac(0x50)), None);
            lab.settle();
            assert_eq!(lines(FDB, MAC_50), theirs);
            assert_eq!(lab.fib.rows().count(), 0);
            lab.stop();
        }
        let mut lab = Lab::start();
        lab.want(mac_key(mac(0x50)), at("10.99.1.1"));
        lab.until_status(mac_key(mac(0x50)), &Status::Conflict(REASON));
        take_theirs();
        lab.until_status(mac_key(mac(0x50)), &Status::Programmed);
        assert_eq!(lines(FDB, MAC_50), [AT_BRIDGE, AT_TUNNEL]);
        lab.stop();
    });
}

/// They come while we run: the kernel tells of them, and what is wanted later does not write over them.
#[test]
fn another_control_planes_rows_are_noticed() {
    in_namespace(|| {
        let mut lab = Lab::start();
        let theirs = put_theirs();
        // News comes in order: what was said before this is known when this is.
        lab.want(flood_key("10.99.1.1"), Some(evpn::dataplane::WantedValue::Flood));
        lab.settle();
        lab.want(mac_key(mac(0x50)), at("10.99.1.1"));
        lab.until_status(mac_key(mac(0x50)), &Status::Conflict(REASON));
        assert_eq!(lines(FDB, MAC_50), theirs);
        lab.stop();
    });
}

/// A flood list has one mark for all of it, which a user's destination takes away: what is whose is known until the next
/// start, and from then on nothing of it is deleted.
#[test]
fn a_flood_list_that_a_user_has_added_to_is_the_users() {
    in_namespace(|| {
        const FLOOD: &str = "00:00:00:00:00:00";
        let flood = Some(evpn::dataplane::WantedValue::Flood);
        let mut lab = Lab::start();
        for vtep in ["10.99.1.1", "10.99.1.2"] {
            lab.want(flood_key(vtep), flood);
        }
        lab.settle();
        run(&format!("bridge fdb append {FLOOD} dev vxlan100 dst 10.99.9.9 self permanent"));
        lab.want(flood_key("10.99.1.2"), None);
        lab.settle();
        let both = lines(FDB, FLOOD);
        assert_eq!(both.len(), 2, "{both:?}");
        lab.stop();
        let mut lab = Lab::start();
        lab.fib.release_stale();
        lab.settle();
        assert_eq!(lines(FDB, FLOOD), both);
        lab.stop();
    });
}

/// There is no conditional write of a control plane's row at a bridge: what an operator sets while ours is on its way
/// moves to the port that ours names. A kernel with which this fails would let docs/reliability.md promise more.
#[test]
fn the_kernel_puts_a_control_planes_row_in_an_operators_place() {
    in_namespace(|| {
        run(&format!("bridge fdb add {MAC_50} dev p0 master static sticky"));
        // `add` is exclusive.
        run(&format!("bridge fdb add {MAC_50} dev vxlan100 master extern_learn"));
        assert_eq!(
            lines(FDB, MAC_50),
            [format!("{MAC_50} dev vxlan100 extern_learn sticky master br100 static")]
        );
    });
}

/// Another control plane that writes over a row of ours changes where it leads, and what the kernel tells of it looks
/// like our own echo. Looking finds it.
#[test]
fn a_row_that_is_changed_without_a_word_is_put_right() {
    in_namespace(|| {
        with_host_50().stop();
        let config = FibConfig { audit_interval: Some(Duration::from_secs(1)), ..FibConfig::default() };
        let mut lab = Lab::with(config);
        lab.want(mac_key(mac(0x50)), at("10.99.1.1"));
        lab.settle();
        assert_eq!(lines(FDB, MAC_50), [AT_BRIDGE, AT_TUNNEL]);
        run(&format!("bridge fdb replace {MAC_50} dev vxlan100 dst 10.99.7.7 self extern_learn dynamic"));
        assert_eq!(lines(FDB, "10.99.7.7").len(), 1);
        let drifts = lab.fib.counters().drifts;
        lab.until("found", |lab| lab.fib.counters().drifts > drifts);
        lab.settle();
        assert_eq!(lines(FDB, MAC_50), [AT_BRIDGE, AT_TUNNEL]);
        lab.stop();
    });
}
