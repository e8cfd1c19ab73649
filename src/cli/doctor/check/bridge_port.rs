//! Is the VXLAN device, as a port of its bridge, set up as EVPN needs it.

use crate::cli::doctor::facts::Facts;
use crate::cli::doctor::facts::kernel::{Device, Port};
use crate::cli::doctor::finding::{Finding, Judged};

pub(super) fn judge(facts: &Facts) -> Judged {
    facts.kernel()?;
    let mut findings = Vec::new();
    for network in facts.networks_or_none()? {
        let (Some((device, _)), Some(bridge)) = (network.vxlan, network.bridge) else { continue };
        let mut faults = device.port.map(|port| of_port(device, port)).unwrap_or_default();
        if bridge.bridge.is_some_and(|bridge| bridge.vlan_filtering) {
            faults.push(
                Finding::warn(&device.name, format!("the bridge {} keeps VLANs apart", bridge.name))
                    .means("linnetd serves bridges that are one network: what it writes is for no VLAN.")
                    .next(format!("ip link set {} type bridge vlan_filtering 0", bridge.name)),
            );
        }
        if faults.is_empty() {
            faults.push(Finding::ok(&device.name, "learning off, ARP and ND suppression on"));
        }
        findings.extend(faults);
    }
    match findings.is_empty() {
        true => Err(Finding::skipped("bridge", "no VXLAN device is on a bridge")),
        false => Ok(findings),
    }
}

fn of_port(device: &Device, port: Port) -> Vec<Finding> {
    let name = &device.name;
    let set = |words: &str| format!("bridge link set dev {name} {words}");
    let mut findings = Vec::new();
    if port.learning {
        findings.push(
            Finding::fail(name, "the port learns MACs from traffic")
                .means("Frames of a host that has moved put it back behind its old VTEP.")
                .next(set("learning off")),
        );
    }
    if !port.suppress {
        findings.push(
            Finding::warn(name, "ARP and ND suppression is off")
                .means("Every request is flooded to all VTEPs, though the answer is known here.")
                .next(set("neigh_suppress on")),
        );
    }
    if device.up && !port.forwarding {
        findings.push(
            Finding::fail(name, "spanning tree keeps the port from forwarding")
                .means("Nothing passes between the bridge and the tunnel.")
                .next(format!("bridge -d link show dev {name}")),
        );
    }
    let kept = [
        (port.unicast_flood, "unknown MACs", "flood"),
        (port.broadcast_flood, "broadcasts", "bcast_flood"),
        (port.multicast_flood, "multicasts", "mcast_flood"),
    ];
    for (_, what, flag) in kept.into_iter().filter(|(on, ..)| !on) {
        findings.push(
            Finding::warn(name, format!("frames for {what} do not leave by the port"))
                .means("Hosts behind other VTEPs do not get them.")
                .next(set(&format!("{flag} on"))),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Verdict;
    use crate::cli::doctor::testing::*;

    #[test]
    fn flags_of_a_port() {
        type Change<'c> = &'c dyn Fn(&mut Port);
        let cases: [(Verdict, &str, Change<'_>); 5] = [
            (Verdict::Ok, "learning off, ARP and ND suppression on", &|_| ()),
            (Verdict::Fail, "the port learns MACs from traffic", &|port| port.learning = true),
            (Verdict::Warn, "ARP and ND suppression is off", &|port| port.suppress = false),
            (Verdict::Fail, "spanning tree keeps the port from forwarding", &|port| port.forwarding = false),
            (Verdict::Warn, "frames for broadcasts do not leave by the port", &|port| {
                port.broadcast_flood = false;
            }),
        ];
        for (verdict, expected, change) in cases {
            let finding = only(judge, |facts| change(device(facts, VXLAN).port.as_mut().unwrap()));
            assert_eq!((finding.verdict, finding.found.as_str()), (verdict, expected));
        }
    }
}
