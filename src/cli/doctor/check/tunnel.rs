//! Is the fallback of native mode there: its device, and the rows that lead to the nodes behind it. Whether these can be
//! reached, and packets to them fit, is looked at for all VXLAN alike.

use api::v1;

use crate::cli::doctor::facts::Facts;
use crate::cli::doctor::facts::kernel::Kernel;
use crate::cli::doctor::finding::{Finding, Judged};

const LOST: &str = "Packets for pods of nodes that no link joins are lost.";

pub(super) fn judge(facts: &Facts) -> Judged {
    let ends = &facts.daemon()?.tunnel;
    let none = || Finding::ok("native.fallback", "no fallback is configured");
    let own = ends.iter().find(|end| end.local).ok_or_else(none)?;
    let device = of_device(own, facts.kernel()?);
    Ok(std::iter::once(device).chain(ends.iter().filter(|end| !end.local).map(of_end)).collect())
}

fn of_device(own: &v1::TunnelEnd, kernel: &Kernel) -> Finding {
    let fail = |found: String| Finding::fail(&own.device, found).means(LOST).next("linnet native tunnel");
    if own.state() == v1::KernelState::Failed {
        return fail(own.reason.clone());
    }
    let Some(device) = kernel.named(&own.device) else {
        return fail("the kernel has no such device".to_owned());
    };
    match device.vxlan.filter(|_| device.is_of(own.vni)) {
        None => fail(format!("it is no VXLAN device of VNI {}", own.vni)),
        Some(vxlan) if u32::from(vxlan.udp_port) != own.port => {
            fail(format!("it uses UDP port {}, and is to use {}", vxlan.udp_port, own.port))
        }
        Some(_) if !device.up => fail(format!("{} is down", device.name)),
        Some(_) => {
            let found = format!("VNI {}, UDP port {}, {} octets", own.vni, own.port, device.mtu);
            Finding::ok(&own.device, found)
        }
    }
}

/// Another node's.
fn of_end(end: &v1::TunnelEnd) -> Finding {
    let finding = match end.state() {
        v1::KernelState::Programmed if end.disputed => Finding::warn(
            &end.address,
            format!("several nodes announce it, each with a MAC: {} counts", end.mac),
        )
        .means("Packets for pods of the others of them do not arrive."),
        v1::KernelState::Programmed => {
            return Finding::ok(&end.address, format!("reached by {}", end.device));
        }
        v1::KernelState::Pending => Finding::warn(&end.address, "its rows are on their way to the kernel"),
        _ => Finding::fail(&end.address, end.reason.clone()).means(LOST),
    };
    finding.next("linnet native tunnel")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::facts::kernel::{Device, Vxlan};
    use crate::cli::doctor::finding::Verdict;
    use crate::cli::doctor::testing::*;

    const DEVICE: &str = "linnet.vxlan";

    fn end(address: &str) -> v1::TunnelEnd {
        v1::TunnelEnd {
            address: address.to_owned(),
            mac: "02:6c:0a:00:00:02".to_owned(),
            device: DEVICE.to_owned(),
            vni: 4096,
            port: 4789,
            state: v1::KernelState::Programmed.into(),
            ..v1::TunnelEnd::default()
        }
    }

    /// A fallback with its device and one node behind it, after a change of the two and of the device.
    fn found(change: impl FnOnce(&mut [v1::TunnelEnd; 2], &mut Device)) -> Vec<(Verdict, String)> {
        let mut ends = [v1::TunnelEnd { local: true, ..end("") }, end("10.0.2.2")];
        let vxlan = Vxlan { vni: 4096, udp_port: 4789, ..Vxlan::default() };
        let name = DEVICE.to_owned();
        let mut device =
            Device { index: 9, name, up: true, mtu: 1450, vxlan: Some(vxlan), ..Device::default() };
        change(&mut ends, &mut device);
        let findings = all(judge, |facts| {
            facts.daemon.as_mut().unwrap().tunnel = ends.into();
            facts.kernel.as_mut().unwrap().devices.insert(9, device);
        });
        findings.into_iter().map(|finding| (finding.verdict, finding.found)).collect()
    }

    fn fail(found: &str) -> (Verdict, String) {
        (Verdict::Fail, found.to_owned())
    }

    #[test]
    fn it_is_as_it_should_be() {
        let ok = |found: &str| (Verdict::Ok, found.to_owned());
        assert_eq!(
            found(|_, _| ()),
            [ok("VNI 4096, UDP port 4789, 1450 octets"), ok("reached by linnet.vxlan")]
        );
        assert_eq!(only(judge, |_| ()).found, "no fallback is configured");
    }

    #[test]
    fn the_device_is_not_what_it_should_be() {
        let of_device = |change: fn(&mut [v1::TunnelEnd; 2], &mut Device)| found(change).remove(0);
        assert_eq!(of_device(|_, device| device.up = false), fail("linnet.vxlan is down"));
        assert_eq!(of_device(|_, device| device.vxlan = None), fail("it is no VXLAN device of VNI 4096"));
        let elsewhere = |_: &mut [v1::TunnelEnd; 2], device: &mut Device| {
            device.vxlan.as_mut().unwrap().udp_port = 8472;
        };
        assert_eq!(of_device(elsewhere), fail("it uses UDP port 8472, and is to use 4789"));
        assert_eq!(
            of_device(|_, device| device.name = "other".to_owned()),
            fail("the kernel has no such device")
        );
        let refused = |ends: &mut [v1::TunnelEnd; 2], _: &mut Device| {
            ends[0].state = v1::KernelState::Failed.into();
            ends[0].reason = "somebody else's".to_owned();
        };
        assert_eq!(of_device(refused), fail("somebody else's"));
    }

    #[test]
    fn the_way_to_another_node_is_not_there() {
        let disputed = found(|ends, _| ends[1].disputed = true).remove(1);
        assert_eq!(disputed.0, Verdict::Warn);
        let conflict = found(|ends, _| {
            ends[1].state = v1::KernelState::Conflict.into();
            ends[1].reason = "another row stands there".to_owned();
        });
        assert_eq!(conflict[1], fail("another row stands there"));
    }
}
