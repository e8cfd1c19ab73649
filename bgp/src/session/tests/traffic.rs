//! What passes through a session that is up.

use super::*;
use crate::types::{Afi, BgpRole, EthernetTag, Mac, PathId, Rd, Safi};
use crate::wire::{Attrs, EvpnBody, EvpnKey, NextHop, Nlris, Route, RouteRefresh, update};

#[test]
fn what_came_before_the_end_still_counts() {
    let mut a = Alone::established(config_a());
    a.session.buffer(Side::Outgoing).unwrap().extend_from_slice(&notification(6, 2));
    let actions = a.input(Input::Closed(Side::Outgoing));
    assert_eq!(downs(&actions), [&Down::Remote(cease(2))]);
}

#[test]
fn routes_pass_through_with_shared_attributes() {
    let mut a = Alone::established(config_a());
    let host = |last| Route {
        nlri: EvpnKey::MacIp {
            rd: Rd([0, 1, 10, 0, 0, 2, 0, last]),
            tag: EthernetTag(0),
            mac: Mac([2, 0, 0, 0, 0, last]),
            ip: None,
        },
        path_id: PathId::default(),
        body: EvpnBody::default(),
    };
    let agreed = a.session.established().unwrap().send;
    let mut attrs = Attrs::new(NextHop::Ipv4([10, 0, 0, 2].into()));
    attrs.as_path = attrs.as_path.prepend(AS_B, 1);
    let mut bytes = BytesMut::new();
    update::announce(&mut bytes, &agreed, &attrs, &[host(1)]);
    update::announce(&mut bytes, &agreed, &attrs, &[host(2)]);
    update::end_of_rib(&mut bytes, Family::L2vpnEvpn);
    let actions = a.receive(Side::Outgoing, &bytes);
    let [Action::Update(first), Action::Update(second), Action::EndOfRib(Family::L2vpnEvpn)] = &actions[..]
    else {
        panic!("{actions:?}")
    };
    assert!(std::sync::Arc::ptr_eq(&first.reach[0].0, &second.reach[0].0));
    assert_eq!(first.reach[0].1, Nlris::Evpn(vec![host(1)]));
    assert_eq!(*first.reach[0].0, attrs);
}

#[test]
fn a_providers_ip_routes_are_marked() {
    let role = Some(RoleConfig { ours: BgpRole::Customer, strict: false });
    let mut a = Alone::established(SessionConfig { role, ..config_a() });
    let agreed = a.session.established().unwrap().receive;
    let mut attrs = Attrs::new(NextHop::Ipv4([10, 0, 0, 2].into()));
    attrs.as_path = attrs.as_path.prepend(AS_B, 1);
    for (marked, expected) in [(None, AS_B), (Some(Asn(7)), Asn(7))] {
        let mut bytes = BytesMut::new();
        let attrs = Attrs { only_to_customer: marked, ..attrs.clone() };
        let net: ipnet::Ipv4Net = "10.244.1.0/24".parse().unwrap();
        update::announce(&mut bytes, &agreed, &attrs, &[Route::new(net, ())]);
        let actions = a.receive(Side::Outgoing, &bytes);
        let [Action::Update(routes)] = &actions[..] else { panic!("{actions:?}") };
        assert_eq!(routes.reach[0].0.only_to_customer, Some(expected));
    }
}

#[test]
fn refresh_is_for_families_that_are_spoken() {
    let mut a = Alone::established(config_a());
    let request = |afi, safi, subtype| octets(|out| RouteRefresh { afi, safi, subtype }.emit(out));
    let evpn = a.receive(Side::Outgoing, &request(Afi::L2VPN, Safi::EVPN, 0));
    assert_eq!(evpn, [Action::Refresh(Family::L2vpnEvpn)]);
    let marks = [request(Afi::L2VPN, Safi::EVPN, 1), request(Afi::L2VPN, Safi::EVPN, 2)].concat();
    let actions = a.receive(Side::Outgoing, &marks);
    assert_eq!(actions, [Action::RefreshBegins(Family::L2vpnEvpn), Action::RefreshEnds(Family::L2vpnEvpn)]);
    for ignored in [request(Afi::IPV6, Safi::UNICAST, 0), request(Afi::L2VPN, Safi::EVPN, 3)] {
        assert_eq!(a.receive(Side::Outgoing, &ignored), []);
    }
}

#[test]
fn marks_of_a_refresh_mean_nothing_where_they_were_not_agreed_upon() {
    let mut a = Alone::started(config_a());
    a.connected();
    let mut open = Offer::default().open(&config_b(), end(2).ip(), OwnRestart::default());
    open.capabilities.retain(|c| *c != Capability::EnhancedRouteRefresh);
    a.receive(Side::Outgoing, &[&octets(|out| open.emit(out))[..], message::keepalive()].concat());
    for subtype in [RouteRefresh::BEGIN, RouteRefresh::END] {
        let mark = octets(|out| RouteRefresh::new(Family::L2vpnEvpn, subtype).emit(out));
        assert_eq!(a.receive(Side::Outgoing, &mark), []);
    }
}

#[test]
fn a_mark_of_a_wrong_length_ends_the_session_with_the_message_as_data() {
    let mut a = Alone::established(config_a());
    let mut mark = octets(|out| RouteRefresh::new(Family::L2vpnEvpn, RouteRefresh::BEGIN).emit(out));
    mark.push(0);
    mark[17] += 1;
    let actions = a.receive(Side::Outgoing, &mark);
    let Some(Action::Send(_, octets)) = actions.first() else { panic!("{actions:?}") };
    assert_eq!(octets[HEADER_LEN..], [&[7, 1][..], &mark].concat());
}
