//! OPEN and its capabilities: what is refused, and with which NOTIFICATION.

use bgp::types::{Afi, Asn, Safi};
use bgp::wire::message::HEADER_LEN;
use bgp::wire::{Capability, Notification, Open};
use bytes::BytesMut;

use crate::message::hex;

/// Version 4, AS 65001, hold time 90, identifier 10.0.0.1, and these optional parameters.
fn open(parameters: &str) -> Result<Open, Notification> {
    let parameters = hex(parameters);
    let length = parameters.len() as u8;
    parse(&[hex("04 fde9 005a 0a000001"), vec![length], parameters].concat())
}

fn parse(body: &[u8]) -> Result<Open, Notification> {
    Open::parse(body).map_err(|error| error.notification())
}

fn refusal(result: Result<Open, Notification>) -> (u8, u8, Vec<u8>) {
    let Notification { code, subcode, data } = result.unwrap_err();
    (code, subcode, data)
}

#[test]
fn fields() {
    for (body, subcode, data) in [
        ("03 fde9 005a 0a000001 00", 1, vec![0, 4]),
        ("04 0000 005a 0a000001 00", 2, vec![]),
        ("04 fde9 005a 00000000 00", 3, vec![]),
        ("04 fde9 0001 0a000001 00", 6, vec![]),
        ("04 fde9 0002 0a000001 00", 6, vec![]),
        ("04 fde9 005a 0a000001", 0, vec![]),
        ("04 fde9 005a 0a000001 01", 0, vec![]),
        ("04 fde9 005a 0a000001 00 00", 0, vec![]),
    ] {
        assert_eq!(refusal(parse(&hex(body))), (2, subcode, data), "{body}");
    }
    assert!(parse(&hex("04 fde9 0000 0a000001 00")).is_ok(), "no hold time");
}

#[test]
fn four_octet_as() {
    assert_eq!(open("").unwrap().asn, Asn(65001));
    assert_eq!(open("0206 4104 00030d40").unwrap().asn, Asn(200_000));
    assert_eq!(refusal(open("0206 4104 00000000")), (2, 2, vec![]));
    assert_eq!(open("0205 4103 030d40").unwrap().asn, Asn(65001), "not understood, so not heeded");
}

#[test]
fn capabilities_of_a_wrong_length_are_not_understood() {
    for (parameter, code) in [
        ("0205 0103 000100", 1),
        ("0203 0201 00", 2),
        ("0203 0601 00", 6),
        ("0203 4001 00", 64),
        ("0205 4003 007800", 64),
        ("0206 4504 00010104", 69),
        ("0205 4503 000101", 69),
        ("0207 0505 0001000100", 5),
        ("0208 0506 000101010002", 5),
        ("0203 0901 05", 9),
        ("0204 0902 0000", 9),
        ("0203 4601 00", 70),
        ("0205 4903 026162", 73),
        ("0206 4904 01ff0161", 73),
        ("0205 4b03 016100", 75),
    ] {
        let open = open(parameter).unwrap();
        let [Capability::Unknown { code: found, .. }] = open.capabilities[..] else { panic!("{open:?}") };
        assert_eq!(found, code);
    }
}

#[test]
fn parameters_that_do_not_fit() {
    for parameters in ["02", "0205 4104", "0203 410400", "02020200 02", "ff00"] {
        assert_eq!(refusal(open(parameters)), (2, 0, vec![]), "{parameters}");
    }
}

#[test]
fn parameters_not_supported() {
    assert_eq!(refusal(open("0102 abcd")), (2, 4, vec![]));
}

#[test]
fn several_parameters_and_capabilities() {
    let open = open("0202 0200 0208 0600 0104 00190046").unwrap();
    let evpn = Capability::Multiprotocol(Afi::L2VPN, Safi::EVPN);
    assert_eq!(open.capabilities, [Capability::RouteRefresh, Capability::ExtendedMessage, evpn]);
}

#[test]
fn extended_parameters_are_read_whatever_the_length_before_them() {
    for length in ["ff", "01"] {
        let body = format!("04 fde9 005a 0a000001 {length} ff 0005 02 0002 0200");
        assert_eq!(parse(&hex(&body)).unwrap().capabilities, [Capability::RouteRefresh]);
    }
    assert_eq!(refusal(parse(&hex("04 fde9 005a 0a000001 ff ff 0006 02 0002 0200"))), (2, 0, vec![]));
}

#[test]
fn the_extended_form_is_used_only_where_it_is_needed() {
    let unknown = |length| Capability::Unknown { code: 200, value: vec![7; length] };
    for (value, form) in [(250, [254, 2]), (251, [255, 255])] {
        let open = Open { capabilities: vec![unknown(value)], ..open("").unwrap() };
        let mut out = BytesMut::new();
        open.emit(&mut out);
        assert_eq!(out[HEADER_LEN + 9..HEADER_LEN + 11], form);
        assert_eq!(parse(&out[HEADER_LEN..]), Ok(open));
    }
}

#[test]
fn an_open_never_outgrows_its_limit() {
    let unknown = Capability::Unknown { code: 200, value: vec![7; 255] };
    let too_long = Capability::Unknown { code: 201, value: vec![7; 256] };
    let capabilities = [vec![too_long], vec![unknown; 40]].concat();
    let mut out = BytesMut::new();
    Open { capabilities, ..open("").unwrap() }.emit(&mut out);
    assert!(out.len() <= 4096);
    assert_eq!(parse(&out[HEADER_LEN..]).unwrap().capabilities.len(), 15);
}
