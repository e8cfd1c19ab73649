//! Does this node forward what is not for itself, where it has to: between pods and others in native mode, and as the
//! gateway of a network.

use std::net::IpAddr;

use crate::cli::doctor::facts::Facts;
use crate::cli::doctor::facts::kernel::Kernel;
use crate::cli::doctor::finding::{Finding, Judged};

pub(super) fn judge(facts: &Facts) -> Judged {
    let kernel = facts.kernel()?;
    let switches = [
        ("net.ipv4.ip_forward", kernel.switches.forward_ipv4, "ipv4-unicast", true),
        ("net.ipv6.conf.all.forwarding", kernel.switches.forward_ipv6, "ipv6-unicast", false),
    ];
    let findings = switches.into_iter().filter_map(|(name, on, family, is_ipv4)| {
        let routes = facts.settings.native.is_some() && has_family(facts, family);
        let gateway = gateway(facts, kernel, is_ipv4);
        let finding = match (on?, routes, gateway) {
            (true, ..) => Finding::ok(name, "on"),
            (false, true, _) => {
                Finding::fail(name, "off").means("Packets from and to pods are not forwarded.")
            }
            (false, false, Some(bridge)) => Finding::warn(name, format!("off, and {bridge} has an address"))
                .means("As a gateway this node would have to forward."),
            (false, false, None) => return Some(Finding::ok(name, "off, and not needed")),
        };
        Some(if on? { finding } else { finding.next(format!("sysctl -w {name}=1")) })
    });
    Ok(findings.collect())
}

fn has_family(facts: &Facts, family: &str) -> bool {
    let neighbors = facts.daemon.iter().flat_map(|daemon| &daemon.neighbors);
    neighbors.flat_map(|neighbor| &neighbor.families).any(|of| of.family == family)
}

/// A bridge of a network that has an address.
fn gateway<'f>(facts: &'f Facts, kernel: &Kernel, is_ipv4: bool) -> Option<&'f str> {
    let is_global = |ip: &IpAddr| match ip {
        IpAddr::V4(_) => is_ipv4,
        IpAddr::V6(ip) => !is_ipv4 && !ip.is_unicast_link_local(),
    };
    let bridges = facts.networks().into_iter().filter_map(|network| network.bridge);
    let has = |bridge: u32| kernel.addresses.iter().any(|(device, ip)| *device == bridge && is_global(ip));
    bridges.filter(|bridge| has(bridge.index)).map(|bridge| bridge.name.as_str()).next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Verdict;
    use crate::cli::doctor::testing::*;

    fn found(change: impl FnOnce(&mut Facts)) -> (Verdict, String) {
        let findings = all(judge, |facts| {
            facts.kernel.as_mut().unwrap().switches.forward_ipv4 = Some(false);
            change(facts);
        });
        let finding = findings.into_iter().next().unwrap();
        assert_eq!(finding.subject, "net.ipv4.ip_forward");
        (finding.verdict, finding.found)
    }

    #[test]
    fn who_has_to_forward() {
        assert_eq!(found(|_| ()), (Verdict::Ok, "off, and not needed".to_owned()));
        let gateway = |facts: &mut Facts| {
            facts.kernel.as_mut().unwrap().addresses.push((BRIDGE, IpAddr::from([192, 168, 1, 1])));
        };
        assert_eq!(found(gateway), (Verdict::Warn, "off, and br100 has an address".to_owned()));
        let native = |facts: &mut Facts| {
            facts.settings = settings("native: {}");
            facts.daemon.as_mut().unwrap().neighbors[0].families[0].family = "ipv4-unicast".to_owned();
        };
        assert_eq!(found(native), (Verdict::Fail, "off".to_owned()));
    }
}
