//! May packets come back by another way than they went.

use std::collections::BTreeSet;

use crate::cli::doctor::facts::Facts;
use crate::cli::doctor::finding::{Finding, Judged};

/// The setting that drops a packet which comes by another device than one to its sender would take (RFC 3704, strict).
const STRICT: u32 = 1;

pub(super) fn judge(facts: &Facts) -> Judged {
    let kernel = facts.kernel()?;
    let ipv4 = facts.ways.iter().filter(|way| way.to.is_ipv4());
    let routes = ipv4.filter_map(|way| way.route.as_ref().ok()).filter(|route| !route.local);
    let uplinks: BTreeSet<&str> = routes.map(|route| kernel.name(route.device)).collect();
    if uplinks.is_empty() {
        return Err(Finding::skipped("uplinks", "no way to a VTEP is known"));
    }
    let filter = &kernel.switches.rp_filter;
    let is_strict = |uplink: &&str| filter.get(*uplink).is_some_and(|value| *value == STRICT);
    let strict: Vec<&str> = uplinks.iter().copied().filter(is_strict).collect();
    let all = uplinks.iter().copied().collect::<Vec<_>>().join(", ");
    Ok(vec![match (strict.as_slice(), uplinks.len()) {
        ([], _) => Finding::ok(&all, "not strict"),
        // With a single way in and out nothing comes by another one.
        (_, 1) => Finding::ok(&all, "strict, which is right as long as it is the only uplink"),
        (strict, _) => Finding::warn(
            &strict.join(", "),
            "rp_filter is strict, and there are several uplinks",
        )
        .means("Packets that come by one uplink and would be answered by another are dropped without a word.")
        .next("sysctl -w net.ipv4.conf.all.rp_filter=2"),
    }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Verdict;
    use crate::cli::doctor::testing::*;

    fn strict(facts: &mut Facts) {
        let filter = &mut facts.kernel.as_mut().unwrap().switches.rp_filter;
        filter.insert("eth1".to_owned(), STRICT);
    }

    #[test]
    fn strict_with_several_uplinks() {
        assert_eq!(only(judge, |_| ()).found, "not strict");
        assert_eq!(only(judge, strict).verdict, Verdict::Ok);
        let finding = only(judge, |facts| {
            strict(facts);
            let mut other = facts.ways[0].clone();
            other.route.as_mut().unwrap().device = POD;
            facts.ways.push(other);
        });
        assert_eq!((finding.verdict, finding.subject.as_str()), (Verdict::Warn, "eth1"));
    }
}
