//! `native.fallback`: how next hops are reached that are on no link of this node.

use std::net::{IpAddr, Ipv4Addr};

use bgp::types::{Mac, Vni};
use fib::TunnelDevice;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::checker::Checker;
use crate::config::fault::Path;
use crate::config::file;
use crate::config::value::MtuValue;
use crate::config::vnis::{min_mtu, misnomer};

/// Above what most EVPN fabrics number their networks with, and Flannel's 1.
const VNI: u32 = 4096;

const DEVICE: &str = "linnet.vxlan";

/// The first two octets of the device's MAC, which the router id completes: locally administered, for one station.
const MAC_PREFIX: [u8; 2] = [0x02, 0x6c];

/// How next hops are reached that are on no link of this node: `vxlan` alone, or with settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected vxlan, or a mapping such as { vxlan: { vni: 4096, device: linnet.vxlan } }"
)]
pub enum FallbackValue {
    /// With every setting left to its default.
    Kind(FallbackKind),
    /// With settings.
    Section(FallbackSection),
}

/// How packets are wrapped.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FallbackKind {
    /// In VXLAN (RFC 7348).
    Vxlan,
}

/// How packets are wrapped, with settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FallbackSection {
    /// In VXLAN (RFC 7348).
    vxlan: FallbackVxlan,
}

/// The VXLAN device of the fallback. All nodes have the same `vni` and `port`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FallbackVxlan {
    /// The network that the packets belong to, 1 to 16777215; none of `evpn.vnis`.
    vni: u32,
    /// UDP port.
    port: u16,
    /// The device's name. It is made when linnetd starts.
    device: String,
    /// The source of the packets: an address of this node. An IPv6 address makes the tunnel one for IPv6 next hops;
    /// unless given, it is for IPv4 ones, and the kernel chooses the source.
    local: Option<IpAddr>,
    /// MTU of the device: `auto` is the smallest of the devices that have addresses, less the encapsulation (50 octets,
    /// 70 with IPv6).
    mtu: MtuValue,
}

impl Default for FallbackVxlan {
    fn default() -> Self {
        let (port, device) = (fib::config::VXLAN_PORT, DEVICE.to_owned());
        FallbackVxlan { vni: VNI, port, device, local: None, mtu: MtuValue::default() }
    }
}

impl Checker {
    /// What the key means, and what is wrong with it.
    pub(super) fn fallback(
        &mut self,
        at: &Path,
        value: &FallbackValue,
        router_id: Ipv4Addr,
        evpn: Option<&file::Evpn>,
    ) -> TunnelDevice {
        let (at, default) = (&at.key("fallback"), FallbackVxlan::default());
        let (at, section) = match value {
            FallbackValue::Kind(FallbackKind::Vxlan) => (at.clone(), &default),
            FallbackValue::Section(FallbackSection { vxlan }) => (at.key("vxlan"), vxlan),
        };
        let FallbackVxlan { vni, port, device, local, mtu } = section;
        let known = Vni::new(*vni).filter(|vni| vni.get() != 0);
        if known.is_none() {
            self.find(at.key("vni"), "1 to 16777215 (24 bits)");
        }
        for network in evpn.iter().flat_map(|evpn| &evpn.vnis) {
            if network.vni == *vni {
                self.find(
                    at.key("vni"),
                    format!("VNI {vni} is one of evpn.vnis; take one that EVPN has not"),
                );
            }
            if [&network.vxlan, &network.bridge].into_iter().flatten().any(|name| name == device) {
                self.find(at.key("device"), format!("`{device}` is a device of VNI {} already", network.vni));
            }
        }
        if *port == 0 {
            self.find(at.key("port"), "0 is no port; 4789 is VXLAN's");
        }
        if let Some(fault) = misnomer(device) {
            self.find(at.key("device"), fault);
        }
        if local.is_some_and(|local| local.is_unspecified() || local.is_multicast() || local.is_loopback()) {
            self.find(at.key("local"), "an address of this node that others can send to");
        }
        let least = min_mtu(local.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
        if mtu.0.is_some_and(|mtu| mtu < least) {
            self.find(at.key("mtu"), format!("at least {least}"));
        }
        TunnelDevice {
            name: device.clone(),
            vni: known.unwrap_or_default(),
            port: *port,
            local: *local,
            mtu: mtu.0.map(u32::from),
            mac: mac_of(router_id),
        }
    }
}

/// The MAC of the speaker with this router id: the same in every run, and nobody else's in the AS.
fn mac_of(router_id: Ipv4Addr) -> Mac {
    let ([first, second], [a, b, c, d]) = (MAC_PREFIX, router_id.octets());
    Mac([first, second, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use fib::TunnelDevice;

    use crate::config::{Config, Faults};

    fn parse(fallback: &str) -> Result<TunnelDevice, Faults> {
        let text = format!(
            "bgp:\n  asn: 65000\n  router_id: 10.0.0.1\nnative:\n  fallback: {fallback}\n\
             evpn: {{ vtep: 10.0.0.1, vnis: [{{ vni: 100, vxlan: vxlan100 }}] }}\n"
        );
        Config::parse("t.yaml", &text).map(|config| config.native.unwrap().kernel.fallback.unwrap())
    }

    #[test]
    fn a_word_is_enough() {
        let TunnelDevice { name, vni, port, local, mtu, mac } = parse("vxlan").unwrap();
        assert_eq!((name.as_str(), vni.get(), port, local, mtu), ("linnet.vxlan", 4096, 4789, None, None));
        assert_eq!(mac.to_string(), "02:6c:0a:00:00:01");
        let some = parse("{ vxlan: { vni: 7, local: fd00::1, mtu: 1400 } }").unwrap();
        assert_eq!((some.vni.get(), some.is_ipv4(), some.mtu), (7, false, Some(1400)));
    }

    #[test]
    fn what_is_wrong_is_said_where_it_stands() {
        let said = |fallback: &str| -> Vec<String> {
            let faults = parse(fallback).unwrap_err();
            faults.list.iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect()
        };
        assert_eq!(
            said("{ vxlan: { vni: 100, port: 0, device: vxlan100, local: 0.0.0.0, mtu: 70 } }")[..4],
            [
                "native.fallback.vxlan.vni: VNI 100 is one of evpn.vnis; take one that EVPN has not",
                "native.fallback.vxlan.port: 0 is no port; 4789 is VXLAN's",
                "native.fallback.vxlan.device: `vxlan100` is a device of VNI 100 already",
                "native.fallback.vxlan.local: an address of this node that others can send to",
            ]
        );
        assert_eq!(
            said("{ vxlan: { vni: 16777216, device: 'a/b', local: 'fd00::1', mtu: 1000 } }"),
            [
                "native.fallback.vxlan.vni: 1 to 16777215 (24 bits)",
                "native.fallback.vxlan.device: `a/b` is no device name: 1 to 15 characters, without / : or spaces",
                "native.fallback.vxlan.mtu: at least 1280",
            ]
        );
        for wrong in ["geneve", "{}", "{ vxlan: { vnis: 7 } }", "{ ipip: {} }"] {
            assert!(said(wrong)[0].contains("expected vxlan, or a mapping"), "{wrong}");
        }
    }
}
