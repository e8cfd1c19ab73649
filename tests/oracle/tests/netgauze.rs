//! What linnet writes, NetGauze reads, and finds the same values in it; what NetGauze writes of that, linnet reads, and
//! it is what it began with.

#[cfg(test)]
#[path = "../../../bgp/tests/wire/generate.rs"]
mod generate;

use bgp::types::Family;
use bgp::wire::message::HEADER_LEN;
use bgp::wire::{Attrs, EncodedAttrs, Encoding, Nlri, Open, PeerKind, Route, Update, UpdateContext, update};
use bytes::BytesMut;
use netgauze_bgp_pkt::BgpMessage;
use oracle::disagreements::{agreed_attrs, agreed_open, agreed_route};
use oracle::{facts, theirs};
use proptest::prelude::*;

/// An internal session on which everything is spoken.
fn context(encoding: Encoding) -> UpdateContext {
    UpdateContext { encoding, kind: PeerKind::Ibgp, families: Family::ALL.into_iter().collect() }
}

/// Announces the routes, as many as fit into one message, and withdraws them.
fn judge<N: Nlri>(encoding: Encoding, attrs: &Attrs, routes: &[Route<N>]) -> Result<(), TestCaseError> {
    let mut out = BytesMut::new();
    let fitting = EncodedAttrs::new(&encoding, attrs, N::FAMILY).announce(&mut out, routes);
    prop_assert_ne!(fitting, 0);
    both_ways(&out, encoding)?;
    out.clear();
    update::withdraw(&mut out, &encoding, routes);
    both_ways(&out, encoding)
}

fn both_ways(octets: &[u8], encoding: Encoding) -> Result<(), TestCaseError> {
    let ours = Update::parse(&octets[HEADER_LEN..], &context(encoding)).unwrap();
    let message = theirs::read(octets, &encoding).map_err(TestCaseError::fail)?;
    let BgpMessage::Update(update) = &message else { panic!("{message:?}") };
    let [found, expected] = [facts::of_netgauze(update), facts::of_linnet(&ours)];
    if encoding.as4 {
        prop_assert_eq!(found, expected);
    }
    let written = theirs::write(&message).map_err(TestCaseError::fail)?;
    let again = Update::parse(&written[HEADER_LEN..], &context(encoding)).unwrap();
    prop_assert_eq!(again, ours);
    Ok(())
}

fn plain<N>(net: N) -> (N, ()) {
    (net, ())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ipv4_routes(
        encoding in generate::encoding(),
        attrs in generate::attrs(Family::Ipv4Unicast).prop_map(agreed_attrs),
        routes in generate::routes(generate::ipv4_net().prop_map(plain)),
    ) {
        judge(encoding, &attrs, &routes)?;
    }

    #[test]
    fn ipv6_routes(
        encoding in generate::encoding(),
        attrs in generate::attrs(Family::Ipv6Unicast).prop_map(agreed_attrs),
        routes in generate::routes(generate::ipv6_net().prop_map(plain)),
    ) {
        judge(encoding, &attrs, &routes)?;
    }

    #[test]
    fn evpn_routes(
        encoding in generate::encoding(),
        attrs in generate::attrs(Family::L2vpnEvpn).prop_map(agreed_attrs),
        routes in generate::routes(generate::evpn().prop_map(|(key, body)| (agreed_route(key), body))),
    ) {
        judge(encoding, &attrs, &routes)?;
    }

    #[test]
    fn opens(open in generate::open().prop_map(agreed_open)) {
        let mut out = BytesMut::new();
        open.emit(&mut out);
        let message = theirs::read(&out, &Encoding::default()).map_err(TestCaseError::fail)?;
        let BgpMessage::Open(theirs) = &message else { panic!("{message:?}") };
        prop_assert_eq!((theirs.my_asn4(), theirs.hold_time()), (open.asn.0, open.hold_time));
        prop_assert_eq!(theirs.bgp_id(), open.router_id.0);
        let written = theirs::write(&message).map_err(TestCaseError::fail)?;
        prop_assert_eq!(Open::parse(&written[HEADER_LEN..]), Ok(open));
    }
}
