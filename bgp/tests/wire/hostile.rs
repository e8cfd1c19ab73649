//! Nothing that comes in can end the process, or go out again in a form that others have to refuse.

use bgp::types::Family;
use bgp::wire::message::{HEADER_LEN, Message, MessageType, frame};
use bgp::wire::{EncodedAttrs, Encoding, Nlri, Nlris, PeerKind, Reach, Route, Update, UpdateContext, update};
use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::generate;
use crate::message::{bodies, context};

const TYPES: [MessageType; 5] = [
    MessageType::Open,
    MessageType::Update,
    MessageType::Notification,
    MessageType::Keepalive,
    MessageType::RouteRefresh,
];

fn setting() -> impl Strategy<Value = UpdateContext> {
    (generate::encoding(), prop_oneof![Just(PeerKind::Ibgp), Just(PeerKind::Ebgp)])
        .prop_map(|(encoding, kind)| UpdateContext { encoding, ..context(kind) })
}

/// One UPDATE that is right.
fn valid(encoding: Encoding) -> impl Strategy<Value = Vec<u8>> {
    let evpn = (generate::attrs(Family::L2vpnEvpn), generate::routes(generate::evpn()))
        .prop_map(move |(attrs, routes)| written(|out| update::announce(out, &encoding, &attrs, &routes)));
    let ipv4 = generate::routes(generate::ipv4_net().prop_map(|net| (net, ())));
    let ipv4 = (generate::attrs(Family::Ipv4Unicast), ipv4)
        .prop_map(move |(attrs, routes)| written(|out| update::announce(out, &encoding, &attrs, &routes)));
    prop_oneof![evpn, ipv4]
}

fn written(write: impl FnOnce(&mut BytesMut) -> usize) -> Vec<u8> {
    let mut out = BytesMut::new();
    write(&mut out);
    out.to_vec()
}

/// Whatever came of hostile octets, saying it again says the same, to any kind of speaker.
fn says_the_same_again(update: &Update, ctx: &UpdateContext) -> Result<(), TestCaseError> {
    for Reach { attrs, nlri } in &update.reach {
        match nlri {
            Nlris::Ipv4(routes) => again(attrs, routes, ctx)?,
            Nlris::Ipv6(routes) => again(attrs, routes, ctx)?,
            Nlris::Evpn(routes) => again(attrs, routes, ctx)?,
        }
    }
    Ok(())
}

fn again<N: Nlri>(
    attrs: &bgp::wire::Attrs,
    routes: &[Route<N>],
    ctx: &UpdateContext,
) -> Result<(), TestCaseError> {
    let encoding = Encoding { as4: true, max_message: u16::MAX, ..ctx.encoding };
    let ctx = UpdateContext { encoding, ..*ctx };
    let mut out = BytesMut::new();
    let fitting = EncodedAttrs::new(&encoding, attrs, N::FAMILY).announce(&mut out, routes);
    for body in bodies(&out, u16::MAX) {
        let update = Update::parse(body, &ctx).unwrap();
        prop_assert!(update.faults.is_empty(), "{:?}", update.faults);
        let nlri = N::list(routes[..fitting].to_vec());
        prop_assert_eq!(update.reach, [Reach { attrs: attrs.clone(), nlri }]);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_octets(octets in vec(any::<u8>(), 0..300), ctx in setting()) {
        let _ = frame(&octets, ctx.encoding.max_message);
        for kind in TYPES {
            if let Err(error) = Message::parse(kind, &octets, &ctx) {
                prop_assert!(!error.to_string().is_empty() && error.notification().data.len() <= 64);
            }
        }
    }

    /// Sound framing, arbitrary attributes: gets further than arbitrary octets do.
    #[test]
    fn arbitrary_attributes(
        attributes in vec((any::<u8>(), prop_oneof![0..33u8, any::<u8>()], vec(any::<u8>(), 0..40)), 0..8),
        nlri in vec(any::<u8>(), 0..20),
        ctx in setting(),
    ) {
        let attribute = |(flags, code, value): &(u8, u8, Vec<u8>)| {
            [&[flags & !0x10, *code, value.len() as u8], &value[..]].concat()
        };
        let attributes: Vec<u8> = attributes.iter().flat_map(attribute).collect();
        let length = (attributes.len() as u16).to_be_bytes();
        if let Ok(update) = Update::parse(&[&[0, 0], &length[..], &attributes, &nlri].concat(), &ctx) {
            says_the_same_again(&update, &ctx)?;
        }
    }

    #[test]
    fn damaged_updates(
        (ctx, octets) in setting().prop_flat_map(|ctx| (Just(ctx), valid(ctx.encoding))),
        damage in vec((any::<Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<Index>()),
    ) {
        let mut body = octets[HEADER_LEN..].to_vec();
        for (at, octet) in damage {
            // The first octets, with lengths and flags, are the ones worth damaging.
            let at = at.index(body.len().min(200));
            body[at] = octet;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        if let Ok(update) = Update::parse(&body, &ctx) {
            says_the_same_again(&update, &ctx)?;
        }
    }

    #[test]
    fn damaged_opens(
        open in generate::open(),
        damage in vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let octets = written(|out| { open.emit(out); 1 });
        let mut body = octets[HEADER_LEN..].to_vec();
        for (at, octet) in damage {
            let at = at.index(body.len());
            body[at] = octet;
        }
        if let Ok(open) = bgp::wire::Open::parse(&body) {
            let octets = written(|out| { open.emit(out); 1 });
            prop_assert_eq!(bgp::wire::Open::parse(&octets[HEADER_LEN..]), Ok(open));
        }
    }

    #[test]
    fn arbitrary_text(text in "\\PC{0,40}") {
        let _ = text.parse::<bgp::wire::EvpnKey>();
        let _ = text.parse::<bgp::wire::AsPath>();
        let _ = text.parse::<bgp::wire::ExtCommunity>();
        let _ = text.parse::<bgp::wire::RouteTarget>();
        let _ = text.parse::<bgp::wire::Community>();
        let _ = text.parse::<bgp::wire::LargeCommunity>();
        prop_assert!(bgp::wire::Notification::shutdown(&text).to_string().starts_with("Cease"));
    }
}
