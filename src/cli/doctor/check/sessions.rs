//! Is there a session with each neighbour, with the families that were configured, and does it bring routes.

use api::v1;

use crate::cli::doctor::facts::{Daemon, Facts, is_established};
use crate::cli::doctor::finding::{Finding, Judged};

const EVPN: &str = "l2vpn-evpn";

pub(super) fn judge(facts: &Facts) -> Judged {
    let daemon = facts.daemon()?;
    let mut findings: Vec<Finding> = daemon.neighbors.iter().flat_map(of_neighbor).collect();
    findings.extend(no_evpn(daemon));
    match findings.is_empty() {
        true => Err(Finding::skipped("neighbors", "there are none")),
        false => Ok(findings),
    }
}

/// EVPN without anybody to speak it with.
fn no_evpn(daemon: &Daemon) -> Option<Finding> {
    let mut families = daemon.neighbors.iter().flat_map(|neighbor| &neighbor.families);
    let speaks = families.any(|family| family.family == EVPN);
    // Those of a range are not there before they come.
    let may_come = !daemon.status.dynamic_ranges.is_empty();
    (daemon.evpn.is_some() && !speaks && !may_come).then(|| {
        Finding::fail("evpn", "no neighbor has the family l2vpn-evpn")
            .means("Nobody hears of the hosts here, and nothing is heard of others.")
            .next("linnet config show")
    })
}

fn of_neighbor(neighbor: &v1::Neighbor) -> Vec<Finding> {
    let show = format!("linnet neighbor {}", neighbor.address);
    if !is_established(neighbor) {
        return vec![down(neighbor, show)];
    }
    let mut findings: Vec<Finding> =
        neighbor.families.iter().filter_map(|family| of_family(neighbor, family, &show)).collect();
    findings.extend(rejected(neighbor, &show));
    if neighbor.faults_withdrawn > 0 {
        let found = format!("{} of its UPDATEs were malformed and cost routes", neighbor.faults_withdrawn);
        findings.push(
            Finding::warn(&neighbor.address, found)
                .means("Those routes count as withdrawn (RFC 7606).")
                .next(&show),
        );
    }
    if findings.is_empty() {
        findings.push(healthy(neighbor));
    }
    findings
}

fn down(neighbor: &v1::Neighbor, show: String) -> Finding {
    if neighbor.admin_state() == v1::AdminState::Shutdown {
        return Finding::warn(&neighbor.address, "is shut down by an operator")
            .next(format!("linnet neighbor {} enable", neighbor.address));
    }
    let why = match (neighbor.last_error.as_str(), neighbor.last_error_by()) {
        ("", _) => String::new(),
        (error, v1::EndedBy::Remote) => format!(": the neighbor said: {error}"),
        (error, _) => format!(": {error}"),
    };
    Finding::fail(&neighbor.address, format!("no session{why}"))
        .means("Its routes are not there, and it has none of this node's.")
        .next(show)
}

fn of_family(neighbor: &v1::Neighbor, family: &v1::NeighborFamily, show: &str) -> Option<Finding> {
    let name = &family.family;
    let (found, meaning) = if !family.negotiated {
        (
            format!("{name} is configured here, and it does not offer that"),
            "No route of that family is exchanged.",
        )
    } else if family.max_prefix_state() == v1::LimitState::Exceeded {
        (format!("it sends more {name} routes than max_prefix allows"), "Routes are missing.")
    } else if !family.end_of_rib_received && family.accepted == 0 {
        (
            format!("it has sent no {name} route and no End-of-RIB"),
            "It may be starting, or have nothing to say.",
        )
    } else {
        return None;
    };
    let finding = match family.negotiated {
        true => Finding::warn(&neighbor.address, found),
        false => Finding::fail(&neighbor.address, found),
    };
    Some(finding.means(meaning).next(show))
}

/// Routes that were refused, and no route of it that is used: somebody has forgotten something.
fn rejected(neighbor: &v1::Neighbor, show: &str) -> Option<Finding> {
    let accepted: u64 = neighbor.families.iter().map(|family| family.accepted).sum();
    let most = neighbor.rejected.iter().max_by_key(|rejected| rejected.routes)?;
    if accepted > 0 || most.routes == 0 {
        return None;
    }
    let found = format!("none of its routes is taken: {} were refused for {}", most.routes, most.reason);
    let meaning = match most.reason.as_str() {
        "no-policy" => "An external neighbor needs an import policy, or bgp.ebgp_default: accept (RFC 8212).",
        "as-loop" => "This AS is in their paths: the nodes behind it have the same AS.",
        _ => "Nothing is learnt from it.",
    };
    Some(Finding::fail(&neighbor.address, found).means(meaning).next(show))
}

fn healthy(neighbor: &v1::Neighbor) -> Finding {
    let family = |family: &v1::NeighborFamily| format!("{} {}", family.accepted, family.family);
    let routes: Vec<String> = neighbor.families.iter().map(family).collect();
    Finding::ok(&neighbor.address, format!("established, routes: {}", routes.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Verdict;
    use crate::cli::doctor::testing::*;

    fn found(change: impl FnOnce(&mut v1::Neighbor)) -> (Verdict, String) {
        let finding = only(judge, |facts| change(&mut facts.daemon.as_mut().unwrap().neighbors[0]));
        (finding.verdict, finding.found)
    }

    #[test]
    fn a_session_that_is_up() {
        assert_eq!(found(|_| ()), (Verdict::Ok, "established, routes: 4 l2vpn-evpn".to_owned()));
    }

    #[test]
    fn a_session_that_is_not() {
        let fail = |found: &str| (Verdict::Fail, found.to_owned());
        let down = |error: &'static str, by: v1::EndedBy| {
            found(move |neighbor| {
                neighbor.state = v1::NeighborState::Active.into();
                (neighbor.last_error, neighbor.last_error_by) = (error.to_owned(), by.into());
            })
        };
        assert_eq!(down("", v1::EndedBy::Unspecified), fail("no session"));
        assert_eq!(down("hold timer expired", v1::EndedBy::Local), fail("no session: hold timer expired"));
        assert_eq!(down("bad AS", v1::EndedBy::Remote), fail("no session: the neighbor said: bad AS"));
        let shut = found(|neighbor| {
            neighbor.state = v1::NeighborState::Idle.into();
            neighbor.admin_state = v1::AdminState::Shutdown.into();
        });
        assert_eq!(shut, (Verdict::Warn, "is shut down by an operator".to_owned()));
    }

    #[test]
    fn a_family_that_the_neighbour_does_not_speak() {
        let (verdict, text) = found(|neighbor| neighbor.families[0].negotiated = false);
        assert_eq!(verdict, Verdict::Fail);
        assert_eq!(text, "l2vpn-evpn is configured here, and it does not offer that");
    }

    #[test]
    fn routes_that_nobody_lets_in() {
        let refused = v1::RejectedRoutes { reason: "no-policy".to_owned(), routes: 7 };
        let (verdict, text) = found(|neighbor| {
            (neighbor.families[0].accepted, neighbor.rejected) = (0, vec![refused]);
        });
        assert_eq!(verdict, Verdict::Fail);
        assert_eq!(text, "none of its routes is taken: 7 were refused for no-policy");
    }

    #[test]
    fn evpn_with_nobody() {
        let finding = only(judge, |facts| facts.daemon.as_mut().unwrap().neighbors.clear());
        assert_eq!(finding.found, "no neighbor has the family l2vpn-evpn");
    }
}
