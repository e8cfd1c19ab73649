//! The driver and the reconciler against the running kernel.

mod lab;

use bgp::types::Vni;
use evpn::dataplane::{Observation, WantedValue};
use fib::op::Action;
use fib::{FibConfig, ManagedVni, Status};
use lab::*;

const FDB: &str = "bridge fdb show";
const NEIGH: &str = "ip neigh show nud all";

/// A remote host, as FRR puts it into the kernel, but for the marks: ours are firm and external all over.
#[test]
fn golden_rows() {
    in_namespace(|| {
        let mut lab = Lab::start();
        lab.want(mac_key(mac(0x50)), at("10.99.1.1"));
        lab.want(flood_key("10.99.1.1"), Some(WantedValue::Flood));
        lab.want(neighbor_key("192.168.100.50"), neighbor(mac(0x50)));
        lab.want(neighbor_key("fd00::50"), Some(WantedValue::Neighbor { mac: mac(0x50), router: true }));
        lab.settle();
        assert_eq!(
            lines(FDB, "02:00:00:00:00:50"),
            [
                "02:00:00:00:00:50 dev vxlan100 extern_learn master br100",
                "02:00:00:00:00:50 dev vxlan100 dst 10.99.1.1 self extern_learn permanent",
            ]
        );
        assert_eq!(
            lines(FDB, "00:00:00:00:00:00"),
            ["00:00:00:00:00:00 dev vxlan100 dst 10.99.1.1 self extern_learn permanent"]
        );
        assert_eq!(
            lines(NEIGH, "02:00:00:00:00:50"),
            [
                "192.168.100.50 dev br100 lladdr 02:00:00:00:00:50 extern_learn NOARP proto 108",
                "fd00::50 dev br100 lladdr 02:00:00:00:00:50 router extern_learn NOARP proto 108",
            ]
        );
        assert_eq!(lab.fib.diff().collect::<Vec<_>>(), []);
        for key in [
            mac_key(mac(0x50)),
            flood_key("10.99.1.1"),
            neighbor_key("192.168.100.50"),
            neighbor_key("fd00::50"),
        ] {
            lab.want(key, None);
        }
        lab.settle();
        assert_eq!(lines(FDB, "10.99.1.1").len() + lines(NEIGH, "02:00:00:00:00:50").len(), 0);
        assert_eq!(lab.fib.rows().count(), 0);
        assert_eq!(lab.fib.counters().failures, 0);
        lab.stop();
    });
}
