//! Does somebody refuse VXLAN's UDP port: the VTEP, a firewall on the way, or this node.

use std::io::ErrorKind;

use crate::cli::doctor::facts::{Answer, Facts, Way};
use crate::cli::doctor::finding::{Finding, Judged};

pub(super) fn judge(facts: &Facts) -> Judged {
    let vteps = facts.ways.iter().filter_map(|way| Some((way, way.udp_port?)));
    let findings: Vec<Finding> = vteps.filter_map(|(way, port)| of_way(way, port)).collect();
    if findings.is_empty() {
        facts.networks_or_none()?;
        return Err(Finding::skipped("udp", "no VTEP is known that could be asked"));
    }
    Ok(findings)
}

/// `None` where the way itself is at fault.
fn of_way(way: &Way, port: u16) -> Option<Finding> {
    let refused = |found: String, next: String| {
        Some(Finding::fail(&way.to, found).means("Frames for hosts behind it are lost.").next(next))
    };
    match &way.knock {
        Answer::Refused { kind: ErrorKind::ConnectionRefused, .. } => refused(
            format!("nobody listens on UDP port {port} there"),
            format!("on {}: ip -d link show type vxlan", way.to),
        ),
        Answer::Refused { kind: ErrorKind::PermissionDenied, .. } => refused(
            format!("a firewall of this node does not let UDP port {port} out"),
            "nft list ruleset".to_owned(),
        ),
        Answer::Refused { words, .. } if way.echo == Answer::Reached => refused(
            format!("somebody on the way refuses UDP port {port}: {words}"),
            format!("traceroute -U -p {port} {}", way.to),
        ),
        // An open port says nothing; a firewall that drops says nothing either.
        Answer::Silence | Answer::Reached if way.echo == Answer::Reached => {
            Some(Finding::ok(&way.to, format!("UDP port {port} is not refused")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Verdict;
    use crate::cli::doctor::testing::*;

    #[test]
    fn who_refuses_the_port() {
        for (kind, expected) in [
            (ErrorKind::ConnectionRefused, "nobody listens on UDP port 4789 there"),
            (ErrorKind::PermissionDenied, "a firewall of this node does not let UDP port 4789 out"),
            (ErrorKind::HostUnreachable, "somebody on the way refuses UDP port 4789: No"),
        ] {
            let knock = Answer::Refused { kind, words: "No".to_owned() };
            let finding = only(judge, |facts| facts.ways[0].knock = knock);
            assert_eq!((finding.verdict, finding.found.as_str()), (Verdict::Fail, expected));
        }
        assert_eq!(only(judge, |_| ()).verdict, Verdict::Ok);
    }
}
