//! Has each network its VXLAN device, up, on a bridge, and set up as EVPN needs it.

use crate::cli::doctor::facts::kernel::{Device, Kernel, Vxlan};
use crate::cli::doctor::facts::{Facts, Network, VXLAN_PORT};
use crate::cli::doctor::finding::{Finding, Judged};
use api::v1;

pub(super) fn judge(facts: &Facts) -> Judged {
    let kernel = facts.kernel()?;
    let networks = facts.networks_or_none()?;
    let ports = facts.settings.ports();
    Ok(networks
        .iter()
        .flat_map(|network| {
            let mut findings = of_network(network, kernel, ports.get(&network.vni).copied());
            if findings.is_empty() {
                findings.extend(refused(network).or_else(|| healthy(network)));
            }
            findings
        })
        .collect())
}

fn subject(network: &Network<'_>) -> String {
    format!("VNI {}", network.vni)
}

fn of_network(network: &Network<'_>, kernel: &Kernel, port: Option<u16>) -> Vec<Finding> {
    let subject = subject(network);
    let Some((device, vxlan)) = network.vxlan else { return vec![missing(network, port)] };
    let name = &device.name;
    let mut findings = Vec::new();
    if !device.up {
        findings.push(
            Finding::fail(&subject, format!("{name} is down"))
                .means("Nothing is sent or received in this network, and its routes are withdrawn.")
                .next(format!("ip link set {name} up")),
        );
    }
    findings.extend(of_bridge(network, device));
    findings.extend(of_port(&subject, device, vxlan, port));
    findings.extend(of_local(network, device, vxlan, kernel));
    if vxlan.learning {
        findings.push(
            Finding::fail(&subject, format!("{name} learns MACs from traffic"))
                .means("It drops frames of a host that has moved, until the routes have followed.")
                .next(format!("ip link set {name} type vxlan nolearning")),
        );
    }
    if let Some(remote) = vxlan.remote {
        findings.push(
            Finding::warn(&subject, format!("{name} sends what it has no row for to {remote}"))
                .means("Whoever is in the flood list as well gets such frames twice.")
                .next(format!("ip -d link show {name}")),
        );
    }
    findings
}

fn missing(network: &Network<'_>, port: Option<u16>) -> Finding {
    let vni = network.vni;
    let local = network.said.map_or("", |said| &said.local_vtep);
    let local = if local.is_empty() { String::new() } else { format!(" local {local}") };
    let port = port.unwrap_or(VXLAN_PORT);
    Finding::fail(&subject(network), "it has no VXLAN device")
        .means("Its hosts reach nobody behind another VTEP. With create: true linnetd makes it.")
        .next(format!("ip link add vxlan{vni} type vxlan id {vni}{local} dstport {port} nolearning"))
}

fn of_bridge(network: &Network<'_>, device: &Device) -> Option<Finding> {
    let (subject, name) = (subject(network), &device.name);
    let meaning = "No host is in this network, and its routes are withdrawn.";
    match network.bridge {
        None => Some(
            Finding::fail(&subject, format!("{name} is on no bridge"))
                .means(meaning)
                .next(format!("ip link set {name} master BRIDGE")),
        ),
        Some(bridge) if !bridge.up => Some(
            Finding::fail(&subject, format!("the bridge {} is down", bridge.name))
                .means(meaning)
                .next(format!("ip link set {} up", bridge.name)),
        ),
        Some(bridge) => bridge.bridge.is_none().then(|| {
            Finding::fail(&subject, format!("{name} is a port of {}, which is no bridge", bridge.name))
                .means(meaning)
                .next(format!("ip -d link show {}", bridge.name))
        }),
    }
}

/// One that the configuration names must be it. Without its word a fabric may have agreed upon another one.
fn of_port(subject: &str, device: &Device, vxlan: Vxlan, configured: Option<u16>) -> Option<Finding> {
    let (name, port) = (&device.name, vxlan.udp_port);
    let wanted = configured.unwrap_or(VXLAN_PORT);
    let found = format!("{name} uses UDP port {port}, not {wanted}");
    let finding = match configured {
        _ if port == wanted => return None,
        Some(_) => Finding::fail(&subject, format!("{found} as configured")),
        None => Finding::warn(&subject, found),
    };
    Some(
        finding
            .means("A VTEP that uses another port neither hears this node nor is heard. The port cannot be changed: the device has to be made anew.")
            .next(format!("ip -d link show {name}")),
    )
}

fn of_local(network: &Network<'_>, device: &Device, vxlan: Vxlan, kernel: &Kernel) -> Option<Finding> {
    let (subject, name) = (subject(network), &device.name);
    let announced = network.said.map_or("", |said| &said.local_vtep);
    let Some(local) = vxlan.local else {
        let tunnel =
            if announced.is_empty() { "its tunnel address".to_owned() } else { announced.to_owned() };
        return Some(
            Finding::warn(&subject, format!("{name} has no local address"))
                .means(format!(
                    "Its packets leave with an address of the route's choice, which need not be {tunnel}."
                ))
                .next(format!("ip -d link show {name}")),
        );
    };
    if !kernel.addresses.iter().any(|(_, address)| *address == local) {
        return Some(
            Finding::fail(&subject, format!("the local address {local} of {name} is not this node's"))
                .means("Nothing can be sent from it, and what comes for it is not taken.")
                .next(format!("ip addr add {local}/{} dev lo", if local.is_ipv4() { 32 } else { 128 })),
        );
    }
    (!announced.is_empty() && announced != local.to_string()).then(|| {
        Finding::fail(&subject, format!("{name} has the local address {local}, and {announced} is announced"))
            .means("Others send to an address that the device does not listen on.")
            .next(format!("ip -d link show {name}"))
    })
}

/// linnetd does not serve it though nothing is wrong with its devices.
fn refused(network: &Network<'_>) -> Option<Finding> {
    let said = network.said.filter(|said| said.state() != v1::VniState::Up)?;
    let finding = Finding::fail(&subject(network), format!("linnetd does not serve it: {}", said.reason));
    Some(finding.means("Its routes are withdrawn.").next(format!("linnet evpn vni --vni {}", network.vni)))
}

fn healthy(network: &Network<'_>) -> Option<Finding> {
    let (device, vxlan) = network.vxlan?;
    let bridge = &network.bridge?.name;
    let found = format!("{} on {bridge}, UDP port {}", device.name, vxlan.udp_port);
    Some(Finding::ok(&subject(network), found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Verdict;
    use crate::cli::doctor::testing::*;

    fn vxlan(facts: &mut Facts) -> &mut Vxlan {
        device(facts, VXLAN).vxlan.as_mut().unwrap()
    }

    #[test]
    fn what_a_device_can_be_wrong_in() {
        let cases: [(Verdict, &str, Change<'_>); 10] = [
            (Verdict::Ok, "vxlan100 on br100, UDP port 4789", &|_| ()),
            (Verdict::Fail, "vxlan100 is down", &|facts| device(facts, VXLAN).up = false),
            (Verdict::Fail, "it has no VXLAN device", &|facts| {
                facts.kernel.as_mut().unwrap().devices.remove(&VXLAN);
            }),
            (Verdict::Fail, "vxlan100 is on no bridge", &|facts| device(facts, VXLAN).master = None),
            (Verdict::Fail, "the bridge br100 is down", &|facts| device(facts, BRIDGE).up = false),
            (Verdict::Warn, "vxlan100 uses UDP port 8472, not 4789", &|facts| vxlan(facts).udp_port = 8472),
            (Verdict::Fail, "vxlan100 learns MACs from traffic", &|facts| vxlan(facts).learning = true),
            (Verdict::Warn, "vxlan100 has no local address", &|facts| vxlan(facts).local = None),
            (Verdict::Fail, "the local address 10.0.0.9 of vxlan100 is not this node's", &|facts| {
                vxlan(facts).local = "10.0.0.9".parse().ok();
            }),
            (Verdict::Fail, "linnetd does not serve it: no route distinguisher is left", &|facts| {
                let said = &mut evpn(facts).vnis[0];
                (said.state, said.reason) =
                    (v1::VniState::Down.into(), "no route distinguisher is left".to_owned());
            }),
        ];
        for (verdict, expected, change) in cases {
            let finding = only(judge, change);
            assert_eq!((finding.verdict, finding.found.as_str()), (verdict, expected));
            assert_eq!(finding.subject, "VNI 100");
        }
    }

    #[test]
    fn a_port_that_was_configured_must_be_it() {
        let finding = only(judge, |facts| {
            facts.settings = settings("evpn: { vnis: [{ vni: 100, port: 8472 }] }");
        });
        assert_eq!(finding.found, "vxlan100 uses UDP port 4789, not 8472 as configured");
        assert_eq!(finding.verdict, Verdict::Fail);
    }

    #[test]
    fn a_tunnel_that_is_announced_elsewhere() {
        let finding = only(judge, |facts| evpn(facts).vnis[0].local_vtep = "10.0.0.7".to_owned());
        assert_eq!(finding.found, "vxlan100 has the local address 10.0.0.1, and 10.0.0.7 is announced");
    }
}
