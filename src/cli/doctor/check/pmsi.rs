//! Do the type 3 routes of others say clearly where flooded frames are to go.

use api::v1;

use super::count;
use crate::cli::doctor::facts::Facts;
use crate::cli::doctor::finding::{Finding, Judged};

/// The tunnel type that linnetd, like most, floods by (RFC 8365 section 5.1.3).
const REPLICATION: &str = "ingress-replication";

pub(super) fn judge(facts: &Facts) -> Judged {
    let evpn = facts.evpn_or_none()?;
    if evpn.floods.is_empty() {
        return Err(Finding::skipped("routes", "no type 3 route has come from anybody"));
    }
    let findings: Vec<Finding> = evpn.floods.iter().filter_map(of_route).collect();
    match findings.is_empty() {
        true => {
            let routes = count(evpn.floods.len(), "type 3 route");
            Ok(vec![Finding::ok("routes", format!("{routes}, each with its originator as the endpoint"))])
        }
        false => Ok(findings),
    }
}

fn of_route(path: &v1::Path) -> Option<Finding> {
    let subject = format!("{} by {}", path.ip, path.neighbor);
    let explain = format!("linnet explain '{}'", path.nlri);
    let Some(pmsi) = &path.pmsi else {
        return Some(
            Finding::warn(&subject, "its type 3 route has no PMSI tunnel attribute")
                .means("Nothing is flooded to it: broadcasts, ARP for unknown hosts among them.")
                .next(explain),
        );
    };
    if pmsi.r#type != REPLICATION {
        return Some(
            Finding::warn(&subject, format!("it asks for flooding by {}", pmsi.r#type))
                .means("linnetd floods by ingress replication only, and so not to it.")
                .next(explain),
        );
    }
    (!pmsi.endpoint.is_empty() && pmsi.endpoint != path.ip).then(|| {
        let found = format!("its originator is {}, its PMSI endpoint {}", path.ip, pmsi.endpoint);
        Finding::warn(&subject, found)
            .means(
                "Speakers do not agree which of them flooded frames go to: linnetd and FRR take the originator, BIRD \
                 the endpoint. Only one of them may be a VTEP.",
            )
            .next(explain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Verdict;
    use crate::cli::doctor::testing::*;

    fn found(change: impl FnOnce(&mut v1::Path)) -> (Verdict, String) {
        let finding = only(judge, |facts| change(&mut evpn(facts).floods[0]));
        (finding.verdict, finding.found)
    }

    #[test]
    fn where_flooded_frames_go() {
        let warn = |text: &str| (Verdict::Warn, text.to_owned());
        assert_eq!(found(|_| ()).0, Verdict::Ok);
        assert_eq!(found(|path| path.pmsi = None), warn("its type 3 route has no PMSI tunnel attribute"));
        let other = found(|path| path.pmsi.as_mut().unwrap().endpoint = "10.0.0.9".to_owned());
        assert_eq!(other, warn("its originator is 10.0.0.2, its PMSI endpoint 10.0.0.9"));
        let tree = found(|path| path.pmsi.as_mut().unwrap().r#type = "pim-sm".to_owned());
        assert_eq!(tree, warn("it asks for flooding by pim-sm"));
    }
}
