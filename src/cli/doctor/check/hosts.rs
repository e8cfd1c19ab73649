//! Are the hosts that are attached here asked when they say nothing?

use crate::cli::doctor::facts::Facts;
use crate::cli::doctor::finding::{Finding, Judged};

pub(super) fn judge(facts: &Facts) -> Judged {
    facts.evpn_or_none()?;
    let hosts = facts.daemon.as_ref().ok().and_then(|daemon| daemon.status.hosts).unwrap_or_default();
    let found = match (hosts.devices, hosts.deaf_devices) {
        (0, _) => return Ok(vec![Finding::ok("hosts", "no device has any that are to be asked")]),
        (_, 0) => return Ok(vec![Finding::ok("hosts", format!("{} addresses known here", hosts.known))]),
        (all, deaf) => format!("they can be neither heard nor asked on {deaf} of {all} bridges and ports"),
    };
    Ok(vec![
        Finding::warn("hosts", found)
            .means("A host that says nothing for some minutes is withdrawn, and not found again after a restart.")
            .next("systemctl show linnetd -p AmbientCapabilities: it takes CAP_NET_RAW"),
    ])
}

#[cfg(test)]
mod tests {
    use api::v1;

    use super::*;
    use crate::cli::doctor::finding::Verdict;
    use crate::cli::doctor::testing::*;

    fn found(hosts: v1::HostStatus) -> Finding {
        only(judge, |facts| facts.daemon.as_mut().unwrap().status.hosts = Some(hosts))
    }

    #[test]
    fn hosts_that_cannot_be_asked() {
        let good = found(v1::HostStatus { devices: 4, known: 7, ..Default::default() });
        assert_eq!((good.verdict, good.found.as_str()), (Verdict::Ok, "7 addresses known here"));
        let deaf = found(v1::HostStatus { devices: 4, deaf_devices: 4, ..Default::default() });
        assert_eq!(deaf.verdict, Verdict::Warn);
        assert!(deaf.found.contains("4 of 4"), "{}", deaf.found);
        assert_eq!(found(v1::HostStatus::default()).verdict, Verdict::Ok);
    }
}
