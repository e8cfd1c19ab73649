//! Does what a pod sends fit into the VXLAN device, and what that sends fit through the path.

use crate::cli::doctor::facts::kernel::{Device, Kernel};
use crate::cli::doctor::facts::{Answer, Facts, Network, Way};
use crate::cli::doctor::finding::{Finding, Judged};

pub(super) fn judge(facts: &Facts) -> Judged {
    let kernel = facts.kernel()?;
    let networks = facts.networks();
    let mut findings: Vec<Finding> =
        networks.iter().flat_map(|network| of_network(network, kernel)).collect();
    let tunnels = facts.ways.iter().filter(|way| way.udp_port.is_some());
    findings.extend(tunnels.filter_map(|way| of_way(way, kernel)));
    if findings.is_empty() {
        facts.networks_or_none()?;
        return Err(Finding::skipped("mtu", "no VXLAN device is on a bridge"));
    }
    Ok(findings)
}

fn of_network(network: &Network<'_>, kernel: &Kernel) -> Vec<Finding> {
    let (Some((vxlan, _)), Some(bridge)) = (network.vxlan, network.bridge) else { return Vec::new() };
    let mut findings = Vec::new();
    if bridge.mtu > vxlan.mtu {
        let found = format!("{} takes {} octets, {} only {}", bridge.name, bridge.mtu, vxlan.name, vxlan.mtu);
        findings.push(
            Finding::warn(&bridge.name, found)
                .means("Larger packets that this node itself routes into the network are dropped.")
                .next(format!("ip link set {} mtu {}", bridge.name, vxlan.mtu)),
        );
    }
    let ports = kernel.ports(bridge.index).filter(|port| port.vxlan.is_none());
    findings.extend(ports.filter_map(|port| of_port(port, vxlan, kernel)));
    if findings.is_empty() {
        let found = format!("{} octets, as for {} and its ports", vxlan.mtu, bridge.name);
        findings.push(Finding::ok(&vxlan.name, found));
    }
    findings
}

/// Of a port that leads into a pod the pod's own MTU counts: it decides what is sent.
fn of_port(port: &Device, vxlan: &Device, kernel: &Kernel) -> Option<Finding> {
    let dropped =
        format!("Frames of more than {} octets are dropped at {} without a word.", vxlan.mtu, vxlan.name);
    match kernel.pods.get(&port.index) {
        Some(Ok(mtu)) => (*mtu > vxlan.mtu).then(|| {
            Finding::fail(
                &port.name,
                format!("the pod behind it sends up to {mtu} octets, {} takes {}", vxlan.name, vxlan.mtu),
            )
            .means(dropped)
            .next(format!("in the pod: ip link set eth0 mtu {}", vxlan.mtu))
        }),
        Some(Err(why)) => (port.mtu > vxlan.mtu).then(|| {
            Finding::skipped(&port.name, format!("the MTU of the pod behind it cannot be read: {why}"))
        }),
        None => (port.mtu > vxlan.mtu).then(|| {
            Finding::warn(&port.name, format!("takes {} octets, {} only {}", port.mtu, vxlan.name, vxlan.mtu))
                .means(dropped)
                .next(format!("ip link set {} mtu {}", port.name, vxlan.mtu))
        }),
    }
}

/// `None` where the way itself is at fault.
fn of_way(way: &Way, kernel: &Kernel) -> Option<Finding> {
    let route = way.route.as_ref().ok().filter(|route| !route.local)?;
    let out = kernel.devices.get(&route.device)?;
    let room = route.mtu.unwrap_or(out.mtu).min(out.mtu);
    let largest = way.largest;
    let overhead = fib::netlink::vxlan_overhead(way.to);
    let mut devices = kernel.devices.values().filter(|device| device.vxlan.is_some());
    let widest = devices.find(|device| device.mtu + overhead == largest)?;
    if room < largest {
        let found =
            format!("packets of up to {largest} octets are sent to it, and {room} pass by {}", out.name);
        let right = room.saturating_sub(overhead);
        return Some(
            Finding::fail(&way.to, found)
                .means(format!("VXLAN adds {overhead} octets to what {} takes. Large packets are cut in pieces, or lost.", widest.name))
                .next(format!("ip link set {} mtu {right}", widest.name)),
        );
    }
    let payload = largest.saturating_sub(if way.to.is_ipv4() { 28 } else { 48 });
    match &way.large_echo {
        Answer::Reached => {
            Some(Finding::ok(&way.to, format!("packets of {largest} octets pass, by {}", out.name)))
        }
        Answer::Silence | Answer::Refused { .. } => Some(
            Finding::fail(
                &way.to,
                format!("packets of {largest} octets get lost on the path, small ones do not"),
            )
            .means("Connections come up and hang as soon as much is sent.")
            .next(format!("ping -M do -s {payload} {}", way.to)),
        ),
        Answer::Unasked(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Verdict;
    use crate::cli::doctor::testing::*;

    /// The findings that are not in order.
    fn faults(change: impl FnOnce(&mut Facts)) -> Vec<(Verdict, String)> {
        let findings = all(judge, change).into_iter().filter(|finding| finding.verdict != Verdict::Ok);
        findings.map(|finding| (finding.verdict, finding.found)).collect()
    }

    #[test]
    fn nothing_is_wrong_with_what_fits() {
        assert_eq!(faults(|_| ()), []);
    }

    #[test]
    fn the_tunnel_does_not_fit_through_the_path() {
        let found = "packets of up to 1500 octets are sent to it, and 1400 pass by eth1".to_owned();
        let narrow = |facts: &mut Facts| device(facts, UPLINK).mtu = 1400;
        assert_eq!(faults(narrow), [(Verdict::Fail, found.clone())]);
        let learnt = |facts: &mut Facts| facts.ways[0].route.as_mut().unwrap().mtu = Some(1400);
        assert_eq!(faults(learnt), [(Verdict::Fail, found)]);
        let next = all(judge, learnt).pop().unwrap().next;
        assert_eq!(next, "ip link set vxlan100 mtu 1350");
    }

    #[test]
    fn a_path_that_swallows_large_packets() {
        let found = "packets of 1500 octets get lost on the path, small ones do not".to_owned();
        assert_eq!(faults(|facts| facts.ways[0].large_echo = Answer::Silence), [(Verdict::Fail, found)]);
    }

    #[test]
    fn a_pod_that_sends_too_much() {
        let pod = |mtu| move |facts: &mut Facts| drop(facts.kernel.as_mut().unwrap().pods.insert(POD, mtu));
        let found = "the pod behind it sends up to 1500 octets, vxlan100 takes 1450".to_owned();
        assert_eq!(faults(pod(Ok(1500))), [(Verdict::Fail, found)]);
        let found = "the MTU of the pod behind it cannot be read: not permitted".to_owned();
        assert_eq!(faults(pod(Err("not permitted".to_owned()))), [(Verdict::Skipped, found)]);
    }

    #[test]
    fn a_bridge_that_takes_more() {
        let found = "br100 takes 1500 octets, vxlan100 only 1450".to_owned();
        assert_eq!(faults(|facts| device(facts, BRIDGE).mtu = 1500), [(Verdict::Warn, found)]);
    }
}
