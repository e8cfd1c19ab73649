//! Are the routes of others imported: do this node and its peers agree on route targets.

use api::v1;
use bgp::wire::RouteTarget;
use evpn::ImportTarget;

use super::count;
use crate::cli::doctor::facts::{Facts, Offer, Sample};
use crate::cli::doctor::finding::{Finding, Judged};

pub(super) fn judge(facts: &Facts) -> Judged {
    let evpn = facts.evpn_or_none()?;
    if evpn.offers.is_empty() {
        return Err(Finding::skipped("routes", "no EVPN route has come from anybody"));
    }
    let imports: Vec<Import<'_>> = evpn.vnis.iter().map(Import::of).collect();
    let findings: Vec<Finding> =
        evpn.offers.iter().filter_map(|(offer, sample)| of_offer(offer, sample, &imports)).collect();
    if !findings.is_empty() {
        return Ok(findings);
    }
    let routes: u64 = evpn.offers.values().map(|sample| sample.routes).sum();
    let taken = evpn.offers.iter().filter(|(offer, _)| imports.iter().any(|import| import.takes(offer)));
    let imported: u64 = taken.map(|(_, sample)| sample.routes).sum();
    let found = format!(
        "{imported} of {} imported, the others are for networks that are not here",
        count(routes as usize, "route")
    );
    Ok(vec![Finding::ok("routes", found)])
}

/// A network, and what it imports.
struct Import<'f> {
    vni: &'f v1::Vni,
    targets: Vec<ImportTarget>,
}

impl Import<'_> {
    fn of(vni: &v1::Vni) -> Import<'_> {
        Import { vni, targets: vni.import_rts.iter().filter_map(|target| target.parse().ok()).collect() }
    }

    fn takes(&self, offer: &Offer) -> bool {
        let mut targets = offer.targets.iter().filter_map(|target| target.parse::<RouteTarget>().ok());
        targets.any(|target| self.targets.iter().any(|import| import.takes(target)))
    }
}

/// What is odd about routes of one VTEP; `None` if nothing is.
fn of_offer(offer: &Offer, sample: &Sample, imports: &[Import<'_>]) -> Option<Finding> {
    let here = imports.iter().find(|import| Some(import.vni.vni) == offer.vni);
    let takers: Vec<&Import<'_>> = imports.iter().filter(|import| import.takes(offer)).collect();
    let subject = format!("{} by {}", offer.vtep, offer.neighbor);
    let explain = format!("linnet explain '{}'", sample.nlri);
    let routes = count(sample.routes as usize, "route");
    match (here, takers.as_slice()) {
        (Some(here), takers) if !takers.iter().any(|taker| taker.vni.vni == here.vni.vni) => {
            let vni = here.vni.vni;
            let (carried, imported) = (offer.targets.join(" and "), here.vni.import_rts.join(" and "));
            let found = match carried.is_empty() {
                true => format!("{routes} of VNI {vni} without any route target"),
                false => format!(
                    "{routes} of VNI {vni} with route target {carried}, and VNI {vni} here imports {imported}"
                ),
            };
            let meaning = format!(
                "This node and {} disagree on the route target of VNI {vni}: its hosts are not known here. Set \
                 import_rt here, or the export target there.",
                offer.vtep
            );
            Some(Finding::fail(&subject, found).means(meaning).next(explain))
        }
        (None, [taker, ..]) => {
            let label = offer.vni.map_or("no label".to_owned(), |vni| format!("the label {vni}"));
            let found = format!("{routes} with {label}, let into VNI {} by route target", taker.vni.vni);
            Some(
                Finding::warn(&subject, found)
                    .means("They are not used: this node sends only with its own VNI.")
                    .next(explain),
            )
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Verdict;
    use crate::cli::doctor::testing::*;

    /// With one route of this label and with these route targets.
    fn found(vni: u32, targets: &[&str]) -> (Verdict, String) {
        let finding = only(judge, |facts| {
            let offer = Offer {
                neighbor: "10.1.1.0".to_owned(),
                vtep: "10.0.0.2".to_owned(),
                vni: Some(vni),
                targets: targets.iter().map(|target| (*target).to_owned()).collect(),
            };
            evpn(facts).offers = [(offer, Sample { routes: 1, nlri: "[3]".to_owned() })].into();
        });
        (finding.verdict, finding.found)
    }

    #[test]
    fn what_the_network_imports() {
        let expected = "1 of 1 route imported, the others are for networks that are not here";
        assert_eq!(found(100, &["65000:100"]), (Verdict::Ok, expected.to_owned()));
        assert_eq!(found(100, &["1:1", "65001:100"]), (Verdict::Ok, expected.to_owned()));
    }

    #[test]
    fn a_network_that_is_not_here_is_nobodys_fault() {
        assert_eq!(found(300, &["65000:300"]).0, Verdict::Ok);
    }

    #[test]
    fn they_disagree() {
        let expected = "1 route of VNI 100 with route target 65000:999, and VNI 100 here imports *:100";
        assert_eq!(found(100, &["65000:999"]), (Verdict::Fail, expected.to_owned()));
        let expected = "1 route of VNI 100 without any route target";
        assert_eq!(found(100, &[]), (Verdict::Fail, expected.to_owned()));
        let expected = "1 route with the label 300, let into VNI 100 by route target";
        assert_eq!(found(300, &["65000:100"]), (Verdict::Warn, expected.to_owned()));
    }
}
