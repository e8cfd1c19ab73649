//! Has the kernel the routes of native mode.

use std::collections::{BTreeMap, HashSet};

use api::{Word, v1};
use ipnet::IpNet;

use super::{count, some};
use crate::cli::doctor::facts::Facts;
use crate::cli::doctor::finding::{Finding, Judged};

pub(super) fn judge(facts: &Facts) -> Judged {
    let kernel = facts.kernel()?;
    let none = || Finding::ok("native", "native routing is not configured");
    let routes = facts.daemon()?.routes.as_ref().ok_or_else(none)?;
    let protocol = facts.settings.protocol();
    let ours = kernel.routes.iter().filter(|route| route.protocol == protocol);
    let seen: HashSet<(IpNet, u32)> = ours.map(|route| (route.prefix, route.table)).collect();
    let is_seen = |route: &v1::Route| {
        route.prefix.parse().is_ok_and(|prefix: IpNet| seen.contains(&(prefix, route.table)))
    };
    let mut groups: BTreeMap<(i32, &str), Vec<String>> = BTreeMap::new();
    let mut lost = Vec::new();
    for route in routes {
        match route.state() {
            v1::KernelState::Programmed if is_seen(route) => {}
            v1::KernelState::Programmed => lost.push(route.prefix.clone()),
            _ => groups.entry((route.state, &route.reason)).or_default().push(route.prefix.clone()),
        }
    }
    let mut findings: Vec<Finding> =
        groups.iter().map(|((state, reason), prefixes)| of_group(*state, reason, prefixes)).collect();
    if !lost.is_empty() {
        let found = format!(
            "{} that linnetd has written: the kernel has not {}",
            count(lost.len(), "route"),
            some(&lost)
        );
        findings.push(
            Finding::fail("kernel", found).means("Packets to them are lost.").next("linnet route diff"),
        );
    }
    if findings.is_empty() {
        findings.push(Finding::ok("kernel", format!("has {}", count(routes.len(), "route"))));
    }
    Ok(findings)
}

fn of_group(state: i32, reason: &str, prefixes: &[String]) -> Finding {
    let routes = count(prefixes.len(), "route");
    let because = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    let found = format!("{routes} {}{because}: {}", v1::KernelState::word(state), some(prefixes));
    let finding = match v1::KernelState::try_from(state) {
        Ok(v1::KernelState::Pending | v1::KernelState::Refused) => Finding::warn("routes", found),
        _ => Finding::fail("routes", found).means("Packets to them do not take the way that BGP has found."),
    };
    finding.next("linnet route diff")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::facts::kernel::Route;
    use crate::cli::doctor::finding::Verdict;
    use crate::cli::doctor::testing::*;

    const PREFIX: &str = "10.244.1.0/24";

    fn found(state: v1::KernelState, reason: &str, in_kernel: bool) -> (Verdict, String) {
        let finding = only(judge, |facts| {
            let (prefix, reason) = (PREFIX.to_owned(), reason.to_owned());
            let route = v1::Route { prefix, reason, state: state.into(), table: 254, ..v1::Route::default() };
            facts.daemon.as_mut().unwrap().routes = Some(vec![route]);
            let route = Route { prefix: PREFIX.parse().unwrap(), table: 254, protocol: 108 };
            facts.kernel.as_mut().unwrap().routes.extend(in_kernel.then_some(route));
        });
        (finding.verdict, finding.found)
    }

    #[test]
    fn what_the_kernel_has_of_the_routes() {
        use v1::KernelState::{Pending, Programmed, Unreachable};
        assert_eq!(found(Programmed, "", true), (Verdict::Ok, "has 1 route".to_owned()));
        let lost = "1 route that linnetd has written: the kernel has not 10.244.1.0/24";
        assert_eq!(found(Programmed, "", false), (Verdict::Fail, lost.to_owned()));
        let way = "1 route unreachable (no way to 10.0.0.2): 10.244.1.0/24";
        assert_eq!(found(Unreachable, "no way to 10.0.0.2", false), (Verdict::Fail, way.to_owned()));
        assert_eq!(found(Pending, "", false).0, Verdict::Warn);
    }

    #[test]
    fn without_native_mode_nothing_is_wrong() {
        assert_eq!(only(judge, |_| ()).found, "native routing is not configured");
    }
}
