//! What may be passed on to whom, and with which attributes.
//!
//! Reflection is RFC 4456 section 6, what eBGP changes is RFC 4271 section 5.1, the well-known communities are
//! RFC 1997. Over eBGP an EVPN route keeps its next hop, which is the VTEP that owns the MAC, as FRR and the
//! fabrics built on it expect; an IP route gets this speaker's. What an operator wants besides is the policy in
//! [`MemberSpec::policy`], which goes first.

use std::net::Ipv4Addr;

use crate::otc;
use crate::policy::{Fixed, NextHopRule};
use crate::rib::{LocalIdentity, Source, SourceKind};
use crate::types::{BgpRole, Family};
use crate::wire::{Attrs, Community, ExtCommunity, ExtCommunityKind, NextHop};

use super::spec::{MemberSpec, NextHopMode, Role};
use super::verdict::Withheld;

/// The rules of one group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy<'a> {
    pub(super) us: &'a LocalIdentity,
    pub(super) to: &'a MemberSpec,
    pub(super) family: Family,
}

impl Policy<'_> {
    /// Whether paths of `source` with these attributes are passed on at all, unless an operator's policy or
    /// [`Policy::can_tell`] says otherwise.
    pub(super) fn exports(&self, attrs: &Attrs, source: &Source) -> bool {
        self.withheld(attrs, source).is_none()
    }

    /// Why they are not.
    pub(super) fn withheld(&self, attrs: &Attrs, source: &Source) -> Option<Withheld> {
        let may_leave = |ours| otc::may_leave(ours, attrs.only_to_customer);
        if !self.to.export {
            Some(Withheld::NoPolicy)
        } else if !self.reflects(source) {
            Some(Withheld::Reflection)
        } else if self.is_held_back(attrs) {
            Some(Withheld::Community)
        } else {
            (!self.role().is_none_or(may_leave)).then_some(Withheld::Leak)
        }
    }

    /// Whether the receiver understands the next hop that it would be sent: an IPv4 route by an IPv6 one is for those
    /// only who have said so (RFC 8950).
    pub(super) fn can_tell(&self, attrs: &Attrs, source: &Source, fixed: Fixed) -> bool {
        let is_ipv4 = matches!(self.next_hop(attrs, source, fixed), NextHop::Ipv4(_));
        self.family != Family::Ipv4Unicast || is_ipv4 || self.to.encoding.extended_next_hop
    }

    /// The attributes as they are sent. What is `fixed` stays as an operator's policy has set it.
    pub(super) fn rewrite(&self, attrs: &Attrs, source: &Source, fixed: Fixed) -> Attrs {
        let before = attrs;
        let mut attrs = Attrs { weight: None, ..attrs.clone() };
        match self.to.role {
            Role::Ebgp { local_as, behind } => {
                if let Some(own) = behind {
                    attrs.as_path = attrs.as_path.prepend(own, 1);
                }
                attrs.as_path = attrs.as_path.prepend(local_as, 1);
                let mark = self.role().and_then(|ours| otc::mark_sent(ours, local_as));
                attrs.only_to_customer = attrs.only_to_customer.or(mark);
                self.leave_the_as(&mut attrs, source);
            }
            Role::Client | Role::NonClient => self.stay_in_the_as(&mut attrs, source),
        }
        if fixed.med {
            attrs.med = before.med;
        }
        attrs.next_hop = self.next_hop(before, source, fixed);
        self.speak_of_the_next_hop(&mut attrs, before.next_hop);
        attrs
    }

    /// How packets to an IP route's next hop may be wrapped is said of that next hop (RFC 9012 section 4.1): of another
    /// one it would be wrong. What has no next hop yet is this speaker's own.
    fn speak_of_the_next_hop(&self, attrs: &mut Attrs, before: NextHop) {
        let is_other = before.address() != attrs.next_hop.address() && !before.address().is_unspecified();
        if self.family != Family::L2vpnEvpn && is_other && !attrs.ext_communities.is_empty() {
            let stays = |community: &ExtCommunity| {
                !matches!(
                    community.kind(),
                    ExtCommunityKind::Encapsulation(_) | ExtCommunityKind::RouterMac(_)
                )
            };
            attrs.ext_communities = attrs.ext_communities.iter().copied().filter(stays).collect();
        }
    }

    /// What this speaker is to the receiver, where the rules of RFC 9234 hold.
    fn role(&self) -> Option<BgpRole> {
        self.to.bgp_role.filter(|_| otc::applies(self.family))
    }

    /// This speaker's own address for what has none; for IP routes as a policy says, or else as the neighbour's
    /// mode does.
    fn next_hop(&self, attrs: &Attrs, source: &Source, fixed: Fixed) -> NextHop {
        let own = match fixed.next_hop {
            Some(rule) => rule == NextHopRule::Own,
            None => self.family != Family::L2vpnEvpn && self.replaces_next_hop(source),
        };
        let theirs = match self.family {
            Family::L2vpnEvpn => Some(attrs.next_hop),
            _ => attrs.next_hop.beyond_its_link(),
        };
        let theirs = theirs.filter(|next_hop| !own && !next_hop.address().is_unspecified());
        theirs.unwrap_or(self.to.next_hop)
    }

    fn replaces_next_hop(&self, source: &Source) -> bool {
        let leaves = matches!(self.to.role, Role::Ebgp { .. });
        match self.to.next_hop_mode {
            NextHopMode::Standard => leaves,
            NextHopMode::SelfForExternal => leaves || source.kind == SourceKind::Ebgp,
            NextHopMode::SelfForAll => true,
            NextHopMode::Unchanged => false,
        }
    }

    /// iBGP routes go on to clients, or from clients, or out of the AS; all others to everybody.
    fn reflects(&self, source: &Source) -> bool {
        source.kind != SourceKind::Ibgp
            || match self.to.role {
                Role::Client => self.to.between_clients || !source.client,
                Role::NonClient => source.client,
                Role::Ebgp { .. } => true,
            }
    }

    /// There are no confederations here, so that NO_EXPORT_SUBCONFED asks for the same as NO_EXPORT.
    fn is_held_back(&self, attrs: &Attrs) -> bool {
        let leaves = matches!(self.to.role, Role::Ebgp { .. });
        attrs.communities.iter().any(|&community| match community {
            Community::NO_ADVERTISE => true,
            Community::NO_EXPORT | Community::NO_EXPORT_SUBCONFED => leaves,
            Community::LLGR_STALE => !self.to.long_lived,
            _ => false,
        })
    }

    fn stay_in_the_as(&self, attrs: &mut Attrs, source: &Source) {
        attrs.local_pref.get_or_insert(source.local_pref);
        if source.kind == SourceKind::Ibgp {
            attrs.originator_id.get_or_insert(source.router_id);
            attrs.cluster_list = prepended(self.us.cluster_id, &attrs.cluster_list);
        }
    }

    fn leave_the_as(&self, attrs: &mut Attrs, source: &Source) {
        attrs.local_pref = None;
        attrs.originator_id = None;
        attrs.cluster_list = Box::default();
        // A neighbour's MED is not for the next neighbour (RFC 4271 section 5.1.4); our own is for any.
        if source.kind != SourceKind::Local {
            attrs.med = None;
        }
        // Non-transitive extended communities stay in the AS (RFC 4360 section 2).
        attrs.ext_communities = attrs.ext_communities.iter().copied().filter(|c| c.is_transitive()).collect();
    }
}

fn prepended(cluster: Ipv4Addr, list: &[Ipv4Addr]) -> Box<[Ipv4Addr]> {
    std::iter::once(cluster).chain(list.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::spec::PathsSent;
    use super::*;
    use crate::rib::Admission;
    use crate::rib::DEFAULT_LOCAL_PREF;
    use crate::types::{Asn, Mac, RouterId};
    use crate::wire::TunnelType;
    use crate::wire::update::Encoding;

    const US: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const VTEP: NextHop = NextHop::Ipv4(Ipv4Addr::new(10, 0, 0, 9));
    const SELF: NextHop = NextHop::Ipv4(Ipv4Addr::new(192, 0, 2, 1));
    const EBGP: Role = Role::Ebgp { local_as: Asn(65000), behind: None };
    const ROLES: [Role; 3] = [Role::Client, Role::NonClient, EBGP];

    fn with<T>(role: Role, family: Family, check: impl FnOnce(Policy<'_>) -> T) -> T {
        let us = LocalIdentity {
            asn: Asn(65000),
            router_id: RouterId(US),
            cluster_id: US,
            addresses: Box::default(),
        };
        let encoding = Encoding::default();
        let (paths, policy) = (PathsSent::All, None);
        let next_hop_mode = NextHopMode::default();
        let to = MemberSpec {
            role,
            bgp_role: None,
            next_hop: SELF,
            next_hop_mode,
            encoding,
            paths,
            export: true,
            between_clients: true,
            policy,
            long_lived: false,
        };
        check(Policy { us: &us, to: &to, family })
    }

    fn source(kind: SourceKind, client: bool) -> Source {
        let router_id = RouterId(Ipv4Addr::new(10, 0, 0, 7));
        Source {
            kind,
            asn: Asn(65001),
            router_id,
            address: router_id.0.into(),
            client,
            weight: 0,
            local_pref: DEFAULT_LOCAL_PREF,
            admission: Admission::DEFAULT,
            local_as: None,
        }
    }

    #[test]
    fn reflection() {
        let attrs = Attrs::new(VTEP);
        let allowed = |kind, client| {
            ROLES.map(|role| with(role, Family::L2vpnEvpn, |p| p.exports(&attrs, &source(kind, client))))
        };
        assert_eq!(allowed(SourceKind::Local, false), [true, true, true]);
        assert_eq!(allowed(SourceKind::Ebgp, false), [true, true, true]);
        assert_eq!(allowed(SourceKind::Ibgp, true), [true, true, true]);
        assert_eq!(allowed(SourceKind::Ibgp, false), [true, false, true]);
    }

    #[test]
    fn clients_that_speak_with_each_other_are_not_reflected_to() {
        let attrs = Attrs::new(VTEP);
        let allowed = |role, client| {
            with(role, Family::L2vpnEvpn, |p| {
                let to = MemberSpec { between_clients: false, ..p.to.clone() };
                Policy { to: &to, ..p }.exports(&attrs, &source(SourceKind::Ibgp, client))
            })
        };
        assert_eq!(ROLES.map(|role| allowed(role, true)), [false, true, true]);
        assert_eq!(ROLES.map(|role| allowed(role, false)), [true, false, true]);
    }

    #[test]
    fn another_as_stands_in_front_or_in_place() {
        let path = |behind| {
            let role = Role::Ebgp { local_as: Asn(7), behind };
            let from = source(SourceKind::Local, false);
            with(role, Family::Ipv4Unicast, |p| p.rewrite(&Attrs::new(VTEP), &from, Fixed::default())).as_path
        };
        assert_eq!(path(Some(Asn(65000))).asns().collect::<Vec<_>>(), [Asn(7), Asn(65000)]);
        assert_eq!(path(None).asns().collect::<Vec<_>>(), [Asn(7)]);
    }

    #[test]
    fn well_known_communities() {
        let allowed = |community| {
            let attrs = Attrs { communities: [community].into(), ..Attrs::new(VTEP) };
            let source = source(SourceKind::Ebgp, false);
            ROLES.map(|role| with(role, Family::Ipv4Unicast, |p| p.exports(&attrs, &source)))
        };
        assert_eq!(allowed(Community::NO_EXPORT), [true, true, false]);
        assert_eq!(allowed(Community::NO_EXPORT_SUBCONFED), [true, true, false]);
        assert_eq!(allowed(Community::NO_ADVERTISE), [false, false, false]);
        assert_eq!(allowed(Community(65000 << 16 | 1)), [true, true, true]);
        assert_eq!(allowed(Community::LLGR_STALE), [false, false, false], "they do not know what it means");
    }

    #[test]
    fn reflected_routes_name_originator_and_clusters() {
        let from = source(SourceKind::Ibgp, true);
        let once =
            with(Role::Client, Family::L2vpnEvpn, |p| p.rewrite(&Attrs::new(VTEP), &from, Fixed::default()));
        assert_eq!(once.originator_id, Some(from.router_id));
        assert_eq!(*once.cluster_list, [US]);
        assert_eq!((once.local_pref, once.next_hop), (Some(100), VTEP));

        let elsewhere = Ipv4Addr::new(10, 9, 9, 9);
        let first = RouterId(elsewhere);
        let attrs =
            Attrs { originator_id: Some(first), cluster_list: [elsewhere].into(), ..Attrs::new(VTEP) };
        let twice = with(Role::NonClient, Family::L2vpnEvpn, |p| p.rewrite(&attrs, &from, Fixed::default()));
        assert_eq!(twice.originator_id, Some(first), "the first originator stays");
        assert_eq!(*twice.cluster_list, [US, elsewhere]);
    }

    #[test]
    fn what_enters_by_ebgp_is_not_marked_as_reflected() {
        let from = source(SourceKind::Ebgp, false);
        let attrs = Attrs { med: Some(5), local_pref: Some(7), ..Attrs::new(VTEP) };
        let sent = with(Role::Client, Family::Ipv4Unicast, |p| p.rewrite(&attrs, &from, Fixed::default()));
        assert_eq!(sent, attrs);
    }

    #[test]
    fn over_ebgp() {
        let attrs = Attrs {
            med: Some(5),
            local_pref: Some(7),
            originator_id: Some(RouterId(US)),
            cluster_list: [US].into(),
            ext_communities: [ExtCommunity([0x43; 8]), ExtCommunity([0x03; 8])].into(),
            ..Attrs::new(VTEP)
        };
        let from = source(SourceKind::Ibgp, false);
        let sent = with(EBGP, Family::Ipv4Unicast, |p| p.rewrite(&attrs, &from, Fixed::default()));
        let expected = Attrs {
            as_path: attrs.as_path.prepend(Asn(65000), 1),
            ext_communities: [ExtCommunity([0x03; 8])].into(),
            ..Attrs::new(SELF)
        };
        assert_eq!(sent, expected);
        let evpn = with(EBGP, Family::L2vpnEvpn, |p| p.rewrite(&attrs, &from, Fixed::default()));
        assert_eq!(evpn.next_hop, VTEP);
        let own = with(EBGP, Family::Ipv4Unicast, |p| {
            p.rewrite(&attrs, &source(SourceKind::Local, false), Fixed::default())
        });
        assert_eq!(own.med, Some(5));
    }

    #[test]
    fn how_to_wrap_is_said_of_one_next_hop_only() {
        let vxlan = ExtCommunity::encapsulation(TunnelType::VXLAN);
        let mac = ExtCommunity::router_mac(Mac([2, 0, 0, 0, 0, 1]));
        let all = [ExtCommunity([0x03; 8]), vxlan, mac];
        let attrs = |next_hop| Attrs { ext_communities: all.into(), ..Attrs::new(next_hop) };
        let sent = |role, family, kind, next_hop| {
            let rewrite = |p: Policy<'_>| p.rewrite(&attrs(next_hop), &source(kind, true), Fixed::default());
            with(role, family, rewrite).ext_communities.len()
        };
        let (nobody, ipv4) = (NextHop::Ipv4(Ipv4Addr::UNSPECIFIED), Family::Ipv4Unicast);
        assert_eq!(sent(EBGP, ipv4, SourceKind::Ibgp, VTEP), 1, "another next hop");
        assert_eq!(sent(Role::Client, ipv4, SourceKind::Ibgp, VTEP), 3, "the same next hop");
        assert_eq!(sent(EBGP, ipv4, SourceKind::Local, nobody), 3, "this speaker's own");
        assert_eq!(sent(EBGP, Family::L2vpnEvpn, SourceKind::Ibgp, VTEP), 3, "a VTEP is not replaced");
    }

    #[test]
    fn ipv4_routes_by_ipv6_next_hops_are_for_those_who_understand_them() {
        let six = NextHop::Ipv6("2001:db8::9".parse().unwrap());
        let allowed = |role, family, extended_next_hop| {
            let policy = |p: Policy<'_>| {
                let encoding = Encoding { extended_next_hop, ..p.to.encoding };
                let to = MemberSpec { next_hop: six, encoding, ..p.to.clone() };
                let p = Policy { to: &to, ..p };
                [VTEP, six].map(|next_hop| {
                    p.can_tell(&Attrs::new(next_hop), &source(SourceKind::Ibgp, true), Fixed::default())
                })
            };
            with(role, family, policy)
        };
        assert_eq!(allowed(Role::Client, Family::Ipv4Unicast, false), [true, false]);
        assert_eq!(allowed(Role::Client, Family::Ipv4Unicast, true), [true, true]);
        assert_eq!(allowed(EBGP, Family::Ipv4Unicast, false), [false, false], "our address is an IPv6 one");
        assert_eq!(allowed(EBGP, Family::Ipv4Unicast, true), [true, true]);
        assert_eq!(allowed(EBGP, Family::L2vpnEvpn, false), [true, true]);
    }

    #[test]
    fn what_goes_down_is_marked_and_what_is_marked_only_goes_down() {
        let marked = Attrs { only_to_customer: Some(Asn(7)), ..Attrs::new(VTEP) };
        let from = source(SourceKind::Ebgp, false);
        let sent = |bgp_role, family, attrs: &Attrs| {
            with(EBGP, family, |p| {
                let to = MemberSpec { bgp_role: Some(bgp_role), ..p.to.clone() };
                let p = Policy { to: &to, ..p };
                p.exports(attrs, &from).then(|| p.rewrite(attrs, &from, Fixed::default()).only_to_customer)
            })
        };
        let plain = Attrs::new(VTEP);
        for family in [Family::Ipv4Unicast, Family::Ipv6Unicast] {
            assert_eq!(sent(BgpRole::Provider, family, &plain), Some(Some(Asn(65000))));
            assert_eq!(sent(BgpRole::Provider, family, &marked), Some(Some(Asn(7))));
            assert_eq!(sent(BgpRole::Customer, family, &plain), Some(None));
            assert_eq!(sent(BgpRole::Customer, family, &marked), None);
        }
        assert_eq!(sent(BgpRole::Customer, Family::L2vpnEvpn, &marked), Some(Some(Asn(7))), "not of EVPN");
    }

    #[test]
    fn a_link_local_address_is_not_passed_on() {
        let (global, local) = ("2001:db8::9".parse().unwrap(), "fe80::9".parse().unwrap());
        let attrs = Attrs::new(NextHop::Ipv6LinkLocal(global, local));
        let sent = with(Role::Client, Family::Ipv6Unicast, |p| {
            p.rewrite(&attrs, &source(SourceKind::Ibgp, true), Fixed::default())
        });
        assert_eq!(sent.next_hop, NextHop::Ipv6(global));
        let alone = Attrs::new(NextHop::Ipv6(local));
        let sent = with(Role::Client, Family::Ipv6Unicast, |p| {
            p.rewrite(&alone, &source(SourceKind::Ibgp, true), Fixed::default())
        });
        assert_eq!(sent.next_hop, SELF, "nobody else could use it");
    }

    #[test]
    fn next_hops_by_mode() {
        let told = |mode, role, family, kind| {
            with(role, family, |policy| {
                let to = MemberSpec { next_hop_mode: mode, ..policy.to.clone() };
                let policy = Policy { to: &to, ..policy };
                policy.rewrite(&Attrs::new(VTEP), &source(kind, true), Fixed::default()).next_hop == SELF
            })
        };
        use SourceKind::{Ebgp, Ibgp};
        for (mode, within, leaving) in [
            (NextHopMode::Standard, [false, false], true),
            (NextHopMode::SelfForExternal, [true, false], true),
            (NextHopMode::SelfForAll, [true, true], true),
            (NextHopMode::Unchanged, [false, false], false),
        ] {
            assert_eq!([Ebgp, Ibgp].map(|kind| told(mode, Role::Client, Family::Ipv4Unicast, kind)), within);
            assert_eq!([Ebgp, Ibgp].map(|kind| told(mode, EBGP, Family::Ipv4Unicast, kind)), [leaving; 2]);
            assert!(!told(mode, EBGP, Family::L2vpnEvpn, Ebgp), "the VTEP stays");
        }
    }

    #[test]
    fn own_routes_get_an_address() {
        let own = Attrs::new(NextHop::Ipv4(Ipv4Addr::UNSPECIFIED));
        let from = source(SourceKind::Local, false);
        let sent = with(Role::NonClient, Family::Ipv4Unicast, |p| p.rewrite(&own, &from, Fixed::default()));
        assert_eq!((sent.next_hop, sent.local_pref), (SELF, Some(100)));
    }
}
