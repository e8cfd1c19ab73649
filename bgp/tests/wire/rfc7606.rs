//! RFC 7606 rule by rule. Section numbers are its, where no other document is named.

use bgp::types::{Asn, Family};
use bgp::wire::{NextHop, Nlris, PeerKind, Update, UpdateContext, Verdict, WireError};

use crate::message::{body, context, external, hex, internal};

const ORIGIN: &str = "40010100";
const AS_PATH: &str = "4002060201 0000fde9";
const NEXT_HOP: &str = "4003040a000001";
const LOCAL_PREF: &str = "40050400000064";
/// 10.1.2.0/24.
const NET: &str = "180a0102";
/// MP_REACH_NLRI with an IMET route of 10.0.0.1 by the VTEP 10.0.0.1.
const EVPN: &str = "800e1c 001946 04 0a000001 00 0311 00010a0000010001 00000000 20 0a000001";

fn base() -> String {
    [ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF].concat()
}

/// What an internal peer says who adds `attribute` to what has to be there.
fn with(attribute: &str) -> Update {
    internal("", &(base() + attribute), NET).unwrap()
}

/// The same without the attribute that begins with these digits.
fn replacing(attribute: &str, by: &str) -> Update {
    internal("", &(base().replace(attribute, by)), NET).unwrap()
}

fn reset(result: Result<Update, WireError>) -> (u8, u8) {
    let error = result.unwrap_err();
    (error.code, error.subcode)
}

fn names(nlri: &Nlris) -> Vec<String> {
    match nlri {
        Nlris::Ipv4(routes) => routes.iter().map(|r| r.nlri.to_string()).collect(),
        Nlris::Ipv6(routes) => routes.iter().map(|r| r.nlri.to_string()).collect(),
        Nlris::Evpn(routes) => routes.iter().map(|r| r.nlri.to_string()).collect(),
    }
}

/// The routes count as withdrawn, for one fault, of this attribute.
#[track_caller]
fn withdrawn(update: &Update, attribute: u8) {
    let faults: Vec<_> = update.faults.iter().map(|f| (f.verdict, f.attribute)).collect();
    assert_eq!(faults, [(Verdict::TreatAsWithdraw, attribute)], "{update:?}");
    assert_eq!(update.reach, []);
    assert_eq!(update.unreach.iter().flat_map(names).collect::<Vec<_>>(), ["10.1.2.0/24"]);
}

/// The routes stay, without this attribute.
#[track_caller]
fn discarded(update: &Update, attribute: u8) {
    let faults: Vec<_> = update.faults.iter().map(|f| (f.verdict, f.attribute)).collect();
    assert_eq!(faults, [(Verdict::Discard, attribute)], "{update:?}");
    assert_eq!(update.unreach, []);
    assert_eq!(update.reach.iter().flat_map(|r| names(&r.nlri)).collect::<Vec<_>>(), ["10.1.2.0/24"]);
}

#[test]
fn a_right_update_has_no_faults() {
    let update = with("");
    assert_eq!(update.faults, []);
    let [reach] = &update.reach[..] else { panic!("{update:?}") };
    assert_eq!(names(&reach.nlri), ["10.1.2.0/24"]);
    assert_eq!(reach.attrs.as_path.to_string(), "65001");
    assert_eq!(reach.attrs.next_hop, NextHop::Ipv4([10, 0, 0, 1].into()));
}

#[test]
fn section_3a_lengths_of_the_fields() {
    for broken in ["0005 0000", "0000 0001", "00", "0000", ""] {
        let result = Update::parse(&hex(broken), &context(PeerKind::Ibgp));
        assert_eq!(reset(result), (3, 1), "{broken}");
    }
}

#[test]
fn section_3c_flags() {
    withdrawn(&replacing(ORIGIN, "c0010100"), 1);
    withdrawn(&replacing(AS_PATH, "8002060201 0000fde9"), 2);
    withdrawn(&replacing(NEXT_HOP, "c003040a000001"), 3);
    withdrawn(&with("c00404 00000001"), 4);
    withdrawn(&with("800804 00010001"), 8);
    withdrawn(&with("801008 0002fde800000064"), 16);
}

#[test]
fn section_3c_unused_flag_bits_do_not_matter() {
    assert_eq!(replacing(ORIGIN, "4f010100"), with(""));
}

#[test]
fn section_3d_missing_attributes() {
    withdrawn(&replacing(ORIGIN, ""), 1);
    withdrawn(&replacing(AS_PATH, ""), 2);
    withdrawn(&replacing(NEXT_HOP, ""), 3);
    withdrawn(&replacing(LOCAL_PREF, ""), 5);
    let external = external("", &[ORIGIN, AS_PATH, NEXT_HOP].concat(), NET).unwrap();
    assert_eq!(external.faults, []);
}

#[test]
fn section_3f_errors_without_a_rule_end_the_session() {
    let error = internal("", &(base() + "40630100"), NET).unwrap_err();
    assert_eq!((error.code, error.subcode, error.offset), (3, 2, 19 + 4 + 27));
    assert_eq!(error.notification().data, hex("40630100"));
}

#[test]
fn section_3g_repeated_attributes() {
    let update = with("800404 00000001 800404 00000002");
    discarded(&update, 4);
    assert_eq!(update.reach[0].attrs.med, Some(1));
    assert_eq!(reset(internal("", &(base() + EVPN + EVPN), "")), (3, 1));
    assert_eq!(reset(internal("", "800f03001946 800f03001946", "")), (3, 1));
}

#[test]
fn section_3h_the_stronger_verdict_wins() {
    // AGGREGATOR of five octets is discarded, MULTI_EXIT_DISC of three costs the routes.
    let update = with("c00705 0000fde90a 800403 000001");
    let verdicts: Vec<_> = update.faults.iter().map(|f| f.verdict).collect();
    assert_eq!(verdicts, [Verdict::Discard, Verdict::TreatAsWithdraw]);
    assert_eq!(update.reach, []);
}

#[test]
fn section_4_overruns() {
    withdrawn(&with("8004ff 00000001"), 4);
    withdrawn(&with("90"), 0);
    withdrawn(&with("9004 00"), 4);
    let mp = internal("", &(base() + "800eff 001946"), NET);
    assert_eq!(reset(mp), (3, 1));
}

#[test]
fn section_5_2_errors_without_routes() {
    assert_eq!(reset(internal("", "c0010100", "")), (3, 4));
    assert_eq!(reset(internal("", "800403 000001", "")), (3, 5));
    assert_eq!(reset(internal("", "40010103", "")), (3, 6));
    assert_eq!(reset(internal("", "4002020201", "")), (3, 11));
    assert_eq!(internal("", "c00705 0000fde90a", "").unwrap().faults.len(), 1);
    assert_eq!(internal("", "400101", "").unwrap_err().subcode, 1);
}

#[test]
fn section_5_2_withdrawals_are_honoured_whatever_their_flags() {
    let update = internal("", "400f11 001946 0311 00010a0000010001 00000000", "").unwrap_err();
    assert_eq!(update.subcode, 9, "a truncated route is no withdrawal");
    let route = "400f16 001946 0311 00010a0000010001 00000000 20 0a000001";
    let update = internal("", route, "").unwrap();
    assert_eq!(names(&update.unreach[0]), ["[3]:[10.0.0.1:1]:[0]:[32]:[10.0.0.1]"]);
    assert_eq!(update.faults.len(), 1);
}

#[test]
fn section_5_3_routes_that_cannot_be_read() {
    assert_eq!(reset(internal("210a010203ff", "", "")), (3, 10), "longer than an address");
    assert_eq!(reset(internal("180a01", "", "")), (3, 10), "overrun");
    assert_eq!(reset(internal("", &base(), "210a010203ff")), (3, 10));
    assert_eq!(reset(internal("", &base(), "180a01")), (3, 10));
    assert_eq!(reset(internal("", "800f05 000201 4020", "")), (3, 9));
    assert_eq!(reset(internal("", "800f15 000201 81 20010db8000000000000000000000000 01", "")), (3, 9));
    assert_eq!(reset(internal("", &(base() + "800e0b 001946 04 0a000001 00 0311"), "")), (3, 9));
}

#[test]
fn section_5_4_unknown_route_types() {
    let unknown = "800e20 001946 04 0a000001 00 fe02abcd 0311 00010a0000010001 00000000 20 0a000001";
    let update = internal("", &(base() + unknown), "").unwrap();
    assert_eq!(names(&update.reach[0].nlri), ["[3]:[10.0.0.1:1]:[0]:[32]:[10.0.0.1]"]);
    let [fault] = &update.faults[..] else { panic!("{update:?}") };
    assert_eq!(
        (fault.verdict, fault.attribute, &*fault.octets),
        (Verdict::Discard, 14, &hex("fe02abcd")[..])
    );
}

#[test]
fn section_5_4_broken_routes_of_known_types() {
    // A MAC of 40 bits: whose route it is cannot be told.
    let mac = "0221 00010a0000010001 00000000000000000000 00000000 28 020000000050 00 000064";
    let update = internal("", &(base() + "800e2c 001946 04 0a000001 00" + mac), "").unwrap();
    assert_eq!((update.reach.len(), update.unreach.len()), (0, 0));
    assert_eq!(update.faults[0].verdict, Verdict::Discard);
    // A label of two octets: it can.
    let label = "0220 00010a0000010001 00000000000000000000 00000000 30 020000000050 00 0064";
    let update = internal("", &(base() + "800e2b 001946 04 0a000001 00" + label), "").unwrap();
    assert_eq!(names(&update.unreach[0]), ["[2]:[10.0.0.1:1]:[0]:[48]:[02:00:00:00:00:50]"]);
    assert_eq!(update.faults[0].verdict, Verdict::TreatAsWithdraw);
}

#[test]
fn section_7_1_origin() {
    withdrawn(&replacing(ORIGIN, "40010103"), 1);
    withdrawn(&replacing(ORIGIN, "4001020000"), 1);
    withdrawn(&replacing(ORIGIN, "400100"), 1);
}

#[test]
fn section_7_2_as_path() {
    for (broken, why) in [
        ("4002060501 0000fde9", "unknown segment type"),
        ("4002060202 0000fde9", "overrun"),
        ("4002070201 0000fde9 02", "a single octet left over"),
        ("4002020200", "empty segment"),
        ("4002060201 00000000", "AS 0 (RFC 7607)"),
        ("4002040201 fde9", "two-octet numbers"),
    ] {
        let update = internal("", &base().replace(AS_PATH, broken), NET).unwrap();
        assert_eq!(update.reach, [], "{why}");
        withdrawn(&update, 2);
    }
}

#[test]
fn rfc_5065_confederations_end_at_the_border() {
    let confed = base().replace(AS_PATH, "4002060301 0000fde9").replace(LOCAL_PREF, "");
    withdrawn(&external("", &confed, NET).unwrap(), 2);
    assert_eq!(replacing(AS_PATH, "4002060301 0000fde9").faults, []);
}

#[test]
fn section_7_3_next_hop() {
    withdrawn(&replacing(NEXT_HOP, "400303 0a0000"), 3);
    for address in ["00000000", "7f000001", "e0000001", "ffffffff"] {
        withdrawn(&replacing(NEXT_HOP, &format!("400304 {address}")), 3);
    }
}

#[test]
fn section_7_4_multi_exit_disc() {
    withdrawn(&with("800403 000001"), 4);
    withdrawn(&with("800405 0000000001"), 4);
}

#[test]
fn section_7_5_local_pref() {
    withdrawn(&replacing(LOCAL_PREF, "400503 000064"), 5);
    let update = external("", &base(), NET).unwrap();
    discarded(&update, 5);
    assert_eq!(update.reach[0].attrs.local_pref, None);
    discarded(&external("", &base().replace(LOCAL_PREF, "400503000064"), NET).unwrap(), 5);
}

#[test]
fn section_7_6_atomic_aggregate() {
    let update = with("400601 00");
    discarded(&update, 6);
    assert!(!update.reach[0].attrs.atomic_aggregate);
}

#[test]
fn section_7_7_aggregator() {
    discarded(&with("c00706 fde9 0a000001"), 7);
    discarded(&with("c00708 00000000 0a000001"), 7);
}

#[test]
fn section_7_8_communities() {
    withdrawn(&with("c00803 000100"), 8);
    withdrawn(&with("c00800"), 8);
}

#[test]
fn sections_7_9_and_7_10_reflection() {
    withdrawn(&with("800903 0a0000"), 9);
    withdrawn(&with("800a03 0a0000"), 10);
    withdrawn(&with("800a00"), 10);
    let plain = base().replace(LOCAL_PREF, "");
    discarded(&external("", &(plain.clone() + "8009040a000001"), NET).unwrap(), 9);
    discarded(&external("", &(plain + "800a040a000001"), NET).unwrap(), 10);
}

#[test]
fn section_7_11_next_hops_of_mp_reach() {
    for broken in ["800e0a 001946 05 0a00000100 00", "800e14 000201 0f 20010db80000000000000000000000 00"] {
        assert_eq!(reset(internal("", &(base() + broken), "")), (3, 9), "{broken}");
    }
    assert_eq!(reset(internal("", &(base() + "800e04 00194604"), "")), (3, 9));
}

/// RFC 8950 section 4: only to a speaker that has offered to take it. The routes can be told all the same.
#[test]
fn rfc_8950_an_ipv6_next_hop_of_ipv4_routes_that_was_not_offered() {
    let mp = "800e19 000101 10 20010db8000000000000000000000001 00 180a0102";
    let attributes = [ORIGIN, AS_PATH, LOCAL_PREF, mp].concat();
    withdrawn(&internal("", &attributes, "").unwrap(), 14);
    let mut ctx = context(PeerKind::Ibgp);
    ctx.encoding.extended_next_hop = true;
    let update = Update::parse(&body("", &attributes, ""), &ctx).unwrap();
    assert_eq!(update.faults, []);
    assert_eq!(update.reach[0].attrs.next_hop, NextHop::Ipv6("2001:db8::1".parse().unwrap()));
}

#[test]
fn section_7_14_extended_communities() {
    withdrawn(&with("c01007 0002fde8000000"), 16);
    withdrawn(&with("c01000"), 16);
}

#[test]
fn rfc_6514_pmsi_tunnel() {
    withdrawn(&with("c01604 00060000"), 22);
    withdrawn(&with("c01608 0006000064 0a0000"), 22);
    assert_eq!(with("c01609 0006000064 0a000001").faults, []);
}

#[test]
fn rfc_8092_large_communities() {
    withdrawn(&with("c0200b 0000000100000001000000"), 32);
    withdrawn(&with("c02000"), 32);
}

#[test]
fn rfc_9234_only_to_customer() {
    withdrawn(&with("c02303 000001"), 35);
    withdrawn(&with("c02300"), 35);
    withdrawn(&with("802304 0000fde9"), 35);
    assert_eq!(with("c02304 0000fde9").reach[0].attrs.only_to_customer, Some(Asn(65001)));
    assert_eq!(with("e02304 0000fde9").faults, [], "the partial bit is no fault");
}

#[test]
fn rfc_6793_as4_attributes_between_new_speakers() {
    discarded(&with("c01106 0201 00010000"), 17);
    discarded(&with("c01208 00010000 0a000001"), 18);
}

fn from_an_old_speaker(as_path: &str, more: &str) -> Update {
    let ctx = context(PeerKind::Ibgp);
    let old = UpdateContext { encoding: bgp::wire::Encoding { as4: false, ..ctx.encoding }, ..ctx };
    let attributes = base().replace(AS_PATH, as_path) + more;
    Update::parse(&body("", &attributes, NET), &old).unwrap()
}

#[test]
fn rfc_6793_merging() {
    let path = |as_path, more| from_an_old_speaker(as_path, more).reach[0].attrs.as_path.to_string();
    let old = "40020802035ba0fde95ba0";
    assert_eq!(path(old, ""), "23456 65001 23456");
    assert_eq!(path(old, "c0110a 0202 0000fde9 00030d40"), "23456 65001 200000");
    assert_eq!(path(old, "c0110e 0203 00030d40 0000fde9 00030d41"), "200000 65001 200001");
    assert_eq!(path(old, "c01112 0204 00030d40 0000fde9 00030d41 00030d42"), "23456 65001 23456", "longer");
    assert_eq!(path(old, "c01106 0101 00030d40"), "23456 65001 {200000}", "a set counts as one");
    assert_eq!(path(old, "c01106 0301 00030d40"), "23456 65001 23456", "confederations do not count");
}

#[test]
fn rfc_6793_aggregators() {
    let aggregator = |more| from_an_old_speaker("400200", more).reach[0].attrs.aggregator.map(|a| a.asn);
    assert_eq!(aggregator("c00706 5ba0 0a000001 c01208 00030d40 0a000001"), Some(Asn(200_000)));
    assert_eq!(aggregator("c00706 fde9 0a000001 c01208 00030d40 0a000001"), Some(Asn(65001)));
    assert_eq!(aggregator("c01208 00030d40 0a000001"), None);
    let since = from_an_old_speaker(
        "400204 0201 5ba0",
        "c00706 fde9 0a000001 c01106 0201 00030d40 c01208 00030d40 0a000001",
    );
    assert_eq!(since.reach[0].attrs.as_path.to_string(), "23456", "aggregated since by an old speaker");
}

#[test]
fn rfc_6793_malformed_as4_attributes_are_discarded() {
    for (broken, code) in [
        ("c01106 0501 00030d40", 17),
        ("c01106 0201 00000000", 17),
        ("801106 0201 00030d40", 17),
        ("c01207 00030d40 0a0000", 18),
    ] {
        discarded(&from_an_old_speaker("400204 0201 5ba0", broken), code);
    }
}

#[test]
fn rfc_4271_optional_attributes_without_a_name() {
    let update = with("c06302 abcd 806402 abcd d0650001 ee");
    assert_eq!(update.faults, []);
    let kept: Vec<_> = update.reach[0].attrs.unknown.iter().map(|u| (u.flags, u.kind, &*u.value)).collect();
    assert_eq!(kept, [(0xe0, 0x63, &[0xab, 0xcd][..]), (0xe0, 0x65, &[0xee][..])]);
}

#[test]
fn rfc_7311_a_transitive_aigp_is_not_passed_on() {
    let update = with("c01a0b 01000b 0000000000000001");
    discarded(&update, 26);
    assert_eq!(&*update.reach[0].attrs.unknown, []);
    assert_eq!(with("801a0b 01000b 0000000000000001").faults, []);
}

#[test]
fn rfc_4760_families_not_negotiated_are_ignored() {
    let ctx = context(PeerKind::Ibgp);
    let only = |family| UpdateContext { families: [family].into_iter().collect(), ..ctx };
    let octets = body("180a0103", &(base() + EVPN), NET);
    let update = Update::parse(&octets, &only(Family::L2vpnEvpn)).unwrap();
    assert_eq!((update.reach.len(), update.reach[0].nlri.family()), (1, Family::L2vpnEvpn));
    assert_eq!((update.unreach.len(), update.faults.len()), (0, 2));
    let update = Update::parse(&octets, &only(Family::Ipv4Unicast)).unwrap();
    assert_eq!((update.reach.len(), update.reach[0].nlri.family()), (1, Family::Ipv4Unicast));
    assert_eq!((update.unreach.len(), update.faults.len()), (1, 1));
}

#[test]
fn rfc_4724_end_of_rib_only_of_families_negotiated() {
    let ctx = context(PeerKind::Ibgp);
    let ctx = UpdateContext { families: [Family::L2vpnEvpn].into_iter().collect(), ..ctx };
    assert_eq!(Update::parse(&body("", "", ""), &ctx).unwrap(), Update::default());
    let evpn = Update::parse(&body("", "800f03001946", ""), &ctx).unwrap();
    assert_eq!(evpn.end_of_rib, Some(Family::L2vpnEvpn));
    let more = Update::parse(&body("", &(base() + "800f03001946"), ""), &ctx).unwrap();
    assert_eq!(more.end_of_rib, None);
}

#[test]
fn two_families_in_one_update_have_their_own_next_hops() {
    let update = internal(
        "",
        &(base() + "800e1c 001946 04 0a000009 00 0311 00010a0000010001 00000000 20 0a000001"),
        NET,
    );
    let hops: Vec<_> = update.unwrap().reach.iter().map(|r| (r.nlri.family(), r.attrs.next_hop)).collect();
    assert_eq!(
        hops,
        [
            (Family::Ipv4Unicast, NextHop::Ipv4([10, 0, 0, 1].into())),
            (Family::L2vpnEvpn, NextHop::Ipv4([10, 0, 0, 9].into()))
        ]
    );
}

#[test]
fn host_bits_are_masked() {
    let update = internal("190a010280", &base(), "140a01ff").unwrap();
    assert_eq!(names(&update.unreach[0]), ["10.1.2.128/25"]);
    assert_eq!(names(&update.reach[0].nlri), ["10.1.240.0/20"]);
}

#[test]
fn second_addresses_that_are_not_link_local_do_not_count() {
    let mp = |second: &str| format!("800e26 000201 20 20010db8{}01 {second} 00 00", "00".repeat(11));
    let next_hop = |second: &str| internal("", &(base() + &mp(second)), "").unwrap().reach[0].attrs.next_hop;
    let global = "2001:db8::1".parse().unwrap();
    let local = format!("fe80{}02", "00".repeat(13));
    assert_eq!(next_hop(&"00".repeat(16)), NextHop::Ipv6(global));
    assert_eq!(next_hop(&local), NextHop::Ipv6LinkLocal(global, "fe80::2".parse().unwrap()));
}

/// BIRD sends such where its link has no global address.
#[test]
fn a_link_local_address_may_stand_alone_behind_an_empty_place() {
    let zeros = |count: usize| "00".repeat(count);
    let mp = format!("800e26 000201 20 {} fe80{}02 00 00", zeros(16), zeros(13));
    let update = internal("", &(base() + &mp), "").unwrap();
    assert_eq!(update.reach[0].attrs.next_hop, NextHop::Ipv6("fe80::2".parse().unwrap()));
}

#[test]
fn faults_kept_are_bounded() {
    let update = with(&"800404 00000001".repeat(500));
    assert_eq!(update.faults.len(), 32);
    assert!(update.faults.iter().all(|fault| fault.octets.len() <= bgp::wire::Fault::MAX_OCTETS));
    assert_eq!(update.reach.len(), 1);
}
