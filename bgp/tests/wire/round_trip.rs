//! What is written can be read again, and says the same.

use bgp::types::Family;
use bgp::wire::message::{HEADER_LEN, MessageType, frame};
use bgp::wire::{
    Attrs, EncodedAttrs, Encoding, EvpnKey, Nlri, Nlris, Notification, Open, PeerKind, Reach, Route, Update,
    UpdateContext, update,
};
use bytes::BytesMut;
use ipnet::{Ipv4Net, Ipv6Net};
use proptest::prelude::*;

use crate::generate;
use crate::message::{bodies, context};

fn internal(encoding: Encoding) -> UpdateContext {
    UpdateContext { encoding, ..context(PeerKind::Ibgp) }
}

/// As a peer without ADD-PATH gets them.
fn as_sent<N: Nlri>(routes: &[Route<N>], encoding: &Encoding) -> Vec<Route<N>> {
    let keep = encoding.add_path.contains(N::FAMILY);
    let sent = |route: &Route<N>| if keep { *route } else { Route::new(route.nlri, route.body) };
    routes.iter().map(sent).collect()
}

/// Announces and withdraws all routes, in as many messages as it takes, and reads them again.
fn there_and_back<N: Nlri>(
    encoding: Encoding,
    attrs: &Attrs,
    routes: &[Route<N>],
    take: fn(Nlris) -> Vec<Route<N>>,
) -> Result<(), TestCaseError> {
    let mut out = BytesMut::new();
    let (encoded, mut rest) = (EncodedAttrs::new(&encoding, attrs, N::FAMILY), routes);
    while !rest.is_empty() {
        let fitting = encoded.announce(&mut out, rest);
        prop_assert_ne!(fitting, 0);
        rest = &rest[fitting..];
    }
    let mut seen = Vec::new();
    for body in bodies(&out, encoding.max_message) {
        let Update { reach, unreach, end_of_rib, faults } = Update::parse(body, &internal(encoding)).unwrap();
        prop_assert!(unreach.is_empty() && end_of_rib.is_none() && faults.is_empty(), "{:?}", faults);
        for Reach { attrs: read, nlri } in reach {
            prop_assert_eq!(&read, attrs);
            seen.extend(take(nlri));
        }
    }
    prop_assert_eq!(seen, as_sent(routes, &encoding));
    there_and_away(encoding, routes, take)
}

fn there_and_away<N: Nlri>(
    encoding: Encoding,
    routes: &[Route<N>],
    take: fn(Nlris) -> Vec<Route<N>>,
) -> Result<(), TestCaseError> {
    let (mut out, mut rest) = (BytesMut::new(), routes);
    while !rest.is_empty() {
        let fitting = update::withdraw(&mut out, &encoding, rest);
        prop_assert_ne!(fitting, 0);
        rest = &rest[fitting..];
    }
    let mut seen = Vec::new();
    for body in bodies(&out, encoding.max_message) {
        let Update { reach, unreach, end_of_rib, faults } = Update::parse(body, &internal(encoding)).unwrap();
        prop_assert!(reach.is_empty() && end_of_rib.is_none() && faults.is_empty(), "{:?}", faults);
        unreach.into_iter().for_each(|nlri| seen.extend(take(nlri)));
    }
    let keys = |routes: Vec<Route<N>>| routes.into_iter().map(|r| (r.nlri, r.path_id)).collect::<Vec<_>>();
    prop_assert_eq!(keys(seen), keys(as_sent(routes, &encoding)));
    Ok(())
}

fn ipv4(nlri: Nlris) -> Vec<Route<Ipv4Net>> {
    if let Nlris::Ipv4(routes) = nlri { routes } else { panic!("{nlri:?}") }
}

fn ipv6(nlri: Nlris) -> Vec<Route<Ipv6Net>> {
    if let Nlris::Ipv6(routes) = nlri { routes } else { panic!("{nlri:?}") }
}

fn evpn(nlri: Nlris) -> Vec<Route<EvpnKey>> {
    if let Nlris::Evpn(routes) = nlri { routes } else { panic!("{nlri:?}") }
}

fn plain<N>(net: N) -> (N, ()) {
    (net, ())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn ipv4_routes(
        encoding in generate::encoding(),
        attrs in generate::attrs(Family::Ipv4Unicast),
        routes in generate::routes(generate::ipv4_net().prop_map(plain)),
    ) {
        there_and_back(encoding, &attrs, &routes, ipv4)?;
    }

    #[test]
    fn ipv6_routes(
        encoding in generate::encoding(),
        attrs in generate::attrs(Family::Ipv6Unicast),
        routes in generate::routes(generate::ipv6_net().prop_map(plain)),
    ) {
        there_and_back(encoding, &attrs, &routes, ipv6)?;
    }

    #[test]
    fn evpn_routes(
        encoding in generate::encoding(),
        attrs in generate::attrs(Family::L2vpnEvpn),
        routes in generate::routes(generate::evpn()),
    ) {
        there_and_back(encoding, &attrs, &routes, evpn)?;
    }

    #[test]
    fn evpn_text((key, _) in generate::evpn()) {
        prop_assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn as_path_text(path in generate::as_path()) {
        prop_assert_eq!(path.to_string().parse(), Ok(path));
    }

    #[test]
    fn ext_community_text(octets: [u8; 8]) {
        let community = bgp::wire::ExtCommunity(octets);
        prop_assert_eq!(community.to_string().parse(), Ok(community));
    }

    #[test]
    fn opens(open in generate::open()) {
        let mut out = BytesMut::new();
        open.emit(&mut out);
        prop_assert_eq!(frame(&out, 4096), Ok(Some((MessageType::Open, out.len()))));
        prop_assert_eq!(Open::parse(&out[HEADER_LEN..]), Ok(open));
    }

    #[test]
    fn notifications(code: u8, subcode: u8, data in prop::collection::vec(any::<u8>(), 0..300)) {
        let notification = Notification { code, subcode, data };
        let mut out = BytesMut::new();
        notification.emit(&mut out);
        prop_assert_eq!(Notification::parse(&out[HEADER_LEN..]), Ok(notification));
    }
}

#[test]
fn end_of_rib() {
    for family in Family::ALL {
        let mut out = BytesMut::new();
        update::end_of_rib(&mut out, family);
        let [body] = bodies(&out, 4096)[..] else { panic!("one message") };
        let update = Update::parse(body, &internal(Encoding::default())).unwrap();
        assert_eq!(update, Update { end_of_rib: Some(family), ..Update::default() });
    }
}

#[test]
fn nothing_is_written_where_nothing_fits() {
    let routes = [Route::<Ipv4Net>::new("10.0.0.0/8".parse().unwrap(), ())];
    let long = vec![bgp::wire::Community(1); 1100];
    let attrs =
        Attrs { communities: long.into(), ..Attrs::new(bgp::wire::NextHop::Ipv4([10, 0, 0, 1].into())) };
    let mut out = BytesMut::from(&b"before"[..]);
    let narrow = Encoding::default();
    assert_eq!(update::announce(&mut out, &narrow, &attrs, &routes), 0);
    assert_eq!(update::announce::<Ipv4Net>(&mut out, &narrow, &attrs, &[]), 0);
    assert_eq!(update::withdraw::<Ipv4Net>(&mut out, &narrow, &[]), 0);
    assert_eq!(out, "before");
    let wide = Encoding { max_message: 65535, ..narrow };
    assert_eq!(update::announce(&mut out, &wide, &attrs, &routes), 1);
}

#[test]
fn messages_are_filled() {
    let net = |i: u32| Ipv4Net::new((0x0a00_0000 + (i << 8)).into(), 24).unwrap();
    let routes: Vec<_> = (0..5000).map(|i| Route::new(net(i), ())).collect();
    let attrs = Attrs::new(bgp::wire::NextHop::Ipv4([10, 0, 0, 1].into()));
    let mut out = BytesMut::new();
    let fitting = update::announce(&mut out, &Encoding::default(), &attrs, &routes);
    assert!(out.len() + 4 > 4096, "another route would have fitted: {}", out.len());
    // ORIGIN 4, an empty AS_PATH 3, NEXT_HOP 7, and two lengths of two octets behind the header.
    assert_eq!(fitting, (4096 - 19 - 4 - 14) / 4);
}
