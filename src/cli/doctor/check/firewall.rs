//! Does a rule of this node's firewall drop VXLAN or BGP. A heuristic: only plain rules are understood.

use std::collections::BTreeSet;

use crate::cli::doctor::facts::{Facts, Firewall, Hit, Hook, Protocol, VXLAN_PORT};
use crate::cli::doctor::finding::{Finding, Judged};

/// BGP's TCP port (RFC 4271 section 4).
const BGP_PORT: u16 = 179;

pub(super) fn judge(facts: &Facts) -> Judged {
    let firewall = facts.firewall.as_ref().map_err(|why| Finding::skipped("rules", why.as_str()))?;
    let mut ports: BTreeSet<u16> = facts
        .networks()
        .iter()
        .filter_map(|network| network.vxlan)
        .map(|(_, vxlan)| vxlan.udp_port)
        .collect();
    if ports.is_empty() {
        ports.insert(VXLAN_PORT);
    }
    let needed = ports.into_iter().map(|port| (Protocol::Udp, port)).chain([(Protocol::Tcp, BGP_PORT)]);
    let findings: Vec<Finding> =
        needed.flat_map(|(protocol, port)| of_port(firewall, protocol, port)).collect();
    match findings.is_empty() {
        true => Ok(vec![Finding::ok(
            &firewall.read.join(", "),
            "no plain rule drops VXLAN or BGP (sets, jumps and marks are not followed)",
        )]),
        false => Ok(findings),
    }
}

fn of_port(firewall: &Firewall, protocol: Protocol, port: u16) -> Vec<Finding> {
    let subject = match protocol {
        Protocol::Udp => format!("UDP port {port}"),
        Protocol::Tcp => format!("TCP port {port}"),
    };
    let is_let_in = |hook: Hook| {
        firewall.accepted.iter().any(|(other, of, ports)| {
            (*other == hook || *other == Hook::Unknown) && *of == protocol && ports.contain(port)
        })
    };
    let finding = |hit: &Hit| match &hit.port {
        Some((of, ports)) if *of == protocol && ports.contain(port) => Some(dropped(&subject, hit)),
        Some(_) => None,
        None => (!is_let_in(hit.hook)).then(|| {
            let found = format!("{} is to drop, and no plain rule lets it pass", hit.place);
            Finding::warn(&subject, found)
                .means("It is dropped unless a rule that is not understood here says otherwise.")
                .next(list(hit))
        }),
    };
    firewall.hits.iter().filter_map(finding).collect()
}

fn dropped(subject: &str, hit: &Hit) -> Finding {
    let direction = match hit.hook {
        Hook::Input => "coming in",
        Hook::Output => "going out",
        Hook::Unknown => "in a chain that is jumped to",
    };
    let (some, certain) = match (hit.partly, hit.hook) {
        (true, _) => ("some of it is", false),
        (false, hook) => ("is", hook != Hook::Unknown),
    };
    let found = format!("{some} dropped {direction}, by {}", hit.place);
    let finding = if certain { Finding::fail(&subject, found) } else { Finding::warn(&subject, found) };
    finding.means("Rules before it that let it pass are not seen here.").next(list(hit))
}

fn list(hit: &Hit) -> &'static str {
    if hit.place.contains("iptables") { "iptables-save -c" } else { "nft -a list ruleset" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::facts::Ports;
    use crate::cli::doctor::finding::Verdict;
    use crate::cli::doctor::testing::*;

    fn hit(port: Option<u16>, hook: Hook, partly: bool) -> Hit {
        let port = port.map(|port| (Protocol::Udp, Ports(vec![(port, port)])));
        Hit { hook, port, partly, place: "nft chain inet filter in".to_owned() }
    }

    fn verdicts(hits: Vec<Hit>, accepted: Vec<(Hook, Protocol, Ports)>) -> Vec<(String, Verdict)> {
        let findings =
            all(judge, |facts| facts.firewall = Ok(Firewall { read: vec!["nft"], hits, accepted }));
        findings.into_iter().map(|finding| (finding.subject, finding.verdict)).collect()
    }

    #[test]
    fn rules_for_the_port() {
        let udp = |verdict| [("UDP port 4789".to_owned(), verdict)];
        assert_eq!(verdicts(vec![hit(Some(4789), Hook::Input, false)], vec![]), udp(Verdict::Fail));
        assert_eq!(verdicts(vec![hit(Some(4789), Hook::Output, true)], vec![]), udp(Verdict::Warn));
        assert_eq!(verdicts(vec![hit(Some(4789), Hook::Unknown, false)], vec![]), udp(Verdict::Warn));
        let none = [("nft".to_owned(), Verdict::Ok)];
        assert_eq!(verdicts(vec![hit(Some(8472), Hook::Input, false)], vec![]), none);
    }

    #[test]
    fn a_policy_counts_where_nothing_lets_the_port_in() {
        let accepted = (Hook::Input, Protocol::Udp, Ports(vec![(4000, 5000)]));
        let found = verdicts(vec![hit(None, Hook::Input, false)], vec![accepted]);
        assert_eq!(found, [("TCP port 179".to_owned(), Verdict::Warn)]);
    }

    #[test]
    fn without_a_program_it_is_skipped() {
        let finding = only(judge, |facts| facts.firewall = Err("nft is not installed".to_owned()));
        assert_eq!((finding.verdict, finding.found.as_str()), (Verdict::Skipped, "nft is not installed"));
    }
}
