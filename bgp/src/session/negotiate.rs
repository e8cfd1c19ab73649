//! What follows from our OPEN and the peer's.
//!
//! Families: those that both offer; a speaker that offers none by capability means IPv4 unicast (RFC 4760
//! section 8). Nothing in common is a refusal, see [`Refusal::NoFamily`]. Of the other capabilities, what both
//! offer is used. What is offered at all is `offer`'s to say; what came of it is in [`Established`]. Graceful
//! restart is `restart`'s.

use std::net::SocketAddr;
use std::time::Duration;

use super::config::{RoleConfig, SessionConfig};
use super::down::Refusal;
use super::established::Established;
use super::restart;
use super::words::Side;
use crate::types::{Afi, Family, FamilySet, Safi};
use crate::wire::message::{MAX_EXTENDED_MESSAGE, MAX_MESSAGE};
use crate::wire::update::{Encoding, PeerKind};
use crate::wire::{AddPathMode, Capability, Open};

/// An OPEN that was sent and waits for its answer.
#[derive(Clone, Debug)]
pub(super) struct OpenSent {
    pub(super) side: Side,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) open: Open,
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
        let both = |has: fn(&Capability) -> bool| offers(&self.open, has) && offers(&theirs, has);
        let kind = if theirs.asn == config.local_asn { PeerKind::Ibgp } else { PeerKind::Ebgp };
        Ok(Established {
            side: self.side,
            local: self.local,
            remote: self.remote,
            next_hop: self.local.ip().into(),
            kind,
            remote_asn: theirs.asn,
            remote_router_id: theirs.router_id,
            hold_time: Duration::from_secs(hold_time.into()),
            keepalive: keepalive(hold_time, config.keepalive),
            families,
            route_refresh: both(|c| matches!(c, Capability::RouteRefresh)),
            enhanced_refresh: both(|c| matches!(c, Capability::EnhancedRouteRefresh)),
            role: config.role.filter(|_| kind == PeerKind::Ebgp).map(|role| role.ours),
            receive: Encoding {
                add_path: families.intersection(add_path(&theirs, &self.open)),
                extended_next_hop: offers(&self.open, has_extended_next_hop),
                ..encoding(&self.open, &theirs)
            },
            send: Encoding {
                add_path: families.intersection(add_path(&self.open, &theirs)),
                extended_next_hop: both(has_extended_next_hop),
                ..encoding(&self.open, &theirs)
            },
            restart: restart::agreed(&self.open, &theirs, families),
            capabilities_sent: self.open.capabilities.clone(),
            capabilities_received: theirs.capabilities,
        })
    }
}

/// The checks of RFC 4271 section 6.2 that need the configuration; the others were made when it was parsed.
fn check_peer(theirs: &Open, config: &SessionConfig) -> Result<(), Refusal> {
    if !config.remote_as.accepts(theirs.asn, config.local_asn) {
        return Err(Refusal::PeerAs { says: theirs.asn, wanted: config.remote_as.clone() });
    }
    if theirs.asn == config.local_asn && theirs.router_id == config.router_id {
        return Err(Refusal::RouterId(theirs.router_id));
    }
    if theirs.hold_time != 0 && theirs.hold_time < config.min_hold_time {
        return Err(Refusal::HoldTime { says: theirs.hold_time, least: config.min_hold_time });
    }
    match config.role.filter(|_| theirs.asn != config.local_asn) {
        Some(role) => check_role(theirs, role),
        None => Ok(()),
    }
}

/// RFC 9234 section 4.2. A capability that cannot be understood, or several that differ, go with no role.
fn check_role(theirs: &Open, RoleConfig { ours, strict }: RoleConfig) -> Result<(), Refusal> {
    let mut roles: Vec<&Capability> = theirs.capabilities.iter().filter(|c| c.code() == ROLE).collect();
    roles.dedup();
    match roles[..] {
        [] if strict => Err(Refusal::NoRole { ours }),
        [] => Ok(()),
        [Capability::Role(says)] if *says == ours.counterpart() => Ok(()),
        [Capability::Role(says)] => Err(Refusal::Role { ours, says: Some(*says) }),
        _ => Err(Refusal::Role { ours, says: None }),
    }
}

/// The code of the role capability, understood or not.
const ROLE: u8 = 9;

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

fn offers(open: &Open, has: fn(&Capability) -> bool) -> bool {
    open.capabilities.iter().any(has)
}

/// IPv4 unicast routes may have an IPv6 next hop (RFC 8950 section 4).
fn has_extended_next_hop(capability: &Capability) -> bool {
    let wanted = (Afi::IPV4, Safi::UNICAST, Afi::IPV6);
    matches!(capability, Capability::ExtendedNextHop(families) if families.contains(&wanted))
}

/// The families in which one side may send several paths, as it and the other side offer (RFC 7911 section 4).
fn add_path(sender: &Open, receiver: &Open) -> FamilySet {
    let modes = |open: &Open, family: Family| {
        let all = open.capabilities.iter().filter_map(|capability| match capability {
            Capability::AddPath(families) => Some(families),
            _ => None,
        });
        let of_family = |(afi, safi, mode): &(Afi, Safi, AddPathMode)| {
            (Family::new(*afi, *safi) == Some(family)).then_some(*mode)
        };
        all.flatten().find_map(of_family)
    };
    let sends = |family| matches!(modes(sender, family), Some(AddPathMode::Send | AddPathMode::Both));
    let takes = |family| matches!(modes(receiver, family), Some(AddPathMode::Receive | AddPathMode::Both));
    Family::ALL.into_iter().filter(|family| sends(*family) && takes(*family)).collect()
}

/// What is the same both ways.
fn encoding(ours: &Open, theirs: &Open) -> Encoding {
    let both = |has: fn(&Capability) -> bool| offers(ours, has) && offers(theirs, has);
    let long = both(|c| matches!(c, Capability::ExtendedMessage));
    Encoding {
        as4: both(|c| matches!(c, Capability::FourOctetAs(_))),
        max_message: if long { MAX_EXTENDED_MESSAGE } else { MAX_MESSAGE },
        ..Encoding::default()
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
    use super::super::restart::OwnRestart;
    use super::*;
    use crate::session::RemoteAs;
    use crate::session::offer::Offer;
    use crate::types::{Asn, BgpRole, RouterId};

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
        let open = Offer::default().open(config, end.ip(), OwnRestart::default());
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
            ours.remote_as = remote_as.clone();
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
    fn an_extended_next_hop_may_come_where_we_offered_it_and_go_where_both_did() {
        let mut ours = config(&[Family::Ipv4Unicast]);
        ours.extended_next_hop = Some(true);
        let encodings = |theirs: &[Capability]| {
            let agreed = answered(&ours, peer(65000, theirs)).unwrap();
            (agreed.receive.extended_next_hop, agreed.send.extended_next_hop)
        };
        let family = |safi, next_hop| Capability::ExtendedNextHop(vec![(Afi::IPV4, safi, next_hop)]);
        assert_eq!(encodings(&[]), (true, false));
        assert_eq!(encodings(&[family(Safi::UNICAST, Afi::IPV6)]), (true, true));
        assert_eq!(encodings(&[family(Safi(128), Afi::IPV6)]), (true, false));
        assert_eq!(encodings(&[family(Safi::UNICAST, Afi(9))]), (true, false));
    }

    #[test]
    fn a_hold_time_may_be_too_short_but_not_none() {
        let ours = SessionConfig { min_hold_time: 31, ..config(&[Family::Ipv4Unicast]) };
        assert_eq!(answered(&ours, peer(65000, &[])), Err(Refusal::HoldTime { says: 30, least: 31 }));
        for hold_time in [0, 31] {
            assert!(answered(&ours, Open { hold_time, ..peer(65000, &[]) }).is_ok(), "{hold_time}");
        }
    }

    #[test]
    fn roles_go_in_pairs() {
        use BgpRole::{Customer, Peer, Provider, RouteServer};
        let unknown = || Capability::Unknown { code: 9, value: vec![7] };
        let says = |roles: &[BgpRole]| roles.iter().map(|role| Capability::Role(*role)).collect::<Vec<_>>();
        let outcome = |ours, strict, theirs: &[Capability]| {
            let ours =
                SessionConfig { role: Some(RoleConfig { ours, strict }), ..config(&[Family::Ipv4Unicast]) };
            answered(&ours, peer(65001, theirs)).map(|agreed| agreed.role)
        };
        assert_eq!(outcome(Provider, true, &says(&[Customer])), Ok(Some(Provider)));
        assert_eq!(outcome(Peer, true, &says(&[Peer, Peer])), Ok(Some(Peer)));
        assert_eq!(outcome(Customer, false, &[]), Ok(Some(Customer)));
        assert_eq!(outcome(Customer, true, &[]), Err(Refusal::NoRole { ours: Customer }));
        let mismatch = |ours, says| Err(Refusal::Role { ours, says });
        assert_eq!(outcome(Customer, false, &says(&[Customer])), mismatch(Customer, Some(Customer)));
        assert_eq!(outcome(Provider, false, &says(&[RouteServer])), mismatch(Provider, Some(RouteServer)));
        assert_eq!(outcome(Peer, false, &says(&[Peer, Customer])), mismatch(Peer, None));
        assert_eq!(outcome(Peer, false, &[unknown()]), mismatch(Peer, None));
    }

    #[test]
    fn an_internal_peer_has_no_role() {
        let role = Some(RoleConfig { ours: BgpRole::Peer, strict: true });
        let ours = SessionConfig { role, ..config(&[Family::Ipv4Unicast]) };
        assert_eq!(answered(&ours, peer(65000, &[])).unwrap().role, None);
    }

    #[test]
    fn what_is_in_use_is_what_both_offered() {
        let mut ours = config(&[Family::Ipv4Unicast, Family::L2vpnEvpn]);
        ours.role = Some(RoleConfig { ours: BgpRole::Provider, strict: false });
        let theirs = [EVPN, Capability::RouteRefresh, Capability::Role(BgpRole::Customer)];
        let agreed = answered(&ours, peer(65001, &theirs)).unwrap();
        assert_eq!(
            agreed.in_use(),
            ["multiprotocol l2vpn-evpn", "route-refresh", "role provider to customer"]
        );
    }

    /// One side has to offer to send, and the other to receive, for each direction and family.
    #[test]
    fn several_paths_go_where_both_sides_want_them() {
        use AddPathMode::{Both, Receive, Send};
        let (ipv4, evpn) = (families(&[Family::Ipv4Unicast]), Family::L2vpnEvpn);
        let none = FamilySet::EMPTY;
        for (receive, send, theirs, expected) in [
            (true, true, Some(Both), (ipv4, ipv4)),
            (true, true, Some(Send), (ipv4, none)),
            (true, true, Some(Receive), (none, ipv4)),
            (true, false, Some(Both), (ipv4, none)),
            (false, true, Some(Both), (none, ipv4)),
            (true, false, Some(Receive), (none, none)),
            (false, false, Some(Both), (none, none)),
            (true, true, None, (none, none)),
        ] {
            let mut ours = config(&[Family::Ipv4Unicast, evpn]);
            ours.add_path = crate::session::AddPathOffer { receive, send };
            let several = theirs.map(|mode| Capability::AddPath(vec![(Afi::IPV4, Safi::UNICAST, mode)]));
            let plain = [Capability::Multiprotocol(Afi::IPV4, Safi::UNICAST), EVPN];
            let theirs: Vec<_> = plain.into_iter().chain(several).collect();
            let agreed = answered(&ours, peer(65000, &theirs)).unwrap();
            assert_eq!((agreed.receive.add_path, agreed.send.add_path), expected, "{theirs:?}");
        }
    }
}
