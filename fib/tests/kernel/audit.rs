//! Routes of ours that are gone from the running kernel, and of which no news arrived.

use std::time::Duration;

use fib::RoutesConfig;
use fib::routes::RouteStatus;

use crate::lab::{lines, run};
use crate::route_lab::*;

#[test]
fn a_route_that_went_unheard_is_found_by_looking() {
    with_devices(|| {
        let audit_interval = Some(Duration::from_secs(4));
        let mut lab = RouteLab::with(RoutesConfig { audit_interval, ..config() });
        let cases = [("10.9.0.0/24", "10.1.0.2", "ip"), ("fd09::/64", "fd01::2", "ip -6")];
        for (prefix, hop, _) in cases {
            lab.want(prefix, via(&[hop]));
            lab.until_status(prefix, &RouteStatus::Programmed);
        }
        lab.deaf = true;
        for (prefix, _, ip) in cases {
            let there = lines(&format!("{ip} route"), prefix);
            assert_eq!(there.len(), 1);
            run(&format!("{ip} route del {prefix} proto 108"));
            let drifts = lab.routes.counters().drifts;
            assert_eq!(lab.status(prefix), Some(RouteStatus::Programmed), "nobody has heard of it");
            lab.until("put back", |_| lines(&format!("{ip} route"), prefix) == there);
            assert_eq!(lab.routes.counters().drifts, drifts + 1);
        }
        lab.stop();
    });
}
