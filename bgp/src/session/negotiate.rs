//! What is offered in our OPEN, and what follows from it and the peer's.
//!
//! Families: those that both offer; a speaker that offers none by capability means IPv4 unicast (RFC 4760
//! section 8). Nothing in common is a refusal, see [`Refusal::NoFamily`]. Four-octet AS numbers (RFC 6793) and
//! long messages (RFC 8654) are used where both offer them. Graceful restart is `restart`'s. ADD-PATH of the peer
//! is read and shown, and not offered.

use std::net::SocketAddr;
use std::time::Duration;

use super::config::SessionConfig;
use super::down::Refusal;
use super::established::Established;
use super::restart::{self, OwnRestart};
use super::words::Side;
use crate::types::{Family, FamilySet};
use crate::wire::message::{MAX_EXTENDED_MESSAGE, MAX_MESSAGE};
use crate::wire::update::{Encoding, PeerKind};
use crate::wire::{Capability, Notification, Open};

/// How much to offer: less to a peer that has refused more (RFC 5492 section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Offer {
    /// All that we can.
    #[default]
    Full,
    /// What the configuration cannot do without: families and four-octet AS numbers.
    Essential,
    /// No capabilities at all: IPv4 unicast.
    Bare,
}

/// An OPEN that was sent and waits for its answer.
#[derive(Clone, Debug)]
pub(super) struct OpenSent {
    pub(super) side: Side,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) open: Open,
}

impl Offer {
    /// What to offer after the peer ended an attempt with `refusal`. Each step is tried once; after the last
    /// it is all again, since the peer may have been changed meanwhile.
    pub(super) fn after(self, refusal: &Notification, config: &SessionConfig) -> Offer {
        match (refusal.code, refusal.subcode, self) {
            (2, UNSUPPORTED_PARAMETER | UNSUPPORTED_CAPABILITY, Offer::Full) => Offer::Essential,
            (2, UNSUPPORTED_PARAMETER | UNSUPPORTED_CAPABILITY, Offer::Essential) if bare_will_do(config) => {
                Offer::Bare
            }
            (2, UNSUPPORTED_PARAMETER | UNSUPPORTED_CAPABILITY, _) => Offer::Full,
            _ => self,
        }
    }
}

const UNSUPPORTED_PARAMETER: u8 = 4;
const UNSUPPORTED_CAPABILITY: u8 = 7;

/// Without capabilities only IPv4 unicast can be spoken.
fn bare_will_do(config: &SessionConfig) -> bool {
    config.families.contains(Family::Ipv4Unicast)
}

/// Our OPEN.
pub(super) fn open(config: &SessionConfig, offer: Offer, own: OwnRestart) -> Open {
    Open {
        asn: config.local_asn,
        hold_time: config.hold_time,
        router_id: config.router_id,
        capabilities: capabilities(config, offer, own),
    }
}

fn capabilities(config: &SessionConfig, offer: Offer, own: OwnRestart) -> Vec<Capability> {
    let families = config.families.iter().map(|f| Capability::Multiprotocol(f.afi(), f.safi()));
    let essential = families.chain([Capability::FourOctetAs(config.local_asn)]);
    match offer {
        Offer::Full => {
            let more = [Capability::RouteRefresh, Capability::ExtendedMessage];
            essential.chain(more).chain(restart::capabilities(config, own)).collect()
        }
        Offer::Essential => essential.collect(),
        Offer::Bare => Vec::new(),
    }
}

impl OpenSent {
    /// What our OPEN and the peer's make together, or why the peer's is not acceptable.
    pub(super) fn answered(&self, theirs: Open, config: &SessionConfig) -> Result<Established, Refusal> {
        check_peer(&theirs, config)?;
        let families = offered_families(&self.open).intersection(offered_families(&theirs));
        if families.is_empty() {
            return Err(Refusal::NoFamily(config.families));
        }
        let hold_time = self.open.hold_time.min(theirs.hold_time);
        let encoding = encoding(&self.open, &theirs);
        Ok(Established {
            side: self.side,
            local: self.local,
            remote: self.remote,
            kind: if theirs.asn == config.local_asn { PeerKind::Ibgp } else { PeerKind::Ebgp },
            remote_asn: theirs.asn,
            remote_router_id: theirs.router_id,
            hold_time: Duration::from_secs(hold_time.into()),
            keepalive: keepalive(hold_time, config.keepalive),
            families,
            receive: encoding,
            send: encoding,
            restart: restart::agreed(&self.open, &theirs, families),
            capabilities_sent: self.open.capabilities.clone(),
            capabilities_received: theirs.capabilities,
        })
    }
}

/// The checks of RFC 4271 section 6.2 that need the configuration; the others were made when it was parsed.
fn check_peer(theirs: &Open, config: &SessionConfig) -> Result<(), Refusal> {
    if !config.remote_as.accepts(theirs.asn, config.local_asn) {
        return Err(Refusal::PeerAs { says: theirs.asn, wanted: config.remote_as });
    }
    if theirs.asn == config.local_asn && theirs.router_id == config.router_id {
        return Err(Refusal::RouterId(theirs.router_id));
    }
    Ok(())
}

fn offered_families(open: &Open) -> FamilySet {
    let mut offers = open.capabilities.iter().filter_map(multiprotocol).peekable();
    match offers.peek() {
        None => [Family::Ipv4Unicast].into_iter().collect(),
        Some(_) => offers.flatten().collect(),
    }
}

/// The family of a multiprotocol capability: `Some(None)` for one that we do not speak.
fn multiprotocol(capability: &Capability) -> Option<Option<Family>> {
    match capability {
        Capability::Multiprotocol(afi, safi) => Some(Family::new(*afi, *safi)),
        _ => None,
    }
}

/// The same both ways, as long as what is offered is.
fn encoding(ours: &Open, theirs: &Open) -> Encoding {
    let both = |has: fn(&Capability) -> bool| [ours, theirs].iter().all(|o| o.capabilities.iter().any(has));
    let long = both(|c| matches!(c, Capability::ExtendedMessage));
    Encoding {
        as4: both(|c| matches!(c, Capability::FourOctetAs(_))),
        add_path: FamilySet::EMPTY,
        max_message: if long { MAX_EXTENDED_MESSAGE } else { MAX_MESSAGE },
    }
}

/// A third of the hold time, or less if so configured (RFC 4271 section 4.4).
fn keepalive(hold_time: u16, configured: Option<u16>) -> Duration {
    let third = Duration::from_secs(hold_time.into()) / 3;
    match configured {
        Some(seconds) if seconds > 0 => third.min(Duration::from_secs(seconds.into())),
        _ => third,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::RemoteAs;
    use crate::types::{Afi, Asn, RouterId, Safi};

    fn families(list: &[Family]) -> FamilySet {
        list.iter().copied().collect()
    }

    fn config(list: &[Family]) -> SessionConfig {
        SessionConfig::new(Asn(65000), RouterId([10, 0, 0, 1].into()), RemoteAs::Any, families(list))
    }

    fn peer(asn: u32, capabilities: &[Capability]) -> Open {
        Open {
            asn: Asn(asn),
            hold_time: 30,
            router_id: RouterId([10, 0, 0, 2].into()),
            capabilities: capabilities.to_vec(),
        }
    }

    fn answered(config: &SessionConfig, theirs: Open) -> Result<Established, Refusal> {
        let end = SocketAddr::from(([127, 0, 0, 1], 179));
        let open = open(config, Offer::Full, OwnRestart::default());
        OpenSent { side: Side::Outgoing, local: end, remote: end, open }.answered(theirs, config)
    }

    const EVPN: Capability = Capability::Multiprotocol(Afi::L2VPN, Safi::EVPN);

    #[test]
    fn families_in_common() {
        let ours = config(&[Family::Ipv4Unicast, Family::L2vpnEvpn]);
        let agreed = answered(&ours, peer(65000, std::slice::from_ref(&EVPN))).unwrap();
        assert_eq!(agreed.families, families(&[Family::L2vpnEvpn]));
        let agreed = answered(&ours, peer(65000, &[])).unwrap();
        assert_eq!(agreed.families, families(&[Family::Ipv4Unicast]), "no capability means IPv4 unicast");
    }

    #[test]
    fn none_in_common_is_a_refusal() {
        let ours = config(&[Family::L2vpnEvpn]);
        let vpnv4 = Capability::Multiprotocol(Afi::IPV4, Safi(128));
        for theirs in [vec![], vec![vpnv4]] {
            assert_eq!(answered(&ours, peer(65000, &theirs)), Err(Refusal::NoFamily(ours.families)));
        }
    }

    #[test]
    fn capabilities_of_one_side_are_not_used() {
        let ours = config(&[Family::L2vpnEvpn]);
        let plain = answered(&ours, peer(65000, std::slice::from_ref(&EVPN))).unwrap();
        assert_eq!((plain.send.as4, plain.send.max_message), (false, 4096));
        let all = [EVPN, Capability::FourOctetAs(Asn(65000)), Capability::ExtendedMessage];
        let modern = answered(&ours, peer(65000, &all)).unwrap();
        assert_eq!((modern.send.as4, modern.receive.max_message), (true, 65535));
    }

    #[test]
    fn the_lower_hold_time_and_at_most_a_third_of_it() {
        let mut ours = config(&[Family::Ipv4Unicast]);
        let times = |agreed: Established| (agreed.hold_time.as_secs(), agreed.keepalive.as_secs());
        assert_eq!(times(answered(&ours, peer(65000, &[])).unwrap()), (30, 10));
        ours.keepalive = Some(3);
        assert_eq!(times(answered(&ours, peer(65000, &[])).unwrap()), (30, 3));
        ours.keepalive = Some(60);
        assert_eq!(times(answered(&ours, peer(65000, &[])).unwrap()), (30, 10));
        ours.hold_time = 0;
        assert_eq!(times(answered(&ours, peer(65000, &[])).unwrap()), (0, 0));
    }

    #[test]
    fn who_may_come() {
        let mut ours = config(&[Family::Ipv4Unicast]);
        let cases = [
            (RemoteAs::Number(Asn(1)), [true, false]),
            (RemoteAs::External, [true, false]),
            (RemoteAs::Internal, [false, true]),
            (RemoteAs::Any, [true, true]),
        ];
        for (remote_as, accepted) in cases {
            ours.remote_as = remote_as;
            assert_eq!(
                [1, 65000].map(|asn| answered(&ours, peer(asn, &[])).is_ok()),
                accepted,
                "{remote_as}"
            );
        }
    }

    #[test]
    fn the_same_identifier_is_for_other_ases_only() {
        let ours = config(&[Family::Ipv4Unicast]);
        let twin = |asn| Open { router_id: ours.router_id, ..peer(asn, &[]) };
        assert_eq!(answered(&ours, twin(65000)), Err(Refusal::RouterId(ours.router_id)));
        assert_eq!(answered(&ours, twin(65001)).unwrap().kind, PeerKind::Ebgp);
    }

    #[test]
    fn less_is_offered_after_a_refusal_and_all_again_after_the_last() {
        let refusal = Notification { code: 2, subcode: UNSUPPORTED_CAPABILITY, data: Vec::new() };
        let steps = |config: &SessionConfig| {
            let next = |offer: &Offer| Some(offer.after(&refusal, config));
            std::iter::successors(Some(Offer::Full), next).take(3).collect::<Vec<_>>()
        };
        assert_eq!(steps(&config(&[Family::Ipv4Unicast])), [Offer::Full, Offer::Essential, Offer::Bare]);
        assert_eq!(steps(&config(&[Family::L2vpnEvpn])), [Offer::Full, Offer::Essential, Offer::Full]);
        let other = Notification { code: 2, subcode: 2, data: Vec::new() };
        assert_eq!(Offer::Full.after(&other, &config(&[Family::Ipv4Unicast])), Offer::Full);
    }
}
