//! Has the kernel the rows that linnetd wants: forwarding rows, neighbours, flood lists. Without linnetd: do the rows
//! that a control plane has left agree with each other.

use std::collections::BTreeMap;

use api::v1;

use super::{count, some};
use crate::cli::doctor::facts::{Evpn, Facts};
use crate::cli::doctor::finding::{Finding, Judged};
use crate::cli::doctor::rows::{Difference, contradictions};

pub(super) fn judge(facts: &Facts) -> Judged {
    facts.kernel()?;
    match facts.daemon {
        Ok(_) => Ok(compared(facts, facts.evpn_or_none()?)),
        Err(_) => left(facts),
    }
}

fn compared(facts: &Facts, evpn: &Evpn) -> Vec<Finding> {
    let mut groups: BTreeMap<_, Vec<&Difference>> = BTreeMap::new();
    for difference in &facts.differences {
        let is_pending = difference.state == v1::KernelState::Pending;
        groups.entry((difference.vni, difference.kind, is_pending)).or_default().push(difference);
    }
    let mut findings: Vec<Finding> = groups
        .into_iter()
        .map(|((vni, kind, pending), group)| different(vni, kind, pending, &group))
        .collect();
    findings.extend(stale(evpn));
    if findings.is_empty() {
        let wanted = evpn.entries.iter().filter(|entry| !entry.wanted.is_empty()).count();
        findings.push(Finding::ok("kernel", format!("has {} that linnetd wants", all_of(wanted))));
    }
    findings
}

fn all_of(rows: usize) -> String {
    match rows {
        1 => "the one row".to_owned(),
        rows => format!("all {rows} rows"),
    }
}

fn different(vni: u32, kind: v1::FibKind, pending: bool, group: &[&Difference]) -> Finding {
    let (word, meaning) = match kind {
        v1::FibKind::Flood => ("VTEP", "Broadcasts do not reach the hosts behind it."),
        v1::FibKind::Mac => ("MAC", "Frames for it are flooded, or go where it is not."),
        _ => ("neighbor", "ARP or ND for it is flooded, and not answered here."),
    };
    let texts: Vec<String> = group.iter().map(|difference| difference.text()).collect();
    let found = format!("{} not as wanted: {}", count(group.len(), word), some(&texts));
    let subject = format!("VNI {vni}");
    let finding = if pending { Finding::warn(&subject, found) } else { Finding::fail(&subject, found) };
    finding.means(meaning).next(format!("linnet fib diff --vni {vni}"))
}

impl Difference {
    fn text(&self) -> String {
        match self.said.is_empty() {
            true => format!("{} {}", self.key, self.what),
            false => format!("{} {} ({})", self.key, self.what, self.said),
        }
    }
}

/// Rows that nobody wants any more.
fn stale(evpn: &Evpn) -> Option<Finding> {
    let left = evpn.entries.iter().filter(|entry| entry.wanted.is_empty() && !entry.seen.is_empty());
    let keys: Vec<String> = left.map(|entry| entry.key.clone()).collect();
    (!keys.is_empty()).then(|| {
        let found = format!("{} that nothing stands behind: {}", count(keys.len(), "row"), some(&keys));
        Finding::warn("kernel", found)
            .means("They go when every neighbor has sent all it has, or soon after the start.")
            .next("linnet fib diff")
    })
}

fn left(facts: &Facts) -> Judged {
    let tables = &facts.kernel()?.tables;
    let mut findings = Vec::new();
    for network in facts.networks_or_none()? {
        let Some((vxlan, _)) = network.vxlan else { continue };
        let odd = contradictions(&network, tables);
        let subject = format!("VNI {}", network.vni);
        if odd.is_empty() {
            let rows = tables.fdb.iter().filter(|row| row.device == vxlan.index && row.external).count();
            let found = format!(
                "{} agree with each other; linnetd cannot be asked what it wants",
                count(rows, "row")
            );
            findings.push(Finding::ok(&subject, found));
            continue;
        }
        findings.push(
            Finding::fail(&subject, format!("rows contradict each other: {}", some(&odd)))
                .means("Somebody has changed what linnetd wrote: frames are flooded or dropped. linnetd puts it right when it is back.")
                .next(format!("bridge fdb show dev {}", vxlan.name)),
        );
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::facts::Absence;
    use crate::cli::doctor::finding::Verdict;
    use crate::cli::doctor::rows::differences;
    use crate::cli::doctor::testing::*;

    /// What is found after a change, as if the kernel had been like that twice.
    fn found(change: impl FnOnce(&mut Facts)) -> (Verdict, String) {
        let finding = only(judge, |facts| {
            change(facts);
            let entries = facts.evpn().map(|evpn| evpn.entries.clone()).unwrap_or_default();
            facts.differences =
                differences(&entries, &facts.networks(), &facts.kernel.as_ref().unwrap().tables);
        });
        (finding.verdict, finding.found)
    }

    /// Takes a row away by its place in the table.
    fn without_row(place: usize) -> impl Fn(&mut Facts) {
        move |facts| {
            facts.kernel.as_mut().unwrap().tables.fdb.remove(place);
        }
    }

    #[test]
    fn the_kernel_has_what_is_wanted() {
        assert_eq!(found(|_| ()), (Verdict::Ok, "has all 3 rows that linnetd wants".to_owned()));
    }

    #[test]
    fn a_row_that_is_missing() {
        let fail = |text: &str| (Verdict::Fail, text.to_owned());
        let flood = "1 VTEP not as wanted: 10.0.0.2 is not in the flood list";
        assert_eq!(found(without_row(0)), fail(flood));
        let tunnel = "1 MAC not as wanted: 02:00:00:00:00:21 has no row of the VXLAN device to 10.0.0.2";
        assert_eq!(found(without_row(1)), fail(tunnel));
        let bridge = "1 MAC not as wanted: 02:00:00:00:00:21 has no row of the bridge";
        assert_eq!(found(without_row(2)), fail(bridge));
        let neighbor = "1 neighbor not as wanted: 192.168.1.21 is no neighbor with 02:00:00:00:00:21";
        assert_eq!(found(|facts| facts.kernel.as_mut().unwrap().tables.neighbors.clear()), fail(neighbor));
    }

    #[test]
    fn linnetd_knows_why() {
        let (verdict, text) = found(|facts| {
            let entry = &mut evpn(facts).entries[1];
            entry.state = v1::KernelState::Conflict.into();
            entry.reason = "a row of the operator's".to_owned();
        });
        assert_eq!(verdict, Verdict::Fail);
        let expected = "1 MAC not as wanted: 02:00:00:00:00:21 is not as wanted (a row of the operator's)";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_on_its_way_is_not_wrong_yet() {
        let (verdict, _) = found(|facts| evpn(facts).entries[1].state = v1::KernelState::Pending.into());
        assert_eq!(verdict, Verdict::Warn);
    }

    #[test]
    fn without_linnetd_the_rows_are_compared_with_each_other() {
        let gone = |facts: &mut Facts| {
            facts.daemon = Err(Absence { why: "linnetd is not running".to_owned(), denied: false });
        };
        let expected = "3 rows agree with each other; linnetd cannot be asked what it wants";
        assert_eq!(found(gone), (Verdict::Ok, expected.to_owned()));
        for (place, expected) in [
            (0, "10.0.0.2 is not in the flood list"),
            (
                1,
                "02:00:00:00:00:21 has no row of the VXLAN device, 192.168.1.21 is a neighbor whose MAC has no row",
            ),
            (2, "02:00:00:00:00:21 has no row of the bridge"),
        ] {
            let found = found(|facts| {
                gone(facts);
                without_row(place)(facts);
            });
            assert_eq!(found, (Verdict::Fail, format!("rows contradict each other: {expected}")));
        }
    }
}
