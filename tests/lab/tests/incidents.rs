//! What has taken networks down in public, and what is like it: each meets the reaction that the RFCs ask for,
//! the others notice nothing, and the next good UPDATE is used.
//!
//! Among them: attribute 28 corrupted on its way (2023), unknown attributes of experiments (2010), an AS path of
//! 250 AS numbers (2009), lengths of nought or far too long.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod stage;

use anyhow::{Context, Result, ensure};
use lab::skip_if;
use lab::speaker::Speaker;
use lab::speaker::octets::{MacIp, attribute, kind, message, reach, update};
use stage::bystander::Bystander;
use stage::{Stage, host, open};

/// What has to follow.
#[derive(Clone, Copy)]
enum Reaction {
    /// Nothing is wrong: the route is used.
    Used,
    /// The session stays, the route is used, and this attribute was left out (RFC 7606: attribute discard).
    Discarded(&'static str),
    /// The session stays, and the route counts as withdrawn, for this attribute (RFC 7606).
    Withdrawn(&'static str),
    /// The session stays; the route that was announced anew is not touched, since it cannot be told which one is
    /// meant.
    Skipped(&'static str),
    /// The session ends with a NOTIFICATION of this code and subcode.
    Ends(u8, u8),
    /// The session ends without another word.
    Silence,
}
use Reaction::*;

struct Incident {
    what: &'static str,
    octets: Vec<u8>,
    reaction: Reaction,
}

/// A good UPDATE about a host, with this attribute added or in the place of the one of its code.
fn with(mac: MacIp, spoilt: Vec<u8>) -> Vec<u8> {
    let code = spoilt.get(1).copied();
    let mut attributes = mac.attributes();
    attributes.retain(|attribute| attribute.get(1).copied() != code);
    attributes.push(spoilt);
    update(&attributes)
}

/// The host's route with one octet of it changed.
fn spoilt_route(mac: MacIp, at: usize, value: u8) -> Vec<u8> {
    let mut nlri = mac.nlri();
    nlri[at] = value;
    with(mac, reach(mac.vtep, &nlri))
}

/// In messages between established speakers.
fn updates(mac: MacIp) -> Vec<Incident> {
    let incident = |what, octets, reaction| Incident { what, octets, reaction };
    let long_path: Vec<u8> =
        [vec![2, 250], (0..250u32).flat_map(|n| (64512 + n).to_be_bytes()).collect()].concat();
    // Where the lengths of the MAC and of the address stand in a route of type 2.
    let (mac_length, ip_length) = (2 + 22, 2 + 29);
    let twice = [mac.attributes(), vec![mac.reach()]].concat();
    let overrun = [&[0x50, 1, 0xff, 0xff][..], &[0]].concat();
    let half = |octets: Vec<u8>| octets[..octets.len() / 2].to_vec();
    vec![
        incident("attribute 28, corrupt", with(mac, attribute(0xe0, 28, &[0xff; 40])), Used),
        incident("attribute 28, empty", with(mac, attribute(0xc0, 28, &[])), Used),
        incident("attribute 28, called well-known", with(mac, attribute(0x40, 28, &[0; 4])), Ends(3, 2)),
        incident("attribute 99 of 3,000 octets", with(mac, attribute(0xc0, 99, &[0; 3000])), Used),
        incident("attribute 0", with(mac, attribute(0xc0, 0, &[1])), Used),
        incident("attribute 255, not transitive", with(mac, attribute(0x80, 255, &[1])), Used),
        incident("ATTR_SET, garbage", with(mac, attribute(0xc0, 128, &[9; 7])), Used),
        incident("ORIGIN, empty", with(mac, attribute(0x40, 1, &[])), Withdrawn("ORIGIN")),
        incident("ORIGIN 255", with(mac, attribute(0x40, 1, &[255])), Withdrawn("ORIGIN")),
        incident("ORIGIN with a length of two octets", with(mac, vec![0x50, 1, 0, 1, 0]), Used),
        incident("ORIGIN of 65,535 octets", with(mac, overrun), Withdrawn("ORIGIN")),
        incident("AS_PATH, empty", with(mac, attribute(0x40, 2, &[])), Used),
        incident(
            "AS_PATH with AS 0",
            with(mac, attribute(0x40, 2, &[2, 1, 0, 0, 0, 0])),
            Withdrawn("AS_PATH"),
        ),
        incident("AS_PATH of 250 AS numbers", with(mac, attribute(0x40, 2, &long_path)), Used),
        incident(
            "AS_PATH with a segment of no AS",
            with(mac, attribute(0x40, 2, &[2, 0])),
            Withdrawn("AS_PATH"),
        ),
        incident(
            "AS_PATH, half",
            with(mac, attribute(0x40, 2, &half(long_path.clone()))),
            Withdrawn("AS_PATH"),
        ),
        incident("COMMUNITIES, empty", with(mac, attribute(0xc0, 8, &[])), Withdrawn("COMMUNITIES")),
        incident(
            "COMMUNITIES of five octets",
            with(mac, attribute(0xc0, 8, &[0; 5])),
            Withdrawn("COMMUNITIES"),
        ),
        incident("AGGREGATOR of AS 0", with(mac, attribute(0xc0, 7, &[0; 8])), Discarded("AGGREGATOR")),
        incident(
            "AS4_PATH between new speakers",
            with(mac, attribute(0xc0, 17, &[9; 5])),
            Discarded("AS4_PATH"),
        ),
        incident("LARGE_COMMUNITY, empty", with(mac, attribute(0xc0, 32, &[])), Withdrawn("LARGE_COMMUNITY")),
        incident(
            "PMSI_TUNNEL of two octets",
            with(mac, attribute(0xc0, 22, &[0; 2])),
            Withdrawn("PMSI_TUNNEL"),
        ),
        incident("MP_REACH_NLRI twice", update(&twice), Ends(3, 1)),
        incident("MP_REACH_NLRI, empty", with(mac, attribute(0x80, 14, &[])), Ends(3, 9)),
        incident(
            "a next hop of 5 octets",
            with(mac, attribute(0x80, 14, &[0, 25, 70, 5, 1, 1, 1, 1, 1, 0])),
            Ends(3, 9),
        ),
        incident(
            "a next hop of 0.0.0.0",
            with(mac, reach([0; 4].into(), &mac.nlri())),
            Withdrawn("MP_REACH_NLRI"),
        ),
        incident("a route that runs past the end", with(mac, reach(mac.vtep, &half(mac.nlri()))), Ends(3, 9)),
        incident("a MAC of 40 bits", spoilt_route(mac, mac_length, 40), Skipped("MP_REACH_NLRI")),
        incident("a MAC of no bits", spoilt_route(mac, mac_length, 0), Skipped("MP_REACH_NLRI")),
        incident("an address of 31 bits", spoilt_route(mac, ip_length, 31), Skipped("MP_REACH_NLRI")),
        incident("an address of 128 bits in 32", spoilt_route(mac, ip_length, 128), Skipped("MP_REACH_NLRI")),
        incident(
            "withdrawals that run past the end",
            update(&[attribute(0x80, 15, &[0, 25, 70, 2, 99])]),
            Ends(3, 9),
        ),
        incident("lengths beyond the message", message(kind::UPDATE, &[0xff, 0xff, 0, 0]), Ends(3, 1)),
        incident("NOTIFICATION 255/255", message(kind::NOTIFICATION, &[255, 255, 1, 2, 3]), Silence),
        incident("NOTIFICATION without a subcode", message(kind::NOTIFICATION, &[6]), Ends(1, 2)),
        incident(
            "a shutdown text longer than it is",
            message(kind::NOTIFICATION, &[&[6, 2, 200][..], b"short"].concat()),
            Silence,
        ),
        incident(
            "a shutdown text that paints the terminal",
            message(kind::NOTIFICATION, &[&[6, 2, 12][..], b"\x1b[31mred\x07\xff\xfe"].concat()),
            Silence,
        ),
        incident(
            "ROUTE-REFRESH of a family of no kind",
            message(kind::ROUTE_REFRESH, &[0xff, 0xff, 0, 0xff]),
            Used,
        ),
        incident(
            "ROUTE-REFRESH that begins and goes on",
            message(kind::ROUTE_REFRESH, &[0, 25, 1, 70, 0]),
            Ends(7, 1),
        ),
    ]
}

/// In place of a good OPEN.
fn opens() -> Vec<Incident> {
    let open = |what, parameters: &[u8], reaction| {
        let mut body = open(0).body();
        body.truncate(9);
        Incident { what, octets: message(kind::OPEN, &[&body[..], parameters].concat()), reaction }
    };
    vec![
        open("parameters beyond the message", &[10, 2, 2], Ends(2, 0)),
        open("a parameter beyond its list", &[4, 2, 9, 1, 4], Ends(2, 0)),
        open("a parameter of no kind", &[3, 9, 1, 0], Ends(2, 4)),
        open("a capability beyond its parameter", &[4, 2, 2, 1, 4], Ends(2, 0)),
        open("octets behind the parameters", &[0, 1, 2, 3], Ends(2, 0)),
        open("extended parameters cut short", &[255, 255, 0], Ends(2, 0)),
        open("authentication, which is history", &[4, 1, 2, 0, 0], Ends(2, 4)),
    ]
}

/// Connects; with an OPEN unless the incident is one.
fn begin(stage: &Stage, number: u8, is_open: bool) -> Result<Speaker> {
    if is_open { stage.connect(number) } else { stage.establish(number) }
}

/// Sends what is wrong, and looks for what has to follow.
fn provoke(stage: &Stage, incident: &Incident, number: u8, is_open: bool) -> Result<()> {
    let mut speaker = begin(stage, number, is_open)?;
    if !is_open {
        speaker.send(&host(number).announcement())?;
        stage.wait_until_known(host(number))?;
    }
    speaker.send(&incident.octets)?;
    match incident.reaction {
        Ends(code, subcode) => {
            let notification = speaker.wait_for_end()?.context("no NOTIFICATION")?;
            ensure!(notification.starts_with(&[code, subcode]), "{notification:02x?}");
            return ended(stage, number, "local");
        }
        Silence => {
            let notification = speaker.wait_for_end()?;
            ensure!(notification.is_none(), "{notification:02x?}");
            return ended(stage, number, "remote");
        }
        Used => {}
        Discarded(attribute) | Skipped(attribute) => fault(stage, number, "attribute-discard", attribute)?,
        Withdrawn(attribute) => {
            fault(stage, number, "treat-as-withdraw", attribute)?;
            stage.wait_until_forgotten(host(number))?;
        }
    }
    // The next good one, of another host, comes behind all that was sent before.
    let next = host(number + 128);
    speaker.send(&next.announcement())?;
    stage.wait_until_known(next)?;
    if !matches!(incident.reaction, Withdrawn(_)) {
        stage.wait_until_known(host(number))?;
    }
    let shown = stage.neighbor(number)?;
    ensure!(shown["state"] == "established" && shown["flaps"] == 0, "{shown:#}");
    ensure!(!matches!(incident.reaction, Used) || shown["faults_total"] == 0, "{shown:#}");
    Ok(())
}

fn ended(stage: &Stage, number: u8, by: &str) -> Result<()> {
    let shown = stage.wait_for_neighbor(number, "end", |shown| {
        shown["state"] != "established" && shown["last_error_by"] == by
    })?;
    let error = shown["last_error"].as_str().unwrap_or_default();
    ensure!(!error.is_empty() && !error.contains(char::is_control), "{error:?}");
    Ok(())
}

fn fault(stage: &Stage, number: u8, verdict: &str, attribute: &str) -> Result<()> {
    let shown = stage.wait_for_neighbor(number, "fault", |shown| shown["faults_total"] == 1)?;
    let newest = &shown["faults"][0];
    ensure!(newest["verdict"] == verdict && newest["attribute"] == attribute, "{newest:#}");
    let octets = newest["hex"].as_str().unwrap_or_default();
    ensure!((1..200).contains(&octets.len()), "{newest:#}");
    ensure!(newest["section"].to_string().contains("RFC"), "{newest:#}");
    Ok(())
}

#[test]
fn incidents() -> Result<()> {
    skip_if!(stage::missing());
    let is_open = [vec![false; updates(host(0)).len()], vec![true; opens().len()]].concat();
    let last = 1 + is_open.len() as u8;
    let case = |number: u8| -> Incident {
        let index = usize::from(number) - 2;
        let updates = updates(host(number));
        let opens = opens();
        updates.into_iter().chain(opens).nth(index).unwrap_or_else(|| panic!("no incident {index}"))
    };
    let stage = Stage::up(last)?;
    let bystander = Bystander::new(&stage)?;
    for (number, is_open) in (2..=last).zip(is_open) {
        let incident = case(number);
        provoke(&stage, &incident, number, is_open).with_context(|| incident.what)?;
    }
    // Those whose sessions ended come again, and are served like anybody else.
    for number in (2..=last).filter(|number| matches!(case(*number).reaction, Ends(..) | Silence)) {
        let mut speaker = stage.establish(number)?;
        speaker.send(&host(number).announcement())?;
        stage.wait_until_known(host(number)).with_context(|| case(number).what)?;
    }
    bystander.assert_untouched(&stage)
}
