//! Neighbours that send what they should not: each gets the reaction that the RFCs ask for, and nobody else notices.

#![expect(clippy::indexing_slicing, reason = "a key that is missing from shown JSON reads as null")]

mod stage;

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lab::skip_if;
use lab::speaker::octets::{MacIp, attribute, kind, message, reach, update};
use lab::speaker::{Heard, Speaker};
use stage::bystander::Bystander;
use stage::{Stage, host, open};

/// Something sent in place of, or after, a good OPEN.
struct Case {
    what: &'static str,
    /// After a good OPEN, and if so whether after its KEEPALIVE too.
    after: After,
    octets: Vec<u8>,
    /// Code, subcode and data of the NOTIFICATION that must follow; `None`: any data.
    answer: (u8, u8, Option<&'static [u8]>),
}

#[derive(Clone, Copy, PartialEq)]
enum After {
    Nothing,
    Open,
    Established,
}

/// RFC 4271 section 6.1 to 6.3, RFC 6608, and what RFC 7606 leaves of the resets of section 6.3.
fn fatal_cases() -> Vec<Case> {
    let case = |what, after, octets, answer| Case { what, after, octets, answer };
    let keepalive = message(kind::KEEPALIVE, &[]);
    let spoil = |mut octets: Vec<u8>, at: usize, value: u8| {
        octets[at] = value;
        octets
    };
    let opens = |body: Vec<u8>| message(kind::OPEN, &body);
    let good_open = opens(open(0).body());
    let oversized = [&[0xff; 16][..], &[0x10, 0x01, kind::OPEN]].concat();
    let mac = host(2);
    let twice = [mac.attributes(), vec![mac.reach()]].concat();
    vec![
        case("wrong marker", After::Nothing, spoil(good_open.clone(), 3, 0), (1, 1, Some(&[]))),
        case(
            "garbage",
            After::Nothing,
            b"GET / HTTP/1.1\r\nHost: router\r\n\r\n".to_vec(),
            (1, 1, Some(&[])),
        ),
        case("length 18", After::Nothing, spoil(keepalive.clone(), 17, 18), (1, 2, Some(&[0, 18]))),
        case("OPEN of 4,097 octets", After::Nothing, oversized, (1, 2, Some(&[0x10, 0x01]))),
        case("type 9", After::Nothing, message(9, &[]), (1, 3, Some(&[9]))),
        case("KEEPALIVE with a body", After::Open, message(kind::KEEPALIVE, &[0]), (1, 2, Some(&[0, 20]))),
        case("version 3", After::Nothing, spoil(good_open.clone(), 19, 3), (2, 1, Some(&[0, 4]))),
        case("wrong AS", After::Nothing, opens(stage::Open { asn: 65001, ..open(0) }.body()), (2, 2, None)),
        case(
            "identifier 0",
            After::Nothing,
            opens(stage::Open { id: [0; 4].into(), ..open(0) }.body()),
            (2, 3, None),
        ),
        case(
            "identifier of linnetd's own",
            After::Nothing,
            opens(stage::Open { id: stage::LEAF, ..open(0) }.body()),
            (2, 3, None),
        ),
        case(
            "hold time 2",
            After::Nothing,
            opens(stage::Open { hold_time: 2, ..open(0) }.body()),
            (2, 6, None),
        ),
        case("OPEN cut short", After::Nothing, message(kind::OPEN, &[4, 0xfd]), (1, 2, None)),
        case("UPDATE before OPEN", After::Nothing, mac.announcement(), (5, 1, None)),
        case("KEEPALIVE before OPEN", After::Nothing, keepalive, (5, 1, None)),
        case("UPDATE before KEEPALIVE", After::Open, mac.announcement(), (5, 2, None)),
        case("second OPEN", After::Established, good_open, (5, 3, None)),
        case("marker lost in the stream", After::Established, vec![0; 64], (1, 1, Some(&[]))),
        case(
            "attributes beyond the message",
            After::Established,
            message(kind::UPDATE, &[0, 0, 0, 9, 0x40]),
            (3, 1, None),
        ),
        case(
            "withdrawn routes beyond the message",
            After::Established,
            message(kind::UPDATE, &[0, 9, 0, 0]),
            (3, 1, None),
        ),
        case("MP_REACH_NLRI twice", After::Established, update(&twice), (3, 1, None)),
        case(
            "MP_REACH_NLRI cut short",
            After::Established,
            update(&[attribute(0x80, 14, &[0, 25])]),
            (3, 9, None),
        ),
        case(
            "route longer than its attribute",
            After::Established,
            update(&[reach(mac.vtep, &[2, 33, 0])]),
            (3, 9, None),
        ),
        case(
            "ROUTE-REFRESH cut short",
            After::Established,
            message(kind::ROUTE_REFRESH, &[0, 25]),
            (1, 2, Some(&[0, 21])),
        ),
    ]
}

#[test]
fn what_ends_a_session_is_answered_and_ends_no_other() -> Result<()> {
    skip_if!(stage::missing());
    let cases = fatal_cases();
    let numbers = 2..2 + cases.len() as u8;
    let stage = Stage::up(numbers.end - 1)?;
    let bystander = Bystander::new(&stage)?;
    for (case, number) in cases.iter().zip(numbers.clone()) {
        provoke(&stage, case, number).with_context(|| format!("{}: {}", case.what, stage.leaf.log()))?;
    }
    bystander.assert_untouched(&stage)?;
    // Each of them may come again and is served like anybody else.
    for number in numbers {
        let mut speaker = stage.establish(number)?;
        speaker.send(&host(number).announcement())?;
        stage.wait_until_known(host(number))?;
    }
    bystander.assert_untouched(&stage)
}

/// Sends what the case says, hears the answer, and finds it with the neighbour.
fn provoke(stage: &Stage, case: &Case, number: u8) -> Result<()> {
    let mut speaker = stage.connect(number)?;
    match case.after {
        After::Nothing => {}
        After::Open => {
            speaker.send(&message(kind::OPEN, &open(number).body()))?;
            speaker.wait_for(kind::OPEN)?;
        }
        After::Established => speaker.establish(&open(number))?,
    }
    speaker.send(&case.octets)?;
    let notification = speaker.wait_for_end()?.context("no NOTIFICATION")?;
    let (code, subcode, data) = case.answer;
    ensure!(notification.starts_with(&[code, subcode]), "{notification:02x?}");
    ensure!(data.is_none_or(|data| notification.get(2..) == Some(data)), "{notification:02x?}");
    stage.wait_for_neighbor(number, "fault", |shown| {
        shown["state"] != "established" && shown["last_error_by"] == "local" && shown["last_error"] != ""
    })?;
    Ok(())
}

/// An UPDATE with a fault that the session survives.
struct Mild {
    what: &'static str,
    update: Vec<u8>,
    verdict: &'static str,
    attribute: &'static str,
    /// Whether its route counts.
    counts: bool,
}

/// The attributes of a good UPDATE, with one more, or with another in the place of one.
fn with(mac: MacIp, spoilt: Vec<u8>) -> Vec<u8> {
    let code = spoilt.get(1).copied();
    let mut attributes: Vec<_> =
        mac.attributes().into_iter().filter(|attribute| attribute.get(1).copied() != code).collect();
    attributes.push(spoilt);
    update(&attributes)
}

/// RFC 7606 section 7, attribute by attribute.
fn mild_cases(mac: MacIp) -> Vec<Mild> {
    let withdrawn = |what, spoilt: Vec<u8>, attribute| Mild {
        what,
        update: with(mac, spoilt),
        verdict: "treat-as-withdraw",
        attribute,
        counts: false,
    };
    let discarded = |what, spoilt: Vec<u8>, attribute| Mild {
        what,
        update: with(mac, spoilt),
        verdict: "attribute-discard",
        attribute,
        counts: true,
    };
    let without = |code: u8| {
        let rest = mac.attributes().into_iter().filter(|attribute| attribute.get(1) != Some(&code));
        update(&rest.collect::<Vec<_>>())
    };
    let mut cut = attribute(0xc0, 8, &[0xfd, 0xe8, 0, 1]);
    cut.pop();
    vec![
        withdrawn("ORIGIN 9", attribute(0x40, 1, &[9]), "ORIGIN"),
        withdrawn("ORIGIN of two octets", attribute(0x40, 1, &[0, 0]), "ORIGIN"),
        withdrawn("ORIGIN optional", attribute(0xc0, 1, &[0]), "ORIGIN"),
        withdrawn("AS_PATH with a segment of no kind", attribute(0x40, 2, &[9, 1, 0, 0, 0, 1]), "AS_PATH"),
        withdrawn("AS_PATH that overruns", attribute(0x40, 2, &[2, 9, 0, 0, 0, 1]), "AS_PATH"),
        withdrawn("LOCAL_PREF of three octets", attribute(0x40, 5, &[0, 0, 1]), "LOCAL_PREF"),
        withdrawn("MULTI_EXIT_DISC of three octets", attribute(0x80, 4, &[0, 0, 1]), "MULTI_EXIT_DISC"),
        withdrawn("COMMUNITIES of five octets", attribute(0xc0, 8, &[0, 0, 0, 1, 2]), "COMMUNITIES"),
        withdrawn("ORIGINATOR_ID of three octets", attribute(0x80, 9, &[10, 0, 0]), "ORIGINATOR_ID"),
        withdrawn("CLUSTER_LIST of five octets", attribute(0x80, 10, &[10, 0, 0, 1, 0]), "CLUSTER_LIST"),
        withdrawn("route targets of seven octets", attribute(0xc0, 16, &[0; 7]), "EXTENDED_COMMUNITIES"),
        withdrawn("LARGE_COMMUNITY of eleven octets", attribute(0xc0, 32, &[0; 11]), "LARGE_COMMUNITY"),
        withdrawn("an attribute cut off by the end", cut, "COMMUNITIES"),
        Mild {
            what: "no ORIGIN",
            update: without(1),
            verdict: "treat-as-withdraw",
            attribute: "ORIGIN",
            counts: false,
        },
        discarded("ATOMIC_AGGREGATE with a value", attribute(0x40, 6, &[1]), "ATOMIC_AGGREGATE"),
        discarded("AGGREGATOR of three octets", attribute(0xc0, 7, &[0, 0, 1]), "AGGREGATOR"),
        Mild {
            what: "ORIGIN twice",
            update: update(&[mac.attributes(), vec![attribute(0x40, 1, &[2])]].concat()),
            verdict: "attribute-discard",
            attribute: "ORIGIN",
            counts: true,
        },
        Mild {
            what: "a route of a type that nobody knows",
            update: with(mac, reach(mac.vtep, &[&[99, 3, 1, 2, 3], &mac.nlri()[..]].concat())),
            verdict: "attribute-discard",
            attribute: "MP_REACH_NLRI",
            counts: true,
        },
    ]
}

#[test]
fn what_a_session_survives_costs_its_route_at_most() -> Result<()> {
    skip_if!(stage::missing());
    let count = mild_cases(host(0)).len() as u8;
    let stage = Stage::up(1 + count)?;
    let bystander = Bystander::new(&stage)?;
    // Each case is a neighbour, and about that neighbour's host.
    let case = |number: u8| mild_cases(host(number)).swap_remove(usize::from(number) - 2);
    let mut speakers = Vec::new();
    for number in 2..2 + count {
        let mut speaker = stage.establish(number)?;
        speaker.send(&host(number).announcement())?;
        speakers.push((number, speaker));
    }
    for (number, speaker) in &mut speakers {
        stage.wait_until_known(host(*number))?;
        speaker.send(&case(*number).update)?;
    }
    for (number, speaker) in &mut speakers {
        survives(&stage, &case(*number), *number).with_context(|| case(*number).what)?;
        speaker.send(&host(*number).announcement())?;
        stage.wait_until_known(host(*number))?;
    }
    bystander.assert_untouched(&stage)
}

/// Finds the fault with the neighbour, its session as it was, and its route used or not.
fn survives(stage: &Stage, case: &Mild, number: u8) -> Result<()> {
    let shown = stage.wait_for_neighbor(number, "fault", |shown| shown["faults_total"] != 0)?;
    let newest = &shown["faults"][0];
    ensure!(newest["verdict"] == case.verdict && newest["attribute"] == case.attribute, "{newest:#}");
    ensure!(newest["hex"] != "" && shown["faults_total"] == 1, "{shown:#}");
    ensure!(shown["state"] == "established" && shown["flaps"] == 0, "{shown:#}");
    match case.counts {
        true => stage.wait_until_known(host(number)),
        false => stage.wait_until_forgotten(host(number)),
    }
}

#[test]
fn silence_and_slowness_hold_nobody_up() -> Result<()> {
    skip_if!(stage::missing());
    let stage = Stage::up(4)?;
    let bystander = Bystander::new(&stage)?;

    // Connected and silent: may take its time (RFC 4271 section 8.2.2 suggests four minutes), and costs nothing.
    let mut silent = stage.connect(2)?;
    // Half a message, then silence: the hold time ends it, half-read or not.
    let mut half = stage.connect(3)?;
    half.establish(&stage::Open { hold_time: 3, ..open(3) })?;
    half.send(message(kind::KEEPALIVE, &[]).get(..9).unwrap_or_default())?;
    let fell_silent = Instant::now();
    // One octet at a time: slow, and right.
    let mut slow = stage.connect(4)?;
    let trickle = |speaker: &mut Speaker, octets: &[u8]| -> io::Result<()> {
        octets.iter().try_for_each(|octet| {
            thread::sleep(Duration::from_millis(2));
            speaker.send(&[*octet])
        })
    };
    trickle(&mut slow, &message(kind::OPEN, &open(4).body()))?;
    slow.wait_for(kind::OPEN)?;
    trickle(&mut slow, &message(kind::KEEPALIVE, &[]))?;
    slow.wait_for(kind::KEEPALIVE)?;
    trickle(&mut slow, &host(4).announcement())?;
    stage.wait_until_known(host(4))?;

    let notification = half.wait_for_end()?;
    assert_eq!(notification.as_deref(), Some(&[4, 0][..]), "hold timer expired");
    let took = fell_silent.elapsed();
    assert!((2..10).contains(&took.as_secs()), "after {took:?}");
    stage.wait_for_neighbor(3, "end", |shown| shown["last_error"].to_string().contains("hold timer"))?;
    assert_eq!(silent.hear(Duration::ZERO)?, Heard::Nothing, "linnetd speaks first, or waits");
    bystander.assert_untouched(&stage)
}

/// Not a neighbour: the connection is closed without a word.
#[test]
fn strangers_are_not_spoken_to() -> Result<()> {
    skip_if!(stage::missing());
    let stage = Stage::up(1)?;
    let bystander = Bystander::new(&stage)?;
    let stranger = std::net::Ipv4Addr::new(10, 1, 0, 200);
    stage.outside.run(|| {
        lab::netlink::Link::named("eth1")?
            .add_address(ipnet::Ipv4Net::new(stranger, 24).map_err(io::Error::other)?.into())
    })??;
    let mut speaker = Speaker::connect(&stage.outside, stranger.into(), stage::LEAF.into())?;
    let _ = speaker.send(&message(kind::OPEN, &open(200).body()));
    assert_eq!(speaker.hear(Duration::from_secs(10))?, Heard::Closed);
    bystander.assert_untouched(&stage)
}
