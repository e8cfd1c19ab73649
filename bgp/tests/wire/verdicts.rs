//! The table of verdicts, row by row: an UPDATE with exactly that fault meets exactly that reaction.

use bgp::types::Family;
use bgp::wire::verdicts::Condition::{self, *};
use bgp::wire::verdicts::{RULES, Reaction, Rule};
use bgp::wire::{Encoding, PeerKind, Update, UpdateContext};

use crate::message::{body, context, hex};

/// ORIGIN, AS_PATH, NEXT_HOP and LOCAL_PREF, all right.
const BASE: [&str; 4] = ["40010100", "40020602010000fde9", "4003040a000001", "40050400000064"];
const NET: &str = "180a0102";

#[derive(Clone, Copy)]
enum Peer {
    Internal,
    External,
    /// Internal, without four-octet AS numbers.
    Old,
    /// Internal, and only EVPN is spoken.
    Evpn,
}
use Peer::*;

/// A row of the table, who sends the UPDATE, and its attributes: each takes the place of the right one of its
/// code, or is added.
type Case = (u8, Condition, Peer, &'static str);

#[rustfmt::skip]
const CASES: &[Case] = &[
    (0,  Overrun,      Internal, "8063ff00"),
    (0,  Repeated,     Internal, "80040400000001 80040400000002"),
    (0,  Unknown,      Internal, "40630100"),
    (0,  Route,        Internal, "800e2b00194604 0a000001 00 0220 00010a000001000100000000000000000000000000003002000000005000 0064"),
    (0,  UnknownRoute, Internal, "800e0d00194604 0a000001 00 fe02abcd"),
    (0,  Multicast,    Internal, "800e0b000101 04 0a000001 00 04e0"),
    (0,  Family,       Evpn,     ""),
    (1,  Flags,        Internal, "c0010100"),
    (1,  Length,       Internal, "4001020000"),
    (1,  Value,        Internal, "40010103"),
    (1,  Missing,      Internal, "-1"),
    (2,  Flags,        Internal, "80020602010000fde9"),
    (2,  Value,        Internal, "40020605010000fde9"),
    (2,  Missing,      Internal, "-2"),
    (3,  Flags,        Internal, "c003040a000001"),
    (3,  Length,       Internal, "4003030a0000"),
    (3,  NextHop,      Internal, "400304e0000001"),
    (3,  Missing,      Internal, "-3"),
    (4,  Flags,        Internal, "c0040400000001"),
    (4,  Length,       Internal, "800403000001"),
    (5,  Flags,        Internal, "c0050400000064"),
    (5,  Length,       Internal, "400503000064"),
    (5,  Sender,       External, ""),
    (5,  Missing,      Internal, "-5"),
    (6,  Flags,        Internal, "800600"),
    (6,  Length,       Internal, "40060100"),
    (7,  Flags,        Internal, "4007080000fde90a000001"),
    (7,  Length,       Internal, "c00706fde90a000001"),
    (7,  Value,        Internal, "c00708000000000a000001"),
    (8,  Flags,        Internal, "80080400010001"),
    (8,  Length,       Internal, "c00803000100"),
    (9,  Flags,        Internal, "c009040a000001"),
    (9,  Length,       Internal, "8009030a0000"),
    (9,  Sender,       External, "-5 8009040a000001"),
    (10, Flags,        Internal, "c00a040a000001"),
    (10, Length,       Internal, "800a00"),
    (10, Sender,       External, "-5 800a040a000001"),
    (14, Flags,        Internal, "c00e0900194604 0a000001 00"),
    (14, Length,       Internal, "800e0400194604"),
    (14, Value,        Internal, "800e0a00194605 0a00000100 00"),
    (14, NextHop,      Internal, "800e1c00194604 00000000 00 0311 00010a00000100010000000020 0a000001"),
    (14, Repeated,     Internal, "800e0900194604 0a000001 00 800e0900194604 0a000001 00"),
    (14, Overrun,      Internal, "800eff001946"),
    (14, Routes,       Internal, "800e0b00194604 0a000001 00 0311"),
    (15, Flags,        Internal, "c00f03001946"),
    (15, Length,       Internal, "800f020019"),
    (15, Repeated,     Internal, "800f03001946 800f03001946"),
    (15, Overrun,      Internal, "800fff001946"),
    (15, Routes,       Internal, "800f050019460311"),
    (16, Flags,        Internal, "8010080002fde800000064"),
    (16, Length,       Internal, "c010070002fde8000000"),
    (17, Flags,        Old,      "801106020100030d40"),
    (17, Value,        Old,      "c01106050100030d40"),
    (17, Sender,       Internal, "c01106020100010000"),
    (18, Flags,        Old,      "80120800030d400a000001"),
    (18, Length,       Old,      "c0120700030d400a0000"),
    (18, Value,        Old,      "c01208000000000a000001"),
    (18, Sender,       Internal, "c01208000100000a000001"),
    (22, Flags,        Internal, "8016090006000064 0a000001"),
    (22, Length,       Internal, "c0160400060000"),
    (22, Value,        Internal, "c016080006000064 0a0000"),
    (26, Flags,        Internal, "c01a0b01000b0000000000000001"),
    (32, Flags,        Internal, "80200c000000010000000100000001"),
    (32, Length,       Internal, "c0200b0000000100000001000000"),
    (35, Flags,        Internal, "8023040000fde9"),
    (35, Length,       Internal, "c023030000fd"),
];

/// The attributes of a case: `-5` leaves LOCAL_PREF out, anything else begins with flags and code.
fn attributes(peer: Peer, text: &str) -> Vec<u8> {
    let (leave_out, spoilt) = match text.split_once(' ') {
        Some((first, rest)) if first.starts_with('-') => (first, rest),
        _ if text.starts_with('-') => (text, ""),
        _ => ("", text),
    };
    let spoilt = hex(spoilt);
    let left_out = leave_out.strip_prefix('-').map(|code| code.parse().unwrap());
    let mut all = Vec::new();
    for base in BASE {
        let right = match peer {
            Old => base.replace("40020602010000fde9", "4002040201fde9"),
            _ => base.to_owned(),
        };
        let right = hex(&right);
        let spoils = right.get(1) == spoilt.get(1) && right.first() != Some(&0x80);
        if !spoils && right.get(1).copied() != left_out {
            all.extend(right);
        }
    }
    all.extend(spoilt);
    all
}

fn setting(peer: Peer) -> UpdateContext {
    let ctx = context(if matches!(peer, External) { PeerKind::Ebgp } else { PeerKind::Ibgp });
    match peer {
        Old => UpdateContext { encoding: Encoding { as4: false, ..ctx.encoding }, ..ctx },
        Evpn => UpdateContext { families: [Family::L2vpnEvpn].into_iter().collect(), ..ctx },
        Internal | External => ctx,
    }
}

/// What came of an UPDATE: the reaction, and the section or subcode that says why.
fn check(rule: &Rule, octets: &[u8], peer: Peer) {
    match (Update::parse(octets, &setting(peer)), rule.reaction) {
        (Err(error), Reaction::Reset) => {
            assert_eq!((error.code, error.subcode), (3, rule.subcode), "{rule:?}: {error}");
            assert!(!error.data.octets().is_empty(), "{rule:?}: the octets at fault are missing");
        }
        (Ok(update), Reaction::Keep(verdict)) => {
            let [fault] = &update.faults[..] else { panic!("{rule:?}: {update:?}") };
            assert_eq!((fault.verdict, fault.section), (verdict, rule.section), "{rule:?}: {fault}");
            assert_eq!(Rule::of(fault.attribute, rule.condition), rule, "{fault}");
        }
        (outcome, _) => panic!("{rule:?}: {outcome:?}"),
    }
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[test]
fn every_row_is_met() {
    let mut met: Vec<&Rule> = Vec::new();
    for &(attribute, condition, peer, text) in CASES {
        let rule = Rule::of(attribute, condition);
        assert_eq!(rule.attribute, attribute, "no row for {attribute}, {condition:?}");
        check(rule, &body("", &hexadecimal(&attributes(peer, text)), NET), peer);
        met.push(rule);
    }
    let fields = Rule::of(0, Fields);
    check(fields, &hex("0000 0009 40"), Internal);
    let routes = Rule::of(0, Routes);
    check(routes, &body("", &BASE.concat(), "210a010203ff"), Internal);
    met.extend([fields, routes]);
    let missed: Vec<_> = RULES.iter().filter(|rule| !met.contains(rule)).collect();
    assert!(missed.is_empty(), "no UPDATE meets these rows: {missed:#?}");
}
