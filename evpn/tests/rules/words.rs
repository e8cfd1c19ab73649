//! Short names for what the tests talk about.

use std::net::IpAddr;
use std::sync::Arc;

use bgp::types::{Asn, EthernetTag, Mac, Rd, RouterId, Vni};
use bgp::wire::{Attrs, EvpnBody, EvpnKey, ExtCommunity, NextHop, PmsiTunnel};
use evpn::dataplane::Observation;
use evpn::{Config, DuplicateRules, VniConfig};

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The VTEP of node `n`.
pub(crate) fn vtep(n: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, n])
}

/// The route distinguisher of node `n` for its first VNI.
pub(crate) fn rd(n: u8) -> Rd {
    Rd::from_ipv4([10, 0, 0, n].into(), 1)
}

pub(crate) fn vni(number: u32) -> Vni {
    Vni::new(number).unwrap()
}

pub(crate) const BRIDGE: Mac = Mac([2, 0xff, 0, 0, 0, 0]);

/// Host `n`'s MAC.
pub(crate) fn mac(n: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, n])
}

/// Node `n` serving VNI 100, everything automatic.
pub(crate) fn config(n: u8) -> Config {
    Config {
        asn: Asn(65000),
        router_id: RouterId([10, 0, 0, n].into()),
        vtep: Some(vtep(n)),
        advertise_all_vni: false,
        flooding: true,
        duplicates: DuplicateRules::default(),
        vnis: vec![VniConfig::auto(vni(100))],
    }
}

pub(crate) fn device(number: u32) -> Observation {
    Observation::Vni { vni: vni(number), local: None, bridge_mac: BRIDGE }
}

pub(crate) fn local_mac(n: u8) -> Observation {
    Observation::LocalMac { vni: vni(100), mac: mac(n), sticky: false }
}

pub(crate) fn local_mac_gone(n: u8) -> Observation {
    Observation::LocalMacGone { vni: vni(100), mac: mac(n) }
}

pub(crate) fn local_neighbor(address: &str, n: u8) -> Observation {
    Observation::LocalNeighbor { vni: vni(100), ip: ip(address), mac: mac(n), router: false }
}

pub(crate) fn local_claim(address: &str, n: u8) -> Observation {
    Observation::LocalClaim { vni: vni(100), ip: ip(address), mac: mac(n), router: false }
}

pub(crate) fn local_neighbor_gone(address: &str) -> Observation {
    Observation::LocalNeighborGone { vni: vni(100), ip: ip(address) }
}

pub(crate) fn mac_key(rd: Rd, mac: Mac) -> EvpnKey {
    EvpnKey::MacIp { rd, tag: EthernetTag(0), mac, ip: None }
}

pub(crate) fn mac_ip_key(rd: Rd, mac: Mac, address: &str) -> EvpnKey {
    EvpnKey::MacIp { rd, tag: EthernetTag(0), mac, ip: Some(ip(address)) }
}

pub(crate) fn imet_key(rd: Rd, originator: IpAddr) -> EvpnKey {
    EvpnKey::Imet { rd, tag: EthernetTag(0), originator }
}

/// 65000:100, the automatic target of VNI 100.
pub(crate) const RT_100: ExtCommunity = ExtCommunity([0, 2, 0xfd, 0xe8, 0, 0, 0, 100]);
pub(crate) const VXLAN: ExtCommunity = ExtCommunity([3, 0x0c, 0, 0, 0, 0, 0, 8]);
pub(crate) const MPLS: ExtCommunity = ExtCommunity([3, 0x0c, 0, 0, 0, 0, 0, 10]);
pub(crate) const GATEWAY: ExtCommunity = ExtCommunity([3, 0x0d, 0, 0, 0, 0, 0, 0]);
pub(crate) const ROUTER: ExtCommunity = ExtCommunity([6, 8, 1, 0, 0, 0, 0, 0]);

pub(crate) fn sequence(number: u32) -> ExtCommunity {
    let [a, b, c, d] = number.to_be_bytes();
    ExtCommunity([6, 0, 0, 0, a, b, c, d])
}

pub(crate) const STICKY: ExtCommunity = ExtCommunity([6, 0, 1, 0, 0, 0, 0, 0]);

/// A route as another node sends it: for VNI 100 unless changed.
#[derive(Clone)]
pub(crate) struct Said {
    pub(crate) key: EvpnKey,
    pub(crate) body: EvpnBody,
    pub(crate) attrs: Attrs,
}

impl Said {
    pub(crate) fn mac(n: u8, host: u8) -> Said {
        Said::new(n, mac_key(rd(n), mac(host)))
    }

    pub(crate) fn mac_ip(n: u8, host: u8, address: &str) -> Said {
        Said::new(n, mac_ip_key(rd(n), mac(host), address))
    }

    pub(crate) fn imet(n: u8) -> Said {
        let pmsi = PmsiTunnel { flags: 0, tunnel_type: 6, vni: vni(100), endpoint: [10, 0, 0, n].into() };
        let mut said = Said::new(n, imet_key(rd(n), vtep(n)));
        said.attrs.pmsi = Some(Box::new(pmsi));
        said
    }

    fn new(n: u8, key: EvpnKey) -> Said {
        let mut attrs = Attrs::new(NextHop::Ipv4([10, 0, 0, n].into()));
        attrs.ext_communities = [RT_100, VXLAN].into();
        Said { key, body: EvpnBody { label: vni(100), ..EvpnBody::default() }, attrs }
    }

    /// With one more extended community.
    pub(crate) fn with(mut self, community: ExtCommunity) -> Said {
        self.attrs.ext_communities = self.attrs.ext_communities.iter().copied().chain([community]).collect();
        self
    }

    /// With these extended communities and no other.
    pub(crate) fn with_only(mut self, communities: &[ExtCommunity]) -> Said {
        self.attrs.ext_communities = communities.into();
        self
    }

    pub(crate) fn seq(self, number: u32) -> Said {
        self.with(sequence(number))
    }

    pub(crate) fn attrs(&self) -> Arc<Attrs> {
        Arc::new(self.attrs.clone())
    }
}
