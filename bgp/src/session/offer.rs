//! What our OPEN offers: all that the configuration asks for, less what the peer has refused.
//!
//! A peer refuses in two ways (RFC 5492). It may name in its NOTIFICATION the capabilities that it does not want:
//! these are left out of the next OPEN, and the others stay. Or it says only that it does not like the OPEN:
//! then less is offered with each attempt, down to none at all. In either way every step is tried once, each
//! after a pause that grows; behind the last one all is offered again, since the peer may have been changed
//! meanwhile. A peer that names what it misses in ours cannot be pleased: it is offered the same again.

use std::net::{IpAddr, Ipv6Addr};

use super::config::SessionConfig;
use super::restart::{self, OwnRestart};
use crate::types::{Afi, Family, Safi};
use crate::wire::{Capability, Notification, Open};

/// What is left out, after what the peer has refused so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offer {
    extent: Extent,
    /// What the peer has named as what it does not want.
    left_out: Vec<Kind>,
}

/// How much to offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Extent {
    /// All that we can.
    #[default]
    Full,
    /// What the configuration cannot do without: families and four-octet AS numbers.
    Essential,
    /// No capabilities at all: IPv4 unicast.
    Bare,
}

/// What tells capabilities apart: the code, and the family of those that there is one of for each family.
type Kind = (u8, Option<(Afi, Safi)>);

const UNSUPPORTED_PARAMETER: u8 = 4;
const UNSUPPORTED_CAPABILITY: u8 = 7;

impl Offer {
    /// What to offer after the peer ended an attempt with `refusal`.
    pub(super) fn after(self, refusal: &Notification, config: &SessionConfig) -> Offer {
        match (refusal.code, refusal.subcode) {
            (2, UNSUPPORTED_PARAMETER) => self.less(config),
            (2, UNSUPPORTED_CAPABILITY) if refusal.data.is_empty() => self.less(config),
            (2, UNSUPPORTED_CAPABILITY) => self.without(&Capability::list(&refusal.data), config),
            _ => self,
        }
    }

    /// The next smaller extent; the full one behind the last.
    fn less(self, config: &SessionConfig) -> Offer {
        let extent = match self.extent {
            Extent::Full => Extent::Essential,
            Extent::Essential if bare_will_do(config) => Extent::Bare,
            Extent::Essential | Extent::Bare => Extent::Full,
        };
        Offer { extent, left_out: Vec::new() }
    }

    /// Without those that the peer has named. The last family stays: without it there is nothing to speak of.
    fn without(mut self, named: &[Capability], config: &SessionConfig) -> Offer {
        for kind in named.iter().map(kind) {
            let offered = self.capabilities(config, ANY_TRANSPORT, OwnRestart::default());
            let families = offered.iter().filter(|c| matches!(c, Capability::Multiprotocol(..))).count();
            let is_last_family = kind.1.is_some() && families <= 1;
            if offered.iter().any(|c| self::kind(c) == kind) && !is_last_family {
                self.left_out.push(kind);
            }
        }
        self
    }

    /// Our OPEN for a connection whose ends have addresses like this one.
    pub(super) fn open(&self, config: &SessionConfig, transport: IpAddr, own: OwnRestart) -> Open {
        Open {
            asn: config.local_asn,
            hold_time: config.hold_time,
            router_id: config.router_id,
            capabilities: self.capabilities(config, transport, own),
        }
    }

    fn capabilities(&self, config: &SessionConfig, transport: IpAddr, own: OwnRestart) -> Vec<Capability> {
        let mut all = match self.extent {
            Extent::Bare => return Vec::new(),
            Extent::Essential => essential(config),
            Extent::Full => {
                [essential(config), optional(config, transport), restart::capabilities(config, own)].concat()
            }
        };
        all.retain(|capability| !self.left_out.contains(&kind(capability)));
        all
    }
}

/// One over which everything is offered that depends on the transport.
const ANY_TRANSPORT: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// Without capabilities only IPv4 unicast can be spoken.
fn bare_will_do(config: &SessionConfig) -> bool {
    config.families.contains(Family::Ipv4Unicast)
}

fn kind(capability: &Capability) -> Kind {
    let family = match capability {
        Capability::Multiprotocol(afi, safi) => Some((*afi, *safi)),
        _ => None,
    };
    (capability.code(), family)
}

fn essential(config: &SessionConfig) -> Vec<Capability> {
    let families = config.families.iter().map(|f| Capability::Multiprotocol(f.afi(), f.safi()));
    families.chain([Capability::FourOctetAs(config.local_asn)]).collect()
}

/// What a session can do without.
fn optional(config: &SessionConfig, transport: IpAddr) -> Vec<Capability> {
    let mut all =
        vec![Capability::RouteRefresh, Capability::EnhancedRouteRefresh, Capability::ExtendedMessage];
    if config.families.contains(Family::Ipv4Unicast) && config.offers_extended_next_hop(transport) {
        all.push(Capability::ExtendedNextHop(vec![(Afi::IPV4, Safi::UNICAST, Afi::IPV6)]));
    }
    all.extend(config.add_path.mode().map(|mode| {
        Capability::AddPath(config.families.iter().map(|f| (f.afi(), f.safi(), mode)).collect())
    }));
    all.extend(config.role.map(|role| Capability::Role(role.ours)));
    all.extend(
        config
            .fqdn
            .as_ref()
            .map(|(host, domain)| Capability::Fqdn { host: host.clone(), domain: domain.clone() }),
    );
    all.extend(config.software_version.clone().map(Capability::SoftwareVersion));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::RemoteAs;
    use crate::types::{Asn, RouterId};

    const IPV4: Capability = Capability::Multiprotocol(Afi::IPV4, Safi::UNICAST);
    const EVPN: Capability = Capability::Multiprotocol(Afi::L2VPN, Safi::EVPN);

    fn config(families: &[Family]) -> SessionConfig {
        let families = families.iter().copied().collect();
        SessionConfig::new(Asn(65000), RouterId([10, 0, 0, 1].into()), RemoteAs::Any, families)
    }

    fn refusal(subcode: u8, named: &[Capability]) -> Notification {
        Notification { code: 2, subcode, data: Capability::octets(named) }
    }

    /// The extents after one refusal and the next, and so on.
    fn steps(config: &SessionConfig, refusal: &Notification) -> Vec<Extent> {
        let next = |offer: &Offer| Some(offer.clone().after(refusal, config));
        std::iter::successors(Some(Offer::default()), next).take(4).map(|offer| offer.extent).collect()
    }

    #[test]
    fn less_is_offered_after_a_refusal_and_all_again_after_the_last() {
        use Extent::{Bare, Essential, Full};
        for subcode in [UNSUPPORTED_PARAMETER, UNSUPPORTED_CAPABILITY] {
            let refusal = refusal(subcode, &[]);
            let ipv4 = config(&[Family::Ipv4Unicast, Family::L2vpnEvpn]);
            assert_eq!(steps(&ipv4, &refusal), [Full, Essential, Bare, Full]);
            assert_eq!(steps(&config(&[Family::L2vpnEvpn]), &refusal), [Full, Essential, Full, Essential]);
        }
        let other = Notification { code: 2, subcode: 2, data: Vec::new() };
        assert_eq!(steps(&config(&[Family::Ipv4Unicast]), &other), [Full; 4]);
    }

    #[test]
    fn what_the_peer_names_is_left_out_and_nothing_else() {
        let config = config(&[Family::Ipv4Unicast, Family::L2vpnEvpn]);
        let all = Offer::default().capabilities(&config, ANY_TRANSPORT, OwnRestart::default());
        let mut offer = Offer::default();
        for named in [Capability::EnhancedRouteRefresh, EVPN, Capability::FourOctetAs(Asn(7))] {
            offer = offer.after(&refusal(UNSUPPORTED_CAPABILITY, &[named]), &config);
        }
        let left: Vec<_> =
            offer.capabilities(&config, ANY_TRANSPORT, OwnRestart::default()).iter().map(kind).collect();
        let gone = [kind(&Capability::EnhancedRouteRefresh), kind(&EVPN), (65, None)];
        let expected: Vec<_> = all.iter().map(kind).filter(|kind| !gone.contains(kind)).collect();
        assert_eq!(left, expected);
    }

    #[test]
    fn the_last_family_and_what_was_not_offered_change_nothing() {
        let config = config(&[Family::Ipv4Unicast]);
        for named in [IPV4, EVPN, Capability::Unknown { code: 200, value: vec![] }] {
            let after = Offer::default().after(&refusal(UNSUPPORTED_CAPABILITY, &[named]), &config);
            assert_eq!(after, Offer::default());
        }
    }

    #[test]
    fn an_extended_next_hop_goes_with_ipv6_transport_unless_told_otherwise() {
        let mut config = config(&[Family::Ipv4Unicast]);
        let [four, six]: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        let offered = |config: &SessionConfig| {
            [four, mapped, six].map(|transport| {
                let open = Offer::default().open(config, transport, OwnRestart::default());
                open.capabilities.iter().any(|c| matches!(c, Capability::ExtendedNextHop(_)))
            })
        };
        for (setting, expected) in
            [(None, [false, false, true]), (Some(true), [true; 3]), (Some(false), [false; 3])]
        {
            config.extended_next_hop = setting;
            assert_eq!(offered(&config), expected, "{setting:?}");
        }
        config.families = [Family::L2vpnEvpn].into_iter().collect();
        assert_eq!(offered(&config), [false; 3], "EVPN needs no capability for it");
    }
}
