//! A route in the API's words.

use std::net::IpAddr;
use std::str::FromStr;

use api::v1;
use bgp::export::{Export, Verdict};
use bgp::rib::{Held, Path, Rib};
use bgp::types::{Family, Mac, PathId, PeerId, Rd};
use bgp::wire::{Attrs, EvpnBody, EvpnKey, Nlri, Origin, PmsiTunnel, UnknownAttr};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::row::{hex, text, texts};

/// A key of any family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core) enum AnyNlri {
    Prefix(IpNet),
    Evpn(EvpnKey),
}

impl FromStr for AnyNlri {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<AnyNlri, Self::Err> {
        if let Ok(prefix) = text.parse::<IpNet>() {
            return Ok(AnyNlri::Prefix(prefix.trunc()));
        }
        text.parse().map(AnyNlri::Evpn).map_err(|_| {
            "expected a prefix such as 10.1.0.0/16, or an EVPN key such as [2]:[10.0.0.1:1]:[0]:[48]:[02:00:00:00:00:50]"
        })
    }
}

/// What a key says, as far as filters ask for it.
#[derive(Default)]
pub(in crate::core) struct Described {
    pub(in crate::core) route_type: v1::RouteType,
    pub(in crate::core) rd: Option<Rd>,
    pub(in crate::core) mac: Option<Mac>,
    pub(in crate::core) ip: Option<IpAddr>,
    /// What it leads to: a prefix, or a host's address.
    pub(in crate::core) prefix: Option<IpNet>,
}

/// A key that rows can be made of.
pub(in crate::core) trait Describe: Nlri {
    /// As filters see it.
    fn described(&self) -> Described;

    /// The VNI of a route, where it has one.
    fn vni(_: &Self::Body, _: &Attrs) -> Option<u32> {
        None
    }

    /// Writes what key and body say into the row.
    fn fill_in(&self, body: &Self::Body, row: &mut v1::Path);

    /// This key, if it is of this family.
    fn from_any(nlri: &AnyNlri) -> Option<Self>;

    /// What becomes of a path of this key towards a peer.
    fn verdict<'e>(
        &self,
        export: &'e Export,
        rib: &Rib,
        peer: PeerId,
        path: &Path<Self>,
    ) -> Option<Verdict<'e>>;

    /// A route of this key as a peer sent it, where that is kept.
    fn held<'r>(&self, rib: &'r Rib, peer: PeerId, path_id: PathId) -> Option<&'r Held<Self>>;
}

/// Prefixes of both families say the same; only the tables that keep them have names of their own.
macro_rules! describe_prefix {
    ($net:ident, $variant:ident, $verdict:ident, $held:ident) => {
        impl Describe for $net {
            fn described(&self) -> Described {
                Described { prefix: Some(IpNet::$variant(*self)), ..Described::default() }
            }

            fn fill_in(&self, _: &(), row: &mut v1::Path) {
                row.prefix = self.to_string();
            }

            fn from_any(nlri: &AnyNlri) -> Option<Self> {
                match nlri {
                    AnyNlri::Prefix(IpNet::$variant(prefix)) => Some(*prefix),
                    _ => None,
                }
            }

            fn verdict<'e>(
                &self,
                export: &'e Export,
                rib: &Rib,
                peer: PeerId,
                path: &Path<Self>,
            ) -> Option<Verdict<'e>> {
                export.$verdict(rib, peer, self, path)
            }

            fn held<'r>(&self, rib: &'r Rib, peer: PeerId, path_id: PathId) -> Option<&'r Held<Self>> {
                rib.$held(peer, *self, path_id)
            }
        }
    };
}

describe_prefix!(Ipv4Net, V4, verdict_ipv4, held_ipv4);
describe_prefix!(Ipv6Net, V6, verdict_ipv6, held_ipv6);

impl Describe for EvpnKey {
    fn described(&self) -> Described {
        use v1::RouteType;
        let of = |route_type, rd, mac, ip| Described { route_type, rd: Some(rd), mac, ip, prefix: None };
        match *self {
            EvpnKey::EthernetAd { rd, .. } => of(RouteType::Ead, rd, None, None),
            EvpnKey::MacIp { rd, mac, ip, .. } => {
                Described { prefix: ip.map(IpNet::from), ..of(RouteType::Macip, rd, Some(mac), ip) }
            }
            EvpnKey::Imet { rd, originator, .. } => of(RouteType::Multicast, rd, None, Some(originator)),
            EvpnKey::EthernetSegment { rd, originator, .. } => of(RouteType::Es, rd, None, Some(originator)),
            EvpnKey::IpPrefix { rd, prefix, .. } => {
                Described { prefix: Some(prefix), ..of(RouteType::Prefix, rd, None, None) }
            }
        }
    }

    fn vni(body: &EvpnBody, attrs: &Attrs) -> Option<u32> {
        match &attrs.pmsi {
            Some(pmsi) => Some(pmsi.vni.get()),
            None => (body.label.get() != 0).then_some(body.label.get()),
        }
    }

    fn fill_in(&self, body: &EvpnBody, row: &mut v1::Path) {
        let described = self.described();
        row.route_type = described.route_type.into();
        row.rd = text(described.rd);
        row.mac = text(described.mac);
        row.ip = text(described.ip);
        row.ethernet_tag = match *self {
            EvpnKey::EthernetAd { tag, .. }
            | EvpnKey::MacIp { tag, .. }
            | EvpnKey::Imet { tag, .. }
            | EvpnKey::IpPrefix { tag, .. } => Some(tag.0),
            EvpnKey::EthernetSegment { .. } => None,
        };
        let esi = match *self {
            EvpnKey::EthernetAd { esi, .. } | EvpnKey::EthernetSegment { esi, .. } => esi,
            _ => body.esi,
        };
        row.esi = text((!esi.is_zero()).then_some(esi));
        if let EvpnKey::IpPrefix { prefix, .. } = *self {
            row.prefix = prefix.to_string();
        }
        row.l3vni = body.label2.map(|vni| vni.get());
        row.gateway = text(body.gateway);
    }

    fn from_any(nlri: &AnyNlri) -> Option<Self> {
        match nlri {
            AnyNlri::Evpn(key) => Some(*key),
            AnyNlri::Prefix(_) => None,
        }
    }

    fn verdict<'e>(
        &self,
        export: &'e Export,
        rib: &Rib,
        peer: PeerId,
        path: &Path<Self>,
    ) -> Option<Verdict<'e>> {
        export.verdict_evpn(rib, peer, self, path)
    }

    fn held<'r>(&self, rib: &'r Rib, peer: PeerId, path_id: PathId) -> Option<&'r Held<Self>> {
        rib.held_evpn(peer, *self, path_id)
    }
}

/// A route with its attributes, without what only its table knows.
pub(super) fn path_row<N: Describe>(key: &N, body: &N::Body, attrs: &Attrs) -> v1::Path {
    let mut row = v1::Path {
        family: Family::name(N::FAMILY).to_owned(),
        nlri: key.to_string(),
        vni: N::vni(body, attrs),
        next_hop: attrs.next_hop.address().to_string(),
        origin: origin(attrs.origin).into(),
        as_path: Some(attrs.as_path.to_string()),
        med: attrs.med,
        local_pref: attrs.local_pref,
        communities: texts(&attrs.communities),
        ext_communities: texts(&attrs.ext_communities),
        large_communities: texts(&attrs.large_communities),
        only_to_customer: attrs.only_to_customer.map(|asn| asn.0),
        originator_id: text(attrs.originator_id),
        cluster_list: texts(&attrs.cluster_list),
        pmsi: attrs.pmsi.as_deref().map(pmsi),
        ..v1::Path::default()
    };
    key.fill_in(body, &mut row);
    row
}

/// An attribute that is passed on without being known.
pub(super) fn unknown_row(attribute: &UnknownAttr) -> v1::UnknownAttribute {
    v1::UnknownAttribute {
        code: attribute.kind.into(),
        flags: attribute.flags.into(),
        hex: hex(&attribute.value),
    }
}

fn origin(origin: Origin) -> v1::Origin {
    match origin {
        Origin::Igp => v1::Origin::Igp,
        Origin::Egp => v1::Origin::Egp,
        Origin::Incomplete => v1::Origin::Incomplete,
    }
}

fn pmsi(pmsi: &PmsiTunnel) -> v1::Pmsi {
    v1::Pmsi { r#type: pmsi.type_name(), vni: pmsi.vni.get(), endpoint: text(pmsi.ingress_endpoint()) }
}
