//! Route leaks and how roles prevent them: ONLY_TO_CUSTOMER (RFC 9234 section 5).
//!
//! A route that has once gone down or sideways in the hierarchy of providers and customers must only go down from
//! there on. The attribute marks such a route with the AS that sent it down. Here is the law, a function for each
//! rule; the session marks what comes in, admission refuses leaks, export marks what goes out and keeps back what
//! must not. All speak of an external peer to which this speaker is in the role `ours`, and of IP unicast.

use crate::types::{Asn, BgpRole, Family};

/// Whether the rules hold for a family (RFC 9234 section 5: IPv4 and IPv6 unicast and by default no other).
pub fn applies(family: Family) -> bool {
    matches!(family, Family::Ipv4Unicast | Family::Ipv6Unicast)
}

/// The mark that a route without one gets when it comes from the peer: it comes from above or from the side.
pub fn mark_received(ours: BgpRole, remote: Asn) -> Option<Asn> {
    use BgpRole::{Customer, Peer, RouteServerClient};
    matches!(ours, Customer | Peer | RouteServerClient).then_some(remote)
}

/// Whether a route with this mark must not have come from the peer: a customer sends up what was sent down, or a
/// peer what another one sent it.
pub fn is_leak(ours: BgpRole, remote: Asn, mark: Option<Asn>) -> bool {
    match ours {
        BgpRole::Provider | BgpRole::RouteServer => mark.is_some(),
        BgpRole::Peer => mark.is_some_and(|asn| asn != remote),
        BgpRole::Customer | BgpRole::RouteServerClient => false,
    }
}

/// Whether a route with this mark may go to the peer: one that has any only goes down.
pub fn may_leave(ours: BgpRole, mark: Option<Asn>) -> bool {
    use BgpRole::{Provider, RouteServer};
    mark.is_none() || matches!(ours, Provider | RouteServer)
}

/// The mark that a route without one gets when it goes to the peer: it goes down or to the side.
pub fn mark_sent(ours: BgpRole, local: Asn) -> Option<Asn> {
    use BgpRole::{Peer, Provider, RouteServer};
    matches!(ours, Provider | Peer | RouteServer).then_some(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Asn = Asn(1);
    const THEM: Asn = Asn(2);
    const OTHER: Asn = Asn(3);

    /// The two tables of RFC 9234 section 5, by what we are to the peer: marked on receipt; a leak without a mark,
    /// with the peer's, with another's; marked when sent; sent although it has a mark.
    #[test]
    fn the_law_as_a_table() {
        for (ours, received, leaks, sent, passes) in [
            (BgpRole::Provider, None, [false, true, true], Some(US), true),
            (BgpRole::RouteServer, None, [false, true, true], Some(US), true),
            (BgpRole::RouteServerClient, Some(THEM), [false, false, false], None, false),
            (BgpRole::Customer, Some(THEM), [false, false, false], None, false),
            (BgpRole::Peer, Some(THEM), [false, false, true], Some(US), false),
        ] {
            assert_eq!(mark_received(ours, THEM), received, "{ours}");
            assert_eq!(
                [None, Some(THEM), Some(OTHER)].map(|mark| is_leak(ours, THEM, mark)),
                leaks,
                "{ours}"
            );
            assert_eq!(mark_sent(ours, US), sent, "{ours}");
            assert!(may_leave(ours, None), "{ours}");
            assert_eq!(may_leave(ours, Some(OTHER)), passes, "{ours}");
        }
    }
}
