//! What the fuzz targets share: how an input chooses a setting, and what must hold of what was read.

pub mod network;

use bgp::types::{Family, FamilySet};
use bgp::wire::message::{HEADER_LEN, frame};
use bgp::wire::{
    EncodedAttrs, Encoding, Fault, Nlri, Nlris, PeerKind, Reach, Route, Update, UpdateContext, WireError,
    update,
};
use bytes::BytesMut;

/// The setting that the first octet of an input chooses, and the rest of the input.
pub fn setting(input: &[u8]) -> Option<(UpdateContext, &[u8])> {
    let (&choice, rest) = input.split_first()?;
    let families: FamilySet = Family::ALL.into_iter().filter(|f| choice >> *f as u8 & 1 == 0).collect();
    let add_path: FamilySet = Family::ALL.into_iter().filter(|_| choice & 0x10 != 0).collect();
    let encoding = Encoding { as4: choice & 0x20 == 0, add_path, ..Encoding::default() };
    let kind = if choice & 0x40 == 0 { PeerKind::Ibgp } else { PeerKind::Ebgp };
    Some((UpdateContext { encoding, kind, families }, rest))
}

/// An error says what is wrong, and no more of the message than fits into a NOTIFICATION.
pub fn check_error(error: &WireError) {
    assert!(!error.to_string().is_empty());
    assert!(error.notification().data.len() <= 64);
}

/// A fault says what is wrong with bounded octets, and why it has the verdict that it has.
pub fn check_fault(fault: &Fault) {
    assert!(!fault.to_string().is_empty());
    assert!(fault.octets.len() <= Fault::MAX_OCTETS);
    assert!(fault.section.starts_with("RFC "));
}

/// What was read of an UPDATE is what was agreed to be spoken about, and its faults are right.
pub fn check_update(update: &Update, ctx: &UpdateContext) {
    update.faults.iter().for_each(check_fault);
    for nlri in update.reach.iter().map(|reach| &reach.nlri).chain(&update.unreach) {
        assert!(ctx.families.contains(nlri.family()));
        assert!(!nlri.is_empty());
    }
    for reach in &update.reach {
        assert!(reach.attrs.next_hop.is_host());
    }
}

/// What was announced, said again, is read as the same, without a fault.
pub fn check_round_trip(update: &Update, ctx: &UpdateContext) {
    for Reach { attrs, nlri } in &update.reach {
        match nlri {
            Nlris::Ipv4(routes) => again(attrs, routes, ctx),
            Nlris::Ipv6(routes) => again(attrs, routes, ctx),
            Nlris::Evpn(routes) => again(attrs, routes, ctx),
        }
    }
    for nlri in &update.unreach {
        match nlri {
            Nlris::Ipv4(routes) => withdrawn_again(routes, ctx),
            Nlris::Ipv6(routes) => withdrawn_again(routes, ctx),
            Nlris::Evpn(routes) => withdrawn_again(routes, ctx),
        }
    }
}

fn again<N: Nlri>(attrs: &bgp::wire::Attrs, routes: &[Route<N>], ctx: &UpdateContext) {
    let encoding = Encoding { as4: true, max_message: u16::MAX, ..ctx.encoding };
    let ctx = UpdateContext { encoding, ..*ctx };
    let mut out = BytesMut::new();
    let fitting = EncodedAttrs::new(&encoding, attrs, N::FAMILY).announce(&mut out, routes);
    let Some(body) = only_body(&out) else { return };
    let update = Update::parse(body, &ctx).expect("what we write can be read");
    assert_eq!(update.faults, []);
    let nlri = N::list(routes[..fitting].to_vec());
    assert_eq!(update.reach, [Reach { attrs: attrs.clone(), nlri }]);
}

/// Withdrawals say which routes, and not what they carried.
fn withdrawn_again<N: Nlri>(routes: &[Route<N>], ctx: &UpdateContext) {
    let encoding = Encoding { max_message: u16::MAX, ..ctx.encoding };
    let mut out = BytesMut::new();
    update::withdraw(&mut out, &encoding, routes);
    let Some(body) = only_body(&out) else { return };
    let update = Update::parse(body, &UpdateContext { encoding, ..*ctx }).expect("what we write can be read");
    assert_eq!(update.faults, []);
    assert_eq!(update.unreach.iter().map(Nlris::family).collect::<Vec<_>>(), [N::FAMILY]);
}

fn only_body(octets: &[u8]) -> Option<&[u8]> {
    if octets.is_empty() {
        return None;
    }
    let (_, length) = frame(octets, u16::MAX).expect("a right header").expect("a whole message");
    assert_eq!(length, octets.len());
    octets.get(HEADER_LEN..)
}
