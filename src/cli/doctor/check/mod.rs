//! The checks: what each is called, and the pure function that judges the facts. In an order in which a cause stands
//! before what follows from it.

mod bridge_port;
mod duplicates;
mod firewall;
mod forwarding;
mod hosts;
mod linnetd;
mod mtu;
mod pmsi;
mod protocol_id;
mod route_targets;
mod routes;
mod rows;
mod rp_filter;
mod sessions;
mod tunnel;
mod udp_port;
mod underlay;
mod vxlan;

use super::facts::Facts;
use super::finding::Judged;

/// One point of the list.
#[derive(Debug)]
pub(super) struct Check {
    /// What it is called in the output.
    pub(super) name: &'static str,
    /// What is found out. It looks at nothing but the facts.
    pub(super) judge: fn(&Facts) -> Judged,
}

const fn check(name: &'static str, judge: fn(&Facts) -> Judged) -> Check {
    Check { name, judge }
}

/// All of them.
pub(super) const CHECKS: &[Check] = &[
    check("linnetd", linnetd::judge),
    check("underlay", underlay::judge),
    check("sessions", sessions::judge),
    check("vxlan", vxlan::judge),
    check("bridge_port", bridge_port::judge),
    check("udp_port", udp_port::judge),
    check("firewall", firewall::judge),
    check("mtu", mtu::judge),
    check("route_targets", route_targets::judge),
    check("pmsi", pmsi::judge),
    check("rows", rows::judge),
    check("duplicates", duplicates::judge),
    check("hosts", hosts::judge),
    check("rp_filter", rp_filter::judge),
    check("forwarding", forwarding::judge),
    check("tunnel", tunnel::judge),
    check("routes", routes::judge),
    check("protocol_id", protocol_id::judge),
];

/// Some of many, with how many there are besides.
fn some(all: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = all.get(..SHOWN).unwrap_or(all).join(", ");
    match all.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// `1 route`, `2 routes`
fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
