//! Can each VTEP be reached, and each neighbour that there is no session with.

use crate::cli::doctor::facts::kernel::{Kernel, Lookup, Neighbor};
use crate::cli::doctor::facts::{Answer, Facts, Way};
use crate::cli::doctor::finding::{Finding, Judged};

pub(super) fn judge(facts: &Facts) -> Judged {
    let kernel = facts.kernel()?;
    if facts.ways.is_empty() {
        return Err(Finding::skipped("underlay", "no remote VTEP is known, and no neighbor is down"));
    }
    let bridges: Vec<u32> =
        facts.networks().iter().filter_map(|network| network.bridge).map(|bridge| bridge.index).collect();
    Ok(facts.ways.iter().map(|way| of_way(way, kernel, &bridges)).collect())
}

fn of_way(way: &Way, kernel: &Kernel, bridges: &[u32]) -> Finding {
    let meaning = match way.udp_port {
        Some(_) => "Frames for hosts behind it are lost.",
        None => "There can be no session with it.",
    };
    let route = match &way.route {
        Ok(route) => route,
        Err(words) => {
            return Finding::fail(&way.to, format!("no route: {words}")).means(meaning).next(route_get(way));
        }
    };
    let device = kernel.name(route.device);
    let wrong = if route.local {
        Some("its address is this node's own".to_owned())
    } else if bridges.contains(&route.device) {
        Some(format!("its route leads into {device}, the overlay that it is to carry"))
    } else if kernel.devices.get(&route.device).is_some_and(|device| !device.up || !device.carrier) {
        Some(format!("its route leads by {device}, which is down"))
    } else {
        None
    };
    match wrong {
        Some(found) => Finding::fail(&way.to, found).means(meaning).next(route_get(way)),
        None => of_echo(way, route, kernel, meaning),
    }
}

fn of_echo(way: &Way, route: &Lookup, kernel: &Kernel, meaning: &str) -> Finding {
    let device = kernel.name(route.device);
    let next_hop = route.gateway.unwrap_or(way.to);
    let is_next_hop = |row: &Neighbor| row.ip == next_hop && row.device == route.device;
    let is_silent = kernel.tables.neighbors.iter().any(|row| is_next_hop(row) && row.silent);
    match &way.echo {
        Answer::Reached => Finding::ok(&way.to, format!("answers, by {device}")),
        Answer::Silence | Answer::Refused { .. } if is_silent => {
            let found = format!("the next hop {next_hop} on {device} does not answer ARP or ND");
            Finding::fail(&way.to, found)
                .means(meaning)
                .next(format!("ip neigh show {next_hop} dev {device}"))
        }
        Answer::Refused { words, .. } => {
            Finding::fail(&way.to, format!("a packet to it was refused: {words}"))
                .means(meaning)
                .next(route_get(way))
        }
        Answer::Silence => Finding::warn(&way.to, format!("has a route by {device}, but answers no echo"))
            .means(format!("It is not there, the way back is missing, or echo is filtered. {meaning}"))
            .next(format!("traceroute {}", way.to)),
        Answer::Unasked(why) => {
            Finding::skipped(&way.to, format!("has a route by {device}; no echo was sent: {why}"))
        }
    }
}

fn route_get(way: &Way) -> String {
    let from = way.from.map(|from| format!(" from {from}")).unwrap_or_default();
    format!("ip route get {}{from}", way.to)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;
    use crate::cli::doctor::finding::Verdict;
    use crate::cli::doctor::testing::*;

    /// What is found of the way to the other leaf.
    fn found(change: impl FnOnce(&mut Facts)) -> (Verdict, String) {
        let finding = only(judge, change);
        assert_eq!(finding.subject, "10.0.0.2");
        (finding.verdict, finding.found)
    }

    fn way(facts: &mut Facts) -> &mut Way {
        &mut facts.ways[0]
    }

    #[test]
    fn a_vtep_that_answers() {
        assert_eq!(found(|_| ()), (Verdict::Ok, "answers, by eth1".to_owned()));
    }

    #[test]
    fn a_vtep_that_cannot_be_reached() {
        let refused =
            || Answer::Refused { kind: ErrorKind::HostUnreachable, words: "No route to host".to_owned() };
        let cases: [(&str, Change<'_>); 6] = [
            ("no route: Network is unreachable", &|facts| {
                way(facts).route = Err("Network is unreachable".into());
            }),
            ("its address is this node's own", &|facts| way(facts).route.as_mut().unwrap().local = true),
            ("its route leads into br100, the overlay that it is to carry", &|facts| {
                way(facts).route.as_mut().unwrap().device = BRIDGE;
            }),
            ("its route leads by eth1, which is down", &|facts| device(facts, UPLINK).carrier = false),
            ("the next hop 10.1.1.0 on eth1 does not answer ARP or ND", &|facts| {
                way(facts).echo = Answer::Silence;
                neighbor(facts, "10.1.1.0").silent = true;
            }),
            ("a packet to it was refused: No route to host", &|facts| way(facts).echo = refused()),
        ];
        for (expected, change) in cases {
            assert_eq!(found(change), (Verdict::Fail, expected.to_owned()));
        }
    }

    #[test]
    fn silence_alone_may_be_a_filter() {
        let (verdict, _) = found(|facts| way(facts).echo = Answer::Silence);
        assert_eq!(verdict, Verdict::Warn);
        let (verdict, _) = found(|facts| way(facts).echo = Answer::Unasked("not allowed".into()));
        assert_eq!(verdict, Verdict::Skipped);
    }
}
